"""HeadGrid in Chromium, alone on a page; what it shows is compared with NumPy."""

import numpy as np
import pytest

from tests.browser.bare_page import (
    HOSTILE,
    SET,
    brightness,
    check_nothing_is_left,
    put_in_hand,
    views_of,
    wire,
)

pytest.importorskip("anywidget")


from attn_helpers.data import encoder_attention  # noqa: E402
from attn_helpers.diagnostics import signature  # noqa: E402
from attn_helpers.plots.style import colours  # noqa: E402
from attn_helpers.widgets import HeadGrid  # noqa: E402

TRAITS = ("tokens", "key_tokens", "weights", "layer", "head", "query")

# What one view shows, with its numbers at full precision.
SHOWN = """view => {
  const all = (selector) => [...view.querySelectorAll(selector)];
  const pixels = (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    return Array.from({ length: height }, (_, i) => Array.from({ length: width },
      (_, j) => [...data.slice(4 * (i * width + j), 4 * (i * width + j) + 3)]));
  };
  const chosen = view.querySelector(".attn-heads [aria-selected=true]");
  return {
    maps: all(".attn-heads canvas").map(pixels),
    large: pixels(view.querySelector(".attn-cells canvas")),
    chosen: chosen.getAttribute("aria-label"),
    active: view.querySelector(".attn-heads").getAttribute("aria-activedescendant") === chosen.id,
    title: view.querySelector(".attn-head-title").textContent,
    numbers: all(".attn-readout > div:not([hidden]) data").map((node) => Number(node.value)),
    bars: all(".bar").map((bar) => Number(bar.getAttribute("height")) / 64),
    cell: view.querySelector(".attn-cells [role=gridcell]").textContent,
    table: all("tbody tr").map((row) =>
      [...row.querySelectorAll("data")].map((node) => Number(node.value))),
    speech: view.querySelector("output").textContent,
  };
}"""


def check(view, widget):
    """Compare everything that a view shows with the Python object's own numbers."""
    shown = view.evaluate(SHOWN)
    weights = widget.weights if widget.weights.ndim == 4 else widget.weights[None]
    one = weights[widget.layer, widget.head]
    paint = 255 * colours("weights")(weights)[..., :3]
    np.testing.assert_allclose(shown["maps"], paint.reshape(-1, *paint.shape[2:]), atol=2)
    np.testing.assert_allclose(shown["large"], paint[widget.layer, widget.head], atol=2)
    name = f"head {widget.head}"
    name = f"layer {widget.layer}, {name}" if len(weights) > 1 else name
    assert shown["chosen"] == shown["title"] == name and shown["active"]
    numbers = {name: float(value) for name, value in signature(one.astype(float)).items()}
    del numbers["effective_tokens"]
    if widget.key_tokens is not None:
        del numbers["mean_distance"], numbers["weight_on_self"]
    np.testing.assert_allclose(shown["numbers"], list(numbers.values()), rtol=0, atol=1e-6)
    np.testing.assert_allclose(shown["bars"], one[widget.query], rtol=0, atol=1e-6)
    if shown["table"]:
        np.testing.assert_allclose(shown["table"], one, rtol=0, atol=1e-6)
    return shown


def drawn(n_layers=3, n_heads=4, n=6, **more):
    weights = np.random.default_rng(5).dirichlet(np.full(n, 0.3), size=(n_layers, n_heads, n))
    return HeadGrid([f"t{i}" for i in range(n)], weights, **more)


show = views_of(".attn-head-grid", ".bar")


def test_the_first_picture_is_right_with_layers_and_with_other_keys(show):
    widget = drawn(layer=1, head=2, query=3)
    (view,) = show(widget)
    view.locator("summary").click()
    view.locator("tbody tr").first.wait_for()
    check(view, widget)
    weights = np.random.default_rng(0).dirichlet(np.ones(5), size=(3, 2))
    cross = HeadGrid(["a", "b"], weights, list("vwxyz"), head=1)
    (view,) = show(cross)
    check(view, cross)
    assert "layers" not in view.text_content()


def test_a_click_opens_a_head_in_every_view(show):
    widget = drawn()
    one, other = show(widget, views=2)
    one.get_by_role("gridcell", name="layer 2, head 1").click()
    widget.set(layer=2, head=1)
    for view in (one, other):
        check(view, widget)
    assert "layer 2, head 1: entropy" in one.evaluate(SHOWN)["speech"]


def test_arrow_keys_walk_over_the_heads_and_stop_at_the_edges(show):
    widget = drawn()
    (view,) = show(widget)
    grid = view.get_by_role("grid", name="3 layers down, 4 heads across; arrow keys choose")
    for key, place in (
        ("ArrowDown", (1, 0)), ("ArrowRight", (1, 1)), ("End", (1, 3)), ("ArrowRight", (1, 3)),
        ("ArrowUp", (0, 3)), ("ArrowUp", (0, 3)), ("Home", (0, 0)), ("ArrowLeft", (0, 0)),
        ("Shift+ArrowDown", (0, 0)),
    ):  # fmt: skip
        grid.press(key)
        widget.set(layer=place[0], head=place[1])
        check(view, widget)


def test_keys_of_the_grids_stay_from_the_page_around(show, page):
    (view,) = show(drawn())
    page.evaluate("() => { window.heard = []; onkeydown = ({ key }) => heard.push(key); }")
    for grid in view.get_by_role("grid").all():
        for key in ("ArrowDown", "ArrowRight", "Home", "Escape"):
            grid.press(key)
    assert page.evaluate("heard") == ["Escape"] * 2


