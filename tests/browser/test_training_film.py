"""TrainingFilm in Chromium, alone on a page; what it shows is compared with NumPy."""

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
    wire,
)

pytest.importorskip("anywidget")

from attn_helpers.plots.style import colours  # noqa: E402
from attn_helpers.widgets import TrainingFilm  # noqa: E402

TRAITS = (
    "tokens", "key_tokens", "weights", "steps", "losses", "frame", "layer", "head", "query",
)  # fmt: skip
STEPS = [0, 1, 3, 8, 20, 50]
QUERIES, KEYS = list("abcde"), list("wxyz")
PACE, CALM_PACE = 350, 1000  # ms, as in training_film.js

# What one view shows, with its numbers at full precision.
SHOWN = """view => {
  const all = (selector) => [...view.querySelectorAll(selector)];
  const pixels = (canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    return Array.from({ length: height }, (_, i) => Array.from({ length: width },
      (_, j) => [...data.slice(4 * (i * width + j), 4 * (i * width + j) + 3)]));
  };
  const curve = view.querySelector(".attn-panels svg");
  const at = (circle) => ["cx", "cy"].map((name) => Number(circle.getAttribute(name)));
  const number = (text) => Number(text.replace("\u2212", "-"));
  const marks = [...curve.querySelectorAll("text")].map((node) =>
    [number(node.textContent), Number(node.getAttribute("y"))]);
  const slider = view.querySelector("[type=range]");
  const thumb = slider.getBoundingClientRect();
  const rows = all(".attn-figure text.chosen");
  return {
    maps: all(".attn-heads canvas").map(pixels),
    large: pixels(view.querySelector(".attn-cells canvas")),
    chosen: view.querySelector(".attn-heads [aria-selected=true]").getAttribute("aria-label"),
    bars: all(".bar").map((bar) => Number(bar.getAttribute("height")) / 64),
    row: rows.map((node) => node.textContent),
    told: view.querySelector(".attn-film-told").textContent,
    loss: Number(view.querySelector(".attn-panel-title data").value),
    curve: curve.querySelector(".loss").getAttribute("d").slice(1).split("L")
      .map((point) => point.split(" ").map(Number)),
    frames: [...curve.querySelectorAll(".frame")].map(at),
    dot: at(curve.querySelector(".dot")), marks, width: curve.clientWidth,
    marker: curve.querySelector(".marker").getBoundingClientRect().left,
    thumb: thumb.left + 10 + (slider.valueAsNumber / Number(slider.max)) * (thumb.width - 20),
    step: slider.valueAsNumber, spokenStep: slider.getAttribute("aria-valuetext"),
    table: all("tbody tr").map((row) =>
      [...row.querySelectorAll("data")].map((node) => Number(node.value))),
    caption: view.querySelector("caption")?.textContent,
    play: view.querySelector("button").textContent,
    speech: view.querySelector("output").textContent,
  };
}"""


