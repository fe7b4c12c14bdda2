"""The course's one palette and one Matplotlib style.

A figure has an opaque, near-white face, so that it reads on a light page and on a dark one. The
five line colours stay apart under the three common kinds of colour blindness. Blue means "more
attention" on both colour scales; grey with hatching means "masked" and nothing else.
"""

from contextlib import contextmanager
from functools import lru_cache

from attn_helpers.plots.fonts import families, literal
from attn_helpers.plots.small_png import save_small

__all__ = ["FACE", "INK", "PALETTE", "subplots", "use_style"]

FACE = "#FCFCFD"
INK = "#1C2430"
MUTED = "#56606D"
RULE = "#DDE1E7"
MASKED = "#E2E4E8"
HATCH = "#858E9A"
PALETTE = ("#1565B0", "#E2550B", "#2A9D78", "#A4407D", "#241C48")

_WEIGHTS = ("#F4F8FC", "#C3DAEF", "#7FB1DB", "#3F85C2", "#175A9F", "#0A2F5C")
_SCORES = ("#7A2E06", "#BF5512", "#E89A5C", "#F7D9BF", "#F6F6F6", *_WEIGHTS[1:4], "#0E447F")


@contextmanager
def use_style():
    """Draw in the course's style inside a `with` block, or as a decorator; then put all back.

    The plots of this package do so by themselves. Use it for a figure drawn by hand.

    Examples
    --------
    >>> with use_style():  # doctest: +SKIP
    ...     fig, ax = plt.subplots()
    """
    import matplotlib

    with matplotlib.rc_context(_settings()):
        yield


def subplots(n_rows=1, n_cols=1, *, size=(6.0, 3.6), sharey=False):
    """Open a figure with a grid of axes in the course's style, to pass on as `ax=`.

    Parameters
    ----------
    n_rows, n_cols : int, default 1
        Number of axes down and across.
    size : (float, float), default (6.0, 3.6)
        Width and height in inches; a page shows six inches at its full width.
    sharey : bool, default False
        Whether all axes have one y scale.

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : Axes, or ndarray of Axes of shape (n_cols,), (n_rows,) or (n_rows, n_cols)
        As `matplotlib.pyplot.subplots` returns them.
    """
    import matplotlib.pyplot as plt

    with use_style():
        figure, axes = plt.subplots(n_rows, n_cols, figsize=size, sharey=sharey)
        figure.get_layout_engine().execute(figure)  # near its final sizes, to fit text to them
    save_small(figure)
    return figure, axes


def points(ax):
    """Measure the axes: width and height in points, as far as the layout is settled."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def axes_or_new(ax, size):
    """Return `ax`, or the axes of a new figure; refuse what is not one Axes.

    Raises
    ------
    TypeError
        If `ax` is something else, such as the array that `subplots(1, 3)` returns.
    """
    from matplotlib.axes import Axes

    if ax is None:
        return subplots(size=size)[1]
    if not isinstance(ax, Axes):
        shape = getattr(ax, "shape", None)
        kind = type(ax).__name__ + (f" of shape {shape}: pick one, ax[0]" if shape else "")
        raise TypeError(f"ax must be one Matplotlib Axes or None, but it is {kind}")
    return ax


def finish(ax, *, title=None, xlabel=None, ylabel=None):
    """Set the title and the axis labels, and style the ticks, also those made later.

    Ticks are born when the figure is drawn, outside `use_style`, so their look is kept on the axis.
    """
    from matplotlib import rcParams

    if title is not None:
        ax.set_title(literal(title))
    if xlabel is not None:
        ax.set_xlabel(literal(xlabel))
    if ylabel is not None:
        ax.set_ylabel(literal(ylabel))
    ax.spines[["top", "right"]].set_visible(False)
    for axis in "x", "y":
        size = rcParams[f"{axis}tick.labelsize"]
        ax.tick_params(axis=axis, which="both", labelsize=size, color=RULE, labelcolor=INK)
    ax.tick_params(which="both", labelfontfamily=families())


@lru_cache
def colours(kind):
    """Colour map of a kind: light to dark blue for "weights", orange to blue for "scores"."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = {"weights": _WEIGHTS, "scores": _SCORES}[kind]
    return LinearSegmentedColormap.from_list(kind, stops).with_extremes(bad=MASKED)


def text_on(colour):
    """Black or white, whichever reads better on `colour`; the contrast is never under 4.5."""
    return "white" if _luminance(colour) < 0.179 else "black"


def ink_of(colour):
    """Darken a palette colour for text on the face: its contrast is then over 4.5."""
    from matplotlib.colors import to_hex, to_rgb

    return to_hex([0.78 * channel for channel in to_rgb(colour)])


def _luminance(colour):
    """Relative luminance between 0 and 1, as WCAG 2.2 defines it."""
    from matplotlib.colors import to_rgb

    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _settings():
    from cycler import cycler

    return {
        "axes.axisbelow": True,
        "axes.edgecolor": MUTED,
        "axes.facecolor": FACE,
        "axes.labelcolor": MUTED,
        "axes.labelsize": 10.5,
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlepad": 9,
        "axes.titlesize": 11.5,
        "figure.constrained_layout.use": True,
        "figure.dpi": 140,
        "figure.facecolor": FACE,
        "font.family": families(),
        "font.size": 10,
        "grid.color": RULE,
        "hatch.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "text.color": INK,
        "text.usetex": False,
        "xtick.labelsize": 9.5,
        "ytick.labelsize": 9.5,
    }
