"""SoftmaxTemperature in Chromium: in the book, and alone with what a reader may bring."""

import numpy as np
import pytest
import scipy.special

from tests.browser.bare_page import (
    HOSTILE,
    MODEL,
    RENDER,
    brightness,
    check_nothing_is_left,
    drag,
    time_steps,
    walk,
    write_page,
)

# The numbers at full precision, as one view shows them.
SHOWN = """view => {
  const number = (node) => Number(node.value);
  const rows = [...view.querySelectorAll(".attn-softmax-row:not(.attn-softmax-head)")];
  const columns = rows.map((row) => [...row.querySelectorAll("data")].map(number));
  const [entropy, effective] = [...view.querySelectorAll(".attn-readout data")].map(number);
  return {
    place: view.querySelector("[aria-label=temperature]").valueAsNumber,
    temperature: view.querySelector("[type=number]").valueAsNumber,
    labels: rows.map((row) => row.querySelector(".attn-softmax-key").textContent),
    scores: columns.map(([score]) => score),
    weights: columns.map(([, weight]) => weight),
    bars: rows.map((row) => {
      const track = row.querySelector(".attn-softmax-track").getBoundingClientRect();
      const bar = row.querySelector(".attn-softmax-track span").getBoundingClientRect();
      return (bar.right - track.left) / track.width;
    }),
    winner: view.querySelector(".attn-readout > :last-child > :last-child").textContent,
    entropy, effective,
  };
}"""


def check_numbers(shown):
    """Compare what a view shows with NumPy and SciPy, from its scores and its slider alone."""
    assert shown["temperature"] == pytest.approx(10 ** shown["place"], rel=0.005)
    scores = np.array(shown["scores"])
    weights = scipy.special.softmax(scores / shown["temperature"])
    entropy = -scipy.special.xlogy(weights, weights).sum() / np.log(2)
    np.testing.assert_allclose(shown["weights"], weights, rtol=0, atol=1e-6)
    assert shown["entropy"] == pytest.approx(entropy, abs=1e-6)
    assert shown["effective"] == pytest.approx(2**entropy, abs=1e-6)
    if (scores == scores.max()).sum() == 1:
        assert shown["winner"] == shown["labels"][scores.argmax()]


# ---------------------------------------------------------------------------- in the book


@pytest.fixture
def chapter(page, site):
    page.goto(f"{site}/chapters/01_background.html")
    page.locator(".attn-softmax").first.wait_for()
    return page


def test_in_the_book_mouse_and_keyboard_move_every_view(chapter):
    views = chapter.locator(".attn-softmax")
    for view in (views.nth(index) for index in range(views.count())):
        slider = view.get_by_role("slider", name="temperature", exact=True)
        before = view.evaluate(SHOWN)
        check_numbers(before)

        drag(chapter, slider, 0.5, 0.2)
        dragged = view.evaluate(SHOWN)
        check_numbers(dragged)
        assert -1.3 < dragged["place"] < -1.1
        assert dragged["weights"] != before["weights"]

        slider.press("ArrowRight")
        stepped = view.evaluate(SHOWN)
        check_numbers(stepped)
        assert stepped["place"] == pytest.approx(dragged["place"] + 0.02)

        slider.press("Home")
        assert view.evaluate(SHOWN)["temperature"] == 0.01


def test_the_style_of_the_book_stays_out_of_the_widget(chapter):
    edges = """view => [".attn-readout div div", ".attn-readout data", "summary", "th"]
      .map((name) => view.querySelector(name).getBoundingClientRect().left)"""
    view = chapter.locator(".attn-softmax").first
    view.locator("summary").click()
    assert len(set(view.evaluate(edges))) == 1


def test_in_the_book_on_a_dark_phone(dark_phone_page, site):
    page = dark_phone_page
    page.goto(f"{site}/chapters/01_background.html")
    view = page.locator(".attn-softmax").first
    view.wait_for()
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    slider = view.get_by_role("slider", name="temperature", exact=True)
    slider_box = slider.bounding_box()
    slider.tap(position={"x": slider_box["width"] * 0.75, "y": slider_box["height"] / 2})
    shown = view.evaluate(SHOWN)
    check_numbers(shown)
    assert shown["place"] == pytest.approx(1, abs=0.1)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")


# ---------------------------------------------------------------------------- alone


