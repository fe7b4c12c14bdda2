"""Exercises of chapter 4.3: a running maximum and sum, and the merge of two parts."""

import math

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["merge", "running_sum"]

DRAW = np.random.default_rng(43)
NOTHING = -math.inf


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def step(m, z, s):
    """Take one more score into the maximum and the sum."""
    new = max(m, s)
    return new, z * math.exp(m - new) + math.exp(s - new)


running_sum = Exercise(
    "running_sum",
    step,
    properties=[
        Property(
            "keeps z the sum of exp(score - m), with m the largest score so far",
            [(0.5, 2.3, 1.7), (1.7, 2.3, 0.5), (-3.0, 1.5, -2.0), (0.25, 4.5, -1.5)],
            "First the new maximum. Then bring the old sum to it, exp(m - new), and add "
            "exp(s - new).",
        ),
        Property(
            "starts from nothing, m = -inf and z = 0",
            [(NOTHING, 0.0, 2.5), (NOTHING, 0.0, -4.0)],
            "The first score becomes the maximum, and z becomes 1. exp(-inf) is 0, which is right; "
            "-inf * 0 is not a number.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [(9990.0, 1.5, 1e4), (1e4, 2.0, -1e4), (-1e4, 1.25, 1e4), (-1e4, 3.0, -10003.0)],
            "No exponent may be above 0: take the *new* maximum off both times.",
        ),
    ],
    mistakes=[
        (
            "The old sum counts from the old maximum. Multiply it by exp(m - new).",
            lambda m, z, s: (max(m, s), z + math.exp(s - max(m, s))),
        ),
        (
            "A new maximum does not wipe out the past: z shrinks, by exp(m - new), and stays.",
            lambda m, z, s: (s, 1.0) if s > m else (m, z + math.exp(s - m)),
        ),
        (
            "The factor is turned round: the old exponents shrink by new - m, so it is "
            "exp(m - new).",
            lambda m, z, s: (max(m, s), z * math.exp(max(m, s) - m) + math.exp(s - max(m, s))),
        ),
        (
            "Take the new maximum off the new score, too: exp(s - new).",
            lambda m, z, s: (max(m, s), z * math.exp(m - max(m, s)) + math.exp(s - m)),
        ),
        (
            "Take the new maximum off the new score, too: exp(s - new).",
            lambda m, z, s: (max(m, s), z * math.exp(m - max(m, s)) + math.exp(s)),
        ),
        (
            "The new score adds exp(s - new), which is 1 only if it is the largest.",
            lambda m, z, s: (max(m, s), z * math.exp(m - max(m, s)) + 1),
        ),
        (
            "This is a sum without a maximum: exp(s) overflows. Let both sums count from the "
            "maximum.",
            lambda m, z, s: (max(m, s), z + math.exp(s)),
        ),
        ("m stays what it was; the largest score so far is wanted.",
         lambda m, z, s: (m, z + math.exp(s - m))),
        ("m becomes the last score; the largest so far is wanted.",
         lambda m, z, s: (s, z * math.exp(m - s) + 1)),
        ("You rescale the new number a second time: the factor is for the old sum alone.",
         lambda m, z, s: (max(m, s), (z + math.exp(s - max(m, s))) * math.exp(m - max(m, s)))),
        ("The order is turned round: `return m, z`.", lambda m, z, s: step(m, z, s)[::-1]),
    ],
    returns=("m", "z"),
)  # fmt: skip


def join(m_a, z_a, u_a, m_b, z_b, u_b):
    """Merge the partial results of two sets of keys."""
    return joined(m_a, z_a, u_a, m_b, z_b, u_b)


def joined(m_a, z_a, u_a, m_b, z_b, u_b, *, sums=True, outs=True, turned=False, sign=1):
    """Merge, with a step left out or done in another way."""
    m = np.maximum(m_a, m_b)
    shift = np.where(np.isneginf(m), 0, m)
    a, b = np.exp(sign * (m_a - shift)), np.exp(sign * (m_b - shift))
    a, b = (b, a) if turned else (a, b)
    z = a * z_a + b * z_b if sums else z_a + z_b
    u = a[..., None] * u_a + b[..., None] * u_b if outs else u_a + u_b
    return m, z, u


