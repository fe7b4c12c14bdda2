"""GenerationStepper in Chromium, alone on a page; what it shows is compared with Python."""

import re

import numpy as np
import pytest
import torch

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

from attn_helpers.reference import next_token_probabilities  # noqa: E402
from attn_helpers.widgets import GenerationStepper  # noqa: E402

TRAITS = (
    "tokens", "vocabulary", "logits", "weights", "n_prompt", "position", "temperature", "top_k",
    "top_p", "layer", "head",
)  # fmt: skip
READY = ".attn-step-text span"
show = views_of(".attn-step", READY, tables=True)

# What one view shows, with its numbers at full precision; its tables must be open.
SHOWN = """view => {
  const all = (selector, from = view) => [...from.querySelectorAll(selector)];
  const seen = (selector, from = view) =>
    all(selector, from).filter((node) => node.checkVisibility());
  const one = (selector) => view.querySelector(selector);
  const places = (spans, test) => spans.flatMap((span, place) => (test(span) ? [place] : []));
  const spans = all(".attn-step-text span");
  const line = (name) => (span) => getComputedStyle(span).textDecorationStyle === name &&
    getComputedStyle(span).textDecorationLine === "underline";
  const frame = (span) => getComputedStyle(span).outlineStyle === "solid";
  const rows = seen(".attn-step-row").map((row) => {
    const track = row.querySelector(".attn-step-track").getBoundingClientRect();
    const bar = row.querySelector(".attn-step-track span").getBoundingClientRect();
    const own = getComputedStyle(row.querySelector(".attn-step-track"), "::after").width;
    return {
      name: row.querySelector("bdi").textContent, note: row.querySelector("small").textContent,
      value: Number(row.querySelector("data").value), label: row.ariaLabel,
      text: row.querySelector("data").textContent,
      bar: (bar.right - track.left - 1) / (track.width - 1),
      own: parseFloat(own) / (track.width - 1),
      isStruck: getComputedStyle(row.querySelector("data")).textDecorationLine === "line-through",
    };
  });
  const table = (place) => all("table")[place] && all("tbody tr", all("table")[place])
    .map((row) => [row.querySelector("th").textContent,
      ...all("data", row).map((node) => Number(node.value))]);
  const slider = (name) => one(`[type=range][aria-label="${name}"]`);
  const position = slider("position");
  return {
    text: spans.filter((span) => span.checkVisibility()).map((span) => span.textContent),
    shade: spans.map((span) => Number(span.style.getPropertyValue("--weight"))),
    paint: spans.map((span) => getComputedStyle(span).backgroundColor),
    given: places(spans, line("dotted")), cut: places(spans, line("wavy")),
    now: places(spans, frame), later: places(spans, (span) => span.classList.contains("later")),
    before: one("[role=img]").ariaLabel, told: one(".attn-step-told").textContent,
    looked: seen(".attn-step-looked")[0]?.textContent,
    most: Number(one(".attn-step-scale data").value),
    selects: seen("select").map((select) => Number(select.value)),
    numbers: ["temperature", "top-k", "top-p"].map((name) => [slider(name).valueAsNumber,
      slider(name).closest(".attn-slider").querySelector("[type=number]").valueAsNumber]),
    position: position.valueAsNumber, ends: [Number(position.min), Number(position.max)],
    spoken: position.getAttribute("aria-valuetext"), rows,
    readout: seen(".attn-readout data").map((node) => Number(node.value)),
    path: seen(".attn-readout small")[2]?.textContent,
    disabled: seen("[aria-disabled=true]").map((node) => node.textContent),
    candidates: table(0), lookedAt: table(1), speech: one("output").textContent,
  };
}"""
SIGNS = {" ": "␣", "\n": "⏎", "": "∅"}
SAID = {" ": "space", "\n": "new line", "": "nothing"}


def visible(token):
    return token.translate(str.maketrans({" ": "␣", "\n": "⏎"})) or "∅"


def cut_words(rank, n_kept, widget):
    if rank < n_kept:
        return ""
    if widget.temperature == 0:
        return "cut: temp. 0"
    return "cut: top-k" if widget.top_k is not None and rank >= widget.top_k else "cut: top-p"


