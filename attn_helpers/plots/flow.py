"""Flow: boxes in a row with arrows between them, to be filled with what flows."""

from textwrap import fill

import numpy as np

from attn_helpers.plots.fonts import literal
from attn_helpers.plots.style import MUTED, RULE, finish, points, subplots, use_style
from attn_helpers.plots.tokens import width

__all__ = ["flow"]

_MAX_STEPS = 6


@use_style()
def flow(steps, *, size=(9.5, 2.8)):
    """Open a figure with one box for each step, joined by arrows; draw the data into them.

    Parameters
    ----------
    steps : sequence of 2 to 6 str
        What each step is called, written above its box; taken literally.
    size : (float, float), default (9.5, 2.8)
        Width and height in inches.

    Returns
    -------
    ndarray of Axes of shape (len(steps),)
        Empty boxes, without ticks; pass one as `ax=` or draw into it. The arrows keep clear of
        ticks and labels that come later.

    Raises
    ------
    TypeError, ValueError
        If `steps` is one string or no sequence, or has fewer than 2 or more than 6 names.
    """
    if isinstance(steps, (str, bytes)) or np.ndim(steps) != 1:
        raise TypeError(f"steps must be a list of names, but it is {steps!r}")
    steps = [literal(step) for step in steps]
    if not 2 <= len(steps) <= _MAX_STEPS:
        raise ValueError(f"steps needs 2 to {_MAX_STEPS} names, but it has {len(steps)}: {steps}")
    figure, axes = subplots(1, len(steps), size=size)
    figure.get_layout_engine().set(wspace=0.2)
    room = points(axes[0])[0]
    letters = min(14, max(10.5, room / max(width(step, 1) for step in steps)))
    columns = max(1, int(room / width("x", letters)))
    for ax, step in zip(axes, steps, strict=True):
        finish(ax)
        ax.set_title(fill(step, columns), fontsize=letters, parse_math=False)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
        ax.spines[:].set_color(RULE)
    for left, right in zip(axes[:-1], axes[1:], strict=True):
        _join(left, right)
    return axes


def _join(left, right):
    """Draw an arrow from all that `left` shows to all that `right` shows, at half their height."""
    from matplotlib.text import Annotation

    arrow = Annotation(
        "",
        xy=(0, 0.5),
        xytext=(1, 0.5),
        xycoords=(right.get_tightbbox, right.transAxes),
        textcoords=(left.get_tightbbox, left.transAxes),
        arrowprops={
            "arrowstyle": "-|>",
            "color": MUTED,
            "linewidth": 1.6,
            "mutation_scale": 14,
            "shrinkA": 4,
            "shrinkB": 4,
        },
        annotation_clip=False,
    )
    left.figure.add_artist(arrow)
