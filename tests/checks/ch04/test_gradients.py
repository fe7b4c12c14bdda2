"""The bank of chapter 4.2: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch

from attn_helpers import reference
from attn_helpers.checks import ch04
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


def t(x):
    return np.swapaxes(x, -1, -2)


def tensors(*arrays):
    return [torch.tensor(np.array(x), requires_grad=True) for x in arrays]


# ---- finite_differences ----
def slopes(f, x, h, weights=((1, 8), (2, -1)), over=12):
    """The textbook's five points, with whole numbers."""
    result = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        total = 0
        for steps, weight in weights:
            up, down = x.copy(), x.copy()
            up[place] += steps * h
            down[place] -= steps * h
            total += weight * (f(up) - f(down))
        result[place] = total / (over * h)
    return result


def slopes_by_identity(f, x, h):
    nudges = np.eye(x.size).reshape(x.size, *x.shape)

    def d(h):
        return np.array([f(x + h * e) - f(x - h * e) for e in nudges]) / (2 * h)

    return ((4 * d(h) - d(2 * h)) / 3).reshape(x.shape)


def slopes_moving_one_copy(f, x, h):
    moved, result = x.copy(), []
    for place in np.ndindex(x.shape):
        value = {}
        for steps in (-2, -1, 1, 2):
            moved[place] = x[place] + steps * h
            value[steps] = f(moved)
        moved[place] = x[place]
        result.append((value[-2] - 8 * value[-1] + 8 * value[1] - value[2]) / (12 * h))
    return torch.tensor(result, dtype=torch.float64).reshape(x.shape)


def slopes_by_list(f, x, h):
    def one(i, h):
        e = np.zeros(x.size)
        e[i] = h
        e = e.reshape(x.shape)
        return (f(x + e) - f(x - e)) / 2 / h

    return np.reshape([one(i, h) + (one(i, h) - one(i, 2 * h)) / 3 for i in range(x.size)], x.shape)


def central(f, x, h):
    return slopes(f, x, h, [(1, 1)], 2)


def nudged_in_place(f, x, h):
    result = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        was, value = x[place], {}
        for steps in (-2, -1, 1, 2):
            x[place] = was + steps * h
            value[steps] = f(x)
        x[place] = was + 1e-9
        result[place] = (value[-2] - 8 * value[-1] + 8 * value[1] - value[2]) / (12 * h)
    return result


def piling_up(f, x, h):
    x, result = x.copy(), np.empty(x.shape)
    for place in np.ndindex(x.shape):
        result[place] = slopes(f, x, h)[place]
        x[place] -= h
    return result


def not_put_back(f, x, h):
    x, result = x.copy(), np.empty(x.shape)
    for place in np.ndindex(x.shape):
        was, value = x[place], {}
        for steps in (-2, -1, 1, 2):
            x[place] = was + steps * h
            value[steps] = f(x)
        result[place] = (value[-2] - 8 * value[-1] + 8 * value[1] - value[2]) / (12 * h)
    return result


def for_rows_only(f, x, h):
    return np.array([slopes(f, x, h)[i] for i in range(len(x))]).ravel()


# ---- matmul_backward ----
def product(a, b, d_c):
    tall, d_tall = (x.reshape(-1, x.shape[-1]) for x in (a, d_c))
    return d_c @ b.T, tall.T @ d_tall


def product_by_loop(a, b, d_c):
    d_a, d_b = np.zeros(a.shape), np.zeros(b.shape)
    for place in np.ndindex(a.shape[:-1]):
        d_a[place] = b @ d_c[place]
        d_b += np.outer(a[place], d_c[place])
    return d_a, d_b


def product_in_torch(a, b, d_c):
    a, b = tensors(a, b)
    return torch.autograd.grad(a @ b, (a, b), torch.tensor(np.array(d_c)))


def product_by_tensordot(a, b, d_c):
    front = list(range(a.ndim - 1))
    return [np.tensordot(d_c, b, (-1, 1)), np.tensordot(a, d_c, (front, front))]


# ---- softmax_backward ----
def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def with_rule(rule):
    return lambda s, g, tau: rule(softmax(s / tau), g) / tau


def centred(w, g):
    return w * (g - (w * g).sum(-1, keepdims=True))


def by_jacobian(w, g):
    eye = np.eye(w.shape[-1])
    return np.einsum("...j,...jl->...l", g, w[..., None] * (eye - w[..., None, :]))


