"""Attention as numbers: what a head does, read off its weights.

Every function takes weights, (..., n_q, n_k) but for those that need heads or layers, as NumPy
array or torch tensor, and gives back the same kind: a tensor's result stays on its device and is
differentiable. Half precision is computed and returned in float32. A query that may attend to
nothing has a row of zeros, which counts as no entropy and no distance.
"""

import numpy as np

from attn_helpers.arguments import real_array
from attn_helpers.tensors import is_tensor, like, namespace

__all__ = [
    "effective_tokens",
    "entropy",
    "head_similarity",
    "mean_distance",
    "rollout",
    "signature",
    "weight_on_first",
    "weight_on_offset",
    "weight_on_self",
]


def entropy(weights):
    r"""Measure how spread each query's attention is, in bits.

    .. math:: H_i = -\sum_j w_{ij} \log_2 w_{ij}, \qquad 0 \log 0 = 0

    Parameters
    ----------
    weights : array-like or Tensor of shape (..., n_k)
        Rows that sum to one, or to zero where a query attends to nothing.

    Returns
    -------
    ndarray or Tensor of shape (...,)
        From 0 (all on one key) to log2(n_k) (all keys alike). A weight of zero has a gradient of
        zero here.

    Raises
    ------
    TypeError, ValueError
        If the weights are not real numbers, lack an axis, are negative, or a row has another sum.
    """
    return _entropy(_checked(weights, axes=1))


def effective_tokens(weights):
    """Count the keys that a query in effect attends to: 2 ** entropy, m if evenly over m keys.

    Parameters, result and errors are those of `entropy`; a row of zeros gives 1.
    """
    return 2 ** entropy(weights)


def mean_distance(weights, *, q_start=0):
    r"""Average how far each query looks, in tokens: :math:`\sum_j w_{ij} |i - j|`.

    Parameters
    ----------
    weights : array-like or Tensor of shape (..., n_q, n_k)
    q_start : int, default 0
        Position of the first query, n_k - n_q for the last queries of a sequence with a cache.

    Returns
    -------
    ndarray or Tensor of shape (..., n_q)
    """
    weights = _checked(weights)
    n_q, n_k = weights.shape[-2:]
    i = np.arange(n_q)[:, None] + _diagonal(weights, q_start)
    return (weights * like(weights, np.abs(i - np.arange(n_k)))).sum(-1)


def weight_on_self(weights, *, q_start=0):
    """Return the weight of each query on the key at its own place: `weight_on_offset` with 0."""
    return weight_on_offset(weights, 0, q_start=q_start)


def weight_on_first(weights):
    """Return the weight of each query on the first key, of shape (..., n_q)."""
    return _checked(weights)[..., 0]


def weight_on_offset(weights, offset, *, q_start=0):
    """Return the weight of query i on key i + offset: -1 is the previous token.

    Parameters
    ----------
    weights : array-like or Tensor of shape (..., n_q, n_k)
    offset : int
    q_start : int, default 0
        Position of the first query.

    Returns
    -------
    ndarray or Tensor of shape (..., n)
        A diagonal of the weights: one entry for each query that has such a key, in order. Queries
        at the edge, whose key i + offset does not exist, are left out, so that they do not water
        down the mean.

    Raises
    ------
    ValueError
        If no query has such a key.
    """
    weights = _checked(weights)
    diagonal = weights.diagonal(_diagonal(weights, q_start, offset), -2, -1)
    if diagonal.shape[-1] == 0:
        raise ValueError(
            f"no query i has a key i + offset: offset is {offset}, q_start is {q_start}, "
            f"weights is {tuple(weights.shape)}"
        )
    return diagonal


def rollout(weights_by_layer):
    r"""Follow attention from the last layer down to the input tokens.

    .. math:: R = \tilde A_L \cdots \tilde A_1, \qquad \tilde A_l = \tfrac12 (A_l + I)

    Parameters
    ----------
    weights_by_layer : sequence of array-like or Tensor, each of shape (..., n_heads, n, n)
        The first layer first. :math:`A_l` is the mean over a layer's heads; the identity stands for
        the residual connection; the rows of :math:`\tilde A_l` are made to sum to one again.

    Returns
    -------
    ndarray or Tensor of shape (..., n, n)
        Row i: how much of each input token is in output i, as far as averages can tell.

    Raises
    ------
    TypeError, ValueError
        If there is no layer, or one is not square.

    References
    ----------
    Abnar and Zuidema, "Quantifying attention flow in transformers", 2020, section 3.
    """
    layers = [_checked(weights, axes=3).mean(-3) for weights in weights_by_layer]  # (..., n, n)
    found = sorted({tuple(layer.shape) for layer in layers})
    if len(found) != 1 or found[0][-1] != found[0][-2]:
        raise ValueError(
            "rollout needs at least one layer, each (..., n_heads, n, n) with the same n and "
            f"leading axes; means over heads are {', '.join(map(str, found)) or 'missing'}"
        )
    residual = like(layers[0], np.eye(found[0][-1]))
    result = residual
    for layer in layers:
        mixed = layer + residual
        result = (mixed / mixed.sum(-1)[..., None]) @ result
    return result


