"""Heat map of weights or scores: keys along x, queries down y."""

import numpy as np

from attn_helpers.arguments import boolean_array, positive, real_array, shapes
from attn_helpers.plots.arrays import check_axes, numbers_of, plain, weights_array
from attn_helpers.plots.fonts import literal
from attn_helpers.plots.style import (
    FACE,
    HATCH,
    INK,
    MASKED,
    axes_or_new,
    colours,
    finish,
    points,
    text_on,
    use_style,
)
from attn_helpers.plots.tokens import MAX_TICKS, number_size, token_names, token_ticks, width

__all__ = ["heatmap"]

_MAX_NUMBERS = 8


@use_style()
def heatmap(
    matrix,
    *,
    rows=None,
    cols=None,
    kind="weights",
    mask=None,
    limit=None,
    title=None,
    xlabel="key",
    ylabel="query",
    colorbar=True,
    ax=None,
):
    """Show the weights or the scores between queries and keys.

    Parameters
    ----------
    matrix : array-like of shape (n_q, n_k)
        One row for each query, one column for each key.
    rows : sequence of str of length n_q, optional
        Tokens of the queries; positions by default.
    cols : sequence of str of length n_k, optional
        Tokens of the keys; `rows` by default where the matrix is square, else positions.
    kind : {"weights", "scores"}, default "weights"
        Weights have a fixed scale from 0 to 1. Scores have one that is centred at 0.
    mask : boolean array-like that broadcasts to (n_q, n_k), optional
        True where a query may attend to a key. The other cells are hatched, whatever they hold;
        so are scores of -inf.
    limit : float, optional
        Score at both ends of the colour scale; the largest absolute score by default. Give it to
        compare heat maps of scores.
    title : str, optional
    xlabel, ylabel : str, default "key" and "query"
    colorbar : bool or str, default True
        Whether to draw the colour scale, or what stands beside it in place of "weight" or "score".
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax.images[0]` holds the matrix. Numbers stand in the cells up to 8 queries and 8 keys.

    Raises
    ------
    TypeError, ValueError
        If the matrix has other axes or holds NaN or infinity in a cell that is not masked, if
        weights leave [0, 1], if the tokens or the mask do not fit, or if `kind` is unknown. The
        message has every shape.
    """
    if kind not in ("weights", "scores"):
        raise ValueError(f'kind must be "weights" or "scores", but it is {kind!r}')
    values, hidden = _visible_values(matrix, mask, kind)
    rows = token_names("rows", rows, len(values), matrix=values)
    cols = token_names("cols", cols, values.shape[1], matrix=values)
    if cols is None and values.shape[0] == values.shape[1]:
        cols = rows
    low, high = _range(values, kind, limit)
    ax = axes_or_new(ax, _size(values.shape, rows, cols))

    stretched = max(values.shape) > 4 * min(values.shape)
    image = ax.imshow(
        np.ma.array(values, mask=hidden),
        cmap=colours(kind),
        vmin=low,
        vmax=high,
        aspect="auto" if stretched else "equal",
        interpolation="nearest",
    )
    ax.apply_aspect()  # near its final sizes, to fit text to them
    _hatch(ax, hidden)
    _draw_cells(ax, values.shape)
    finish(ax, title=title, xlabel=xlabel, ylabel=ylabel)
    token_ticks(ax, "x", cols, values.shape[1])
    token_ticks(ax, "y", rows, values.shape[0])
    if max(values.shape) <= _MAX_NUMBERS:
        _write_numbers(ax, image, values, hidden)
    if colorbar:
        name = kind.removesuffix("s") if colorbar is True else colorbar
        _draw_scale(ax, image, name, masked=hidden.any())
    return ax