def softmax_in_torch(s, g, tau):
    (s,) = tensors(s)
    return torch.autograd.grad((s / tau).softmax(-1), s, torch.tensor(np.array(g)))[0]


def row_by_row(s, g, tau):
    if s.ndim > 1:
        return [row_by_row(*each, tau) for each in zip(s, g, strict=True)]
    w = softmax(s / tau)
    return [(w[i] * (g[i] - w @ g)) / tau for i in range(len(s))]


def overflowing(s, g, tau):
    e = np.exp(s / tau)
    return centred(e / e.sum(-1, keepdims=True), g) / tau


def all_rows_one_maximum(s, g, tau):
    e = np.exp((s - s.max()) / tau)
    return centred(e / e.sum(-1, keepdims=True), g) / tau


def g_in_place(s, g, tau):
    w = softmax(s / tau)
    g -= (w * g).sum(-1, keepdims=True)
    return w * g / tau


def two_axes_only(s, g, tau):
    w = softmax(s / tau, axis=1 if s.ndim > 1 else 0)
    return w * (g - (w * g).sum(axis=1, keepdims=True)) / tau


# ---- attention_backward ----
def backward(q, k, v, d_out, **other):
    return varied(**other)(q, k, v, d_out)


def varied(
    *, inner=0.5, q_scale=0.5, k_scale=0.5, axis=-1,
    d_w=lambda v, d: d @ t(v),
    rule=centred,
    d_q=lambda s, q, k: s @ k,
    d_k=lambda s, q, k: t(s) @ q,
    d_v=lambda w, v, d: t(w) @ d,
):  # fmt: skip
    def answer(q, k, v, d_out):
        root = float(q.shape[-1])
        w = softmax(q @ t(k) / root**inner, axis)
        s = rule(w, d_w(v, d_out))
        return d_q(s, q, k) / root**q_scale, d_k(s, q, k) / root**k_scale, d_v(w, v, d_out)

    return answer


def in_torch(q, k, v, d_out):
    inputs = tensors(q, k, v)
    out = torch.nn.functional.scaled_dot_product_attention(*inputs)
    return torch.autograd.grad(out, inputs, torch.tensor(np.array(d_out)))


def query_by_query(q, k, v, d_out):
    scale = 1 / np.sqrt(q.shape[-1])
    d_q, d_k, d_v = (np.zeros(x.shape) for x in (q, k, v))
    for i in range(q.shape[-2]):
        row = (..., slice(i, i + 1), slice(None))
        w = softmax(scale * q[row] @ t(k))
        mean = (d_out[row] * (w @ v)).sum(-1, keepdims=True)
        s = scale * w * (d_out[row] @ t(v) - mean)
        d_q[row] = s @ k
        d_k += t(s) @ q[row]
        d_v += t(w) @ d_out[row]
    return d_q, d_k, d_v


def by_einsum(q, k, v, d_out):
    scale = q.shape[-1] ** -0.5
    w = softmax(np.einsum("...id,...jd->...ij", q, k) * scale)
    s = by_jacobian(w, np.einsum("...ic,...jc->...ij", d_out, v)) * scale
    return [
        np.einsum("...ij,...jd->...id", s, k),
        np.einsum("...ij,...id->...jd", s, q),
        np.einsum("...ij,...ic->...jc", w, d_out),
    ]


def every_product_by_loop(q, k, v, d_out):
    if q.ndim > 2:
        each = [every_product_by_loop(*a) for a in zip(q, k, v, d_out, strict=True)]
        return tuple(np.stack(d) for d in zip(*each, strict=True))
    scale, (d_q, d_k, d_v) = q.shape[-1] ** -0.5, (np.zeros(x.shape) for x in (q, k, v))
    for i in range(len(q)):
        w = softmax(k @ q[i] * scale)
        g = v @ d_out[i]
        for j in range(len(k)):
            s = scale * w[j] * (g[j] - w @ g)
            d_q[i] += s * k[j]
            d_k[j] += s * q[i]
            d_v[j] += w[j] * d_out[i]
    return d_q, d_k, d_v


def without_largest(q, k, v, d_out):
    e = np.exp(q @ t(k) / np.sqrt(q.shape[-1]))
    w = e / e.sum(-1, keepdims=True)
    s = centred(w, d_out @ t(v)) / np.sqrt(q.shape[-1])
    return s @ k, t(s) @ q, t(w) @ d_out


