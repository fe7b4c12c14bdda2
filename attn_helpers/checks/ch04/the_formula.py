"""Exercises of chapter 4.1: softmax, log-sum-exp, the Jacobian of softmax, the scale."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax as plain_softmax

__all__ = ["log_sum_exp", "score_scale", "softmax"]

DRAW = np.random.default_rng(41)
INF = np.inf


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def shares(x, axis=-1):
    """Softmax; zeros where every score is -inf."""
    nothing = np.isneginf(x).all(axis=axis, keepdims=True)
    return np.where(nothing, 0, plain_softmax(np.where(nothing, 0, x), axis))


HIDDEN = np.array([[1.0, -INF, 0.5], [-INF, -INF, 2.0], [0.0, 3.0, -INF], [1.0, 2.0, 0.0]])
EMPTY = np.array([[1.0, -INF, 0.5], [-INF, -INF, -INF], [0.0, 3.0, -INF], [-INF, -INF, 4.0]])
STEPS = np.array([[0.0, 1.0, 3.0], [1e4, 1e4 - 2, 9e3], [-1e4, -1e4 + 1, -1e4 + 3]])

softmax = Exercise(
    "softmax",
    shares,
    properties=[
        Property(
            "gives each e^x as a share of the sum along the last axis",
            [(draw(5),), (draw(4, 4),), (draw(3, 5),)],
            "Exponentials first; then each over the sum of its own row, so that rows sum to one.",
        ),
        Property(
            "takes any axis, and any number of axes",
            [
                (draw(3, 5), 0),
                (draw(4, 4), 0),
                (draw(2, 3, 4), 1),
                (draw(2, 3, 4), -3),
                (draw(2, 3, 4), 2),
                (draw(2, 1, 3, 4), -2),
            ],
            "The weights sum to one along `axis`, wherever it is: hand it to the maximum and to "
            "the sum, both with `keepdims=True`.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [
                (draw(3, 5) * 1e4,),
                (draw(3, 5) * 1e4, 0),
                (np.array([1e4, 0.0, -1e4]),),
                (STEPS,),
                (STEPS.T.copy(), 0),
            ],
            "Take the largest score off before the exponential: of each row its own, along "
            "`axis`. One maximum for the whole array leaves the low rows with 0 / 0.",
        ),
        Property(
            "keeps the gaps between scores of 10,000",
            [(draw(3, 5) + 1e4,), (draw(4, 3) - 1e4, 0)],
            "Only gaps count, so an offset must not change a digit. Are the scores cast to fewer "
            "digits, float32 or float16, before the largest is taken off?",
        ),
        Property(
            "gives a score of -inf the weight 0",
            [(HIDDEN,), (HIDDEN, 0), (np.array([-INF, 0.0]),)],
            "exp(-inf) is 0, which is right. What do you compute with -inf before or after?",
        ),
        Property(
            "gives zeros where every score is -inf",
            [(EMPTY,), (EMPTY.T.copy(), 0), (np.array([-INF, -INF]),)],
            "Who may attend to nothing gets zeros. -inf - (-inf) is NaN, so take off 0 there "
            "instead, and put 1 under the fraction where the sum is 0.",
        ),
    ],
    mistakes=[
        (
            "The sum lost its axis, and NumPy divides along the wrong one. `keepdims=True` keeps "
            "it.",
            lambda x, axis=-1: np.exp(x) / np.exp(x).sum(-1),
        ),
        (
            "The sum lost its axis, and NumPy divides rows by each other's sums. "
            "`keepdims=True` keeps it.",
            lambda x, axis=-1: (e := np.exp(x - x.max(-1, keepdims=True))) / e.sum(-1),
        ),
        ("All weights together sum to one; each row should.",
         lambda x, axis=-1: np.exp(x) / np.exp(x).sum()),
        ("Softmax runs down the columns; by default it runs along the last axis.",
         lambda x, axis=-1: shares(x, 0)),
        (
            "Your weights are all alike: the same e^x stands N times in the sum. It has a term "
            "for each entry of x.",
            lambda x, axis=-1: np.full(x.shape, 1 / x.shape[-1]),
        ),
        (
            "Your weights are all 1: that is softmax of one number at a time. It needs all scores "
            "of a row at once.",
            lambda x, axis=-1: np.ones(x.shape),
        ),
        ("The exponential is missing.", lambda x, axis=-1: x / x.sum(-1, keepdims=True)),
        ("The sum under the fraction is missing.", lambda x, axis=-1: np.exp(x)),
        (
            "The sum under the fraction is missing, and the largest score is taken off.",
            lambda x, axis=-1: np.exp(x - x.max(-1, keepdims=True)),
        ),
        ("These are logarithms of the weights: take the exponential.",
         lambda x, axis=-1: np.log(shares(x))),
        ("The base is 2; softmax has e.", lambda x, axis=-1: shares(x * np.log(2))),
        ("The sign is turned round: a high score must get a large weight.",
         lambda x, axis=-1: shares(-x)),
        (
            "Each entry is squeezed by itself (a logistic function), and nothing sums to one.",
            lambda x, axis=-1: 1 / (1 + np.exp(-x)),
        ),
        (
            "You divide by sqrt(n). The scale belongs to the scores, before softmax.",
            lambda x, axis=-1: shares(x / np.sqrt(x.shape[-1])),
        ),
        (
            "You divide by the largest score; subtract it.",
            lambda x, axis=-1: shares(x / x.max(-1, keepdims=True)),
        ),
    ],
)  # fmt: skip


def soft_maximum(x, axis=-1):
    """Logarithm of the sum of exponentials; -inf where every entry is -inf."""
    return np.logaddexp.reduce(x, axis=axis)


log_sum_exp = Exercise(
    "log_sum_exp",
    soft_maximum,
    properties=[
        Property(
            "gives ln(sum of e^x) along the last axis, which vanishes",
            [(draw(5),), (draw(4, 4),), (draw(3, 5),)],
            "Exponentials, their sum along the last axis, its natural logarithm.",
        ),
        Property(
            "takes any axis, and any number of axes",
            [
                (draw(3, 5), 0), (draw(4, 4), 0), (draw(2, 3, 4), 1), (draw(2, 3, 4), -3),
                (draw(2, 1, 3, 4), -2), (draw(1, 5),),
            ],
            "Hand `axis` to the maximum, the sum and `squeeze`. The maximum needs `keepdims=True` "
            "to be taken off; what is added at the end must have lost the axis, and no other.",
        ),
        Property(
            "stays finite for entries of 10,000, of either sign",
            [
                (np.array([1e4, 0.0, -1e4]),),
                (draw(3, 5) + 1e4,),
                (draw(3, 5) - 1e4, 0),
                (STEPS,),
                (STEPS.T.copy(), 0),
            ],
            "Take the largest off before the exponential, each row's own, and add it after the "
            "logarithm: ln(sum of e^x) = c + ln(sum of e^(x - c)).",
        ),
        Property(
            "lets -inf count for nothing, and gives -inf where nothing counts",
            [(HIDDEN,), (EMPTY,), (EMPTY.T.copy(), 0), (np.array([-INF, -INF]),)],
            "ln(0) is -inf, which is right for a row of -inf. But -inf - (-inf) is NaN: take off "
            "0 there instead.",
        ),
    ],
    mistakes=[
        ("The logarithm is missing.", lambda x, axis=-1: np.exp(x).sum(-1)),
        (
            "The largest entry is taken off and never added again.",
            lambda x, axis=-1: soft_maximum(x - x.max(-1, keepdims=True)),
        ),
        (
            "The sign of the largest entry is turned round: take it off inside, add it outside.",
            lambda x, axis=-1: soft_maximum(x - 2 * x.max(-1, keepdims=True)),
        ),
        ("The largest entry is added twice.", lambda x, axis=-1: soft_maximum(x) + x.max(-1)),
        ("This is the largest entry, the hard maximum.", lambda x, axis=-1: x.max(-1)),
        ("This is the mean of the exponentials; take their sum.",
         lambda x, axis=-1: soft_maximum(x) - np.log(x.shape[-1])),
        ("The logarithm comes before the sum, and undoes the exponential: this is the sum of x.",
         lambda x, axis=-1: x.sum(-1)),
        ("The base of the logarithm is 2; take the natural one.",
         lambda x, axis=-1: soft_maximum(x) / np.log(2)),
        ("The base of the logarithm is 10; take the natural one.",
         lambda x, axis=-1: soft_maximum(x) / np.log(10)),
        ("This is ln(1 + sum): `log1p` adds a 1.",
         lambda x, axis=-1: np.log1p(np.exp(x).sum(-1))),
        ("Everything is in one sum; each row has its own.",
         lambda x, axis=-1: soft_maximum(x.ravel())),
        ("The sum runs down the columns; by default it runs along the last axis.",
         lambda x, axis=-1: soft_maximum(x, 0)),
        ("The last axis should vanish: `keepdims` has kept it.",
         lambda x, axis=-1: soft_maximum(x)[..., None]),
        ("These are the logarithms of softmax. Log-sum-exp is what is taken off there.",
         lambda x, axis=-1: x - soft_maximum(x)[..., None]),
        ("The sign is turned round.", lambda x, axis=-1: -soft_maximum(x)),
    ],
)  # fmt: skip


def unit_scale(d_k, q_std, k_std):
    """Factor that gives scores the standard deviation one."""
    return 1 / (np.sqrt(d_k) * q_std * k_std)


score_scale = Exercise(
    "score_scale",
    unit_scale,
    properties=[
        Property(
            "gives scores a standard deviation of one",
            [(64, 2.0, 3.0), (48, 0.1, 5.0)],
            "A product of two entries has the variance q_std^2 k_std^2; d_k of them add up; the "
            "root of the sum is what you divide by.",
        ),
        Property(
            "takes one feature, and is 1 / sqrt(d_k) where both deviations are 1",
            [(1, 2.0, 0.5), (1, 1.0, 3.0), (256, 1.0, 1.0)],
            "Nothing else goes in: neither a minimum nor a small number added.",
        ),
        Property(
            "takes deviations of any size",
            [(512, 1e-4, 1e-3), (16, 1e5, 30.0)],
            "A small number added under the fraction changes the answer; is it needed?",
        ),
    ],
    mistakes=[
        ("The deviations do not come in: double q, and the scores double.",
         lambda d, a, b: 1 / np.sqrt(d)),
        ("This is the deviation of the scores. Which factor makes it one?",
         lambda d, a, b: np.sqrt(d) * a * b),
        ("This is the variance of the scores.", lambda d, a, b: d * a**2 * b**2),
        ("You divide by the variance; divide by its root, the deviation.",
         lambda d, a, b: 1 / (d * a**2 * b**2)),
        ("d_k has no root: variances add up, deviations do not.",
         lambda d, a, b: 1 / (d * a * b)),
        ("You divide by d_k alone.", lambda d, a, b: 1 / d),
        ("d_k does not come in: a score is a sum of d_k products.", lambda d, a, b: 1 / (a * b)),
        ("The deviations belong under the fraction.", lambda d, a, b: a * b / np.sqrt(d)),
        ("The squares belong under the root, too.",
         lambda d, a, b: 1 / (np.sqrt(d) * a**2 * b**2)),
        ("The deviations are squared under the root.",
         lambda d, a, b: 1 / np.sqrt(d * a * b)),
        ("The deviation of a product is not the sum of deviations: variances of a product "
         "multiply.", lambda d, a, b: 1 / (np.sqrt(d) * (a + b))),
        ("You add the variances of q and k; for a product they multiply.",
         lambda d, a, b: 1 / np.sqrt(d * (a**2 + b**2))),
        ("The deviation of q is missing.", lambda d, a, b: 1 / (np.sqrt(d) * b)),
        ("The deviation of k is missing.", lambda d, a, b: 1 / (np.sqrt(d) * a)),
    ],
)  # fmt: skip