def check(view, widget):
    """Compare everything that a view shows with the Python object's own numbers."""
    view.page.wait_for_function("document.getAnimations().length === 0")
    shown = view.evaluate(SHOWN)
    check_candidates(shown, widget)
    check_text(shown, widget)
    names, position, seq = widget.vocabulary, widget.position, len(widget.tokens)
    n_tokens = len(names)
    wanted = [widget.temperature, min(widget.top_k or n_tokens, n_tokens), widget.top_p or 1]
    ends = [(0, 2), (1, n_tokens), (0.01, 1)]
    for found, value, (low, high) in zip(shown["numbers"], wanted, ends, strict=True):
        assert found == [pytest.approx(np.clip(value, low, high)), pytest.approx(value, rel=0.01)]
    assert (shown["position"], shown["ends"]) == (position, [widget.n_prompt, seq])
    at_end = {widget.n_prompt: "◀ Back", seq: "Forward ▶"}
    if widget.n_prompt < seq:
        assert shown["disabled"] == ([at_end[position]] if position in at_end else [])
    return shown


def check_candidates(shown, widget):
    names, position, probabilities = widget.vocabulary, widget.position, widget.probabilities
    scores = widget.logits[position - 1].astype(float)
    own = np.exp(scores - scores.max())
    own /= own.sum()
    order = np.argsort(-scores, kind="stable")
    n_kept = (probabilities > 0).sum()
    drawn = [*widget.tokens, None][position]
    drawn_rank = -1 if drawn is None else int((order == drawn).argmax())
    ranks = list(range(min(10, len(names))))
    if drawn_rank >= 10:
        ranks[9] = drawn_rank
    rows = shown["rows"]
    assert len(rows) == len(ranks) + (len(names) > 10)
    for rank, row in zip(ranks, rows, strict=False):
        token, cut = order[rank], cut_words(rank, n_kept, widget)
        notes = ["drawn"] * (rank == drawn_rank) + [f"rank {rank + 1}"] * (rank >= 10)
        note = ", ".join(notes + [cut] * (bool(cut) and rank != drawn_rank))
        assert (row["name"], row["note"]) == (visible(names[token]), note)
        assert row["value"] == pytest.approx(probabilities[token], abs=1e-12)
        assert row["text"] == f"{probabilities[token]:.3f}"
        assert row["label"].startswith(f"{SAID.get(names[token], names[token])}, {row['text']}")
        assert row["label"].endswith(note) and row["isStruck"] == bool(cut)
        assert row["bar"] == pytest.approx(probabilities[token], abs=0.01)
        assert row["own"] == pytest.approx(own[token], abs=0.01)
    if len(names) > 10:
        rest = np.setdiff1d(np.arange(len(names)), order[ranks])
        n_cut = (probabilities[rest] == 0).sum()
        assert rows[-1]["value"] == pytest.approx(probabilities[rest].sum(), abs=1e-12)
        assert rows[-1]["name"] == f"{len(rest)} other" + "s" * (len(rest) > 1)
        assert rows[-1]["note"] == (
            "all cut" if n_cut == len(rest) else f"{n_cut} cut" * bool(n_cut)
        )
    bits = -(probabilities[probabilities > 0] * np.log2(probabilities[probabilities > 0])).sum()
    np.testing.assert_allclose(shown["readout"][:2], [n_kept, bits], atol=1e-9)
    where = f"Position {position} of {len(widget.tokens)}"
    if drawn is None:
        assert shown["told"] == f"{where}: the text ends here, nothing is drawn yet"
        assert shown["spoken"] == f"{where}, nothing drawn"
    else:
        chance = cut_words(drawn_rank, n_kept, widget) or f"probability {probabilities[drawn]:.3f}"
        assert shown["told"] == f"{where}: {visible(names[drawn])} was drawn, {chance}"
        spoken = SAID.get(names[drawn], names[drawn])
        assert shown["spoken"] == f"{where}, {spoken} was drawn, {chance}"
    if shown["candidates"]:
        first = order[:40]
        assert [line[0] for line in shown["candidates"]] == [
            visible(names[token]) for token in first
        ]
        numbers = np.array([line[1:] for line in shown["candidates"]])
        expected = [scores[first], own[first], probabilities[first], probabilities[first] > 0]
        np.testing.assert_allclose(numbers, np.transpose(expected), rtol=0, atol=1e-9)


