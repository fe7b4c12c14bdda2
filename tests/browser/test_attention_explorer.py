"""AttentionExplorer in Chromium, alone on a page; what it shows is compared with NumPy."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from serve import serving

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
    write_state,
)

pytest.importorskip("anywidget")

from attn_helpers.data import encoder_attention, running_example  # noqa: E402
from attn_helpers.plots.style import colours  # noqa: E402
from attn_helpers.widgets import AttentionExplorer  # noqa: E402

# What one view shows: numbers at full precision, and shapes as shares of their full size.
SHOWN = """view => {
  const values = (nodes) => [...nodes].map((node) => Number(node.value));
  const all = (selector) => [...view.querySelectorAll(selector)];
  const number = (node, name) => Number(node.getAttribute(name));
  const canvas = view.querySelector(".attn-cells canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const grid = view.querySelector(".attn-cells").getBoundingClientRect();
  const figure = view.querySelector(".attn-heat").getBoundingClientRect();
  return {
    table: all("tbody tr").map((row) => values(row.querySelectorAll("data"))),
    cell: values(all(".attn-explorer-sum > div data"))[0],
    steps: values(all(".attn-explorer-sum dd data")),
    at: ["aria-rowindex", "aria-colindex"]
      .map((name) => number(view.querySelector("[role=gridcell]"), name) - 1),
    names: all(".attn-explorer-sum strong bdi").map((node) => node.textContent),
    out: values(all(".attn-explorer-out data")),
    query: Number(view.querySelector("select").value),
    head: all(".attn-explorer-heads input").findIndex((input) => input.checked),
    similarity: view.querySelector(".attn-choice input:checked")?.ariaLabel,
    bars: all(".bar").map((bar) => number(bar, "height") / 64),
    arcs: all(".arc").map((arc) => arc.getAttribute("d") ? number(arc, "stroke-width") : 0),
    pixels: Array.from({ length: canvas.height }, (_, i) => Array.from({ length: canvas.width },
      (_, j) => [...data.slice(4 * (i * canvas.width + j), 4 * (i * canvas.width + j) + 3)])),
    row: number(view.querySelector(".row"), "y") - (grid.top - figure.top),
    cellHeight: number(view.querySelector(".cell"), "height"),
    speech: view.querySelector("output.attn-spoken").textContent,
  };
}"""


def check(view, widget):
    """Compare everything that a view shows with the Python object's own numbers."""
    shown = view.evaluate(SHOWN)
    weights = widget.weights if widget.weights.ndim == 3 else widget.weights[None]
    head, query = weights[widget.head], widget.query
    if shown["table"]:
        np.testing.assert_allclose(shown["table"], head, rtol=0, atol=1e-6)
    assert shown["query"] == query
    assert shown["head"] == (widget.head if len(weights) > 1 else -1)
    i, j = shown["at"]
    assert shown["names"] == [widget.tokens[i], (widget.key_tokens or widget.tokens)[j]]
    assert shown["cell"] == pytest.approx(head[i, j], abs=1e-6)
    assert shown["steps"][-1] == shown["cell"]
    np.testing.assert_allclose(shown["bars"], head[query], rtol=0, atol=1e-6)
    arcs = np.where(head[query] >= 0.005, 0.75 + 6 * head[query], 0)
    np.testing.assert_allclose(shown["arcs"], arcs, rtol=0, atol=1e-5)
    if widget.v is not None:
        out = widget.out if widget.out.ndim == 3 else widget.out[None]
        np.testing.assert_allclose(shown["out"], out[widget.head, query][:8], rtol=0, atol=1e-6)
    assert shown["row"] == pytest.approx(query * shown["cellHeight"], abs=0.6)
    return shown


show = views_of(".attn-explorer", ".bar")


def sentence(**more):
    example = running_example()
    arrays = {"q": example.q, "k": example.k, "v": example.v, "query": 2}
    return AttentionExplorer(example.target, example.source, **(arrays | more))


def heads(n_heads=3, n=6, d_k=8, **more):
    rng = np.random.default_rng(5)
    q, k, v = (rng.normal(size=(n_heads, n, d_k)) for _ in range(3))
    arrays = {"q": 2 * q, "k": k, "v": v, "mask": np.tri(n, dtype=bool), "query": 4}
    return AttentionExplorer([f"t{i}" for i in range(n)], **(arrays | more))


def cell_at(view, query, key):
    """Where the middle of a cell is, within the grid."""
    box = view.locator(".attn-cells").bounding_box()
    size = view.locator(".cell").evaluate(
        "cell => ['width', 'height'].map((name) => Number(cell.getAttribute(name)))"
    )
    assert box["width"] % size[0] == box["height"] % size[1] == 0
    return {"x": (key + 0.5) * size[0], "y": (query + 0.5) * size[1]}


def press(view, role, name, key):
    view.get_by_role(role, name=name, exact=True).press(key)


def open_table(view):
    view.locator("summary").click()
    view.locator("tbody tr").first.wait_for()


def test_the_first_picture_is_right(show):
    widget = sentence()
    (view,) = show(widget)
    open_table(view)
    shown = check(view, widget)
    assert shown["names"] == ["went", "去"]  # the key of the largest weight
    assert shown["steps"] == pytest.approx([9.0, 4.5, 0.7478], abs=1e-4)
    assert view.locator(".attn-explorer-sum dl").inner_text().split("\n") == [
        "q·k", "0.0·0.5 + 0.5·0.0 + 3.0·2.5 + 1.0·1.5 = 9.00", "score", "9.00 / √4 = 4.50",
        "weight", "exp(4.50) / Σ exp = 90.02 / 120.38 = 0.748",
    ]  # fmt: skip


def test_cells_have_the_colours_of_the_plots_and_masked_ones_none_of_them(show):
    widget = heads(head=1)
    (view,) = show(widget)
    pixels = np.array(view.evaluate(SHOWN)["pixels"])
    wanted = 255 * colours("weights")(widget.weights[1])[..., :3]
    closed = ~widget.mask
    assert np.abs(pixels - wanted)[~closed].max() <= 2
    assert (pixels[closed] == [226, 228, 232]).all()
    hatched = view.locator("svg > path[fill^=url]").get_attribute("d")
    assert hatched.count("M") == closed.sum()


def test_the_temperature_follows_mouse_keyboard_and_number(page, show):
    widget = sentence()
    (view,) = show(widget)
    open_table(view)
    slider = view.get_by_role("slider", name="temperature", exact=True)
    number = view.get_by_role("spinbutton", name="temperature")
    drag(page, slider, 0.5, 0.8)
    widget.temperature = float(number.input_value())
    assert 10 < widget.temperature < 25
    check(view, widget)
    slider.press("Home")
    widget.temperature = 0.01
    check(view, widget)
    number.fill("0.35")
    widget.temperature = 0.35
    check(view, widget)
    assert slider.get_attribute("aria-valuetext") == "0.35, largest weight 0.981 on 去"


@pytest.mark.parametrize("similarity", ["dot", "scaled dot", "cosine"])
def test_the_similarity_is_chosen_by_mouse_and_keyboard(show, similarity):
    widget = sentence(similarity="cosine" if similarity == "dot" else "dot")
    (view,) = show(widget)
    open_table(view)
    view.get_by_role("radio", name=similarity, exact=True).click()
    widget.similarity = similarity
    check(view, widget)
    formula = view.locator("code").inner_text()
    assert {"dot": "q·k /", "scaled dot": "q·k / √4", "cosine": "cos"}[similarity] in formula
    press(view, "radio", similarity, "ArrowRight")
    following = {"dot": "scaled dot", "scaled dot": "cosine", "cosine": "dot"}
    widget.similarity = following[similarity]
    check(view, widget)


def test_the_query_is_chosen_by_list_row_name_and_cell(show):
    widget = sentence()
    (view,) = show(widget)
    view.get_by_role("combobox", name="query").select_option("5")
    widget.query = 5
    assert check(view, widget)["names"] == ["park", "公园"]
    figure = view.locator(".attn-heat")
    names = view.locator("svg text")
    for name, query in ("Yesterday", 0), ("run", 7):
        for place in 0, 1:  # above the arcs, and beside its row
            view.get_by_role("combobox", name="query").select_option("3")
            box = names.get_by_text(name, exact=True).nth(place).bounding_box()
            at = figure.bounding_box()
            x, y = box["x"] - at["x"] + box["width"] / 2, box["y"] - at["y"] + box["height"] / 2
            figure.click(position={"x": x, "y": y})
            widget.query = query
            check(view, widget)
    view.locator(".attn-cells").click(position=cell_at(view, 6, 1))
    widget.query = 6
    assert check(view, widget)["names"] == ["to", "昨天"]
    view.get_by_role("combobox", name="query").select_option("5")
    widget.query = 5
    assert check(view, widget)["names"] == ["park", "公园"]  # the key was chosen for its query


def test_in_self_attention_a_token_above_the_bars_is_a_query(show):
    widget = heads()
    (view,) = show(widget)
    box = view.locator("svg text").get_by_text("t2", exact=True).first.bounding_box()
    view.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    widget.query = 2
    check(view, widget)


def test_hover_shows_the_sum_and_leaves_the_query(page, show):
    widget = sentence()
    (view,) = show(widget)
    view.locator(".attn-cells").hover(position=cell_at(view, 5, 3))
    shown = check(view, widget)
    assert shown["names"] == ["park", "公园"]
    assert shown["steps"][:2] == [12.0, 6.0]
    page.mouse.move(1, 1)
    assert check(view, widget)["names"] == ["went", "去"]


def test_keys_move_the_cell_and_the_query(page, show):
    widget = sentence()
    (view,) = show(widget)
    page.set_viewport_size({"width": 800, "height": 500})  # so that the page could scroll
    grid = view.get_by_role("grid")
    grid.scroll_into_view_if_needed()
    grid.focus()
    steps = [
        ("ArrowRight", 2, 3), ("ArrowDown", 3, 3), ("End", 3, 4), ("ArrowRight", 3, 4),
        ("Home", 3, 0), ("ArrowLeft", 3, 0), ("ArrowUp", 2, 0),
    ]  # fmt: skip
    example = running_example()
    top = page.evaluate("scrollY")
    for key, query, column in steps:
        page.keyboard.press(key)
        widget.query = query
        shown = check(view, widget)
        assert shown["names"] == [example.target[query], example.source[column]]
        weight = f"{widget.weights[query, column]:.3f}"
        assert shown["speech"] == f"{shown['names'][0]} to {shown['names'][1]}, weight {weight}"
        marked = view.get_by_role("gridcell", include_hidden=True)
        assert marked.inner_text() == f"{shown['names'][1]}, weight {weight}"
        assert marked.get_attribute("aria-colindex") == str(column + 1)
    page.wait_for_timeout(300)  # a scroll would take its time
    assert page.evaluate("scrollY") == top


def test_the_head_is_chosen_by_mouse_and_keyboard(show):
    widget = heads()
    (view,) = show(widget)
    open_table(view)
    view.get_by_role("radio", name="head 2").click()
    widget.head = 2
    check(view, widget)
    press(view, "radio", "head 2", "ArrowLeft")
    widget.head = 1
    check(view, widget)
    small = view.locator(".attn-explorer-heads canvas").evaluate_all(
        "all => all.map((c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
    )
    weights = 255 * colours("weights")(widget.weights)[..., :3]
    pixels = np.array(small).reshape(3, 6, 6, 4)[..., :3]
    assert np.abs(pixels - weights)[:, widget.mask].max() <= 2


def test_ready_weights_say_why_there_is_nothing_to_turn(show):
    ready = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 3)).astype(np.float32)
    widget = AttentionExplorer(list("abc"), list("wxyz"), weights=ready, query=1, head=1)
    (view,) = show(widget)
    open_table(view)
    check(view, widget)
    assert view.get_by_role("slider").count() == view.get_by_role("spinbutton").count() == 0
    assert view.get_by_role("radio", name="dot").count() == 0
    assert "without q and k there is no temperature" in view.inner_text()
    assert "as given" in view.locator(".attn-explorer-sum").inner_text()


