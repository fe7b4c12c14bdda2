"""PatchAttention in Chromium, alone on a page; what it shows is compared with NumPy."""

import numpy as np
import pytest
from matplotlib.colors import LinearSegmentedColormap

from tests.browser.bare_page import (
    HOSTILE,
    SET,
    brightness,
    check_nothing_is_left,
    drag,
    put_in_hand,
    views_of,
    walk,
    wire,
)

pytest.importorskip("anywidget")

from attn_helpers.widgets import PatchAttention  # noqa: E402

TRAITS = ("images", "weights", "grid", "labels", "boxes", "query", "image", "head")
N_IMAGES, N_HEADS, ROWS, COLS, HEIGHT, WIDTH = 3, 2, 4, 6, 20, 36
N = ROWS * COLS
BOXES = [[0, 0, 36, 20], [7, 3, 20, 11], [35, 19, 36, 20]]
LABELS = ["a cat", "我", "dog"]
STOPS = ["#10161d", "#123a63", "#1f6fb0", "#4aa3df", "#a5d5f5", "#ffffff"]
OVERLAY = LinearSegmentedColormap.from_list("overlay", STOPS)

# What one view shows, with its numbers at full precision.
SHOWN = """view => {
  const all = (selector) => [...view.querySelectorAll(selector)];
  const pixels = (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    return Array.from({ length: height }, (_, i) => Array.from({ length: width },
      (_, j) => [...data.slice(4 * (i * width + j), 4 * (i * width + j) + 4)]));
  };
  const [photo, overlay] = all("canvas").map(pixels);
  const frame = (name) => ["x", "y", "width", "height"].map((side) =>
    Number(view.querySelector(`.${name}.line`)?.getAttribute(side)));
  const entries = all(".attn-readout > div:not([hidden])");
  return {
    photo, overlay, query: frame("query"), pointed: frame("pointed"), box: frame("box"),
    names: entries.map((node) => node.firstChild.textContent),
    numbers: entries.map((node) => Number(node.querySelector("data").value)),
    small: entries.map((node) => node.querySelector("small").textContent),
    most: view.querySelector(".attn-patch-scale").innerText.split(/\\s+/),
    caption: all("figcaption > *").slice(0, 2).map((node) => node.textContent),
    selects: all("label:not([hidden]) > select").map((select) => select.value),
    options: all("label:not([hidden]) > select").map((select) =>
      [...select.options].map((option) => option.textContent)),
    opacity: Number(view.querySelectorAll("canvas")[1].style.opacity),
    cell: view.querySelector("[role=gridcell]").textContent,
    at: ["aria-rowindex", "aria-colindex"].map((name) =>
      Number(view.querySelector("[role=gridcell]").getAttribute(name)) - 1),
    table: all("tbody tr").map((row) =>
      [...row.querySelectorAll("data")].map((node) => Number(node.value))),
    heads: all("tbody th").map((node) => node.textContent),
    speech: view.querySelector("output").textContent,
  };
}"""


def named(patch, cols):
    row, column = divmod(patch, cols)
    return f"patch {patch}, row {row}, column {column}"


