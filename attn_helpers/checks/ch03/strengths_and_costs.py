"""Exercises of chapter 3.5: parameters and work by formula, a fitted exponent, the crossover."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["attention_multiply_adds", "attention_parameters", "crossover", "fit_exponent"]


def parameters(d_model, n_heads, n_kv_heads, d_k, bias):
    """Entries of four matrices, and of their biases."""
    matrices = d_model * d_k * (2 * n_heads + 2 * n_kv_heads)
    return matrices + bias * (d_k * (n_heads + 2 * n_kv_heads) + d_model)


NO_QUERY_HEADS = (  # the same count, but for the bias
    "W_q (d_model, n_heads d_k) or W_o (n_heads d_k, d_model) is missing, with its bias."
)

attention_parameters = Exercise(
    "attention_parameters",
    parameters,
    properties=[
        Property(
            "counts four matrices, and a bias for each where it is wanted",
            [(14, 6, 2, 3, False), (14, 6, 2, 3, True), (10, 8, 4, 5, True)],
            "Matrices: W_q (d_model, n_heads d_k), W_k and W_v (d_model, n_kv_heads d_k), W_o "
            "(n_heads d_k, d_model). A bias is as long as its matrix has columns.",
        ),
        Property(
            "takes one head, one shared head, and heads wider than the model",
            [(5, 1, 1, 7, True), (8, 8, 1, 1, False), (1, 1, 1, 1, True), (512, 8, 8, 64, False)],
            "Nothing is special about one head; n_heads d_k need not be d_model.",
        ),
    ],
    mistakes=[
        (NO_QUERY_HEADS,
         lambda d, h, g, k, bias: d * k * (h + 2 * g) + bias * (2 * k * g + d)),
        (NO_QUERY_HEADS,
         lambda d, h, g, k, bias: d * k * (h + 2 * g) + bias * k * (h + 2 * g)),
        ("Keys and values have n_kv_heads heads; yours have as many as the queries.",
         lambda d, h, g, k, bias: parameters(d, h, h, k, bias)),
        ("Queries have n_heads heads, whoever shares the keys.",
         lambda d, h, g, k, bias: parameters(d, g, g, k, bias)),
        ("Values are shared as keys are: both have n_kv_heads heads.",
         lambda d, h, g, k, bias: d * k * (3 * h + g) + bias * (k * (2 * h + g) + d)),
        ("W_o takes what all query heads bring: it has n_heads d_k rows.",
         lambda d, h, g, k, bias: d * k * (h + 3 * g) + bias * (k * (h + 2 * g) + d)),
        ("4 d_model^2 is the special case without sharing, with n_heads d_k = d_model.",
         lambda d, h, g, k, bias: 4 * d**2 + bias * 4 * d),
        ("d_k is the width of one head; a matrix holds those of all heads.",
         lambda d, h, g, k, bias: 4 * d * k + bias * (3 * k + d)),
        ("The biases are not counted.",
         lambda d, h, g, k, bias: parameters(d, h, g, k, False)),
        ("You count biases where none are wanted.",
         lambda d, h, g, k, bias: parameters(d, h, g, k, True)),
        ("W_o has d_model columns, so its bias has d_model numbers.",
         lambda d, h, g, k, bias: parameters(d, h, g, k, False) + bias * k * (2 * h + 2 * g)),
        ("The bias of W_o is missing.",
         lambda d, h, g, k, bias: parameters(d, h, g, k, False) + bias * k * (h + 2 * g)),
        ("Biases of keys and values are as long as n_kv_heads d_k.",
         lambda d, h, g, k, bias: parameters(d, h, g, k, False) + bias * (3 * k * h + d)),
        ("A bias has one number for each output feature, not one for each matrix.",
         lambda d, h, g, k, bias: parameters(d, h, g, k, False) + 4 * bias),
    ],
)  # fmt: skip


def work(n_q, n_k, d_model, n_heads, d_k):
    """Four projections, scores, weighted sum."""
    return n_heads * d_k * (2 * (n_q + n_k) * d_model + 2 * n_q * n_k)


attention_multiply_adds = Exercise(
    "attention_multiply_adds",
    work,
    properties=[
        Property(
            "counts four projections, the scores and the weighted sum",
            [(3, 5, 7, 3, 4), (5, 3, 6, 4, 2)],
            "An (a, b) times a (b, c) matrix takes a b c. Queries and the last product run over "
            "n_q tokens, keys and values over n_k; scores and sum take n_q n_k d_k for each head.",
        ),
        Property(
            "takes one query, one key, one head, and long sequences",
            [(1, 9, 6, 3, 2), (7, 1, 5, 2, 3), (6, 6, 4, 1, 4), (2048, 1024, 512, 8, 64)],
            "Nothing is special about one token or one head.",
        ),
    ],
    mistakes=[
        ("You count multiplications and additions apart; a multiply-add is both, once.",
         lambda n, m, d, h, k: 2 * work(n, m, d, h, k)),
        ("Softmax is not counted, only products are.",
         lambda n, m, d, h, k: work(n, m, d, h, k) + h * n * m),
        ("The projections are missing.", lambda n, m, d, h, k: 2 * h * n * m * k),
        ("Scores and weighted sum are missing.", lambda n, m, d, h, k: 2 * (n + m) * d * h * k),
        ("One of the two products of size n_q n_k is missing: scores, and weighted sum.",
         lambda n, m, d, h, k: work(n, m, d, h, k) - h * n * m * k),
        ("Each head has scores and a sum of its own: the large products count n_heads times.",
         lambda n, m, d, h, k: work(n, m, d, h, k) - 2 * (h - 1) * n * m * k),
        ("The projections make n_heads d_k features, not d_k.",
         lambda n, m, d, h, k: 2 * (n + m) * d * k + 2 * h * n * m * k),
        ("Keys and values are projected from the n_k tokens that answer.",
         lambda n, m, d, h, k: 4 * n * d * h * k + 2 * h * n * m * k),
        ("Queries, and the last product, run over the n_q tokens that ask.",
         lambda n, m, d, h, k: 4 * m * d * h * k + 2 * h * n * m * k),
        ("The last product, with W_o, has a row for each query.",
         lambda n, m, d, h, k: (n + 3 * m) * d * h * k + 2 * h * n * m * k),
        ("The last product, with W_o, is missing.",
         lambda n, m, d, h, k: (n + 2 * m) * d * h * k + 2 * h * n * m * k),
        ("Queries meet keys: n_q n_k pairs, not n_q^2.",
         lambda n, m, d, h, k: 2 * (n + m) * d * h * k + 2 * h * n * n * k),
        ("Queries meet keys: n_q n_k pairs, not n_k^2.",
         lambda n, m, d, h, k: 2 * (n + m) * d * h * k + 2 * h * m * m * k),
        ("A score of one head is a dot product of d_k features, not of d_model.",
         lambda n, m, d, h, k: 2 * (n + m) * d * h * k + 2 * h * n * m * d),
        ("d_model^2 is the special case n_heads d_k = d_model.",
         lambda n, m, d, h, k: 2 * (n + m) * d * d + 2 * n * m * d),
    ],
)  # fmt: skip


def centred_logs(*arrays):
    """Logarithms, less their means."""
    logs = (np.log(array) for array in arrays)
    return [log - log.mean() for log in logs]


def slope_and_error(u, y, freedom=2):
    """Least squares through the centre."""
    p = u @ y / (u @ u)
    rest = y - p * u
    return p, np.sqrt(rest @ rest / (len(u) - freedom) / (u @ u))


def exponent(n, seconds):
    """Exponent of a power law and its standard error."""
    return slope_and_error(*centred_logs(n, seconds))


def changed(change):
    """Return a mistake that changes what is right."""
    return lambda n, seconds: change(*exponent(n, seconds), *centred_logs(n, seconds))


SIZES = np.array([64.0, 128.0, 256.0, 512.0, 1024.0])
TIMES = np.array([0.5, 1.3, 3.1, 11.0, 37.0])

fit_exponent = Exercise(
    "fit_exponent",
    exponent,
    properties=[
        Property(
            "gives the slope on logarithmic axes, and its standard error",
            [(SIZES, TIMES), (np.array([3.0, 5, 9, 10, 30, 70]), np.array([4.0, 5, 4, 8, 7, 9]))],
            "With logarithms u and y, each less its mean: p = sum(u y) / sum(u^2), error = "
            "sqrt(sum((y - p u)^2) / (m - 2) / sum(u^2)).",
        ),
        Property(
            "gives the error 0 for an exact power law",
            [(SIZES, 1e-9 * SIZES**2), (SIZES, SIZES**-0.5), (SIZES, 0 * SIZES + 3)],
            "The error comes from what the line leaves over, and here it leaves nothing.",
        ),
        Property(
            "takes three sizes, sizes in any order, the same size twice",
            [
                (SIZES[:3], TIMES[:3]),
                (SIZES[[3, 0, 4, 1, 2]], TIMES[[3, 0, 4, 1, 2]]),
                (np.array([8.0, 8, 16, 16]), np.array([1.0, 1.2, 3.9, 4.2])),
            ],
            "Use all points alike: no first, no last, no differences of neighbours.",
        ),
    ],
    mistakes=[
        ("Take logarithms of both first: an exponent is a slope on two logarithmic axes.",
         lambda n, t: slope_and_error(n - n.mean(), t - t.mean())),
        ("Only one axis is logarithmic in yours: n needs its logarithm, too.",
         lambda n, t: slope_and_error(n - n.mean(), *centred_logs(t))),
        ("Only one axis is logarithmic in yours: seconds need their logarithm, too.",
         lambda n, t: slope_and_error(*centred_logs(n), t - t.mean())),
        ("Your logarithms have two bases; take the same for both.",
         lambda n, t: slope_and_error(centred_logs(n)[0] / np.log(2), *centred_logs(t))),
        ("The axes are turned round: seconds depend on n.",
         lambda n, t: exponent(t, n)),
        ("The line must not be forced through the origin: take the means off first.",
         lambda n, t: slope_and_error(np.log(n), np.log(t))),
        ("Two numbers were fitted, slope and height: divide by m - 2, not by m.",
         lambda n, t: slope_and_error(*centred_logs(n, t), freedom=0)),
        ("Two numbers were fitted, slope and height: divide by m - 2, not by m - 1.",
         lambda n, t: slope_and_error(*centred_logs(n, t), freedom=1)),
        ("Two numbers were fitted, slope and height: take 2 off the number of points.",
         lambda n, t: (exponent(n, t)[0], exponent(n, t)[1] * np.sqrt(1 - 2 / len(n)) /
                       np.sqrt(1 - 3 / len(n)))),
        ("The root is missing: this is the square of the error.",
         changed(lambda p, error, u, y: (p, error**2))),
        ("This is the scatter of the points; divide it by the root of sum(u^2).",
         changed(lambda p, error, u, y: (p, error * np.sqrt(u @ u)))),
        ("Divide the squares by sum(u^2), and not by its root.",
         changed(lambda p, error, u, y: (p, error * (u @ u) ** 0.25))),
        ("That is the error of a mean. A slope's error has sum(u^2) below, not m.",
         changed(lambda p, error, u, y: (p, error * np.sqrt(u @ u / len(u))))),
        ("The scatter is that of y about the line, y - p u, not that of y itself.",
         changed(lambda p, error, u, y: (p, np.sqrt(y @ y / (len(u) - 2) / (u @ u))))),
        ("That is the error of the line's height at ln n = 0, not of its slope.",
         lambda n, t: (exponent(n, t)[0],
                       exponent(n, t)[1] * np.sqrt((np.log(n) ** 2).mean()))),
        ("Hand back one standard error, not the two of an interval.",
         changed(lambda p, error, u, y: (p, 2 * error))),
        ("This error does not know the scatter: multiply by what the line leaves over.",
         changed(lambda p, error, u, y: (p, 1 / np.sqrt(u @ u)))),
        ("First and last point alone: the others count as much.",
         lambda n, t: (np.log(t[-1] / t[0]) / np.log(n[-1] / n[0]), exponent(n, t)[1])),
        ("The order is turned round: `return exponent, error`.",
         lambda n, t: exponent(n, t)[::-1]),
        ("This is the height of the line, not its slope.",
         changed(lambda p, error, u, y: (0, error))),
    ],
    returns=("exponent", "error"),
)  # fmt: skip


def equal_cost(d_model, n_heads, n_kv_heads, d_k):
    """Length at which the products of size n^2 cost as much as the projections."""
    return d_model * (n_heads + n_kv_heads) / n_heads


crossover = Exercise(
    "crossover",
    equal_cost,
    properties=[
        Property(
            "gives the n at which both cost the same",
            [(25, 8, 2, 7), (48, 6, 3, 5), (64, 4, 4, 16)],
            "Projections: n d_model d_k (2 n_heads + 2 n_kv_heads). Scores and sum: "
            "2 n^2 n_heads d_k. Set them equal and divide.",
        ),
        Property(
            "takes one head, and heads of any width",
            [(7, 1, 1, 1), (12, 3, 3, 40), (512, 64, 8, 128)],
            "d_k stands on both sides and cancels.",
        ),
    ],
    mistakes=[
        ("2 d_model is right where nothing is shared; n_kv_heads makes two projections smaller.",
         lambda d, h, g, k: 2 * d),
        ("Sharing does not make scores cheaper: there are scores for each query head.",
         lambda d, h, g, k: d * (h + g) / g),
        ("Two products grow with n^2, scores and weighted sum; yours has one.",
         lambda d, h, g, k: 2 * d * (h + g) / h),
        ("Four projections, W_o as well: two have n_heads, two n_kv_heads.",
         lambda d, h, g, k: d * (h + 2 * g) / (2 * h)),
        ("Each query head has scores of its own: divide by n_heads.",
         lambda d, h, g, k: d * (h + g)),
        ("d_k stands on both sides: it cancels.", lambda d, h, g, k: k * d * (h + g) / h),
        ("d_k stands on both sides: it cancels; d_model stays.",
         lambda d, h, g, k: k * (h + g) / h),
        ("Turned round: fewer key heads make projections cheaper, so the crossover comes sooner.",
         lambda d, h, g, k: d * h / (h + g)),
        ("The projections cost d_model for each feature, which is missing.",
         lambda d, h, g, k: (h + g) / h),
        ("Need not be whole: hand back the n itself, unrounded.",
         lambda d, h, g, k: d * (h + g) // h),
        ("Need not be whole: hand back the n itself, not the next whole number.",
         lambda d, h, g, k: -(-d * (h + g) // h)),
        ("Values have n_kv_heads heads, as keys have.",
         lambda d, h, g, k: d * (3 * h + g) / (2 * h)),
    ],
)  # fmt: skip
