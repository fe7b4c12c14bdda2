"""The bank of chapter 3.5: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers.checks import ch03
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"


def parameters_by_arrays(d_model, n_heads, n_kv_heads, d_k, bias):
    shapes = [(d_model, n_heads * d_k), *[(d_model, n_kv_heads * d_k)] * 2]
    shapes.append((n_heads * d_k, d_model))
    return sum(np.zeros(s).size + np.zeros(s[1]).size * bias for s in shapes)


def parameters_by_torch(d_model, n_heads, n_kv_heads, d_k, bias):
    kv, q = n_kv_heads * d_k, n_heads * d_k
    ends = [(d_model, q), (d_model, kv), (d_model, kv), (q, d_model)]
    return sum(p.numel() for a, b in ends for p in torch.nn.Linear(a, b, bias=bias).parameters())


def work_by_products(n_q, n_k, d_model, n_heads, d_k):
    total = 0

    def times(a, b):
        nonlocal total
        total += a[0] * a[1] * b[1]
        return a[0], b[1]

    for _ in range(n_heads):
        q, k, v = (times((n, d_model), (d_model, d_k)) for n in (n_q, n_k, n_k))
        times(times(times(q, k[::-1]), v), (d_k, d_model))
    return total


def work_by_torch(n_q, n_k, d_model, n_heads, d_k):
    from torch.utils.flop_counter import FlopCounterMode

    x, y = torch.zeros(n_q, d_model), torch.zeros(n_k, d_model)
    w, w_o = torch.zeros(n_heads, d_model, d_k), torch.zeros(n_heads, d_k, d_model)
    with FlopCounterMode(display=False) as counter:
        for h in range(n_heads):
            ((x @ w[h]) @ (y @ w[h]).T) @ (y @ w[h]) @ w_o[h]
    return counter.get_total_flops() // 2


def fit_by_lstsq(n, seconds):
    a = np.stack([np.log(n), np.ones(len(n))], axis=1)
    y = np.log(seconds)
    (p, height), *_ = np.linalg.lstsq(a, y, rcond=None)
    scatter = ((y - a @ [p, height]) ** 2).sum() / (len(y) - 2)
    return p, math.sqrt(scatter * np.linalg.inv(a.T @ a)[0, 0])


def fit_by_loop(n, seconds):
    x, y = [math.log(a) for a in n], [math.log(a) for a in seconds]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    sxx = sum((a - mx) ** 2 for a in x)
    p = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sxx
    rest = sum((b - my - p * (a - mx)) ** 2 for a, b in zip(x, y, strict=True))
    return [p, math.sqrt(rest / (len(x) - 2) / sxx)]


def fit_by_polyfit(n, seconds):
    p, cov = np.polyfit(np.log2(n), np.log2(seconds), 1, cov=True)
    return p[0], cov[0, 0] ** 0.5


def fit_by_correlation(n, seconds):
    x, y = np.log10(n), np.log10(seconds)
    p = np.cov(x, y)[0, 1] / np.var(x, ddof=1)
    left = max(0, np.var(y, ddof=1) - p**2 * np.var(x, ddof=1)) * (len(x) - 1)
    left = 0 if left < 1e-15 * max(1, (y**2).sum()) else left
    return p, np.sqrt(left / (len(x) - 2) / np.var(x, ddof=1) / (len(x) - 1))


def crossover_by_search(d_model, n_heads, n_kv_heads, d_k):
    low, high = 0.0, 1e9
    for _ in range(200):
        n = (low + high) / 2
        projections = n * d_model * d_k * 2 * (n_heads + n_kv_heads)
        low, high = (n, high) if 2 * n * n * n_heads * d_k < projections else (low, n)
    return low


RIGHT = {
    "attention_parameters": [
        parameters_by_arrays,
        parameters_by_torch,
        lambda d, h, g, k, b: 2.0 * k * ((d + b / 2) * h + (d + b) * g) + (d if b else 0),
        lambda d, h, g, k, b: (d + b) * k * (h + 2 * g) + (h * k + b) * d,
    ],
    "attention_multiply_adds": [
        work_by_products,
        work_by_torch,
        lambda n, m, d, h, k: 2 * h * k * (n * d + m * d + n * m),
        lambda n, m, d, h, k: np.int64(h) * (2 * d * k * (n + m) + n * m * k + n * k * m),
    ],
    "fit_exponent": [fit_by_lstsq, fit_by_loop, fit_by_polyfit, fit_by_correlation],
    "crossover": [
        crossover_by_search,
        lambda d, h, g, k: d + d * g / h,
        lambda d, h, g, k: np.float64(d * k * (2 * h + 2 * g)) / (2 * h * k),
        lambda d, h, g, k: torch.tensor(d * (1 + g / h), dtype=torch.float64),
    ],
}


def matrices(d, h, g, k):
    return 2 * d * k * (h + g)


def fitted(x, y, freedom=2, centre=True):
    u, v = (x - x.mean(), y - y.mean()) if centre else (x, y)
    p = (u * v).sum() / (u * u).sum()
    return p, np.sqrt(((v - p * u) ** 2).sum() / (len(u) - freedom) / (u * u).sum())


def with_error(change):
    def answer(n, t):
        p, e = fit_by_lstsq(n, t)
        u, y = np.log(n) - np.log(n).mean(), np.log(t) - np.log(t).mean()
        return p, change(e, u, y, p)

    return answer


def first_and_last(n, t):
    return math.log(t[-1] / t[0]) / math.log(n[-1] / n[0]), fit_by_lstsq(n, t)[1]


def mean_of_steps(n, t):
    steps = np.diff(np.log(t)) / np.diff(np.log(n))
    return steps.mean(), steps.std(ddof=1) / np.sqrt(len(steps))


def in_place(n, t):
    n[:], t[:] = np.log(n), np.log(t)
    return fitted(n, t)


WRONG = {
    "attention_parameters": [
        (lambda d, h, g, k, b: d * k * (h + 2 * g) + b * k * (h + 2 * g), "or W_o"),
        (lambda d, h, g, k, b: (d * (h + 2 * g) + 2 * b * g) * k + b * d, "or W_o"),
        (lambda d, h, g, k, b: parameters_by_arrays(d, h, h, k, b), "Keys and values have"),
        (lambda d, h, g, k, b: parameters_by_arrays(d, g, g, k, b), "Queries have n_heads"),
        (lambda d, h, g, k, b: parameters_by_arrays(d, h, 1, k, b), "Matrices: W_q"),
        (lambda d, h, g, k, b: d * k * (3 * h + g) + b * (k * (2 * h + g) + d), "Values are"),
        (lambda d, h, g, k, b: d * k * (h + 3 * g) + b * (k * (h + 2 * g) + d), "W_o takes"),
        (lambda d, h, g, k, b: 4 * d * d, "special case"),
        (lambda d, h, g, k, b: 4 * d * k, "width of one head"),
        (lambda d, h, g, k, b: matrices(d, h, g, k), "biases are not counted"),
        (lambda d, h, g, k, b: parameters_by_arrays(d, h, g, k, True), "where none are"),
        (lambda d, h, g, k, b: matrices(d, h, g, k) + b * 2 * k * (h + g), "d_model numbers"),
        (lambda d, h, g, k, b: matrices(d, h, g, k) + b * k * (h + 2 * g), "bias of W_o is"),
        (lambda d, h, g, k, b: matrices(d, h, g, k) + b * (3 * h * k + d), "as long as n_kv"),
        (lambda d, h, g, k, b: matrices(d, h, g, k) + 4 * b, "for each output feature"),
        (lambda d, h, g, k, b: matrices(d, h, g, k) + b, "Matrices: W_q"),
        (lambda d, h, g, k, b: matrices(d, h, g, k) // h, "Matrices: W_q"),
        (lambda d, h, g, k, b: parameters_by_arrays(d, h, g, d // h, b), "Matrices: W_q"),
        (lambda d, h, g, k, b: [parameters_by_arrays(d, h, g, k, b)], SHAPE),
        (lambda d, h, g, k, b: f"{parameters_by_arrays(d, h, g, k, b):,}", "Matrices: W_q"),
    ],
    "attention_multiply_adds": [
        (lambda n, m, d, h, k: 2 * work_by_products(n, m, d, h, k), "apart"),
        (lambda n, m, d, h, k: work_by_products(n, m, d, h, k) + n * m * h, "Softmax is not"),
        (lambda n, m, d, h, k: 2 * h * n * m * k, "projections are missing"),
        (lambda n, m, d, h, k: 2 * (n + m) * d * h * k, "sum are missing"),
        (lambda n, m, d, h, k: h * k * (2 * (n + m) * d + n * m), "One of the two products"),
        (lambda n, m, d, h, k: 2 * k * ((n + m) * d * h + n * m), "Each head has scores"),
        (lambda n, m, d, h, k: 2 * k * ((n + m) * d + n * m * h), "n_heads d_k features"),
        (lambda n, m, d, h, k: h * k * (4 * n * d + 2 * n * m), "Keys and values are proj"),
        (lambda n, m, d, h, k: h * k * (4 * m * d + 2 * n * m), "Queries, and the last"),
        (lambda n, m, d, h, k: h * k * ((n + 3 * m) * d + 2 * n * m), "a row for each query"),
        (lambda n, m, d, h, k: h * k * ((n + 2 * m) * d + 2 * n * m), "with W_o, is missing"),
        (lambda n, m, d, h, k: 2 * h * k * ((n + m) * d + n * n), "not n_q^2"),
        (lambda n, m, d, h, k: 2 * h * k * ((n + m) * d + m * m), "not n_k^2"),
        (lambda n, m, d, h, k: 2 * h * ((n + m) * d * k + n * m * d), "not of d_model"),
        (lambda n, m, d, h, k: 2 * (n + m) * d * d + 2 * n * m * d, "special case"),
        (lambda n, m, d, h, k: 4 * n * d * d + 2 * n * n * d, "An (a, b)"),
        (lambda n, m, d, h, k: (n + m) * d * h * k + 2 * h * n * m * k, "An (a, b)"),
        (lambda n, m, d, h, k: 2 * k * ((n + m) * d + n * m), "An (a, b)"),
        (lambda n, m, d, h, k: (2 * (n + m) * d * h * k, 2 * h * n * m * k), SHAPE),
    ],
    "fit_exponent": [
        (lambda n, t: fitted(n, t), "logarithms of both"),
        (lambda n, t: fitted(n, np.log(t)), "n needs its logarithm"),
        (lambda n, t: fitted(np.log(n), t), "seconds need their"),
        (lambda n, t: fitted(np.log2(n), np.log(t)), "two bases"),
        (lambda n, t: fit_by_lstsq(t, n), "turned round: seconds"),
        (lambda n, t: fitted(np.log(n), np.log(t), centre=False), "forced through"),
        (lambda n, t: fitted(np.log(n), np.log(t), 0), "not by m."),
        (lambda n, t: fitted(np.log(n), np.log(t), 1), "not by m - 1"),
        (lambda n, t: fitted(np.log(n), np.log(t), 3), "take 2 off"),
        (with_error(lambda e, u, y, p: e**2), "root is missing"),
        (with_error(lambda e, u, y, p: e * np.sqrt((u * u).sum())), "scatter of the points"),
        (with_error(lambda e, u, y, p: e * (u * u).sum() ** 0.25), "not by its root"),
        (with_error(lambda e, u, y, p: e * u.std()), "error of a mean"),
        (with_error(lambda e, u, y, p: np.sqrt((y @ y) / (len(y) - 2) / (u @ u))), "y itself"),
        (with_error(lambda e, u, y, p: 2 * e), "one standard error"),
        (with_error(lambda e, u, y, p: (u @ u) ** -0.5), "does not know the scatter"),
        (with_error(lambda e, u, y, p: 0.0), "With logarithms u and y"),
        (with_error(lambda e, u, y, p: np.abs(y - p * u).max()), "With logarithms u and y"),
        (lambda n, t: (fit_by_lstsq(n, t)[0],
                       np.polyfit(np.log(n), np.log(t), 1, cov=True)[1][1, 1] ** 0.5), "height"),
        (first_and_last, "First and last"),
        (lambda n, t: fit_by_lstsq(n, t)[::-1], "order is turned round"),
        (lambda n, t: fit_by_lstsq(n, t)[0], "return exponent, error"),
        (lambda n, t: tuple(np.polyfit(np.log(n), np.log(t), 1)),
         "With logarithms u and y"),
        (lambda n, t: (np.log(t) - np.log(n), 0.0), SHAPE),
        (mean_of_steps, "With logarithms u and y"),
        (in_place, "belongs to the caller"),
        (lambda n, t: fit_by_lstsq(n[np.argsort(n)], t), "Use all points alike"),
        (lambda n, t: (fit_by_lstsq(n, t)[0], fit_by_lstsq(n, t)[1] or 1e-3) if len(set(t)) > 1
         else (0, 1), "leaves nothing"),
    ],
    "crossover": [
        (lambda d, h, g, k: 2 * d, "2 d_model is right where"),
        (lambda d, h, g, k: d * (h + g) / g, "for each query head"),
        (lambda d, h, g, k: 2 * d * (h + g) / h, "yours has one"),
        (lambda d, h, g, k: d * (h + 2 * g) / h / 2, "W_o as well"),
        (lambda d, h, g, k: d * (h + g), "divide by n_heads"),
        (lambda d, h, g, k: k * d * (h + g) / h, "it cancels."),
        (lambda d, h, g, k: k * (h + g) / h, "d_model stays"),
        (lambda d, h, g, k: d * h / (h + g), "Turned round"),
        (lambda d, h, g, k: 1 + g / h, "which is missing"),
        (lambda d, h, g, k: int(d * (h + g) / h), "unrounded"),
        (lambda d, h, g, k: math.ceil(d * (h + g) / h), "next whole number"),
        (lambda d, h, g, k: d * (3 * h + g) / h / 2, "as keys have"),
        (lambda d, h, g, k: d, "Projections: n d_model"),
        (lambda d, h, g, k: 2 * h * k, "Projections: n d_model"),
        (lambda d, h, g, k: 4 * d, "Projections: n d_model"),
        (lambda d, h, g, k: range(d), SHAPE),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch03, RIGHT, WRONG)
