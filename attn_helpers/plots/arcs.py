"""Arcs between tokens: who attends to whom, and how much."""

import numpy as np

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import weights_array
from attn_helpers.plots.style import INK, MUTED, PALETTE, axes_or_new, finish, points, use_style
from attn_helpers.plots.tokens import arrange, token_names, width

__all__ = ["arcs"]

_MAX_TOKENS = 16
_SIZE = 10.5  # of a token, in points
_GAP = 4  # between a token and its arcs, in points


@use_style()
def arcs(weights, *, queries, keys=None, threshold=0.05, title=None, ax=None):
    """Draw a line from each query to each key it attends to, wider and darker with the weight.

    Parameters
    ----------
    weights : array-like of shape (n_q, n_k)
        Weights between 0 and 1.
    queries : sequence of 1 to 16 str
        Tokens of the queries, in the upper row.
    keys : sequence of 1 to 16 str, optional
        Tokens of the keys, in the lower row. Without it `weights` is self-attention and there is
        one row: a token's arcs above it lead to earlier tokens and to itself, those below it to
        later ones.
    threshold : float, default 0.05
        Smaller weights are left out.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax.patches` holds one arc for each weight drawn, row by row.

    Raises
    ------
    TypeError, ValueError
        If the weights are not finite or not in [0, 1], if the tokens do not fit them or are more
        than 16, or if the threshold is not in [0, 1). The message has every shape.
    """
    weights = weights_array("weights", weights, axes="(n_q, n_k)")
    if max(weights.shape) > _MAX_TOKENS:
        raise ValueError(
            f"weights must be at most {_MAX_TOKENS} by {_MAX_TOKENS} for arcs to be told apart, "
            f"but {shapes(weights=weights)}; use heatmap"
        )
    if keys is None and weights.shape[0] != weights.shape[1]:
        raise ValueError(
            f"weights must be square where there are no keys, but {shapes(weights=weights)}; "
            f"pass keys for a second row"
        )
    queries = token_names("queries", queries, weights.shape[0], weights=weights)
    keys = token_names("keys", keys, weights.shape[1], weights=weights)
    if queries is None:
        raise TypeError("queries must be a list of tokens, but it is None")
    threshold = float(finite_array("threshold", threshold, ndim=0))
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must lie in [0, 1), but it is {threshold}")

    ax = axes_or_new(ax, (6.0, 3.0))
    ax.set_axis_off()
    finish(ax, title=title)
    drawn = [(i, j) for i, j in np.argwhere(weights > 0) if weights[i, j] >= threshold]
    if keys is None:
        _one_row(ax, weights, queries, drawn)
    else:
        _two_rows(ax, weights, queries, keys, drawn)
    return ax


def _two_rows(ax, weights, queries, keys, drawn):
    span = max(weights.shape)
    above, below = (span * (np.arange(n) + 0.5) / n for n in weights.shape)
    ax.set_xlim(0, span)
    top = _write_tokens(ax, queries, above, 1, side=1)
    bottom = _write_tokens(ax, keys, below, 0, side=-1)
    unit = 1 / _free(ax, top + bottom)  # of y, for one point
    ax.set_ylim(-bottom * unit, 1 + top * unit)
    for name, height, side in ("query", 1, 1), ("key", 0, -1):
        ax.annotate(
            *(name, (0, height)),
            xycoords=("axes fraction", "data"),
            xytext=(-18, side * (_GAP + _SIZE / 2)),
            textcoords="offset points",
            ha="right",
            va="center",
            color=MUTED,
        )
    for i, j in drawn:
        ends = [(above[i], 1), (above[i], 0.5), (below[j], 0.5), (below[j], 0)]
        _draw_arc(ax, ends, weights[i, j])


def _one_row(ax, weights, tokens, drawn):
    ax.set_xlim(-0.5, len(tokens) - 0.5)
    half = _write_tokens(ax, tokens, np.arange(len(tokens)), 0, side=0)
    up = _rise(max([0, *(i - j for i, j in drawn)]))
    down = _rise(max(j - i for i, j in drawn)) if any(j > i for i, j in drawn) else 0
    unit = (up + down) / _free(ax, 2 * half + 6)  # of y, for one point
    edge = half * unit
    ax.set_ylim(-edge - down - 3 * unit, edge + up + 3 * unit)
    for i, j in drawn:
        side = 1 if j <= i else -1
        foot = side * edge
        peak = foot + side * _rise(abs(i - j)) / 0.75  # a Bezier curve reaches 3/4 of the way
        lean = 0.3 if i == j else 0
        ends = [(i + lean / 4, foot), (i + lean, peak), (j - lean, peak), (j - lean / 4, foot)]
        _draw_arc(ax, ends, weights[i, j])
    note = {"transform": ax.transAxes, "color": MUTED}
    ax.text(0, 1, "looks back", va="top", **note)
    if down:
        ax.text(0, 0, "looks ahead", va="bottom", **note)


def _rise(distance):
    """Height of an arc over so many tokens."""
    return 0.4 + 0.5 * distance


def _free(ax, taken):
    """Points of the axes' height that text leaves for the arcs; never none."""
    height = points(ax)[1]
    return max(height - taken, 0.2 * height)


def _write_tokens(ax, tokens, places, height, *, side):
    """Write a row of tokens over (1), on (0) or under (-1) a height; return the points it takes."""
    tokens, look = arrange(tokens, points(ax)[0] / len(tokens), _SIZE)
    turned = look.get("rotation", 0)
    ha = {1: "left", 0: "center", -1: "right"}[side if turned else 0]
    for place, token in zip(places, tokens, strict=True):
        ax.annotate(
            *(token, (place, height)),
            xytext=(0, side * _GAP),
            textcoords="offset points",
            ha=ha,
            va={1: "bottom", 0: "center", -1: "top"}[side],
            color=INK,
            fontsize=_SIZE,
            parse_math=False,
            rotation=turned,
            rotation_mode="anchor",
        )
    lines = 1.25 * _SIZE * max(token.count("\n") + 1 for token in tokens)
    tall = max(width(token, _SIZE) for token in tokens) * np.sin(np.radians(turned)) + lines
    return _GAP + (tall if side else tall / 2)


def _draw_arc(ax, ends, weight):
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    path = Path(ends, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    look = {"color": PALETTE[0], "alpha": 0.15 + 0.8 * min(weight, 1)}
    ax.add_patch(PathPatch(path, fill=False, linewidth=0.6 + 5 * weight, clip_on=False, **look))
