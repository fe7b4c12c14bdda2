"""Fast weights: a memory that is written pair by pair, and read by a product with the key."""

import math
import operator

import numpy as np

from attn_helpers.arguments import finite_array, positive, shapes

__all__ = ["RULES", "equiangular_keys", "fast_weight_attention", "fast_weight_write"]

RULES = ("hebbian", "delta")


def fast_weight_write(memory, key, value, *, rule="hebbian", rate=1.0):
    r"""Write one pair into a memory; ``key @ memory`` recalls it.

    .. math:: \text{hebbian: } M + \eta\, k^\top v \qquad
              \text{delta: } M + \eta\, k^\top (v - k M)

    The Hebbian rule adds the value whatever the memory holds. The delta rule recalls first, and
    adds what is missing.

    Parameters
    ----------
    memory : array-like of shape (..., d_k, d_v)
    key : array-like of shape (..., d_k)
    value : array-like of shape (..., d_v)
        The leading axes broadcast.
    rule : {"hebbian", "delta"}
    rate : float, default 1.0
        :math:`\eta`, above 0. With keys of length one and rate 1 the delta rule makes the pair
        exact; above 2 it diverges.

    Returns
    -------
    memory : ndarray of shape (..., d_k, d_v)
        A new array.

    References
    ----------
    Hebb, "The organization of behavior", 1949; Widrow and Hoff, "Adaptive switching circuits",
    1960. Derived in 02_3.

    Examples
    --------
    >>> memory = fast_weight_write(np.zeros((2, 1)), [0.6, 0.8], [5.0])
    >>> np.array([0.6, 0.8]) @ memory
    array([5.])
    """
    memory, key = finite_array("memory", memory), finite_array("key", key)
    value, rate = finite_array("value", value), positive("rate", rate)
    _check_rule(rule)
    every = shapes(memory=memory, key=key, value=value)
    if memory.ndim < 2 or min(key.ndim, value.ndim) < 1:
        raise ValueError(f"memory needs two axes, key and value one: {every}")
    if memory.shape[-2:] != (key.shape[-1], value.shape[-1]):
        raise ValueError(
            f"memory needs a row for each number of key, a column for value's: {every}"
        )
    _check_leading(every, memory.shape[:-2], key.shape[:-1], value.shape[:-1])
    return _write(memory, key, value, rule, rate)


def fast_weight_attention(q, k, v, *, rule="hebbian", rate=1.0):
    """Write pair after pair into an empty memory, and after each recall with its query.

    With the Hebbian rule and rate 1 it is causal attention without softmax, and with `q` and `k`
    mapped to positive features it is linear attention. For its normaliser, give `v` a last
    column of ones and divide the other columns of the result by that one.

    Parameters
    ----------
    q, k : array-like of shape (..., n, d_k)
    v : array-like of shape (..., n, d_v)
        The leading axes broadcast.
    rule : {"hebbian", "delta"}
    rate : float, default 1.0
        As in `fast_weight_write`.

    Returns
    -------
    out : ndarray of shape (..., n, d_v)
        Query i meets the pairs 0 to i.

    References
    ----------
    Katharopoulos et al., "Transformers are RNNs", 2020; Schlag, Irie and Schmidhuber, "Linear
    transformers are secretly fast weight programmers", 2021. Derived in 02_3.
    """
    q, k, v = finite_array("q", q), finite_array("k", k), finite_array("v", v)
    rate = positive("rate", rate)
    _check_rule(rule)
    every = shapes(q=q, k=k, v=v)
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ValueError(f"q, k and v need at least two axes, (n, d): {every}")
    if q.shape[-2:] != k.shape[-2:] or v.shape[-2] != k.shape[-2]:
        raise ValueError(f"q and k need the same n and d_k, v the same n: {every}")
    leading = _check_leading(every, *(array.shape[:-2] for array in (q, k, v)))
    memory = np.zeros((*leading, k.shape[-1], v.shape[-1]), np.result_type(q, k, v))
    out = np.empty((*leading, *v.shape[-2:]), memory.dtype)
    for i in range(k.shape[-2]):
        memory = _write(memory, k[..., i, :], v[..., i, :], rule, rate)
        out[..., i, :] = _recall(memory, q[..., i, :])
    return out


def equiangular_keys(n, cosine):
    """Make keys of length one, every two of which are equally alike.

    Parameters
    ----------
    n : int
        Number of keys, and of features: each key has one of its own.
    cosine : float
        Of the angle between any two keys: 0 at right angles, 1 all the same.

    Returns
    -------
    k : ndarray of shape (n, n)
    """
    n, cosine = operator.index(n), float(finite_array("cosine", cosine, ndim=0))
    if n < 1 or not 0 <= cosine <= 1:
        raise ValueError(f"n must be 1 or more, cosine between 0 and 1: n={n}, cosine={cosine:g}")
    own = math.sqrt(1 - cosine)
    common = (math.sqrt(1 + (n - 1) * cosine) - own) / n
    return own * np.eye(n) + common


def _recall(memory, key):
    return (key[..., None, :] @ memory)[..., 0, :]  # (..., d_v)


def _write(memory, key, value, rule, rate):
    if rule == "delta":
        value = value - _recall(memory, key)
    return memory + rate * key[..., :, None] * value[..., None, :]


def _check_rule(rule):
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")


def _check_leading(every, *leading):
    try:
        return np.broadcast_shapes(*leading)
    except ValueError:
        raise ValueError(f"the axes in front must broadcast: {every}") from None