def test_a_query_is_chosen_in_the_large_map_by_mouse_and_key(show):
    widget = drawn()
    (view,) = show(widget)
    large = view.get_by_role("grid", name="weights, 6 queries by 6 keys")
    box = large.bounding_box()
    large.click(position={"x": box["width"] * 2.5 / 6, "y": box["height"] * 4.5 / 6})
    widget.query = 4
    weight = widget.weights[0, 0, 4, 2]
    assert check(view, widget)["cell"] == f"t2, weight {weight:.3f}"
    large.press("ArrowUp")
    large.press("ArrowRight")
    widget.query = 3
    shown = check(view, widget)
    assert shown["cell"] == f"t3, weight {widget.weights[0, 0, 3, 3]:.3f}"
    assert shown["speech"] == f"t3 to {shown['cell']}"


def test_names_are_text(show):
    names = [HOSTILE, "</script><b>x</b>", "我", ""]
    widget = HeadGrid(names, np.full((2, 2, 4, 4), 0.25))
    (view,) = show(widget)
    view.locator("summary").click()
    view.locator("tbody tr").first.wait_for()
    check(view, widget)
    assert view.locator("img, script, b").count() == 0
    assert view.locator("tbody th").all_text_contents() == names


def test_all_heads_fit_on_a_dark_phone(show, dark_phone_page):
    widget = drawn(n_layers=6, n_heads=12, n=10)
    (view,) = show(widget, theme="dark", page=dark_phone_page)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.locator(".attn-heads").evaluate("grid => grid.scrollWidth <= grid.clientWidth")
    boxes = [map.bounding_box() for map in view.locator(".attn-heads canvas").all()]
    assert len(boxes) == 72 and min(box["width"] for box in boxes) >= 24
    assert all(abs(box["width"] - box["height"]) < 0.5 for box in boxes)


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = drawn()
    return put_in_hand(page, widget, TRAITS, ".attn-head-grid", ".bar"), widget


def test_python_may_change_everything(page, in_hand):
    view, widget = in_hand
    rng = np.random.default_rng(2)
    for n_layers, n_heads, n in ((1, 5, 3), (4, 2, 7), (4, 2, 7), (12, 16, 2)):
        arrays = rng.dirichlet(np.ones(n), size=(n_layers, n_heads, n)).astype(np.float32)
        changed = {
            "tokens": [f"w{i}" for i in range(n)], "weights": arrays, "layer": n_layers - 1,
            "head": n_heads - 1, "query": n - 1,
        }  # fmt: skip
        widget.set(**changed)
        page.evaluate(SET, wire(widget.get_state(changed)))
        check(view, widget)


def test_half_a_message_leaves_the_old_picture(page, in_hand):
    view, widget = in_hand
    for name, value in (("layer", 9), ("tokens", ["a"]), ("weights", None)):
        page.evaluate("([name, value]) => model.set(name, value)", [name, value])
        check(view, widget)


def test_nothing_is_left_after_cleanup(page, in_hand):
    check_nothing_is_left(page, in_hand[0], "head", 1)


# How long the script of so many events takes, in ms each; `event(step)` makes one.
TIMES = """async (grid, event) => {
  const times = [];
  for (let step = 0; step < 72; step++) {
    await new Promise(requestAnimationFrame);
    const [target, made] = eval(event)(grid, step);
    const start = performance.now();
    target.dispatchEvent(made);
    times.push(performance.now() - start);
  }
  return times;
}"""
KEY = """(grid, step) => {
  const key = step % 20 < 10 ? "ArrowRight" : "ArrowLeft";
  return [grid, new KeyboardEvent("keydown", { key, bubbles: true })];
}"""
CLICK = """(grid, step) => {
  return [grid.querySelectorAll("canvas")[step], new MouseEvent("click", { bubbles: true })];
}"""


@pytest.mark.parametrize("event", [KEY, CLICK], ids=["key", "click"])
def test_a_step_over_72_heads_of_64_tokens_is_within_a_frame(show, event):
    widget = drawn(n_layers=6, n_heads=12, n=64)
    (view,) = show(widget)
    times = view.get_by_role("grid").first.evaluate(TIMES, event)
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 16
    if event == CLICK:
        assert view.evaluate(SHOWN)["title"] == "layer 5, head 11"


def test_every_map_of_a_real_encoder_opens_by_click_and_by_key(show):
    pytest.importorskip("tokenizers")
    encoder = encoder_attention("Yesterday I went to the park to run")
    widget = HeadGrid(encoder.tokens, encoder.weights)
    assert widget.weights.shape[:2] == (6, 12)
    (view,) = show(widget)
    for layer, head in ((5, 11), (0, 3), (3, 0), (2, 7)):
        view.get_by_role("gridcell", name=f"layer {layer}, head {head}", exact=True).click()
        widget.set(layer=layer, head=head)
        check(view, widget)
    grid = view.get_by_role("grid", name="6 layers down, 12 heads across; arrow keys choose")
    for key, place in (
        ("ArrowDown", (3, 7)), ("End", (3, 11)), ("ArrowRight", (3, 11)), ("ArrowUp", (2, 11)),
        ("ArrowLeft", (2, 10)), ("Home", (2, 0)),
    ):  # fmt: skip
        grid.press(key)
        widget.set(layer=place[0], head=place[1])
        check(view, widget)
