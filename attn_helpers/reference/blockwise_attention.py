"""Attention in blocks: a running maximum and a running sum in place of all the weights."""

import math
import operator

import numpy as np

from attn_helpers.arguments import boolean_array, finite_array, shapes
from attn_helpers.reference.attention import check_shapes

__all__ = ["blockwise_attention"]


def blockwise_attention(q, k, v, *, q_block=256, k_block=512, mask=None, scale=None):
    r"""Give the output of `attention` without ever holding the scores of more than one block.

    .. math:: m' = \max(m, \max_j s_j), \quad
              z' = z\, e^{m - m'} + \sum_j e^{s_j - m'}, \quad
              u' = u\, e^{m - m'} + \sum_j e^{s_j - m'} v_j, \quad
              \text{out} = u / z

    with one step for each block of keys, from :math:`m = -\infty`, :math:`z = 0`, :math:`u = 0`.

    Parameters
    ----------
    q : array-like of shape (..., n_q, d_k)
    k : array-like of shape (..., n_k, d_k)
    v : array-like of shape (..., n_k, d_v)
        The leading axes of `q`, `k`, `v` and `mask` broadcast, and are gone through one by one.
    q_block, k_block : int or None, default 256 and 512
        Queries and keys in a block; the last block may be smaller. None takes all of them:
        ``k_block=None`` is plain softmax by chunks of queries, ``q_block=None`` goes by keys alone.
    mask : boolean array-like that broadcasts to (..., n_q, n_k), optional
        True where a query may attend to a key. A block without a True is not computed.
    scale : float, optional
        Factor on the dot products; 1 / sqrt(d_k) by default.

    Returns
    -------
    out : ndarray of shape (..., n_q, d_v)
        Zeros for a query that may attend to nothing. float16, float32 and float64 are kept
        (float16 is computed in float32). Beside it the call holds about
        ``q_block * (k_block + 2 * d_v)`` numbers.

    Raises
    ------
    TypeError, ValueError
        As for `attention`; also if a block size is not a whole number above zero, or None.

    References
    ----------
    Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Rabe and Staats,
    "Self-attention does not need O(n^2) memory", 2021; Dao et al., "FlashAttention", 2022,
    algorithm 1. Derived in 04_3.

    Examples
    --------
    >>> q, k, v = [[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[10.0], [20.0]]
    >>> blockwise_attention(q, k, v, k_block=1).round(3)
    array([[13.302]])
    """
    q, k, v = finite_array("q", q), finite_array("k", k), finite_array("v", v)
    mask = None if mask is None else boolean_array("mask", mask)
    check_shapes(q, k, v, mask)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scale = float(finite_array("scale", scale, ndim=0))
    n_q, n_k, d_v = q.shape[-2], k.shape[-2], v.shape[-1]
    q_block = _block_size("q_block", q_block, n_q)
    k_block = _block_size("k_block", k_block, n_k)

    dtype = np.result_type(q, k, v)
    wide = np.promote_types(dtype, np.float32)  # float16 has too little range for scores
    reach = abs(scale) * q.shape[-1] * math.prod(float(np.abs(x).max(initial=0)) for x in (q, k))
    if not reach < float(np.finfo(wide).max):  # no score can be larger
        raise ValueError(
            f"q @ k.T may overflow {wide}: make the entries smaller ({shapes(q=q, k=k)})"
        )

    given = (q, k, v) if mask is None else (q, k, v, mask)
    leading = np.broadcast_shapes(*(array.shape[:-2] for array in given))
    q, k, v = (
        np.broadcast_to(array.astype(wide, copy=False), leading + array.shape[-2:])
        for array in (q, k, v)
    )
    if mask is not None:
        mask = np.broadcast_to(mask, (*leading, n_q, n_k))  # a view: it takes no memory

    out = np.zeros((*leading, n_q, d_v), wide)
    scores = np.empty((q_block, k_block), wide)
    for place in np.ndindex(leading):
        for start in range(0, n_q, q_block):
            rows = slice(start, start + q_block)
            keep = None if mask is None else mask[place][rows]
            q_rows = q[place][rows] * wide.type(scale)
            _attend(q_rows, k[place], v[place], keep, scores, out[place][rows])
    return out.astype(dtype, copy=False)


def _attend(q, k, v, mask, scores, out):
    """Attend from one block of queries to all keys; `out`, zeros so far, is written into."""
    largest = np.full((len(q), 1), -np.inf, q.dtype)  # m
    total = np.zeros((len(q), 1), q.dtype)  # z
    k_block = scores.shape[1]
    for start in range(0, len(k), k_block):
        keys = slice(start, start + k_block)
        if mask is not None and not mask[:, keys].any():
            continue
        block = scores[: len(q), : len(k[keys])]
        np.matmul(q, k[keys].T, out=block)
        if mask is not None:
            np.copyto(block, -np.inf, where=~mask[:, keys])
        before, largest = largest, np.maximum(largest, block.max(axis=-1, keepdims=True))
        shift = np.where(np.isneginf(largest), 0, largest)  # a query that has seen nothing yet
        block -= shift
        np.exp(block, out=block)
        rescale = np.exp(before - shift)  # 0 at the first block
        total = total * rescale + block.sum(axis=-1, keepdims=True)
        out *= rescale
        out += block @ v[keys]
    out /= np.where(total == 0, 1, total)


def _block_size(name, size, n):
    """Return the number of rows of the largest block of `n`, None meaning all, or refuse `size`."""
    try:
        size = max(n, 1) if size is None else operator.index(size)
    except TypeError:
        raise TypeError(f"{name} must be a whole number or None, but it is {size!r}") from None
    if size < 1:
        raise ValueError(f"{name} must be 1 or more, or None for all, but it is {size}")
    return min(size, max(n, 1))
