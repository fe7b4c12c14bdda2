"""Additive scores: query and key meet in a small layer (Bahdanau), not in a product."""

import numpy as np

from attn_helpers.arguments import finite_array, shapes

__all__ = ["additive_scores"]


def additive_scores(q, k, a_q, a_k, b, u):
    r"""Score each query with each key by one hidden layer.

    .. math:: s_{ij} = u \cdot \tanh(q_i A_q + k_j A_k + b)

    Parameters
    ----------
    q : array-like of shape (..., n_q, d_q)
    k : array-like of shape (..., n_k, d_k)
        The leading axes of `q` and `k` broadcast; the widths may differ.
    a_q : array-like of shape (d_q, hidden)
    a_k : array-like of shape (d_k, hidden)
    b, u : array-like of shape (hidden,)
        Without the bias, turning round the signs of query and key turns round the score.

    Returns
    -------
    scores : ndarray of shape (..., n_q, n_k)
        For softmax; no larger in size than the sum of the sizes in `u`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold finite real numbers, or the shapes do not fit.

    References
    ----------
    Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and
    translate", 2014, appendix A.1.2. Derived in 03_2.

    Examples
    --------
    >>> additive_scores([[1.0]], [[-1.0], [1.0]], [[0.5]], [[0.5]], [0.0], [2.0]).round(3)
    array([[0.   , 1.523]])
    """
    names = ("q", "k", "a_q", "a_k", "b", "u")
    q, k, a_q, a_k, b, u = map(finite_array, names, (q, k, a_q, a_k, b, u))
    every = shapes(q=q, k=k, a_q=a_q, a_k=a_k, b=b, u=u)
    if min(q.ndim, k.ndim) < 2 or (a_q.ndim, a_k.ndim, b.ndim, u.ndim) != (2, 2, 1, 1):
        raise ValueError(f"q and k need at least two axes, a_q and a_k two, b and u one: {every}")
    if q.shape[-1] != a_q.shape[0] or k.shape[-1] != a_k.shape[0]:
        raise ValueError(f"a_q needs a row for each feature of q, a_k for each of k: {every}")
    if not a_q.shape[1] == a_k.shape[1] == b.size == u.size:
        raise ValueError(f"a_q, a_k, b and u need the same hidden size: {every}")
    try:
        np.broadcast_shapes(q.shape[:-2], k.shape[:-2])
    except ValueError:
        raise ValueError(f"the axes before the last two must broadcast: {every}") from None
    met = (q @ a_q)[..., :, None, :] + (k @ a_k)[..., None, :, :]  # (..., n_q, n_k, hidden)
    return np.tanh(met + b) @ u
