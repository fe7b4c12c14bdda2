"""AlignmentView in Chromium, alone on a page; what it shows is compared with NumPy."""

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

from attn_helpers.widgets import AlignmentView

TRAITS = ("sentences", "names", "sentence", "model", "query", "show_known")
READY = ".links path[d]"
show = views_of(".attn-alignment", READY, tables=True)

# What one view shows, with its numbers at full precision; its table must be open.
SHOWN = """view => {
  const all = (name, from = view) => [...from.querySelectorAll(name)];
  const number = (node) => Number(node.value);
  const weightOf = (node) => Number(node.style.getPropertyValue("--weight"));
  const shown = (node) => getComputedStyle(node).visibility === "visible";
  const frame = view.querySelector(".attn-alignment-figure").getBoundingClientRect();
  const boxOf = (node) => {
    const { left, right, top, bottom } = node.getBoundingClientRect();
    return [left - frame.left, right - frame.left, top - frame.top, bottom - frame.top];
  };
  const ends = (path) => [0, path.getTotalLength()].map((at) => {
    const { x, y } = path.getPointAtLength(at);
    return [x, y];
  });
  const groups = all(".links");
  const targets = all(".attn-alignment-target label");
  const sources = all(".attn-alignment-source bdi");
  const models = all("fieldset:has([type=radio])")
    .filter((node) => node.querySelector("legend").textContent === "model")[0];
  // The chosen group is drawn last: put the groups back in the order of their words.
  const order = (group) => targets.findIndex((label) => {
    const [x, y] = ends(group.firstChild)[1];
    const [left, right, top, bottom] = boxOf(label);
    return x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1;
  });
  const lines = targets.map((_, i) => all("path", groups.find((group) => order(group) === i)));
  const chosen = groups.findIndex((group) => group.classList.contains("chosen"));
  return {
    source: sources.map((node) => node.textContent),
    target: targets.map((node) => node.querySelector("bdi").textContent),
    model: all("input", models).findIndex((input) => input.checked),
    query: targets.findIndex((node) => node.querySelector("input").checked),
    slider: view.querySelector("[type=range]").valueAsNumber,
    sentence: view.querySelector("select").selectedIndex,
    lines: lines.map((row) => row.map(weightOf)),
    drawn: lines.map((row) => row.map(shown)),
    widths: lines.map((row) => row.map((path) => parseFloat(getComputedStyle(path).strokeWidth))),
    opacities: lines.map((row) => row.map((path) => Number(getComputedStyle(path).strokeOpacity))),
    starts: lines.map((row) => row.map((path) => ends(path)[0])),
    sourceBoxes: sources.map(boxOf),
    isLast: chosen === groups.length - 1 && order(groups[chosen]),
    numbers: all(".attn-alignment-source data").map(number),
    bars: all(".attn-alignment-source > div").map(weightOf),
    best: sources.findIndex((node) => node.classList.contains("best")),
    known: all(".attn-alignment-figure .known").filter(shown).length,
    strong: all(".attn-alignment-figure .known.chosen").filter(shown).length,
    marks: all(".attn-alignment-target small").filter(shown)
      .map((node) => node.textContent).join(""),
    told: view.querySelector("p").textContent,
    counts: all("small", models).map((node) => node.textContent.trim()),
    speech: view.querySelector("output").textContent,
    isAcross: view.querySelector(".attn-alignment-across") !== null,
    heads: all("thead th").map((node) => node.textContent),
    table: all("tbody tr").map((row) => all("data", row).map(number)),
  };
}"""


