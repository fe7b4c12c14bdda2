"""The bank of chapter 1: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers.checks import ch01
from tests.checks.bank import answer_tests

exp, newaxis = np.exp, np.newaxis


# --- right answers, each in another style ---------------------------------------------------------
def hard_by_loops(query, keys, values):
    return [min(zip(abs(keys - x), range(len(keys)), values, strict=True))[2] for x in query]


def hard_by_torch(query, keys, values):
    apart = torch.cdist(torch.tensor(query)[:, None], torch.tensor(np.array(keys))[:, None], p=1.0)
    return torch.tensor(np.array(values))[apart.argmin(1)]


def softmax_by_logsumexp(scores, temperature):
    s = scores / temperature
    return exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True))


def softmax_recursive(scores, temperature):
    if scores.ndim > 1:
        return np.stack([softmax_recursive(row, temperature) for row in scores])
    e = [math.exp((s - max(scores)) / temperature) for s in scores]
    return [x / sum(e) for x in e]


def softmax_epsilon(scores, temperature):
    e = exp((scores - scores.max(-1, keepdims=True)) / temperature)
    return e / (e.sum(-1, keepdims=True) + 1e-12)


def soft_by_loops(query, keys, values, bandwidth):
    out = []
    for x in query:
        s = [-((x - key) ** 2) / (2 * bandwidth**2) for key in keys]
        w = [math.exp(score - max(s)) for score in s]
        out.append(sum(a * b for a, b in zip(w, values, strict=True)) / sum(w))
    return np.array(out)


def soft_by_broadcasting(query, keys, values, bandwidth):
    s = -(((query[:, newaxis] - keys[newaxis]) / bandwidth) ** 2) / 2
    e = exp(s - s.max(axis=1, keepdims=True))
    return (e * values).sum(axis=1) / e.sum(axis=1)


def soft_by_torch(query, keys, values, bandwidth):
    q, k, v = (torch.tensor(np.array(a)) for a in (query, keys, values))
    return torch.softmax(-((q[:, None] - k) ** 2) / (2 * bandwidth**2), -1) @ v


def loo_by_deleting(x, y, bandwidth):
    rest = np.arange(len(x))
    guesses = [soft_by_loops(x[i : i + 1], x[rest != i], y[rest != i], bandwidth)[0] for i in rest]
    return ((np.array(guesses) - y) ** 2).mean()


def loo_by_mask(x, y, bandwidth):
    s = np.where(np.eye(len(x), dtype=bool), -np.inf, -((x[:, None] - x) ** 2) / 2 / bandwidth**2)
    e = exp(s - s.max(1, keepdims=True))
    return float(np.mean((e @ y / e.sum(1) - y) ** 2))


RIGHT = {
    "hard_lookup": [
        hard_by_loops,
        hard_by_torch,
        lambda query, keys, values: values[((query[:, None] - keys[None]) ** 2).argmin(-1)],
        lambda query, keys, values: np.take(values, [np.argmin(abs(keys - x)) for x in query]),
        lambda query, keys, values: hard_by_torch(query, keys, values).requires_grad_(),
    ],
    "softmax": [softmax_by_logsumexp, softmax_recursive, softmax_epsilon],
    "soft_lookup": [soft_by_loops, soft_by_broadcasting, soft_by_torch],
    "leave_one_out_error": [loo_by_deleting, loo_by_mask],
}


# --- wrong answers, each with a part of the hint it must earn -------------------------------------
def nearest(query, keys, values):
    return values[abs(query[:, None] - keys).argmin(1)]


def hard_by_dict(query, keys, values):
    entries = dict(zip(keys, values, strict=True))
    return [entries[min(entries, key=lambda key: abs(key - x))] for x in query]


def hard_without_repeats(query, keys, values):
    return nearest(np.array(list(dict.fromkeys(query))), keys, values)


def forgets_to_return(query, keys, values):
    values[abs(query[:, None] - keys).argmin(1)]


def in_place_softmax(scores, temperature):
    scores -= scores.max(-1, keepdims=True)
    e = exp(scores / temperature)
    return e / e.sum(-1, keepdims=True)


def in_place_for_matrices(scores, temperature):
    return (in_place_softmax if scores.ndim > 1 else softmax_by_logsumexp)(scores, temperature)


def powered(weights, temperature):
    weights = weights ** (1 / temperature)
    return weights / weights.sum(-1, keepdims=True)


def shifted_by_the_first(scores, temperature):
    e = exp((scores - scores[..., :1]) / temperature)
    return e / e.sum(-1, keepdims=True)


def shifted_by_the_whole(scores, temperature):
    e = exp((scores - scores.max()) / temperature)
    return e / e.sum(-1, keepdims=True)


def soft(scale=lambda d, h: -(d**2) / (2 * h**2), axis=1, mix="values"):
    def answer(query, keys, values, bandwidth):
        s = scale(query[:, None] - keys, bandwidth)
        e = exp(s - s.max(axis=axis, keepdims=True))
        w = e / e.sum(axis=axis, keepdims=True)
        return {"values": w @ values, "keys": w @ keys, "weights": w}[mix]

    return answer


def soft_naive(query, keys, values, bandwidth):
    e = exp(-((query[:, None] - keys) ** 2) / (2 * bandwidth**2))
    return e @ values / e.sum(1)


def soft_nearest_where_empty(query, keys, values, bandwidth):
    e = exp(-((query[:, None] - keys) ** 2) / (2 * bandwidth**2))
    empty = e.sum(1) == 0
    return np.where(empty, nearest(query, keys, values), e @ values / np.where(empty, 1, e.sum(1)))


def soft_multiplied_out(query, keys, values, bandwidth):
    s = (query[:, None] * keys - keys**2 / 2) / bandwidth**2
    e = exp(s - s.max(1, keepdims=True))
    return e @ values / e.sum(1)


def soft_unnormalised(query, keys, values, bandwidth):
    return exp(-((query[:, None] - keys) ** 2) / (2 * bandwidth**2)) @ values


def soft_guarded(query, keys, values, bandwidth):
    e = exp(-((query[:, None] - keys) ** 2) / (2 * bandwidth**2))
    return e @ values / (e.sum(1) + 1e-9)


def loo(diagonal=-np.inf, after=False, finish=lambda p, y: np.mean((p - y) ** 2), h=lambda h: h):
    def answer(x, y, bandwidth):
        s = -((x[:, None] - x) ** 2) / (2 * h(bandwidth) ** 2)
        if not after:
            np.fill_diagonal(s, diagonal)
        e = exp(s - s.max(1, keepdims=True))
        w = e / e.sum(1, keepdims=True)
        if after:
            np.fill_diagonal(w, 0)
        return finish(w @ y, y)

    return answer


def loo_naive(x, y, bandwidth):
    e = exp(-((x[:, None] - x) ** 2) / (2 * bandwidth**2))
    np.fill_diagonal(e, 0)
    return np.mean((e @ y / e.sum(1) - y) ** 2)


def loo_sees_itself(x, y, bandwidth):
    return np.mean((soft_by_broadcasting(x, x, y, bandwidth) - y) ** 2)


def loo_loses_twins(x, y, bandwidth):
    s = np.where(x[:, None] == x, -np.inf, -((x[:, None] - x) ** 2) / 2 / bandwidth**2)
    e = exp(s - s.max(1, keepdims=True))
    return np.mean((e @ y / e.sum(1) - y) ** 2)


def loo_sorts(x, y, bandwidth):
    order = x.argsort()
    x.sort()
    y[:] = y[order]
    return loo_by_mask(x, y, bandwidth)


WRONG = [
    ("hard_lookup", lambda q, k, v: abs(q[:, None] - k).argmin(1), "position of the key"),
    ("hard_lookup", hard_by_dict, "first of equal"),
    ("hard_lookup", hard_without_repeats, "squeeze"),
    ("hard_lookup", lambda q, k, v: v[(k**2 - 2 * q[:, None] * k).argmin(1)], "another scale"),
    ("hard_lookup", lambda q, k, v: nearest(q, k, v)[:, None], "shape after each step"),
    ("hard_lookup", lambda q, k, v: nearest(q, k, v) + 5j, "shape after each step"),
    ("hard_lookup", lambda q, k: k, "small example of your own"),
    ("hard_lookup", forgets_to_return, "`return` missing"),
    ("hard_lookup", lambda q, k, v: k[abs(q[:, None] - k).argmin(1)], "key that was found"),
    ("hard_lookup", lambda q, k, v: v[abs(q[:, None] - k).argmax(1)], "farthest"),
    ("hard_lookup", lambda q, k, v: v[(q[:, None] - k).argmin(1)], "Differences have a sign"),
    ("hard_lookup", lambda q, k, v: v[(q[:, None] - k).argmax(1)], "Differences have a sign"),
    ("hard_lookup", lambda q, k, v: v[(q[:, None] * k).argmax(1)], "product"),
    ("hard_lookup", lambda q, k, v: v[abs(q[0] - k).argmin()], "shape after each step"),
    ("hard_lookup", lambda q, k, v: v[np.clip(np.searchsorted(k, q), 0, len(k) - 1)], "every"),
    ("hard_lookup", lambda q, k, v: v[::-1][abs(q[:, None] - k[::-1]).argmin(1)], "first of equal"),
    ("hard_lookup", lambda q, k, v: v[abs(q[:, None] - k).argmin(1)].squeeze(), "squeeze"),
    ("hard_lookup", lambda q, k, v: v[abs(q[:, None] - k).round(6).argmin(1)], "another scale"),
    ("softmax", lambda s, t: softmax_by_logsumexp(s * t, 1), "multiply by the temperature"),
    ("softmax", lambda s, t: softmax_by_logsumexp(s, 1), "not used"),
    ("softmax", lambda s, t: exp(s / t), "not divided by their sum"),
    ("softmax", lambda s, t: exp((s - s.max(-1, keepdims=True)) / t), "largest exponential"),
    ("softmax", lambda s, t: (s / t) / (s / t).sum(-1, keepdims=True), "scores themselves"),
    ("softmax", lambda s, t: softmax_by_logsumexp(-s, t), "minus sign"),
    ("softmax", lambda s, t: softmax_by_logsumexp(s, 1) / t, "finished weights"),
    ("softmax", lambda s, t: 2 ** (s / t) / (2 ** (s / t)).sum(-1, keepdims=True), "2 to the"),
    ("softmax", lambda s, t: exp(s / t) / exp(s / t).sum(), "whole matrix"),
    ("softmax", lambda s, t: exp(s / t) / exp(s / t).sum(0, keepdims=True), "columns"),
    ("softmax", lambda s, t: exp(s / t) / exp(s / t).sum(-1, keepdims=True), "exp(10000)"),
    ("softmax", shifted_by_the_whole, "own largest score"),
    ("softmax", shifted_by_the_first, "own largest score"),
    ("softmax", lambda s, t: softmax_by_logsumexp(s, max(t, 0.01)), "cut off"),
    ("softmax", lambda s, t: powered(softmax_by_logsumexp(s, 1), t), "own largest score"),
    ("softmax", lambda s, t: softmax_by_logsumexp(s, int(t) if t > 2 else t), "three steps"),
    ("softmax", in_place_for_matrices, "belongs to the caller"),
    ("softmax", in_place_softmax, "belongs to the caller"),
    ("softmax", lambda s, t: (s == s.max(-1, keepdims=True)) * 1.0, "three steps"),
    ("soft_lookup", soft(lambda d, h: -(d**2) / (2 * h)), "must be squared"),
    ("soft_lookup", soft(lambda d, h: -(d**2) / h**2), "2 under the fraction"),
    ("soft_lookup", soft(lambda d, h: -abs(d) / h), "You use the distance"),
    ("soft_lookup", soft(lambda d, h: -abs(d) / (2 * h)), "half the distance"),
    ("soft_lookup", soft(lambda d, h: d**2 / (2 * h**2)), "far keys get the largest"),
    ("soft_lookup", soft(lambda d, h: -(d**2) / 2), "bandwidth is not used"),
    ("soft_lookup", soft(lambda d, h: -((d * h) ** 2) / 2), "multiply by the bandwidth"),
    ("soft_lookup", soft_unnormalised, "not normalised"),
    ("soft_lookup", soft(axis=0), "over the queries"),
    ("soft_lookup", soft(mix="weights"), "return the weights"),
    ("soft_lookup", soft(mix="keys"), "mix the keys"),
    ("soft_lookup", lambda q, k, v, h: v[abs(q[:, None] - k).argmin(1)], "nearest value"),
    ("soft_lookup", lambda q, k, v, h: soft()(q, k, v, max(h, 0.1)), "cut off"),
    ("soft_lookup", lambda q, k, v, h: soft()(q, k, v, max(h, 0.001)), "cut off"),
    ("soft_lookup", soft_nearest_where_empty, "Far away every exponential"),
    ("soft_lookup", soft_multiplied_out, "multiplying the square out"),
    ("soft_lookup", lambda q, k, v, h: (soft()(q, k, v, h), 1), "shape after each step"),
    ("soft_lookup", soft_naive, "0 / 0 is NaN"),
    ("soft_lookup", soft_guarded, "Far away every exponential is zero"),
    ("soft_lookup", lambda q, k, v, h: np.interp(q, k, v), "Scores first"),
    ("leave_one_out_error", loo_sees_itself, "-inf, before softmax"),
    ("leave_one_out_error", loo(diagonal=0), "the best there is"),
    ("leave_one_out_error", loo(after=True), "after softmax"),
    ("leave_one_out_error", loo(finish=lambda p, y: np.sum((p - y) ** 2)), "You add"),
    ("leave_one_out_error", loo(finish=lambda p, y: np.mean((p - y) ** 2) ** 0.5), "root"),
    ("leave_one_out_error", loo(finish=lambda p, y: np.mean(abs(p - y))), "absolute"),
    ("leave_one_out_error", loo(finish=lambda p, y: np.mean(p - y)), "their signs"),
    ("leave_one_out_error", loo(finish=lambda p, y: p), "You return the predictions"),
    ("leave_one_out_error", loo(h=lambda h: h**0.5), "must be squared"),
    ("leave_one_out_error", loo(h=lambda h: h / 2**0.5), "2 under the fraction"),
    ("leave_one_out_error", loo(diagonal=-1e9), "-1e9 is not"),
    ("leave_one_out_error", loo_loses_twins, "diagonal, not by x"),
    ("leave_one_out_error", loo(h=lambda h: max(h, 0.01)), "cut off"),
    ("leave_one_out_error", loo(finish=lambda p, y: (p - y) ** 2), "one squared error"),
    ("leave_one_out_error", loo(finish=lambda p, y: np.median((p - y) ** 2)), "median"),
    ("leave_one_out_error", loo(finish=lambda p, y: sum((p - y) ** 2) / (len(y) - 1)), "n - 1"),
    ("leave_one_out_error", loo_naive, "every other exponential can be zero"),
    ("leave_one_out_error", loo_sorts, "belongs to the caller"),
    ("leave_one_out_error", loo(finish=lambda p, y: np.mean((p - y.mean()) ** 2)), "Build the"),
]

BY_NAME = {name: [pair for n, *pair in WRONG if n == name] for name in RIGHT}
test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch01, RIGHT, BY_NAME)