def head_similarity(weights):
    """Compare heads pair by pair: 1 less the Jensen-Shannon divergence of their rows, in bits.

    Parameters
    ----------
    weights : array-like or Tensor of shape (..., n_heads, n_q, n_k)

    Returns
    -------
    ndarray or Tensor of shape (..., n_heads, n_heads)
        Mean over queries; 1 where two heads attend alike, 0 where they share no key.

    References
    ----------
    Clark et al., "What does BERT look at?", 2019, section 6; Lin 1991 for the bounds.
    """
    weights = _checked(weights, axes=3)
    bits = _entropy(weights)  # (..., n_heads, n_q)
    rows = []
    for head in range(weights.shape[-3]):  # one at a time: all pairs at once would not fit
        one = slice(head, head + 1)
        middle = _entropy((weights + weights[..., one, :, :]) / 2)
        rows.append(1 - (middle - (bits + bits[..., one, :]) / 2).mean(-1))
    return namespace(weights).stack(rows, -2)


def signature(weights, *, q_start=0):
    """Sum up each head in five numbers.

    Parameters
    ----------
    weights : array-like or Tensor of shape (..., n_q, n_k)
    q_start : int, default 0
        Position of the first query.

    Returns
    -------
    dict of str to ndarray or Tensor of shape (...,)
        Means over the queries that attend to anything: "entropy" in bits, "effective_tokens",
        "mean_distance" in tokens, "weight_on_self" (over those that have a key at their own place)
        and "weight_on_first". All are 0 where no query attends.
    """
    weights = _checked(weights)
    attends = weights.sum(-1) > 0  # (..., n_q)

    try:
        on_self = weight_on_self(weights, q_start=q_start)
    except ValueError:  # every query stands behind the last key
        on_self = weights[..., :0, 0]

    def mean(values):
        """Mean over the queries that attend, of which `values` holds the first."""
        counted = attends[..., : values.shape[-1]]
        return (values * counted).sum(-1) / counted.sum(-1).clip(1)

    return {
        "entropy": mean(entropy(weights)),
        "effective_tokens": mean(effective_tokens(weights)),
        "mean_distance": mean(mean_distance(weights, q_start=q_start)),
        "weight_on_self": mean(on_self),
        "weight_on_first": mean(weight_on_first(weights)),
    }


def _entropy(weights):
    xp = namespace(weights)
    logs = xp.log2(xp.where(weights > 0, weights, xp.ones_like(weights)))
    return 0 - (weights * logs).sum(-1)  # 0 - x, for -x reads -0 where x is 0


def _diagonal(weights, q_start, offset=0):
    """Return the number of the diagonal on which query i meets key i + offset."""
    whole = isinstance(q_start, (int, np.integer)) and isinstance(offset, (int, np.integer))
    if not whole or q_start < 0:
        raise ValueError(
            f"q_start must be a whole number, 0 or more, and offset a whole number, but q_start is "
            f"{q_start!r}, offset is {offset!r} (weights is {tuple(weights.shape)})"
        )
    return q_start + offset


def _checked(weights, axes=2):
    """Return weights as float32 or float64, or refuse what is no attention weights."""
    if not is_tensor(weights):
        weights = real_array("weights", weights)
    xp, every = namespace(weights), f"weights is {tuple(weights.shape)}"
    if is_tensor(weights) and not weights.is_floating_point():
        raise TypeError(f"weights must hold real numbers, but it holds {weights.dtype} ({every})")
    if weights.ndim < axes or 0 in weights.shape[-axes:]:
        wanted = ("n_heads", "n_q", "n_k")[-axes:]
        raise ValueError(f"weights must be (..., {', '.join(wanted)}), none of them 0, but {every}")
    dtype = xp.promote_types(weights.dtype, xp.float32)
    weights = weights.astype(dtype, copy=False) if xp is np else weights.to(dtype)
    total = weights.sum(-1)
    right = (abs(total - 1) <= 0.01) | (total == 0)  # bfloat16 rounds a sum of 1 by up to 0.004
    if not (right.all() and (weights >= 0).all()):  # also refuses NaN
        raise ValueError(
            "weights must be at least 0 and each row must sum to 1 (or to 0, where a query attends "
            f"to nothing); are these scores? Take their softmax first ({every})"
        )
    return weights
