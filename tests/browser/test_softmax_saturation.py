"""SoftmaxSaturation in Chromium, alone on a page; what it shows is compared with NumPy."""

import numpy as np
import pytest

from tests.browser.bare_page import (
    SET,
    brightness,
    check_nothing_is_left,
    drag,
    put_in_hand,
    time_steps,
    views_of,
    walk,
    wire,
)

pytest.importorskip("anywidget")

from attn_helpers.diagnostics import effective_tokens, entropy
from attn_helpers.widgets import SoftmaxSaturation

TRAITS = ("products", "d_k", "scale")
SCALES = ("none", "sqrt", "linear")
READY = ".attn-panels .marker"
show = views_of(".attn-saturation", READY, tables=True)

# What one view shows, with its numbers at full precision; its tables must be open.
SHOWN = """view => {
  const all = (name, from = view) => [...from.querySelectorAll(name)];
  const number = (node) => Number(node.value);
  const rows = all(".attn-saturation-rows > div:not(.attn-saturation-head)");
  const [spread, jacobian, entropy, effective] = all(".attn-panel-title data").map(number);
  const [keys, sizes] = all("table").map((table) => [...table.tBodies[0].rows].map((row) =>
    [row.cells[0].textContent, ...all("data", row).map(number)]));
  const figure = view.querySelector(".attn-panels");
  const thumb = view.querySelector("[type=range]").getBoundingClientRect();
  const share = view.querySelector("[type=range]").valueAsNumber;
  return {
    d_k: view.querySelector("[type=number]").valueAsNumber,
    scale: all("[type=radio]").findIndex((input) => input.checked),
    formula: view.querySelector("code").textContent,
    scores: rows.map((row) => number(row.querySelectorAll("data")[0])),
    weights: rows.map((row) => number(row.querySelectorAll("data")[1])),
    bars: rows.map((row) => {
      const track = row.querySelector(".attn-saturation-track").getBoundingClientRect();
      const bar = row.querySelector(".attn-saturation-track span").getBoundingClientRect();
      return (bar.right - track.left) / track.width;
    }),
    paths: all(".key", figure).map((path) => path.getTotalLength()),
    chosen: all(".curve.chosen", figure).map((path) => path.classList[1]),
    marker: all(".marker").map((line) => line.getBoundingClientRect().left),
    thumb: thumb.left + 10 + share * (thumb.width - 20),
    verdict: view.querySelector("p").textContent,
    speech: view.querySelector("output").textContent,
    spread, jacobian, entropy, effective, keys, sizes,
  };
}"""