def check(view, widget):
    """Compare everything that a view shows with the Python object's own numbers."""
    shown = view.evaluate(SHOWN)
    n_layers = widget.weights.shape[1]
    weights = widget.weights[widget.frame].astype(float)
    one = weights[widget.layer, widget.head]
    paint = 255 * colours("weights")(weights)[..., :3]
    np.testing.assert_allclose(shown["maps"], paint.reshape(-1, *paint.shape[2:]), atol=2)
    np.testing.assert_allclose(shown["large"], paint[widget.layer, widget.head], atol=2)
    np.testing.assert_allclose(shown["bars"], one[widget.query], rtol=0, atol=1e-5)
    name = f"layer {widget.layer}, " if n_layers > 1 else ""
    name += f"head {widget.head}"
    assert shown["chosen"] == name

    steps, step = np.array(widget.steps), widget.steps[widget.frame]
    losses = widget.losses.astype(float)
    if steps[-1] == len(losses):  # the end of the run has the loss of the last step
        losses = np.append(losses, losses[-1])
    loss = losses[step]
    assert shown["loss"] == pytest.approx(loss, abs=1e-12)
    assert shown["step"] == step and shown["spokenStep"] == f"{step}, loss {text(loss)}"
    keys = widget.tokens if widget.key_tokens is None else widget.key_tokens
    best = one[widget.query].argmax()
    assert shown["told"] == (
        f"step {step}: loss {text(loss)}; in {name}, {widget.tokens[widget.query]} looks most at "
        f"{keys[best]} ({one[widget.query, best]:.2f})"
    )
    assert shown["thumb"] == pytest.approx(shown["marker"], abs=1)

    end = len(losses) - 1
    (low, low_y), (high, high_y) = shown["marks"][0], shown["marks"][-1]

    def place(x, y):
        left, right = 34, shown["width"] - 10
        share = (y - low) / (high - low)
        return [left + x / end * (right - left), low_y + share * (high_y - low_y)]

    expected = [place(x, y) for x, y in enumerate(losses)]
    np.testing.assert_allclose(shown["curve"], expected, atol=0.1)
    expected = [place(x, y) for x, y in zip(steps, losses[steps], strict=True)]
    np.testing.assert_allclose(shown["frames"], expected, atol=0.1)
    np.testing.assert_allclose(shown["dot"], place(step, loss), atol=0.1)
    if shown["table"]:
        np.testing.assert_allclose(shown["table"], one, rtol=0, atol=1e-5)
        assert shown["caption"] == f"weights of {name} at step {step}, queries down, keys across"
    return shown


def text(loss):
    return f"{loss:.2f}".replace("-", "−")


def drawn(n_layers=2, n_heads=3, **more):
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.full(4, 0.3), size=(len(STEPS), n_layers, n_heads, 5))
    return TrainingFilm(
        QUERIES, weights, KEYS, **({"steps": STEPS, "losses": 3 * rng.random(50)} | more)
    )


show = views_of(".attn-film", ".bar")


def test_the_first_picture_is_right_with_layers_and_without(show):
    widget = drawn(frame=3, layer=1, head=2, query=4)
    (view,) = show(widget)
    view.locator("summary").click()
    view.locator("tbody tr").first.wait_for()
    check(view, widget)
    flat = drawn(n_layers=1, losses=np.linspace(2, -1, 70, dtype=np.float32))
    (view,) = show(flat)
    check(view, flat)
    assert "layer" not in view.text_content()


def test_every_frame_has_its_own_maps_and_loss(show):
    widget = drawn(query=2)
    (view,) = show(widget)
    view.locator("summary").click()
    for frame in range(len(STEPS)):
        widget.frame = frame
        check(view, widget)
        view.get_by_role("slider").press("ArrowRight")


def test_the_slider_and_the_curve_go_to_the_nearest_frame_in_every_view(show, page):
    widget = drawn()
    one, other = show(widget, views=2)
    drag(page, one.get_by_role("slider"), 0, 18 / 50)
    widget.frame = 4
    for view in (one, other):
        check(view, widget)
    drag(page, one.get_by_role("slider"), 20 / 50, 22 / 50)  # no other frame is nearer
    check(one, widget)
    curve = other.locator(".attn-panels svg")
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    x, y = box["x"] + 34, box["y"] + box["height"] / 2
    page.mouse.move(x + (box["width"] - 44) * 0.9, y)
    check(one, widget)
    page.mouse.down()
    widget.frame = 5
    check(one, widget)
    page.mouse.move(x + (box["width"] - 44) * 9 / 50, y)
    widget.frame = 3
    check(one, widget)
    page.mouse.move(x - 300, y)
    page.mouse.up()
    page.mouse.move(x + 300, y)  # the hand has let go
    widget.frame = 0
    check(one, widget)
    shown = check(other, widget)
    assert shown["speech"] == shown["told"]


