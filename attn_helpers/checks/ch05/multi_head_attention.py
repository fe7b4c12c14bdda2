"""Exercises of chapter 5.2: the fused projection, torch's masks, going on from a cache."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["attn_mask", "continue_from_cache", "fuse"]

DRAW = np.random.default_rng(52)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def fused(w_q, w_k, w_v):
    """Weight of one nn.Linear that gives all queries, then all keys, then all values."""
    return np.concatenate([w_q.T, w_k.T, w_v.T])


fuse = Exercise(
    "fuse",
    fused,
    properties=[
        Property(
            "holds the queries' rows, then the keys', then the values', each matrix transposed",
            [(draw(6, 6), draw(6, 6), draw(6, 6)), (draw(4, 4), draw(4, 4), draw(4, 4))],
            "nn.Linear computes x @ weight.T: a row for each number that comes out. Transpose "
            "each, then one under the other.",
        ),
        Property(
            "takes fewer heads for keys and values, and heads wider than the model",
            [(draw(6, 6), draw(6, 2), draw(6, 2)), (draw(3, 8), draw(3, 4), draw(3, 4))],
            "The parts need not be alike: `np.concatenate`, and not `np.stack` and a reshape.",
        ),
        Property(
            "takes a model of one number",
            [(draw(1, 4), draw(1, 2), draw(1, 2)), (draw(1, 1), draw(1, 1), draw(1, 1))],
            "Keep all axes; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        (
            "The matrices stand one under the other as they are: nn.Linear needs each transposed.",
            lambda q, k, v: np.concatenate([q, k, v]),
        ),
        (
            "Side by side, this is right for x @ w. nn.Linear computes x @ weight.T: transpose it.",
            lambda q, k, v: np.concatenate([q, k, v], axis=1),
        ),
        (
            "Transposed, but side by side: what comes out is counted by the rows.",
            lambda q, k, v: np.concatenate([q.T, k.T, v.T], axis=1),
        ),
        (
            "Keys come before queries in yours: q, k, v from the top.",
            lambda q, k, v: fused(k, q, v),
        ),
        ("The order is turned round: q, k, v from the top.", lambda q, k, v: fused(v, k, q)),
        ("Values come before keys in yours.", lambda q, k, v: fused(q, v, k)),
        (
            "Queries, keys and values take turns row by row; all queries come first.",
            lambda q, k, v: np.stack([q.T, k.T, v.T], axis=1).reshape(-1, len(q)),
        ),
        (
            "The three stand on an axis of their own: one matrix, with the rows one under the "
            "other.",
            lambda q, k, v: np.stack([q.T, k.T, v.T]),
        ),
        ("The keys are used twice, the values not at all.", lambda q, k, v: fused(q, k, k)),
        ("Only the queries are there.", lambda q, k, v: q.T),
        ("You add the three; they stand one under the other.", lambda q, k, v: q.T + k.T + v.T),
    ],
)  # fmt: skip


def torch_mask(allowed, real, n_heads):
    """Make the mask of nn.MultiheadAttention, of shape (batch * n_heads, n_q, n_k)."""
    return repeated(~(allowed & real[:, None]), n_heads)


def repeated(mask, n_heads):
    """Give each example's mask to its heads, which follow one another."""
    return np.repeat(mask, n_heads, axis=0)


def truth(*shape):
    """Draw truth values, two in three of them true."""
    return DRAW.random(shape) < 2 / 3


def lengths(*words, n_k):
    """Say which tokens are words, in examples of so many words."""
    return np.arange(n_k) < np.array(words)[:, None]