def check(view, widget):
    """Compare everything that a view shows with NumPy's numbers for the same traits."""
    shown = view.evaluate(SHOWN)
    weights = widget.weights
    expected = {
        "scores": widget.scores, "weights": weights, "spread": widget.scores.std(),
        "jacobian": widget.jacobian_norm, "entropy": entropy(weights),
        "effective": effective_tokens(weights),
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(shown[name], value, rtol=0, atol=1e-6, err_msg=name)
    assert (shown["d_k"], SCALES[shown["scale"]]) == (widget.d_k, widget.scale)
    assert shown["chosen"] == [widget.scale] * 2
    assert shown["marker"] == pytest.approx([shown["thumb"]] * 3, abs=1)
    assert len(shown["paths"]) == len(weights) and min(shown["paths"]) > 100
    names, *columns = zip(*shown["keys"], strict=True)
    assert names == tuple(f"key {j}" for j in range(len(weights)))
    np.testing.assert_allclose(columns, [widget.scores, weights], rtol=0, atol=1e-6)
    return shown


def made(n_k=8, d_max=1024, **more):
    rng = np.random.default_rng(392)
    return SoftmaxSaturation(rng.normal(size=d_max) * rng.normal(size=(n_k, d_max)), **more)


def test_the_first_picture_is_right(show):
    widget = made(d_k=128)
    (view,) = show(widget)
    page = view.page
    page.wait_for_timeout(200)  # until the bars have come to rest
    shown = check(view, widget)
    assert shown["bars"] == pytest.approx(shown["weights"], abs=0.02)
    assert shown["formula"] == "scores = q·k / √128"
    assert shown["verdict"].startswith("Several keys share the weight")


@pytest.mark.parametrize("scale", SCALES)
def test_dots_stand_on_their_lines_at_their_numbers(show, scale):
    widget = made(d_k=32, scale=scale)
    (view,) = show(widget)
    for mark in range(3):
        panel = view.locator(".attn-panels svg").nth(mark)
        heights = panel.evaluate(
            """(svg) => {
              const all = (name) => [...svg.querySelectorAll(name)];
              const lines = [...all(".key"), ...all(".chosen")];
              const number = (text) => Number(text.replace("−", "-"));
              const marks = all("text").map((node) =>
                [number(node.textContent), Number(node.getAttribute("y"))]);
              return { marks, dots: all("circle").map((dot, i) => {
                const [x, y] = ["cx", "cy"].map((name) => Number(dot.getAttribute(name)));
                const points = lines[i].getAttribute("d").slice(1).split("L")
                  .map((point) => point.split(" ").map(Number));
                return [y, points.find(([at]) => Math.abs(at - x) < 0.06)[1]];
              }) };
            }"""
        )
        (low, low_y), (high, high_y) = heights["marks"][0], heights["marks"][-1]
        dots, lines = np.transpose(heights["dots"])
        np.testing.assert_allclose(dots, lines, atol=0.06)
        values = low + (dots - low_y) / (high_y - low_y) * (high - low)
        wanted = widget.scores, [widget.jacobian_norm], [entropy(widget.weights)]
        np.testing.assert_allclose(values, wanted[mark], atol=0.02 * abs(high - low))


def test_dragging_d_k_without_a_scale_makes_one_bar_eat_all(page, show):
    widget = made(d_k=8, scale="none")
    (view,) = show(widget)
    before = check(view, widget)
    drag(page, view.get_by_role("slider", name="d_k"), 1 / 8, 7 / 8)
    widget.d_k = 512
    shown = check(view, widget)
    assert shown["jacobian"] < 1e-6 < before["jacobian"] and max(shown["weights"]) > 0.999
    assert shown["spread"] > 5 * before["spread"]
    assert "over 99.9% of the weight: little gradient" in shown["verdict"]
    assert shown["speech"].startswith("d k 512, no scale: standard deviation 25.52, Jacobian norm")
    view.get_by_role("radio", name="sqrt").check()
    widget.scale = "sqrt"
    assert check(view, widget)["jacobian"] > 0.25
    view.get_by_role("radio", name="linear").check()
    widget.scale = "linear"
    shown = check(view, widget)
    assert shown["effective"] > 7.9 and shown["verdict"].startswith("Nearly a plain mean")


def test_keys_step_through_d_k_and_stay_from_the_page_around(page, show):
    widget = made(d_max=300)
    (view,) = show(widget)
    page.evaluate("() => { window.heard = []; onkeydown = ({ key }) => heard.push(key); }")
    slider = view.get_by_role("slider", name="d_k")
    for key, d_k in (
        ("ArrowRight", 76), ("ArrowUp", 91), ("ArrowLeft", 76), ("PageDown", 64), ("PageUp", 128),
        ("End", 300), ("ArrowRight", 300), ("ArrowDown", 256), ("Home", 4), ("ArrowLeft", 4),
        ("ArrowRight", 5),
    ):  # fmt: skip
        slider.press(key)
        widget.d_k = d_k
        check(view, widget)
    assert page.evaluate("heard") == []
    assert slider.get_attribute("aria-valuetext").startswith("5. ")


def test_d_k_is_typed_and_what_is_no_good_gives_way(show):
    widget = made()
    (view,) = show(widget)
    field = view.get_by_role("spinbutton")
    field.fill("100")
    widget.d_k = 100
    check(view, widget)
    for bad in "3", "5000", "7.5", "":
        field.fill(bad)
        field.blur()
        check(view, widget)


def test_two_views_stay_in_step(page, show):
    widget = made()
    one, other = show(widget, views=2)
    one.get_by_role("radio", name="none").check()
    drag(page, other.get_by_role("slider", name="d_k"), 0.5, 0.75)
    widget.set(scale="none", d_k=256)
    for view in (one, other):
        check(view, widget)


def test_the_second_table_has_every_power_of_two_and_scale(show):
    widget = made(n_k=3, d_max=100, d_k=20)
    (view,) = show(widget)
    sizes = check(view, widget)["sizes"]
    assert [row[0] for row in sizes] == ["4", "8", "16", "32", "64", "100"]
    for name, *numbers in sizes:
        each = [SoftmaxSaturation(widget.products, int(name), scale) for scale in SCALES]
        norms, bits = [one.jacobian_norm for one in each], [entropy(one.weights) for one in each]
        np.testing.assert_allclose(numbers, [*norms, *bits], rtol=0, atol=1e-6)


def test_tab_goes_from_top_to_bottom_and_shows_where_it_is(page, show):
    show(made(), tables=False)
    assert walk(page, 5) == ["dk", "sqrt", "d_k", "Show as table", "Show all d_k as table"]


def test_on_a_dark_phone(show, dark_phone_page):
    widget = made(n_k=16, scale="none", d_k=1024)
    (view,) = show(widget, theme="dark", page=dark_phone_page, tables=False)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    for control in view.locator("input, summary").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    dark_phone_page.set_viewport_size({"width": 520, "height": 844})
    slider = view.get_by_role("slider")
    top = slider.bounding_box()["y"]
    for scale in SCALES:  # the sentence above the slider is of one line or two
        view.get_by_role("radio", name=scale).check()
        assert slider.bounding_box()["y"] == top


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = made()
    view = put_in_hand(page, widget, TRAITS, ".attn-saturation", READY)
    for summary in view.locator("summary").all():
        summary.click()
    return view, widget


def test_python_may_change_everything(page, in_hand):
    view, widget = in_hand
    rng = np.random.default_rng(4)
    for n_k, d_max, scale in ((2, 8, "none"), (16, 1000, "linear"), (5, 64, "sqrt")):
        products = (10 * rng.normal(size=(n_k, d_max))).astype(np.float32)
        widget.set(products=products, d_k=d_max, scale=scale)
        page.evaluate(SET, wire(widget.get_state(TRAITS)))
        check(view, widget)
    widget.set(products=np.zeros((4, 8)), d_k=8)
    page.evaluate(SET, wire(widget.get_state(TRAITS)))
    assert view.evaluate(SHOWN)["weights"] == [0.25] * 4


def test_half_a_message_leaves_the_old_picture(page, in_hand):
    view, widget = in_hand
    good = {"d_k": 64, "scale": "sqrt"}
    for name, value in (("d_k", 5000), ("d_k", None), ("scale", "cube"), ("products", None)):
        page.evaluate("([name, value]) => model.set(name, value)", [name, value])
        check(view, widget)
        if name in good:
            page.evaluate("([name, value]) => model.set(name, value)", [name, good[name]])


def test_nothing_is_left_after_cleanup(page, in_hand):
    view, _ = in_hand
    check_nothing_is_left(page, view, "d_k", 32)


def test_one_step_of_16_keys_is_well_within_a_frame(show):
    (view,) = show(made(n_k=16))
    times = time_steps(view.get_by_role("slider", name="d_k"), 0.02)
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 1000 / 60 / 2
