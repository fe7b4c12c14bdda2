"""The bank of chapter 3.3: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch

from attn_helpers import attention, reference
from attn_helpers.checks import ch03
from attn_helpers.programs import mask_from
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


def tensor(x):
    return x if x is None else torch.tensor(np.array(x))


def softmax(scores, axis=-1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# ---- split_heads ----
def split(x, n_heads):
    return np.stack(np.split(x, n_heads, axis=-1), axis=-3)


def split_by_loop(x, n_heads):
    if x.ndim > 2:
        return [split_by_loop(each, n_heads) for each in x]
    d = x.shape[1] // n_heads
    return [[list(row[h * d : (h + 1) * d]) for row in x] for h in range(n_heads)]


def split_by_transpose(x, n_heads):
    last = x.ndim - 1
    cut = x.reshape(*x.shape[:-1], n_heads, x.shape[-1] // n_heads)
    return cut.transpose(*range(last - 1), last, last - 1, last + 1)


# ---- masked_softmax ----
def masked(scores, mask):
    largest = np.where(mask, scores, -1e300).max(-1, keepdims=True)
    e = np.where(mask, np.exp(scores - largest), 0)
    return e / np.where(e.sum(-1, keepdims=True) == 0, 1, e.sum(-1, keepdims=True))


def masked_by_loop(scores, mask):
    scores, mask = np.broadcast_arrays(scores, mask)
    if scores.ndim > 1:
        return [masked_by_loop(*each) for each in zip(scores, mask, strict=True)]
    weights = np.zeros(len(scores))
    if mask.any():
        weights[mask] = softmax(scores[mask])
    return weights


def masked_and_mended(scores, mask):
    return np.nan_to_num(softmax(np.where(mask, scores, -np.inf)))


def minus_a_billion_then_zero(scores, mask):
    return softmax(np.where(mask, scores, -1e9)) * mask


def masked_in_torch(scores, mask):
    scores, mask = tensor(scores), tensor(mask)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1).masked_fill(~mask, 0)


def filled(value):
    return lambda scores, mask: softmax(np.where(mask, scores, value))


def by_index(scores, mask):
    scores = scores.copy()
    scores[~mask] = -np.inf
    return np.nan_to_num(softmax(scores))


def divided_by_a_little_more(scores, mask):
    e = np.exp(np.where(mask, scores - scores.max(), -np.inf))
    return e / (e.sum(-1, keepdims=True) + 1e-3)


def unshifted(scores, mask):
    e = np.exp(scores) * mask
    return e / np.maximum(e.sum(-1, keepdims=True), 1e-300)


def shifted_before_hiding(scores, mask):
    e = np.exp(scores - scores.max(-1, keepdims=True)) * mask
    return e / np.where(e.sum(-1, keepdims=True) == 0, 1, e.sum(-1, keepdims=True))


def written_into(scores, mask):
    scores[~np.broadcast_to(mask, scores.shape)] = -np.inf
    return np.nan_to_num(softmax(scores))


# ---- multi_head_attention ----
def merge(x):
    return np.concatenate(np.moveaxis(x, -3, 0), axis=-1)


def heads_of(x_q, x_kv, w_q, w_k, w_v, n_heads):
    return (split(x @ w, n_heads) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))


def layer(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    heads, weights = attention(*heads_of(x_q, x_kv, w_q, w_k, w_v, n_heads), mask=mask)
    return merge(heads) @ w_o, weights


def layer_by_loop(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Heads one by one; their outputs are added up, and never joined."""
    out, every = 0, []
    if mask is not None:
        mask = np.broadcast_to(mask, (*x_q.shape[:-2], n_heads, x_q.shape[-2], x_kv.shape[-2]))
    for h, (a, b, c, d) in enumerate(
        zip(
            *(np.split(w, n_heads, 1) for w in (w_q, w_k, w_v)), np.split(w_o, n_heads), strict=True
        )
    ):
        one = None if mask is None else mask[..., h, :, :]
        head, weights = attention(x_q @ a, x_kv @ b, x_kv @ c, mask=one)
        out, every = out + head @ d, [*every, weights]
    return out, np.stack(every, axis=-3)


