"""FastWeightMemory in Chromium, alone with what a reader may bring: as NumPy has it."""

import numpy as np
import pytest

from tests.browser.bare_page import (
    HOSTILE,
    SET,
    brightness,
    check_nothing_is_left,
    drag,
    put_in_hand,
    time_steps,
    views_of,
    walk,
)

pytest.importorskip("anywidget")


from attn_helpers.plots.style import colours
from attn_helpers.reference.fast_weights import equiangular_keys
from attn_helpers.widgets import FastWeightMemory

TRAITS = ("labels", "features", "k", "v", "rule", "rate", "written", "query")
LABELS, FEATURES = ["cat", "dog", "bird"], ["fur", "wings", "swims", "tame"]
V = [[1, -1, -1, 1], [1, -1, 0.5, 1], [-1, 1, -1, -1]]

# What one view shows, with its numbers at full precision. The table must be open.
SHOWN = """view => {
  const number = (node) => Number(node.value);
  const all = (name, from = view) => [...from.querySelectorAll(name)];
  const rows = all(".attn-memory-row:not(.attn-memory-head)");
  const tables = all("table").map((table) => [...table.tBodies[0].rows]
    .map((row) => all("data", row).map(number)));
  const [error, mean, count] = all(".attn-readout data").map(number);
  return {
    labels: rows.map((row) => row.querySelector("bdi").textContent),
    times: rows.map((row) => number(row.querySelector("button data"))),
    errors: rows.map((row) => number(row.querySelector("label > data"))),
    query: rows.findIndex((row) => row.querySelector("[type=radio]").checked),
    rule: ["hebbian", "delta"][all(".attn-choice input").findIndex((input) => input.checked)],
    rate: view.querySelector("[aria-label=rate]").valueAsNumber,
    alike: view.querySelector("[aria-label^=how]").valueAsNumber,
    order: view.querySelector(".attn-memory-order").textContent,
    features: all(".attn-memory-figure [title]").map((node) => node.textContent),
    bars: all(".attn-memory-figure > data").map(number),
    tables, error, mean, count,
  };
}"""


def check(view, widget):
    """Compare everything a view shows with what Python makes of the same traits."""
    shown = view.evaluate(SHOWN)
    recalled, v = widget.recalled, np.array(widget.v)
    errors = np.sqrt(((recalled - v) ** 2).mean(axis=1))
    expected = {"bars": recalled[widget.query], "errors": errors, "error": errors[widget.query]}
    for name, numbers in (expected | {"mean": errors.mean()}).items():
        np.testing.assert_allclose(shown[name], numbers, rtol=0, atol=1e-9, err_msg=name)
    wanted = [widget.k, v, np.c_[recalled, errors], widget.memory]
    for found, numbers in zip(shown["tables"], wanted, strict=True):
        np.testing.assert_allclose(found, numbers, rtol=0, atol=1e-9)
    times = [widget.written.count(i) for i in range(len(v))]
    assert shown["times"] == times and shown["count"] == sum(times)
    for name in "labels", "features", "rule", "query":
        assert shown[name] == getattr(widget, name), name
    assert shown["rate"] == pytest.approx(widget.rate, abs=0.006)
    return shown


def memory(written=(), **more):
    more = {"k": equiangular_keys(3, 0.5), "features": FEATURES} | more
    return FastWeightMemory(LABELS, V, written=written, **more)


show = views_of(".attn-memory", ".attn-memory-figure", tables=True)


def test_the_first_picture_is_right(show):
    widget = memory([0, 1], rule="delta", rate=0.75, query=1)
    (view,) = show(widget)
    shown = check(view, widget)
    assert shown["order"] == "written: cat → dog" and shown["alike"] == 0.5
    assert view.locator("code").all_inner_texts() == [
        "memory ← memory + rate · keyᵀ (value − key · memory)", "recalled = key · memory",
    ]  # fmt: skip
    assert view.locator(".attn-readout").inner_text().split("\n")[::2] == [
        "error of dog", "mean error", "pairs written",
    ]  # fmt: skip
    numbers = [f"{x:.2f}".replace("-", "−") for x in widget.recalled[1]]
    assert view.locator(".attn-memory-figure > data").all_inner_texts() == numbers


