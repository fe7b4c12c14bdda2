"""Tokens along an axis: checked names, and tick labels that do not run into one another."""

import unicodedata

from attn_helpers.arguments import shapes
from attn_helpers.plots.fonts import label
from attn_helpers.plots.style import points

__all__ = ["MAX_TICKS", "arrange", "number_size", "token_names", "token_ticks"]

MAX_TICKS = 32
_LONGEST = 32  # characters of a token that are shown
_CHARACTER = 0.62  # mean width of a character in units of the font size


def token_names(name, tokens, size, **arrays):
    """Turn tokens into labels that can be drawn; None stays None.

    Parameters
    ----------
    name : str
        The argument's name, for the error.
    tokens : sequence of str, or None
    size : int
        How many tokens the data needs.
    **arrays : ndarray
        The data, for the error.

    Raises
    ------
    TypeError
        If `tokens` is one string, or no sequence.
    ValueError
        If there are not `size` of them.
    """
    if tokens is None:
        return None
    if isinstance(tokens, (str, bytes)) or not hasattr(tokens, "__iter__"):
        raise TypeError(f"{name} must be a list of tokens, but it is {tokens!r}")
    labels = [label(token) for token in tokens]
    if len(labels) != size:
        raise ValueError(
            f"{name} needs {size} tokens, but it has {len(labels)} ({shapes(**arrays)})"
        )
    return [text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…" for text in labels]


def token_ticks(ax, axis, names, count):
    """Put ticks at 0, 1, ..., `count` - 1 of one axis: tokens, or positions where `names` is None.

    Up to `MAX_TICKS` tokens all have a tick; beyond that every second, third and so on has one.
    Positions get round steps. Labels along x are turned where they would touch.
    """
    from matplotlib import rcParams

    size = rcParams[f"{axis}tick.labelsize"]
    if names is None:
        step = next(step for step in _round_steps() if (count - 1) // step < 10)
        names = [str(position) for position in range(count)]
    else:
        step = -(-count // MAX_TICKS)
    places, names = range(0, count, step), names[::step]
    room = points(ax)[axis == "y"] * step / count
    size = max(6, min(size, 0.9 * room))
    if axis == "x":
        names, look = arrange(names, room, size)
        ax.set_xticks(places, labels=names, fontsize=size, parse_math=False, **look)
    else:
        ax.set_yticks(places, labels=names, fontsize=size, parse_math=False)


def arrange(names, room, size):
    """Break or turn labels that would touch their neighbours.

    Parameters
    ----------
    names : list of str
    room : float
        Width of one place, in points.
    size : float
        Font size, in points.

    Returns
    -------
    names : list of str
        With a line break before a gloss in brackets, where that makes them fit.
    look : dict
        Text properties: rotation and alignment.
    """
    if _fit(names, room - 0.5 * size, size):
        return names, {}
    broken = [name.replace(" (", "\n(") for name in names]
    if _fit(broken, room - 0.5 * size, size):
        return broken, {}
    if room >= 1.6 * size:
        return names, {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    return names, {"rotation": 90}


def number_size(ax, columns, numbers):
    """Font size at which every number fits one of `columns` columns; None where none is legible."""
    room = points(ax)[0] / columns
    size = min(9.5, 0.92 * room / max(width(number, 1) for number in numbers))
    return size if size >= 5.5 else None


def width(text, size):
    """Estimate how wide a text is, in points; its widest line counts."""
    return max(_line_width(line, size) for line in text.split("\n"))


def _fit(names, room, size):
    widths = [width(name, size) for name in names]
    return all(left + right <= 2 * room for left, right in zip(widths, widths[1:], strict=False))


def _line_width(text, size):
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return size * (wide + _CHARACTER * (len(text) - wide))


def _round_steps():
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10