def check(view, widget, pointed=None):
    """Compare everything that a view shows with the Python object's own numbers."""
    shown = view.evaluate(SHOWN)
    rows, cols = widget.grid
    image, query = widget.image, widget.query
    weights = widget.weights if widget.weights.ndim == 4 else widget.weights[:, None]
    row = weights[image, widget.head, query].astype(float)
    photo = np.array(shown["photo"])
    np.testing.assert_array_equal(photo[..., :3], widget.images[image])
    assert (photo[..., 3] == 255).all()
    shares = (row / row.max()).reshape(rows, cols)
    wanted = 255 * OVERLAY(shares)
    wanted[..., 3] = 255 * (1 - 0.45 * shares)
    np.testing.assert_allclose(shown["overlay"], wanted, atol=4)  # one step of 256, rounded
    y, x = divmod(query, cols)
    assert shown["query"] == [x, y, 1, 1] and shown["at"] == [y, x]
    hand = query if pointed is None else pointed
    assert shown["pointed"] == [hand % cols, hand // cols, 1, 1]
    first = int(row.argmax())
    numbers, small = [row[first], row[hand]], [named(first, cols), named(hand, cols)]
    names = [
        "largest weight",
        "weight on itself" if pointed is None else "weight under the pointer",
    ]
    if widget.boxes is not None:
        height, width = widget.images.shape[1:3]
        x0, y0, x1, y1 = widget.boxes[image].astype(int)
        inside = np.zeros((height, width))
        inside[y0:y1, x0:x1] = 1
        part = inside.reshape(rows, height // rows, cols, width // cols).mean((1, 3)).ravel()
        numbers.insert(1, row @ part)
        names.insert(1, "attention inside the box")
        small.insert(1, f"the dashed box is {part.mean():.3f} of the image")
        sides = np.array([[x0, y0], [x1 - x0, y1 - y0]]) * [cols / width, rows / height]
        np.testing.assert_allclose(shown["box"], sides.ravel(), rtol=1e-12)
    assert shown["names"] == names and shown["small"] == small
    np.testing.assert_allclose(shown["numbers"], numbers, rtol=0, atol=1e-6)
    assert shown["most"] == ["0", f"{row[first]:.3f}"]
    label = f"image {image}" if widget.labels is None else widget.labels[image]
    assert shown["caption"] == [label, f"query: {named(query, cols)}"]
    assert shown["cell"].startswith(f"query: {named(query, cols)}: largest weight {row[first]:.3f}")
    counts = len(widget.images), weights.shape[1]
    chosen = image, widget.head
    assert shown["selects"] == [str(at) for at, n in zip(chosen, counts, strict=True) if n > 1]
    numbered = [[str(place) for place in range(n)] for n in counts]
    if widget.labels is not None:
        numbered[0] = [f"{i} · {label}" for i, label in enumerate(widget.labels)]
    assert shown["options"] == [names for names in numbered if len(names) > 1]
    if shown["table"]:
        order = np.argsort(-row, kind="stable")[:10]
        table = [row[order], row[order].cumsum()]
        table += [part[order]] if widget.boxes is not None else []
        np.testing.assert_allclose(shown["table"], np.transpose(table), rtol=0, atol=1e-6)
        assert shown["heads"] == [named(int(patch), cols) for patch in order]
    return shown


def drawn(seed=5, dtype=np.float32, **more):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, size=(N_IMAGES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    weights = rng.dirichlet(np.full(N, 0.3), size=(N_IMAGES, N_HEADS, N)).astype(dtype)
    arguments = {"labels": LABELS, "boxes": BOXES, "image": 1, "head": 1, "query": 9}
    return PatchAttention(images, weights, (ROWS, COLS), **(arguments | more))


def middle(view, patch, grid=(ROWS, COLS)):
    """Where the middle of a patch is, within the grid."""
    box = view.get_by_role("grid").bounding_box()
    row, column = divmod(patch, grid[1])
    return {
        "x": (column + 0.5) * box["width"] / grid[1], "y": (row + 0.5) * box["height"] / grid[0],
    }  # fmt: skip


show = views_of(".attn-patch", ".query")


def test_the_first_picture_is_right_with_a_box_and_without(show):
    widget = drawn()
    (view,) = show(widget)
    view.locator("summary").click()
    view.locator("tbody tr").first.wait_for()
    check(view, widget)
    plain = drawn(labels=None, boxes=None, dtype=np.float64)
    plain.set(weights=plain.weights[:, 0], head=0)
    (view,) = show(plain)
    assert "box" not in check(view, plain)["cell"]
    one = PatchAttention(plain.images[:1], plain.weights[:1], (ROWS, COLS), query=N - 1)
    (view,) = show(one)
    assert check(view, one)["selects"] == []


def test_the_image_keeps_its_shape_and_its_pixels_their_corners(show):
    (view,) = show(drawn())
    box = view.get_by_role("grid").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    for canvas in view.locator("canvas").all():
        assert canvas.evaluate("node => getComputedStyle(node).imageRendering") == "pixelated"
        assert canvas.bounding_box() == box


@pytest.mark.parametrize("patch", [0, 5, 14, N - 1])
def test_a_click_asks_from_another_patch_in_every_view(show, patch):
    widget = drawn()
    one, other = show(widget, views=2)
    one.get_by_role("grid").click(position=middle(one, patch))
    one.page.mouse.move(1200, 5)
    widget.query = patch
    for view in (one, other):
        check(view, widget)
    shown = one.evaluate(SHOWN)
    assert shown["speech"] == shown["cell"]


def test_pointing_reads_a_weight_and_leaves_the_query(show):
    widget = drawn()
    (view,) = show(widget)
    grid = view.get_by_role("grid")
    for patch in (3, 22):
        grid.hover(position=middle(view, patch))
        assert check(view, widget, pointed=patch)["speech"] == ""
    view.page.mouse.move(1200, 5)
    check(view, widget)
    grid.hover(position=middle(view, 3))
    grid.press("ArrowRight")  # the hand is on the keys now
    widget.query = 10
    check(view, widget)


def test_arrow_keys_move_the_query_and_stop_at_the_edges(show):
    widget = drawn(query=0)
    (view,) = show(widget)
    view.page.set_viewport_size({"width": 800, "height": 260})  # so that the page could scroll
    grid = view.get_by_role("grid", name="4 by 6 patches; arrow keys move the query")
    grid.focus()
    top = view.page.evaluate("scrollY")
    for key, query in (
        ("ArrowLeft", 0), ("ArrowUp", 0), ("ArrowRight", 1), ("ArrowDown", 7), ("End", 11),
        ("ArrowRight", 11), ("ArrowDown", 17), ("ArrowDown", 23), ("ArrowDown", 23), ("Home", 18),
        ("Shift+ArrowUp", 18), ("Control+ArrowUp", 18),
    ):  # fmt: skip
        grid.press(key)
        widget.query = query
        check(view, widget)
    assert view.page.evaluate("scrollY") == top


def test_keys_of_the_grid_stay_from_the_page_around(show, page):
    (view,) = show(drawn())
    page.evaluate("() => { window.heard = []; onkeydown = ({ key }) => heard.push(key); }")
    for key in ("ArrowDown", "ArrowRight", "Home", "Escape"):
        view.get_by_role("grid").press(key)
    assert page.evaluate("heard") == ["Escape"]


def test_image_and_head_are_chosen_in_every_view(show):
    widget = drawn()
    one, other = show(widget, views=2)
    one.get_by_label("image").select_option("2")
    other.get_by_label("head").select_option("0")
    widget.set(image=2, head=0)
    check(one, widget)
    shown = check(other, widget)
    assert shown["speech"] == shown["cell"]


def test_the_overlay_is_as_strong_as_its_slider_says(show, page):
    widget = drawn()
    one, other = show(widget, views=2)
    range_ = one.get_by_role("slider", name="overlay")
    assert one.evaluate(SHOWN)["opacity"] == 0.6
    drag(page, range_, 0.6, 0)
    assert one.evaluate(SHOWN)["opacity"] == 0
    one.get_by_role("spinbutton", name="overlay").fill("0.25")
    assert (one.evaluate(SHOWN)["opacity"], range_.input_value()) == (0.25, "0.25")
    assert other.evaluate(SHOWN)["opacity"] == 0.6
    check(one, widget)


def test_tab_passes_every_control_once_and_shows_where_it_is(page, show):
    show(drawn())
    assert walk(page, 6) == [
        "image", "head", "4 by 6 patches; arrow keys move the query", "overlay", "overlay",
        "Show as table",
    ]  # fmt: skip


def test_labels_are_text(show):
    labels = [HOSTILE, "</script><b>x</b>", ""]
    widget = drawn(labels=labels, image=0)
    (view,) = show(widget)
    check(view, widget)
    assert view.locator("img, script, b").count() == 0


def test_the_widget_fits_on_a_dark_phone_and_takes_a_finger(show, dark_phone_page):
    widget = drawn()
    (view,) = show(widget, theme="dark", page=dark_phone_page)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    view.locator("summary").click()
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.get_by_role("grid").bounding_box()["width"] > 300
    view.get_by_role("grid").tap(position=middle(view, 20))
    widget.query = 20
    check(view, widget)
    for control in view.locator("select, summary, input").all():
        assert control.bounding_box()["height"] >= 24


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = drawn()
    view = put_in_hand(page, widget, TRAITS, ".attn-patch", ".query")
    view.locator("summary").click()
    return view, widget


def test_python_may_change_everything(page, in_hand):
    view, widget = in_hand
    widget.labels = ["x", "y", HOSTILE]
    page.evaluate(SET, wire(widget.get_state(["labels"])))
    check(view, widget)
    rng = np.random.default_rng(2)
    for n_images, n_heads, rows, cols in ((1, 5, 3, 2), (4, 1, 1, 7), (2, 2, 14, 14), (1, 1, 1, 1)):
        n = rows * cols
        size = (n_images, 2 * rows, 3 * cols, 3)
        changed = {
            "images": rng.random(size=size),
            "weights": rng.dirichlet(np.ones(n), size=(n_images, n_heads, n)),
            "grid": (rows, cols), "labels": None if n_heads > 1 else list("abcd")[:n_images],
            "boxes": [[1, 1, 3 * cols, 2 * rows]] * n_images if n_heads == 1 else None,
            "image": n_images - 1, "head": n_heads - 1, "query": n - 1,
        }  # fmt: skip
        widget.set(**changed)
        page.evaluate(SET, wire(widget.get_state(changed)))
        check(view, widget)


def test_half_a_message_leaves_the_old_picture(page, in_hand):
    view, widget = in_hand
    for name, value in (
        ("image", 9), ("query", 24), ("grid", [6, 6]), ("labels", ["a"]), ("images", None),
        ("weights", None), ("boxes", 7),
    ):  # fmt: skip
        page.evaluate("([name, value]) => model.set(name, value)", [name, value])
        check(view, widget)


def test_a_query_that_attends_to_nothing_is_dark_and_not_a_number(page, in_hand):
    view, widget = in_hand
    widget.weights = np.zeros_like(widget.weights)
    page.evaluate(SET, wire(widget.get_state(["weights"])))
    shown = view.evaluate(SHOWN)
    assert (np.array(shown["overlay"]) == [16, 22, 29, 255]).all()
    assert shown["numbers"] == [0, 0, 0] and shown["most"] == ["0", "0.000"]


def test_nothing_is_left_after_cleanup(page, in_hand):
    check_nothing_is_left(page, in_hand[0], "head", 0)


def test_a_step_over_1024_patches_is_within_a_frame(show):
    rng = np.random.default_rng(0)
    weights = rng.random((1, 2, 1024, 1024), np.float32)
    (view,) = show(PatchAttention(rng.random((1, 256, 256, 3)), weights, (32, 32)))
    times = view.get_by_role("grid").evaluate(
        """async (grid) => {
          const times = [];
          for (let step = 0; step < 40; step++) {
            await new Promise(requestAnimationFrame);
            const key = step % 20 < 10 ? "ArrowRight" : "ArrowLeft";
            const start = performance.now();
            grid.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            times.push(performance.now() - start);
          }
          return times;
        }"""
    )
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 16
