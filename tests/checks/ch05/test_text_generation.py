"""The bank of chapter 5.5: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from attn_helpers.checks import ch05
from attn_helpers.reference import attention, next_token_probabilities
from tests.checks.bank import answer_tests


def bits_by_loop(losses, lengths):
    return sum(loss / math.log(2) for loss in losses) / sum(lengths)


def bits_by_torch(losses, lengths):
    losses, lengths = torch.tensor(np.array(losses)), torch.tensor(np.array(lengths))
    return losses.sum() / math.log(2) / lengths.sum()


def bits_of_probabilities(losses, lengths):
    return -np.log2(np.exp(-losses)).sum() / lengths.sum()


def bits_by_weights(losses, lengths):
    return np.average(losses / lengths, weights=lengths) / np.log(2)


def nucleus_by_package(logits, top_p):
    return next_token_probabilities(torch.tensor(np.array(logits)), top_p=top_p)


def nucleus_by_loop(logits, top_p):
    p = np.exp(logits - logits.max())
    p /= p.sum()
    kept, total = np.zeros(len(p)), 0.0
    for i in np.argsort(p)[::-1]:
        if total >= top_p:
            break
        kept[i], total = p[i], total + p[i]
    return kept / total


def nucleus_by_sort(logits, top_p):
    p = F.softmax(torch.tensor(np.array(logits)), -1)
    ranked, order = p.sort(descending=True)
    ranked[ranked.cumsum(-1) - ranked >= top_p] = 0
    return torch.zeros_like(p).scatter(-1, order, ranked / ranked.sum())


def nucleus_by_limit(logits, top_p):
    p = np.exp(logits - logits.max())
    p = p / p.sum()
    ranked = -np.sort(-p)
    least = ranked[np.searchsorted(np.cumsum(ranked), top_p * 0.999999)]
    return np.where(p >= least, p, 0) / p[p >= least].sum()


def ranked_softmax(logits):
    p = np.exp(logits - logits.max())
    p = p / p.sum()
    order = np.argsort(-p)
    return p, order, np.cumsum(p[order])


def nucleus_short(logits, top_p):
    p, order, sums = ranked_softmax(logits)
    p[order[sums >= top_p]] = 0
    return p / p.sum()


def nucleus_long(logits, top_p):
    p, order, sums = ranked_softmax(logits)
    p[order[np.searchsorted(sums, top_p) + 2 :]] = 0
    return p / p.sum()


def nucleus_unnormed(logits, top_p):
    p, order, sums = ranked_softmax(logits)
    p[order[np.searchsorted(sums, top_p) + 1 :]] = 0
    return p


def nucleus_ranked(logits, top_p):
    p = nucleus_by_loop(logits, top_p)
    return np.sort(p)[::-1]


def nucleus_softened(logits, top_p):
    p = nucleus_unnormed(logits, top_p)
    e = np.where(p > 0, np.exp(p), 0)
    return e / e.sum()


def nucleus_softened_all(logits, top_p):
    e = np.exp(nucleus_unnormed(logits, top_p))
    return e / e.sum()


def nucleus_even(logits, top_p):
    p = nucleus_by_loop(logits, top_p) > 0
    return p / p.sum()


def nucleus_of_each(logits, top_p):
    p, _, _ = ranked_softmax(logits)
    p[p < top_p] = 0
    return p / p.sum()


def nucleus_of_the_least(logits, top_p):
    p, order, _ = ranked_softmax(logits)
    order = order[::-1]
    before = np.cumsum(p[order]) - p[order]
    p[order[before >= top_p]] = 0
    return p / p.sum()


def nucleus_masked_by_rank(logits, top_p):
    p, order, sums = ranked_softmax(logits)
    before = sums - p[order]
    p[before >= top_p] = 0
    return p / p.sum()


def nucleus_of_the_largest(logits, top_p):
    p, _, _ = ranked_softmax(logits)
    p[p < top_p * p.max()] = 0
    return p / p.sum()


def nucleus_unranked(logits, top_p):
    p, _, _ = ranked_softmax(logits)
    p[np.cumsum(p) - p >= top_p] = 0
    return p / p.sum()


def nucleus_of_tokens(logits, top_p):
    p, order, _ = ranked_softmax(logits)
    p[order[math.ceil(top_p * len(p)) :]] = 0
    return p / p.sum()


def nucleus_without_max(logits, top_p):
    e = np.exp(logits)
    return nucleus_by_loop(np.log(e / e.sum()), top_p)


def joined(old, new):
    return np.concatenate([old, new[:, None]], axis=1)


def soft(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cache_by_package(q, k, v, keys, values, width):
    keys, values = joined(keys, k)[:, -width:], joined(values, v)[:, -width:]
    out, _ = attention(q[:, None], keys, values)
    return out[:, 0], keys, values


def cache_by_torch(q, k, v, keys, values, width):
    q, k, v, keys, values = (torch.tensor(np.array(x)) for x in (q, k, v, keys, values))
    keys, values = torch.cat([keys, k[:, None]], 1), torch.cat([values, v[:, None]], 1)
    keys, values = keys[:, -width:], values[:, -width:]
    out = F.scaled_dot_product_attention(q[:, None], keys, values)
    return out[:, 0], keys, values


def cache_by_loop(q, k, v, keys, values, width):
    outs = []
    keys, values = joined(keys, k)[:, -width:], joined(values, v)[:, -width:]
    for query, seen, brought in zip(q, keys, values, strict=True):
        outs.append(soft(seen @ query / math.sqrt(len(query))) @ brought)
    return np.array(outs), keys, values


def cache_cut_before(q, k, v, keys, values, width):
    drop = max(0, keys.shape[1] + 1 - width)
    keys, values = joined(keys[:, drop:], k), joined(values[:, drop:], v)
    weights = soft((keys @ q[..., None])[..., 0] / q.shape[-1] ** 0.5)
    return (weights[:, None] @ values)[:, 0], keys, values


def cache(*, take=lambda x, width: x[:, -width:], seen=None, scale=None, keep=None):
    """An answer with one of its steps replaced."""

    def answer(q, k, v, keys, values, width):
        every = joined(keys, k), joined(values, v)
        kept = [take(x, width) for x in every]
        at = kept if seen is None else [seen(x, width) for x in every]
        size = q.shape[-1] ** 0.5 if scale is None else scale(q, v)
        weights = soft((at[0] @ q[..., None])[..., 0] / size)
        back = kept if keep is None else keep(keys, values, *every)
        return (weights[:, None] @ at[1])[:, 0], *back

    return answer


def cache_over_heads(q, k, v, keys, values, width):
    keys, values = joined(keys, k)[:, -width:], joined(values, v)[:, -width:]
    scores = (keys @ q[..., None])[..., 0] / q.shape[-1] ** 0.5
    return np.einsum("hn,hnd->hd", soft(scores.T).T, values), keys, values


def cache_of_all_heads(q, k, v, keys, values, width):
    keys, values = joined(keys, k)[:, -width:], joined(values, v)[:, -width:]
    scores = (keys @ q[..., None])[..., 0] / q.shape[-1] ** 0.5
    weights = soft(scores.ravel()).reshape(scores.shape)
    return np.einsum("hn,hnd->hd", weights, values), keys, values


def cache_in_front(q, k, v, keys, values, width):
    keys = np.concatenate([k[:, None], keys], 1)[:, :width]
    values = np.concatenate([v[:, None], values], 1)[:, :width]
    return cache(keep=lambda *a: (keys, values))(q, k, v, keys[:, 1:], values[:, 1:], 10**6)


def cache_without_max(q, k, v, keys, values, width):
    keys, values = joined(keys, k)[:, -width:], joined(values, v)[:, -width:]
    e = np.exp((keys @ q[..., None])[..., 0] / q.shape[-1] ** 0.5)
    return np.einsum("hn,hnd->hd", e / e.sum(-1, keepdims=True), values), keys, values


def cache_that_writes(q, k, v, keys, values, width):
    if keys.shape[1] >= width:
        keys[:, :-1], values[:, :-1] = keys[:, 1:].copy(), values[:, 1:].copy()
        keys[:, -1], values[:, -1] = k, v
        kept = keys[:, -width:], values[:, -width:]
    else:
        kept = joined(keys, k), joined(values, v)
    weights = soft((kept[0] @ q[..., None])[..., 0] / q.shape[-1] ** 0.5)
    return (weights[:, None] @ kept[1])[:, 0], *kept


RIGHT = {
    "bits_per_character": [bits_by_loop, bits_by_torch, bits_of_probabilities, bits_by_weights],
    "nucleus": [nucleus_by_package, nucleus_by_loop, nucleus_by_sort, nucleus_by_limit],
    "window_cache": [cache_by_package, cache_by_torch, cache_by_loop, cache_cut_before],
}
WRONG = {
    "bits_per_character": [
        (lambda losses, lengths: (losses / np.log(2)).mean(), "bits per *token*"),
        (lambda losses, lengths: losses.mean(), "nats per token"),
        (lambda losses, lengths: losses.sum() / lengths.sum(), "to the base e"),
        (lambda losses, lengths: losses.sum() * np.log(2) / lengths.sum(), "*more* than a bit"),
        (lambda losses, lengths: (losses / np.log(2) / lengths).mean(), "like a short one"),
        (lambda losses, lengths: losses.sum() / np.log(2) / lengths.mean(), "of one token"),
        (lambda losses, lengths: losses.mean() / np.log(2) / lengths.sum(), "lengths added"),
        (lambda losses, lengths: np.log2(losses).sum() / lengths.sum(), "logarithm already"),
        (lambda losses, lengths: losses.sum() / np.log(2), "whole text"),
        (lambda losses, lengths: np.exp(losses.mean()), "perplexity"),
        (lambda losses, lengths: 2 ** (bits_by_loop(losses, lengths)), "2 to the bits"),
        (lambda losses, lengths: np.log(2) * lengths.sum() / losses.sum(), "upside down"),
        (lambda losses, lengths: losses.sum() / np.log10(2) / lengths.sum(), "base 10"),
        (lambda losses, lengths: losses.sum() / 2 / lengths.sum(), "not by ln 2"),
        (lambda losses, lengths: losses @ lengths / np.log(2) / lengths.sum(), "weighed"),
        (lambda losses, lengths: -losses.sum() / np.log(2) / lengths.sum(), "sign"),
        (lambda losses, lengths: losses / np.log(2) / lengths, "Look at the shape"),
    ],
    "nucleus": [
        (nucleus_masked_by_rank, "mask is in order of rank"),
        (nucleus_of_the_largest, "share of the largest"),
        (lambda z, p: soft(z / p), "no temperature"),
        (nucleus_short, "reaches top_p is missing"),
        (nucleus_long, "One token too many"),
        (nucleus_unnormed, "sum to 1 again"),
        (nucleus_ranked, "order of rank"),
        (lambda z, p: soft(z), "Nothing is left out"),
        (nucleus_of_the_least, "*least* likely"),
        (nucleus_unranked, "not ranked"),
        (nucleus_softened, "softmax of the probabilities once more"),
        (nucleus_softened_all, "gives a share"),
        (nucleus_even, "equally likely"),
        (nucleus_of_each, "Rank the probabilities"),
        (nucleus_of_tokens, "share of the tokens"),
        (nucleus_without_max, "largest logit"),
        (lambda z, p: np.flatnonzero(nucleus_by_loop(z, p)), "Look at the shape"),
    ],
    "window_cache": [
        (cache(seen=lambda x, width: x[:, :-1][:, -width:]), "does not see itself"),
        (cache(take=lambda x, width: x[:, -width - 1 :]), "append first, then keep"),
        (cache(seen=lambda x, width: x), "cut first"),
        (cache(keep=lambda keys, values, *every: every), "without end"),
        (cache(keep=lambda keys, values, *every: (keys, values)), "as they came"),
        (cache(take=lambda x, width: x[:, :width]), "the oldest"),
        (cache_in_front, "in front"),
        (cache(scale=lambda q, v: 1), "not divided"),
        (cache(scale=lambda q, v: q.shape[-1]), "*root* of d_k"),
        (cache(scale=lambda q, v: v.shape[-1] ** 0.5), "root of d_v"),
        (cache_over_heads, "over the heads"),
        (cache_of_all_heads, "One softmax for all heads"),
        (cache(seen=lambda x, width: x[:, -1:]), "itself alone"),
        (cache(seen=lambda x, width: x[:, -width:-1]), "newest token is missing"),
        (cache_without_max, "largest score"),
        (cache_that_writes, "belongs to the caller"),
        (lambda *a: cache()(*a)[0], "End with `return out, keys, values`"),
    ],
}

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)