def _visible_values(matrix, mask, kind):
    """Values with 0 in the cells that are hidden, and which those are: (n_q, n_k) both."""
    values = real_array("matrix", plain(matrix))
    check_axes("matrix", values, "(n_q, n_k)")
    hidden = np.isneginf(values) if kind == "scores" else np.zeros(values.shape, dtype=bool)
    if mask is not None:
        mask = boolean_array("mask", plain(mask))
        try:
            hidden = hidden | ~np.broadcast_to(mask, values.shape)
        except ValueError:
            raise ValueError(
                f"mask must broadcast to matrix: {shapes(matrix=values, mask=mask)}"
            ) from None
    values = np.where(hidden, 0.0, values)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(
            f"matrix must be finite where it is not masked, but it holds {values[row, column]} at "
            f"({row}, {column}) ({shapes(matrix=values)}); hide cells with mask, False there"
        )
    if kind == "weights":
        try:
            weights_array("matrix", values, axes="(n_q, n_k)")
        except ValueError as error:
            raise ValueError(f'{error}, or show them with kind="scores"') from None
    return values, hidden


def _range(values, kind, limit):
    if kind == "weights":
        if limit is not None:
            raise ValueError('limit is for kind="scores"; weights always go from 0 to 1')
        return 0.0, 1.0
    limit = (np.abs(values).max() or 1.0) if limit is None else positive("limit", limit)
    return -limit, limit


def _size(shape, rows, cols):
    """Width and height in inches of a new figure: cells of 0.6, smaller if many, and the tokens."""
    n_q, n_k = shape
    cell = min(0.6, 4.2 / n_k, 4.2 / n_q)
    aside, below = (max(width(token, 9.5 / 72) for token in names or "9") for names in (rows, cols))
    below = 0.15 if below < 1.5 * cell else 0.75 * below  # turned
    return max(n_k * cell, 1.2) + 1.2 + aside, max(n_q * cell, 0.8) + 0.75 + below


def _hatch(ax, hidden):
    """Hatch the hidden cells, as one path of one square each."""
    if not hidden.any():
        return
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    squares = np.argwhere(hidden)[:, None, ::-1] + corners  # (cells, 5, xy)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    path = Path(squares.reshape(-1, 2), codes * len(squares))
    ax.add_patch(PathPatch(path, facecolor=MASKED, edgecolor=HATCH, hatch="////", linewidth=0))


def _draw_cells(ax, shape):
    """Separate the cells by thin lines, in place of the frame and the tick marks."""
    ax.spines[:].set_visible(False)
    ax.tick_params(which="both", length=0)
    ax.grid(visible=False)
    if max(shape) <= MAX_TICKS:
        n_q, n_k = shape
        width = 1.6 if max(shape) <= 12 else 0.6
        ax.vlines(np.arange(n_k + 1) - 0.5, -0.5, n_q - 0.5, color=FACE, linewidth=width)
        ax.hlines(np.arange(n_q + 1) - 0.5, -0.5, n_k - 0.5, color=FACE, linewidth=width)


def _write_numbers(ax, image, values, hidden):
    numbers = numbers_of(values, digits=2 if np.abs(values).max() < 10 else 1)
    size = number_size(ax, values.shape[1], numbers[~hidden])
    if size is None:
        return
    for row, column in np.argwhere(~hidden):
        ink = text_on(image.to_rgba(values[row, column]))
        ax.text(
            *(column, row, numbers[row, column]), ha="center", va="center", color=ink, fontsize=size
        )


def _draw_scale(ax, image, name, *, masked):
    from matplotlib.patches import Rectangle

    x, y = 1 / np.array(points(ax))  # one point, as a share of the axes
    place = ax.inset_axes([1 + 10 * x, 0, 11 * x, 1])
    bar = ax.figure.colorbar(image, cax=place, label=literal(name))
    bar.outline.set_visible(False)
    finish(place)
    place.tick_params(length=0)
    if masked:
        look = {"facecolor": MASKED, "edgecolor": HATCH, "hatch": "////", "linewidth": 0}
        place.add_patch(
            Rectangle((0, -22 * y), 1, 11 * y, transform=place.transAxes, clip_on=False, **look)
        )
        place.text(1.5, -16.5 * y, "masked", va="center", color=INK, transform=place.transAxes)
