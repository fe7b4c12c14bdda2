"""Arrays that a figure can show: real numbers from NumPy, lists or torch, in their range."""

import numpy as np

from attn_helpers.arguments import finite_array, shapes

__all__ = ["plain", "weights_array"]


def plain(value):
    """Take a torch tensor off its graph and its device; leave everything else as it is."""
    return value.detach().cpu() if hasattr(value, "detach") else value


def weights_array(name, value, *, axes):
    """Turn `value` into weights: finite, between 0 and 1, with the axes wanted, none of them empty.

    Parameters
    ----------
    name : str
        The argument's name, for the error.
    value : array-like of float
    axes : str
        The axes wanted, such as "(n_q, n_k)".

    Returns
    -------
    ndarray
        Not to be written into: it may be `value` itself.

    Raises
    ------
    TypeError, ValueError
        If it is anything else; the message has the shape and the way to mend it.
    """
    weights = finite_array(name, plain(value))
    check_axes(name, weights, axes)
    if weights.min() < 0 or weights.max() > 1 + 1e-6:
        raise ValueError(
            f"{name} must lie in [0, 1], but it goes from {weights.min():.4g} to "
            f"{weights.max():.4g} ({shapes(**{name: weights})}); scores become weights by softmax"
        )
    return weights


def check_axes(name, array, axes):
    """Refuse an array without exactly the axes wanted, and say which slice to pass instead."""
    wanted = axes.count("n_")
    every = shapes(**{name: array})
    if array.ndim > wanted:
        extra = array.ndim - wanted
        first = ", ".join("0" * extra)
        raise ValueError(
            f"{name} must be {axes}, but {every}; pick one slice, {name}[{first}], or a mean, "
            f"{name}.mean(axis={0 if extra == 1 else tuple(range(extra))})"
        )
    if array.ndim < wanted:
        fix = f"; show a single row as {name}[None, :]" if array.ndim else ""
        raise ValueError(f"{name} must be {axes}, but {every}{fix}")
    if 0 in array.shape:
        raise ValueError(f"{name} must be {axes} with at least one entry, but {every}")


def numbers_of(array, digits=2):
    """Write each number with a fixed count of digits, a true minus, and none before a zero."""
    rounded = np.round(array, digits) + 0.0  # -0.0 becomes 0.0
    return np.char.replace(np.char.mod(f"%.{digits}f", rounded), "-", "−")
