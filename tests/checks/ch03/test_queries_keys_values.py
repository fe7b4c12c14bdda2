"""The bank of chapter 3.2: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers import attention, program
from attn_helpers.checks import ch03
from attn_helpers.reference import additive_scores
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
FORMULA = "Four steps"
RAISED = "small example"


def tensor(x):
    return x if x is None else torch.tensor(np.array(x))


def softmax(scores, axis=-1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def dots(q, k):
    return q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])


def attend(q, k, v, mask=None, *, dots=dots, hidden=-np.inf, axis=-1):
    scores = dots(q, k)
    scores = scores if mask is None else np.where(mask, scores, hidden)
    weights = softmax(scores, axis)
    return weights @ v, weights


def attend_in_torch(q, k, v, mask=None):
    q, k, v, mask = map(tensor, (q, k, v, mask))
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    eye = torch.eye(k.shape[-2], dtype=k.dtype).expand(*k.shape[:-1], k.shape[-2])
    weights = torch.nn.functional.scaled_dot_product_attention(q, k, eye, attn_mask=mask)
    return out, weights


def attend_step_by_step_in_torch(q, k, v, mask=None):
    q, k, v, mask = map(tensor, (q, k, v, mask))
    scores = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(-1)
    return weights @ v, weights


def attend_row_by_row(q, k, v, mask=None):
    if q.ndim > 2:
        mask = np.broadcast_to(True if mask is None else mask, (*q.shape[:-1], k.shape[-2]))
        rows = [attend_row_by_row(*each) for each in zip(q, k, v, mask, strict=True)]
        return [np.array(part) for part in zip(*rows, strict=True)]
    mask = np.broadcast_to(True if mask is None else mask, (len(q), len(k)))
    out, weights = np.zeros((len(q), v.shape[1])), np.zeros((len(q), len(k)))
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if mask[i, j]]
        scores = [sum(q[i] * k[j]) / len(q[i]) ** 0.5 for j in seen]
        loud = [math.exp(s - max(scores)) for s in scores]
        for j, each in zip(seen, loud, strict=True):
            weights[i, j] = each / sum(loud)
            out[i] += weights[i, j] * v[j]
    return out, weights


def attend_by_program(q, k, v, mask=None):
    whole = None if mask is None else np.broadcast_to(mask, (*q.shape[:-1], k.shape[-2]))
    return attention(q, k, v, mask=whole, program=program("s"))


def attend_by_bias(q, k, v, mask=None):
    bias = 0 if mask is None else (1 - mask) * -1e9  # safe where no query is without keys
    weights = softmax(dots(q, k) + bias)
    return weights @ v, weights


def shifted_before_hiding(q, k, v, mask=None):
    scores = dots(q, k)
    scores = scores - scores.max(axis=-1, keepdims=True)
    e = np.exp(scores) if mask is None else np.exp(np.where(mask, scores, -np.inf))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def zeroed_and_shared_out(q, k, v, mask=None):
    weights = attend(q, k, v)[1] * (True if mask is None else mask)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def by_index(q, k, v, mask=None):
    scores = dots(q, k)
    if mask is not None:
        scores[~mask] = -np.inf
    weights = softmax(scores)
    return weights @ v, weights


def in_place(q, k, v, mask=None):
    q /= np.sqrt(q.shape[-1])
    return attend(q, k, v, mask, dots=lambda q, k: q @ k.swapaxes(-1, -2))


def always_causal(q, k, v, mask=None):
    past = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
    return attend(q, k, v, past if mask is None else mask & past)


def overflowing(q, k, v, mask=None):
    e = np.exp(dots(q, k)) * (1 if mask is None else mask)
    return e / e.sum(-1, keepdims=True) @ v, e / e.sum(-1, keepdims=True)


def scaled_by(factor):
    return lambda q, k, v, mask=None: attend(
        q, k, v, mask, dots=lambda q, k: factor(q, k, v) * (q @ np.swapaxes(k, -1, -2))
    )


def hides(change):
    def answer(q, k, v, mask=None):
        weights = softmax(dots(q, k) if mask is None else change(dots(q, k), mask))
        return weights @ v, weights

    return answer


def additive_by_loop(q, k, a_q, a_k, b, u):
    return [[sum(u * np.tanh(x @ a_q + y @ a_k + b)) for y in k] for x in q]


def additive_side_by_side(q, k, a_q, a_k, b, u):
    pairs = [np.concatenate([x, y]) for x in q for y in k]
    hidden = np.tanh(np.array(pairs) @ np.concatenate([a_q, a_k]) + b)
    return (hidden @ u).reshape(len(q), len(k))


def additive_in_torch(*arrays):
    q, k, a_q, a_k, b, u = map(tensor, arrays)
    return torch.einsum("ijh,h->ij", torch.tanh((q @ a_q).unsqueeze(1) + k @ a_k + b), u)


def met(q, k, a_q, a_k, b):
    return (q @ a_q)[:, None] + k @ a_k + b


def unsafe_tanh(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


def error_by_loop(confidence, right, n_bins):
    total = 0.0
    for i in range(n_bins):
        low, high = i / n_bins, (i + 1) / n_bins
        inside = [
            (c, r)
            for c, r in zip(confidence, right, strict=True)
            if low <= c < high or (i == n_bins - 1 and c == 1)
        ]
        if inside:
            gap = sum(c for c, _ in inside) / len(inside) - sum(r for _, r in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(gap)
    return total


def error_by_sums(confidence, right, n_bins):
    place = np.minimum(np.floor(confidence * n_bins), n_bins - 1).astype(int)
    return abs(np.bincount(place, confidence - right)).sum() / len(right)


def error_closed_on_the_right(confidence, right, n_bins):
    place = np.digitize(confidence, np.linspace(0, 1, n_bins + 1), right=True)
    return sum(abs((confidence - right)[place == i].sum()) for i in set(place)) / len(place)


def error_in_torch(confidence, right, n_bins):
    gap = tensor(confidence) - tensor(right).double()
    place = (tensor(confidence) * n_bins).long().clamp(max=n_bins - 1)
    return torch.zeros(n_bins, dtype=gap.dtype).index_add(0, place, gap).abs().sum() / len(gap)


def error_of(change):
    """Answer by `change` of the rows (count, promised, kept), one for each bin that is filled."""

    def answer(confidence, right, n_bins):
        place = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
        bins = [place == i for i in range(n_bins) if (place == i).any()]
        rows = [(b.sum(), confidence[b].mean(), right[b].mean()) for b in bins]
        return change(*np.array(rows).T)

    return answer


RIGHT = {
    "fold_projections": [
        lambda a, b: a @ b.T / np.sqrt(a.shape[-1]),
        lambda a, b: np.einsum("ik,jk->ij", a, b) * b.shape[1] ** -0.5,
        lambda a, b: tensor(a) @ tensor(b).mT / math.sqrt(a.shape[1]),
        lambda a, b: [[sum(x * y) / len(x) ** 0.5 for y in b] for x in a],
    ],
    "scaled_dot_product_attention": [
        attend,
        attend_in_torch,
        attend_step_by_step_in_torch,
        attend_row_by_row,
        attend_by_program,
        attend_by_bias,
        lambda q, k, v, mask=None: attention(q, k, v, mask=mask),
        lambda q, k, v, mask=None: attend(q, k, v, mask, hidden=-1e9),
        lambda q, k, v, mask=None: list(attend(q, k, v, np.bool_(True) if mask is None else mask)),
    ],
    "additive_scores": [
        additive_by_loop,
        additive_side_by_side,
        additive_in_torch,
        additive_scores,
        lambda q, k, a, c, b, u: np.tanh(np.add.outer(q @ a, 0 * k[:, 0]).swapaxes(1, 2)
                                         + k @ c + b) @ u,
    ],
    "calibration_error": [
        error_by_loop,
        error_by_sums,
        error_closed_on_the_right,
        error_in_torch,
        error_of(lambda n, c, r: np.average(abs(c - r), weights=n)),
    ],
}  # fmt: skip

WRONG = {
    "fold_projections": [
        (lambda a, b: a @ b.T, "scale 1 / sqrt(d_k) is missing"),
        (lambda a, b: a @ b.T / a.shape[1], "root is missing"),
        (lambda a, b: a @ b.T / np.sqrt(len(a)), "inputs' width"),
        (lambda a, b: a @ b.T * np.sqrt(a.shape[1]), "Multiplied"),
        (lambda a, b: b @ a.T / np.sqrt(a.shape[1]), "Queries come first"),
        (lambda a, b: a.T @ b, RAISED),
        (lambda a, b: a @ b, RAISED),
        (lambda a, b: (a @ b.T).sum() / np.sqrt(a.shape[1]), SHAPE),
        (lambda a, b: (a @ b.T / np.sqrt(a.shape[1])).squeeze(), "Keep both axes"),
        (lambda a, b: a @ b.T / np.sqrt(3), "(x w_q)(y w_k)^T"),
        (lambda a, b: a @ b.T / np.sqrt(len(b)), "(x w_q)(y w_k)^T"),
    ],
    "scaled_dot_product_attention": [
        (scaled_by(lambda q, k, v: 1), "scale is missing"),
        (scaled_by(lambda q, k, v: 1 / q.shape[-1]), "divide by its root"),
        (scaled_by(lambda q, k, v: np.sqrt(q.shape[-1])), "multiply by sqrt(d_k)"),
        (scaled_by(lambda q, k, v: k.shape[-2] ** -0.5), "the number of keys"),
        (scaled_by(lambda q, k, v: v.shape[-1] ** -0.5), FORMULA),
        (scaled_by(lambda q, k, v: 8**-0.5), FORMULA),
        (lambda q, k, v, mask=None: attend(q, k, v, mask, axis=-2), "over the queries"),
        (lambda q, k, v, mask=None: attend(q, k, v, mask, axis=(-2, -1)), "All weights together"),
        (lambda q, k, v, mask=None: (dots(q, k) @ v, dots(q, k)), "mix with the scores"),
        (lambda q, k, v, mask=None: (attend(q, k, v, mask)[0], dots(q, k)), "holds the scores"),
        (lambda q, k, v, mask=None: attend(q, k, v, mask)[0], "return out, weights"),
        (lambda q, k, v, mask=None: attend(q, k, v, mask)[1], "return out, weights"),
        (lambda q, k, v, mask=None: (*attend(q, k, v, mask), dots(q, k)), "return out, weights"),
        (lambda q, k, v, mask=None: attend(q, k, v, mask)[::-1], "order is turned round"),
        (lambda q, k, v, mask=None: attend(q, k, k, mask), "You mix the keys"),
        (lambda q, k, v, mask=None: attend(k, q, v, mask), RAISED),
        (lambda q, k, v, mask=None: attend(q, k, v), "mask is not used"),
        (lambda q, k, v, mask: attend(q, k, v, mask), RAISED),
        (lambda q, k, v, mask=None: attend(q, k, v, ~mask), RAISED),
        (lambda q, k, v, mask=None: attend(q, k, v, mask if mask is None else ~mask),
         "turned round: True means"),
        (hides(lambda s, mask: s * mask), "multiply the scores by the mask"),
        (hides(lambda s, mask: s + mask), "add the mask"),
        (hides(lambda s, mask: s - ~mask), "add the mask"),
        (hides(lambda s, mask: np.where(mask, s, 0)), "multiply the scores by the mask"),
        (hides(lambda s, mask: np.where(mask, s, -10)), FORMULA),
        (hides(lambda s, mask: np.where(mask, s, -1000)), "First hide, with -inf"),
        (hides(lambda s, mask: np.where(mask, s, 1e-9)), "multiply the scores by the mask"),
        (lambda q, k, v, mask=None: (attend(q, k, v, mask)[0], attend(q, k, v)[1]),
         "without the mask"),
        (lambda q, k, v, mask=None: (attend(q, k, v)[0], attend(q, k, v, mask)[1]), FORMULA),
        (lambda q, k, v, mask=None: (w := attend(q, k, v)[1] * (1 if mask is None else mask),
                                     w @ v)[::-1], "set weights to zero after softmax"),
        (lambda q, k, v, mask=None: attend(q, k, v, mask.T if mask is not None else None), RAISED),
        (zeroed_and_shared_out, "hidden score must not count"),
        (shifted_before_hiding, "hidden score must not count"),
        (overflowing, "own largest score"),
        (by_index, "broadcasts"),
        (in_place, "belongs to the caller"),
        (always_causal, FORMULA),
        (lambda q, k, v, mask=None: attend(q, k, v, mask, dots=lambda q, k: q @ k.T
                                           / np.sqrt(q.shape[-1])), "turns all axes round"),
        (lambda q, k, v, mask=None: [x.squeeze() for x in attend(q, k, v, mask)], "squeeze"),
        (lambda q, k, v, mask=None: [x.astype(np.float16) for x in attend(q, k, v, mask)], FORMULA),
        (lambda q, k, v, mask=None: [x[..., :3, :] for x in attend(q, k, v, mask)], SHAPE),
    ],
    "additive_scores": [
        (lambda q, k, a, c, b, u: met(q, k, a, c, b) @ u, "tanh is missing"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, b) @ u), "tanh comes last"),
        (lambda q, k, a, c, b, u: (np.tanh(q @ a)[:, None] + np.tanh(k @ c) + b) @ u, "never meet"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, 0)) @ u, "bias b is missing"),
        (lambda q, k, a, c, b, u: (np.tanh(met(q, k, a, c, 0)) + b) @ u, "before tanh"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, 0)) @ u + b @ u, "before tanh"),
        (lambda q, k, a, c, b, u: np.tanh((q @ a)[:, None] * (k @ c) + b) @ u, "not multiplied"),
        (lambda q, k, a, c, b, u: np.tanh((q @ a)[:, None] - k @ c + b) @ u, "not subtracted"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, b)).mean(-1), "not averaged"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, b)).sum(-1), "not only summed"),
        (lambda q, k, a, c, b, u: (np.tanh(met(q, k, a, c, b)) @ u).T, "transposed"),
        (lambda q, k, a, c, b, u: softmax(np.tanh(met(q, k, a, c, b)) @ u), "These are weights"),
        (lambda q, k, a, c, b, u: np.maximum(met(q, k, a, c, b), 0) @ u, "maximum with zero"),
        (lambda q, k, a, c, b, u: (1 / (1 + np.exp(-met(q, k, a, c, b)))) @ u, "logistic"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, b)) @ u / np.sqrt(len(u)), "no sqrt"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, b)), "one score of each row"),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, c, b)) * u, SHAPE),
        (lambda q, k, a, c, b, u: np.tanh(q @ a + k @ c + b) @ u, RAISED),
        (lambda q, k, a, c, b, u: np.tanh(met(q, k, a, a, b)) @ u, RAISED),
        (lambda q, k, a, c, b, u: (np.tanh(met(q, k, a, c, b)) @ u).squeeze(), "squeeze"),
        (lambda q, k, a, c, b, u: unsafe_tanh(met(q, k, a, c, b)) @ u, "is safe"),
    ],
    "calibration_error": [
        (error_of(lambda n, c, r: abs(c - r).mean()), "All bins count alike"),
        (error_of(lambda n, c, r: abs(c - r).sum()), "weigh each by its bin's share"),
        (error_of(lambda n, c, r: abs(c - r).max()), "largest gap"),
        (error_of(lambda n, c, r: abs(np.average(c - r, weights=n))), "cancel"),
        (error_of(lambda n, c, r: np.average((c - r) ** 2, weights=n)), "not squared"),
        (error_of(lambda n, c, r: np.average((c - r) ** 2, weights=n) ** 0.5), "For each bin"),
        (error_of(lambda n, c, r: np.average(c - r, weights=n)), "For each bin"),
        (lambda c, r, n: error_by_sums(c, r, n) / n, "number of bins"),
        (lambda c, r, n: error_by_sums(c, r, 10), "For each bin"),
        (lambda c, r, n: abs(c.mean() - r.mean()), "cancel"),
        (lambda c, r, n: abs(c - r).mean(), "answer by answer"),
        (lambda c, r, n: ((c - r) ** 2).mean(), "Brier"),
        (lambda c, r, n: error_by_sums(c[c < 1], r[c < 1], n) * (c < 1).mean(), "fall out"),
        (lambda c, r, n: error_by_sums(c[c < 1], r[c < 1], n), "For each bin"),
        (lambda c, r, n: np.nanmean([np.ma.masked_where(c * n // 1 != i, c - r).mean()
                                     for i in range(n)]), "For each bin"),
        (lambda c, r, n: np.sum([abs((c - r)[c * n // 1 == i].mean()) * (c * n // 1 == i).mean()
                                 for i in range(n + 1)]), "with answers"),
        (lambda c, r, n: r.mean(), "For each bin"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch03, RIGHT, WRONG)
