"""Exercises of chapter 3.3: splitting heads, masking, the whole layer, shared keys and values."""

import numpy as np

from attn_helpers.checks.ch03.queries_keys_values import softmax
from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["masked_softmax", "multi_head_attention", "share_heads", "split_heads"]

DRAW = np.random.default_rng(33)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def split(x, n_heads):
    """(..., n, n_heads * d) to (..., n_heads, n, d)."""
    return x.reshape(*x.shape[:-1], n_heads, -1).swapaxes(-2, -3)


def cut(x, n_heads):
    """Reshape alone, to the right shape."""
    return x.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1)


split_heads = Exercise(
    "split_heads",
    split,
    properties=[
        Property(
            "gives each head its own columns of every token",
            [(draw(5, 6), 2), (draw(4, 12), 3)],
            "Head 0 is the first d columns of every row, head 1 the next d. Name three axes, "
            "(n, n_heads, d), then swap two.",
        ),
        Property(
            "takes a batch in front",
            [(draw(2, 5, 6), 3), (draw(4, 2, 3, 8), 4)],
            "Keep `x.shape[:-1]` as it is, and swap axes -2 and -3: counted from the end.",
        ),
        Property(
            "takes one head, one token, one column for each head",
            [(draw(5, 6), 1), (draw(1, 6), 2), (draw(5, 3), 3)],
            "Keep all axes; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        (
            "The shape is right and the numbers are not: reshape cuts the memory, which runs along "
            "a token, so your head 0 holds the first tokens whole. Name the axes first, "
            "(n, n_heads, d), then swap.",
            cut,
        ),
        (
            "Each head should get neighbouring columns: name the axes (n, n_heads, d), not "
            "(n, d, n_heads).",
            lambda x, h: np.moveaxis(x.reshape(*x.shape[:-1], -1, h), -1, -3),
        ),
        ("The heads come in the wrong order: head 0 has the first columns.",
         lambda x, h: split(x, h)[..., ::-1, :, :]),
        ("The heads are still behind the tokens: swap the two axes.",
         lambda x, h: split(x, h).swapaxes(-2, -3)),
        ("The last two axes are swapped: each head is (n, d).",
         lambda x, h: split(x, h).swapaxes(-1, -2)),
    ],
)  # fmt: skip


def masked(scores, mask):
    """Softmax over what is True; zeros where nothing is."""
    scores, mask = np.broadcast_arrays(scores, mask)
    weights = softmax(np.where(mask | ~mask.any(-1, keepdims=True), scores, -np.inf))
    return np.where(mask, weights, 0)


