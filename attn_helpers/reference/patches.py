"""An image as a sequence: cut into square patches, and put together again."""

import math

import numpy as np

from attn_helpers.arguments import finite_array, shapes

__all__ = ["from_patches", "to_patches"]


def to_patches(image, size):
    """Cut an image into square patches, row by row from the top left.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, channels)
        Both sides must be multiples of `size`.
    size : int
        Side of a patch in pixels.

    Returns
    -------
    patches : ndarray of shape (n, size * size * channels)
        One row for each patch, n = (height / size) * (width / size).

    Raises
    ------
    TypeError, ValueError
        If the image has other axes or a side is no multiple of `size`, a whole number.

    References
    ----------
    Dosovitskiy et al., "An image is worth 16x16 words", 2021, section 3.1. Derived in 02_1.
    """
    image = finite_array("image", image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3:
        raise ValueError(f"image must be (height, width, channels), but {shapes(image=image)}")
    height, width, channels = image.shape
    if not isinstance(size, (int, np.integer)):
        raise TypeError(f"size must be a whole number, but it is {size!r} ({shapes(image=image)})")
    if size < 1 or height % size or width % size or image.size == 0:
        raise ValueError(
            f"both sides must be multiples of size {size}, but {shapes(image=image)}; crop it first"
        )
    rows, columns = height // size, width // size
    blocks = image.reshape(rows, size, columns, size, channels)
    blocks = blocks.swapaxes(1, 2)  # (rows, columns, size, size, channels)
    return blocks.reshape(rows * columns, size * size * channels)


def from_patches(patches, shape):
    """Put patches together again: the inverse of `to_patches`.

    Parameters
    ----------
    patches : array-like of shape (n, size * size * channels)
    shape : tuple of int
        Shape of the image, (height, width) or (height, width, channels).

    Returns
    -------
    image : ndarray of shape `shape`

    Raises
    ------
    TypeError, ValueError
        If no square patch size fits both shapes.
    """
    patches = finite_array("patches", patches, ndim=2)
    sides = np.asarray(shape)
    if sides.shape not in ((2,), (3,)) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(
            f"shape must be (height, width) or (height, width, channels), but it is {shape!r} "
            f"({shapes(patches=patches)})"
        )
    height, width, channels = (*shape, 1)[:3]
    size = math.isqrt(patches.shape[1] // channels)
    fits = size > 0 and size * size * channels == patches.shape[1]
    if not fits or height % size or width % size or len(patches) * size**2 != height * width:
        raise ValueError(f"{shapes(patches=patches)}, which does not tile an image of {shape}")
    blocks = patches.reshape(height // size, width // size, size, size, channels)
    return blocks.swapaxes(1, 2).reshape(shape)
