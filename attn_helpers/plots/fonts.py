r"""Text that a figure can always show: Chinese with a font or without, and hostile tokens.

Matplotlib ships a font without Chinese. Where the machine has one with it, tokens show as they
are; elsewhere by their reading, such as "zuótiān (yesterday)". A character that no font can draw,
or that would be invisible, is spelled out (U+6628, \n), so a figure has neither empty boxes nor
missing-glyph warnings.
"""

import unicodedata
from functools import lru_cache

__all__ = ["cjk_family", "label"]

BASE_FAMILY = "DejaVu Sans"  # ships with Matplotlib

CJK_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Heiti TC",
    "STHeiti",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Sans CJK JP",  # Matplotlib before 3.11 sees only the first font of a collection
    "Droid Sans Fallback",
    "Arial Unicode MS",
    "Noto Serif CJK SC",
    "AR PL UMing CN",
)

_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def cjk_family():
    """Name an installed font family that holds Chinese characters.

    Returns
    -------
    str or None
        The first of `CJK_FAMILIES` that Matplotlib finds; None where there is none.
    """
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return next((family for family in CJK_FAMILIES if family in installed), None)


def families():
    """Font families of every text in a figure, in the order in which a glyph is looked up."""
    cjk = cjk_family()
    return [BASE_FAMILY] if cjk is None else [BASE_FAMILY, cjk]


def label(token, *, readings=None):
    r"""Turn a token into text that shows on this machine, and shows all of it.

    Parameters
    ----------
    token : str
        A token, taken literally: markup, `$` and backslashes have no meaning. Any other object
        is shown as its `str`.
    readings : mapping of str to (str, str), optional
        Pronunciation and gloss of a token, used where its characters cannot be drawn; the
        running example's readings by default.

    Returns
    -------
    str
        The token itself where every character can be drawn. Else its reading, "zuótiān
        (yesterday)"; without one, what cannot be drawn is spelled U+6628. Line breaks and tabs
        show as \n and \t, spaces at either end as ␣, and an empty token as "".

    Raises
    ------
    TypeError
        If `readings` gives a token something other than a pronunciation and a gloss.

    Examples
    --------
    >>> label("昨天", readings={"昨天": ("zuótiān", "yesterday")})  # doctest: +SKIP
    'zuótiān (yesterday)'
    """
    text = str(token)
    if not text:
        return '""'
    if not all(map(_visible, text)):
        if readings is None:
            from attn_helpers.data import READINGS as readings
        if text in readings:
            return _reading(text, readings[text])
    inner = text.strip(" ")
    before, after = text.split(inner, 1) if inner else (text, "")
    return "␣" * len(before) + literal(inner).replace("\n", r"\n") + "␣" * len(after)


def literal(text):
    """Spell out what cannot be drawn in a title or an axis label; line breaks stay."""
    return "".join(c if c == "\n" or _visible(c) else _spell(c) for c in str(text))


def _reading(token, reading):
    if isinstance(reading, str) or len(reading) != 2:
        raise TypeError(
            f"readings[{token!r}] must be a pair (pronunciation, gloss), but it is {reading!r}"
        )
    pronunciation, gloss = reading
    return literal(f"{pronunciation} ({gloss})")


def _spell(character):
    return _ESCAPES.get(character, f"U+{ord(character):04X}")


def _visible(character):
    """Whether a font has the character, and it is no control, format or unassigned one."""
    if " " <= character <= "~":
        return True
    category = unicodedata.category(character)
    if category.startswith("C") or category in ("Zl", "Zp"):
        return False
    return any(_has_glyph(family, character) for family in families())


@lru_cache(maxsize=4096)
def _has_glyph(family, character):
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont(family)).get_char_index(ord(character)) != 0