attn_mask = Exercise(
    "attn_mask",
    torch_mask,
    properties=[
        Property(
            "is True where torch must not look, example by example, in each its heads",
            [
                (np.tri(5, dtype=bool), lengths(3, 5, n_k=5), 4),
                (truth(4, 6), lengths(6, 2, 4, n_k=6), 2),
                (truth(4, 4), lengths(1, 4, 2, 3, n_k=4), 3),
            ],
            "Three steps: who may attend, for each example (batch, n_q, n_k); turned round; each "
            "example repeated for its heads.",
        ),
        Property(
            "takes one example, one head, one query",
            [
                (np.tri(5, dtype=bool), lengths(3, n_k=5), 3),
                (truth(4, 6), lengths(6, 2, 4, n_k=6), 1),
                (truth(1, 6), lengths(6, 2, n_k=6), 2),
            ],
            "Keep all axes; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        (
            "The heads go round in yours, example 0, 1, 0, 1: that is `tile`. The heads of one "
            "example follow one another, 0, 0, 1, 1: `repeat`.",
            lambda a, r, h: np.tile(~(a & r[:, None]), (h, 1, 1)),
        ),
        (
            "True is still who may attend: nn.MultiheadAttention wants it turned round.",
            lambda a, r, h: repeated(a & r[:, None], h),
        ),
        (
            "`~allowed & ~real`, or `~(allowed | real)`, forbids only what both forbid. Either is "
            "enough: join with `&` first, turn then.",
            lambda a, r, h: repeated(~a & ~r[:, None], h),
        ),
        (
            "Filling is forbidden as a query. Its *columns* are forbidden: `real[:, None, :]`.",
            lambda a, r, h: repeated(~(a & r[:, :, None]), h),
        ),
        (
            "`real` is not used.",
            lambda a, r, h: repeated(np.broadcast_to(~a, (len(r), *a.shape)), h),
        ),
        (
            "`allowed` is not used.",
            lambda a, r, h: repeated(np.broadcast_to(~r[:, None], (len(r), *a.shape)), h),
        ),
        (
            "`allowed` is not turned round, `real` is.",
            lambda a, r, h: repeated(a | ~r[:, None], h),
        ),
        (
            "`real` is not turned round, `allowed` is.",
            lambda a, r, h: repeated(~a | r[:, None], h),
        ),
        (
            "Added to the scores, torch would take that, too. Here truth values are wanted.",
            lambda a, r, h: repeated(np.where(a & r[:, None], 0, -np.inf), h),
        ),
        (
            "Rows and columns are exchanged: queries down, keys across.",
            lambda a, r, h: torch_mask(a, r, h).swapaxes(1, 2),
        ),
        (
            "The heads have an axis of their own; nn.MultiheadAttention wants batch and heads in "
            "one: (batch * n_heads, n_q, n_k).",
            lambda a, r, h: torch_mask(a, r, h).reshape(len(r), h, *a.shape),
        ),
        (
            "One mask for each example: every head needs it.",
            lambda a, r, h: ~(a & r[:, None]),
        ),
        (
            "You repeat the queries, not the examples.",
            lambda a, r, h: np.repeat(~(a & r[:, None]), h, axis=1),
        ),
        (
            "Nothing is forbidden in yours.",
            lambda a, r, h: np.zeros_like(torch_mask(a, r, h)),
        ),
    ],
)  # fmt: skip


def go_on(q, k, v, k_cache, v_cache):
    """Causal attention of new tokens to the cached ones and to each other."""
    return resumed(q, k, v, k_cache, v_cache)


def joined(old, new):
    """Put new tokens behind old ones."""
    return np.concatenate([old, new], axis=-2)


def aligned(n_q, n_k):
    """Let the last of n_k positions ask."""
    return np.tri(n_q, n_k, n_k - n_q, dtype=bool)