SCORES = draw(4, 5)
MASK = np.array(
    [[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [1, 1, 1, 1, 1]], bool
)  # fmt: skip
NOTHING = MASK & (np.arange(4) != 1)[:, None]
HUGE = np.where(MASK, SCORES, 1e4)

masked_softmax = Exercise(
    "masked_softmax",
    masked,
    properties=[
        Property(
            "gives softmax over the keys that the mask allows, zero for the others",
            [(SCORES, MASK), (draw(3, 2), np.array([[1, 0], [1, 1], [0, 1]], bool))],
            "A weight is exp(score) over the sum of exp(score), both over what is True in the row.",
        ),
        Property(
            "gives zeros where a query may attend to nothing",
            [(SCORES, NOTHING), (SCORES[:1], np.zeros((1, 5), bool))],
            "A row with no key must be zeros: neither NaN, which is 0 / 0, nor equal shares, which "
            "is what -1e9 in place of -inf gives. Which number may stand under the fraction there?",
        ),
        Property(
            "stays finite for scores of 10,000, hidden ones, too",
            [(SCORES * 1e4, MASK), (SCORES * -1e4, NOTHING), (HUGE, NOTHING), (-HUGE, NOTHING)],
            "Hide first, then take off the largest score that may be seen, then the exponential.",
        ),
        Property(
            "takes heads in front, and a mask of any shape that broadcasts",
            [
                (draw(2, 3, 4, 5), MASK),
                (draw(2, 3, 4, 5), (DRAW.random((2, 1, 1, 5)) < 0.6)),
                (SCORES, MASK[3] & (np.arange(5) != 2)),
                (draw(4, 4), MASK[:, :1]),
            ],
            "`np.where(mask, scores, -np.inf)` broadcasts; an assignment by index does not.",
        ),
    ],
    mistakes=[
        ("The mask is not used.", lambda s, m: softmax(s)),
        ("The mask is turned round: True means may attend.", lambda s, m: masked(s, ~m)),
        (
            "You set weights to zero after softmax, and the rows no longer sum to one.",
            lambda s, m: softmax(s) * m,
        ),
        (
            "A score of 0 hides nothing: exp(0) is 1. Put -inf there.",
            lambda s, m: softmax(s * m),
        ),
        ("You add the mask to the scores, and True adds 1.", lambda s, m: softmax(s + m)),
        (
            "Softmax runs over the queries: `axis=-1` runs over the keys.",
            lambda s, m: softmax(np.where(m, s, -1e300), -2) * m,
        ),
        ("All weights together sum to one; each row should.",
         lambda s, m: softmax(np.where(m, s, -np.inf), (-2, -1))),
        ("The sum is missing under the fraction.", lambda s, m: np.exp(s) * m),
        ("These are scores; softmax is missing.", lambda s, m: s * m),
        ("These are the logarithms of the weights.", lambda s, m: np.log(masked(s, m) + 1e-9)),
    ],
)  # fmt: skip


def layer(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Multi-head attention; a query that may see nothing does not come up."""
    return varied(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask)


def varied(
    x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None, *,
    split=split, factor=1, axis=-1, merge=lambda x: split_back(x)
):  # fmt: skip
    """Do one step of the layer in another way."""
    q, k, v = (split(x @ w, n_heads) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))
    scores = factor * q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    weights = softmax(scores if mask is None else np.where(mask, scores, -np.inf), axis)
    return merge(weights @ v) @ w_o, weights


def split_back(x):
    """(..., n_heads, n, d) to (..., n, n_heads * d)."""
    x = x.swapaxes(-2, -3)
    return x.reshape(*x.shape[:-2], -1)


def averaged(*arguments):
    """Return the mean of the heads' weights."""
    out, weights = layer(*arguments)
    return out, weights.mean(-3)


X_Q, X_KV = draw(3, 4), draw(5, 6)
WEIGHTS = (draw(4, 6), draw(6, 6), draw(6, 10), draw(10, 7))
SELF = (draw(4, 6), draw(6, 4), draw(6, 4), draw(6, 8), draw(8, 6))
SEEN = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [0, 0, 0, 1, 0]], bool)
SQUARE = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]], bool)

