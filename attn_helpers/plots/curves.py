"""Curves: how one measured number changes with another."""

from collections.abc import Mapping

import numpy as np

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import check_axes, plain
from attn_helpers.plots.fonts import literal
from attn_helpers.plots.style import FACE, PALETTE, axes_or_new, finish, ink_of, points, use_style

__all__ = ["curves"]

_MAX_CURVES = 2 * len(PALETTE)
_MAX_POINTS = 16  # up to here every measured point has a marker


@use_style()
def curves(
    x,
    ys,
    *,
    xlabel,
    ylabel,
    logx=False,
    logy=False,
    spread=None,
    mark_minimum=False,
    title=None,
    ax=None,
):
    """Draw lines over a common x, each with its name at its end.

    Parameters
    ----------
    x : array-like of shape (n_x,)
        In increasing order.
    ys : dict of str to array-like of shape (n_x,)
        One to ten curves by name.
    xlabel, ylabel : str
        What is measured, with its unit.
    logx, logy : bool, default False
        Whether an axis is logarithmic; its numbers are then above zero.
    spread : dict of str to array-like of shape (n_x,), optional
        For some of the curves, half the height of a band around it, such as a standard error.
    mark_minimum : bool, default False
        Whether to mark the lowest point of each curve and write its x there.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax.lines` holds the curves in the order of `ys`, then the marks of the minima.

    Raises
    ------
    TypeError, ValueError
        If a curve or a spread is not finite or not as long as `x`, if `x` does not increase, if
        a logarithmic axis has a number that is not above zero. The message has every shape.
    """
    x, ys, spread = _check(x, ys, {} if spread is None else spread, logx, logy)
    ax = axes_or_new(ax, (6.0, 3.6))

    ax.grid(visible=True)
    ax.set_xscale("log" if logx else "linear")
    ax.set_yscale("log" if logy else "linear")
    ax.margins(x=0.03, y=0.16 if mark_minimum else 0.06)
    lines = []
    for number, (name, y) in enumerate(ys.items()):
        line = ax.plot(
            *(x, y),
            color=PALETTE[number % len(PALETTE)],
            linestyle="-" if number < len(PALETTE) else "--",
            marker="o" if x.size <= _MAX_POINTS else None,
            markersize=4,
        )
        lines += line
        if name in spread:
            low, high = y - spread[name], y + spread[name]
            ax.fill_between(x, low, high, color=line[0].get_color(), alpha=0.16, linewidth=0)
    if mark_minimum:
        for line in lines:
            _mark_minimum(ax, line)
    _name_ends(ax, lines, list(ys))
    finish(ax, title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


def _check(x, ys, spread, logx, logy):
    x = finite_array("x", plain(x))
    check_axes("x", x, "(n_x,)")
    if (np.diff(x) <= 0).any():
        raise ValueError(f"x must increase ({shapes(x=x)}); sort it, and the curves with it")
    for argument, rows in {"ys": ys, "spread": spread}.items():
        if not isinstance(rows, Mapping):
            kind = type(rows).__name__
            raise TypeError(f'{argument} must be a dict, {{"name": array}}, but it is {kind}')
    if not 1 <= len(ys) <= _MAX_CURVES:
        raise ValueError(f"ys must have 1 to {_MAX_CURVES} curves, but it has {len(ys)}")
    if strangers := set(spread) - set(ys):
        raise ValueError(f"spread names {sorted(strangers)}, but the curves are {list(ys)}")
    ys = {name: _row(f"ys[{name!r}]", y, x) for name, y in ys.items()}
    spread = {name: _row(f"spread[{name!r}]", half, x) for name, half in spread.items()}
    if any((half < 0).any() for half in spread.values()):
        raise ValueError("spread must not be negative: it is half the height of a band")
    lowest = {name: (y - spread.get(name, 0)).min() for name, y in ys.items()}
    if logx and x[0] <= 0:
        raise ValueError(f"x must be above 0 for logx=True, but it starts at {x[0]:.4g}")
    if logy and min(lowest.values()) <= 0:
        name = min(lowest, key=lowest.get)
        raise ValueError(
            f"ys[{name!r}], less its spread, must be above 0 for logy=True, but it falls to "
            f"{lowest[name]:.4g}"
        )
    return x, ys, spread


def _row(name, value, x):
    row = finite_array(name, plain(value))
    if row.shape != x.shape:
        raise ValueError(f"{name} must be as long as x: {name} is {row.shape}, {shapes(x=x)}")
    return row


def _mark_minimum(ax, line):
    from matplotlib.patheffects import withStroke

    x, y = line.get_data()
    lowest = int(np.argmin(y))
    colour = line.get_color()
    ax.plot(x[lowest], y[lowest], "o", color=colour, markerfacecolor=FACE, markersize=8)
    side = "left" if lowest == 0 else "right" if lowest == x.size - 1 else "center"
    ax.annotate(
        f"minimum at {x[lowest]:.3g}",
        (x[lowest], y[lowest]),
        xytext=(0, -9),
        textcoords="offset points",
        ha=side,
        va="top",
        color=ink_of(colour),
        path_effects=[withStroke(linewidth=3, foreground=FACE)],
    )


def _name_ends(ax, lines, names):
    """Write each name to the right of its line's end, moved apart where they would overlap."""
    ax.get_xlim(), ax.get_ylim()  # settles the limits, which the transform needs
    ends = [ax.transData.transform((line.get_xdata()[-1], line.get_ydata()[-1])) for line in lines]
    heights = ax.transAxes.inverted().transform(ends)[:, 1]
    line_height = 1.3 * 10 / points(ax)[1]
    for line, name, height in zip(lines, names, _apart(heights, line_height), strict=True):
        ax.annotate(
            literal(name),
            (1, height),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=ink_of(line.get_color()),
            annotation_clip=False,
        )


def _apart(heights, gap):
    """Move heights as little as needed until each pair is `gap` apart, keeping their order."""
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    free = np.array(heights)[order] - steps  # must not decrease: isotonic regression
    blocks = []
    for height in free:
        blocks.append([height, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    moved = np.empty(len(heights))
    moved[order] = np.repeat([h for h, _ in blocks], [n for _, n in blocks]) + steps
    return moved
