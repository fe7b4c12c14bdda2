"""Spotlight: where one query looks in an image, as light on its patches."""

import numpy as np

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import plain, weights_array
from attn_helpers.plots.fonts import literal
from attn_helpers.plots.style import INK, PALETTE, axes_or_new, finish, use_style

__all__ = ["spotlight"]

_SHADE = 0.85  # how much of a patch without weight is covered
_STEPS = 63  # of brightness in a photograph: too fine to see, and the PNG is half as large


@use_style()
def spotlight(image, weights, *, query=None, box=None, title=None, ax=None):
    """Show an image in which each patch is as bright as its weight.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, 3)
        Between 0 and 1.
    weights : array-like of shape (n_rows, n_columns)
        Weight of each patch. The patch with the largest weight is fully lit, one with weight 0 is
        nearly black.
    query : (int, int), optional
        Row and column of the patch that looks; it gets an orange frame.
    box : (float, float, float, float), optional
        x0, y0, x1, y1 in pixels, (0, 0) the upper left corner of the image; drawn as an outline.
    title : str, optional
        Taken literally. Under the image stands the largest weight, unless all are the same.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        `ax.images[0]` holds the lit image, (height, width, 3); of a photograph, a smaller copy.

    Raises
    ------
    TypeError, ValueError
        If the image or the weights are not finite or out of [0, 1], if the image is not a whole
        number of patches, if `query` lies outside, or if `box` has no area. The message has every
        shape.
    """
    image = finite_array("image", plain(image))
    weights = weights_array("weights", weights, axes="(n_rows, n_columns)")
    every = shapes(image=image, weights=weights)
    if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or 0 in image.shape:
        raise ValueError(f"image must be (height, width) or (height, width, 3): {every}")
    if image.min() < 0 or image.max() > 1:
        raise ValueError(
            f"image must lie in [0, 1], but it goes from {image.min():.4g} to {image.max():.4g}; "
            f"divide bytes by 255 ({every})"
        )
    height, width = image.shape[:2]
    if height % weights.shape[0] or width % weights.shape[1]:
        raise ValueError(f"image must be a whole number of patches high and wide: {every}")
    if query is not None:
        query = _place(query, weights.shape, every)
    if box is not None:
        box = finite_array("box", plain(box))
        if box.shape != (4,) or box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(f"box must be x0, y0, x1, y1, x0 < x1 and y0 < y1: {box}, {every}")
    ax = axes_or_new(ax, (6.0, 6.0 * height / width + 0.4))

    drawn = _reduced(image, weights.shape, ax)
    lit = _lit(drawn, weights / (weights.max() or 1))
    if len(drawn) < height:
        lit = np.rint(_STEPS * lit) / _STEPS
    ends = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(lit, extent=ends, interpolation="nearest")
    if query is not None:
        high, wide = height // weights.shape[0], width // weights.shape[1]
        frame = _frame(ax, query[1] * wide, query[0] * high, wide, high, PALETTE[1])
        side = min(frame.get_window_extent().size) * 72 / ax.figure.dpi  # in points
        _outline(frame, min(2.5, max(1.5, 0.08 * side)))
    if box is not None:
        x0, y0, x1, y1 = box
        _outline(_frame(ax, x0, y0, x1 - x0, y1 - y0, PALETTE[0]), 1.5)
    alike = weights.min() == weights.max()
    finish(ax, xlabel="" if alike else f"brightest: weight {weights.max():.3f}")
    if title is not None:
        ax.set_title(literal(title), parse_math=False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def _place(query, shape, every):
    """Check that `query` is the row and the column of a patch."""
    place = np.asarray(query)
    if place.shape != (2,) or place.dtype.kind not in "iu":
        raise TypeError(f"query must be whole numbers, (row, column), but it is {query!r}: {every}")
    if not ((place >= 0) & (place < shape)).all():
        raise ValueError(f"query {query} lies outside the patches: {every}")
    return place


def _reduced(image, shape, ax):
    """Average a photograph down to half the pixels drawn, with whole pixels for each patch."""
    from PIL import Image

    box, size = ax.get_window_extent(), image.shape[:2]
    scale = min(box.height / size[0], box.width / size[1]) / 2
    if scale >= 1:
        return image
    height, width = (
        max(1, round(scale * n / parts)) * parts for n, parts in zip(size, shape, strict=True)
    )
    bytes_ = np.rint(255 * image).astype(np.uint8)
    return np.asarray(Image.fromarray(bytes_).resize((width, height), Image.Resampling.BOX)) / 255


def _lit(image, light):
    """Shade an image, (height, width) or with colours, by the light on each of its patches."""
    image = image if image.ndim == 3 else image[:, :, None]
    for axis in 0, 1:
        light = light.repeat(image.shape[axis] // light.shape[axis], axis=axis)
    ink = np.array([int(INK[i : i + 2], 16) / 255 for i in (1, 3, 5)])  # red, green, blue
    return ink + (image - ink) * (1 - _SHADE * (1 - light[:, :, None]))


def _frame(ax, x, y, width, height, colour):
    """Frame a part of the image, whose upper left corner is (0, 0)."""
    from matplotlib.patches import Rectangle

    frame = Rectangle(
        (x - 0.5, y - 0.5), width, height, fill=False, edgecolor=colour, clip_on=False
    )
    return ax.add_patch(frame)


def _outline(frame, line):
    """Give a frame its width in points, with white on both sides of the line."""
    from matplotlib.patheffects import withStroke

    frame.set(linewidth=line, path_effects=[withStroke(linewidth=1.7 * line, foreground="white")])
