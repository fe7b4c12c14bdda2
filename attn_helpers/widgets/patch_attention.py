"""What a patch of an image attends to: the image under the weights of one query."""

import operator
from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import plain, weights_array
from attn_helpers.widgets.attention_arrays import check_place
from attn_helpers.widgets.base import (
    Array,
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["PatchAttention"]

MOST_SIDE = 32  # patches that a finger still hits on a phone
MOST_WEIGHTS = 2**22  # a page carries each as four bytes
AXES = "(n_images, n_heads, n_q, n_patches)"


def check_images(images):
    """Return uint8 images of shape (n_images, height, width, 3)."""
    try:
        images = np.asarray(plain(images))
    except ValueError:
        raise ValueError("images is ragged: all must have the same height and width") from None
    every = shapes(images=images)
    if images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape:
        fix = ""
        if images.ndim == 4 and images.shape[1] == 3:
            fix = "; colours that come first move with np.moveaxis(images, 1, -1)"
        if images.ndim == 3 and images.shape[-1] == 3:
            fix = "; a single image is images[None]"
        raise ValueError(f"images must be (n_images, height, width, 3), but {every}{fix}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise TypeError(
            f"images must be uint8, or floats in [0, 1], but their dtype is {images.dtype}: {every}"
        )
    images = finite_array("images", images)
    if images.min() < 0 or images.max() > 1:
        raise ValueError(
            f"images of floats must lie in [0, 1], but they go from {images.min():.4g} to "
            f"{images.max():.4g} ({every}); images that go to 255 take .astype(np.uint8)"
        )
    return np.rint(255 * images).astype(np.uint8)


def check_weights(weights):
    """Return float32 or float64 weights between 0 and 1, of three or four axes."""
    axes = AXES if np.ndim(plain(weights)) != 3 else AXES.replace("n_heads, ", "")
    weights = weights_array("weights", weights, axes=axes)
    if weights.size > MOST_WEIGHTS:
        raise ValueError(
            f"a page carries at most {MOST_WEIGHTS} weights, but {shapes(weights=weights)}, "
            f"{weights.size} in all; show fewer images or heads, as in weights[:4]"
        )
    return weights.astype(np.promote_types(weights.dtype, np.float32), copy=False)


def check_grid(grid):
    """Return (rows, cols) as two int."""
    try:
        rows, cols = map(operator.index, grid)
    except (TypeError, ValueError):
        raise TypeError(f"grid must be (rows, cols) of patches, but it is {grid!r}") from None
    if not (1 <= rows <= MOST_SIDE and 1 <= cols <= MOST_SIDE):
        raise ValueError(f"grid must be 1 to {MOST_SIDE} rows and columns, but it is {grid!r}")
    return rows, cols


def check_labels(labels):
    """Return the captions of the images as a list of str, or None."""
    return None if labels is None else check_names("labels", labels)


def check_boxes(boxes):
    """Return boxes as float64 of shape (n_images, 4), or None."""
    if boxes is None:
        return None
    boxes = finite_array("boxes", plain(boxes)).astype(np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (n_images, 4), x0, y0, x1, y1, but {shapes(boxes=boxes)}")
    return boxes


class PatchAttention(CheckedWidget):
    """An image in patches: choose one, and see on the image what it attends to.

    The browser draws, so the widget also lives in a page without a kernel. With one, Python knows
    the image, head and query patch that the reader chooses, and may set them.

    Parameters
    ----------
    images : array-like of shape (n_images, height, width, 3)
        Red, green and blue as uint8, or as floats in [0, 1].
    weights : array-like of shape (n_images, n_heads, n_q, n_patches) or (n_images, n_q, n_patches)
        Weights in [0, 1] of every patch, n_q of them, on every patch: n_q = n_patches.
    grid : (rows, cols)
        Patches down and across, up to 32 each; patch i is in row i // cols, column i % cols.
    labels : sequence of str of length n_images, optional
        Captions, shown as plain text.
    boxes : array-like of shape (n_images, 4), optional
        One box of each image as x0, y0, x1, y1 in pixels: columns x0 to x1 - 1, rows y0 to y1 - 1.
    query, image, head : int, default 0
        The ones shown; the query is a patch.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    Weights on many patches are small, so the overlay's full colour is the query's largest weight,
    which is printed. Arrays are copied and read back read-only, images as uint8. Derived in 04_5.

    Examples
    --------
    >>> PatchAttention(np.zeros((2, 64, 64, 3)), np.full((2, 4, 64, 64), 1 / 64), (8, 8))
    PatchAttention(2 images of 64 x 64 pixels, 8 x 8 patches, 4 heads)
    """

    _esm = script("attention_figure", "patch_picture", "patch_attention")
    _css = style("patch_attention")

    images = Array(check_images)
    weights = Array(check_weights)
    grid = Checked(check_grid).tag(sync=True)
    labels = Checked(check_labels).tag(sync=True)
    boxes = Array(check_boxes)
    query = Checked(partial(check_place, "query")).tag(sync=True)
    image = Checked(partial(check_place, "image")).tag(sync=True)
    head = Checked(partial(check_place, "head")).tag(sync=True)

    def __init__(self, images, weights, grid, labels=None, boxes=None, query=0, image=0, head=0):
        given = {"images": images, "weights": weights, "grid": grid, "labels": labels}
        super().__init__(**given, boxes=boxes, query=query, image=image, head=head)

    @traitlets.validate("images", "weights", "grid", "labels", "boxes", "query", "image", "head")
    def _fit(self, proposal):
        name, value = proposal.trait.name, proposal.value
        sizes = self._sizes(**{name: value})
        if name in sizes and not 0 <= value < sizes[name]:
            raise Mismatch(f"{name} must be one of 0 to {sizes[name] - 1}, but it is {value}")
        return value

    @traitlets.observe("images", "weights", "grid")
    def _stay_inside(self, _):
        for name, count in self._sizes().items():
            if getattr(self, name) >= count:
                setattr(self, name, 0)

    def _sizes(self, **proposed):
        """Return how many images, heads and patches there are, if the arguments go together."""
        names = ("images", "weights", "grid", "labels", "boxes")
        now = {name: proposed.get(name, getattr(self, name)) for name in names}
        images, weights, grid, labels, boxes = now.values()
        others = {name: now[name] for name in ("labels", "boxes") if now[name] is not None}
        every = f"{shapes(images=images, weights=weights, **others)}, grid is {grid}"
        n_images, height, width, _ = images.shape
        for name, array in {"weights": weights, **others}.items():
            if len(array) != n_images:
                raise Mismatch(f"{name} needs one entry for each of {n_images} images: {every}")
        n_patches = grid[0] * grid[1]
        if height % grid[0] or width % grid[1]:
            raise Mismatch(
                f"{height} x {width} pixels do not make {grid[0]} x {grid[1]} equal patches: "
                f"{every}; resize the images or choose a grid that divides them"
            )
        if weights.shape[-2:] != (n_patches, n_patches):
            one_more = weights.shape[-2:] == (n_patches + 1, n_patches + 1)
            fix = "; leave the class token out, as in weights[..., 1:, 1:]" if one_more else ""
            raise Mismatch(
                f"weights needs the last axes {n_patches, n_patches}, from each patch to each of "
                f"{grid[0]} x {grid[1]}: {every}{fix}"
            )
        if boxes is not None:
            _check_inside(boxes, height, width, every)
        n_heads = weights.shape[1] if weights.ndim == 4 else 1
        return {"image": n_images, "head": n_heads, "query": n_patches}

    def __repr__(self):
        n_images, n_heads, _ = self._sizes().values()
        _, height, width, _ = self.images.shape
        images = f"{n_images} image{'s' * (n_images != 1)} of {height} x {width} pixels"
        heads = f"{n_heads} head{'s' * (n_heads != 1)}"
        return f"PatchAttention({images}, {self.grid[0]} x {self.grid[1]} patches, {heads})"


def _check_inside(boxes, height, width, every):
    """Refuse a box that is empty or leaves its image."""
    x0, y0, x1, y1 = boxes.T
    good = (x0 >= 0) & (x0 < x1) & (x1 <= width) & (y0 >= 0) & (y0 < y1) & (y1 <= height)
    if not good.all():
        place = int(np.argmin(good))
        raise Mismatch(
            f"boxes must have 0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}, but "
            f"boxes[{place}] is {boxes[place].tolist()}: {every}"
        )