multi_head_attention = Exercise(
    "multi_head_attention",
    layer,
    properties=[
        Property(
            "projects, splits, attends in each head, merges, projects",
            [
                (X_Q, X_KV, *WEIGHTS, 2),
                (SELF[0], *SELF, 2, SQUARE),
                (X_Q, X_KV, *WEIGHTS, 2, SEEN),
            ],
            "Five steps: x @ w for q, k and v; split each into heads; attention in every head; "
            "merge the heads; @ w_o. Return out and the weights, (n_heads, n_q, n_k).",
        ),
        Property(
            "takes one head, and as many heads as columns",
            [
                (X_Q, X_KV, *WEIGHTS, 1),
                (SELF[0], *SELF[:3], SELF[3][:, :4], SELF[4][:4], 4, SQUARE),
                (X_Q[:1], X_KV[:1], *WEIGHTS, 2),
            ],
            "Take every size from the arrays, and keep all axes.",
        ),
        Property(
            "takes a batch in front, and a mask for each example or head",
            [
                (draw(2, 3, 4), draw(2, 5, 6), *WEIGHTS, 2, SEEN),
                (draw(2, 3, 4), draw(2, 5, 6), *WEIGHTS, 2,
                 np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], bool)[:, None, None]),
                (X_Q, X_KV, *WEIGHTS, 2, np.stack([SEEN, ~SEEN])),
            ],
            "Count axes from the end, -1, -2, -3; the mask broadcasts to (..., n_heads, n_q, n_k).",
        ),
        Property(
            "stays finite for scores of 10,000",
            [(X_Q * 1e4, X_KV, *WEIGHTS, 2, SEEN), (X_Q, X_KV * -1e3, *WEIGHTS, 2)],
            "Your softmax overflows: take each row's largest score off first.",
        ),
    ],
    mistakes=[
        (
            "The heads are cut by reshape alone: the shapes are right, and each head holds pieces "
            "of other tokens. Reshape to (n, n_heads, d), then swap axes.",
            lambda *a: varied(*a, split=cut),
        ),
        (
            "The heads are merged by reshape alone: swap the axes back first.",
            lambda *a: varied(*a, merge=lambda x: x.reshape(*x.shape[:-3], x.shape[-2], -1)),
        ),
        (
            "The heads are cut and merged by reshape alone: the shapes are right, and tokens are "
            "mixed up. Reshape to (n, n_heads, d), then swap axes; back in the other order.",
            lambda *a: varied(
                *a, split=cut, merge=lambda x: x.reshape(*x.shape[:-3], x.shape[-2], -1)
            ),
        ),
        (
            "Each head should get neighbouring columns: name the axes (n, n_heads, d), not "
            "(n, d, n_heads).",
            lambda *a: varied(
                *a, split=lambda x, h: np.moveaxis(x.reshape(*x.shape[:-1], -1, h), -1, -3)
            ),
        ),
        (
            "The scale is that of one large head: d_k is the number of columns of *one* head.",
            lambda *a: varied(*a, factor=a[6] ** -0.5),
        ),
        (
            "The scale 1 / sqrt(d_k) is missing.",
            lambda *a: varied(*a, factor=np.sqrt(a[2].shape[1] / a[6])),
        ),
        (
            "You divide by d_k; divide by its root.",
            lambda *a: varied(*a, factor=1 / np.sqrt(a[2].shape[1] / a[6])),
        ),
        ("Softmax runs over the queries; each query shares out its own weight.",
         lambda *a: varied(*a, axis=-2)),
        ("Softmax runs over the heads; each head has weights of its own.",
         lambda *a: varied(*a, axis=-3)),
        ("The last projection is missing: `@ w_o`.",
         lambda *a: (varied(*a[:5], np.eye(len(a[5])), *a[6:]))),
        ("All heads use the first head's columns.",
         lambda *a: varied(*a, split=lambda x, h: np.repeat(split(x, h)[..., :1, :, :], h, -3))),
        ("There is one head in yours: split q, k and v.", lambda *a: layer(*a[:6], 1, *a[7:])),
        ("The mask is not used.", lambda *a: layer(*a[:7])),
        ("The mask is turned round: True means may attend.",
         lambda *a: layer(*a[:7], ~a[7]) if len(a) > 7 else layer(*a)),
        ("Hand back every head's weights, not their mean.", averaged),
        ("The order is turned round: `return out, weights`.", lambda *a: layer(*a)[::-1]),
    ],
    returns=("out", "weights"),
)  # fmt: skip


def share(k, n_heads):
    """(..., n_kv_heads, n_k, d) to (..., n_heads, n_k, d), neighbours alike."""
    return np.repeat(k, n_heads // k.shape[-3], axis=-3)


share_heads = Exercise(
    "share_heads",
    share,
    properties=[
        Property(
            "lets neighbouring query heads share a key head",
            [(draw(2, 3, 5), 6), (draw(3, 4, 2), 6)],
            "With 2 key heads and 6 query heads, the query heads use 0, 0, 0, 1, 1, 1.",
        ),
        Property(
            "takes one key head, as many as query heads, and a batch in front",
            [(draw(1, 3, 5), 4), (draw(4, 3, 5), 4), (draw(2, 3, 4, 5), 6), (draw(3, 1, 2, 2), 3)],
            "Count the axis of the heads from the end: -3.",
        ),
    ],
    mistakes=[
        (
            "Yours go round, 0, 1, 0, 1: that is `tile`. Neighbours share, 0, 0, 1, 1: `repeat`.",
            lambda k, h: np.concatenate([k] * (h // k.shape[-3]), axis=-3),
        ),
        ("Only the first key head is used.",
         lambda k, h: np.repeat(k[..., :1, :, :], h, -3)),
        ("The order is turned round: query head 0 uses key head 0.",
         lambda k, h: share(k, h)[..., ::-1, :, :]),
        ("You repeat each head n_heads times; together there should be n_heads.",
         lambda k, h: np.repeat(k, h, -3)),
        ("You repeat tokens, not heads.",
         lambda k, h: np.repeat(k, h // k.shape[-3], -2)),
    ],
)  # fmt: skip