def check_text(shown, widget):
    position, seq, n_prompt = widget.position, len(widget.tokens), widget.n_prompt
    text = [widget.vocabulary[token] for token in widget.tokens]
    assert shown["text"] == [*map(visible, text)] + ["?"] * (position == seq)
    assert shown["before"] == f"the text before the position: {''.join(text[:position])}"
    assert shown["now"] == [position] and shown["later"] == [*range(position + 1, seq + 1)]
    settings = {name: getattr(widget, name) for name in ("temperature", "top_k", "top_p")}
    scores = torch.tensor(widget.logits, dtype=torch.float64)
    possible = next_token_probabilities(scores, **settings) > 0
    cut = [at for at in range(n_prompt, seq) if not possible[at - 1, widget.tokens[at]]]
    assert shown["cut"] == cut
    assert shown["given"] == [*range(n_prompt)]
    if seq > n_prompt:
        first = f", the first cut is at {cut[0]}" if cut else ""
        assert shown["readout"][2] == seq - n_prompt - len(cut)
        assert shown["path"] == f"of {seq - n_prompt}{first}"
    if widget.weights is None:
        assert shown["shade"] == [0] * (seq + 1) and shown["looked"] is None
        return
    row = widget.weights[widget.layer, widget.head, position - 1].astype(float)
    shade = row / row.max() * (np.arange(seq) < position)
    np.testing.assert_allclose(shown["shade"], [*shade, 0], rtol=0, atol=0.02)
    assert shown["most"] == pytest.approx(row.max(), abs=0.004)
    n_layers, n_heads = widget.weights.shape[:2]
    chosen = {"layer": (widget.layer, n_layers), "head": (widget.head, n_heads)}
    assert shown["selects"] == [at for at, count in chosen.values() if count > 1]
    best = int(shown["lookedAt"][0][1]) if shown["lookedAt"] else int(row.argmax())
    assert row[best] == pytest.approx(row.max(), abs=0.004)
    name = f"layer {widget.layer}, " * (n_layers > 1) + f"head {widget.head}"
    back = position - 1 - best
    target = "most at " + (f"{visible(text[best])}, {back} back" if back else "itself")
    if position > 1 and row.max() * position < 1.1:
        target = "at all tokens alike"
    assert shown["looked"] == f"{name} looks from {visible(text[position - 1])} {target}"
    for token, place, weight in shown["lookedAt"] or []:
        assert token == visible(text[place])
        assert weight == pytest.approx(row[place], abs=0.004)


VOCABULARY = [*"etaoinshrdlu", " ", "\n", ".", "<b>", "我", ""]


def written(seq=24, n_layers=2, n_heads=3, vocabulary=VOCABULARY, **more):
    """A text drawn from random scores, blanks and line ends included."""
    rng = np.random.default_rng(9)
    n_tokens = len(vocabulary)
    logits = rng.normal(scale=2, size=(seq, n_tokens)).astype(np.float32)
    chances = np.exp(logits / 4)  # hot, so that some drawn tokens are unlikely
    drawn = [int(rng.choice(n_tokens, p=p / p.sum())) for p in chances.astype(float)]
    weights = np.tril(rng.random((n_layers, n_heads, seq, seq)) ** 8 + 1e-6)
    weights /= weights.sum(-1, keepdims=True)
    text = {"tokens": [0, *drawn[:-1]], "logits": logits, "vocabulary": vocabulary}
    return GenerationStepper(**(text | {"weights": weights, "n_prompt": 4} | more))


def test_every_position_shows_its_candidates_and_its_attention(show):
    widget = written(temperature=0.8, top_k=9, top_p=0.9)
    (view,) = show(widget)
    notes = set()
    for position in range(4, 25):
        widget.position = position
        shown = check(view, widget)
        notes |= {row["note"] for row in shown["rows"]}
        view.get_by_role("button", name="Forward").press("Enter")
    assert {"drawn", "cut: top-p", "cut: top-k", "all cut"} <= notes
    assert any(re.fullmatch(r"drawn, rank 1\d", note) for note in notes)
    check(view, widget)  # after the end there is no forward