def test_keys_turn_frames_and_stay_from_the_page_around(show, page):
    widget = drawn()
    (view,) = show(widget)
    page.evaluate("() => { window.heard = []; onkeydown = ({ key }) => heard.push(key); }")
    for key, frame in (
        ("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("End", 5), ("ArrowRight", 5),
        ("PageDown", 0), ("ArrowDown", 0), ("PageUp", 5), ("Home", 0),
    ):  # fmt: skip
        view.get_by_role("slider").press(key)
        widget.frame = frame
        shown = check(view, widget)
        assert shown["speech"] == shown["told"]
    for control in view.get_by_role("grid").all() + [view.get_by_role("button")]:
        for key in ("Enter", "Escape"):
            control.press(key)
    assert page.evaluate("heard") == ["Enter", "Escape", "Enter", "Escape", "Escape"]


@pytest.fixture
def show_in_slow_time(show, page):
    """Show a widget on a page whose clock moves by the test's hand alone."""

    def put(widget):
        page.clock.install(time=0)
        (view,) = show(widget)
        page.clock.pause_at(3_600_000)
        return view

    return put


def test_the_film_plays_to_its_end_and_stops(show_in_slow_time, page):
    widget = drawn(frame=2)
    view = show_in_slow_time(widget)
    play = view.get_by_role("button")
    play.click()
    assert check(view, widget)["play"] == "Pause"
    for frame in (3, 4, 5):
        page.clock.run_for(PACE)
        widget.frame = frame
        shown = check(view, widget)
    assert (shown["play"], shown["speech"]) == ("Play", shown["told"])
    page.clock.run_for(10 * PACE)
    check(view, widget)
    play.click()  # from the start again
    widget.frame = 0
    check(view, widget)
    page.clock.run_for(PACE)
    play.press("Enter")
    widget.frame = 1
    assert check(view, widget)["play"] == "Play"
    page.clock.run_for(10 * PACE)
    check(view, widget)


def test_a_hand_on_the_slider_stops_the_film(show_in_slow_time, page):
    widget = drawn()
    view = show_in_slow_time(widget)
    view.get_by_role("button").click()
    page.clock.run_for(2 * PACE)
    view.get_by_role("slider").press("ArrowRight")
    page.clock.run_for(10 * PACE)
    widget.frame = 3
    assert check(view, widget)["play"] == "Play"


def test_the_film_is_slow_for_those_who_want_less_motion(show_in_slow_time, page):
    page.emulate_media(reduced_motion="reduce")
    widget = drawn()
    view = show_in_slow_time(widget)
    view.get_by_role("button").click()
    page.clock.run_for(CALM_PACE - 1)
    check(view, widget)
    page.clock.run_for(1)
    widget.frame = 1
    check(view, widget)


def test_heads_and_queries_are_chosen_and_stay_from_frame_to_frame(show):
    widget = drawn(frame=1)
    (view,) = show(widget)
    view.get_by_role("gridcell", name="layer 1, head 0").click()
    widget.layer = 1
    shown = check(view, widget)
    assert shown["speech"] == shown["told"]
    view.get_by_role("grid", name="2 layers down, 3 heads across").press("End")
    widget.head = 2
    check(view, widget)
    large = view.get_by_role("grid", name="weights, 5 queries by 4 keys")
    large.press("ArrowDown")
    widget.query = 1
    before = check(view, widget)
    key = before["speech"].split(" to ")[1][0]
    view.get_by_role("slider").press("ArrowRight")
    widget.frame = 2
    check(view, widget)
    weight = widget.weights[2, 1, 2, 1, KEYS.index(key)]
    cell = large.get_by_role("gridcell").text_content()
    assert cell == f"{key}, weight {weight:.3f}"  # the key in hand stays


def test_tab_goes_from_top_to_bottom_and_shows_where_it_is(page, show):
    show(drawn())
    assert walk(page, 5) == [
        "Play", "step", "2 layers down, 3 heads across; arrow keys choose",
        "weights, 5 queries by 4 keys; arrow keys move", "Show as table",
    ]  # fmt: skip


def test_names_are_text(show):
    names = [HOSTILE, "</script><b>x</b>", "我", ""]
    weights = np.full((2, 2, 4, 4), 0.25)
    widget = TrainingFilm(names, weights, steps=[0, 1], losses=[2], query=1)
    (view,) = show(widget)
    view.locator("summary").click()
    view.locator("tbody tr").first.wait_for()
    check(view, widget)
    assert view.locator("img, script, b").count() == 0
    assert view.locator("tbody th").all_text_contents() == names


def test_the_widget_fits_on_a_dark_phone_and_takes_a_finger(show, dark_phone_page):
    widget = drawn(n_layers=3, n_heads=8)
    (view,) = show(widget, theme="dark", page=dark_phone_page)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    for control in view.locator("button, input, summary, .attn-heads canvas").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    curve = view.locator(".attn-panels svg")
    box = curve.bounding_box()
    curve.tap(position={"x": 34 + (box["width"] - 44) * 19 / 50, "y": 20})
    shown = view.evaluate(SHOWN)
    assert (shown["step"], shown["speech"]) == (20, shown["told"])


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = drawn()
    return put_in_hand(page, widget, TRAITS, ".attn-film", ".bar"), widget


def test_python_may_change_everything(page, in_hand):
    view, widget = in_hand
    rng = np.random.default_rng(2)
    sizes = (2, 1, 5, 3), (7, 4, 2, 6), (7, 4, 2, 6), (3, 12, 16, 2)
    for n_frames, n_layers, n_heads, n in sizes:
        weights = rng.dirichlet(np.ones(n), size=(n_frames, n_layers, n_heads, n))
        changed = {
            "tokens": [f"w{i}" for i in range(n)], "key_tokens": None,
            "weights": weights.astype(np.float32), "losses": rng.normal(size=10 * n_frames),
            "steps": sorted(rng.choice(10 * n_frames, n_frames, replace=False).tolist()),
            "layer": n_layers - 1, "head": n_heads - 1, "query": n - 1, "frame": n_frames - 1,
        }  # fmt: skip
        widget.set(**changed)
        page.evaluate(SET, wire(widget.get_state(changed)))
        check(view, widget)


def test_half_a_message_leaves_the_old_picture(page, in_hand):
    view, widget = in_hand
    for name, value in (
        ("frame", 6), ("steps", [0, 1]), ("losses", None), ("tokens", ["a"]), ("weights", None),
    ):  # fmt: skip
        page.evaluate("([name, value]) => model.set(name, value)", [name, value])
        check(view, widget)


def test_the_picture_follows_the_width_of_the_page(page, in_hand):
    view, widget = in_hand
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_function("document.querySelector('.attn-panels svg').clientWidth < 480")
    check(view, widget)


def test_nothing_is_left_after_cleanup_not_even_a_film_that_plays(page, in_hand):
    view, _ = in_hand
    view.get_by_role("button").click()
    page.evaluate("() => { window.sets = 0; model.save_changes = () => (window.sets += 1); }")
    check_nothing_is_left(page, view, "frame", 1)
    page.wait_for_timeout(2 * PACE)
    assert page.evaluate("sets") == 0


def test_a_step_of_8_heads_of_64_tokens_is_within_a_frame(show):
    n, n_frames = 64, 30
    rng = np.random.default_rng(5)
    weights = rng.dirichlet(np.full(n, 0.3), size=(n_frames, 8, n)).astype(np.float32)
    steps = [10 * frame for frame in range(n_frames)]
    names = [f"t{i}" for i in range(n)]
    (view,) = show(TrainingFilm(names, weights, steps=steps, losses=rng.random(300)))
    times = time_steps(view.get_by_role("slider"), 10)
    assert len(times) >= n_frames - 1
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 16
