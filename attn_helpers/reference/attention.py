"""Scaled dot-product attention in NumPy: the function the whole course is about."""

import math

import numpy as np

from attn_helpers.arguments import boolean_array, finite_array, shapes
from attn_helpers.programs.program import Program
from attn_helpers.reference.softmax import softmax_in_place

__all__ = ["attention", "check_shapes"]


def attention(q, k, v, *, mask=None, program=None, q_start=0, scale=None):
    r"""Let each query mix the values by how well their keys match it.

    .. math:: \text{out} = \text{softmax}(\text{scale} \cdot q k^\top)\, v

    Parameters
    ----------
    q : array-like of shape (..., n_q, d_k)
        Queries.
    k : array-like of shape (..., n_k, d_k)
        Keys.
    v : array-like of shape (..., n_k, d_v)
        Values. The leading axes of `q`, `k`, `v` and `mask` broadcast.
    mask : boolean array-like that broadcasts to (..., n_q, n_k), optional
        True where a query may attend to a key.
    program : Program, optional
        Changes the scores, and says where a query may attend; with `mask`, both must allow it.
    q_start : int, default 0
        Position of the first query, for `program`: with a key-value cache, how many came before.
    scale : float, optional
        Factor on the dot products; 1 / sqrt(d_k) by default.

    Returns
    -------
    out : ndarray of shape (..., n_q, d_v)
    weights : ndarray of shape (..., n_q, n_k)
        Each row sums to one. A query that may attend to nothing gets a row of zeros, and zeros
        for its output. float16, float32 and float64 are kept (float16 is computed in float32).

    Raises
    ------
    TypeError
        If `q`, `k`, `v` do not hold real numbers, `mask` is not boolean, or `program` is not made
        by `attn_helpers.program`.
    ValueError
        If shapes do not fit, an entry is not finite, or a dot product overflows; the message
        gives every shape. A `ProgramError` if the program makes a score NaN or +inf.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, equation 1. Derived in 04_1.

    Examples
    --------
    >>> out, weights = attention([[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[10.0], [20.0]])
    >>> weights.round(3), out.round(3)
    (array([[0.67, 0.33]]), array([[13.302]]))
    """
    q, k, v = finite_array("q", q), finite_array("k", k), finite_array("v", v)
    mask = None if mask is None else boolean_array("mask", mask)
    check_shapes(q, k, v, mask)
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1])
    scale = float(finite_array("scale", scale, ndim=0))
    if program is not None and not isinstance(program, Program):
        raise TypeError(f"program must be made by attn_helpers.program, but it is {program!r}")

    dtype = np.result_type(q, k, v)
    wide = np.promote_types(dtype, np.float32)  # float16 has too little range for scores
    q, k, v = (array.astype(wide, copy=False) for array in (q, k, v))

    with np.errstate(over="ignore", invalid="ignore"):  # overflow is reported below, by name
        scores = (q * wide.type(scale)) @ np.swapaxes(k, -1, -2)  # (..., n_q, n_k)
    if not np.isfinite(scores).all():
        raise ValueError(f"q @ k.T overflows {wide}: make the entries smaller ({shapes(q=q, k=k)})")
    if mask is not None:
        shape = np.broadcast_shapes(scores.shape, mask.shape)
        scores = scores if scores.shape == shape else np.broadcast_to(scores, shape).copy()
    if program is not None:
        scores = program.apply(scores, q_start=q_start, mask=mask)
    elif mask is not None:
        np.copyto(scores, -np.inf, where=~mask)
    softmax_in_place(scores)
    weights = scores
    out = weights @ v  # (..., n_q, d_v)
    return out.astype(dtype, copy=False), weights.astype(dtype, copy=False)


def check_shapes(q, k, v, mask):
    """Refuse arrays, or tensors, that do not fit together; the error gives every shape."""

    def error(problem):
        return ValueError(f"{problem}: {shapes(**given)}")

    given = {"q": q, "k": k, "v": v} | ({} if mask is None else {"mask": mask})
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise error("q, k and v need at least two axes, (n, d)")
    if q.shape[-1] != k.shape[-1]:
        raise error("q and k need the same last axis, d_k")
    if q.shape[-1] == 0:
        raise error("q and k need at least one feature, d_k >= 1")
    if k.shape[-2] != v.shape[-2]:
        raise error("k and v need one row for each key, the same n_k")
    n_q, n_k = q.shape[-2], k.shape[-2]
    if mask is not None:
        rows, columns = ((1, 1) + mask.shape)[-2:]
        if rows not in (1, n_q) or columns not in (1, n_k):
            raise error(f"mask must broadcast to (..., n_q, n_k) = (..., {n_q}, {n_k})")
    try:
        np.broadcast_shapes(*(array.shape[:-2] for array in given.values()))
    except ValueError:
        raise error("the axes before the last two must broadcast") from None