@pytest.fixture
def show(page, tmp_path):
    """Put one widget on a bare page, in as many views as wanted, and return the views."""
    pytest.importorskip("anywidget")
    from serve import serving

    from attn_helpers.widgets import SoftmaxTemperature

    (tmp_path / "index.html").touch()

    def put(scores, labels=None, *, temperature=1.0, views=1, theme="light"):
        widget = SoftmaxTemperature(scores, labels, temperature=temperature)
        write_page(tmp_path, widget, views=views, theme=theme)
        page.goto(address)
        found = page.locator(".attn-softmax")
        found.nth(views - 1).wait_for()
        return [found.nth(place) for place in range(views)]

    with serving(tmp_path) as address:
        yield put


def test_the_first_picture_is_right(show):
    (view,) = show([2.0, 1.0, 0.1], ["cat", "dog", "bird"])
    shown = view.evaluate(SHOWN)
    check_numbers(shown)
    assert shown["scores"] == [2.0, 1.0, 0.1]
    assert shown["labels"] == ["cat", "dog", "bird"]
    assert shown["bars"] == pytest.approx(shown["weights"], abs=0.01)
    assert view.locator(".attn-readout").inner_text().split("\n") == [
        "entropy", "1.222 bits of at most 1.585", "effective keys", "2.33 of 3", "winner", "cat",
    ]  # fmt: skip


def test_two_views_of_one_widget_stay_in_step(page, show):
    first, second = show([2.0, 1.0, 0.1], views=2)
    drag(page, first.get_by_role("slider", name="temperature", exact=True), 0.5, 0.9)
    second.get_by_role("slider", name="score of key 2").press("End")
    seen = [view.evaluate(SHOWN) for view in (first, second)]
    check_numbers(seen[0])
    assert seen[0]["scores"] == [2.0, 1.0, 5.0] and seen[0]["place"] > 1
    for name in seen[0].keys() - {"bars"}:  # a bar may still be on its way
        assert seen[0][name] == seen[1][name]


def test_a_score_is_moved_by_mouse_and_by_keyboard(page, show):
    (view,) = show([17.0, 1.0], ["far", "near"])
    slider = view.get_by_role("slider", name="score of far")
    drag(page, slider, 0.925, 0.5)
    shown = view.evaluate(SHOWN)
    check_numbers(shown)
    assert shown["scores"][0] == pytest.approx(0, abs=0.4)
    slider.press("PageUp")
    assert view.evaluate(SHOWN)["scores"][0] > 1
    slider.press("End")  # the slider kept its ends while its own score moved
    assert view.evaluate(SHOWN)["scores"] == [20.0, 1.0]


def test_a_typed_temperature_counts_and_nonsense_gives_way(show):
    (view,) = show([2.0, 1.0], temperature=2.0)
    number = view.get_by_role("spinbutton", name="temperature")
    number.fill("0.05")
    check_numbers(view.evaluate(SHOWN))
    assert number.input_value() == "0.05"
    for nonsense in "0", "-3", "":
        number.fill(nonsense)
        number.press("Tab")
        assert number.input_value() == "0.05"


def test_buttons_lead_to_the_limits(show):
    (view,) = show([2.0, 1.0, 1.9, -1.0])
    view.get_by_role("button", name="Hard look-up").click()
    hard = view.evaluate(SHOWN)
    view.get_by_role("button", name="Plain mean").press("Enter")
    mean = view.evaluate(SHOWN)
    assert (hard["temperature"], mean["temperature"]) == (0.01, 100)
    assert hard["weights"] == pytest.approx([1, 0, 0, 0], abs=1e-4)
    assert mean["weights"] == pytest.approx([0.25] * 4, abs=0.01)


def test_both_limits_are_drawn_where_the_weights_run_to(show):
    (view,) = show([1.0, 1.0, 0.0, -1.0])
    widths = """view => [...view.querySelectorAll("div > .attn-softmax-track")].map((track) => {
      const limit = getComputedStyle(track, "::before"), mean = getComputedStyle(track, "::after");
      const seen = parseFloat(limit.borderTopWidth) > 0;
      return [seen ? parseFloat(limit.width) : 0, parseFloat(mean.left) + 1]
        .map((width) => width / track.clientWidth);
    })"""
    hard, mean = zip(*view.evaluate(widths), strict=True)
    assert hard == pytest.approx([0.5, 0.5, 0, 0], abs=0.01)
    assert mean == pytest.approx([0.25] * 4, abs=0.01)


