"""Multi-head attention in NumPy: several attentions side by side, joined by one projection."""

import numpy as np

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.reference.attention import attention

__all__ = ["merge_heads", "multi_head_attention", "split_heads"]


def multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, *, n_heads, mask=None, program=None):
    r"""Attend in `n_heads` ways at once, and add up what the heads bring.

    .. math:: \text{out} = [\text{head}_0 \cdots \text{head}_{h-1}]\, W_O, \qquad
              \text{head}_h = \text{attention}(X_q W_Q^h, X_{kv} W_K^h, X_{kv} W_V^h)

    Parameters
    ----------
    x_q : array-like of shape (..., n_q, d_model)
        The sequence that asks.
    x_kv : array-like of shape (..., n_k, d_kv)
        The sequence that answers; `x_q` itself for self-attention.
    w_q : array-like of shape (d_model, n_heads * d_k)
        A block of d_k columns for each head.
    w_k : array-like of shape (d_kv, n_kv_heads * d_k)
        With fewer heads than `w_q`, each serves as many neighbouring query heads as it has to:
        grouped-query attention, multi-query attention if it has one.
    w_v : array-like of shape (d_kv, n_kv_heads * d_v)
    w_o : array-like of shape (n_heads * d_v, d_out)
    n_heads : int
    mask : boolean array-like that broadcasts to (..., n_heads, n_q, n_k), optional
        True where a query may attend to a key. One for each example needs an axis for the heads:
        ``mask[:, None]``.
    program : Program, optional
        As for `attention`; `h` counts the heads.

    Returns
    -------
    out : ndarray of shape (..., n_q, d_out)
    weights : ndarray of shape (..., n_heads, n_q, n_k)

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, or an entry is not a finite real number; see `attention`.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 3.2.2; Shazeer, "Fast transformer
    decoding", 2019; Ainslie et al., "GQA", 2023. Derived in 03_3.

    Examples
    --------
    >>> x, w = np.eye(2), np.eye(2)
    >>> out, weights = multi_head_attention(x, x, w, w, w, w, n_heads=2)
    >>> weights.round(3)
    array([[[0.731, 0.269],
            [0.5  , 0.5  ]],
    <BLANKLINE>
           [[0.5  , 0.5  ],
            [0.269, 0.731]]])
    """
    names = ("x_q", "x_kv", "w_q", "w_k", "w_v", "w_o")
    given = dict(zip(names, map(finite_array, names, (x_q, x_kv, w_q, w_k, w_v, w_o)), strict=True))
    n_kv_heads = _check(**given, n_heads=n_heads)
    x_q, x_kv, w_q, w_k, w_v, w_o = given.values()
    q = split_heads(x_q @ w_q, n_heads)  # (..., n_heads, n_q, d_k)
    k, v = (
        np.repeat(split_heads(x_kv @ w, n_kv_heads), n_heads // n_kv_heads, axis=-3)
        for w in (w_k, w_v)
    )
    heads, weights = attention(q, k, v, mask=mask, program=program)
    return merge_heads(heads) @ w_o, weights


def split_heads(x, n_heads):
    """Cut the last axis into heads: (..., n, n_heads * d) becomes (..., n_heads, n, d).

    Examples
    --------
    >>> split_heads(np.array([[0, 1, 2, 3], [10, 11, 12, 13]]), 2).tolist()
    [[[0, 1], [10, 11]], [[2, 3], [12, 13]]]
    """
    x = np.asarray(x)
    if n_heads < 1 or x.shape[-1] % n_heads:
        raise ValueError(f"n_heads={n_heads} must divide the last axis: {shapes(x=x)}")
    return x.reshape(*x.shape[:-1], n_heads, -1).swapaxes(-2, -3)


def merge_heads(x):
    """Undo `split_heads`: (..., n_heads, n, d) becomes (..., n, n_heads * d)."""
    x = np.swapaxes(x, -2, -3)
    return x.reshape(*x.shape[:-2], -1)


def _check(*, x_q, x_kv, w_q, w_k, w_v, w_o, n_heads):
    """Return the number of key-value heads, or refuse arrays that do not fit together."""
    arrays = {"x_q": x_q, "x_kv": x_kv, "w_q": w_q, "w_k": w_k, "w_v": w_v, "w_o": w_o}

    def need(condition, what):
        if not condition:
            raise ValueError(f"{what}: {shapes(**arrays)}, n_heads is {n_heads}")

    need(min(x_q.ndim, x_kv.ndim) > 1, "x_q and x_kv need at least two axes, (n, d_model)")
    need({w_q.ndim, w_k.ndim, w_v.ndim, w_o.ndim} == {2}, "w_q, w_k, w_v and w_o need two axes")
    need(0 not in w_q.shape + w_v.shape, "w_q and w_v must not be empty")
    need(x_q.shape[-1] == len(w_q), "w_q needs a row for each feature of x_q")
    need(x_kv.shape[-1] == len(w_k) == len(w_v), "w_k and w_v need a row for each feature of x_kv")
    need(n_heads >= 1 and w_q.shape[1] % n_heads == 0, "w_q needs the same columns for each head")
    n_kv_heads, rest = divmod(w_k.shape[1], w_q.shape[1] // n_heads)
    fits = rest == 0 < n_kv_heads and n_heads % n_kv_heads == 0
    need(
        fits,
        "w_k needs d_k columns, as many as a head of w_q, for 1 or more heads that divide n_heads",
    )
    need(
        w_v.shape[1] % n_kv_heads == 0, f"w_v needs the same columns for each of {n_kv_heads} heads"
    )
    d_v = w_v.shape[1] // n_kv_heads
    need(len(w_o) == n_heads * d_v, f"w_o needs n_heads * d_v = {n_heads * d_v} rows")
    return n_kv_heads
