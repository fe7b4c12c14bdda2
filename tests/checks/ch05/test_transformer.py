"""The bank of chapter 5.3: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch
import torch.nn.functional as F

from attn_helpers.checks import ch05
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"


def tensors(*arrays):
    return [torch.tensor(np.array(a)) if isinstance(a, np.ndarray) else a for a in arrays]


def norm(x, gain, eps, *, axis=-1):
    return gain * x / np.sqrt(np.mean(x * x, axis=axis, keepdims=True) + eps)


def norm_by_torch(x, gain, eps):
    x, gain = tensors(x, gain)
    return F.rms_norm(x, x.shape[-1:], gain, eps)


def norm_by_loop(x, gain, eps):
    out = np.empty(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        size = (sum(value**2 for value in x[place]) / x.shape[-1] + eps) ** 0.5
        out[place] = [g * value / size for value, g in zip(x[place], gain, strict=True)]
    return out


def norm_by_einsum(x, gain, eps):
    square = np.einsum("...d,...d->...", x, x) / x.shape[-1]
    return x * gain * (square[..., None] + eps) ** -0.5


def norm_by_length(x, gain, eps):
    return gain * x / np.sqrt((x**2).sum(-1, keepdims=True) + eps)


def layer_norm(x, gain, eps):
    off = x - x.mean(-1, keepdims=True)
    return gain * off / np.sqrt((off**2).mean(-1, keepdims=True) + eps)


def norm_by_std(x, gain, eps):
    return gain * x / np.sqrt(x.var(-1, keepdims=True) + eps)


def norm_of_two_axes(x, gain, eps):
    return norm(np.atleast_2d(x), gain, eps)


def norm_of_rows(x, gain, eps):
    return norm(x, gain, eps) if x.ndim < 3 else norm(x.reshape(len(x), -1).T, 1, eps).T


def norm_in_place(x, gain, eps):
    x /= np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    return gain * x


def norm_with_less(x, gain, eps):
    d = x.shape[-1]
    return gain * x / np.sqrt((x**2).sum(-1, keepdims=True) / (d - 1) + eps)


def norm_without_eps(x, gain, eps):
    return norm(x, gain, 0)


def norm_of_nought(x, gain, eps):
    return norm(x, gain, 0 if np.any(x == 0) else eps)


def root_mean_square(x):
    return np.sqrt((x**2).mean(-1, keepdims=True))


def layer(x, eps, axis=-1):
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


def relu(x):
    return x * (x > 0)


def block(x, weights, w_v, w_1, w_2, eps):
    h = layer(x + weights @ (x @ w_v), eps)
    return layer(h + relu(h @ w_1) @ w_2, eps)


def block_by_torch(x, weights, w_v, w_1, w_2, eps):
    x, weights, w_v, w_1, w_2 = tensors(x, weights, w_v, w_1, w_2)
    h = F.layer_norm(x + weights @ x @ w_v, x.shape[-1:], eps=eps)
    return F.layer_norm(h + F.relu(h @ w_1) @ w_2, x.shape[-1:], eps=eps)


def block_by_token(x, weights, w_v, w_1, w_2, eps):
    values, out = [token @ w_v for token in x], []
    for token, row in zip(x, weights, strict=True):
        mixed = sum(w * v for w, v in zip(row, values, strict=True))
        h = layer(token + mixed, eps)
        out.append(layer(h + np.clip(h @ w_1, 0, None) @ w_2, eps))
    return out


def block_by_torch_layer(x, weights, w_v, w_1, w_2, eps):
    """torch's own post-norm layer, its attention replaced by weights that are ready-made."""
    x, weights, w_v, w_1, w_2 = tensors(x, weights, w_v, w_1, w_2)
    made = torch.nn.TransformerEncoderLayer(
        x.shape[1], 1, w_1.shape[1], dropout=0.0, layer_norm_eps=eps, bias=False
    ).double()
    made.linear1.weight.data, made.linear2.weight.data = w_1.T, w_2.T
    made._sa_block = lambda x, *_, **__: weights @ x @ w_v
    return made(x).detach()