def test_the_table_has_the_same_numbers(show):
    (view,) = show([2.0, 2.0, -1.0], ["cat", HOSTILE, "bird"], temperature=0.8)
    view.locator("summary").press("Enter")
    table = view.get_by_role("table")
    view.get_by_role("slider", name="temperature", exact=True).press("ArrowLeft")
    shown = view.evaluate(SHOWN)
    rows = table.evaluate(
        "table => [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll('data')]"
        ".map((node) => Number(node.value)))"
    )
    scores, weights, hard, mean = zip(*rows, strict=True)
    assert list(scores) == shown["scores"] and list(weights) == shown["weights"]
    assert hard == (0.5, 0.5, 0) and mean == (1 / 3,) * 3
    headers = table.get_by_role("columnheader").all_inner_texts()
    assert headers == ["key", "score", "weight", "hard look-up", "plain mean"]
    assert table.get_by_role("rowheader").all_inner_texts() == ["cat", HOSTILE, "bird"]


def test_tab_goes_from_top_to_bottom_and_shows_where_it_is(page, show):
    (view,) = show([2.0, 1.0], ["cat", "dog"])
    names = walk(page, 7)
    assert names == [
        "temperature", "temperature", "Hard look-up", "Plain mean",
        "score of cat", "score of dog", "Show as table",
    ]  # fmt: skip


def test_a_reader_who_listens_hears_names_and_results(show):
    (view,) = show([2.0, 1.0], ["cat", "dog"])
    slider = view.get_by_role("slider", name="temperature", exact=True)
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "0.01, winner cat"
    score = view.get_by_role("slider", name="score of dog")
    score.press("End")
    assert score.get_attribute("aria-valuetext") == "5.00, weight 1.000"
    spoken = view.get_by_role("status")
    assert spoken.inner_text() == "Entropy 0.00 bits, 1.0 effective keys of 2, winner dog"


def test_every_control_is_large_enough_for_a_finger(show):
    (view,) = show(range(64))
    view.page.set_viewport_size({"width": 390, "height": 844})
    for control in view.locator("input, button, summary").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")


def test_labels_are_text(page, show):
    labels = [HOSTILE, "</script><script>alert(2)</script>", "&amp; <b>bold</b>", "", "我"]
    (view,) = show([1, 2, 3, 3, 0], labels)
    view.locator("summary").click()
    shown = view.evaluate(SHOWN)
    assert shown["labels"] == labels
    assert shown["winner"] == "&amp; <b>bold</b> and "
    assert view.locator("img, script, b").count() == 0


def test_the_widget_takes_the_theme_of_its_page(show):
    (view,) = show([1, 2], theme="dark")
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    root = view.page.locator("html")
    root.evaluate("html => html.dataset.theme = 'light'")
    assert brightness(view, "backgroundColor") > 240 and brightness(view, "color") < 60


@pytest.fixture
def bare_view(page):
    """One view of a model that the test itself can set and count the listeners of."""
    from attn_helpers.widgets.base import script

    page.evaluate(MODEL, {"scores": [2, 1], "labels": ["cat", "dog"], "temperature": 1})
    page.evaluate(RENDER, script("softmax_temperature"))
    return page.locator(".attn-softmax")


def test_a_bad_value_from_outside_leaves_the_last_good_picture(page, bare_view):
    before = bare_view.evaluate(SHOWN)
    bad = "scores", "[NaN, 1]", "scores", "null", "scores", "[1]", "temperature", "0"
    for name, value in zip(bad[::2], bad[1::2], strict=True):
        page.evaluate(f"model.set('{name}', {value})")
        assert bare_view.evaluate(SHOWN) == before
    page.evaluate("model.set('temperature', 2)")
    page.evaluate("model.set('scores', [0, 3, 1])")  # the labels come a moment later
    assert bare_view.evaluate(SHOWN) == before
    page.evaluate("model.set('labels', ['a', 'b', 'c'])")
    after = bare_view.evaluate(SHOWN)
    assert (after["labels"], after["scores"], after["temperature"]) == (list("abc"), [0, 3, 1], 2)
    check_numbers(after)


def test_nothing_is_left_after_cleanup(page, bare_view):
    check_nothing_is_left(page, bare_view, "temperature", 3)


def test_one_step_at_64_keys_is_well_within_a_frame(page, show):
    scores = np.random.default_rng(0).normal(scale=2, size=64)
    (view,) = show(scores)
    view.locator("summary").click()
    times = time_steps(view.locator("[aria-label=temperature]").first, 0.02)
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 1000 / 60 / 2
