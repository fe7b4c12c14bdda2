"""The bank of chapter 4.1: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers import reference
from attn_helpers.checks import ch04
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"


def tensor(x):
    return torch.tensor(np.array(x))


# ---- softmax ----
def softmax(x, axis=-1):
    largest = x.max(axis=axis, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(largest), largest, 0))
    total = e.sum(axis=axis, keepdims=True)
    return np.divide(e, total, out=np.zeros_like(e), where=total > 0)


def softmax_by_loop(x, axis=-1):
    rows = np.moveaxis(np.array(x), axis, -1)
    weights = np.zeros(rows.shape)
    for place in np.ndindex(rows.shape[:-1]):
        largest = max(rows[place])
        if largest > -math.inf:
            e = [math.exp(score - largest) for score in rows[place]]
            weights[place] = [each / sum(e) for each in e]
    return np.moveaxis(weights, -1, axis)


def softmax_along_axis(x, axis=-1):
    return np.apply_along_axis(lambda row: softmax(row), axis, x)


def softmax_by_logarithms(x, axis=-1):
    log = x - np.logaddexp.reduce(x, axis=axis, keepdims=True)
    return np.nan_to_num(np.exp(log))


def softmax_in_torch(x, axis=-1):
    return tensor(x).softmax(axis).nan_to_num()


def softmax_in_float32_after_the_shift(x, axis=-1):
    largest = x.max(axis, keepdims=True)
    return softmax((x - np.where(np.isneginf(largest), 0, largest)).astype(np.float32), axis)


def softmax_with_a_trace(x, axis=-1):
    e = np.exp(x - np.maximum(x.max(axis, keepdims=True), -1e300))
    return e / (e.sum(axis, keepdims=True) + 1e-15)


def naive(x, axis=-1):
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def shifted(shift, last=False):
    def answer(x, axis=-1):
        e = np.exp(x - shift(x, axis))
        return e / e.sum(axis=-1 if last else axis, keepdims=True)

    return answer


own = shifted(lambda x, axis: x.max(axis=axis, keepdims=True))
of_all = shifted(lambda x, axis: x.max())


def own_and_mended(x, axis=-1):
    return np.nan_to_num(own(x, axis))


def without_keepdims(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis)


def in_place(x, axis=-1):
    x -= np.where(np.isneginf(x.max(axis, keepdims=True)), 0, x.max(axis, keepdims=True))
    return own_and_mended(x, axis)


def in_place_for_matrices(x, axis=-1):
    return (in_place if x.ndim > 1 else softmax)(x, axis)


def clipped(x, axis=-1):
    return softmax(np.clip(x, -700, 700), axis)


def even_where_nothing(x, axis=-1):
    return np.where(np.isnan(own(x, axis)), 1 / x.shape[axis], own(x, axis))


def hidden_by_a_billion(x, axis=-1):
    return own(np.maximum(x, -1e9), axis)


def hidden_by_ten(x, axis=-1):
    return own(np.where(np.isneginf(x), x.min(where=np.isfinite(x), initial=0) - 5, x), axis)


# ---- log_sum_exp ----
def log_sum_exp(x, axis=-1):
    c = x.max(axis=axis, keepdims=True)
    c = np.where(np.isneginf(c), 0, c)
    return np.log(np.exp(x - c).sum(axis=axis)) + c.squeeze(axis)


def log_sum_exp_by_loop(x, axis=-1):
    rows = np.moveaxis(np.array(x), axis, -1)
    if rows.ndim > 1:
        return np.array([log_sum_exp_by_loop(row) for row in rows])
    c = max(rows)
    return c if c == -math.inf else c + math.log(sum(math.exp(each - c) for each in rows))


def lse(shift=None, log=np.log, back=lambda c, axis: c.squeeze(axis), total=np.sum):
    def answer(x, axis=-1):
        c = shift(x, axis) if shift else x.max(axis=axis, keepdims=True)
        return log(total(np.exp(x - c), axis=axis)) + back(c, axis)

    return answer


def lse_mended_by_zero(x, axis=-1):
    return np.nan_to_num(lse()(x, axis))


def weights_of(scores):
    return np.exp(scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True))


# ---- max_entropy_weights ----
def by_newton(scores, mean):
    z, b = (scores - scores.max()) / np.ptp(scores), 0.0
    wanted = (mean - scores.max()) / np.ptp(scores)
    for _ in range(500):
        w = weights_of(b * z)
        step = (wanted - w @ z) / max(w @ z**2 - (w @ z) ** 2, 1e-12)
        b += np.clip(step, -2, 2)
    return weights_of(b * z)


def by_scipy(scores, mean):
    from scipy.optimize import brentq

    z = (scores - mean) / np.ptp(scores)
    return weights_of(brentq(lambda b: weights_of(b * z) @ z, -1e4, 1e4, xtol=1e-12) * z)


def by_descent_of_the_dual(scores, mean):
    """The multiplier minimises log-sum-exp of b (s - mean)."""
    from scipy.optimize import minimize_scalar

    z = (scores - mean) / np.ptp(scores)
    found = minimize_scalar(
        lambda b: np.logaddexp.reduce(b * z), bracket=(-1.0, 1.0), options={"xtol": 1e-12}
    )
    return by_newton(scores, mean) if not found.success else polished(found.x, z)


def polished(b, z):
    for _ in range(5):
        w = weights_of(b * z)
        b -= w @ z / (w @ z**2 - (w @ z) ** 2)
    return weights_of(b * z)


def halved(low=-1e3, high=1e3, steps=100, unit=True):
    def answer(scores, mean):
        z = (scores - mean) / (np.ptp(scores) if unit else 1)
        a, b = low, high
        for _ in range(steps):
            middle = (a + b) / 2
            a, b = (middle, b) if weights_of(middle * z) @ z < 0 else (a, middle)
        return weights_of(a * z)

    return answer


def multiplier(scores, mean):
    log = np.log(halved()(scores, mean))
    return (log[1] - log[0]) / (scores[1] - scores[0])


def naive_search(scores, mean):
    low, high = -50.0, 50.0
    for _ in range(100):
        b = (low + high) / 2
        low, high = (b, high) if naive(b * scores) @ scores < mean else (low, b)
    return naive(b * scores)


def two_ends(scores, mean):
    share = (mean - scores.min()) / np.ptp(scores)
    return (scores == scores.max()) * share + (scores == scores.min()) * (1 - share)


def flattest(scores, mean):
    A = np.stack([np.ones(len(scores)), scores])
    return np.linalg.pinv(A) @ [1, mean]


RIGHT = {
    "softmax": [
        softmax,
        softmax_by_loop,
        softmax_along_axis,
        softmax_by_logarithms,
        softmax_in_torch,
        softmax_in_float32_after_the_shift,
        softmax_with_a_trace,
        own_and_mended,
        lambda x, axis=-1: reference.softmax(x, axis=axis),
    ],
    "log_sum_exp": [
        log_sum_exp,
        log_sum_exp_by_loop,
        lambda x, axis=-1: np.logaddexp.reduce(x, axis=axis),
        lambda x, axis=-1: tensor(x).logsumexp(axis),
        lse(
            shift=lambda x, axis: np.maximum(x.max(axis, keepdims=True), -1e300),
            back=lambda c, axis: np.where(c < -1e299, 0, c).squeeze(axis),
        ),
    ],
    "score_scale": [
        lambda d, a, b: d**-0.5 / a / b,
        lambda d, a, b: 1 / math.sqrt(d * a**2 * b**2),
        lambda d_k, q_std, k_std: np.float64(1) / (np.sqrt(d_k) * q_std * k_std),
        lambda d, a, b: 1 / np.linalg.norm(np.full(d, a * b)),
    ],
    "max_entropy_weights": [
        by_newton,
        by_scipy,
        by_descent_of_the_dual,
        halved(),
        halved(low=-300.0, high=300.0, steps=60),
        lambda s, m: list(halved()(s, m)),
    ],
}

WRONG = {
    "softmax": [
        (without_keepdims, "keepdims=True"),
        (lambda x, axis=-1: naive(x, None), "All weights together"),
        (lambda x, axis=-1: softmax(x, 0), "down the columns"),
        (lambda x, axis=-1: np.exp(x) / sum(np.exp(x) for _ in range(x.shape[-1])), "all alike"),
        (lambda x, axis=-1: softmax(x[..., None]).squeeze(-1), "all 1"),
        (lambda x, axis=-1: x / x.sum(axis, keepdims=True), "exponential is missing"),
        (lambda x, axis=-1: np.exp(x), "sum under the fraction is missing"),
        (lambda x, axis=-1: np.exp(x - x.max(axis, keepdims=True)), "largest score is taken off"),
        (lambda x, axis=-1: tensor(x).log_softmax(axis), "logarithms of the weights"),
        (lambda x, axis=-1: 2**x / (2**x).sum(axis, keepdims=True), "base is 2"),
        (lambda x, axis=-1: softmax(-x, axis), "sign is turned round"),
        (lambda x, axis=-1: tensor(x).sigmoid(), "squeezed by itself"),
        (lambda x, axis=-1: softmax(x / x.shape[axis] ** 0.5, axis), "You divide by sqrt(n)"),
        (lambda x, axis=-1: naive(x / x.max(axis, keepdims=True), axis), "largest score; subtract"),
        (lambda x, axis=-1: abs(x) / abs(x).sum(axis, keepdims=True), "Exponentials first"),
        (lambda x, axis=-1: x.argmax(axis), SHAPE),
        (lambda x, axis=-1: (x == x.max(axis, keepdims=True)) * 1.0, "Exponentials first"),
        (lambda x, axis=-1: softmax(x.ravel()), SHAPE),
        (lambda x: softmax(x), "wherever it is"),
        (lambda x, axis=-1: softmax(x, -1), "wherever it is"),
        (lambda x, axis=-1: softmax(x, abs(axis) - 1 if axis < 0 else axis), "down the columns"),
        (lambda x, axis=-1: np.stack([softmax(row) for row in x]) if x.ndim > 1 else softmax(x),
         "wherever it is"),
        (shifted(lambda x, axis: x.max(axis, keepdims=True), last=True), "wherever it is"),
        (naive, "One maximum for the whole array"),
        (of_all, "One maximum for the whole array"),
        (shifted(lambda x, axis: x.mean(axis, keepdims=True)), "One maximum"),
        (shifted(lambda x, axis: x.take([0], axis)), "One maximum"),
        (shifted(lambda x, axis: x.max(-1, keepdims=True)), "wherever it is"),
        (clipped, "One maximum"),
        (lambda x, axis=-1: np.nan_to_num(naive(x, axis)), "One maximum"),
        (lambda x, axis=-1: softmax(x.astype(np.float32), axis), "must not change a digit"),
        (lambda x, axis=-1: tensor(x).float().softmax(axis).nan_to_num(), "must not change"),
        (lambda x, axis=-1: softmax(np.round(x, 3), axis), "Exponentials first"),
        (hidden_by_ten, "exp(-inf) is 0"),
        (lambda x, axis=-1: softmax(np.where(np.isneginf(x), 0, x), axis), "exp(-inf) is 0"),
        (own, "attend to nothing gets zeros"),
        (hidden_by_a_billion, "attend to nothing gets zeros"),
        (even_where_nothing, "attend to nothing gets zeros"),
        (lambda x, axis=-1: tensor(x).softmax(axis), "attend to nothing gets zeros"),
        (in_place, "belongs to the caller"),
        (in_place_for_matrices, "belongs to the caller"),
    ],
    "log_sum_exp": [
        (lambda x, axis=-1: np.exp(x).sum(axis), "logarithm is missing"),
        (lse(back=lambda c, axis: 0), "never added again"),
        (lse(back=lambda c, axis: -c.squeeze(axis)), "inside, add it outside"),
        (lse(back=lambda c, axis: 2 * c.squeeze(axis)), "added twice"),
        (lambda x, axis=-1: x.max(axis), "hard maximum"),
        (lse(total=np.mean), "mean of the exponentials"),
        (lambda x, axis=-1: np.log(np.exp(x)).sum(axis), "undoes the exponential"),
        (lambda x, axis=-1: np.log2(np.exp(x).sum(axis)), "base of the logarithm is 2"),
        (lambda x, axis=-1: np.log10(np.exp(x).sum(axis)), "logarithm is 10"),
        (lambda x, axis=-1: np.log1p(np.exp(x).sum(axis)), "adds a 1"),
        (lambda x, axis=-1: np.log(np.exp(x).sum()), "Everything is in one sum"),
        (lambda x, axis=-1: log_sum_exp(x, 0), "down the columns"),
        (lambda x, axis=-1: np.logaddexp.reduce(x, axis, keepdims=True), "should vanish"),
        (lambda x, axis=-1: tensor(x).log_softmax(axis), "is taken off there"),
        (lambda x, axis=-1: -log_sum_exp(x, axis), "turned round"),
        (lse(back=lambda c, axis: c), "should vanish"),
        (lse(back=lambda c, axis: c.squeeze()), "Hand `axis`"),
        (lambda x, axis=-1: log_sum_exp(x), "Hand `axis`"),
        (lambda x, axis=-1: np.log(np.exp(x).sum(axis)), "each row's own"),
        (lse(shift=lambda x, axis: x.max(), back=lambda c, axis: c), "each row's own"),
        (lambda x, axis=-1: np.log(np.exp(x).sum(axis) + 1e-30), "each row's own"),
        (lambda x, axis=-1: np.log(np.exp(x.clip(-700, 700)).sum(axis)), "each row's own"),
        (lse(), "take off 0"),
        (lse_mended_by_zero, "take off 0"),
        (lambda x, axis=-1: log_sum_exp(np.maximum(x, -1e9), axis), "take off 0"),
        (lambda x, axis=-1: log_sum_exp(in_place_shift(x), axis), "belongs to the caller"),
    ],
    "score_scale": [
        (lambda d, a, b: d**-0.5, "do not come in"),
        (lambda d, a, b: d**0.5 * a * b, "deviation of the scores"),
        (lambda d, a, b: d * a**2 * b**2, "variance of the scores"),
        (lambda d, a, b: 1 / (d * a**2 * b**2), "divide by its root"),
        (lambda d, a, b: 1 / (d * a * b), "variances add up"),
        (lambda d, a, b: 1 / d, "d_k alone"),
        (lambda d, a, b: 1 / (a * b), "a sum of d_k products"),
        (lambda d, a, b: a * b / d**0.5, "under the fraction"),
        (lambda d, a, b: 1 / (d**0.5 * a**2 * b**2), "squares belong under the root"),
        (lambda d, a, b: 1 / (d * a * b) ** 0.5, "squared under the root"),
        (lambda d, a, b: 1 / (d**0.5 * (a + b)), "not the sum"),
        (lambda d, a, b: 1 / (d * (a**2 + b**2)) ** 0.5, "for a product they multiply"),
        (lambda d, a, b: 1 / (d**0.5 * a), "deviation of k is missing"),
        (lambda d, a, b: 1 / (d**0.5 * b), "deviation of q is missing"),
        (lambda d, a, b: 1 / (max(d, 2) ** 0.5 * a * b), "neither a minimum"),
        (lambda d, a, b: 1 / (d**0.5 * a * b + 1e-6), "small number added"),
    ],
    "max_entropy_weights": [
        (lambda s, m: weights_of(s), "whose mean is what it is"),
        (lambda s, m: np.full(len(s), 1 / len(s)), "All weights are alike"),
        (two_ends, "lowest and the highest"),
        (flattest, "lie on a line"),
        (lambda s, m: np.interp(np.arange(len(s)), [0, 1], [0.0, 1.0]), "softmax(b * scores)"),
        (lambda s, m: weights_of(-multiplier(s, m) * s), "wrong sign"),
        (lambda s, m: weights_of(m * s), "The mean is no b"),
        (lambda s, m: weights_of(s / m), "The mean is no temperature"),
        (lambda s, m: weights_of(-((s - m) ** 2) / 2), "soft look-up of chapter 1"),
        (multiplier, "the number b; return"),
        (lambda s, m: 1 / multiplier(s, m), "temperature 1 / b"),
        (lambda s, m: (abs(s - m) == abs(s - m).min()) * 1.0, "softmax(b * scores)"),
        (lambda s, m: (abs(s - m).argmin() == np.arange(len(s))) * 1.0, "one score, the nearest"),
        (lambda s, m: flattest(s, m) ** 2, "softmax(b * scores)"),
        (halved(steps=20), "softmax(b * scores)"),
        (halved(low=0.0), "begin below zero"),
        (halved(low=-10.0, high=10.0), "wide enough"),
        (naive_search, "the unit of one over a score"),
        (halved(low=-50.0, high=50.0, unit=False), "the unit of one over a score"),
    ],
}  # fmt: skip


def products(s):
    w = weights_of(s)
    return w[..., None] * w[..., None, :]


def in_place_shift(x):
    x -= 0.5
    return x + 0.5


test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch04, RIGHT, WRONG)
