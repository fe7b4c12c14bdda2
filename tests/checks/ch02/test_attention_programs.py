"""The bank of chapter 2.2: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch

from attn_helpers import program
from attn_helpers.checks import ch02
from attn_helpers.programs import mask_from
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"


def grid(n_q, n_k):
    return np.arange(n_q)[:, None], np.arange(n_k)


def bias_by_loop(n_q, n_k, slope):
    return [[-slope * abs(i - j) for j in range(n_k)] for i in range(n_q)]


def bias_in_torch(n_q, n_k, slope):
    return -slope * torch.cdist(
        torch.arange(n_q)[:, None].float(), torch.arange(n_k)[:, None].float()
    )


def prefix_by_loop(n_q, n_k, prefix):
    return [[j < prefix or j <= i for j in range(n_k)] for i in range(n_q)]


def prefix_by_slices(n_q, n_k, prefix):
    mask = np.tri(n_q, n_k, dtype=bool)
    mask[:, :prefix] = True
    return mask


def keep_by_loop(attn_mask, key_padding_mask):
    return [[[not (a or p) for a, p in zip(row, pad, strict=True)] for row in attn_mask]
            for pad in key_padding_mask]  # fmt: skip


def keep_in_torch(attn_mask, key_padding_mask):
    attn_mask, padding = (torch.tensor(np.array(x)) for x in (attn_mask, key_padding_mask))
    return ~attn_mask & ~padding.unsqueeze(1)


def keep_by_programs(attn_mask, key_padding_mask):
    keep = mask_from(drop=attn_mask) & mask_from(drop=key_padding_mask, axes="bj")
    (n_q, n_k), batch = attn_mask.shape, len(key_padding_mask)
    return keep.allowed(n_q, n_k, batch=batch, n_heads=1)[:, 0]


def induction_by_loop(tokens):
    n = len(tokens)
    return [[1 <= j <= i and tokens[j - 1] == tokens[i] for j in range(n)] for i in range(n)]


def induction_by_shift(tokens):
    n = len(tokens)
    same = np.zeros((n, n), bool)
    same[:, 1:] = tokens[:, None] == tokens[:-1]
    return same & (np.arange(n) <= np.arange(n)[:, None])


def induction_by_program(tokens):
    before = np.concatenate([[np.max(tokens) + 1], tokens[:-1]])
    one = program("before[j] == token[i] and j <= i", before=before, token=tokens)
    return one.allowed(len(tokens), len(tokens))


RIGHT = {
    "distance_bias": [
        bias_by_loop,
        bias_in_torch,
        lambda n, m, a: program("s - a * abs(i - j)", a=a).bias(n, m),
        lambda n, m, a: -a * np.maximum(*(x - y for x, y in (grid(n, m), grid(n, m)[::-1]))),
    ],
    "prefix_mask": [
        prefix_by_loop,
        prefix_by_slices,
        lambda n, m, p: program("j < p or j <= i", p=p).allowed(n, m),
        lambda n, m, p: program("not (j >= p and j > i)", p=p).allowed(n, m),
        lambda n, m, p: np.tri(n, m, dtype=bool) | ((grid(n, m)[0] < p) & (grid(n, m)[1] < p)),
        lambda n, m, p: (grid(n, m)[1] <= np.maximum(grid(n, m)[0], p - 1)) * 1,
    ],
    "keep_mask": [
        keep_by_loop,
        keep_in_torch,
        keep_by_programs,
        lambda a, p: np.logical_not(np.logical_or(a[None], p[:, np.newaxis])),
        lambda a, p: (1 - a) * (1 - p[:, None]),
    ],
    "induction_mask": [induction_by_loop, induction_by_shift, induction_by_program],
}

WRONG = {
    "distance_bias": [
        (lambda n, m, a: a * np.abs(np.subtract(*grid(n, m))), "prefers far keys"),
        (lambda n, m, a: -a * (grid(n, m)[0] - grid(n, m)[1]), "absolute value"),
        (lambda n, m, a: -a * np.abs(np.subtract(*grid(n, m))).clip(None, 2), "-slope * |i - j|"),
        (lambda n, m, a: -a * (np.abs(np.subtract(*grid(n, m))) + 1), "starts at 1"),
        (lambda n, m, a: -a * np.abs(np.subtract(*grid(n, m))) ** 2, "not squared"),
        (lambda n, m, a: -a * np.sqrt(np.abs(np.subtract(*grid(n, m)))), "-slope * |i - j|"),
        (lambda n, m, a: -0.25 * np.abs(np.subtract(*grid(n, m))), "-slope * |i - j|"),
        (lambda n, m, a: -np.abs(np.subtract(*grid(n, m))), "slope is missing"),
        (lambda n, m, a: -np.abs(np.subtract(*grid(n, m))) / a, "divide by the slope"),
        (lambda n, m, a: -a * np.abs(np.subtract(*grid(n, n))), SHAPE),
        (lambda n, m, a: -a * np.abs(np.subtract(*grid(m, n))), "Queries go down"),
        (lambda n, m, a: -a * np.abs(n - m), SHAPE),
        (lambda n, m, a: -a * np.abs(np.subtract(*grid(n, m))) / max(n, m), "-slope * |i - j|"),
        (lambda n, m, a: -abs(a) * np.abs(np.subtract(*grid(n, m))), "Nothing is special"),
        (lambda n, m, a: -a * np.abs(np.subtract(*grid(n, m))).squeeze(), "Nothing is special"),
        (lambda n, m, a: np.exp(-a * np.abs(np.subtract(*grid(n, m)))), "factor on the weights"),
    ],
    "prefix_mask": [
        (lambda n, m, p: np.tri(n, m, dtype=bool), "prefix is missing"),
        (lambda n, m, p: np.tri(n, m, k=p - 1, dtype=bool), "A key may be seen if"),
        (lambda n, m, p: np.tri(n, m, k=p, dtype=bool), "A key may be seen if"),
        (lambda n, m, p: ~prefix_by_slices(n, m, p), "turned round"),
        (lambda n, m, p: np.tri(n, m, k=-1, dtype=bool) | (grid(n, m)[1] < p), "see itself"),
        (lambda n, m, p: np.tri(n, m, dtype=bool) | (grid(n, m)[1] <= p), "use <"),
        (lambda n, m, p: np.tri(n, m, dtype=bool) | (grid(n, m)[0] < p), "made of keys"),
        (lambda n, m, p: np.tri(n, m, dtype=bool) & (grid(n, m)[1] < p), "join them by or"),
        (lambda n, m, p: np.tri(n, m, dtype=bool).T | (grid(n, m)[1] < p), "small example"),
        (lambda n, m, p: np.triu(np.ones((n, m), bool)) | (grid(n, m)[1] < p), "the future"),
        (lambda n, m, p: prefix_by_slices(n, n, p), SHAPE),
        (lambda n, m, p: prefix_by_slices(n, m, 3), "use <"),
        (lambda n, m, p: prefix_by_slices(n, m, p or 2), "With prefix 0"),
        (lambda n, m, p: np.where(prefix_by_slices(n, m, p), 0, -np.inf), "0 and -inf"),
    ],
    "keep_mask": [
        (lambda a, p: a | p[:, None], "turn it round, True means"),
        (lambda a, p: ~a & p[:, None], "padding still means drop"),
        (lambda a, p: a & ~p[:, None], "attn_mask still means drop"),
        (lambda a, p: ~a | ~p[:, None], "join what they keep by and"),
        (lambda a, p: a ^ p[:, None], "They differ"),
        (lambda a, p: np.broadcast_to(~a, (len(p), *a.shape)), "padding is not used"),
        (lambda a, p: np.broadcast_to(~p[:, None], (len(p), *a.shape)), "attn_mask is not used"),
        (lambda a, p: ~(a | p[0]), SHAPE),
        (lambda a, p: ~(a | p[:1, None]).repeat(len(p), 0), "padding is not used"),
        (lambda a, p: ~(a | p[:, None])[:, None], SHAPE),
        (lambda a, p: ~(a | p[:, None]).transpose(0, 2, 1), SHAPE),
        (lambda a, p: ~(a | p[:, None] | p[:, : a.shape[0], None]), "Both drop"),
        (lambda a, p: ~(a | p[:, None]).squeeze(), "Give both masks"),
        (lambda a, p: (keep := ~(a | p[:, None])) | ~keep.any(-1, keepdims=True), "Both drop"),
    ],
    "induction_mask": [
        (lambda t: (t[:, None] == t) & np.tri(len(t), k=-1, dtype=bool), "Look at the one before"),
        (lambda t: np.roll(t, 1) == t[:, None], "Key j may be seen if"),
        (lambda t: (np.roll(t, 1) == t[:, None]) & np.tri(len(t), dtype=bool), "goes round"),
        (lambda t: induction_by_shift(t).T, "Queries go down"),
        (lambda t: ~induction_by_shift(t), "turned round"),
        (lambda t: induction_by_shift(t) & np.tri(len(t), k=-1, dtype=bool), "j may equal i"),
        (lambda t: [[j > 0 and t[j - 1] == x for j in range(len(t))] for x in t], "future"),
        (lambda t: (np.append(t[1:], -9) == t[:, None]) & np.tri(len(t), dtype=bool),
         "after the key"),
        (lambda t: (np.concatenate([[0], t[:-1]]) == t[:, None]) & np.tri(len(t), dtype=bool),
         "no token before it"),
        (lambda t: (np.concatenate([[-1], t[:-1]]) == t[:, None]) & np.tri(len(t), dtype=bool),
         "no token before it"),
        *[
            (lambda t, x=x: program("x[j] == y[i] and j <= i", x=[x, *t[:-1]], y=t)
             .allowed(len(t), len(t)), "no token before it")
            for x in (0, -1, 99, -99, 999, -999, 10**6, 10**9)
        ],
        (lambda t: (np.concatenate([[t[0]], t[:-1]]) == t[:, None]) & np.tri(len(t), dtype=bool),
         "Key j may be seen if"),
        (lambda t: induction_by_shift(t)[1:], SHAPE),
        (lambda t: induction_by_shift(t)[:, 1:], SHAPE),
        (lambda t: induction_by_shift(t).any(0), SHAPE),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch02, RIGHT, WRONG)