def test_a_query_that_may_attend_to_nothing(show):
    mask = np.ones((8, 5), dtype=bool)
    mask[2] = False
    widget = sentence(mask=mask)
    (view,) = show(widget)
    open_table(view)
    shown = check(view, widget)
    assert shown["table"][2] == [0] * 5 and shown["out"] == [0] * 3
    assert "masked = 0.000" in view.locator(".attn-explorer-sum").inner_text()
    assert view.locator("tbody tr").nth(2).inner_text().split() == ["went"] + ["masked"] * 5


def test_two_views_of_one_widget_stay_in_step(page, show):
    widget = heads()
    first, second = show(widget, views=2)
    for view in (first, second):
        open_table(view)
    press(first, "slider", "temperature", "PageUp")
    press(second, "radio", "head 0", "ArrowRight")
    press(second, "radio", "scaled dot", "ArrowRight")
    first.get_by_role("combobox", name="query").select_option("5")
    widget.temperature = float(first.get_by_role("spinbutton").input_value())
    assert widget.temperature > 1
    widget.set(head=1, similarity="cosine", query=5)
    seen = [check(view, widget) | {"speech": ""} for view in (first, second)]
    assert seen[0] == seen[1]


def test_the_table_has_headers_and_a_caption(show):
    (view,) = show(sentence(head=0))
    view.locator("summary").press("Enter")
    view.locator("tbody tr").first.wait_for()
    table = view.get_by_role("table")
    example = running_example()
    assert table.get_by_role("columnheader").all_inner_texts() == ["query", *example.source]
    assert table.get_by_role("rowheader").all_inner_texts() == list(example.target)
    assert table.locator("caption").inner_text() == "weights, queries down, keys across"