def shared(x, n_heads):
    """Let neighbouring query heads share."""
    return np.repeat(x, n_heads // len(x), axis=0)


def weighed(scores, may):
    """Give no weight to what may not be seen."""
    return softmax(np.where(may, scores, -np.inf))


def over_queries(scores, may):
    """Take softmax along the wrong axis."""
    return weighed(scores.swapaxes(-1, -2), may.T).swapaxes(-1, -2)


def resumed(
    q,
    k,
    v,
    k_cache,
    v_cache,
    *,
    join=joined,
    mask=aligned,
    share=shared,
    root=None,
    weigh=weighed,
):
    """Go on from a cache with one step done in another way."""
    k, v = join(k_cache, k), join(v_cache, v)
    every_k, every_v = (share(x, len(q)) for x in (k, v))
    root = root or np.sqrt(q.shape[-1])
    scores = q @ every_k.swapaxes(-1, -2) / root
    weights = weigh(scores, mask(q.shape[-2], k.shape[-2]))
    return weights @ every_v, k, v


def going_on_case(n_heads, n_kv_heads, n_new, n_old, d):
    """Draw the arguments of one case."""
    kv = [draw(n_kv_heads, n, d) for n in (n_new, n_new, n_old, n_old)]
    return draw(n_heads, n_new, d), *kv


continue_from_cache = Exercise(
    "continue_from_cache",
    go_on,
    properties=[
        Property(
            "lets new tokens see the cache, themselves and the new ones before them",
            [going_on_case(4, 2, 3, 5, 7), going_on_case(6, 2, 3, 3, 5)],
            "New token number t stands at position n + t, behind the n cached ones, and sees all "
            "positions up to that.",
        ),
        Property(
            "takes one new token, and a chunk longer than the cache",
            [going_on_case(4, 2, 1, 5, 3), going_on_case(2, 1, 6, 2, 3)],
            "`np.tri(n_q, n_k, n_k - n_q)` starts where the queries do.",
        ),
        Property(
            "begins with an empty cache, and takes a key head for each query head",
            [going_on_case(4, 2, 3, 0, 5), going_on_case(3, 3, 2, 4, 5)],
            "A cache of shape (n_kv_heads, 0, d_k) is a cache: join as always.",
        ),
    ],
    mistakes=[
        (
            "The causal mask begins at the top left, as if the new tokens were the first. They "
            "stand behind the cache: `np.tri(n_q, n_k, n_k - n_q)`.",
            lambda *a: resumed(*a, mask=lambda n_q, n_k: np.tri(n_q, n_k, dtype=bool)),
        ),
        (
            "No mask: the new tokens see those that come after them.",
            lambda *a: resumed(*a, mask=lambda n_q, n_k: np.ones((n_q, n_k), bool)),
        ),
        (
            "A token sees itself, too: position n + t is allowed, not only those before.",
            lambda *a: resumed(*a, mask=lambda n_q, n_k: np.tri(n_q, n_k, n_k - n_q - 1) > 0),
        ),
        (
            "Your tokens see one position too many.",
            lambda *a: resumed(*a, mask=lambda n_q, n_k: np.tri(n_q, n_k, n_k - n_q + 1) > 0),
        ),
        (
            "The mask is turned round: True for what may be seen.",
            lambda *a: resumed(*a, mask=lambda n_q, n_k: ~np.tri(n_q, n_k, n_k - n_q - 1, bool)),
        ),
        (
            "You mask after softmax: what is left of the weights sums to less than 1. Put -inf "
            "into the scores, before it.",
            lambda *a: resumed(*a, weigh=lambda scores, may: softmax(scores) * may),
        ),
        (
            "A score of 0 hides nothing, since exp(0) is 1. Put -inf there.",
            lambda *a: resumed(*a, weigh=lambda scores, may: softmax(scores * may)),
        ),
        (
            "Your softmax runs over the queries; the weights of a query, over all keys, sum to 1.",
            lambda *a: resumed(*a, weigh=over_queries),
        ),
        (
            "The new keys and values stand before the old ones: join old, new.",
            lambda *a: resumed(*a, join=lambda old, new: joined(new, old)),
        ),
        (
            "The cache is not used.",
            lambda *a: resumed(*a, join=lambda old, new: new),
        ),
        (
            "Your heads go round, 0, 1, 0, 1. Neighbours share, 0, 0, 1, 1: `repeat`, not `tile`.",
            lambda *a: resumed(*a, share=lambda x, n: np.tile(x, (n // len(x), 1, 1))),
        ),
        (
            "All heads use the first key head.",
            lambda *a: resumed(*a, share=lambda x, n: np.repeat(x[:1], n, axis=0)),
        ),
        ("The scale 1 / sqrt(d_k) is missing.", lambda *a: resumed(*a, root=1.0)),
        (
            "Divide by sqrt(d_k), not by d_k.",
            lambda *a: resumed(*a, root=a[0].shape[-1]),
        ),
        (
            "sqrt(d_k) is the root of one head's width, not of all together.",
            lambda *a: resumed(*a, root=np.sqrt(len(a[0]) * a[0].shape[-1])),
        ),
        (
            "You hand back the cache as it was; the next call needs the new tokens in it.",
            lambda *a: (resumed(*a)[0], *a[3:]),
        ),
        (
            "You hand back the new keys and values alone; the cache holds all of them.",
            lambda *a: (resumed(*a)[0], *a[1:3]),
        ),
        (
            "You hand back keys repeated for every query head. The cache keeps each once: that is "
            "what it saves.",
            lambda *a: (resumed(*a)[0], *(shared(x, len(a[0])) for x in resumed(*a)[1:])),
        ),
        (
            "Keys and values are exchanged in what you hand back: `return out, k, v`.",
            lambda *a: tuple(resumed(*a)[i] for i in (0, 2, 1)),
        ),
    ],
    returns=("out", "k", "v"),
)  # fmt: skip
