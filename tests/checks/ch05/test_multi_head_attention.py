"""The bank of chapter 5.2: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from attn_helpers import attention, program
from attn_helpers.checks import ch05
from attn_helpers.programs import torch_attention
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


def tensor(x):
    return torch.tensor(np.array(x))


# ---- fuse ----
def by_rows(w_q, w_k, w_v):
    return [list(column) for w in (w_q, w_k, w_v) for column in zip(*w, strict=True)]


def filled(w_q, w_k, w_v):
    n, kv = w_q.shape[1], w_k.shape[1]
    weight = np.empty((n + 2 * kv, len(w_q)))
    weight[:n], weight[n : n + kv], weight[n + kv :] = w_q.T, w_k.T, w_v.T
    return weight


def by_stack(w_q, w_k, w_v):
    return np.stack([w_q.T, w_k.T, w_v.T]).reshape(-1, len(w_q))


def in_place(w_q, w_k, w_v):
    w_q *= 1.0
    w_k += 1.0
    return np.concatenate([w_q.T, w_k.T - 1.0, w_v.T])


# ---- attn_mask ----
def mask_by_loop(allowed, real, n_heads):
    rows = []
    for example in real:
        for _ in range(n_heads):
            rows.append([[not (a and r) for a, r in zip(row, example, strict=True)]
                         for row in allowed])  # fmt: skip
    return rows


def mask_in_torch(allowed, real, n_heads):
    allowed, real = tensor(allowed), tensor(real)
    return ~(allowed & real.unsqueeze(1)).repeat_interleave(n_heads, dim=0)


def mask_by_reshape(allowed, real, n_heads):
    shape = (len(real), n_heads, *allowed.shape)
    return np.broadcast_to((~allowed | ~real[:, None])[:, None], shape).reshape(-1, *shape[2:])


def written_into_mask(allowed, real, n_heads):
    allowed[...] = ~allowed
    return np.repeat(allowed | ~real[:, None], n_heads, axis=0)


def squeezed(allowed, real, n_heads):
    return mask_by_reshape(allowed, real, n_heads).squeeze()


# ---- continue_from_cache ----
def resume(q, k, v, k_cache, v_cache):
    k, v = np.concatenate([k_cache, k], axis=1), np.concatenate([v_cache, v], axis=1)
    group, n = len(q) // len(k), k.shape[1]
    mask = np.arange(n) <= n - q.shape[1] + np.arange(q.shape[1])[:, None]
    out = [attention(q[h], k[h // group], v[h // group], mask=mask)[0] for h in range(len(q))]
    return np.array(out), k, v


def resume_by_program(q, k, v, k_cache, v_cache):
    k, v = np.concatenate([k_cache, k], axis=1), np.concatenate([v_cache, v], axis=1)
    many = [tensor(np.repeat(x, len(q) // len(x), axis=0)) for x in (k, v)]
    start = k_cache.shape[1]
    out = torch_attention(tensor(q), *many, program=program("j <= i"), q_start=start)
    return out, k, v


def resume_one_by_one(q, k, v, k_cache, v_cache):
    rows = []
    for t in range(q.shape[1]):
        k_cache = np.concatenate([k_cache, k[:, t : t + 1]], axis=1)
        v_cache = np.concatenate([v_cache, v[:, t : t + 1]], axis=1)
        keys, values = (np.repeat(x, len(q) // len(x), axis=0) for x in (k_cache, v_cache))
        e = np.exp(np.einsum("hc,hjc->hj", q[:, t], keys) / math.sqrt(q.shape[-1]))
        rows.append(np.einsum("hj,hjc->hc", e / e.sum(-1, keepdims=True), values))
    return np.stack(rows, axis=1), k_cache, v_cache


def resume_with_sdpa(q, k, v, k_cache, v_cache):
    q, k, v, k_cache, v_cache = map(tensor, (q, k, v, k_cache, v_cache))
    k, v = torch.cat([k_cache, k], 1), torch.cat([v_cache, v], 1)
    n_q, n_k = q.shape[1], k.shape[1]
    mask = torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)
    out = nn.functional.scaled_dot_product_attention(
        q[None], k[None], v[None], attn_mask=mask, enable_gqa=True
    )
    return [out[0], k, v]


def varied(
    *, offset=0, hide=True, turn=False, first="old", heads="repeat", root=None, cached=True, axis=-1
):
    def answer(q, k, v, k_cache, v_cache):
        pairs = [(k_cache, k), (v_cache, v)] if first == "old" else [(k, k_cache), (v, v_cache)]
        k, v = (np.concatenate(p, axis=1) for p in pairs) if cached else (k, v)
        n_q, n_k, group = q.shape[1], k.shape[1], len(q) // len(k)
        lay = {
            "repeat": lambda x: np.repeat(x, group, axis=0),
            "tile": lambda x: np.concatenate([x] * group),
            "first": lambda x: np.stack([x[0]] * len(q)),
        }[heads]
        scores = q @ lay(k).swapaxes(1, 2) / (q.shape[-1] ** 0.5 if root is None else root(q))
        where = np.arange(n_k) <= np.arange(n_q)[:, None] + n_k - n_q + offset
        if offset == "top left":
            where = np.arange(n_k) <= np.arange(n_q)[:, None]
        where = ~where if turn else where
        e = np.exp(scores * where) if hide == "zero" else np.exp(scores) * (where if hide else 1)
        return e / e.sum(axis, keepdims=True) @ lay(v), k, v

    return answer


def top_left(q, k, v, k_cache, v_cache):
    k, v = np.concatenate([k_cache, k], axis=1), np.concatenate([v_cache, v], axis=1)
    many = [tensor(np.repeat(x, len(q) // len(x), axis=0)) for x in (k, v)]
    return torch_attention(tensor(q), *many, program=program("j <= i")), k, v


def with_is_causal(q, k, v, k_cache, v_cache):
    """SDPA's flag aligns at the top left."""
    _, k, v = resume(q, k, v, k_cache, v_cache)
    many = (np.repeat(x, len(q) // len(x), axis=0) for x in (k, v))
    return nn.functional.scaled_dot_product_attention(
        tensor(q), *map(tensor, many), is_causal=True
    ), k, v  # fmt: skip


def empty_cache_forgotten(*a):
    return resume(*a) if a[3].shape[1] else None


def one_token_only(q, k, v, k_cache, v_cache):
    out, k_all, v_all = varied(hide=False)(q, k, v, k_cache, v_cache)
    return out, k_all, v_all


def masked_weights(q, k, v, k_cache, v_cache):
    """Softmax first and mask then: the weights no longer sum to 1."""
    _, k, v = resume(q, k, v, k_cache, v_cache)
    many = [tensor(np.repeat(x, len(q) // len(x), axis=0)) for x in (k, v)]
    weights = (tensor(q) @ many[0].mT / q.shape[-1] ** 0.5).softmax(-1)
    return weights.tril(k.shape[1] - q.shape[1]) @ many[1], k, v


def appended_in_place(q, k, v, k_cache, v_cache):
    out = resume(q, k, v, k_cache, v_cache)
    k_cache[...] = 0
    return out


RIGHT = {
    "fuse": [
        by_rows,
        filled,
        lambda *w: np.hstack(w).T,
        lambda *w: torch.cat([tensor(x) for x in w], dim=1).T,
        lambda q, k, v: np.vstack((q.T, k.T, v.T)),
    ],
    "attn_mask": [
        mask_by_loop,
        mask_in_torch,
        mask_by_reshape,
        lambda a, r, h: np.logical_not(np.repeat(a[None] & r[:, None, :], h, axis=0)),
        lambda a, r, h: np.concatenate([~(a & row)[None].repeat(h, 0) for row in r]),
    ],
    "continue_from_cache": [
        resume,
        resume_by_program,
        resume_one_by_one,
        resume_with_sdpa,
        varied(),
    ],
}

WRONG = {
    "fuse": [
        (lambda q, k, v: np.vstack([q, k, v]), "as they are"),
        (lambda q, k, v: np.hstack([q, k, v]), "right for x @ w"),
        (lambda q, k, v: np.hstack([q.T, k.T, v.T]), "counted by the rows"),
        (lambda q, k, v: np.hstack([k, q, v]).T, "before queries"),
        (lambda q, k, v: np.hstack([v, k, q]).T, "turned round"),
        (lambda q, k, v: np.hstack([q, v, k]).T, "Values come before keys"),
        (lambda q, k, v: np.hstack([q, k, k]).T, "values not at all"),
        (lambda q, k, v: np.array([q.T, k.T, v.T]), "an axis of their own"),
        (lambda q, k, v: np.stack([q, k, v], -1).reshape(len(q), -1).T, "take turns"),
        (lambda q, k, v: q.T, "Only the queries"),
        (lambda q, k, v: q.T + k.T + v.T, "You add"),
        (lambda q, k, v: np.hstack([q, k]).T, SHAPE),
        (lambda q, k, v: np.hstack([q, q, q]).T, "nn.Linear computes"),
        (lambda q, k, v: (q.T, k.T, v.T), "an axis of their own"),
        (lambda q, k, v: [q.T, k.T], SHAPE),
        (lambda q, k, v: np.hstack([q, k, v]).T[::-1], "nn.Linear computes"),
        (by_stack, "need not be alike"),
        (lambda q, k, v: np.hstack([q, k, v]).T.squeeze(), "avoid `squeeze`"),
        (in_place, "belongs to the caller"),
        (lambda q, k, v: np.linalg.pinv(np.hstack([q, k, v])), "nn.Linear computes"),
        (lambda q, k: q, RAISED),
    ],
    "attn_mask": [
        (lambda a, r, h: np.concatenate([~(a & r[:, None])] * h), "`tile`"),
        (lambda a, r, h: ~mask_by_reshape(a, r, h), "still who may attend"),
        (lambda a, r, h: np.repeat(~a & ~r[:, None], h, 0), "only what both forbid"),
        (lambda a, r, h: np.repeat(~(a | r[:, None]), h, 0), "only what both forbid"),
        (lambda a, r, h: np.repeat(~a | ~r[:, :, None], h, 0) if a.shape[0] == a.shape[1]
         else mask_by_reshape(a, r, h), "as a query"),
        (lambda a, r, h: np.stack([~a] * (len(r) * h)), "`real` is not used"),
        (lambda a, r, h: np.repeat(np.repeat(~r[:, None], len(a), 1), h, 0),
         "`allowed` is not used"),
        (lambda a, r, h: np.repeat(a | ~r[:, None], h, 0), "`allowed` is not turned"),
        (lambda a, r, h: np.repeat(~a | r[:, None], h, 0), "`real` is not turned"),
        (lambda a, r, h: np.where(mask_by_reshape(a, r, h), -np.inf, 0), "truth values"),
        (lambda a, r, h: mask_by_reshape(a, r, h).swapaxes(1, 2), "exchanged"),
        (lambda a, r, h: np.broadcast_to(~(a & r[:, None])[:, None], (len(r), h, *a.shape)),
         "batch and heads in one"),
        (lambda a, r, h: ~a | ~r[:, None], "every head needs"),
        (lambda a, r, h: np.repeat(~a | ~r[:, None], h, 1), "repeat the queries"),
        (lambda a, r, h: mask_by_reshape(a, r, h) & False, "Nothing is forbidden"),
        (lambda a, r, h: mask_by_reshape(a, r, h) | True, "Three steps"),
        (lambda a, r, h: mask_by_reshape(a, r, h)[::-1], "Three steps"),
        (lambda a, r, h: ~a, SHAPE),
        (lambda a, r, h: np.where(mask_by_reshape(a, r, h), -1e9, 0), "Three steps"),
        (squeezed, "avoid `squeeze`"),
        (written_into_mask, "belongs to the caller"),
    ],
    "continue_from_cache": [
        (top_left, "top left"),
        (with_is_causal, "top left"),
        (varied(hide=False), "No mask"),
        (one_token_only, "No mask"),
        (masked_weights, "after softmax"),
        (varied(hide="zero"), "exp(0) is 1"),
        (varied(axis=-2), "over the queries"),
        (varied(offset=-1), "A token sees itself"),
        (varied(offset=1), "one position too many"),
        (varied(offset=-1, turn=True), "turned round"),
        (varied(first="new"), "join old, new"),
        (varied(cached=False), "not used"),
        (varied(heads="tile"), "`tile`"),
        (varied(heads="first"), "first key head"),
        (varied(root=lambda q: 1), "is missing"),
        (varied(root=lambda q: q.shape[-1]), "not by d_k"),
        (varied(root=lambda q: (len(q) * q.shape[-1]) ** 0.5), "all together"),
        (lambda *a: (resume(*a)[0], a[3], a[4]), "as it was"),
        (lambda *a: (resume(*a)[0], a[1], a[2]), "new keys and values alone"),
        (lambda *a: (resume(*a)[0], *(np.repeat(x, len(a[0]) // len(x), 0)
                                      for x in resume(*a)[1:])), "keeps each once"),
        (lambda *a: (resume(*a)[0], resume(*a)[2], resume(*a)[1]), "exchanged"),
        (lambda *a: resume(*a)[0], "return out, k, v"),
        (lambda *a: resume(*a)[:2], "return out, k, v"),
        (lambda *a: tuple(x.squeeze() for x in resume(*a)), "starts where the queries"),
        (empty_cache_forgotten, "return` missing"),
        (appended_in_place, "belongs to the caller"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)


@pytest.mark.parametrize("bias", [True, False])
def test_the_fused_weight_is_that_of_torch(bias):
    """What `fuse` expects goes into nn.MultiheadAttention, and what `attn_mask` expects, too."""
    rng = np.random.default_rng(0)
    w_q, w_k, w_v, w_o = rng.standard_normal((4, 6, 6)) / 6**0.5
    layer = nn.MultiheadAttention(6, 3, bias=bias, batch_first=True, dtype=torch.float64)
    layer.in_proj_weight.data = tensor(ch05.fuse.expected(w_q, w_k, w_v))
    layer.out_proj.weight.data = tensor(w_o.T)
    x, allowed = rng.standard_normal((4, 5, 6)), np.tri(5, dtype=bool)
    real = np.arange(5) < np.array([[3], [5], [1], [2]])
    mask = tensor(ch05.attn_mask.expected(allowed, real, 3))
    q, k, v = (np.stack(np.split(x @ w, 3, -1), 1) for w in (w_q, w_k, w_v))
    heads, _ = attention(q, k, v, mask=allowed & real[:, None, None])
    out, _ = layer(*[tensor(x)] * 3, attn_mask=mask)
    expected = np.concatenate(np.moveaxis(heads, 1, 0), -1) @ w_o
    np.testing.assert_allclose(out.detach(), expected, atol=1e-12)