def test_a_large_table_follows_when_the_hand_rests(show):
    widget = heads(n_heads=2, n=64, d_k=4)
    (view,) = show(widget)
    open_table(view)
    check(view, widget)
    press(view, "slider", "temperature", "Home")
    widget.temperature = 0.01
    view.locator("tbody tr:nth-child(5) data[value='1']").first.wait_for()
    check(view, widget)


# ---------------------------------------------------------------------------- export


def saved(page, view, name):
    with page.expect_download() as download:
        view.get_by_role("button", name=name).click()
    return download.value


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_saved_svg_stands_alone_in_light_colours(page, show, theme):
    widget = heads(n_heads=1)
    (view,) = show(widget, theme=theme)
    before = view.evaluate(SHOWN)["pixels"]
    download = saved(page, view, "Save SVG")
    assert download.suggested_filename == "attention.svg"
    text = download.path().read_text("utf-8")
    assert not re.search(r"var\(|class=|style=|light-dark|href", text)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    rects = root.findall(f"{space}rect")
    assert rects[0].attrib == {"width": "100%", "height": "100%", "fill": "white"}
    cells = root.find(f"{space}g").findall(f"{space}rect")
    fills = [[int(c) for c in re.findall(r"\d+", cell.get("fill"))] for cell in cells]
    wanted = 255 * colours("weights")(widget.weights[0])[..., :3]
    fills = np.array(fills).reshape(6, 6, 3)
    assert np.abs(fills - wanted)[widget.mask].max() <= 2
    names = [node for node in root.iter(f"{space}text") if node.text == "t3"]
    assert [node.get("fill") for node in names] == ["rgb(28, 36, 48)"] * 2
    assert all("sans-serif" in node.get("font-family") for node in names)
    assert view.evaluate(SHOWN)["pixels"] == before  # the page keeps its own colours
    view.get_by_role("status").filter(has_text="SVG saved").wait_for(state="attached")