def test_cells_have_the_colours_of_the_plots_on_one_scale(show):
    widget = memory([0, 1, 2, 2])
    (view,) = show(widget)
    reach = 2 if np.abs([*widget.memory, *widget.recalled]).max() <= 2 else 5
    seen = """(view, name) => [...view.querySelectorAll(name)].map((cell) =>
      getComputedStyle(cell).backgroundColor.match(/\\d+/g).map(Number))"""
    for name, numbers, most in (
        (".attn-memory-row .attn-memory-value i", np.array(V), reach),
        (".attn-memory-row .attn-memory-recalled i", widget.recalled, reach),
        (".attn-memory-row .attn-memory-key i", np.array(widget.k), 1),
        (".attn-memory-cell:not(.attn-memory-key)", widget.memory, reach),
    ):
        expected = 255 * colours("scores")(0.5 + numbers.ravel() / most / 2)[:, :3]
        np.testing.assert_allclose(view.evaluate(seen, name), expected, atol=2.5, err_msg=name)


def test_bars_and_dashed_boxes_stand_for_what_is_recalled_and_its_value(show):
    widget = memory([0, 1, 2])
    (view,) = show(widget)
    view.page.wait_for_timeout(300)  # until the bars have arrived
    heights = """(view, name) => [...view.querySelectorAll(".attn-memory-level")].map((level) => {
      const box = level.getBoundingClientRect(), middle = (box.top + box.bottom) / 2;
      const { top, bottom } = level.querySelector(name).getBoundingClientRect();
      const end = middle - top > bottom - middle ? top : bottom;
      return (middle - end) / (box.height / 2);
    })"""
    reach = 2
    for name, numbers in ("span", widget.recalled[0]), ("i", np.array(V[0])):
        np.testing.assert_allclose(view.evaluate(heights, name), numbers / reach, atol=0.03)


def test_pairs_are_written_undone_and_forgotten_by_mouse(show):
    widget = memory()
    (view,) = show(widget)

    def click(name, *written):
        view.get_by_role("button", name=name, exact=True).click(force=name == "Undo")
        widget.written = written
        return check(view, widget)

    assert check(view, widget)["order"] == "written: nothing yet"
    click("Undo")  # which has nothing to undo
    click("Write next: cat", 0)
    click("Write next: dog", 0, 1)
    click("write bird", 0, 1, 2)
    click("write bird", 0, 1, 2, 2)
    click("Write all", 0, 1, 2, 2, 0, 1, 2)
    for _ in range(2):
        shown = click("Write all", *widget.written, 0, 1, 2)
    assert shown["order"] == "written: … → " + " → ".join((LABELS * 3)[1:])
    click("Undo", *widget.written[:-1])
    click("Forget all")
    click("Write next: cat", 0)


def test_interference_is_seen_and_the_delta_rule_repairs_it(show):
    (view,) = show(memory())
    view.get_by_role("button", name="Write all").click()
    hebb = view.evaluate(SHOWN)["errors"]
    assert min(hebb) > 0.1
    view.get_by_role("radio", name="delta").check()
    first = view.evaluate(SHOWN)["errors"]
    assert first[0] > 0.3 and first[2] < 1e-9  # the last pair is exact, the first has faded
    view.get_by_role("button", name="write cat").click()
    again = view.evaluate(SHOWN)["errors"]
    assert again[0] < 1e-9 and again[2] > 0.1  # learning one again disturbs the others
    for _ in range(40):
        view.get_by_role("button", name="Write all").click()
    assert max(view.evaluate(SHOWN)["errors"]) < 1e-6


def test_sliders_follow_mouse_keyboard_and_number(page, show):
    widget = memory([0, 1, 2, 0], rule="delta")
    (view,) = show(widget)
    alike = view.get_by_role("slider", name="how alike the keys are")
    drag(page, alike, 0.5, 0.8)
    shown = view.evaluate(SHOWN)
    assert shown["alike"] == pytest.approx(0.8, abs=0.03)
    widget.k = equiangular_keys(3, shown["alike"])
    check(view, widget)
    alike.press("ArrowLeft")
    widget.k = equiangular_keys(3, shown["alike"] - 0.01)
    check(view, widget)
    for key, cosine in ("Home", 0), ("End", 1):
        alike.press(key)
        widget.k = equiangular_keys(3, cosine)
        check(view, widget)
    rate = view.get_by_role("spinbutton", name="rate")
    rate.fill("0.305")
    widget.rate = 0.305
    check(view, widget)
    for nonsense in "0", "2", "":
        rate.fill(nonsense)
        rate.press("Tab")
        assert rate.input_value() == "0.305"
    check(view, widget)


