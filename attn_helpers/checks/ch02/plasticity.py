"""Exercises of chapter 2.3: a delta write, a fading memory, a step by reward, two gradients."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["delta_write", "linear_attention", "program_gradient", "reward_step"]

DRAW = np.random.default_rng(23)
M, KEY, VALUE = (DRAW.standard_normal(shape) for shape in ((5, 3), 5, 3))
UNIT = KEY / np.sqrt(KEY @ KEY)
POSITIVE_Q, POSITIVE_K = np.exp(DRAW.standard_normal((2, 7, 4)))
V = DRAW.standard_normal((7, 3))
W, QUERY, KEYS = (DRAW.standard_normal(shape) for shape in ((5, 3), 5, (4, 3)))
S, DISTANCE = DRAW.standard_normal(6), np.arange(6.0, 0, -1)


def write(memory, key, value, rate):
    """Write what is missing."""
    return memory + rate * np.outer(key, value - key @ memory)


delta_write = Exercise(
    "delta_write",
    write,
    properties=[
        Property(
            "adds rate times key times what is missing",
            [
                (M[:3], KEY[:3], VALUE, 0.4),  # square: a swap of key and value goes through
                (M, KEY, VALUE, 0.3),
                (M.T, VALUE, KEY, 0.7),
                (M, 2 * KEY, VALUE, 0.1),
            ],
            "Recall with `key @ memory`, take that off the value, and add the outer product of "
            "the key with the rest, times the rate.",
        ),
        Property(
            "makes a pair of a key of length one exact at rate 1, and overshoots above",
            [(M, UNIT, VALUE, 1.0), (np.zeros((5, 3)), UNIT, VALUE, 1.0), (M, UNIT, VALUE, 1.5)],
            "Nothing is special about a rate of 1 or an empty memory. Is the rate clipped?",
        ),
        Property(
            "leaves a pair that is already right",
            [(M, KEY, KEY @ M, 0.5), (M.T, VALUE, VALUE @ M.T, 1.0)],
            "What is missing is then zero, and so is the change.",
        ),
        Property(
            "takes a key or a value of one number",
            [(M[:1], KEY[:1], VALUE, 0.5), (M[:, :1], KEY, VALUE[:1], 0.5)],
            "Avoid `squeeze`: the memory keeps both axes.",
        ),
    ],
    mistakes=[
        (
            "This is Hebb's rule. Take what the memory recalls off the value first.",
            lambda m, k, v, rate: m + rate * np.outer(k, v),
        ),
        ("The rate is not used.", lambda m, k, v, rate: write(m, k, v, 1.0)),
        (
            "The sign is turned round: what is missing is the value less what is recalled.",
            lambda m, k, v, rate: write(m, k, v, -rate),
        ),
        (
            "This is the change. Add it to the memory.",
            lambda m, k, v, rate: write(m, k, v, rate) - m,
        ),
        (
            "The rate belongs to the value and to what is recalled, both.",
            lambda m, k, v, rate: m + np.outer(k, rate * v - k @ m),
        ),
        (
            "The rate belongs to the value and to what is recalled, both.",
            lambda m, k, v, rate: m + np.outer(k, v - rate * (k @ m)),
        ),
        (
            "You fade the whole memory. Only what *this* key recalls is taken off.",
            lambda m, k, v, rate: (1 - rate) * m + rate * np.outer(k, v),
        ),
        (
            "You divide by the key's squared length. That is a good idea, and another rule.",
            lambda m, k, v, rate: write(m, k, v, rate / (k @ k)),
        ),
        (
            "Key and value have changed places: the key counts the rows of the memory.",
            lambda m, k, v, rate: m + rate * np.outer(v - k @ m, k),
        ),
        (
            "Key and value have changed places: the key counts the rows of the memory.",
            lambda m, k, v, rate: write(m, k, v, rate).T,
        ),
        (
            "`memory @ key` asks the columns. The key counts the rows: recall with `key @ memory`.",
            lambda m, k, v, rate: m + rate * np.outer(k, v - m @ k),
        ),
    ],
)


def faded(q, k, keep):
    """Scores of the pairs 0 to i, each faded once for every step since."""
    place = np.arange(len(q))
    return np.tril(q @ k.T * keep ** np.abs(place[:, None] - place))


def attend(q, k, v, keep):
    """Linear attention with a fading memory by its weights, all at once."""
    scores = faded(q, k, keep)
    return scores @ v / scores.sum(axis=1, keepdims=True)


def reading_first(q, k, v, keep):
    """Let each query meet the pairs before it; the first gets zeros."""
    scores = np.tril(faded(q, k, keep), -1)
    return scores @ v / np.where(scores.sum(1) == 0, 1, scores.sum(1))[:, None]


def last_memory(q, k, v, keep):
    """Recall with every query from the memory after the last step."""
    ages = keep ** np.arange(len(k) - 1.0, -1, -1)[:, None]
    return q @ ((ages * k).T @ v) / (q @ (ages * k).sum(axis=0))[:, None]


def by_exponential(q, k, v, scale=1.0):
    """Causal attention with softmax."""
    e = np.tril(np.exp(q @ k.T * scale))
    return e @ v / e.sum(axis=1, keepdims=True)


linear_attention = Exercise(
    "linear_attention",
    attend,
    properties=[
        Property(
            "lets query i meet the faded pairs 0 to i, with weights that sum to one",
            [
                (POSITIVE_Q, POSITIVE_K, V, 0.7),
                (POSITIVE_K[:5, :2], POSITIVE_Q[:5, :2], V[:5], 0.4),
            ],
            "For each step: fade, write the pair, and only then recall with the query (who reads "
            "before the first pair is written divides 0 by 0). Divide by the query times the sum "
            "of the keys, faded like the memory.",
        ),
        Property(
            "forgets nothing with a keep of 1, and nearly all with a small one",
            [(POSITIVE_Q, POSITIVE_K, V, 1.0), (POSITIVE_Q, POSITIVE_K, V, 0.01)],
            "Nothing is special about 1. Is `1 - keep` used, or keep clipped?",
        ),
        Property(
            "takes queries and keys of any size",
            [
                (POSITIVE_Q * 1e-9, POSITIVE_K * 1e-6, V, 0.7),
                (POSITIVE_Q * 1e6, POSITIVE_K * 1e6, V, 0.7),
            ],
            "Is something added to the sum of the scores? It is never zero here.",
        ),
        Property(
            "takes one pair, one feature, one column of values",
            [
                (POSITIVE_Q[:1], POSITIVE_K[:1], V[:1], 0.7),
                (POSITIVE_Q[:, :1], POSITIVE_K[:, :1], V, 0.7),
                (POSITIVE_Q, POSITIVE_K, V[:, :1], 0.7),
            ],
            "Keep both axes of the result, (n, d_v).",
        ),
    ],
    mistakes=[
        (
            "The weights do not sum to one yet: divide by the query times the sum of the keys.",
            lambda q, k, v, keep: faded(q, k, keep) @ v,
        ),
        (
            "Nothing fades: multiply what is there, not what you write, by keep in each step.",
            lambda q, k, v, keep: attend(q, k, v, 1.0),
        ),
        (
            "The sum of the keys must fade with the memory, or the weights do not sum to one.",
            lambda q, k, v, keep: faded(q, k, keep) @ v / faded(q, k, 1.0).sum(1, keepdims=True),
        ),
        (
            "The memory must fade with the sum of the keys, or the weights do not sum to one.",
            lambda q, k, v, keep: faded(q, k, 1.0) @ v / faded(q, k, keep).sum(1, keepdims=True),
        ),
        ("You read before you write: query i meets its own pair, too.", reading_first),
        (
            "Every query meets every pair: recall in each step, from the memory so far.",
            last_memory,
        ),
        (
            "Each query meets the pairs that come after it: was the memory filled backwards?",
            lambda q, k, v, keep: attend(q[::-1], k[::-1], v[::-1], keep)[::-1],
        ),
        (
            "Query and key have changed places: keys are written, queries recall.",
            lambda q, k, v, keep: attend(k, q, v, keep),
        ),
        (
            "You divide by the number of pairs. The weights must sum to one.",
            lambda q, k, v, keep: faded(q, k, keep) @ v / np.arange(1, len(q) + 1)[:, None],
        ),
        (
            "This is attention with softmax: the scores here are plain products, faded.",
            lambda q, k, v, keep: by_exponential(q, k, v, 1 / np.sqrt(q.shape[1])),
        ),
        (
            "This is attention with softmax: the scores here are plain products, faded.",
            lambda q, k, v, keep: by_exponential(q, k, v),
        ),
        (
            "You divide by the sum of the keys; the query belongs to it.",
            lambda q, k, v, keep: (
                faded(q, k, keep) @ v / faded(np.ones_like(q), k, keep).sum(1, keepdims=True)
            ),
        ),
    ],
)


def step(W, q, k, choice, surprise):
    """Surprise times the gradient of the log-probability of the choice."""
    return surprise * np.outer(q, k[choice] - softmax(k @ (q @ W)) @ k)


def chance(W, q, k, choice):
    """Probability of the choice."""
    return softmax(k @ (q @ W))[choice]


reward_step = Exercise(
    "reward_step",
    step,
    properties=[
        Property(
            "gives surprise times q times (chosen key less expected key)",
            [(W, QUERY, KEYS, 2, 0.7), (W.T, VALUE, M.T, 1, 0.4), (W, QUERY, KEYS[:2], 0, 1.5)],
            "Scores q W k, softmax, the mean of the keys with these weights; take it off the "
            "chosen key; the outer product of q with that, times the surprise.",
        ),
        Property(
            "turns round for a bad surprise, and is zero for none",
            [(W, QUERY, KEYS, 1, -0.3), (W, QUERY, KEYS, 3, 0.0)],
            "The surprise is a factor, of either sign.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [
                *((sign * W * 1e4, QUERY, KEYS, 1, 0.5) for sign in (1, -1)),
                *((sign * W * 1e4, QUERY, KEYS[:1], 0, 0.5) for sign in (1, -1)),
            ],
            "Take the largest score off before the exponential, or use `softmax`.",
        ),
        Property(
            "takes one key, whose choice teaches nothing",
            [(W, QUERY, KEYS[:1], 0, 0.8)],
            "Where there is no choice, the chosen key is the expected one.",
        ),
    ],
    mistakes=[
        (
            "The expected key is missing: take the weighted mean of all keys off the chosen one.",
            lambda W, q, k, c, r: r * np.outer(q, k[c]),
        ),
        (
            "You take off the plain mean of the keys; weigh them by softmax.",
            lambda W, q, k, c, r: r * np.outer(q, k[c] - k.mean(axis=0)),
        ),
        ("The surprise is not used.", lambda W, q, k, c, r: step(W, q, k, c, 1.0)),
        ("The sign is turned round.", lambda W, q, k, c, r: -step(W, q, k, c, r)),
        (
            "This is the gradient of the probability. That of its logarithm has no factor w_c.",
            lambda W, q, k, c, r: step(W, q, k, c, r * chance(W, q, k, c)),
        ),
        (
            "You divide by the probability once too often: the gradient of a logarithm has done "
            "that.",
            lambda W, q, k, c, r: step(W, q, k, c, r / chance(W, q, k, c)),
        ),
        ("This is the new matrix. Return the step alone.", lambda W, *rest: W + step(W, *rest)),
        (
            "Query and key have changed places: W has a row for each number of the query.",
            lambda W, q, k, c, r: step(W, q, k, c, r).T,
        ),
        (
            "This is the delta rule: take off the expected *key*, not what q recalls.",
            lambda W, q, k, c, r: r * np.outer(q, k[c] - q @ W),
        ),
    ],
)


def slopes(s, distance, right, sharpness, slope):
    """Both derivatives of the log-probability of the right key."""
    weights = softmax(sharpness * s - slope * distance)
    return np.array([s[right] - weights @ s, weights @ distance - distance[right]])


program_gradient = Exercise(
    "program_gradient",
    slopes,
    properties=[
        Property(
            "gives the derivatives by sharpness and by slope",
            [
                (S, DISTANCE, 2, 1.5, 0.4),
                (S[:4], DISTANCE[2:], 0, 3.0, 0.5),
                (-S, S**2, 5, 1.0, 1.0),
                (S, DISTANCE, 5, 0.5, 9.0),  # a sure answer: both derivatives are small
            ],
            "Right less expected, for each number: of s for the sharpness, of minus the distance "
            "for the slope. Do not round.",
        ),
        Property(
            "takes numbers of 0, and of either sign",
            [
                (S, DISTANCE, 1, 0.0, 0.0),
                (S, DISTANCE, 4, -2.0, 0.3),
                (S[:4], DISTANCE[2:], 0, 3.0, -0.5),
            ],
            "Nothing is special about any number. Is one divided by, clipped, or its sign lost?",
        ),
        Property(
            "stays finite for scores of 10,000",
            [
                (S, DISTANCE, 3, 1e4, 0.2),
                (S, DISTANCE, 0, 1.0, -1e4),
                (S, DISTANCE + 1e4, 2, 1.5, 1.0),  # every score near -10,000
            ],
            "Take the largest score off (not the largest size) before the exponential, or use "
            "`softmax`.",
        ),
    ],
    mistakes=[
        (
            "The slope is taken off the score: its derivative has a minus.",
            lambda *x: slopes(*x) * [1, -1],
        ),
        ("This is the gradient of the loss, minus the one asked for.", lambda *x: -slopes(*x)),
        ("Sharpness first, then slope.", lambda *x: slopes(*x)[::-1]),
        (
            "The expected values are missing: take off the weighted means.",
            lambda s, d, r, *_: np.array([s[r], -d[r]]),
        ),
        (
            "You take off plain means; weigh them by softmax.",
            lambda s, d, r, *_: np.array([s[r] - s.mean(), d.mean() - d[r]]),
        ),
        (
            "The weights come from the program's score, sharpness * s - slope * distance.",
            lambda s, d, r, *_: slopes(s, d, r, 1.0, 0.0),
        ),
        (
            "You add the slope times the distance to the score; the program takes it off.",
            lambda s, d, r, a, b: slopes(s, d, r, a, -b),
        ),
        (
            "This is the gradient of the probability. That of its logarithm has no factor w_r.",
            lambda s, d, r, a, b: slopes(s, d, r, a, b) * softmax(a * s - b * d)[r],
        ),
        (
            "Each derivative is by the number: multiplying by the number itself is one too many.",
            lambda s, d, r, a, b: slopes(s, d, r, a, b) * [a, b],
        ),
    ],
)