def by_one_maximum(m_a, z_a, u_a, m_b, z_b, u_b):
    """Merge with one maximum for all queries."""
    m = np.full_like(m_a, max(m_a.max(), m_b.max()))
    a, b = np.exp(m_a - m), np.exp(m_b - m)
    return m, a * z_a + b * z_b, a[..., None] * u_a + b[..., None] * u_b


def part(*shape, size=1.0, empty=()):
    """Return m, z, u of a set of keys, for queries of a shape and 3 values; some saw nothing."""
    m, z, u = size * draw(*shape), 1 + DRAW.random(shape), draw(*shape, 3)
    for row in empty:
        m[..., row], z[..., row], u[..., row, :] = NOTHING, 0, 0
    return m, z, u


merge = Exercise(
    "merge",
    join,
    properties=[
        Property(
            "brings both parts to the larger maximum, then adds",
            [(*part(4), *part(4)), (*part(2), *part(2))],
            "m is the larger one. Each part's z and u shrink by exp(its own m - m), and are added.",
        ),
        Property(
            "takes heads in front",
            [(*part(2, 4), *part(2, 4))],
            "`factor[..., None]` stretches over the last axis of u, whatever is in front.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [(*part(4, size=1e4), *part(4, size=1e4))],
            "No exponent may be above 0: m_a - m and m_b - m are not, m_a - m_b may be.",
        ),
        Property(
            "takes a part that saw no key, m = -inf and z = 0, on either side",
            [(*part(4, empty=[1]), *part(4)), (*part(4), *part(4, empty=[0, 3]))],
            "exp(-inf) is 0, so an empty part adds nothing by itself. Where does a NaN come from?",
        ),
        Property(
            "leaves two empty parts empty",
            [(*part(4, empty=[1, 2]), *part(4, empty=[2]))],
            "-inf - (-inf) is not a number. Take off 0 where both saw nothing; the m to return "
            "stays -inf there.",
        ),
    ],
    mistakes=[
        ("Nothing is rescaled: z and u of a part count from that part's own maximum.",
         lambda *a: joined(*a, sums=False, outs=False)),
        ("You rescale z; u counts from the same maximum and needs the same factor.",
         lambda *a: joined(*a, outs=False)),
        ("You rescale u; z counts from the same maximum and needs the same factor.",
         lambda *a: joined(*a, sums=False)),
        ("The factors are swapped: exp(m_a - m) belongs to part a.",
         lambda *a: joined(*a, turned=True)),
        ("The factors are turned round: exp(m_a - m), which is never above 1.",
         lambda *a: joined(*a, sign=-1)),
        (
            "u is not divided yet; it is divided by z once, after the last merge.",
            lambda *a: (*join(*a)[:2], join(*a)[2] / join(*a)[1][..., None]),
        ),
        (
            "These parts are not divided by their sums, so they are added, not averaged.",
            lambda *a: (*join(*a)[:2], join(*a)[2] / 2),
        ),
        (
            "You shrink the second part alone; whose maximum is larger depends on the row.",
            lambda m_a, z_a, u_a, m_b, z_b, u_b: (
                np.maximum(m_a, m_b),
                z_a + np.exp(m_b - np.maximum(m_a, m_b)) * z_b,
                u_a + np.exp(m_b - np.maximum(m_a, m_b))[..., None] * u_b,
            ),
        ),
        ("Each query has a maximum of its own: compare entry by entry, `np.maximum`.",
         by_one_maximum),
        ("m is the larger of the two, not their sum.",
         lambda *a: (a[0] + a[3], *join(*a)[1:])),
        ("The order is turned round: `return m, z, u`.", lambda *a: join(*a)[::-1]),
    ],
    returns=("m", "z", "u"),
)  # fmt: skip