def test_a_number_is_left_as_it_is_typed(show):
    (view,) = show(memory())
    alike = view.get_by_role("spinbutton", name="how alike the keys are")
    alike.fill("")
    alike.press_sequentially("0.30541")  # though it is shown with three figures
    assert alike.input_value() == "0.30541"
    keys = view.evaluate(SHOWN)["tables"][0]
    np.testing.assert_allclose(keys, equiangular_keys(3, 0.30541), rtol=0, atol=1e-12)


def test_the_query_and_the_rule_are_chosen_by_mouse_and_keyboard(show):
    widget = memory([0, 1])
    (view,) = show(widget)
    view.locator(".attn-memory-strip.attn-memory-value").nth(2).click()  # a strip of bird
    widget.query = 2
    check(view, widget)
    view.get_by_role("radio", name="recall bird").press("ArrowUp")
    widget.query = 1
    check(view, widget)
    view.get_by_role("radio", name="Hebbian").press("ArrowRight")
    widget.rule = "delta"
    check(view, widget)
    view.get_by_role("button", name="write bird").press("Enter")
    widget.written = [0, 1, 2]
    check(view, widget)


def test_two_views_of_one_widget_stay_in_step(show):
    widget = memory()
    first, second = show(widget, views=2)
    first.get_by_role("button", name="Write all").click()
    second.get_by_role("radio", name="recall dog").check()
    second.get_by_role("radio", name="delta").check()
    widget.set(written=[0, 1, 2], query=1, rule="delta")
    assert check(first, widget) == check(second, widget)


def test_tab_passes_every_control_once_and_shows_where_it_is(page, show):
    show(memory([0]))
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.locator("body").click(position={"x": 1000, "y": 5})
    names = walk(page, 14)
    assert names == [
        "Hebbian", "how alike the keys are", "how alike the keys are", "rate", "rate",
        "Write next: dog", "Write all", "Undo", "Forget all",
        "write cat", "recall cat", "write dog", "write bird", "Show as table",
    ]  # fmt: skip


def test_a_reader_who_listens_hears_names_and_results(show):
    (view,) = show(memory(rule="delta"))
    spoken = view.locator("output")
    view.get_by_role("button", name="write cat").press("Enter")
    assert spoken.inner_text() == "1 written. Error of cat 0.00, mean error 0.66"
    view.get_by_role("slider", name="how alike").press("Home")
    assert spoken.inner_text() == "1 written. Error of cat 0.00, mean error 0.63"
    view.get_by_role("button", name="Forget all").press("Enter")
    assert spoken.inner_text().startswith("0 written. Error of cat 1.00")
    captions = view.locator("caption").all_inner_texts()
    assert captions == ["keys", "values", "recalled = key · memory", "memory"]
    headers = view.locator("table").nth(2).get_by_role("columnheader").all_inner_texts()
    assert headers == ["pair", *FEATURES, "error"]


def largest():
    rng = np.random.default_rng(0)
    k = rng.normal(size=(16, 16))
    k /= np.linalg.norm(k, axis=1, keepdims=True)
    labels = [f"a pair of a long name {i}" for i in range(16)]
    return FastWeightMemory(labels, rng.normal(size=(16, 16)), k, written=[*range(16)] * 16)


@pytest.mark.parametrize("make", [memory, largest])
def test_every_control_is_large_enough_and_nothing_is_wider_than_a_phone(show, make):
    (view,) = show(make())
    view.page.set_viewport_size({"width": 390, "height": 844})
    # a radio button is hit through its label
    for control in view.locator("button, summary, input:not([type=radio]), label").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    outside = """view => [...view.querySelectorAll(":not(.attn-table *, output)")]
      .filter((node) => node.getBoundingClientRect().right > innerWidth).length"""
    assert view.evaluate(outside) == 0


def test_a_tap_on_a_dark_phone(dark_phone_page, show):
    widget = memory()
    (view,) = show(widget, page=dark_phone_page, theme="dark")
    view.get_by_role("button", name="write dog").tap()
    view.locator(".attn-memory-strip.attn-memory-recalled").nth(1).tap()
    widget.set(written=[1], query=1)
    check(view, widget)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    box = view.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_the_colours_follow_the_theme_of_the_page(page, show):
    (view,) = show(memory())  # a memory of zeros: cells of the middle colour
    cell = view.locator(".attn-memory-cell").last
    assert brightness(cell, "backgroundColor") > 240 and brightness(cell, "color") < 10
    page.locator("html").evaluate("html => html.dataset.theme = 'dark'")
    assert brightness(cell, "backgroundColor") < 70 and brightness(cell, "color") > 250


