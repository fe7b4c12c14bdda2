"""Softmax: scores to weights that are positive and sum to one."""

import numpy as np

from attn_helpers.arguments import positive, real_array, shapes

__all__ = ["softmax"]


def softmax(scores, *, axis=-1, temperature=1.0):
    r"""Turn scores into weights that sum to one along an axis.

    .. math:: w_j = \frac{e^{s_j / \tau}}{\sum_l e^{s_l / \tau}}

    Parameters
    ----------
    scores : array-like of shape (..., n, ...)
        Real scores of any size; -inf gives weight zero.
    axis : int, default -1
        The axis along which the weights sum to one.
    temperature : float, default 1.0
        :math:`\tau`, in the unit of the scores. Near 0 the largest score takes all; a large
        temperature makes all weights equal.

    Returns
    -------
    weights : ndarray of the shape of `scores`
        float16, float32 and float64 are kept. Where every score is -inf the weights are zero.

    Raises
    ------
    TypeError, ValueError
        If the scores are not real numbers, or one of them is NaN or +inf; if the temperature is
        not a finite number above zero.

    Notes
    -----
    Derived in 01 (by hand) and 04_1 (from maximum entropy).
    """
    scores = real_array("scores", scores)
    if scores.ndim == 0:
        raise ValueError("scores needs at least one axis, but it is a single number")
    temperature = positive("temperature", temperature)
    if not -scores.ndim <= axis < scores.ndim:
        raise ValueError(f"axis {axis} does not exist: {shapes(scores=scores)}")
    wide = np.array(scores, dtype=np.promote_types(scores.dtype, np.float32))
    softmax_in_place(wide, axis, temperature)
    return wide.astype(scores.dtype, copy=False)


def softmax_in_place(scores, axis=-1, temperature=1.0):
    """Overwrite `scores`, float32 or float64, with their softmax.

    The largest score is taken off before the exponential, which changes no weight (both sides of
    the fraction shrink alike) and keeps every exponential in [0, 1]. It is taken off before the
    division by the temperature too, so that a small temperature cannot overflow.
    """
    largest = scores.max(axis, keepdims=True, initial=-np.inf)
    if not (largest < np.inf).all():  # also False for NaN, which max passes on
        raise ValueError(f"scores must not hold NaN or +inf ({shapes(scores=scores)})")
    with np.errstate(over="ignore"):  # towards -inf: a weight of zero
        scores -= np.where(np.isneginf(largest), 0, largest)
        if temperature != 1:
            scores /= temperature
    np.exp(scores, out=scores)
    total = scores.sum(axis, keepdims=True)
    scores /= np.where(total == 0, 1, total)
