"""The laws themselves, each a generator of what must be equal."""

import numpy as np

from attn_helpers.probes.finding import Report, copied, drawn, largest_change, probe, raw_bytes
from attn_helpers.tensors import as_numpy, is_tensor, like

FAR = 10  # what replaces a token is this many times larger, so that small leaks show


@probe(
    "changing each token in turn moved the outputs before it",
    "a token sees what comes after it. Is the mask missing, inverted, shifted or transposed?",
)
def future_leak(layer, x, /, *, rng=0):
    """Find outputs that move when a later token changes. For causal layers.

    Parameters
    ----------
    layer : function of x
        Causal self-attention, one layer or a stack.
    x : example ndarray or Tensor of shape (..., seq, d)
    rng : Generator or seed, default 0

    Returns
    -------
    Finding

    Raises
    ------
    TypeError, ValueError
        If `x`, not the layer, is at fault.
    """
    rng = np.random.default_rng(rng)
    (x,) = drawn(rng, x=x)
    (other,) = drawn(rng, x=x)
    out = layer(x)
    for t in range(1, x.shape[-2]):
        changed = copied(x)
        changed[..., t, :] = FAR * other[..., t, :]
        yield f"token {t} changed", out[..., :t, :], layer(changed)[..., :t, :]


@probe(
    "other numbers in the padding moved the outputs of real tokens",
    "a real token attends to padding. Is the mask missing, inverted, or on the queries?",
)
def padding_leak(layer, x, /, *, rng=0):
    """Find outputs of real tokens that move when padding changes.

    Parameters
    ----------
    layer : function of x and keep
        Self-attention; `keep`, boolean of shape (batch, seq), is True for real tokens.
    x : example ndarray or Tensor of shape (batch, ..., seq, d)
        Padding is tried at the end and at the start.
    """
    rng = np.random.default_rng(rng)
    (x,) = drawn(rng, x=x, axes=3)
    (other,) = drawn(rng, x=x)
    batch, seq = x.shape[0], x.shape[-2]
    lengths = 1 + np.arange(batch)[:, None] % (seq - 1)  # at least one token is padding
    at_end, at_start = np.arange(seq) < lengths[::-1], np.arange(seq)[::-1] < lengths
    for side, keep in (("end", at_end), ("start", at_start)):  # (batch, seq)
        real = keep.reshape(batch, *[1] * (x.ndim - 3), seq, 1)
        out = layer(x, like(x, keep))
        changed = x * like(x, real) + FAR * other * like(x, ~real)
        got = layer(changed, like(x, keep))
        yield f"padding at the {side}", np.where(real, out, 0), np.where(real, got, 0)


@probe(
    "changing each example in turn moved the outputs of the others",
    "examples of one batch influence each other. Is the batch axis normalised or reshaped away?",
)
def batch_mixing(layer, x, /, *, rng=0):
    """Find outputs that move when another example of the batch changes.

    Parameters
    ----------
    layer : function of x
    x : example ndarray or Tensor of shape (batch, ..., seq, d)
        At least two examples.
    """
    rng = np.random.default_rng(rng)
    (x,) = drawn(rng, x=x, axes=3)
    (other,) = drawn(rng, x=x)
    if len(x) < 2:
        raise ValueError(f"x needs at least two examples, but x is {tuple(x.shape)}")
    out = layer(x)
    for b in range(len(x)):
        changed = copied(x)
        changed[b] = FAR * other[b]
        got = layer(changed)
        got[b] = out[b]
        yield f"example {b} changed", out, got


@probe(
    "reordering keys with their values, then queries, changed the outputs, put back in order,",
    "the order of tokens matters, which it must not without positions and causal mask",
)
def permutation(fn, q, k, v, /, *, rng=0):
    """Find an order of tokens that matters. For attention without positions or causal mask.

    Parameters
    ----------
    fn : function of q, k and v
        For a self-attention layer: `permutation(lambda q, k, v: layer(q), x, x, x)`.
    q, k, v : example ndarrays or Tensors of shape (..., n_q, d_k), (..., n_k, d_k), (..., n_k, d_v)
    """
    rng = np.random.default_rng(rng)
    q, k, v = drawn(rng, q=q, k=k, v=v)
    out = fn(q, k, v)
    n_q, n_k = q.shape[-2], k.shape[-2]
    for order in (list(range(n_k))[::-1], rng.permutation(n_k).tolist()):
        yield f"keys in the order {order}", out, fn(q, k[..., order, :], v[..., order, :])
    for order in (list(range(n_q))[::-1], rng.permutation(n_q).tolist()):
        yield f"queries in the order {order}", out[..., order, :], fn(q[..., order, :], k, v)


@probe(
    "asking each query alone changed its output",
    "rows are mixed up or depend on each other. Is a wrong axis reshaped or normalised?",
)
def query_order(fn, q, k, v, /, *, rng=0):
    """Find output rows that are not their own query's. Parameters are those of `permutation`."""
    q, k, v = drawn(np.random.default_rng(rng), q=q, k=k, v=v)
    out = fn(q, k, v)
    for i in range(q.shape[-2]):
        yield f"query {i} alone", out[..., i : i + 1, :], fn(q[..., i : i + 1, :], k, v)


@probe(
    "asking the last query alone, as with a cache, changed its output",
    "positions are counted from the wrong end. Does a causal mask align at the top left?",
)
def cached_query(fn, q, k, v, /, *, rng=0):
    """Find a causal mask that goes wrong with one query and many cached keys.

    Parameters
    ----------
    fn : function of q, k and v
        Causal attention, where the queries are the last of the n_k positions.
    q, k, v : as for `permutation`
    """
    q, k, v = drawn(np.random.default_rng(rng), q=q, k=k, v=v)
    yield "the last query alone", fn(q, k, v)[..., -1:, :], fn(q[..., -1:, :], k, v)


