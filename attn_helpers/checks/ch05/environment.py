"""Exercises of chapter 5.1: operations per byte, the roof, the order of products, a stable draw."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["attainable", "held_out", "intensity", "two_orders"]


def operations_per_byte(n_q, n_k, d_k, group, size):
    """Operations of both products of attention, for each byte of q, k, v and out."""
    return _operations(n_q, n_k, d_k, group) / (_numbers(n_q, n_k, d_k, group) * size)


def _operations(n_q, n_k, d_k, group):
    return 4 * group * n_q * n_k * d_k


def _numbers(n_q, n_k, d_k, group):
    return 2 * group * n_q * d_k + 2 * n_k * d_k


def _with(numbers):
    """Make the function that counts other numbers than it should."""
    return lambda n_q, n_k, d_k, group, size: (
        _operations(n_q, n_k, d_k, group) / (size * numbers(n_q, n_k, d_k, group))
    )


intensity = Exercise(
    "intensity",
    operations_per_byte,
    properties=[
        Property(
            "divides the operations of both products by the bytes of q, k, v and out",
            [(3, 5, 7, 3, 4), (48, 96, 8, 4, 2), (5, 700, 64, 3, 8)],
            "Above: two products, for each query of each head, with every key. Below: queries and "
            "outputs of every head, keys and values of one, times the bytes of a number.",
        ),
        Property(
            "takes one query, as in writing, and as many queries as keys, as in reading",
            [(1, 4096, 64, 1, 4), (1, 4096, 64, 8, 2), (512, 512, 64, 1, 4), (1, 1, 1, 1, 1)],
            "No special cases are needed: the formula holds for n_q = 1, too.",
        ),
    ],
    mistakes=[
        (
            "Half of what it is. Each multiply-add is two operations, and there are two products: "
            "the scores, and the weighted sum.",
            lambda *a: operations_per_byte(*a) / 2,
        ),
        (
            "A quarter of what it is. Each multiply-add is two operations, and there are two "
            "products: the scores, and the weighted sum.",
            lambda *a: operations_per_byte(*a) / 4,
        ),
        (
            "That is per number. A number takes `size` bytes.",
            lambda *a: operations_per_byte(*a) * a[-1],
        ),
        (
            "Cut to a whole number: divide with `/`, not `//`.",
            lambda *a: operations_per_byte(*a) // 1,
        ),
        (
            "Turned upside down: bytes per operation.",
            lambda *a: 1 / operations_per_byte(*a),
        ),
        (
            "`group` makes no difference in yours: several query heads meet the same keys, so "
            "there is more work for them, and no more keys to fetch.",
            lambda n_q, n_k, d_k, group, size: operations_per_byte(n_q, n_k, d_k, 1, size),
        ),
        (
            "Every query head has queries and outputs of its own: `group` times as many, in the "
            "bytes too.",
            _with(lambda n_q, n_k, d_k, group: _numbers(n_q, n_k, d_k, 1)),
        ),
        (
            "The work is done for each of the `group` heads.",
            lambda n_q, n_k, d_k, group, size: operations_per_byte(n_q, n_k, d_k, group, size)
            / group,
        ),
        (
            "The values are fetched, too.",
            _with(lambda n_q, n_k, d_k, group: 2 * group * n_q * d_k + n_k * d_k),
        ),
        (
            "One of queries and outputs is missing: the first are read, the second written.",
            _with(lambda n_q, n_k, d_k, group: group * n_q * d_k + 2 * n_k * d_k),
        ),
        (
            "Queries and outputs travel, too.",
            _with(lambda n_q, n_k, d_k, group: 2 * n_k * d_k),
        ),
        (
            "You count the scores among what travels. Here they stay in fast memory.",
            _with(
                lambda n_q, n_k, d_k, group: _numbers(n_q, n_k, d_k, group) + group * n_q * n_k
            ),
        ),
        (
            "You count the table of scores, written and read. Here it stays in fast memory.",
            _with(
                lambda n_q, n_k, d_k, group: _numbers(n_q, n_k, d_k, group) + 2 * group * n_q * n_k
            ),
        ),
        (
            "You count the table of scores, and that of weights, written and read. Here they stay "
            "in fast memory.",
            _with(
                lambda n_q, n_k, d_k, group: _numbers(n_q, n_k, d_k, group) + 4 * group * n_q * n_k
            ),
        ),
        (
            "These are the operations; divide by the bytes.",
            lambda n_q, n_k, d_k, group, size: _operations(n_q, n_k, d_k, group),
        ),
        (
            "These are the bytes: what is below the bar.",
            lambda n_q, n_k, d_k, group, size: _numbers(n_q, n_k, d_k, group) * size,
        ),
        (
            "Softmax is not to be counted: the two products alone.",
            lambda n_q, n_k, d_k, group, size: (
                _operations(n_q, n_k, d_k, group) + 5 * group * n_q * n_k
            )
            / (size * _numbers(n_q, n_k, d_k, group)),
        ),
    ],
)  # fmt: skip


def under_the_roof(intensity, peak, bandwidth):
    """Return the lower ceiling."""
    return np.minimum(peak, intensity * bandwidth)


BOTH_SIDES = np.array([0.05, 0.5, 2.0, 2.5, 3.0, 64.0])

attainable = Exercise(
    "attainable",
    under_the_roof,
    properties=[
        Property(
            "is the lower of the two ceilings, for each step",
            [(BOTH_SIDES, 100.0, 40.0), (BOTH_SIDES[::-1] * 30, 6e4, 3e3)],
            "Fetching allows intensity * bandwidth, arithmetic allows peak. A step has to do both.",
        ),
        Property(
            "takes a machine whose edge lies below 1, and a single step",
            [(BOTH_SIDES, 5.0, 40.0), (np.array([0.5]), 100.0, 40.0), (np.float64(7.0), 9.0, 2.0)],
            "`np.minimum` compares number by number; `min` and `if` want one truth value.",
        ),
        Property(
            "takes steps in a table",
            [(BOTH_SIDES.reshape(2, 3), 100.0, 40.0)],
            "Keep all axes.",
        ),
    ],
    mistakes=[
        (
            "The higher ceiling does not stop anybody: the lower one does.",
            lambda i, p, b: np.maximum(p, i * b),
        ),
        ("The ceiling of arithmetic is missing.", lambda i, p, b: i * b),
        ("The ceiling of fetching is missing.", lambda i, p, b: np.full_like(i, p)),
        (
            "The bandwidth is the slope of the roof: bytes per second times operations per byte.",
            lambda i, p, b: np.full_like(i, min(p, b)),
        ),
        (
            "The two are exchanged: the bandwidth is the slope, the peak the flat part.",
            lambda i, p, b: np.minimum(b, i * p),
        ),
        ("The slope rises: times the operations per byte.", lambda i, p, b: np.minimum(p, b / i)),
        (
            "Operations per byte *times* bytes per second are operations per second.",
            lambda i, p, b: np.minimum(p, i / b),
        ),
        (
            "You let fetching wait for arithmetic: the times add up. The roof lets both go on at "
            "once; the slower decides.",
            lambda i, p, b: 1 / (1 / p + 1 / (i * b)),
        ),
        ("That is a share of the peak; times the peak.", lambda i, p, b: np.minimum(1, i * b / p)),
        (
            "The edge, peak / bandwidth, only says where the roof bends.",
            lambda i, p, b: np.minimum(i, p / b),
        ),
        ("Two ceilings, not their sum.", lambda i, p, b: p + i * b),
        ("Two ceilings, not their mean.", lambda i, p, b: (p + i * b) / 2),
        (
            "That is a truth value: which ceiling is lower. How high is it?",
            lambda i, p, b: i * b < p,
        ),
    ],
)  # fmt: skip


def both_orders(a, b, c, m):
    """Multiply-adds of (A B) V and of A (B V)."""
    return a * b * c + a * c * m, b * c * m + a * b * m


two_orders = Exercise(
    "two_orders",
    both_orders,
    properties=[
        Property(
            "counts both products of each order",
            [(2, 3, 5, 7), (700, 8, 700, 8), (11, 13, 3, 2)],
            "(x, y) times (y, z) takes x * y * z multiply-adds and gives (x, z). Write down the "
            "shape of A B, and that of B V.",
        ),
        Property(
            "takes a single vector, a single row",
            [(1024, 1024, 1024, 1), (1, 6, 4, 3), (1, 1, 1, 1)],
            "The same formula: a vector is a matrix with one column.",
        ),
    ],
    mistakes=[
        (
            "The two are exchanged: first (A B) V, then A (B V).",
            lambda *s: both_orders(*s)[::-1],
        ),
        (
            "Only the products that come first. Each order has a second one.",
            lambda a, b, c, m: (a * b * c, b * c * m),
        ),
        (
            "Only the products that come second. Each order has a first one, too.",
            lambda a, b, c, m: (a * c * m, a * b * m),
        ),
        (
            "Twice as many: those are operations. Count multiply-adds.",
            lambda *s: tuple(2 * count for count in both_orders(*s)),
        ),
        (
            "All four sizes in one product: one step after the other, each with three sizes.",
            lambda a, b, c, m: (a * b * c * m, a * b * c * m),
        ),
        (
            "A B has the shape (a, c): its product with V takes a * c * m, and the other order's "
            "last one a * b * m. You have exchanged them.",
            lambda a, b, c, m: (a * b * c + a * b * m, b * c * m + a * c * m),
        ),
        (
            "These count the numbers that come out. Each costs as many multiply-adds as there are "
            "terms in its sum.",
            lambda a, b, c, m: (a * c + a * m, b * m + a * m),
        ),
        (
            "One order is right; for the other begin with B V, of shape (b, m).",
            lambda *s: (both_orders(*s)[0],) * 2,
        ),
        (
            "One order is right; for the other begin with A B, of shape (a, c).",
            lambda *s: (both_orders(*s)[1],) * 2,
        ),
        (
            "One product follows the other: their costs add, they do not multiply.",
            lambda a, b, c, m: (a * b * c * a * c * m, b * c * m * a * b * m),
        ),
    ],
    returns=("left", "right"),
)  # fmt: skip


def own_draws(ids, seed):
    """Draw a number for each example, from a generator that knows its name and nothing else."""
    return np.array([np.random.default_rng([seed, i]).random() for i in ids])


def drawn_by_name(ids, share, seed):
    """Say which examples are held out."""
    return own_draws(ids, seed) < share


NAMES = np.random.default_rng(51).permutation(1000)

held_out = Exercise(
    "held_out",
    drawn_by_name,
    properties=[
        Property(
            "is True where the first number of an example's own generator is below the share",
            [(NAMES[:40], 0.25, 7), (np.arange(30), 0.5, 0), (NAMES[-60:], 0.7, 3)],
            "For each i: `np.random.default_rng([seed, i]).random() < share`.",
        ),
        Property(
            "says the same of an example in any company",
            [(NAMES[:10], 0.25, 7), (NAMES[:40][::-1], 0.25, 7), (np.sort(NAMES[:40]), 0.25, 7)],
            "Nothing may depend on how many ids there are, or in which order they come.",
        ),
        Property(
            "takes one example, none held out, all held out",
            [(NAMES[:1], 0.5, 1), (NAMES[:20], 0.0, 1), (NAMES[:20], 1.0, 1)],
            "The result is an array of truth values, one for each id.",
        ),
    ],
    mistakes=[
        (
            "One generator for all: an example's number depends on its place in the list. Give "
            "each a generator of its own.",
            lambda ids, share, seed: np.random.default_rng(seed).random(len(ids)) < share,
        ),
        (
            "A permutation depends on how many examples there are: whoever joins moves others.",
            lambda ids, share, seed: np.random.default_rng(seed).permutation(len(ids))
            < share * len(ids),
        ),
        (
            "`seed + i` makes seed 1 with example 2 the same as seed 2 with example 1. Hand over "
            "both: `[seed, i]`.",
            lambda ids, share, seed: np.array(
                [np.random.default_rng(seed + i).random() for i in ids]
            )
            < share,
        ),
        (
            "`seed` is not used: another seed has to give another draw.",
            lambda ids, share, seed: np.array([np.random.default_rng(i).random() for i in ids])
            < share,
        ),
        (
            "First the seed, then the example: `[seed, i]`.",
            lambda ids, share, seed: np.array(
                [np.random.default_rng([i, seed]).random() for i in ids]
            )
            < share,
        ),
        (
            "You number the places, 0, 1, 2. Take the ids, which stay with the examples.",
            lambda ids, share, seed: drawn_by_name(np.arange(len(ids)), share, seed),
        ),
        (
            "Turned round: those *below* the share are held out.",
            lambda ids, share, seed: ~drawn_by_name(ids, share, seed),
        ),
        (
            "These are the numbers drawn; which of them are below the share?",
            lambda ids, share, seed: own_draws(ids, seed),
        ),
        (
            "These are the ids that are held out. Return a truth value for each.",
            lambda ids, share, seed: ids[drawn_by_name(ids, share, seed)],
        ),
        (
            "These are the places of those held out. Return a truth value for each.",
            lambda ids, share, seed: np.flatnonzero(drawn_by_name(ids, share, seed)),
        ),
        (
            "All get the same number: every example needs a generator of its own.",
            lambda ids, share, seed: np.full(
                len(ids), np.random.default_rng(seed).random() < share
            ),
        ),
        (
            "`standard_normal` is not even between 0 and 1: `random` is.",
            lambda ids, share, seed: np.array(
                [np.random.default_rng([seed, i]).standard_normal() for i in ids]
            )
            < share,
        ),
    ],
)  # fmt: skip
