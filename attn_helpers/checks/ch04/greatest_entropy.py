"""Exercise of chapter 4.1: the weights of the greatest entropy with a given mean score."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["max_entropy_weights"]


def least_committed(scores, mean):
    """Weights of the greatest entropy with a given mean score, by halving an interval."""
    z = (scores - scores.mean()) / np.ptp(scores)
    wanted = (mean - scores.mean()) / np.ptp(scores)
    low, high = -1e4, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if softmax(middle * z) @ z < wanted else (low, middle)
    return softmax(low * z)


def on_a_line(scores, mean):
    """Weights on a line, the least sum of squares with this mean; they may be negative."""
    from_mean = scores - scores.mean()
    return 1 / len(scores) + from_mean * (mean - scores.mean()) / (from_mean @ from_mean)


def two_ends(scores, mean):
    """All weight on the lowest and the highest score."""
    share = (mean - scores.min()) / np.ptp(scores)
    weights = np.zeros(len(scores))
    weights[scores.argmin()], weights[scores.argmax()] = 1 - share, share
    return weights


def two_neighbours(scores, mean):
    """All weight on the two scores around the mean."""
    order = scores.argsort()
    above = np.searchsorted(scores[order], mean)
    j, k = order[above - 1], order[above]
    weights = np.zeros(len(scores))
    weights[k] = (mean - scores[j]) / (scores[k] - scores[j])
    weights[j] = 1 - weights[k]
    return weights


def slope_of(scores, mean):
    """Return the multiplier b of `least_committed`."""
    w = np.log(least_committed(scores, mean))
    return (w.max() - w.min()) / np.ptp(scores) * np.sign(mean - scores.mean())


FACES = np.arange(1.0, 7.0)
UNEVEN = np.array([0.3, -1.0, 2.5, 0.9, 0.0])

max_entropy_weights = Exercise(
    "max_entropy_weights",
    least_committed,
    properties=[
        Property(
            "gives the weights of the greatest entropy with this mean score",
            [(FACES, 4.5), (UNEVEN, 1.5)],
            "softmax(b * scores) for one number b: search it until weights @ scores is the mean. "
            "Is it nearly right? Search on, as far as floating point goes.",
        ),
        Property(
            "takes means below the plain mean, and the plain mean itself",
            [(FACES, 2.2), (UNEVEN, -0.4), (FACES, 3.5), (UNEVEN, UNEVEN.mean())],
            "For a mean below the plain mean b is negative: let the search begin below zero.",
        ),
        Property(
            "takes means near the largest and the smallest score",
            [(FACES, 5.99), (FACES, 1.02), (UNEVEN, 2.48)],
            "The nearer the end, the larger b: is your range of b wide enough, and the search "
            "long enough?",
        ),
        Property(
            "takes scores in any unit, far from zero, and ties",
            [
                (1000 * UNEVEN, 1500.0),
                (UNEVEN / 1000, 0.0015),
                (UNEVEN + 1e4, 1e4 + 1.5),
                (np.array([1.0, 2.0, 2.0, 5.0]), 3.0),
                (np.array([2.0, 7.0]), 6.0),
            ],
            "b has the unit of one over a score. Divide the scores by their range first, or the "
            "range of b by it, and use the stable softmax.",
        ),
    ],
    mistakes=[
        ("This is softmax(scores), whose mean is what it is. Search the b in softmax(b * scores).",
         lambda s, m: softmax(s)),
        ("All weights are alike: the greatest entropy of all, but the mean is not met.",
         lambda s, m: np.full(len(s), 1 / len(s))),
        ("All weight lies on the lowest and the highest score. The mean is right, the entropy "
         "small.", two_ends),
        ("All weight lies on the two scores next to the mean. The mean is right, the entropy "
         "small.", two_neighbours),
        ("Your weights lie on a line. The mean is right; the logarithms should lie on a line.",
         on_a_line),
        ("b has the wrong sign.", lambda s, m: softmax(-slope_of(s, m) * s)),
        ("The mean is no b: search the b that brings this mean about.",
         lambda s, m: softmax(m * s)),
        ("The mean is no temperature: search the one that brings this mean about.",
         lambda s, m: softmax(s / m)),
        ("These are scores near the mean: that is the soft look-up of chapter 1.",
         lambda s, m: softmax(-((s - m) ** 2) / 2)),
        ("Your answer is the number b; return the weights.",
         lambda s, m: slope_of(s, m)),
        ("Your answer is the temperature 1 / b; return the weights.",
         lambda s, m: 1 / slope_of(s, m)),
        ("All weight lies on one score, the nearest to the mean.",
         lambda s, m: (abs(s - m).argmin() == np.arange(len(s))).astype(float)),
    ],
)  # fmt: skip