def layer_in_torch(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    x_q, x_kv, w_q, w_k, w_v, w_o, mask = map(tensor, (x_q, x_kv, w_q, w_k, w_v, w_o, mask))
    q, k, v = ((x @ w).unflatten(-1, (n_heads, -1)).transpose(-2, -3)
               for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))  # fmt: skip
    scores = torch.einsum("...id,...jd->...ij", q, k) * q.shape[-1] ** -0.5
    weights = (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(-1)
    return (weights @ v).transpose(-2, -3).flatten(-2) @ w_o, weights


def layer_by_program(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    shape = (*x_q.shape[:-2], n_heads, x_q.shape[-2], x_kv.shape[-2])
    program = None if mask is None else mask_from(keep=np.broadcast_to(mask, shape))
    return reference.multi_head_attention(
        x_q, x_kv, w_q, w_k, w_v, w_o, n_heads=n_heads, program=program
    )


def layer_in_place(x_q, x_kv, w_q, *rest):
    w_q *= 2
    return layer(x_q / 2, x_kv, w_q, *rest)


def varied(split=split, merge=merge, factor=1, axis=-1, project=True):
    def answer(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
        q, k, v = (split(x @ w, n_heads) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))
        scale = factor(q, k, n_heads) if callable(factor) else factor
        scores = scale * q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
        weights = softmax(scores if mask is None else np.where(mask, scores, -np.inf), axis)
        return merge(weights @ v) @ (w_o if project else np.eye(len(w_o))), weights

    return answer


def cut(x, n_heads):
    return x.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1)


def glue(x):
    return x.reshape(*x.shape[:-3], x.shape[-2], -1)


def interleaved(x, n_heads):
    return np.stack([x[..., h::n_heads] for h in range(n_heads)], axis=-3)


def overflowing(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = heads_of(x_q, x_kv, w_q, w_k, w_v, n_heads)
    e = np.exp(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) * (True if mask is None else mask)
    weights = e / e.sum(-1, keepdims=True)
    return merge(weights @ v) @ w_o, weights


def without_batches(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = ((x @ w).reshape(len(x), n_heads, -1).transpose(1, 0, 2)
               for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v)))  # fmt: skip
    heads, weights = attention(q, k, v, mask=mask)
    return heads.transpose(1, 0, 2).reshape(len(x_q), -1) @ w_o, weights


def only_first_example_masked(*a):
    return layer(*a) if len(a) < 8 or a[7].ndim < 3 else layer(*a[:7], a[7][:1])


RIGHT = {
    "split_heads": [
        split,
        split_by_loop,
        split_by_transpose,
        reference.split_heads,
        lambda x, h: tensor(x).unflatten(-1, (h, -1)).transpose(-2, -3),
    ],
    "masked_softmax": [
        masked,
        masked_by_loop,
        masked_and_mended,
        minus_a_billion_then_zero,
        masked_in_torch,
        lambda s, m: reference.softmax(np.where(m, s, -np.inf)),
    ],
    "multi_head_attention": [
        layer,
        layer_by_loop,
        layer_in_torch,
        layer_by_program,
        varied(),
        lambda *a: list(varied(split=reference.split_heads, merge=reference.merge_heads)(*a)),
    ],
    "share_heads": [
        lambda k, h: np.repeat(k, h // k.shape[-3], axis=-3),
        lambda k, h: tensor(k).repeat_interleave(h // k.shape[-3], -3),
        lambda k, h: k[..., [i * k.shape[-3] // h for i in range(h)], :, :],
        lambda k, h: np.stack([k] * (h // k.shape[-3]), axis=-3).reshape(
            *k.shape[:-3], h, *k.shape[-2:]
        ),
    ],
}

WRONG = {
    "split_heads": [
        (cut, "cuts the memory"),
        (interleaved, "neighbouring columns"),
        (lambda x, h: split(x, h)[..., ::-1, :, :], "wrong order"),
        (lambda x, h: split(x, h).swapaxes(-2, -3), "behind the tokens"),
        (lambda x, h: split(x, h).swapaxes(-1, -2), "(n, d)"),
        (lambda x, h: x.reshape(*x.shape[:-1], h, -1).T, SHAPE),
        (lambda x, h: x.reshape(len(x), h, -1).transpose(1, 0, 2), "Keep `x.shape[:-1]`"),
        (lambda x, h: split(x, h).squeeze(), "avoid `squeeze`"),
        (lambda x, h: split(x, 2), SHAPE),
        (lambda x, h: np.split(x, h, axis=-1)[0], SHAPE),
        (lambda x, h: np.array(np.split(x, h, axis=-1)), "Keep `x.shape[:-1]`"),
        (lambda x, h: split(x, x.shape[-1] // h), SHAPE),
    ],
    "masked_softmax": [
        (lambda s, m: softmax(s), "not used"),
        (lambda s, m: masked(s, ~m), "turned round"),
        (lambda s, m: softmax(s) * m, "no longer sum"),
        (lambda s, m: softmax(s * m), "hides nothing"),
        (lambda s, m: softmax(s + m), "True adds 1"),
        (filled(0), "hides nothing"),
        (filled(-10), "A weight is"),
        (filled(-1e9), "must be zeros"),
        (filled(-np.inf), "must be zeros"),
        (filled(np.finfo(float).min), "must be zeros"),
        (lambda s, m: softmax(s - 1e9 * ~m), "must be zeros"),
        (lambda s, m: softmax(np.where(m, s, -1e300), -2) * m, "over the queries"),
        (lambda s, m: softmax(np.where(m, s, -np.inf), (-2, -1)), "All weights together"),
        (lambda s, m: np.exp(s) * m, "sum is missing"),
        (lambda s, m: s * m, "softmax is missing"),
        (lambda s, m: (m / m.sum(-1, keepdims=True)), "A weight is"),
        (divided_by_a_little_more, "A weight is"),
        (unshifted, "Hide first"),
        (shifted_before_hiding, "Hide first"),
        (lambda s, m: np.where(m.any(), masked(s, m), 0)[:, ::-1], "A weight is"),
        (by_index, "by index does not"),
        (lambda s, m: masked(s, m.T), RAISED),
        (lambda s, m: np.nan_to_num(softmax(np.where(m, s, -np.inf)), nan=1 / s.shape[-1]),
         "must be zeros"),
        (written_into, "belongs to the caller"),
    ],
    "multi_head_attention": [
        (varied(split=cut), "cut by reshape alone"),
        (varied(merge=glue), "merged by reshape alone"),
        (varied(split=cut, merge=glue), "cut and merged by reshape alone"),
        (varied(split=interleaved), "neighbouring columns"),
        (varied(factor=lambda q, k, h: h**-0.5), "one large head"),
        (varied(factor=lambda q, k, h: q.shape[-1] ** 0.5), "sqrt(d_k) is missing"),
        (varied(factor=lambda q, k, h: q.shape[-1] ** -0.5), "divide by its root"),
        (varied(axis=-2), "over the queries"),
        (varied(axis=-3), "over the heads"),
        (varied(axis=(-3, -1)), "Five steps"),
        (varied(project=False), "@ w_o"),
        (lambda *a: layer(a[1], a[0], *a[2:]), RAISED),
        (lambda *a: layer(*a[:6], 1, *a[7:]), "one head in yours"),
        (lambda *a: layer(*a[:7]), "not used"),
        (lambda *a: layer(*a[:7], *(~m for m in a[7:])), "turned round"),
        (lambda *a: (layer(*a)[0], layer(*a)[1].mean(-3)), "not their mean"),
        (lambda *a: layer(*a)[::-1], "return out, weights"),
        (lambda *a: layer(*a)[0], "return out, weights"),
        (lambda *a: (layer(*a)[0], layer(*a[:7])[1]), "Five steps"),
        (lambda *a: layer(a[0], a[0], *a[2:]), RAISED),
        (overflowing, "overflows"),
        (without_batches, "Count axes from the end"),
        (only_first_example_masked, "Count axes from the end"),
        (lambda *a: layer(*a[:6], 2, *a[7:]), "Take every size"),
        (lambda *a: tuple(x.squeeze() for x in layer(*a)), "keep all axes"),
        (layer_in_place, "belongs to the caller"),
    ],
    "share_heads": [
        (lambda k, h: np.tile(k, (h // k.shape[-3], 1, 1)), "`repeat`"),
        (lambda k, h: k[..., [0] * h, :, :], "first key head"),
        (lambda k, h: np.repeat(k, h // k.shape[-3], -3)[..., ::-1, :, :], "turned round"),
        (lambda k, h: np.repeat(k, h, -3), "n_heads times"),
        (lambda k, h: np.repeat(k, h // k.shape[-3], -2), "tokens, not heads"),
        (lambda k, h: np.repeat(k, h // k.shape[0], 0), "from the end"),
        (lambda k, h: k, SHAPE),
        (lambda k, h: np.broadcast_to(k.mean(-3, keepdims=True), (h, *k.shape[-2:])),
         "With 2 key heads"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch03, RIGHT, WRONG)
