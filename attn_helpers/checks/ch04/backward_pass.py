"""Exercise of chapter 4.2: the whole backward pass of attention."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["attention_backward"]

DRAW = np.random.default_rng(24)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def transposed(x):
    """Swap the last two axes."""
    return np.swapaxes(x, -1, -2)


def backward(q, k, v, d_out):
    """Return the gradients of attention for q, k and v."""
    return varied(q, k, v, d_out)


def varied(
    q, k, v, d_out, *,
    inner=1, of_q=1, of_k=1, of_v=1, axis=-1,
    d_w=lambda v, d: d @ transposed(v),
    d_s=lambda w, g: w * (g - (w * g).sum(-1, keepdims=True)),
    to_q=lambda s, q, k: s @ k,
    to_k=lambda s, q, k: transposed(s) @ q,
    to_v=lambda w, v, d: transposed(w) @ d,
):  # fmt: skip
    """Do one step of the backward pass in another way; `inner` and `of_*` change the scale."""
    scale = 1 / np.sqrt(q.shape[-1])
    w = softmax(inner * scale * q @ transposed(k), axis)
    s = scale * d_s(w, d_w(v, d_out))
    return of_q * to_q(s, q, k), of_k * to_k(s, q, k), of_v * to_v(w, v, d_out)


def root(q):
    """Undo the scale."""
    return np.sqrt(q.shape[-1])


def once_more(q):
    """Scale a second time."""
    return 1 / root(q)


def by(**changes):
    """Make a mistake from changes of `varied`; `root` and `once_more` stand for factors."""
    return lambda q, *rest: varied(
        q, *rest, **{n: c(q) if c in (root, once_more) else c for n, c in changes.items()}
    )


def scaled_by_v(q, k, v, d_out, *, inner=True):
    """Take the scale from the number of value features."""
    factor = np.sqrt(q.shape[-1] / v.shape[-1])
    return varied(q, k, v, d_out, inner=factor if inner else 1, of_q=factor, of_k=factor)


def of_last_query(s, q):
    """Keep what the last query adds, `=` in place of `+=`."""
    return transposed(s[..., -1:, :]) @ q[..., -1:, :]


def last_k(s, q, k):
    """Give the part of d_k that comes from the last query."""
    return of_last_query(s, q)


def last_v(w, v, d):
    """Give the part of d_v that comes from the last query."""
    return of_last_query(w, d)


SHAPES = ((3, 5), (7, 5), (7, 2), (3, 2))

attention_backward = Exercise(
    "attention_backward",
    backward,
    properties=[
        Property(
            "gives the gradients for q, k and v",
            [
                [draw(4, 4) for _ in range(4)],
                [draw(*shape) for shape in SHAPES],
                [draw(*shape) for shape in ((6, 2), (3, 2), (3, 4), (6, 4))],
            ],
            "Five lines: d_v from the weights and d_out; d_weights from d_out and v; d_scores by "
            "the softmax rule; d_q and d_k from d_scores, each with the scale.",
        ),
        Property(
            "takes batches and heads in front, and keeps them apart",
            [
                [draw(2, *shape) for shape in SHAPES],
                [draw(4, 3, *shape) for shape in SHAPES],
            ],
            "Transpose the last two axes only, `swapaxes(-1, -2)`; nothing is summed over the "
            "axes in front.",
        ),
        Property(
            "takes one query, one key, one feature, one column of values",
            [
                [draw(1, 5), draw(7, 5), draw(7, 2), draw(1, 2)],
                [draw(3, 5), draw(1, 5), draw(1, 2), draw(3, 2)],
                [draw(3, 1), draw(7, 1), draw(7, 2), draw(3, 2)],
                [draw(3, 5), draw(7, 5), draw(7, 1), draw(3, 1)],
            ],
            "Keep all axes, and avoid `squeeze`.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [[1e2 * draw(3, 5), 1e2 * draw(7, 5), draw(7, 2), draw(3, 2)]],
            "Your softmax overflows: take each row's largest score off first.",
        ),
    ],
    mistakes=[
        ("The scale is missing in d_q and d_k: scores are scale times q @ k.T.",
         by(of_q=root, of_k=root)),
        ("The scale is missing in d_k.", by(of_k=root)),
        ("The scale is missing in d_q.", by(of_q=root)),
        ("The weights are those of unscaled scores: the scale belongs into the softmax as well.",
         by(inner=root)),
        ("The scale is missing everywhere, in the weights and in the gradients.",
         by(inner=root, of_q=root, of_k=root)),
        ("The scale is there twice: it is a factor of d_scores, or of d_q and d_k, not of both.",
         by(of_q=once_more, of_k=once_more)),
        ("The scale is 1 / sqrt(d_k), not 1 / d_k.",
         by(inner=once_more, of_q=once_more, of_k=once_more)),
        ("The scale comes from d_k, the last axis of q, not from that of v.", scaled_by_v),
        ("The scale comes from d_k, the last axis of q, not from that of v.",
         lambda *a: scaled_by_v(*a, inner=False)),
        ("d_k holds what the last query says alone. Each query adds its part: +=.",
         by(to_k=last_k)),
        ("d_v holds what the last query says alone. Each query adds its part: +=.",
         by(to_v=last_v)),
        ("d_k and d_v hold what the last query says alone. Each query adds its part: +=.",
         by(to_k=last_k, to_v=last_v)),
        ("The sign before the mean is wrong: d_scores is w * (d_w - sum(w * d_w)).",
         by(d_s=lambda w, g: w * (g + (w * g).sum(-1, keepdims=True)))),
        ("d_v has a scale; the values meet the weights without one.",
         lambda *a: varied(*a, of_v=1 / np.sqrt(a[0].shape[-1]))),
        (
            "The sum of the softmax rule is missing: d_scores is w * (d_w - sum(w * d_w)).",
            by(d_s=lambda w, g: w * g),
        ),
        (
            "w * (1 - w) is the diagonal of the Jacobian only; every weight of a row moves with "
            "every score of it.",
            by(d_s=lambda w, g: w * (1 - w) * g),
        ),
        ("The softmax rule subtracts the *weighted* mean, sum(w * d_w).",
         by(d_s=lambda w, g: w * (g - g.mean(-1, keepdims=True)))),
        ("The softmax rule has a factor w in front.",
         by(d_s=lambda w, g: g - (w * g).sum(-1, keepdims=True))),
        ("Softmax is skipped on the way back: d_scores is not d_weights.",
         by(d_s=lambda w, g: g)),
        ("The sum of the softmax rule has lost its axis: keepdims=True.",
         by(d_s=lambda w, g: w * (g - (w * g).sum(-1)))),
        ("The sum of the softmax rule runs over the queries; it runs over the keys, `axis=-1`.",
         by(d_s=lambda w, g: w * (g - (w * g).sum(-2, keepdims=True)))),
        ("Softmax runs over the queries; each query shares out its own weight.", by(axis=-2)),
        ("d_v needs the weights transposed: what key j gave, over all queries.",
         by(to_v=lambda w, v, d: w @ d)),
        ("d_k needs d_scores transposed: key j met every query.",
         by(to_k=lambda s, q, k: s @ q)),
        ("d_q has d_scores transposed, one time too many.",
         by(to_q=lambda s, q, k: transposed(s) @ k)),
        ("d_weights is d_out @ v.T: a transpose is missing.", by(d_w=lambda v, d: d @ v)),
        ("d_weights comes out transposed: d_out @ v.T, not v @ d_out.T.",
         by(d_w=lambda v, d: v @ transposed(d))),
        ("A query meets keys: d_q is made with k, d_k with q. You have it the other way round.",
         by(to_q=lambda s, q, k: s @ q, to_k=lambda s, q, k: transposed(s) @ k)),
        ("d_k is made with q: a key meets queries.",
         by(to_k=lambda s, q, k: transposed(s) @ k)),
        ("d_q is made with k: a query meets keys.", by(to_q=lambda s, q, k: s @ q)),
        ("d_v is made with d_out, not with v.", by(to_v=lambda w, v, d: transposed(w) @ v)),
        ("d_out is not used: this is the gradient of the sum of the output.",
         lambda q, k, v, d: backward(q, k, v, np.ones_like(d))),
        ("This is the gradient for a mean; d_out says already how the loss weighs each entry.",
         lambda q, k, v, d: backward(q, k, v, d / d.size)),
        ("This points downhill; the gradient points uphill.",
         lambda q, k, v, d: backward(q, k, v, -d)),
        ("The order is turned round: `return d_q, d_k, d_v`.",
         lambda *a: tuple(backward(*a)[i] for i in (1, 0, 2))),
        ("The order is turned round: d_q first, d_v last.", lambda *a: backward(*a)[::-1]),
    ],
    returns=("d_q", "d_k", "d_v"),
)  # fmt: skip
