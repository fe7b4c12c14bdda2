"""Attention with one fault each, planted for the probes; and right attention in several styles.

Sizes differ everywhere (2, 3, 4, 5, 6, 7), so a fault cannot hide in equal axes.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from attn_helpers import attention
from attn_helpers.reference import softmax

T = np.swapaxes


# ---- right, in several styles ----
def textbook(q, k, v, mask=None):
    scores = q @ T(k, -1, -2) / np.sqrt(q.shape[-1])
    return masked_softmax(scores, mask) @ v


def masked_softmax(scores, mask=None):
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf))


def loop(q, k, v, mask=None):
    """One query and one leading index at a time, with running sums."""
    leading, n_q = q.shape[:-2], q.shape[-2]
    out = np.zeros((*leading, n_q, v.shape[-1]))
    keep = np.broadcast_to(True if mask is None else mask, (*leading, n_q, k.shape[-2]))
    for place in np.ndindex(*leading, n_q):
        largest, total = -np.inf, 0.0
        for j in np.flatnonzero(keep[place]):
            score = q[place] @ k[place[:-1]][j] / math.sqrt(q.shape[-1])
            shrink = math.exp(largest - max(largest, score))
            largest = max(largest, score)
            weight = math.exp(score - largest)
            total = total * shrink + weight
            out[place] = out[place] * shrink + weight * v[place[:-1]][j]
        out[place] /= total or 1
    return out


def einsum(q, k, v, mask=None):
    """Torch, with the scale on q, returning (out, weights); zeros with good gradients."""
    scores = torch.einsum("...id,...jd->...ij", q * q.shape[-1] ** -0.5, k)
    if mask is None:
        weights = scores.softmax(-1)
    else:
        some = mask.any(-1, keepdim=True)
        scores = scores.masked_fill(~mask, -math.inf).masked_fill(~some, 0)
        weights = scores.softmax(-1) * some
    return torch.einsum("...ij,...jd->...id", weights, v), weights


def fill_and_mend(q, k, v, mask=None):
    """NaN and all: `masked_fill` stops it on the way back."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1).nan_to_num(0) @ v