def block_with(form, steps=lambda attend, think: (attend, think), **other):
    """Put two steps together by a form, with one part of the block replaced."""

    def answer(x, weights, w_v, w_1, w_2, eps):
        bend, norm = other.get("bend", relu), other.get("norm", layer)
        for step in steps(lambda x: weights @ x @ w_v, lambda x: bend(x @ w_1) @ w_2):
            x = form(x, step, lambda x: norm(x, eps))
        return x

    return answer


def post(x, step, norm):
    return norm(x + step(x))


def both_read_the_first(x, weights, w_v, w_1, w_2, eps):
    return layer(x + weights @ x @ w_v + relu(x @ w_1) @ w_2, eps)


def second_reads_the_first(x, weights, w_v, w_1, w_2, eps):
    h = layer(x + weights @ x @ w_v, eps)
    return layer(h + relu(x @ w_1) @ w_2, eps)


def around_both(x, weights, w_v, w_1, w_2, eps):
    h = layer(x + weights @ x @ w_v, eps)
    return layer(x + relu(h @ w_1) @ w_2, eps)


def mixed_norms(first, second):
    """One norm, or none, before and after each of the two sums."""

    def answer(x, weights, w_v, w_1, w_2, eps):
        steps = [lambda x: weights @ x @ w_v, lambda x: relu(x @ w_1) @ w_2]
        for step, (before, around, after) in zip(steps, (first, second), strict=True):
            h = step(layer(x, eps) if before else x) + around * x
            x = layer(h, eps) if after else h
        return x

    return answer


def by_rms(x, eps):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps)


def by_variance(x, eps):
    return (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + eps)


def by_std(x, eps):
    return (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + eps)


def block_of_few(x, weights, w_v, w_1, w_2, eps):
    return block(x, weights, w_v, w_1, w_2, eps).squeeze()


def block_of_nought(x, weights, w_v, w_1, w_2, eps):
    with np.errstate(all="ignore"):
        return block(x, weights, w_v, w_1, w_2, eps if x.any() else 0)


def block_in_place(x, weights, w_v, w_1, w_2, eps):
    x += weights @ x @ w_v
    h = layer(x, eps)
    return layer(h + relu(h @ w_1) @ w_2, eps)


