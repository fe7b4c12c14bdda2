"""The backward pass of attention: from the gradient of the output to those of q, k and v."""

import math

import numpy as np

from attn_helpers.arguments import boolean_array, finite_array, shapes
from attn_helpers.reference.attention import attention, check_shapes

__all__ = ["attention_backward"]


def attention_backward(q, k, v, d_out, *, mask=None, scale=None):
    r"""Say how a loss changes with every entry of `q`, `k` and `v`.

    .. math:: dV = W^\top\, dO, \quad dW = dO\, V^\top, \quad
              dS_{ij} = w_{ij} \Bigl(dW_{ij} - \sum_l w_{il}\, dW_{il}\Bigr), \quad
              dQ = \text{scale} \cdot dS\, K, \quad dK = \text{scale} \cdot dS^\top Q

    Parameters
    ----------
    q : array-like of shape (..., n_q, d_k)
    k : array-like of shape (..., n_k, d_k)
    v : array-like of shape (..., n_k, d_v)
        As they were given to `attention`; the leading axes of all and of `mask` broadcast.
    d_out : array-like of shape (..., n_q, d_v)
        Gradient of the loss for the output of `attention`, of the output's shape.
    mask : boolean array-like that broadcasts to (..., n_q, n_k), optional
        True where a query may attend to a key.
    scale : float, optional
        Factor on the dot products; 1 / sqrt(d_k) by default.

    Returns
    -------
    d_q, d_k, d_v : ndarrays of the shapes of `q`, `k` and `v`
        A query that may attend to nothing gets zeros, and adds nothing to `d_k` and `d_v`. Where
        an axis was broadcast, the gradients of all its uses are added. float32 and float64 are
        kept; float16 is computed in float32. The weights are computed again.

    Raises
    ------
    TypeError, ValueError
        As `attention` does, and if `d_out` does not have the shape of the output.

    References
    ----------
    Dao et al., "FlashAttention", 2022, appendix B.2. Derived in 04_2.

    Examples
    --------
    >>> k, v = [[0.0], [0.0]], [[1.0], [3.0]]  # two keys of weight 1/2
    >>> d_q, d_k, d_v = attention_backward([[1.0]], k, v, [[1.0]])
    >>> d_k, d_v  # the second value is above the mean: its key is worth raising
    (array([[-0.5],
           [ 0.5]]), array([[0.5],
           [0.5]]))
    """
    names = ("q", "k", "v", "d_out")
    q, k, v, d_out = map(finite_array, names, (q, k, v, d_out))
    mask = None if mask is None else boolean_array("mask", mask)
    check_shapes(q, k, v, mask)
    leading = [x.shape[:-2] for x in (q, k, v, *(() if mask is None else (mask,)))]
    of_out = (*np.broadcast_shapes(*leading), q.shape[-2], v.shape[-1])
    if d_out.shape != of_out:
        every = shapes(q=q, k=k, v=v, d_out=d_out)
        raise ValueError(f"d_out needs the shape of the output, {of_out}: {every}")
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale

    dtype = np.result_type(q, k, v, d_out)
    wide = np.promote_types(dtype, np.float32)
    q, k, v, d_out = (x.astype(wide, copy=False) for x in (q, k, v, d_out))
    _, weights = attention(q, k, v, mask=mask, scale=scale)
    d_v = np.swapaxes(weights, -1, -2) @ d_out
    d_weights = d_out @ np.swapaxes(v, -1, -2)  # (..., n_q, n_k)
    d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True))
    d_scores *= scale
    d_q, d_k = d_scores @ k, np.swapaxes(d_scores, -1, -2) @ q
    pairs = ((d_q, q), (d_k, k), (d_v, v))
    return tuple(_sum_to(d, x.shape).astype(dtype, copy=False) for d, x in pairs)


def _sum_to(gradient, shape):
    """Add up the axes along which an array of this shape was broadcast."""
    gradient = gradient.sum(tuple(range(gradient.ndim - len(shape))))
    stretched = [axis for axis, size in enumerate(shape) if size < gradient.shape[axis]]
    return gradient.sum(tuple(stretched), keepdims=True)