def test_the_buttons_step_and_say_what_they_found(show):
    widget = written(position=6)
    (view,) = show(widget)
    for name, position in (("Back", 5), ("Back", 4), ("Back", 4), ("Forward", 5)):
        view.get_by_role("button", name=name).press("Enter")
        widget.position = position
        shown = check(view, widget)
        words = f"{shown['spoken']}; 18 candidates kept, likeliest "
        assert shown["speech"].startswith(words) and shown["speech"].endswith(shown["looked"])


def test_the_slider_and_its_keys_step_and_stay_from_the_page_around(show, page):
    widget = written()
    (view,) = show(widget)
    page.evaluate("() => { window.heard = []; onkeydown = ({ key }) => heard.push(key); }")
    slider = view.get_by_role("slider", name="position")
    for key, position in (
        ("ArrowRight", 5), ("ArrowUp", 6), ("ArrowLeft", 5), ("End", 24), ("Home", 4),
    ):  # fmt: skip
        slider.press(key)
        widget.position = position
        assert check(view, widget)["speech"].startswith(f"Position {position} of 24")
    assert page.evaluate("heard") == []
    drag(page, slider, 0, 1)
    widget.position = 24
    check(view, widget)


def test_a_click_on_a_token_goes_there_but_not_to_a_given_one(show):
    widget = written()
    (view,) = show(widget)
    view.locator(".attn-step-text span").nth(11).click()
    widget.position = 11
    check(view, widget)
    view.locator(".attn-step-text span").nth(2).click()
    check(view, widget)


def test_dragging_the_settings_renormalises_at_once_and_reset_takes_them_back(show, page):
    widget = written(position=9)
    view, other = show(widget, views=2)
    for name, trait, value in (
        ("temperature", "temperature", 0.5), ("top-k", "top_k", 7), ("top-p", "top_p", 0.6),
        ("temperature", "temperature", 0.0), ("temperature", "temperature", 2.0),
    ):  # fmt: skip
        slider = view.get_by_role("slider", name=name)
        slider.focus()
        slider.fill(str(value))
        setattr(widget, trait, value)
        check(view, widget)
        check(other, widget)
    drag(page, view.get_by_role("slider", name="top-k"), 6 / 17, 1)
    drag(page, view.get_by_role("slider", name="top-p"), 0.6, 1)
    widget.set(top_k=None, top_p=None)
    check(view, widget)
    view.get_by_role("button", name="T = 1, no cuts").click()
    widget.temperature = 1.0
    check(view, widget)


def test_numbers_may_be_typed_and_bad_ones_give_way(show):
    widget = written(position=9)
    (view,) = show(widget)
    for name, typed, trait, value in (
        ("temperature", "3.5", "temperature", 3.5), ("temperature", "-1", "temperature", 3.5),
        ("top-k", "2.5", "top_k", None), ("top-k", "4", "top_k", 4), ("top-k", "99", "top_k", None),
        ("top-p", "0.005", "top_p", 0.005), ("top-p", "0", "top_p", 0.005),
        ("top-p", "1", "top_p", None),
    ):  # fmt: skip
        field = view.get_by_role("spinbutton", name=name)
        field.fill(typed)
        field.press("Enter")
        setattr(widget, trait, value)
        check(view, widget)


def test_layers_and_heads_are_chosen(show):
    widget = written(position=15)
    (view,) = show(widget)
    view.get_by_label("layer").select_option("1")
    view.get_by_label("head").select_option("2")
    widget.set(layer=1, head=2)
    shown = check(view, widget)
    assert shown["speech"].endswith(shown["looked"])
    paint = np.array(shown["paint"])[: widget.position]
    shade = np.array(shown["shade"])[: widget.position]
    assert len(set(paint[shade < 1e-3]) & set(paint[shade > 0.3])) == 0


def test_a_text_without_attention_or_candidates_beyond_ten(show):
    widget = written(vocabulary=list("abcdefg"), weights=None, n_prompt=24)
    (view,) = show(widget, tables=False)
    view.get_by_text("Show candidates as table").click()
    shown = check(view, widget)
    assert shown["selects"] == [] and len(shown["rows"]) == 7
    assert not view.get_by_text("Show attention as table").is_visible()