def sdpa(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


RIGHT_TORCH = [einsum, fill_and_mend, sdpa]


# ---- functions with a fault: fn(q, k, v, mask) ----
def with_mask(change):
    """Textbook attention whose mask goes through `change` first."""
    return lambda q, k, v, mask=None: textbook(q, k, v, None if mask is None else change(mask))


def with_scale(scale):
    """Textbook attention whose scores are multiplied by scale(q, k, v)."""

    def fn(q, k, v, mask=None):
        return masked_softmax(q @ T(k, -1, -2) * scale(q, k, v), mask) @ v

    return fn


RIGHT_NUMPY = [
    attention,
    textbook,
    loop,
    with_scale(lambda q, k, v: float(np.float32(1 / np.sqrt(q.shape[-1])))),  # right to 1e-8
]


def filled(scores, mask, fill):
    return scores if mask is None else np.where(mask, scores, fill)


def with_fill(fill):
    """Masked scores become `fill`, and no row is treated apart."""

    def fn(q, k, v, mask=None):
        scores = filled(q @ T(k, -1, -2) / np.sqrt(q.shape[-1]), mask, fill)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        return weights / weights.sum(-1, keepdims=True) @ v

    return fn


def with_out(change):
    """Textbook attention whose output goes through `change`."""
    return lambda q, k, v, mask=None: change(textbook(q, k, v, mask))


def mask_after_softmax(q, k, v, mask=None):
    weights = softmax(q @ T(k, -1, -2) / np.sqrt(q.shape[-1]))
    return (weights if mask is None else weights * mask) @ v


def mask_on_first_head(q, k, v, mask=None):
    if mask is not None and q.ndim > 3:
        mask = mask | (np.arange(q.shape[1])[:, None, None] > 0)
    return textbook(q, k, v, mask)


def mask_of_first_example(q, k, v, mask=None):
    return textbook(q, k, v, mask if mask is None or mask.ndim < 3 else mask[:1])


def mask_on_queries(q, k, v, mask=None):
    return textbook(q, k, v, None if mask is None else T(mask, -1, -2))


def softmax_over_queries(q, k, v, mask=None):
    scores = filled(q @ T(k, -1, -2) / np.sqrt(q.shape[-1]), mask, -np.inf)
    return softmax(scores, axis=-2) @ v


def softmax_over_batch(q, k, v, mask=None):
    scores = filled(q @ T(k, -1, -2) / np.sqrt(q.shape[-1]), mask, -np.inf)
    return softmax(scores, axis=0) @ v


def one_sum_for_all_rows(q, k, v, mask=None):
    weights = np.exp(filled(q @ T(k, -1, -2) / np.sqrt(q.shape[-1]), mask, -np.inf))
    return weights / weights.sum((-1, -2), keepdims=True) * q.shape[-2] @ v


def heads_and_tokens_mixed(q, k, v, mask=None):
    """Reshapes (batch, n_heads, seq, d) as if it were (batch, seq, n_heads, d)."""
    q, k, v = (a.reshape(a.shape[0], a.shape[2], a.shape[1], -1).swapaxes(1, 2) for a in (q, k, v))
    return textbook(q, k, v, mask)


def merged_without_transpose(q, k, v, mask=None):
    out = textbook(q, k, v, mask)
    return out.swapaxes(1, 2).reshape(out.shape)


def positions_on_keys(q, k, v, mask=None):
    return textbook(q, k + np.sin(np.arange(k.shape[-2]))[:, None], v, mask)


def values_off_by_one(q, k, v, mask=None):
    return textbook(q, k, np.roll(v, 1, axis=-2), mask)


def prefers_near_keys(q, k, v, mask=None):
    """Adds a bias for near keys."""
    distance = np.abs(np.arange(q.shape[-2])[:, None] - np.arange(k.shape[-2]))
    return masked_softmax(q @ T(k, -1, -2) / np.sqrt(q.shape[-1]) - distance, mask) @ v


def edits_q(q, k, v, mask=None):
    q /= np.sqrt(q.shape[-1])
    return masked_softmax(q @ T(k, -1, -2), mask) @ v


def edits_k(q, k, v, mask=None):
    k -= k.mean(-2, keepdims=True)  # changes no weight
    return textbook(q, k, v, mask)


def edits_v_by_a_hair(q, k, v, mask=None):
    v *= 1 + 1e-15
    return textbook(q, k, v, mask)


def edits_mask(q, k, v, mask=None):
    out = textbook(q, k, v, mask)
    if mask is not None:
        np.logical_not(mask, out=mask)
    return out


def masked_softmax_that_edits(scores, mask):
    np.copyto(scores, -1e6, where=~mask)
    return softmax(scores)


def nan_to_num(q, k, v, mask=None):
    """Right forwards; backwards the NaN passes through the sum with the mask."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    scores = scores if mask is None else scores + torch.where(mask, 0.0, -math.inf)
    return scores.softmax(-1).nan_to_num(0) @ v


def gradient_into_masked_row(q, k, v, mask=None):
    """The output is zero, but as the difference of a number and its constant copy."""
    out, _ = einsum(q, k, v, mask)
    blind = 0 if mask is None else ~mask.any(-1, keepdim=True)
    return out + blind * (q.sum(-1, keepdim=True) - q.sum(-1, keepdim=True).detach())


def zeros_if_anything_is_nan(q, k, v, mask=None):
    out = with_fill(-np.inf)(q, k, v, mask)
    return np.zeros_like(out) if np.isnan(out).any() else out


def masked_row_attends_to_first(q, k, v, mask=None):
    if mask is not None:
        mask = mask | (~mask.any(-1, keepdims=True) & (np.arange(k.shape[-2]) == 0))
    return textbook(q, k, v, mask)


def top_left_causal(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def bottom_right_causal(q, k, v, mask=None):
    n_q, n_k = q.shape[-2], k.shape[-2]
    return sdpa(q, k, v, torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q))


FAULTY = [  # the probe meant for it, words of its finding, the function
    ("future_leak", "after it", with_mask(np.logical_not)),
    ("future_leak", "after it", with_mask(np.ones_like)),
    ("future_leak", "after it", with_mask(lambda mask: np.roll(mask, -1, axis=-2))),
    ("future_leak", "after it", with_mask(lambda mask: T(mask, -1, -2))),
    ("future_leak", "after it", mask_after_softmax),
    ("future_leak", "after it", mask_on_first_head),
    ("future_leak", "after it", with_fill(0)),
    ("future_leak", "after it", with_fill(-10)),
    ("padding_leak", "to padding", with_mask(np.logical_not)),
    ("padding_leak", "to padding", mask_of_first_example),
    ("padding_leak", "to padding", mask_on_queries),
    ("batch_mixing", "influence each other", softmax_over_batch),
    ("batch_mixing", "influence each other", with_out(lambda out: out - out.mean(0))),
    ("batch_mixing", "influence each other", with_out(lambda out: out / out.std((0, -2))[:, None])),
    ("permutation", "keys in the order", positions_on_keys),
    ("permutation", "keys in the order", values_off_by_one),
    ("permutation", "order of tokens", prefers_near_keys),
    ("permutation", "queries in the order", with_out(lambda out: np.cumsum(out, -2))),
    ("query_order", "alone", with_out(lambda out: out[..., ::-1, :])),
    ("query_order", "alone", with_out(lambda out: np.roll(out, 1, axis=-2))),
    ("query_order", "alone", softmax_over_queries),
    ("query_order", "alone", one_sum_for_all_rows),
    ("query_order", "alone", heads_and_tokens_mixed),
    ("query_order", "alone", merged_without_transpose),
    ("masked_rows", "query 0 masked", with_fill(-1e9)),
    ("masked_rows", "NaN", with_fill(-np.inf)),
    ("masked_rows", "query 0 masked", masked_row_attends_to_first),
    ("masked_rows", "moved another", zeros_if_anything_is_nan),
    ("missing_scale", "about 1, not 0.447", with_scale(lambda q, k, v: 1)),
    ("missing_scale", "about 2.24, not 0.447", with_scale(lambda q, k, v: q.shape[-1] ** 0.5)),
    ("missing_scale", "about 0.2, not 0.447", with_scale(lambda q, k, v: 1 / q.shape[-1])),
    ("missing_scale", "about 0.408,", with_scale(lambda q, k, v: v.shape[-1] ** -0.5)),
    ("missing_scale", "about 0.378,", with_scale(lambda q, k, v: k.shape[-2] ** -0.5)),
    ("missing_scale", "about 0.125,", with_scale(lambda q, k, v: 64**-0.5)),
    ("missing_scale", "about 100,", with_scale(lambda q, k, v: 100)),
    ("missing_scale", "inf", with_out(np.zeros_like)),
    ("in_place", "argument 0", edits_q),
    ("in_place", "argument 1", edits_k),
    ("in_place", "argument 2", edits_v_by_a_hair),
    ("in_place", "mask", edits_mask),
]


# ---- layers: layer(x) ----
def stack(mask_in_second):
    """Two layers of causal attention; the second may lose its mask."""

    def layer(x):
        mask = np.tri(x.shape[-2], dtype=bool)
        x = x + textbook(x, x, x, mask)
        return x + textbook(x, x, x, mask if mask_in_second else None)

    return layer


class SelfAttention(torch.nn.Module):
    """Causal multi-head self-attention, right unless one of its faults is named."""

    def __init__(self, fault="", dtype=torch.float32, d_model=12, n_heads=3):
        super().__init__()
        self.fault, self.n_heads = fault, n_heads
        self.qkv = torch.nn.Linear(d_model, 3 * d_model, dtype=dtype)
        self.project = torch.nn.Linear(d_model, d_model, dtype=dtype)
        self.norm = torch.nn.BatchNorm1d(d_model, dtype=dtype)

    def forward(self, x, keep=None):
        batch, seq, d_model = x.shape
        if self.fault == "batch statistics":
            x = self.norm(x.flatten(0, 1)).reshape(x.shape)
        q, k, v = self.qkv(x).chunk(3, -1)
        if self.fault == "split without transpose":
            q, k, v = (a.reshape(batch, self.n_heads, seq, -1) for a in (q, k, v))
        else:
            q, k, v = (a.reshape(batch, seq, self.n_heads, -1).transpose(1, 2) for a in (q, k, v))
        mask = torch.ones(seq, seq, dtype=torch.bool, device=x.device).tril()
        if keep is not None:
            mask = mask & (~keep if self.fault == "padding inverted" else keep)[:, None, None, :]
        if self.fault == "attends to the future":
            mask = mask.mT
        dropout = 0.2 if self.fault == "dropout" else 0.0
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        if self.fault != "merge without transpose":
            out = out.transpose(1, 2)
        return self.project(out.reshape(batch, seq, d_model))