def test_reduced_motion_stops_the_bars(page, show):
    page.emulate_media(reduced_motion="reduce")
    (view,) = show(memory())
    lasts = "view => getComputedStyle(view.querySelector('.attn-memory-level span')).transition"
    assert "0.15s" not in view.evaluate(lasts)
    page.emulate_media(reduced_motion="no-preference")
    assert "0.15s" in view.evaluate(lasts)


def test_names_are_text(show):
    labels = [HOSTILE, "</script><script>alert(2)</script>", "&amp; <b>bold</b>", "", "我"]
    widget = FastWeightMemory(labels, np.eye(5), features=labels, written=[*range(5)])
    (view,) = show(widget)
    check(view, widget)
    assert view.locator("img, script, .attn-memory-order b").count() == 0
    assert view.locator(".attn-memory-order").text_content() == "written: " + " → ".join(labels)


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = memory([0, 1])
    view = put_in_hand(page, widget, TRAITS, ".attn-memory", ".attn-memory-figure")
    view.locator("summary").click()
    return view, widget


def random_update(rng):
    """Some traits to set."""
    n, d_k, d_v = map(int, rng.integers(1, 7, size=3))
    k = rng.normal(size=(n, d_k))
    k /= np.linalg.norm(k, axis=1, keepdims=True) * rng.uniform(1, 3)
    whole = {
        "labels": [f"p{i}" for i in range(n)],
        "features": [f"f{i}" for i in range(d_v)],
        "k": k,
        "v": rng.normal(size=(n, d_v)) * rng.choice([0.01, 1, 1000]),
        "written": rng.integers(n, size=rng.integers(0, 30)).tolist(),
        "query": int(rng.integers(n)),
    }
    choices = [
        whole,
        {"rule": str(rng.choice(["hebbian", "delta"]))},
        {"rate": float(rng.uniform(0.01, 1))},
        {"written": rng.integers(4, size=rng.integers(0, 9)).tolist()},
        {"query": int(rng.integers(3))},
    ]
    return choices[rng.integers(len(choices))]


def test_a_hundred_random_updates_leave_page_and_python_the_same(page, in_hand):
    view, widget = in_hand
    rng = np.random.default_rng(3)
    taken = 0
    while taken < 100:
        try:
            widget.set(**random_update(rng))
        except ValueError:
            continue  # Python sends nothing, so the page has nothing to do
        taken += 1
        page.evaluate(SET, widget.get_state(TRAITS))
        check(view, widget)


BROKEN = [
    ("labels", "['a']"), ("labels", "null"), ("features", "'abcd'"), ("k", "null"), ("k", "[[1]]"),
    ("k", "[[1], [0], [NaN]]"), ("v", "7"), ("v", "[[1], [2], [3]]"), ("rule", "'oja'"),
    ("rate", "0"), ("rate", "NaN"), ("written", "[3]"), ("written", "'0'"), ("query", "-1"),
]  # fmt: skip


def test_a_bad_value_from_outside_leaves_the_last_good_picture(page, in_hand):
    view, widget = in_hand
    before = view.evaluate(SHOWN)
    for name, value in BROKEN:
        page.evaluate(f"window.kept = model.get('{name}'); model.set('{name}', {value})")
        assert view.evaluate(SHOWN) == before, (name, value)
        page.evaluate(f"model.set('{name}', kept)")
    widget.rate = 0.2
    page.evaluate("model.set('rate', 0.2)")
    check(view, widget)


def test_a_full_memory_takes_no_more(page, in_hand):
    view, widget = in_hand
    page.evaluate("model.set('written', Array(254).fill(0))")
    next_one = view.get_by_role("button", name="Write next")
    all_of_them = view.get_by_role("button", name="Write all")
    all_of_them.click(force=True)  # three would be too many
    assert page.evaluate("model.get('written').length") == 254
    assert all_of_them.get_attribute("aria-disabled") == "true"
    assert next_one.get_attribute("aria-disabled") == "false"
    for _ in range(3):
        next_one.click(force=True)
    assert page.evaluate("model.get('written').slice(253)") == [0, 1, 2]
    assert next_one.get_attribute("aria-disabled") == "true"


def test_nothing_is_left_after_cleanup(page, in_hand):
    check_nothing_is_left(page, in_hand[0], "rate", 0.5)


@pytest.mark.parametrize("rule", ["Hebbian", "delta"])
@pytest.mark.parametrize("name", ["how alike the keys are", "rate"])
def test_one_step_of_the_largest_memory_is_within_a_frame(show, name, rule):
    (view,) = show(largest())
    view.get_by_role("radio", name=rule).check()
    times = time_steps(view.get_by_role("slider", name=name), 0.01)
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 16