def test_tab_goes_from_top_to_bottom_and_shows_where_it_is(page, show):
    show(written(), tables=False)
    assert walk(page, 14) == [
        "◀ Back", "position", "Forward ▶", "layer", "head", "temperature", "temperature", "top-k",
        "top-k", "top-p", "top-p", "T = 1, no cuts", "Show candidates as table",
        "Show attention as table",
    ]  # fmt: skip


def test_tokens_are_text(show):
    widget = written(vocabulary=[HOSTILE, "</script><b>x</b>", "我", "", "a b\n"], position=7)
    (view,) = show(widget)
    check(view, widget)
    assert view.locator("img, script, b").count() == 0
    assert HOSTILE in [text.replace("␣", " ") for text in view.locator("bdi").all_text_contents()]


def test_bars_glide_only_where_motion_is_welcome(show, page):
    (view,) = show(written())
    seconds = "node => getComputedStyle(node).transitionDuration"
    bar = view.locator(".attn-step-track span").first
    assert bar.evaluate(seconds) == "0.15s"
    page.emulate_media(reduced_motion="reduce")
    assert bar.evaluate(seconds) == "0s"


def test_the_widget_fits_on_a_dark_phone_and_takes_a_finger(show, dark_phone_page):
    widget = written(seq=60, temperature=0.8, top_k=5)
    (view,) = show(widget, theme="dark", page=dark_phone_page)
    assert brightness(view, "backgroundColor") < 60 < 180 < brightness(view, "color")
    assert dark_phone_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    for control in view.locator("button, input, select, summary").all():
        box = control.bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24
    view.get_by_role("button", name="Forward").tap()
    widget.position = 5
    check(view, widget)


# ---------------------------------------------------------------------------- a model in hand


@pytest.fixture
def in_hand(page):
    """A view of a model that the test sets, and the Python object that it mirrors."""
    widget = written(position=8, layer=1)
    return put_in_hand(page, widget, TRAITS, ".attn-step", READY), widget


def test_python_may_change_everything(page, in_hand):
    view, widget = in_hand
    for seq, n_layers, n_heads, names in (
        (9, 1, 4, "abcdefghijkl"),
        (40, 3, 1, "xy"),
        (5, 1, 1, "x"),
    ):
        other = written(seq, n_layers, n_heads, list(names), position=5, top_k=3, top_p=0.9)
        changed = {name: getattr(other, name) for name in TRAITS}
        widget.set(**changed)
        page.evaluate(SET, wire(widget.get_state(TRAITS)))
        check(view, widget)


def test_half_a_message_leaves_the_old_picture(page, in_hand):
    view, widget = in_hand
    for name, value in (
        ("position", 25), ("tokens", [0]), ("logits", None), ("vocabulary", ["a"]),
        ("temperature", -1), ("top_k", 0),
    ):  # fmt: skip
        page.evaluate("([name, value]) => model.set(name, value)", [name, value])
        check(view, widget)


def test_the_token_at_hand_stays_in_sight_of_a_long_text(page, in_hand):
    view, widget = in_hand
    long = written(seq=400, weights=None)
    page.evaluate(SET, wire(long.get_state(TRAITS)))
    box = view.locator(".attn-step-text")
    scroll = page.evaluate("scrollY")
    for position in (399, 4, 200, 400):
        page.evaluate("position => model.set('position', position)", position)
        now = view.locator(".attn-step-text .now").bounding_box()
        around = box.bounding_box()
        assert (
            around["y"] <= now["y"] and now["y"] + now["height"] <= around["y"] + around["height"]
        )
    assert page.evaluate("scrollY") == scroll


def test_nothing_is_left_after_cleanup(page, in_hand):
    view, _ = in_hand
    check_nothing_is_left(page, view, "position", 5)


def test_a_step_of_256_positions_100_characters_and_16_heads_is_within_a_frame(show):
    names = [chr(33 + place) for place in range(98)] + [" ", "\n"]
    widget = written(256, 4, 4, names, n_prompt=1, temperature=0.8, top_k=40, top_p=0.95)
    (view,) = show(widget, tables=False)
    for name, step in (("position", 4), ("temperature", 0.05), ("top-p", 0.02)):
        times = time_steps(view.get_by_role("slider", name=name), step)
        assert len(times) >= 39
        print(
            f"{name}, ms a step: median {np.median(times):.2f}, p95 {np.percentile(times, 95):.2f}"
        )
        assert np.median(times) < 16
