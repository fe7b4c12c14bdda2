import numpy as np
import pytest

from attn_helpers.data import READINGS
from attn_helpers.plots import arcs, bars, curves, fonts, heatmap, label, temperature_bars
from tests.plots.drawn import render, texts, ticks

SENTENCE = ["我", "昨天", "去", "公园", "跑步"]
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "$x$",
    r"$\frac{1}{$",
    r"\$5 and $6",
    "_hidden",
    "%s {0}",
    "&amp;",
]
FIGURES = {
    "heatmap": lambda tokens: heatmap(np.eye(len(tokens)), rows=tokens),
    "bars": lambda tokens: bars(np.eye(len(tokens))[0], labels=tokens),
    "arcs, one row": lambda tokens: arcs(np.eye(len(tokens)), queries=tokens),
    "arcs, two rows": lambda tokens: arcs(np.eye(len(tokens)), queries=tokens, keys=tokens),
    "temperature_bars": lambda tokens: temperature_bars(np.arange(len(tokens)), labels=tokens)[0],
}


def test_chinese_shows_as_characters_or_as_its_reading(cjk):
    expected = SENTENCE if cjk else [f"{pinyin} ({gloss})" for pinyin, gloss in READINGS.values()]
    assert [label(token) for token in SENTENCE] == expected
    assert label("昨天", readings={"昨天": ("a", "b")}) == ("昨天" if cjk else "a (b)")


def test_an_unknown_chinese_token_is_spelled_by_code_points(cjk):
    assert label("商店") == ("商店" if cjk else "U+5546U+5E97")
    assert label("昨 x", readings={}) == ("昨 x" if cjk else "U+6628 x")


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_in_chinese_has_no_missing_glyph(figure, cjk, recwarn):
    ax = FIGURES[figure](SENTENCE)
    ax.set_title("")
    shown = " ".join(text.get_text() for text in texts(ax)).replace("\n", " ")
    assert not [str(warning.message) for warning in recwarn]
    for token, (pinyin, gloss) in READINGS.items():
        assert (token if cjk else f"{pinyin} ({gloss})") in shown


def test_titles_and_names_in_chinese_have_no_missing_glyph(cjk, recwarn):
    ax = curves([1, 2], {"昨天": [1, 2]}, xlabel="去", ylabel="我", title="公园\n$d_k$")
    render(ax)
    assert not [str(warning.message) for warning in recwarn]
    assert ax.get_title(loc="left") == ("公园\n$d_k$" if cjk else "U+516CU+56ED\n$d_k$")


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\t", r"\t"),
        ("\r\n", r"\r\n"),
        ("\x1b[0m", "U+001B[0m"),
        ("\u202eevil", "U+202Eevil"),
        ("a\u200bb", "aU+200Bb"),
        ("\ud800", "U+D800"),
        ("\U0010ffff", "U+10FFFF"),
        (" the", "␣the"),
        ("  ", "␣␣"),
        ("a b ", "a b␣"),
        ("", '""'),
        ("##ing", "##ing"),
        ("[CLS]", "[CLS]"),
        ("wǒ", "wǒ"),
        (7, "7"),
        *((token, token) for token in HOSTILE),
    ],
)
def test_a_token_shows_all_of_itself(token, shown):
    assert label(token) == shown
    assert label(label(token)) == shown  # so tokens may be turned into labels beforehand


@pytest.mark.parametrize("figure", FIGURES)
def test_hostile_tokens_show_literally(figure, recwarn):
    drawn = texts(FIGURES[figure](HOSTILE))
    for token in HOSTILE:
        found = [text for text in drawn if text.get_text() == token]
        assert found, token
        assert not any(text.get_parse_math() for text in found)
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_very_long_token_is_cut(figure, recwarn):
    drawn = texts(FIGURES[figure](["x" * 400, "y"]))
    assert "x" * 31 + "…" in [text.get_text() for text in drawn]
    assert not [str(warning.message) for warning in recwarn]


def test_a_reading_is_a_pair(monkeypatch):
    monkeypatch.setattr(fonts, "cjk_family", lambda: None)
    with pytest.raises(TypeError, match=r"readings\['我'\] must be a pair"):
        label("我", readings={"我": "wǒ"})


def test_the_first_known_family_that_is_installed_is_taken(monkeypatch):
    from types import SimpleNamespace

    from matplotlib import font_manager

    def install(*names):
        fonts_found = SimpleNamespace(ttflist=[SimpleNamespace(name=name) for name in names])
        monkeypatch.setattr(font_manager, "fontManager", fonts_found)

    install("DejaVu Sans", "SimHei", "Microsoft YaHei")
    assert fonts.cjk_family() == "Microsoft YaHei"
    install("DejaVu Sans")
    assert fonts.cjk_family() is None
    assert fonts.families() == ["DejaVu Sans"]


def test_tick_labels_of_a_heat_map_follow_the_machine(cjk):
    ax = heatmap(np.eye(5), rows=SENTENCE)
    assert ticks(ax, "y") == [label(token) for token in SENTENCE]
