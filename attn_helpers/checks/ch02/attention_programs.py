"""Exercises of chapter 2.2: a bias by distance, and three masks, True where a query may attend."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["distance_bias", "induction_mask", "keep_mask", "prefix_mask"]


def places(n_q, n_k):
    """Positions of queries, down, and of keys, along."""
    return np.indices((int(n_q), int(n_k)))


def by_distance(n_q, n_k, slope):
    """Return what ALiBi adds to the scores."""
    i, j = places(n_q, n_k)
    return -slope * np.abs(i - j)


distance_bias = Exercise(
    "distance_bias",
    by_distance,
    properties=[
        Property(
            "takes off the slope times the distance between query and key",
            [(3, 5, 0.25), (5, 3, 2.0), (4, 4, 0.5)],
            "Row i, column j holds -slope * |i - j|.",
        ),
        Property(
            "takes one query, one key, and a slope of zero or less",
            [(1, 6, 0.5), (6, 1, 0.5), (2, 3, 0.0), (3, 4, -1.0)],
            "Nothing is special about n = 1 or about any slope.",
        ),
    ],
    mistakes=[
        (
            "A bias that grows with distance prefers far keys.",
            lambda n, m, a: -by_distance(n, m, a),
        ),
        (
            "Keys after the query are distant, too: take the absolute value.",
            lambda n, m, a: -a * np.subtract(*places(n, m)),
        ),
        (
            "Keys after the query are distant, too: take the absolute value.",
            lambda n, m, a: a * np.subtract(*places(n, m)),
        ),
        (
            "You give keys after the query the distance 0.",
            lambda n, m, a: -a * np.subtract(*places(n, m)).clip(0),
        ),
        (
            "You give keys before the query the distance 0.",
            lambda n, m, a: a * np.subtract(*places(n, m)).clip(None, 0),
        ),
        (
            "The distance is not squared.",
            lambda n, m, a: -a * by_distance(n, m, 1) ** 2,
        ),
        ("You return the distance; the slope is missing.", lambda n, m, a: by_distance(n, m, -1)),
        ("The slope is missing.", lambda n, m, a: by_distance(n, m, 1)),
        ("You divide by the slope.", lambda n, m, a: by_distance(n, m, 1 / a)),
        (
            "Your distance starts at 1: a key at the query's place has 0.",
            lambda n, m, a: by_distance(n, m, a) - a,
        ),
        ("Queries go down the rows, keys along the columns.", lambda n, m, a: by_distance(m, n, a)),
        (
            "This is the factor on the weights, exp(bias): the scores get the bias itself.",
            lambda n, m, a: np.exp(by_distance(n, m, a)),
        ),
    ],
)


def by_prefix(n_q, n_k, prefix):
    """Allow the prefix, and the past."""
    i, j = places(n_q, n_k)
    return (j < prefix) | (j <= i)


prefix_mask = Exercise(
    "prefix_mask",
    by_prefix,
    properties=[
        Property(
            "allows the prefix to everybody, and else the past and itself",
            [(5, 7, 3), (7, 5, 2), (6, 6, 4)],
            "A key may be seen if it is in the prefix, j < prefix, or not in the future, j <= i.",
        ),
        Property(
            "takes no prefix, and one that is everything",
            [(4, 6, 0), (4, 6, 6), (4, 6, 9), (1, 5, 2), (5, 1, 0)],
            "With prefix 0 the mask is the causal one; with prefix n_k everything is allowed.",
        ),
    ],
    mistakes=[
        ("The mask is turned round: True means may attend.", lambda n, m, p: ~by_prefix(n, m, p)),
        (
            "One of the two is enough: join them by or.",
            lambda n, m, p: (places(n, m)[1] < p) & (places(n, m)[1] <= places(n, m)[0]),
        ),
        ("The prefix is missing: this is the causal mask.", lambda n, m, p: by_prefix(n, m, 0)),
        ("The past is missing: this is the prefix alone.", lambda n, m, p: places(n, m)[1] < p),
        (
            "The prefix has `prefix` keys, 0 to prefix - 1: use <.",
            lambda n, m, p: by_prefix(n, m, p + 1),
        ),
        (
            "The prefix has `prefix` keys: yours has one less.",
            lambda n, m, p: by_prefix(n, m, p - 1),
        ),
        (
            "A query may see itself: use j <= i.",
            lambda n, m, p: (places(n, m)[1] < p) | (places(n, m)[1] < places(n, m)[0]),
        ),
        (
            "Keys after the query are the future: you allow them, and forbid the past.",
            lambda n, m, p: (places(n, m)[1] < p) | (places(n, m)[1] >= places(n, m)[0]),
        ),
        (
            "The prefix is made of keys, j; you test the query, i.",
            lambda n, m, p: (places(n, m)[0] < p) | (places(n, m)[1] <= places(n, m)[0]),
        ),
        ("Queries go down the rows, keys along the columns.", lambda n, m, p: by_prefix(m, n, p)),
        (
            "A mask is made of truth values; this is a bias of 0 and -inf.",
            lambda n, m, p: np.where(by_prefix(n, m, p), 0, -np.inf),
        ),
    ],
)


def by_keeping(attn_mask, key_padding_mask):
    """Where neither of the two drops."""
    return ~(attn_mask | key_padding_mask[:, None, :])


DROP = np.arange(7) > np.arange(5)[:, None]  # (n_q, n_k), the future
PADDING = np.arange(7) >= np.array([7, 4, 6])[:, None]  # (batch, n_k)
ODD = np.array([[True, False], [True, True], [False, False]])

keep_mask = Exercise(
    "keep_mask",
    by_keeping,
    properties=[
        Property(
            "is True where neither mask drops the key",
            [(DROP, PADDING), (DROP[:3], PADDING[:2]), (ODD, PADDING[:2, 3:5])],
            "Both drop: a key stays if it is neither masked nor padding.",
        ),
        Property(
            "takes any sizes, and masks that drop nothing or everything",
            [
                (DROP[:1], PADDING),
                (DROP, PADDING[:1]),
                (DROP[:, :1], PADDING[:, :1]),
                (DROP[:, 6:] & False, PADDING[:, 6:]),
                (DROP | True, PADDING),
                (DROP[:3, :3], PADDING[:, :3]),
            ],
            "Give both masks the axes (batch, n_q, n_k) before you join them: `[:, None, :]`.",
        ),
    ],
    mistakes=[
        (
            "This is where a key is dropped: turn it round, True means may attend.",
            lambda a, p: ~by_keeping(a, p),
        ),
        (
            "A key that one of them drops is gone: join what they keep by and.",
            lambda a, p: ~(a & p[:, None, :]),
        ),
        ("The padding still means drop: turn it round, too.", lambda a, p: ~a & p[:, None, :]),
        ("The attn_mask still means drop: turn it round, too.", lambda a, p: a & ~p[:, None, :]),
        ("The padding is not used.", lambda a, p: ~(a | (p[:, None, :] & False))),
        ("The attn_mask is not used.", lambda a, p: ~(p[:, None, :] | (a & False))),
        ("They differ: a key stays only if neither drops it.", lambda a, p: a ^ p[:, None, :]),
        (
            "A mask is made of truth values; this is a bias of 0 and -inf.",
            lambda a, p: np.where(by_keeping(a, p), 0, -np.inf),
        ),
    ],
)


def by_induction(tokens):
    """Where the previous token is the query's own token, in the past."""
    i, j = places(len(tokens), len(tokens))
    return (j >= 1) & (j <= i) & (tokens[j - 1] == tokens[i])