def batch_added(q, k, v, d_out):
    d_q, d_k, d_v = backward(q, k, v, d_out)
    front = tuple(range(q.ndim - 2))
    return d_q, d_k.sum(front), d_v.sum(front)


def batch_averaged(q, k, v, d_out):
    return tuple(d / (len(q) if q.ndim > 2 else 1) for d in backward(q, k, v, d_out))


def transposed_whole(q, k, v, d_out):
    w = softmax(q @ t(k) / np.sqrt(q.shape[-1]))
    s = centred(w, d_out @ t(v)) / np.sqrt(q.shape[-1])
    return s @ k, s.T @ q, w.T @ d_out


def d_out_in_place(q, k, v, d_out):
    d_out *= 0.5
    return backward(q, k, v, 2 * d_out)


def squeezed(*arrays):
    return tuple(np.squeeze(d) for d in backward(*arrays))


def scale_of_d_v(q, k, v, d_out):
    d_q, d_k, d_v = backward(q, k, v, d_out)
    return tuple(d * np.sqrt(q.shape[-1] / v.shape[-1]) for d in (d_q, d_k)) + (d_v,)


def scale_of_d_v_everywhere(q, k, v, d_out):
    scale = v.shape[-1] ** -0.5
    w = softmax(scale * q @ t(k))
    s = scale * centred(w, d_out @ t(v))
    return s @ k, t(s) @ q, t(w) @ d_out


def last_query(*lost):
    """Query by query, with `=` for `+=` in d_k (1) or d_v (2)."""

    def answer(q, k, v, d_out):
        d = [np.zeros(x.shape) for x in (q, k, v)]
        for i in range(q.shape[-2]):
            one = np.s_[..., i : i + 1, :]
            parts = backward(q[one], k, v, d_out[one])
            d[0][one] = parts[0]
            for j in (1, 2):
                d[j] = parts[j] if j in lost else d[j] + parts[j]
        return tuple(d)

    return answer


RIGHT = {
    "finite_differences": [slopes, slopes_by_identity, slopes_moving_one_copy, slopes_by_list],
    "matmul_backward": [product, product_by_loop, product_in_torch, product_by_tensordot],
    "softmax_backward": [
        with_rule(centred),
        with_rule(by_jacobian),
        softmax_in_torch,
        row_by_row,
        lambda s, g, tau: centred(reference.softmax(s, temperature=tau), g) / tau,
    ],
    "attention_backward": [
        backward,
        in_torch,
        query_by_query,
        by_einsum,
        every_product_by_loop,
        reference.attention_backward,
        lambda *a: list(reference.attention_backward(*a)),
    ],
}

