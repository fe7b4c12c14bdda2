"""Bars: how one query spreads its weight over the keys."""

from collections.abc import Mapping

import numpy as np

from attn_helpers.plots.arrays import numbers_of, weights_array
from attn_helpers.plots.fonts import literal
from attn_helpers.plots.style import INK, PALETTE, axes_or_new, finish, use_style
from attn_helpers.plots.tokens import number_size, token_names, token_ticks

__all__ = ["bars"]

_MAX_NUMBERS = 8


@use_style()
def bars(weights, *, labels=None, title=None, xlabel="key", ylabel="weight", ax=None):
    """Show the weights of one query as bars, or several such rows side by side.

    Parameters
    ----------
    weights : array-like of shape (n_k,), or dict of str to array-like of shape (n_k,)
        Weights between 0 and 1. A dict gives each row its name, {"near": w, "far": u}; it has
        at most five.
    labels : sequence of str of length n_k, optional
        Tokens of the keys; positions by default.
    title : str, optional
    xlabel, ylabel : str, default "key" and "weight"
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax.containers` holds one group of bars for each row. The y scale is fixed: from 0 to
        1, and room for the weights above the bars, which stand there up to 8 keys.

    Raises
    ------
    TypeError, ValueError
        If the weights are not finite rows in [0, 1] of one length, or the labels do not fit. The
        message has every shape.
    """
    if isinstance(weights, Mapping):
        named = {f"weights[{name!r}]": row for name, row in weights.items()}
    else:
        named = {"weights": weights}
    if not 1 <= len(named) <= len(PALETTE):
        raise ValueError(
            f"weights must name 1 to {len(PALETTE)} rows, but it has {len(named)}; "
            f"show more of them with heatmap"
        )
    rows = [weights_array(name, row, axes="(n_k,)") for name, row in named.items()]
    n_k = rows[0].size
    if any(row.size != n_k for row in rows):
        every = ", ".join(f"{name} is {row.shape}" for name, row in zip(named, rows, strict=True))
        raise ValueError(f"weights needs rows of one length, n_k: {every}")
    labels = token_names("labels", labels, n_k, weights=rows[0])
    ax = axes_or_new(ax, (6.0, 3.0))

    width = 0.72 / len(rows)
    places = np.arange(n_k)
    ax.set(xlim=(-0.6, n_k - 0.4), ylim=(0, 1.1), yticks=[0, 0.25, 0.5, 0.75, 1])
    ax.spines.left.set_bounds(0, 1)
    ax.grid(axis="y")
    for number, (row, colour) in enumerate(zip(rows, PALETTE, strict=False)):
        shift = (number - (len(rows) - 1) / 2) * width
        drawn = ax.bar(places + shift, row, width=0.94 * width, color=colour)
        if n_k <= _MAX_NUMBERS:
            _write_numbers(ax, drawn, row, len(rows))
    finish(ax, xlabel=xlabel, ylabel=ylabel)
    token_ticks(ax, "x", labels, n_k)
    ax.tick_params(axis="x", length=0)
    if isinstance(weights, Mapping):
        _name_rows(ax, list(weights))
    if title is not None:
        ax.set_title(literal(title), pad=28 if isinstance(weights, Mapping) else None)
    return ax


def _write_numbers(ax, drawn, row, n_rows):
    numbers = numbers_of(row)
    size = number_size(ax, 1.4 * row.size * n_rows, numbers)
    if size is not None:
        ax.bar_label(drawn, numbers, padding=2, fontsize=size, color=INK)


def _name_rows(ax, names):
    legend = ax.legend(
        ax.containers[-len(names) :],
        ["name"] * len(names),  # set below: the legend leaves out names that start with _
        loc="lower left",
        bbox_to_anchor=(0, 1.01),
        borderaxespad=0,
        ncols=len(names),
        handlelength=1,
        handleheight=0.9,
        handletextpad=0.5,
        columnspacing=1.4,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(literal(name))