def check(view, widget):
    """Compare everything that a view shows with the Python object's own numbers."""
    shown = view.evaluate(SHOWN)
    one = widget.sentences[widget.sentence]
    weights, row = widget.weights, widget.weights[widget.query]
    for name in "sentence", "model", "query":
        assert shown[name] == getattr(widget, name), name
    assert shown["slider"] == widget.query == shown["isLast"]
    assert (shown["source"], shown["target"]) == (one["source"], one["target"])
    np.testing.assert_allclose(shown["lines"], weights, rtol=0, atol=1e-6)
    for name in "numbers", "bars":
        np.testing.assert_allclose(shown[name], row, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(shown["drawn"], weights >= 0.005)
    chosen = np.arange(len(weights))[:, None] == widget.query
    width = np.where(chosen, 1 + 8 * weights, 0.5 + 5 * weights)
    opacity = np.where(chosen, 0.2 + 0.8 * weights, 0.03 + 0.27 * weights)
    np.testing.assert_allclose(shown["widths"], width, atol=0.01)
    np.testing.assert_allclose(shown["opacities"], opacity, atol=0.01)
    for starts in shown["starts"]:  # each line starts at its own source word
        for (x, y), (left, right, top, bottom) in zip(starts, shown["sourceBoxes"], strict=True):
            assert left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1
    assert shown["best"] == row.argmax()
    words = one["target"][widget.query], one["source"][row.argmax()], f"{row.max():.2f}"
    assert shown["told"].startswith("{} looks hardest at {}, weight {}".format(*words))
    every = np.array(one["weights"])[:, widget.query].T
    is_known = widget.show_known and one["known"] is not None
    np.testing.assert_allclose(np.array(shown["table"])[:, : len(every[0])], every, atol=1e-6)
    names = widget.names if len(widget.names) > 1 else ["weight"]
    assert shown["heads"] == ["source word", *names, *(["known"] if is_known else [])]
    check_known(shown, one["known"] if is_known else None, one["weights"], widget)
    return shown


def check_known(shown, known, models, widget):
    """The known alignment as marks, counts and words, or nothing of it."""
    if known is None:
        assert (shown["known"], shown["marks"], set(shown["counts"])) == (0, "", {""})
        return
    pairs = {i: {j for target, j in known if target == i} for i in range(len(shown["target"]))}
    hits = [
        [row.argmax() in pairs[i] for i, row in enumerate(np.array(model)) if pairs[i]]
        for model in models
    ]
    assert shown["counts"] == [f"{sum(each)} of {len(each)}" for each in hits]
    assert shown["marks"] == "".join("✗✓"[hit] for hit in hits[widget.model])
    assert shown["known"] == len(known) and shown["strong"] == len(pairs[widget.query])
    assert f"{sum(hits[widget.model])} of {len(hits[0])} target words hit" in shown["told"]
    wanted = [[j in pairs[widget.query]] for j in range(len(shown["source"]))]
    np.testing.assert_array_equal(np.array(shown["table"])[:, -1:], wanted)


CHINESE, ENGLISH = "我 昨天 去 公园 跑步".split(), "Yesterday I went to the park to run".split()


def made(**more):
    rng = np.random.default_rng(9)
    first = {
        "source": CHINESE, "target": ENGLISH,
        "weights": rng.dirichlet(np.full(5, 0.4), size=(2, 8)),
        "known": [(0, 1), (1, 0), (2, 2), (3, 2), (3, 3), (5, 3), (6, 4), (7, 4)],
    }  # fmt: skip
    other = {"source": ["a", "b"], "target": ["x", "y", "z"]}
    other["weights"] = rng.dirichlet(np.ones(2), size=(2, 3))
    return AlignmentView.of([first, other], ["additive", "Transformer"], **more)


def test_the_first_picture_is_right(show):
    widget = made(query=2, model=1)
    (view,) = show(widget)
    shown = check(view, widget)
    assert not shown["isAcross"]
    widths = view.locator(".attn-alignment-source bdi").evaluate_all(
        "nodes => nodes.map((node) => node.getBoundingClientRect().width)"
    )
    assert min(widths) > 20  # 我 has a glyph of the font's size, and not none
    assert view.locator("option").all_inner_texts() == [
        "我 昨天 去 公园 跑步 → Yesterday I went to the park to run", "a b → x y z",
    ]  # fmt: skip


def test_slider_arrow_keys_and_click_step_through_the_target_words(page, show):
    widget = made()
    (view,) = show(widget)
    slider = view.get_by_role("slider", name="target word")
    page.evaluate("() => { window.heard = []; onkeydown = ({ key }) => heard.push(key); }")
    for key, query in ("ArrowRight", 1), ("ArrowUp", 2), ("End", 7), ("ArrowLeft", 6), ("Home", 0):
        slider.press(key)
        widget.query = query
        check(view, widget)
    drag(page, slider, 0, 4 / 7)
    widget.query = 4
    shown = check(view, widget)
    assert shown["speech"] == shown["told"]
    view.locator(".attn-alignment-target label").nth(5).click()
    widget.query = 5
    check(view, widget)
    page.keyboard.press("ArrowRight")
    widget.query = 6
    check(view, widget)
    assert page.evaluate("heard") == []
    assert slider.get_attribute("aria-valuetext") == "to, 7 of 8"


def test_the_chosen_lines_are_stronger_than_they_were(show):
    widget = made(query=3)
    (view,) = show(widget)
    strong = check(view, widget)
    view.get_by_role("slider").press("Home")
    faint = view.evaluate(SHOWN)
    for name in "widths", "opacities":
        assert (np.array(faint[name][3]) < strong[name][3]).all()
        assert (np.array(faint[name][0]) > strong[name][0]).all()


def test_the_known_alignment_is_shown_on_request_with_its_hits(show):
    widget = made(query=3)
    (view,) = show(widget)
    check(view, widget)
    view.get_by_role("checkbox", name="show the known alignment").check()
    widget.show_known = True
    for query in 3, 4, 5:
        view.get_by_role("radio").nth(2 + query).check()
        widget.query = query
        shown = check(view, widget)
        if query == 4:  # "the" comes from no word
            assert "known" not in shown["told"] and "comes from" not in shown["told"]
    view.get_by_role("radio", name="Transformer").check()
    widget.model = 1
    check(view, widget)


def test_the_words_say_what_is_missed(show):
    weights = [[0.6, 0.4, 0.0], [0.1, 0.9, 0.0]]
    known = [(0, 1), (0, 2), (1, 1)]
    widget = AlignmentView(list("abc"), list("xy"), weights, known=known, show_known=True)
    (view,) = show(widget)
    assert view.locator("p").inner_text().split("✗")[0].strip() == (
        "x looks hardest at a, weight 0.60, but comes from b, c"
    )
    view.get_by_role("slider").press("End")
    assert "y looks hardest at b, weight 0.90, as known ✓" in view.locator("p").inner_text()
    assert not view.get_by_text("model", exact=True).is_visible()
    assert not view.get_by_role("combobox").is_visible()


def test_another_sentence_starts_at_its_first_word_in_every_view(show):
    widget = made(query=7, show_known=True)
    one, other = show(widget, views=2)
    one.get_by_role("combobox", name="sentence").select_option(index=1)
    widget.set(sentence=1, query=0)
    for view in (one, other):
        check(view, widget)
        assert not view.get_by_role("checkbox").is_visible()  # nothing is known of this one


def test_words_are_text(show):
    names = [HOSTILE, "</script><b>x</b>", "我", ""]
    widget = AlignmentView(names, names, np.full((2, 4, 4), 0.25), names[:2])
    (view,) = show(widget)
    shown = view.evaluate(SHOWN)
    assert (shown["source"], shown["target"]) == (names, names)
    assert shown["told"].startswith(f"{HOSTILE} looks hardest at {HOSTILE}")
    assert view.locator("img, script, b").count() == 0
    assert view.locator("tbody th").all_text_contents() == names


def test_tab_goes_from_top_to_bottom_and_shows_where_it_is(page, show):
    show(made(), tables=False)
    assert walk(page, 6) == [
        "sentence", "additive", "target word", "show the known alignment", "Yesterday",
        "Show as table",
    ]  # fmt: skip


def test_words_that_do_not_fit_in_rows_stand_side_by_side_on_a_dark_phone(show, dark_phone_page):
    widget = made(show_known=True)
    (view,) = show(widget, theme="dark", page=dark_phone_page)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    assert check(view, widget)["isAcross"]
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    for control in view.locator("select, [type=range], label, summary").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    view.get_by_role("combobox").select_option(index=1)
    widget.set(sentence=1, query=0)
    assert not check(view, widget)["isAcross"]  # three short words fit
    dark_phone_page.set_viewport_size({"width": 800, "height": 900})
    view.get_by_role("combobox").select_option(index=0)
    widget.set(sentence=0)
    assert not check(view, widget)["isAcross"]


def test_long_words_stay_on_a_phone(show, dark_phone_page):
    long = ["Donaudampfschifffahrtsgesellschaft", "W" * 40] * 3
    (view,) = show(AlignmentView(long, long, np.eye(6)), page=dark_phone_page)
    assert view.evaluate(SHOWN)["isAcross"]
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = made()
    view = put_in_hand(page, widget, TRAITS, ".attn-alignment", READY)
    view.locator("summary").click()
    return view, widget


def test_python_may_change_everything(page, in_hand):
    view, widget = in_hand
    rng = np.random.default_rng(2)
    for n_models, n_target, n_source in ((1, 3, 6), (6, 1, 1), (3, 20, 32)):
        sentences = [
            {
                "source": [f"s{j}" for j in range(n_source)],
                "target": [f"t{i}" for i in range(n_target)],
                "weights": rng.dirichlet(np.ones(n_source), size=(n_models, n_target)),
                "known": [(n_target - 1, n_source - 1)],
            }
        ] * 2
        names = [f"m{place}" for place in range(n_models)]
        places = {"sentence": 1, "model": n_models - 1, "query": n_target - 1}
        widget.set(sentences=sentences, names=names, show_known=True, **places)
        page.evaluate(SET, wire(widget.get_state(TRAITS)))
        check(view, widget)


def test_half_a_message_leaves_the_old_picture(page, in_hand):
    view, widget = in_hand
    good = widget.get_state(TRAITS)
    for name, bad in (
        ("query", 8), ("sentence", 2), ("model", 2), ("names", ["a"]), ("sentences", None),
    ):  # fmt: skip
        for value in (bad, good[name]):
            page.evaluate("([name, value]) => model.set(name, value)", [name, value])
            check(view, widget)


def test_nothing_is_left_after_cleanup(page, in_hand):
    view, _ = in_hand
    check_nothing_is_left(page, view, "query", 1)


def test_one_step_over_32_words_is_well_within_a_frame(show):
    words = [f"w{i}" for i in range(32)]
    weights = np.random.default_rng(1).dirichlet(np.ones(32), size=(6, 32))
    known = [(i, i) for i in range(32)]
    (view,) = show(AlignmentView(words, words, weights, known=known, show_known=True))
    times = time_steps(view.get_by_role("slider"), 1)
    print(f"script, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}")
    assert np.median(times) < 1000 / 60 / 2