WRONG = {
    "finite_differences": [
        (central, "D(h) alone"),
        (lambda f, x, h: central(f, x, 2 * h), "D(2h) alone"),
        (lambda f, x, h: (central(f, x, h) + central(f, x, 2 * h)) / 2, "mean of"),
        (lambda f, x, h: 2 * central(f, x, h) - central(f, x, 2 * h), "not twice"),
        (lambda f, x, h: (4 * central(f, x, h) + central(f, x, 2 * h)) / 5, "sign is wrong"),
        (lambda f, x, h: (4 * central(f, x, 2 * h) - central(f, x, h)) / 3, "exchanged"),
        (lambda f, x, h: 4 * central(f, x, h) - central(f, x, 2 * h), "Divide by 3"),
        (lambda f, x, h: slopes(f, x, h, ((1, 8), (2, -2))), "a way of 4h"),
        (lambda f, x, h: slopes(f, x, h / 2), "h / 2 and h"),
        (lambda f, x, h: slopes(f, x, h, over=6), "a way of 2h"),
        (lambda f, x, h: slopes(f, x, h, ((-1, 8), (-2, -1))), "turned round"),
        (lambda f, x, h: slopes(f, x, h, ((1, 8), (2, 1))), "D(h) is"),
        (lambda f, x, h: slopes(f, x, h, ((1, 1), (2, -1))), "D(h) is"),
        (lambda f, x, h: slopes(f, x, 1e-3 * h), "h is not used"),
        (lambda f, x, h: slopes(f, x, 1e-5), "h is not used"),
        (lambda f, x, h: central(f, x, 1e-5), "h is not used"),
        (not_put_back, "you write into x"),
        (lambda f, x, h: slopes(lambda z: f(x + z), np.zeros(1), h)[0], "one entry at a time"),
        (lambda f, x, h: slopes(f, x, 1e-12), "D(h) is"),
        (piling_up, "you write into x"),
        (lambda f, x, h: np.full(x.shape, slopes(lambda z: f(x + z), np.zeros(1), h)[0]),
         "one entry at a time"),
        (lambda f, x, h: slopes(f, x, h).sum(), "one slope for all"),
        (lambda f, x, h: slopes(f, x, h)[0], SHAPE),
        (for_rows_only, "np.ndindex"),
        (lambda f, x, h: np.squeeze(slopes(f, x, h)), "np.ndindex"),
        (nudged_in_place, "belongs to the caller"),
    ],
    "matmul_backward": [
        (lambda a, b, d: (d @ b, t(a) @ d), "d_a is d_c @ b.T"),
        (lambda a, b, d: (d @ b.T, a @ d), "d_b is a.T @ d_c"),
        (lambda a, b, d: (d @ b, a @ d), "Both transposes"),
        (lambda a, b, d: (b.T @ d, t(a) @ d), "wrong order: d_a"),
        (lambda a, b, d: (d @ b.T, d @ t(a)), "wrong order: d_b"),
        (lambda a, b, d: product(a, b, d)[::-1], "return d_a, d_b"),
        (lambda a, b, d: product(a, b, d)[0], "return d_a, d_b"),
        (lambda a, b, d: (d @ t(a), b.T @ d), "exchanged"),
        (lambda a, b, d: product(a, b, 0 * d + 1), "not used"),
        (lambda a, b, d: product(a, b, a @ b), "leave c out"),
        (lambda a, b, d: product(a, b, -d), "downhill"),
        (lambda a, b, d: (-d @ b.T, t(a) @ d), "sign of d_a"),
        (lambda a, b, d: (d @ b.T, -t(a) @ d), "sign of d_b"),
        (lambda a, b, d: tuple(x / len(a) for x in product(a, b, d)), "These are means"),
        (lambda a, b, d: (d @ b.T, t(d) @ a), "d_b comes out transposed"),
        (lambda a, b, d: (b @ t(d), t(a) @ d), "d_a comes out transposed"),
        (lambda a, b, d: (d @ b.T, t(a) @ d), "a sum over all axes in front"),
        (lambda a, b, d: (d @ b.T, (t(a) @ d).mean(tuple(range(a.ndim - 2))) if a.ndim > 2
         else a.T @ d), "not a mean"),
        (lambda a, b, d: (d @ b.T, (t(a) @ d).sum(0) if a.ndim > 2 else a.T @ d),
         "a sum over all axes in front"),
        (lambda a, b, d: (d @ b.T, a.T @ d), "Transpose the last two axes only"),
        (lambda a, b, d: tuple(map(np.squeeze, product(a, b, d))), "avoid `squeeze`"),
        (lambda a, b, d: (d * 2 @ b.T, t(a) @ d), "d_a has the shape"),
    ],
    "softmax_backward": [
        (with_rule(lambda w, g: w * g), "sum is missing"),
        (with_rule(lambda w, g: w * (1 - w) * g), "diagonal"),
        (with_rule(lambda w, g: w * (g - g.mean(-1, keepdims=True))), "not the plain mean"),
        (with_rule(lambda w, g: w * (g - g.sum(-1, keepdims=True))), "plain sum"),
        (with_rule(lambda w, g: g - (w * g).sum(-1, keepdims=True)), "factor w in front"),
        (with_rule(lambda w, g: w * g - (w * g).sum(-1, keepdims=True)), "as well"),
        (with_rule(lambda w, g: w * (g - (w * g).sum(-1))), "lost its axis"),
        (with_rule(lambda w, g: w * (g - (w * g).sum(0))), "over the rows"),
        (with_rule(lambda w, g: w * (g - (w * g).sum())), "over everything"),
        (with_rule(lambda w, g: -centred(w, g)), "downhill"),
        (with_rule(lambda w, g: g * (w - (w * g).sum(-1, keepdims=True))), "exchanged"),
        (with_rule(lambda w, g: centred(w, w * g)), "First the weights"),
        (with_rule(lambda w, g: w), "First the weights"),
        (with_rule(lambda w, g: w * (g + (w * g).sum(-1, keepdims=True))), "First the weights"),
        (lambda s, g, tau: centred(softmax(s / tau), g), "link of the chain"),
        (lambda s, g, tau: centred(softmax(s / tau), g) * tau, "*divided*"),
        (lambda s, g, tau: centred(softmax(s), g) / tau, "temperature 1"),
        (lambda s, g, tau: centred(softmax(s), g), "not used"),
        (lambda s, g, tau: centred(s / tau, g) / tau, "softmax is missing"),
        (lambda s, g, tau: centred(softmax(s / tau, 0), g) / tau, "First the weights"),
        (with_rule(lambda w, g: centred(w, g).sum(-1)), SHAPE),
        (with_rule(lambda w, g: w[..., None] * (np.eye(w.shape[-1]) - w[..., None, :])), SHAPE),
        (two_axes_only, "axis=-1"),
        (overflowing, "overflows"),
        (all_rows_one_maximum, "overflows"),
        (g_in_place, "belongs to the caller"),
    ],
    "attention_backward": [
        (varied(q_scale=0, k_scale=0), "missing in d_q and d_k"),
        (varied(k_scale=0), "missing in d_k"),
        (varied(q_scale=0), "missing in d_q."),
        (varied(inner=0), "unscaled scores"),
        (varied(inner=0, q_scale=0, k_scale=0), "missing everywhere"),
        (varied(inner=1, q_scale=1, k_scale=1), "not 1 / d_k"),
        (varied(q_scale=1, k_scale=1), "there twice"),
        (varied(d_v=lambda w, v, d: t(w) @ d / 2), "d_v has a scale"),
        (varied(rule=lambda w, g: w * g), "sum of the softmax rule is missing"),
        (varied(rule=lambda w, g: w * (1 - w) * g), "diagonal"),
        (varied(rule=lambda w, g: w * (g - g.mean(-1, keepdims=True))), "*weighted*"),
        (varied(rule=lambda w, g: g - (w * g).sum(-1, keepdims=True)), "factor w in front"),
        (varied(rule=lambda w, g: g), "skipped"),
        (varied(rule=lambda w, g: w * (g - (w * g).sum(-1))), "lost its axis"),
        (varied(rule=lambda w, g: w * (g - (w * g).sum(-2, keepdims=True))), "over the queries"),
        (varied(axis=-2), "Softmax runs over the queries"),
        (varied(d_v=lambda w, v, d: w @ d), "weights transposed"),
        (varied(d_k=lambda s, q, k: s @ q), "d_scores transposed"),
        (varied(d_q=lambda s, q, k: t(s) @ k), "one time too many"),
        (varied(d_w=lambda v, d: d @ v), "a transpose is missing"),
        (varied(d_w=lambda v, d: v @ t(d)), "comes out transposed"),
        (varied(d_q=lambda s, q, k: s @ q, d_k=lambda s, q, k: t(s) @ k), "other way round"),
        (varied(d_k=lambda s, q, k: t(s) @ k), "d_k is made with q"),
        (varied(d_q=lambda s, q, k: s @ q), "d_q is made with k"),
        (varied(d_v=lambda w, v, d: t(w) @ v), "not with v"),
        (lambda q, k, v, d: backward(q, k, v, 0 * d + 1), "not used"),
        (lambda q, k, v, d: backward(q, k, v, d / d.size), "for a mean"),
        (lambda q, k, v, d: backward(q, k, v, -d), "downhill"),
        (lambda *a: (backward(*a)[1], backward(*a)[0], backward(*a)[2]), "return d_q, d_k, d_v"),
        (lambda *a: backward(*a)[::-1], "d_q first"),
        (lambda *a: backward(*a)[:2], "return d_q, d_k, d_v"),
        (lambda *a: backward(*a)[0], "return d_q, d_k, d_v"),
        (lambda q, k, v, d: (*backward(q, k, v, d)[:2], v), "Five lines"),
        (scale_of_d_v, "not from that of v"),
        (scale_of_d_v_everywhere, "not from that of v"),
        (last_query(1), "d_k holds what the last query"),
        (last_query(2), "d_v holds what the last query"),
        (last_query(1, 2), "d_k and d_v hold"),
        (varied(rule=lambda w, g: w * (g + (w * g).sum(-1, keepdims=True))), "sign before"),
        (batch_added, "nothing is summed"),
        (batch_averaged, "nothing is summed"),
        (transposed_whole, "last two axes only"),
        (squeezed, "avoid `squeeze`"),
        (without_largest, "overflows"),
        (d_out_in_place, "belongs to the caller"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch04, RIGHT, WRONG)
