"""Exercises of chapter 1: hard look-up, softmax, soft look-up, choosing a bandwidth."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["hard_lookup", "leave_one_out_error", "soft_lookup", "softmax"]

QUERY = np.array([0.0, 3.2, -5.0])
KEYS = np.array([1.5, -2.0, 0.25, 4.0, 3.0])
VALUES = np.array([10.0, -7.0, 2.5, 0.5, 30.0])


def nearest(query, keys, values):
    """Hard look-up: the value of the nearest key."""
    return values[abs(query[:, None] - keys).argmin(axis=1)]


def weights_of(scores, temperature=1.0):
    """Softmax along the last axis; written out, so that no check leans on what it checks."""
    e = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return e / e.sum(axis=-1, keepdims=True)


def gaussian(query, keys, bandwidth):
    """Scores of kernel regression, of shape (n_q, n_k)."""
    return -(((query[:, None] - keys) / bandwidth) ** 2) / 2


def mixture(query, keys, values, bandwidth):
    """Soft look-up: the Nadaraya-Watson mean."""
    return weights_of(gaussian(query, keys, bandwidth)) @ values


def others(x, y, bandwidth):
    """Predict each point from the other points: its own score is -inf."""
    scores = gaussian(x, x, bandwidth)
    np.fill_diagonal(scores, -np.inf)
    return weights_of(scores) @ y


def silenced(x, y, bandwidth):
    """Predict each point with its own weight set to zero, too late: after softmax."""
    weights = weights_of(gaussian(x, x, bandwidth))
    np.fill_diagonal(weights, 0)
    return weights @ y


hard_lookup = Exercise(
    "hard_lookup",
    nearest,
    properties=[
        Property(
            "returns the value of the nearest key, for each query",
            [(QUERY, KEYS, VALUES), (np.array([2.0, -1.0]), KEYS[:3], VALUES[:3])],
            "Compare every query with every key: `query[:, None] - keys` has shape (n_q, n_k).",
        ),
        Property(
            "takes the first key when two are equally near, or equal",
            [
                (np.array([1.0, 3.0]), np.array([2.0, 0.0, 4.0]), np.array([5.0, 6.0, 7.0])),
                (np.array([3.0, 0.0]), np.array([2.0, 2.0, 4.5]), np.array([5.0, 6.0, 7.0])),
            ],
            "`argmin` returns the first of equal distances; does something reverse the order?",
        ),
        Property(
            "answers one query, repeated queries, and one key",
            [
                (np.array([0.4]), KEYS, VALUES),
                (np.array([0.0, 3.0, 0.0]), KEYS, VALUES),
                (QUERY, KEYS[:1], VALUES[:1]),
            ],
            "Keep the axis of queries even when it has length one; avoid `squeeze`.",
        ),
        Property(
            "works at any scale of the keys, and far from zero",
            [
                (QUERY * 1e8, KEYS * 1e8, VALUES),
                (QUERY * 1e-9, KEYS * 1e-9, VALUES),
                (QUERY + 1e9, KEYS + 1e9, VALUES),
            ],
            "A fixed threshold for 'near' fails at another scale, and multiplying the square out "
            "loses all digits far from zero.",
        ),
    ],
    mistakes=[
        (
            "You return the position of the key. The reader of a dictionary wants what stands "
            "there: index `values` with it.",
            lambda q, k, v: abs(q[:, None] - k).argmin(axis=1),
        ),
        (
            "You return the key that was found. A look-up compares keys and hands out values.",
            lambda q, k, v: nearest(q, k, k),
        ),
        (
            "You pick the farthest key. A large distance is a poor match: take the smallest.",
            lambda q, k, v: v[abs(q[:, None] - k).argmax(axis=1)],
        ),
        (
            "Differences have a sign, and the smallest one is the most negative: it belongs to a "
            "far key. Take `abs` (or the square) first.",
            lambda q, k, v: v[(q[:, None] - k).argmin(axis=1)],
        ),
        (
            "Differences have a sign, and the largest one belongs to a far key. Take `abs` (or the "
            "square), and then the smallest.",
            lambda q, k, v: v[(q[:, None] - k).argmax(axis=1)],
        ),
        (
            "You match by the product of query and key, which favours large keys. Here the match "
            "is nearness.",
            lambda q, k, v: v[(q[:, None] * k).argmax(axis=1)],
        ),
    ],
)

softmax = Exercise(
    "softmax",
    weights_of,
    properties=[
        Property(
            "gives each exp(score / temperature) as a share of its row's sum",
            [
                (np.array([2.0, 1.0, 0.1]), 0.5),
                (np.array([-1.0, 0.5, 3.0, 2.0]), 2.7),
                (np.array([[1.0, 2.0, 3.0], [0.5, -4.0, 0.0]]), 1.5),
            ],
            "Write the formula in three steps: divide, exponentiate, normalise, each row by itself "
            "(`axis=-1, keepdims=True`).",
        ),
        Property(
            "takes any number of axes",
            [(np.linspace(-2, 3, 30).reshape(2, 3, 5) ** 2, 0.7), (np.array([0.3]), 1.0)],
            "The keys lie along the last axis, whatever comes before: `axis=-1, keepdims=True`.",
        ),
        Property(
            "stays finite for scores of 10,000, of either sign",
            [
                (np.array([0.0, 1e4 - 1.0, 1e4]), 1.0),
                (np.array([-1e4, -1e4 - 2.0]), 1.0),
                (np.array([1e4, 0.0]), 1e4),
                (np.array([[[1e4, 9.999e3]], [[-1e4, -9.999e3]], [[0.0, 0.5]]]), 1.0),
            ],
            "exp(10000) overflows, and a row of exp(-10000) is all zeros. Take each row's own "
            "largest score off first: it cancels in the fraction.",
        ),
        Property(
            "follows the temperature down to a thousandth",
            [(np.array([3.0, 2.0, 1.0]), 0.001), (np.array([0.002, 0.001, 0.0]), 0.001)],
            "Is the temperature cut off somewhere, or something added to it?",
        ),
        Property(
            "nears a plain mean when the temperature is large",
            [(np.array([3.0, -1.0, 0.5, 0.25]), 1e6)],
            "With the scores divided by a large number, all exponentials are nearly one.",
        ),
    ],
    mistakes=[
        (
            "You multiply by the temperature. A *low* temperature sharpens: divide by it.",
            lambda s, t: weights_of(s * t),
        ),
        ("The temperature is not used.", lambda s, t: weights_of(s)),
        (
            "The exponentials are not divided by their sum, so the weights do not sum to one.",
            lambda s, t: np.exp(s / t),
        ),
        (
            "You divide by the largest exponential. Weights sum to one: divide by the sum.",
            lambda s, t: np.exp((s - s.max(axis=-1, keepdims=True)) / t),
        ),
        (
            "You normalise the scores themselves. Take the exponential first: it makes every "
            "weight positive.",
            lambda s, t: s / s.sum(axis=-1, keepdims=True),
        ),
        (
            "A minus sign has turned the order round: the largest score should get the largest "
            "weight.",
            lambda s, t: weights_of(-s, t),
        ),
        (
            "You divide the finished weights by the temperature. Divide the scores, before the "
            "exponential.",
            lambda s, t: weights_of(s) / t,
        ),
        (
            "You raise 2 to the scores; softmax raises e: `np.exp`.",
            lambda s, t: weights_of(s * np.log(2), t),
        ),
        (
            "You sum over the whole matrix. Each row is a choice of its own: `axis=-1, "
            "keepdims=True`.",
            lambda s, t: np.exp(s / t) / np.exp(s / t).sum(),
        ),
        (
            "You normalise down the columns. The keys lie along the last axis: `axis=-1`.",
            lambda s, t: np.exp(s / t) / np.exp(s / t).sum(axis=0),
        ),
    ],
)

soft_lookup = Exercise(
    "soft_lookup",
    mixture,
    properties=[
        Property(
            "gives the mean of the values, weighted by nearness",
            [(QUERY, KEYS, VALUES, 0.8), (np.array([0.0, 1.0]), KEYS[:3], VALUES[:3], 2.0)],
            "Scores first, -(query[:, None] - keys)**2 / (2 * bandwidth**2); then softmax over the "
            "keys; then `weights @ values`.",
        ),
        Property(
            "stays finite far from every key, where it nears the nearest value",
            [
                (np.array([400.0, -300.0, 0.0]), KEYS, VALUES, 0.5),
                (np.array([400.0, -300.0]), KEYS, VALUES, 10.0),
                (QUERY, KEYS, VALUES, 1e-3),
            ],
            "Far away every exponential is zero, and 0 / 0 is NaN. Take each row's largest score "
            "off before the exponential, as in softmax.",
        ),
        Property(
            "works at any scale of the keys, and far from zero",
            [
                (QUERY, KEYS, VALUES, 1e5),
                (QUERY * 1e-3, KEYS * 1e-3, VALUES, 8e-4),
                (QUERY + 1e9, KEYS + 1e9, VALUES, 0.8),
            ],
            "A bandwidth that is cut off fails at another scale, and multiplying the square out "
            "loses all digits far from zero.",
        ),
        Property(
            "answers one query, and one key",
            [(np.array([0.4]), KEYS, VALUES, 1.0), (QUERY, KEYS[:1], VALUES[:1], 1.0)],
            "Keep the axis of queries even when it has length one; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        (
            "The bandwidth must be squared along with the distance: (x - x_j)**2 / (2 * h**2).",
            lambda q, k, v, h: mixture(q, k, v, h**0.5),
        ),
        (
            "The 2 under the fraction is missing: (x - x_j)**2 / (2 * h**2).",
            lambda q, k, v, h: mixture(q, k, v, h / 2**0.5),
        ),
        (
            "You use the distance; the Gaussian kernel uses half its square.",
            lambda q, k, v, h: weights_of(-abs(q[:, None] - k) / h) @ v,
        ),
        (
            "You use half the distance; the Gaussian kernel uses half its square.",
            lambda q, k, v, h: weights_of(-abs(q[:, None] - k) / h / 2) @ v,
        ),
        (
            "The sign is turned round: far keys get the largest weights. Scores are *minus* the "
            "squared distance.",
            lambda q, k, v, h: weights_of(-gaussian(q, k, h)) @ v,
        ),
        ("The bandwidth is not used.", lambda q, k, v, h: mixture(q, k, v, 1.0)),
        (
            "You multiply by the bandwidth. A wide kernel makes distances count less: divide.",
            lambda q, k, v, h: mixture(q, k, v, 1 / h),
        ),
        (
            "The weights are not normalised: divide by their sum over the keys.",
            lambda q, k, v, h: np.exp(gaussian(q, k, h)) @ v,
        ),
        (
            "The weights are normalised over the queries. Each *query* shares out one unit of "
            "weight over the keys: sum along the last axis.",
            lambda q, k, v, h: weights_of(gaussian(q, k, h).T).T @ v,
        ),
        (
            "You return the weights. One step is left: mix the values, `weights @ values`.",
            lambda q, k, v, h: weights_of(gaussian(q, k, h)),
        ),
        (
            "You mix the keys. Keys are compared, values are mixed.",
            lambda q, k, v, h: mixture(q, k, k, h),
        ),
        (
            "You take the nearest value. A soft look-up mixes all of them.",
            lambda q, k, v, h: nearest(q, k, v),
        ),
    ],
)

leave_one_out_error = Exercise(
    "leave_one_out_error",
    lambda x, y, bandwidth: np.mean((others(x, y, bandwidth) - y) ** 2),
    properties=[
        Property(
            "predicts each point from the others and averages the squared errors",
            [(KEYS, VALUES, 0.8), (KEYS[:4], VALUES[:4], 1.7), (KEYS[:2], VALUES[:2], 1.0)],
            "Build the (n, n) scores of x against x, forbid the diagonal, softmax, mix y, compare.",
        ),
        Property(
            "stays finite when the bandwidth is tiny",
            [(KEYS, VALUES, 1e-3), (KEYS * 100, VALUES, 0.5), (KEYS, VALUES, 1e-6)],
            "With its own key forbidden, every other exponential can be zero. Take each row's "
            "largest remaining score off before the exponential, and forbid with -inf: -1e9 is not "
            "always the smallest score.",
        ),
        Property(
            "leaves out the point itself, not another one at the same place",
            [(np.array([1.5, -2.0, 1.5, 4.0, 3.0]), VALUES, 0.8)],
            "Points are told apart by their position in the array, the diagonal, not by x.",
        ),
        Property(
            "works at any scale",
            [(KEYS, VALUES, 1e6), (KEYS * 1e-3, VALUES, 8e-4)],
            "Is the bandwidth cut off somewhere?",
        ),
    ],
    mistakes=[
        (
            "Each point still sees its own value. Its own score is 0, the best there is; set the "
            "diagonal to -inf, before softmax.",
            lambda x, y, h: np.mean((mixture(x, x, y, h) - y) ** 2),
        ),
        (
            "You set weights on the diagonal to 0 after softmax, so the rows no longer sum to one. "
            "Forbid the key before, in the scores.",
            lambda x, y, h: np.mean((silenced(x, y, h) - y) ** 2),
        ),
        (
            "You add the squared errors; the mean divides by their number.",
            lambda x, y, h: np.sum((others(x, y, h) - y) ** 2),
        ),
        (
            "You return one squared error for each point; take their mean.",
            lambda x, y, h: (others(x, y, h) - y) ** 2,
        ),
        (
            "You divide by n - 1. The mean divides by n: each of the n points is predicted once.",
            lambda x, y, h: np.sum((others(x, y, h) - y) ** 2) / (len(x) - 1),
        ),
        (
            "You take the median; the exercise asks for the mean, in which large errors count.",
            lambda x, y, h: np.median((others(x, y, h) - y) ** 2),
        ),
        (
            "You take the root of the mean. The exercise asks for the mean squared error.",
            lambda x, y, h: np.mean((others(x, y, h) - y) ** 2) ** 0.5,
        ),
        (
            "You average the absolute errors; square them instead.",
            lambda x, y, h: np.mean(abs(others(x, y, h) - y)),
        ),
        (
            "You average errors with their signs, which cancel; square them first.",
            lambda x, y, h: np.mean(others(x, y, h) - y),
        ),
        (
            "You return the predictions. Compare them with y and average the squares.",
            lambda x, y, h: others(x, y, h),
        ),
        (
            "The bandwidth must be squared along with the distance: (x - x_j)**2 / (2 * h**2).",
            lambda x, y, h: np.mean((others(x, y, h**0.5) - y) ** 2),
        ),
        (
            "The 2 under the fraction is missing: (x - x_j)**2 / (2 * h**2).",
            lambda x, y, h: np.mean((others(x, y, h / 2**0.5) - y) ** 2),
        ),
    ],
)