def test_a_saved_png_is_the_figure_at_twice_its_size(page, show):
    image = pytest.importorskip("matplotlib.image")
    (view,) = show(sentence(), theme="dark")
    pixels = image.imread(io.BytesIO(saved(page, view, "Save PNG").path().read_bytes()))
    box = view.locator("svg.attn-figure").bounding_box()
    assert pixels.shape[:2] == (round(2 * box["height"]), round(2 * box["width"]))
    assert pixels[2, 2, :3].tolist() == [1, 1, 1]
    dark_blue = (np.abs(pixels[..., :3] * 255 - [10, 47, 92]) < 6).all(axis=-1)
    assert dark_blue.mean() > 0.01


def test_copies_go_to_the_clipboard(page, show):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    (view,) = show(sentence())
    view.get_by_role("button", name="Copy SVG").click()
    view.get_by_text("SVG copied").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert ElementTree.fromstring(text).tag.endswith("svg") and "去" in text
    view.get_by_role("button", name="Copy PNG").click()
    view.get_by_text("PNG copied").wait_for()
    head = page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
          return btoa(String.fromCharCode(...bytes.slice(0, 8)));
        }"""
    )
    assert base64.b64decode(head) == b"\x89PNG\r\n\x1a\n"


def test_a_clipboard_that_refuses_is_said(page, show):
    (view,) = show(sentence())
    page.evaluate("() => { navigator.clipboard.write = () => Promise.reject(new Error('no')) }")
    view.get_by_role("button", name="Copy PNG").click()
    view.get_by_text("Copy PNG did not work").wait_for()


# ---------------------------------------------------------------------------- everyone


def test_tab_passes_every_control_once_and_shows_where_it_is(page, show):
    (view,) = show(heads())
    names = walk(page, 11)
    assert names == [
        "temperature", "temperature", "query", "scaled dot", "head 0",
        "weights, 6 queries by 6 keys; arrow keys move", "Show as table",
        "Copy PNG", "Copy SVG", "Save PNG", "Save SVG",
    ]  # fmt: skip


def test_every_control_is_large_enough_and_nothing_is_wider_than_a_phone(show, page):
    page.set_viewport_size({"width": 390, "height": 844})
    (view,) = show(heads(n_heads=12, n=64))
    for control in view.locator("input, select, button, summary").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_tap_on_a_dark_phone(dark_phone_page, show):
    widget = sentence()
    (view,) = show(widget, theme="dark", page=dark_phone_page)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    view.locator(".attn-cells").scroll_into_view_if_needed()
    view.locator(".attn-cells").tap(position=cell_at(view, 1, 4))
    widget.query = 1
    assert check(view, widget)["names"] == ["I", "跑步"]


def test_the_figure_takes_the_theme_of_its_page_and_follows_it(show, page):
    (view,) = show(sentence(), theme="dark")
    corner = (
        "view => view.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data[0]"
    )
    assert view.evaluate(corner) < 60  # a weight near 0 on a dark page
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(f"({corner})(document.querySelector('.attn-explorer')) > 200")


def test_the_picture_fits_a_page_that_changes_its_width(show, page):
    widget = sentence()
    (view,) = show(widget)
    wide = view.locator(".attn-figure").bounding_box()["width"]
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function(
        "(wide) => document.querySelector('.attn-figure').getBoundingClientRect().width < wide",
        arg=wide,
    )
    check(view, widget)


def test_tokens_are_text(page, show):
    names = [HOSTILE, "</script><script>alert(2)</script>", "&amp;", "", "我"]
    widget = AttentionExplorer(names, weights=np.eye(5), v=np.eye(5))
    (view,) = show(widget)
    open_table(view)
    assert view.locator("th[scope=row]").all_text_contents() == names
    options = view.locator("option").all_text_contents()
    assert options == [f"{i} · {name}" for i, name in enumerate(names)]
    view.locator("select").select_option("0")
    assert view.evaluate(SHOWN)["names"] == [HOSTILE, HOSTILE]
    assert view.locator("img, script, b").count() == 0
    text = saved(page, view, "Save SVG").path().read_text("utf-8")
    assert "<img" not in text and "&lt;img" in text


def test_what_a_build_stores_is_alive_when_arrays_came_and_went(page, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    lines = [
        "import numpy as np",
        "from attn_helpers.widgets import AttentionExplorer",
        "e = AttentionExplorer(['a', 'b'], q=np.eye(2), k=np.eye(2), v=np.eye(2))",
        "e.set(q=None, k=None, weights=np.array([[0.25, 0.75], [1, 0]]), query=1)",
        "e.query = 0",
        "e",
    ]
    cell = nbformat.v4.new_code_cell("\n".join(lines))
    book = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(book, store_widget_state=True).execute()
    stored = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    model_id = cell.outputs[0].data["application/vnd.jupyter.widget-view+json"]["model_id"]
    write_state(tmp_path, stored, model_id)
    widget = AttentionExplorer(["a", "b"], weights=[[0.25, 0.75], [1, 0]], v=np.eye(2))
    with serving(tmp_path) as address:
        page.goto(address)
        view = page.locator(".attn-explorer")
        view.locator(".bar").first.wait_for(state="attached")
        check(view, widget)
        view.locator("select").select_option("1")
        widget.query = 1
        check(view, widget)


# ---------------------------------------------------------------------------- a model in hand


NAMES = (
    "tokens", "key_tokens", "q", "k", "v", "_ready", "mask",
    "temperature", "similarity", "query", "head",
)  # fmt: skip


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = heads(n_heads=2, n=4, d_k=3, query=1)
    view = put_in_hand(page, widget, NAMES, ".attn-explorer", ".bar")
    open_table(view)
    return view, widget


def random_update(rng):
    """Some traits to set, half of them wrong."""
    n, n_k, n_heads, d_k = rng.integers(1, 6, size=4)
    tokens = [f"t{i}" for i in range(n)]
    arrays = {
        "q": rng.normal(size=(n_heads, n, d_k)) * rng.choice([0.1, 3]),
        "k": rng.normal(size=(n_heads, n_k, d_k)).astype(rng.choice([np.float32, np.float64])),
        "v": rng.normal(size=(n_k, 2)),
        "mask": rng.random((n_heads, n, n_k)) < 0.7,
    }
    keys = [f"k{j}" for j in range(n_k)]
    choices = [
        {"temperature": float(10 ** rng.uniform(-2, 2))},
        {"similarity": str(rng.choice(["dot", "scaled dot", "cosine", "none"]))},
        {"query": int(rng.integers(-1, 6))},
        {"head": int(rng.integers(-1, 6))},
        {"tokens": tokens},
        {"tokens": tokens, "keys": keys, "weights": None} | arrays,
        {"tokens": tokens, "keys": keys, "weights": None} | arrays,
        {"q": arrays["q"]},
        {"k": np.where(arrays["k"] > 2, np.nan, arrays["k"])},
        {"temperature": 0.0},
        {"v": None},
        {"mask": None},
        {"tokens": tokens, "keys": keys, "q": None, "k": None, "v": None, "mask": None}
        | {"weights": rng.dirichlet(np.ones(n_k), size=(n_heads, n))},
    ]
    return choices[rng.integers(len(choices))]


def test_two_hundred_random_updates_leave_page_and_python_the_same(page, in_hand):
    view, widget = in_hand
    rng = np.random.default_rng(1)
    taken = 0
    for _ in range(200):
        update = random_update(rng)
        try:
            widget.set(**update)
        except (ValueError, TypeError):
            continue  # Python sends nothing, so the page has nothing to do
        taken += 1
        page.evaluate(SET, wire(widget.get_state(NAMES)))
        check(view, widget)
        if taken % 4 == 0:
            view.get_by_role("grid").press("End")  # on a key that the next update may take away
    assert 60 < taken < 180


BROKEN = [
    ("q", "null"), ("q", "{}"), ("q", "{shape: [2, 4, 3], dtype: 'float64', bytes: null}"),
    ("k", "model.get('mask')"), ("mask", "7"), ("tokens", "['a']"), ("tokens", "'abcd'"),
    ("key_tokens", "['a', 'b']"), ("temperature", "NaN"), ("temperature", "-1"), ("query", "9"),
    ("query", "'1'"), ("head", "2"), ("similarity", "'euclid'"), ("v", "[1, 2]"),
]  # fmt: skip


def test_a_bad_value_from_outside_leaves_the_last_good_picture(page, in_hand):
    view, widget = in_hand
    before = view.evaluate(SHOWN)
    for name, value in BROKEN * 3:
        page.evaluate(f"window.kept = model.get('{name}'); model.set('{name}', {value})")
        assert view.evaluate(SHOWN) == before, (name, value)
        page.evaluate(f"model.set('{name}', kept)")
        assert view.evaluate(SHOWN) == before
    widget.temperature = 0.2
    page.evaluate("model.set('temperature', 0.2)")
    check(view, widget)


def test_nothing_is_left_after_cleanup(page, in_hand):
    check_nothing_is_left(page, in_hand[0], "temperature", 3)


def test_one_step_of_the_largest_explorer_is_within_a_frame(show):
    widget = heads(n_heads=12, n=64, d_k=64)
    (view,) = show(widget)
    times = time_steps(view.get_by_role("slider", name="temperature", exact=True), 0.04)
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 16


def test_it_is_alive_in_the_chapter(page, site):
    """In the built book: mouse, keyboard and the real encoder's heads, compared with NumPy."""
    page.goto(f"{site}/chapters/02_1_three_steps.html")
    words, encoder = (page.locator(".attn-explorer").nth(place) for place in (0, 1))
    words.locator(".bar").first.wait_for(state="attached")
    widget = sentence()
    open_table(words)
    check(words, widget)
    words.get_by_role("radio", name="cosine", exact=True).click()
    words.get_by_role("slider", name="temperature", exact=True).press("Home")
    words.get_by_role("combobox", name="query").select_option("0")
    widget.set(similarity="cosine", temperature=0.01, query=0)
    check(words, widget)

    found = encoder_attention("Yesterday I went to the park to run")
    widget = AttentionExplorer(found.tokens, weights=found.weights[0], query=3, head=5)
    encoder.locator(".attn-explorer-heads input").nth(5).check(force=True)
    open_table(encoder)
    check(encoder, widget)
