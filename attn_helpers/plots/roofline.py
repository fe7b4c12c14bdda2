"""The roofline: how fast a step could be, by how much it computes with each byte it fetches."""

from collections.abc import Mapping

import numpy as np

from attn_helpers.arguments import positive
from attn_helpers.plots.fonts import literal
from attn_helpers.plots.style import (
    FACE,
    INK,
    MUTED,
    PALETTE,
    axes_or_new,
    finish,
    ink_of,
    use_style,
)

__all__ = ["roofline"]

_MAX_POINTS = 12
_CORNERS = [("left", 1), ("right", 1), ("left", -1), ("right", -1)]  # ha, below or above


@use_style()
def roofline(points, *, peak, bandwidth, title=None, ax=None):
    """Draw measured steps under the two ceilings of a machine, both axes logarithmic.

    Parameters
    ----------
    points : dict of str to (float, float)
        For each of one to twelve steps its operations per byte and its speed in GFLOP/s.
    peak : float
        The ceiling of arithmetic, GFLOP/s.
    bandwidth : float
        The ceiling of fetching, GB/s: the slope of the roof.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax.lines[0]` is the roof. The points left of its edge, where fetching is the lower ceiling,
        are blue discs; those right of it orange squares.

    Raises
    ------
    TypeError, ValueError
        If a ceiling or a number of a point is not finite and above zero.

    References
    ----------
    Williams, Waterman and Patterson, "Roofline", Commun. ACM 52(4), 2009. Used in 05_1.
    """
    peak, bandwidth = positive("peak", peak), positive("bandwidth", bandwidth)
    points = _check(points)
    ax = axes_or_new(ax, (6.0, 4.0))

    edge = peak / bandwidth
    across = [x for x, _ in points.values()] + [edge]
    left, right = min(*across, edge / 10) / 3, max(across) * 5
    bottom = min([y for _, y in points.values()] + [left * bandwidth]) / 2
    ax.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, peak * 3))
    ax.grid(visible=True)
    ax.plot([left, edge, right], [left * bandwidth, peak, peak], color=INK)
    ax.plot([edge, edge], [bottom, peak], color=MUTED, linewidth=1, linestyle=":")
    words = {"textcoords": "offset points", "color": MUTED}
    flat = f"arithmetic {peak:,.0f} GFLOP/s"
    ax.annotate(flat, (edge, peak), xytext=(0, 5), va="bottom", **words)
    slope = f"fetching {bandwidth:,.0f} GB/s"
    ax.annotate(slope, (edge / 3, peak / 3), xytext=(-7, 0), ha="right", va="center", **words)
    for name, (x, y) in points.items():
        marker, colour = ("o", PALETTE[0]) if x < edge else ("s", PALETTE[1])
        ax.plot(x, y, marker, color=colour, markersize=7, label=literal(name))
    finish(ax, title=title, xlabel="operations per byte", ylabel="GFLOP/s")
    _name(ax, ax.lines[2:])
    return ax


def _check(points):
    if not isinstance(points, Mapping):
        kind = type(points).__name__
        raise TypeError(f'points must be a dict, {{"name": (x, y)}}, but it is {kind}')
    if not 1 <= len(points) <= _MAX_POINTS:
        raise ValueError(f"points must be 1 to {_MAX_POINTS} steps, but there are {len(points)}")
    for name, pair in points.items():
        if np.shape(pair) != (2,):
            raise ValueError(
                f"points[{name!r}] must be (operations per byte, GFLOP/s), but it has the shape "
                f"{np.shape(pair)}"
            )
    return {
        name: (positive(f"points[{name!r}][0]", x), positive(f"points[{name!r}][1]", y))
        for name, (x, y) in points.items()
    }


def _name(ax, marks):
    """Write the name of each mark at the first of its corners where nothing else stands."""
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    drawn = ax.figure.canvas.get_renderer()
    centres = [ax.transData.transform(mark.get_xydata()[0]) for mark in marks]
    side = ax.figure.dpi / 72 * 4
    taken = [Bbox([centre - side, centre + side]) for centre in centres]
    taken += [text.get_window_extent(drawn) for text in ax.texts]
    (left, edge, right), height = ax.lines[0].get_data()
    along = np.geomspace(left, right, 200)
    roof = ax.transData.transform(np.c_[along, np.interp(along, [left, edge, right], height)])
    taken += [Bbox([at - 1, at + 1]) for at in roof]
    for mark in sorted(marks, key=lambda mark: mark.get_ydata()[0]):  # the lowest goes below
        text = ax.annotate(
            mark.get_label(),
            mark.get_xydata()[0],
            textcoords="offset points",
            xytext=(0, 0),
            color=ink_of(mark.get_color()),
            path_effects=[withStroke(linewidth=3, foreground=FACE)],
        )
        places = [(*corner, step) for step in (0, 12, 24) for corner in _CORNERS]
        for ha, below, step in [*places, places[0]]:  # the first, if all are taken
            text.set(ha=ha, va="top" if below > 0 else "bottom")
            text.set_position(((6 if ha == "left" else -6), -below * (5 + step)))
            box = text.get_window_extent(drawn)
            inside = ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 and ax.bbox.y0 <= box.y0
            if inside and not any(box.overlaps(other) for other in taken):
                break
        taken.append(text.get_window_extent(drawn))
