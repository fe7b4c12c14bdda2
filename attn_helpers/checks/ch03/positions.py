"""Exercises of chapter 3.4: sinusoids, a bias for each distance, rotations, and a shift."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.reference import positions as reference

__all__ = ["relative_bias", "rope", "shift_matrix", "sinusoidal_positions"]

BASE = 10_000.0


def numbers(*shape, seed=0):
    """Draw normal numbers, the same at every call."""
    return np.random.default_rng(seed).standard_normal(shape)


def frequencies(d):
    """Return how fast each pair turns, from 1 down to nearly 1 / 10,000."""
    return BASE ** (-np.arange(0, d, 2) / d)


def by_sinusoids(n, d_model):
    """Sine and cosine side by side, a row for each position."""
    return reference.sinusoidal_positions(np.arange(n), d_model)


def sinusoids_of(angle, d):
    """Sines and cosines of other angles, (n, d / 2), in the right places."""
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(len(angle), d)


def column(n):
    """Positions, down."""
    return np.arange(n)[:, None]


sinusoidal_positions = Exercise(
    "sinusoidal_positions",
    by_sinusoids,
    properties=[
        Property(
            "gives sine and cosine of each angle side by side, a row for each position",
            [(5, 6), (7, 4), (3, 8)],
            "Row i, column 2m holds sin(i * 10000 ** (-2m / d_model)), column 2m + 1 the cosine.",
        ),
        Property(
            "takes one position, one pair of features, and a thousand positions",
            [(1, 6), (4, 2), (1000, 6)],
            "Nothing is special about n = 1 or about d_model = 2.",
        ),
    ],
    mistakes=[
        (
            "Sine comes first in each pair, then cosine.",
            lambda n, d: by_sinusoids(n, d).reshape(n, -1, 2)[..., ::-1].reshape(n, d),
        ),
        (
            "Sine and cosine of one angle stand side by side; you have all sines, then all "
            "cosines.",
            lambda n, d: np.c_[by_sinusoids(n, d)[:, ::2], by_sinusoids(n, d)[:, 1::2]],
        ),
        (
            "The exponent is -2m / d_model for pair m; yours falls half as fast.",
            lambda n, d: sinusoids_of(column(n) * BASE ** (-np.arange(d // 2) / d), d),
        ),
        (
            "Sine and cosine of a pair share one angle: the exponent counts pairs, not columns.",
            lambda n, d: np.where(
                np.arange(d) % 2,
                np.cos(column(n) * BASE ** (-np.arange(d) / d)),
                np.sin(column(n) * BASE ** (-np.arange(d) / d)),
            ),
        ),
        (
            "Later pairs turn more slowly: the exponent is negative.",
            lambda n, d: sinusoids_of(column(n) / frequencies(d), d),
        ),
        ("Positions start at 0.", lambda n, d: by_sinusoids(n + 1, d)[1:]),
        (
            "The angle is in radians, as it is: there is no 2 pi in it.",
            lambda n, d: sinusoids_of(2 * np.pi * column(n) * frequencies(d), d),
        ),
        (
            "The last exponent is -(d_model - 2) / d_model: do not stretch it to -1.",
            lambda n, d: sinusoids_of(column(n) * BASE ** -np.linspace(0, 1, d // 2), d),
        ),
        (
            "These are the angles; their sines and cosines are wanted.",
            lambda n, d: np.repeat(column(n) * frequencies(d), 2, axis=1),
        ),
    ],
)


def by_distance(table, n_q, n_k):
    """Look up each distance j - i, clipped to the ends of the table."""
    reach = len(table) // 2
    i, j = np.indices((n_q, n_k))
    return table[np.clip(j - i, -reach, reach) + reach]


def looked_up(table, n_q, n_k, entry):
    """Look up another entry of the table, as a function of j - i and of the reach."""
    i, j = np.indices((n_q, n_k))
    return table[entry(j - i, len(table) // 2) % len(table)]


relative_bias = Exercise(
    "relative_bias",
    by_distance,
    properties=[
        Property(
            "looks up the distance from query to key, j - i",
            [(numbers(7), 5, 7), (numbers(5, seed=1), 8, 3), (numbers(3, seed=2), 4, 6)],
            "Row i, column j holds table[reach + (j - i)], and j - i is clipped to -reach..reach.",
        ),
        Property(
            "takes a table of one entry or a large one, one query, one key",
            [(numbers(1), 3, 4), (numbers(21), 3, 4), (numbers(5), 1, 7), (numbers(5), 7, 1)],
            "The middle of the table, len(table) // 2, is distance 0, whatever its length.",
        ),
    ],
    mistakes=[
        (
            "The distance is j - i, so keys before the query use the first half of the table.",
            lambda t, n, m: by_distance(t[::-1], n, m),
        ),
        (
            "Query i and key i stand at the same place; you line up the last query with the last "
            "key.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: np.clip(d - (m - n), -r, r) + r),
        ),
        (
            "The table tells before from after: no absolute value.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: np.minimum(abs(d), r) + r),
        ),
        (
            "Far keys share the last entry at their end; yours come in again at the other end.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: d + r),
        ),
        (
            "Distance 0 is in the middle of the table: add the reach before you look up.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: np.clip(d, -r, r)),
        ),
        (
            "Distance 0 is in the middle of the table: add the reach before you look up.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: d),
        ),
        (
            "Clip the distance to -reach..reach first, then add the reach.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: np.clip(d, 0, 2 * r)),
        ),
        (
            "Far keys share the last entry at their end; yours get 0.",
            lambda t, n, m: np.where(
                np.abs(np.subtract(*np.indices((n, m)))) <= len(t) // 2, by_distance(t, n, m), 0
            ),
        ),
        (
            "The first and the last entry count, too: clip to -reach..reach.",
            lambda t, n, m: looked_up(t, n, m, lambda d, r: np.clip(d, 1 - r, r - 1) + r),
        ),
        (
            "A bias is a number for each distance: take it as it is, without softmax.",
            lambda t, n, m: (
                np.exp(by_distance(t, n, m)) / np.exp(by_distance(t, n, m)).sum(-1, keepdims=True)
            ),
        ),
    ],
)


def by_rotation(x, positions):
    """Turn each pair of neighbours by its angle."""
    return reference.rope(x, positions)


def turned(x, angle, *, clockwise=False):
    """Turn the pairs of x by other angles."""
    sign = -1 if clockwise else 1
    even, odd = x[..., 0::2], x[..., 1::2]
    first = even * np.cos(angle) - sign * odd * np.sin(angle)
    second = sign * even * np.sin(angle) + odd * np.cos(angle)
    return woven(first, second)


def woven(first, second):
    """Put two halves together as even and odd features."""
    return np.stack([first, second], axis=-1).reshape(*first.shape[:-1], -1)


def pairs_of(x, positions):
    """Return even and odd features, and the cosine and sine that they meet."""
    angle = positions[:, None] * frequencies(x.shape[-1])
    return x[..., 0::2], x[..., 1::2], np.cos(angle), np.sin(angle)


def one_minus_short(x, positions):
    """Forget the minus: no rotation."""
    even, odd, cos, sin = pairs_of(x, positions)
    return woven(even * cos + odd * sin, even * sin + odd * cos)


def mirrored(x, positions):
    """Put the minus where the pair is mirrored, and not turned."""
    even, odd, cos, sin = pairs_of(x, positions)
    return woven(even * cos + odd * sin, even * sin - odd * cos)


def overwritten(x, positions):
    """Use the new first feature to make the second."""
    even, odd, cos, sin = pairs_of(x, positions)
    even = even * cos - odd * sin
    return woven(even, even * sin + odd * cos)


def unwoven(x, positions):
    """Rotate pairs of neighbours, and put all firsts before all seconds."""
    result = by_rotation(x, positions)
    return np.concatenate([result[..., 0::2], result[..., 1::2]], axis=-1)


def scaled(x, positions):
    """Multiply with cosine and sine, without mixing the two."""
    even, odd, cos, sin = pairs_of(x, positions)
    return woven(even * cos, odd * sin)


rope = Exercise(
    "rope",
    by_rotation,
    properties=[
        Property(
            "turns features 2m and 2m + 1 by position * 10000 ** (-2m / d)",
            [
                (numbers(5, 6), np.array([2.0, 0.0, 1.0, 3.0, 7.0])),
                (numbers(2, 3, 7, 4, seed=1), np.arange(3.0, 10.0)),
            ],
            "For each pair: first * cos - second * sin, then first * sin + second * cos, with the "
            "angle of that pair at that position.",
        ),
        Property(
            "takes one token of a cache, one pair, and any number of axes in front",
            [
                (numbers(3, 1, 4), np.array([31.0])),
                (numbers(5, 2), np.arange(5.0)),
                (numbers(1, 2, 3, 4, 8), np.arange(4.0)),
                (numbers(6, 6), np.arange(6.0)),
            ],
            "Positions go along the second axis from the end, features along the last.",
        ),
        Property(
            "takes positions that repeat, are negative, fractional or in the thousands",
            [
                (numbers(4, 6), np.array([5.0, 5.0, 0.0, 0.0])),
                (numbers(3, 6), np.array([-4.0, 0.5, 2.25])),
                (numbers(2, 8), np.array([4096.0, 65536.0])),
            ],
            "The angle is positions times frequency: compute it, do not look it up.",
        ),
    ],
    mistakes=[
        (
            "You pair feature m with m + d / 2, another convention: here neighbours make a pair.",
            lambda x, p: reference.rope(x, p, halves=True),
        ),
        (
            "You turn clockwise: it is first * cos - second * sin, first * sin + second * cos.",
            lambda x, p: turned(x, p[:, None] * frequencies(x.shape[-1]), clockwise=True),
        ),
        (
            "The pairs are turned right, and then put back all firsts, all seconds. Weave them.",
            unwoven,
        ),
        (
            "Use the positions that are given; yours count from 0.",
            lambda x, p: by_rotation(x, np.arange(len(p))),
        ),
        (
            "Each pair has a frequency of its own; yours all turn alike.",
            lambda x, p: turned(x, p[:, None] + np.zeros(x.shape[-1] // 2)),
        ),
        (
            "The exponent is -2m / d for pair m; yours falls half as fast.",
            lambda x, p: turned(x, p[:, None] * np.sqrt(frequencies(x.shape[-1]))),
        ),
        (
            "Later pairs turn more slowly: the exponent is negative.",
            lambda x, p: turned(x, p[:, None] / frequencies(x.shape[-1])),
        ),
        ("A rotation has one minus, before the second * sin.", one_minus_short),
        ("This mirrors the pair: the minus belongs to the second * sin.", mirrored),
        ("The second feature needs the old first one, which you have overwritten.", overwritten),
        ("A rotation mixes the two features of a pair; yours only scales each.", scaled),
        (
            "These are sinusoids added to x. Here they multiply: x is rotated.",
            lambda x, p: x + reference.sinusoidal_positions(p, x.shape[-1]),
        ),
        ("Nothing is turned: this is x itself.", lambda x, p: x * 1),
    ],
)


def by_shift(d_model, shift):
    """Turn the (sine, cosine) of each pair, blocks of two along the diagonal."""
    angle = shift * frequencies(d_model)
    return blocks(np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle))


def blocks(a, b, c, d):
    """Return the matrix with [[a, c], [b, d]] along its diagonal."""
    M = np.zeros((2 * len(a), 2 * len(a)))
    first = np.arange(0, 2 * len(a), 2)
    M[first, first], M[first + 1, first] = a, b
    M[first, first + 1], M[first + 1, first + 1] = c, d
    return M


def with_angle(angle):
    """Return the matrix that turns by other angles."""
    return blocks(np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle))


def without_minus(d_model, shift):
    """Forget the minus: no rotation."""
    cos, sin = np.cos(shift * frequencies(d_model)), np.sin(shift * frequencies(d_model))
    return blocks(cos, sin, sin, cos)


def by_halves(d_model, shift):
    """Put the sines in the first half, the cosines in the second."""
    cos, sin = np.cos(shift * frequencies(d_model)), np.sin(shift * frequencies(d_model))
    return np.block([[np.diag(cos), -np.diag(sin)], [np.diag(sin), np.diag(cos)]])


shift_matrix = Exercise(
    "shift_matrix",
    by_shift,
    properties=[
        Property(
            "moves every sinusoidal position by the shift, as position @ M",
            [(6, 3), (4, -2), (8, 1)],
            "Column 2m of M makes sin(a + b) = sin a cos b + cos a sin b, the next one cos(a + b).",
        ),
        Property(
            "takes no shift, one pair, and shifts that are large or fractional",
            [(6, 0), (2, 5), (6, 1000), (4, 0.5)],
            "Shift 0 gives the identity; nothing is special about d_model = 2.",
        ),
    ],
    mistakes=[
        (
            "M stands to the right, position @ M: yours is transposed, and moves backwards.",
            lambda d, s: by_shift(d, -s),
        ),
        (
            "The angle is shift times frequency; yours does not use the shift.",
            lambda d, s: by_shift(d, 1),
        ),
        (
            "Each pair has a frequency of its own; yours all turn alike.",
            lambda d, s: with_angle(np.full(d // 2, s)),
        ),
        (
            "The exponent is -2m / d_model for pair m; yours falls half as fast.",
            lambda d, s: with_angle(s * np.sqrt(frequencies(d))),
        ),
        (
            "Later pairs turn more slowly: the exponent is negative.",
            lambda d, s: with_angle(s / frequencies(d)),
        ),
        (
            "A rotation has one minus: cos(a + b) = cos a cos b - sin a sin b.",
            without_minus,
        ),
        (
            "Sine and cosine of a pair are neighbours, so the blocks of two lie on the diagonal.",
            by_halves,
        ),
        (
            "A pair must be turned, sine and cosine mixed; yours only scales each.",
            lambda d, s: np.diag(np.repeat(np.cos(s * frequencies(d)), 2)),
        ),
    ],
)