WORDS = np.array([3, 1, 4, 1, 5, 3, 1, 5])
SENTINELS = np.array([0, -1, 99, -99, 999, -999, 10**6, -(10**6), 10**9, -(10**9), 0, -1])

induction_mask = Exercise(
    "induction_mask",
    by_induction,
    properties=[
        Property(
            "allows what came right after an earlier occurrence of the same token",
            [
                (WORDS,),
                (np.array([2, 7, 2, 7, 2]),),
                (np.array([1, 1, 1]),),
                (np.array([1, 2, 1]),),
            ],
            "Key j may be seen if token j - 1 is the query's own and j is not in the future.",
        ),
        Property(
            "takes a sequence without repeats, of one token, and any numbers",
            [(np.arange(4),), (np.array([5]),), (SENTINELS,), (10**6 + WORDS,)],
            "The first key has no token before it: no query sees it, whatever the numbers.",
        ),
    ],
    mistakes=[
        (
            "This looks at the token itself. Look at the one before it, j - 1.",
            lambda t: (t[:, None] == t) & np.tri(len(t), dtype=bool),
        ),
        (
            "This looks at the token itself. Look at the one before it, j - 1.",
            lambda t: (t[:, None] == t) & np.tri(len(t), k=-1, dtype=bool),
        ),
        (
            "Keys after the query are in the future: add j <= i.",
            lambda t: (places(len(t), len(t))[1] >= 1) & (np.roll(t, 1) == t[:, None]),
        ),
        (
            "The first key has no token before it; yours goes round to the last one.",
            lambda t: (np.roll(t, 1) == t[:, None]) & np.tri(len(t), dtype=bool),
        ),
        (
            "You compare with the token after the key. Look at the one before it, j - 1.",
            lambda t: (np.append(t[1:], 10**9) == t[:, None]) & np.tri(len(t), dtype=bool),
        ),
        (
            "j may equal i: after two equal tokens, the second is what followed the first.",
            lambda t: by_induction(t) & np.tri(len(t), k=-1, dtype=bool),
        ),
        ("Queries go down the rows, keys along the columns.", lambda t: by_induction(t).T),
        ("The mask is turned round: True means may attend.", lambda t: ~by_induction(t)),
    ],
)