def smoothed(logits, target, share, pad):
    z = logits - logits.max(axis=1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    right = logs[np.arange(len(target)), target]
    each = -(1 - share) * right - share * logs.mean(axis=1)
    return each[target != pad].mean()


def smoothed_by_torch(logits, target, share, pad):
    logits, target = tensors(logits, target)
    return F.cross_entropy(logits, target, ignore_index=pad, label_smoothing=share)


def smoothed_by_loop(logits, target, share, pad):
    total, real = 0.0, 0
    for row, word in zip(logits, target, strict=True):
        if word != pad:
            log_sum = row.max() + np.log(sum(np.exp(row - row.max())))
            for j, z in enumerate(row):
                total += ((1 - share) * (j == word) + share / len(row)) * (log_sum - z)
            real += 1
    return total / real


def smoothed_by_table(logits, target, share, pad):
    real = target != pad
    logits, target = logits[real], target[real]
    label = np.full(logits.shape, share / logits.shape[1])
    label[range(len(target)), target] += 1 - share
    top = logits.max(axis=1, keepdims=True)
    log_sum = top + np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return np.sum(label * (log_sum - logits)) / len(target)


def by_labels(make, axis=1, factor=1.0, keep=lambda target, pad: target != pad):
    def answer(logits, target, share, pad):
        z = logits - logits.max(axis=axis, keepdims=True)
        logs = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
        n = logits.shape[1]
        one_hot = (np.arange(n) == target[:, None]).astype(float)
        each = -(make(one_hot, share, n) * logs).sum(axis=1)
        return factor * each[keep(target, pad)].mean()

    return answer


def usual(one_hot, share, n):
    return (1 - share) * one_hot + share / n


def overflowing(logits, target, share, pad):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    each = -(usual(np.eye(logits.shape[1])[target], share, logits.shape[1]) * np.log(p)).sum(1)
    return each[target != pad].mean()


def always_zero_is_pad(logits, target, share, pad):
    return smoothed(logits, target, share, 0)


def divided_by_all(logits, target, share, pad):
    return smoothed(logits, target, share, pad) * np.sum(target != pad) / len(target)


def summed(logits, target, share, pad):
    return smoothed(logits, target, share, pad) * np.sum(target != pad)


def smooth_said(logits, target, share, pad):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = (1 - share) * e / e.sum(axis=1, keepdims=True) + share / logits.shape[1]
    return -np.log(p[np.arange(len(target)), target])[target != pad].mean()


def each_word(logits, target, share, pad):
    real = target != pad
    return np.array(
        [smoothed(logits[i : i + 1], target[i : i + 1], share, -1) for i in np.flatnonzero(real)]
    )


def adamw(w, g, m, v, t, rate, decay):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return w - rate * (m_hat / (np.sqrt(v_hat) + 1e-8) + decay * w), m, v


def adamw_by_torch(w, g, m, v, t, rate, decay):
    weight, g, m, v = tensors(w, g, m, v)
    weight.requires_grad_()
    weight.grad = g
    optimiser = torch.optim.AdamW([weight], lr=rate, weight_decay=decay)
    optimiser.state[weight] = {
        "step": torch.tensor(float(t - 1)),
        "exp_avg": m.clone(),
        "exp_avg_sq": v.clone(),
    }
    optimiser.step()
    state = optimiser.state[weight]
    return weight, state["exp_avg"], state["exp_avg_sq"]


def adamw_by_lists(w, g, m, v, t, rate, decay):
    out = np.array(
        [
            adamw(*number, t, rate, decay)
            for number in zip(w.flat, g.flat, m.flat, v.flat, strict=True)
        ]
    )
    return tuple(out.T.reshape(3, *w.shape))


def adamw_by_lerp(w, g, m, v, t, rate, decay):
    m, v = m + 0.1 * (g - m), v + 0.001 * (g**2 - v)
    size = np.sqrt(v) / np.sqrt(1 - 0.999**t) + 1e-8
    return [w * (1 - rate * decay) - rate / (1 - 0.9**t) * m / size, m, v]


def adam(change=lambda *a: a, *, correct=True, betas=(0.9, 0.999), root=np.sqrt, after=None):
    def answer(w, g, m, v, t, rate, decay):
        w, g, m, v, t, rate, decay = change(w, g, m, v, t, rate, decay)
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = m / (1 - betas[0] ** t) if correct else m
        v_hat = v / (1 - betas[1] ** t) if correct else v
        moved = (1 - rate * decay) * w - rate * m_hat / (root(v_hat) + 1e-8)
        return after(w, m_hat, v_hat, moved, m, v, rate, decay) if after else (moved, m, v)

    return answer


def adam_without_eps(w, g, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return (1 - rate * decay) * w - rate * m_hat / np.sqrt(v_hat), m, v


def adam_with_large_eps(w, g, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return (1 - rate * decay) * w - rate * m_hat / np.sqrt(v_hat + 1e-8), m, v


def adam_by_first_hat(w, g, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    m_hat, v_hat = m / (1 - 0.9), v / (1 - 0.999)
    return w - rate * (m_hat / (np.sqrt(v_hat) + 1e-8) + decay * w), m, v


def adam_by_old(w, g, m, v, t, rate, decay):
    move = rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return (1 - rate * decay) * w - move, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2


def adam_of_sizes(w, g, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * abs(g)
    move = rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return (1 - rate * decay) * w - move, m, v


def adam_in_place(w, g, m, v, t, rate, decay):
    m *= 0.9
    m += 0.1 * g
    v *= 0.999
    v += 0.001 * g**2
    w = (1 - rate * decay) * w
    w -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w, m, v


def fixed_rate(w, g, m, v, t, rate, decay):
    return adamw(w, g, m, v, t, 0.1, decay)


RIGHT = {
    "rms_norm": [norm, norm_by_torch, norm_by_loop, norm_by_einsum],
    "post_norm_block": [block, block_by_torch, block_by_token, block_by_torch_layer],
    "smoothed_loss": [smoothed, smoothed_by_torch, smoothed_by_loop, smoothed_by_table],
    "adamw_step": [adamw, adamw_by_torch, adamw_by_lists, adamw_by_lerp],
}

WRONG = {
    "rms_norm": [
        (lambda x, g, eps: norm(x, g, eps, axis=0), "runs over the tokens"),
        (lambda x, g, eps: norm(x, g, eps, axis=None), "One mean square for all tokens"),
        (lambda x, g, eps: g * x / (root_mean_square(x) ** 2 + eps), "The root is missing"),
        (lambda x, g, eps: g * x / (root_mean_square(x) + eps), "eps stands inside the root"),
        (norm_without_eps, "eps is missing"),
        (lambda x, g, eps: norm(x, g, 1e-5), "eps is missing"),
        (layer_norm, "that is layer norm"),
        (norm_by_std, "the spread about the mean"),
        (norm_by_length, "the length of the vector"),
        (
            lambda x, g, eps: g * x / np.sqrt(x.mean(-1, keepdims=True) ** 2 + eps),
            "the square of the mean",
        ),
        (
            lambda x, g, eps: g * x / (abs(x).mean(-1, keepdims=True) + eps),
            "the mean of the sizes",
        ),
        (norm_with_less, "not by one less"),
        (lambda x, g, eps: norm(x, 1, eps), "The gain is missing"),
        (lambda x, g, eps: norm(x, 1, eps) + g, "The gain is a factor"),
        (lambda x, g, eps: norm(x, 1, eps) / g, "not divided by"),
        (
            lambda x, g, eps: g * x * np.sqrt((x**2).mean(-1, keepdims=True) + eps),
            "divide by it",
        ),
        (lambda x, g, eps: root_mean_square(x), SHAPE),
        (norm_of_two_axes, "The last axis holds the features"),
        (norm_of_rows, "The last axis holds the features"),
        (norm_of_nought, "above zero"),
        (norm_in_place, "belongs to the caller"),
    ],
    "post_norm_block": [
        (block_with(lambda x, step, norm: x + step(norm(x))), "that is pre-norm"),
        (block_with(lambda x, step, norm: x + norm(step(x))), "what a step adds"),
        (block_with(lambda x, step, norm: norm(step(x))), "No way around"),
        (mixed_norms((0, 0, 1), (0, 1, 1)), "The first step has no way around"),
        (mixed_norms((0, 1, 1), (0, 0, 1)), "The second step has no way around"),
        (mixed_norms((0, 1, 0), (0, 1, 0)), "The norms are missing"),
        (mixed_norms((0, 1, 0), (0, 1, 1)), "The sum after attention"),
        (mixed_norms((0, 1, 1), (0, 1, 0)), "The sum after the feed-forward step"),
        (mixed_norms((0, 1, 1), (1, 1, 0)), "The second norm stands before"),
        (mixed_norms((1, 1, 0), (0, 1, 1)), "The first norm stands before"),
        (mixed_norms((1, 1, 1), (1, 1, 1)), "Two lines of one form"),
        (lambda x, *rest: block(layer(x, rest[-1]), *rest), "One norm too many"),
        (both_read_the_first, "Both steps read what came in"),
        (second_reads_the_first, "The second step reads what came in"),
        (around_both, "begins at the bottom of the block"),
        (block_with(post, lambda attend, think: (think, attend)), "comes after attention"),
        (block_with(post, bend=lambda x: x), "The bend is missing"),
        (block_with(post, bend=lambda x: x - relu(x)), "keep what is below"),
        (lambda x, a, w_v, *rest: block(x, a, np.eye(x.shape[1]), *rest), "values are missing"),
        (lambda x, a, w_v, *rest: block(x, a, w_v.T, *rest), "w_v is transposed"),
        (lambda x, a, *rest: block(x, a.T, *rest), "The weights are transposed"),
        (lambda x, a, *rest: block(x, np.eye(len(x)), *rest), "The weights are missing"),
        (block_with(post, norm=lambda x, eps: layer(x, eps, 0)), "runs over the tokens"),
        (block_with(post, norm=lambda x, eps: layer(x, eps, None)), "One norm for all"),
        (block_with(post, norm=by_rms), "This is RMS norm"),
        (block_with(post, norm=by_variance), "The root is missing"),
        (block_with(post, norm=by_std), "eps stands inside the root"),
        (block_with(post, norm=lambda x, eps: layer(x, 0)), "eps is missing"),
        (lambda *a: block(*a[:-1], 1e-5), "eps is missing"),
        (block_with(post, lambda attend, think: (attend,)), "Two lines of one form"),
        (lambda *a: block(*a)[0], SHAPE),
        (block_of_few, "Keep both axes"),
        (block_of_nought, "above zero"),
        (block_in_place, "belongs to the caller"),
    ],
    "smoothed_loss": [
        (
            by_labels(lambda y, s, n: (1 - s) * y + s / (n - 1) * (1 - y)),
            "gets its part of the share, too",
        ),
        (by_labels(lambda y, s, n: np.where(y > 0, 1 - s, s / n)), "labels must sum to one"),
        (by_labels(lambda y, s, n: y), "Nothing is smoothed"),
        (by_labels(lambda y, s, n: s * y + (1 - s) / n), "Turned round"),
        (by_labels(usual, keep=lambda t, pad: t > -1), "Filling counts"),
        (by_labels(usual, keep=lambda t, pad: t == pad), "drop the words"),
        (divided_by_all, "the number you divide by"),
        (summed, "the sum over the words"),
        (
            lambda z, t, s, p: smoothed(z, t, s, p) / z.shape[1],
            "mean over all entries",
        ),
        (by_labels(usual, factor=-1), "The sign"),
        (by_labels(usual, axis=0), "over the places of the sentence"),
        (smooth_said, "smooth what the model says"),
        (by_labels(lambda y, s, n: (1 - s) * y), "part of all words is missing"),
        (by_labels(lambda y, s, n: np.full_like(y, s / n)), "part of the right word is missing"),
        (by_labels(lambda y, s, n: (1 - s) * y + s), "divide it by n_words"),
        (by_labels(usual, factor=1 / np.log(2)), "base 2"),
        (each_word, "hand back their mean"),
        (always_zero_is_pad, "Filling counts"),
        (overflowing, "Take the logarithm by hand"),
        (
            by_labels(lambda y, s, n: usual(y, 0.1, n)),
            "For each word",
        ),
    ],
    "adamw_step": [
        (adam(correct=False), "are too small at first"),
        (adam(lambda w, g, m, v, t, r, d: (w, g, m, v, t + 1, r, d)), "t counts from 1"),
        (adam(lambda w, g, m, v, t, r, d: (w, g + d * w, m, v, t, r, 0)), "Adam with L2"),
        (adam(lambda w, g, m, v, t, r, d: (w, g, m, v, t, r, 0)), "Decay is not used"),
        (adam(lambda w, g, m, v, t, r, d: (w, g, m, v, t, r, d / r)), "Decay goes with the rate"),
        (
            adam(
                lambda w, g, m, v, t, r, d: (w, g, m, v, t, r, d),
                after=lambda w, mh, vh, moved, m, v, r, d: (
                    (1 - r * d) * (w - r * mh / (np.sqrt(vh) + 1e-8)),
                    m,
                    v,
                ),
            ),
            "what has moved already",
        ),
        (adam(lambda w, g, m, v, t, r, d: (w, g, m, v, t, r, -d)), "w grows"),
        (
            adam(
                after=lambda w, mh, vh, moved, m, v, r, d: (
                    (1 - r * d) * w + r * mh / (np.sqrt(vh) + 1e-8),
                    m,
                    v,
                )
            ),
            "Uphill",
        ),
        (adam(root=lambda x: x), "The root is missing"),
        (adam(betas=(0.999, 0.9)), "changed places"),
        (adam(lambda w, g, m, v, *rest: (w, g, 0 * m, 0 * v, *rest)), "what m and v have"),
        (
            adam(after=lambda w, mh, vh, moved, m, v, r, d: (moved, mh, vh)),
            "hand m and v back uncorrected",
        ),
        (adam_by_old, "take the new ones"),
        (adam_of_sizes, "*squares*"),
        (adam(betas=(0.1, 0.001)), "beta belongs to the old"),
        (
            adam(after=lambda w, mh, vh, moved, m, v, r, d: (moved - (1 - r * d) * w, m, v)),
            "the move alone",
        ),
        (lambda *a: adamw(*a)[0], "End with `return w, m, v`"),
        (adam_without_eps, "keeps the denominator above zero"),
        (adam_by_first_hat, "The power t is missing"),
        (lambda *a: [adamw(*a)[i] for i in (1, 2, 0)], "in this order."),
        (lambda *a: [adamw(*a)[i] for i in (0, 2, 1)], "have changed places"),
        (adam_with_large_eps, "outside the root"),
        (fixed_rate, "as they are given"),
        (adam_in_place, "belongs to the caller"),
    ],
}


test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)