@probe(
    "masking every key for query 0 put its output off zero, or moved another,",
    "a query that may attend to nothing must give zeros, and gradients of zero",
)
def masked_rows(fn, q, k, v, /, *, rng=0):
    """Find NaN, a mean of all values, or bad gradients where a query may attend to nothing.

    Parameters
    ----------
    fn : function of q, k, v and mask
        Attention itself, before any output projection. Gradients are looked at in torch.
    q, k, v : as for `permutation`
    """
    q, k, v = drawn(np.random.default_rng(rng), q=q, k=k, v=v)
    mask = np.ones((q.shape[-2], k.shape[-2]), bool)
    mask[0] = False
    mask = like(q, mask)
    expected = fn(q, k, v)
    expected[..., 0, :] = 0
    yield "query 0 masked", expected, fn(q, k, v, mask=mask)
    for name, gradient in zip("qkv", fn.gradients(q, k, v, mask=mask), strict=False):
        expected = gradient.copy()  # a number that is not finite differs even from itself
        if name == "q":
            expected[..., 0, :] = 0
        yield f"gradient of {name}", expected, gradient


@probe(
    "one call changed its arguments",
    "it writes into arrays that belong to the caller. Make a new array instead",
)
def in_place(fn, /, *arrays, **named):
    """Find arguments that a call changes, byte for byte.

    Parameters
    ----------
    fn : any function
        It is called as `fn(*arrays, **named)`, on copies.
    *arrays, **named : ndarray or Tensor
        Here the numbers matter: `in_place(masked_softmax, scores, mask)`.
    """
    given = {f"argument {n}": array for n, array in enumerate(arrays)} | named
    given = {n: array if is_tensor(array) else np.asarray(array) for n, array in given.items()}
    now = {name: copied(array) for name, array in given.items()}
    fn.raw(*[now[name] for name in given if name not in named], **{n: now[n] for n in named})
    for name, array in given.items():
        was, became, change = as_numpy(array), as_numpy(now[name]), 0.0
        if was.shape != became.shape:
            change = np.inf
        elif raw_bytes(array) != raw_bytes(now[name]):
            differ = (was != became) & ~(np.isnan(was) & np.isnan(became))
            change = largest_change(was[differ], became[differ])[0] or np.finfo(float).tiny
        yield name, 0.0, change


@probe(
    "a score that is 1 under the scale 1 / sqrt(d_k) was off",
    "the spread of the scores depends on d_k",
    least=1e-3,
)
def missing_scale(fn, q, k, v, /, *, rng=0):
    """Find dot products that are not multiplied by 1 / sqrt(d_k), and estimate their factor.

    Every second key matches the queries, the others are zero, and the values tell the two apart.
    Their share of the weights gives the score, which is 1 under the right scale: far from
    saturation, where every scale looks alike.

    Parameters
    ----------
    fn : function of q, k and v
        Scaled dot-product attention itself, before any projection.
    q, k, v : as for `permutation`
        A constant factor that happens to be right for this d_k shows with another.
    """
    rng = np.random.default_rng(rng)
    q, k, v = drawn(rng, q=q, k=k, v=v)
    n_k, d_k = k.shape[-2:]
    direction = rng.standard_normal(d_k)
    direction *= d_k**0.25 / np.linalg.norm(direction)  # its square is sqrt(d_k)
    q[...], k[...], v[...] = like(q, direction), 0, 1
    k[..., ::2, :], v[..., ::2, :] = like(k, direction), 0
    out = fn(q, k, v)  # the weight on the keys that do not match
    with np.errstate(all="ignore"):
        score = np.log((1 / out - 1) / ((n_k + 1) // 2) * (n_k // 2))
    found, right = np.median(score) / np.sqrt(d_k), 1 / np.sqrt(d_k)
    yield f"the factor is about {found:.3g}, not {right:.3g}", np.ones_like(score), score


def probe_all(fn, q, k, v, *, rng=0):
    """Try every law but `cached_query` on a masked scaled dot-product attention.

    Parameters
    ----------
    fn : function of q, k, v and mask
        Without positions, built-in masks or projections; a layer that has them obeys fewer laws,
        which are probed one by one.
    q, k, v : as for `permutation`
        Padding and batch mixing are probed if there is a batch axis.
    rng : Generator or seed, default 0

    Returns
    -------
    Report
    """
    rng = np.random.default_rng(rng)
    q, k, v = drawn(rng, q=q, k=k, v=v)
    n_q, n_k = q.shape[-2], k.shape[-2]
    causal = like(k, np.tri(n_k, dtype=bool))
    some = like(q, np.tri(n_q, n_k, dtype=bool))

    def layer(x, mask=None):
        """Attend to x from x; copies, so that writing in place stays a finding of its own."""
        return fn(x, copied(x), copied(x), **({} if mask is None else {"mask": copied(mask)}))

    def padded(x, keep):
        return layer(x, keep.reshape(len(x), *[1] * (x.ndim - 2), n_k))

    findings = [future_leak(lambda x: layer(x, causal), k, rng=rng)]
    if k.ndim > 2:
        findings += [padding_leak(padded, k, rng=rng), batch_mixing(layer, k, rng=rng)]
    laws = (permutation, query_order, masked_rows, missing_scale)
    findings.extend(law(fn, q, k, v, rng=rng) for law in laws)
    return Report((*findings, in_place(fn, q, k, v, mask=some)))
