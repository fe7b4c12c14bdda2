"""The bank of chapter 3.1: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers import program
from attn_helpers.checks import ch03
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
norm = np.linalg.norm
logsigmoid = torch.nn.functional.logsigmoid


def sig(x):
    return 1 / (1 + np.exp(-x))


def dots(u, c, noise):
    return np.einsum("nd,nd->n", u, c), np.einsum("nd,nkd->nk", u, noise)


def cosine(x):
    x = x / norm(x, axis=1, keepdims=True)
    return x @ x.T


# --- right answers, each in another style ---------------------------------------------------------
def counts_by_loop(tokens, n_words, window):
    table = [[0] * n_words for _ in range(n_words)]
    for i in range(len(tokens)):
        for j in range(max(0, i - window), min(len(tokens), i + window + 1)):
            if i != j:
                table[tokens[i]][tokens[j]] += 1
    return table


def counts_by_program(tokens, n_words, window):
    near = program("abs(i - j) <= width and i != j", width=window)
    one_hot = np.eye(n_words)[tokens]
    return one_hot.T @ near.allowed(len(tokens), len(tokens)) @ one_hot


def counts_by_number(tokens, n_words, window):
    i, j = np.indices((len(tokens), len(tokens)))
    i, j = (side[(abs(i - j) <= window) & (i != j)] for side in (i, j))
    pairs = tokens[i] * n_words + tokens[j]
    return np.bincount(pairs, minlength=n_words**2).reshape(n_words, n_words)


def counts_by_words(tokens, n_words, window):
    table = np.zeros((n_words, n_words), int)
    for i, word in enumerate(tokens):
        beside = np.r_[tokens[max(i - window, 0) : i], tokens[i + 1 : i + 1 + window]]
        table[word] += np.bincount(beside, minlength=n_words)
    return table


def loss_by_loop(u, c, noise):
    def cost(x, y, sign):
        s = sign * sum(a * b for a, b in zip(x, y, strict=True))
        return math.log1p(math.exp(-s)) if s > -30 else -s

    return [
        cost(x, y, 1) + sum(cost(x, z, -1) for z in some)
        for x, y, some in zip(u, c, noise, strict=True)
    ]


def loss_in_torch(u, c, noise):
    u, c, noise = (torch.tensor(np.array(x), requires_grad=True) for x in (u, c, noise))
    return -logsigmoid((u * c).sum(-1)) - logsigmoid(-(noise @ u[..., None])[..., 0]).sum(-1)


def loss_by_softplus(u, c, noise):
    s, t = dots(u, c, noise)
    x = np.column_stack([-s, t])
    return (np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))).sum(axis=1)


def gradient_in_torch(u, c, noise):
    u, c, noise = (torch.tensor(np.array(x), requires_grad=True) for x in (u, c, noise))
    loss = -logsigmoid((u * c).sum(-1)) - logsigmoid(-(noise @ u[..., None])[..., 0]).sum(-1)
    return torch.autograd.grad(loss.sum(), u)[0]


def gradient_by_stacking(u, c, noise):
    words = np.concatenate([c[:, None], noise], axis=1)
    errors = sig(np.einsum("nd,nkd->nk", u, words)) - np.eye(words.shape[1])[0]
    return np.einsum("nk,nkd->nd", errors, words)


def gradient_by_loop(u, c, noise):
    found = []
    for x, y, some in zip(u, c, noise, strict=True):
        total = -sig(-(x @ y)) * y
        for z in some:
            total = total + sig(x @ z) * z
        found.append(total)
    return found


def nearest_by_loop(vectors, words, n):
    rows = []
    for i in words:
        near = {
            j: vectors[i] @ vectors[j] / norm(vectors[i]) / norm(vectors[j])
            for j in range(len(vectors))
            if j != i
        }
        rows.append(sorted(near, key=near.get, reverse=True)[:n])
    return rows


def nearest_in_torch(vectors, words, n):
    x = torch.nn.functional.normalize(torch.tensor(np.array(vectors)))
    words = torch.tensor(np.array(words))
    near = (x[words] @ x.T).scatter(1, words[:, None], -2.0)
    return near.topk(n).indices


def nearest_by_filter(vectors, words, n):
    order = np.argsort(cosine(vectors)[words], axis=1)[:, ::-1]
    return np.array([row[row != i][:n] for row, i in zip(order, words, strict=True)])


def nearest_by_chord(vectors, words, n):  # on the unit circle the chord grows with the angle
    unit = vectors / norm(vectors, axis=1, keepdims=True)
    far = norm(unit[words][:, None] - unit, axis=-1)
    far[range(len(words)), words] = 9
    return far.argsort(axis=1)[:, :n]


def nearest_with_raw_query(vectors, words, n):  # the query's length changes no ranking
    near = vectors[words] @ (vectors / norm(vectors, axis=1, keepdims=True)).T
    near[np.arange(len(words)), words] = -np.inf
    return np.argsort(-near, axis=1)[:, :n] * 1.0


RIGHT = {
    "pair_counts": [counts_by_loop, counts_by_program, counts_by_number, counts_by_words],
    "negative_sampling_loss": [loss_by_loop, loss_in_torch, loss_by_softplus],
    "negative_sampling_gradient": [gradient_in_torch, gradient_by_stacking, gradient_by_loop],
    "nearest": [nearest_by_loop, nearest_in_torch, nearest_by_filter, nearest_by_chord,
                nearest_with_raw_query],
}  # fmt: skip


# --- wrong answers --------------------------------------------------------------------------------
def counts_once(tokens, n_words, window):
    i, j = np.indices((len(tokens), len(tokens)))
    near = (abs(i - j) <= window) & (i != j)
    table = np.zeros((n_words, n_words))
    table[tokens[i[near]], tokens[j[near]]] += 1
    return table


def counts_once_a_step(tokens, n_words, window):
    table = np.zeros((n_words, n_words))
    for step in range(1, window + 1):
        table[tokens[step:], tokens[:-step]] += 1
        table[tokens[:-step], tokens[step:]] += 1
    return table


def counts_with_itself(tokens, n_words, window):
    one_hot = np.eye(n_words)[tokens]
    i, j = np.indices((len(tokens), len(tokens)))
    return one_hot.T @ (abs(i - j) <= window) @ one_hot


def counts_of_others(tokens, n_words, window):
    table = np.array(counts_by_loop(tokens, n_words, window))
    return table - np.diag(np.diag(table))


def counts_around(tokens, n_words, window):
    table = np.zeros((n_words, n_words))
    for step in range(1, window + 1):
        np.add.at(table, (tokens, np.roll(tokens, step)), 1)
        np.add.at(table, (tokens, np.roll(tokens, -step)), 1)
    return table


def counts_from_minus(tokens, n_words, window):
    table = np.zeros((n_words, n_words))
    for i in range(len(tokens)):
        for j in range(i - window, min(i + window + 1, len(tokens))):
            if i != j:
                table[tokens[i], tokens[j]] += 1
    return table


def counts_after(tokens, n_words, window, transposed=False):
    table = np.zeros((n_words, n_words))
    for i, word in enumerate(tokens):
        for other in tokens[i + 1 : i + 1 + window]:
            table[word, other] += 1
    return table.T if transposed else table


def loss_naive(u, c, noise):
    s, t = dots(u, c, noise)
    return -np.log(sig(s)) - np.log(sig(-t)).sum(1)


def loss_clipped(u, c, noise):
    s, t = dots(u, c, noise)
    return -np.log(sig(s) + 1e-12) - np.log(sig(-t) + 1e-12).sum(1)


def loss_limited(u, c, noise):
    s, t = (x.clip(-50, 50) for x in dots(u, c, noise))
    return -np.log(sig(s)) - np.log(sig(-t)).sum(1)


def gradient_naive(u, c, noise):
    s, t = (np.exp(x) / (1 + np.exp(x)) for x in dots(u, c, noise))
    return (s - 1)[:, None] * c + (t[..., None] * noise).sum(1)


def by_rank(measure, start=0):
    def answer(vectors, words, n):
        order = np.argsort(-measure(vectors)[words], axis=1, kind="stable")
        return order[:, start : start + n]

    return answer


def without_itself(measure):
    def answer(vectors, words, n):
        near = measure(vectors)[words].astype(float)
        near[np.arange(len(words)), words] = -np.inf
        return np.argsort(-near, axis=1)[:, :n]

    return answer


def nearest_deleted(vectors, words, n):
    return [np.argsort(-np.delete(cosine(vectors)[i], i))[:n] for i in words]


def nearest_unsorted(vectors, words, n):
    near = cosine(vectors)[words]
    near[np.arange(len(words)), words] = -np.inf
    return np.sort(np.argpartition(-near, n - 1, axis=1)[:, :n], axis=1)


def gram(x):
    return x @ x.T


def without_own(vectors):
    near = cosine(vectors)
    np.fill_diagonal(near, -np.inf)
    return near


ONCE, EACH = "must count again", "adds its error times its vector"
WRONG = {
    "pair_counts": [
        (counts_once, ONCE),
        (lambda t, n, w: (np.array(counts_by_loop(t, n, w)) > 0), ONCE),
        (counts_once_a_step, "again at the same distance"),
        (counts_with_itself, "no context of itself"),
        (counts_of_others, "Leave out the position"),
        (counts_after, "words before count"),
        (lambda t, n, w: counts_after(t, n, w, transposed=True), "words after count"),
        (lambda t, n, w: counts_by_loop(t, n, w - 1), "range` stops early"),
        (lambda t, n, w: counts_by_loop(t, n, w + 1), "one place too wide"),
        (lambda t, n, w: counts_by_loop(t, n, w // 2), "that wide on each side"),
        (lambda t, n, w: np.subtract(counts_by_loop(t, n, w), counts_by_loop(t, n, w - 1)),
         "only the words at distance"),
        (lambda t, n, w: 2 * np.array(counts_by_loop(t, n, w)), "from both of its ends"),
        (counts_around, "For position i"),
        (counts_from_minus, "For position i"),
        (lambda t, n, w: counts_by_loop(t, len(set(t.tolist())) + 1, w), SHAPE),
        (lambda t, n, w: np.sum(counts_by_loop(t, n, w), axis=0), SHAPE),
        (lambda t, n, w: np.array(counts_by_loop(t, n, w)) / max(1, len(t)), "For position i"),
        (lambda t, n, w: counts_by_loop(t, int(t.max()) + 1, w), SHAPE),
    ],
    "negative_sampling_loss": [
        (loss_naive, "np.logaddexp"),
        (loss_clipped, "np.logaddexp"),
        (loss_limited, "np.logaddexp"),
        (lambda u, c, z: -np.log(sig(dots(u, c, z)[0])) - np.log(sig(dots(u, c, z)[1])).sum(1),
         "*low* probability"),
        (lambda u, c, z: loss_naive(-u, c, z), "exchanged"),
        (lambda u, c, z: -loss_by_softplus(u, c, z), "log-probability"),
        (lambda u, c, z: -np.log(sig(dots(u, c, z)[0])) - np.log(sig(-dots(u, c, z)[1])).mean(1),
         "not averaged"),
        (lambda u, c, z: -np.log(sig(dots(u, c, z)[0])), "noise words are missing"),
        (lambda u, c, z: -np.log(sig(-dots(u, c, z)[1])).sum(1), "context is missing"),
        (lambda u, c, z: loss_by_softplus(u, c, z).sum(), "not their sum"),
        (lambda u, c, z: loss_by_softplus(u, c, z).mean(), "not their mean"),
        (lambda u, c, z: loss_by_softplus(u, c, z)[:, None], SHAPE),
        (lambda u, c, z: loss_by_softplus(u, c, z).squeeze(), "Avoid `squeeze`"),
        (lambda u, c, z: loss_by_softplus(u, c, z) / math.log(2), "natural logarithm"),
        (lambda u, c, z: loss_by_softplus(u, c, z) / (1 + z.shape[1]), "all added up"),
        (lambda u, c, z: loss_by_softplus(u / u.shape[1] ** 0.5, c, z), "square root of d"),
        (lambda u, c, z: -np.log(np.exp(dots(u, c, z)[0])
                                 / (np.exp(dots(u, c, z)[0]) + np.exp(dots(u, c, z)[1]).sum(1))),
         "softmax over the context"),
        (lambda u, c, z: (1 - sig(dots(u, c, z)[0])) + sig(dots(u, c, z)[1]).sum(1),
         "minus their logarithm"),
        (lambda u, c, z: loss_by_softplus(u, c, z[:, ::-1] * [[[1], *[[0]] * (z.shape[1] - 1)]]),
         "all added up"),
        (lambda u, c, z: loss_by_softplus(u, c, np.broadcast_to(z[0], z.shape)), "first pair"),
    ],
    "negative_sampling_gradient": [
        (gradient_naive, "inf / inf"),
        (lambda u, c, z: -gradient_by_stacking(u, c, z), "downhill"),
        (lambda u, c, z: gradient_by_stacking(u, c, z) + c, "should score high"),
        (lambda u, c, z: gradient_by_stacking(u, c, z) - z.sum(1), "without the -1"),
        (lambda u, c, z: gradient_by_stacking(u, c, z) + c - z.sum(1), "exchanged"),
        (lambda u, c, z: (sig(dots(u, c, z)[0]) - 1)[:, None] * u, "gradient for c"),
        (lambda u, c, z: (sig(dots(u, c, z)[0]) - 1)[:, None] * c, "noise words are missing"),
        (lambda u, c, z: (sig(dots(u, c, z)[1])[..., None] * z).sum(1), "context is missing"),
        (lambda u, c, z: gradient_by_stacking(u, c, z) / len(u), "do not average"),
        (lambda u, c, z: gradient_by_stacking(u, c, z).sum(0), "do not add up"),
        (lambda u, c, z: gradient_by_stacking(u, c, z).sum(1), SHAPE),
        (lambda u, c, z: gradient_by_stacking(u, c, z).squeeze(), SHAPE),
        (lambda u, c, z: gradient_by_stacking(u, c, z) / (1 + z.shape[1]), EACH),
        (lambda u, c, z: (sig(dots(u, c, z)[0]) - 1)[:, None] * c
         + (sig(dots(u, c, z)[1])[..., None] * z).mean(1), "not averaged"),
        (lambda u, c, z: (sig(dots(u, c, z)[0]) - 1)[:, None] * c
         + (sig(-dots(u, c, z)[1])[..., None] * z).sum(1), EACH),
        (lambda u, c, z: gradient_by_stacking(u, c, np.broadcast_to(z[0], z.shape)), "first pair"),
        (lambda u, c, z: gradient_by_stacking(u, c, z) + u, EACH),
        (lambda u, c, z: loss_by_softplus(u, c, z), SHAPE),
        (lambda u, c, z: (np.sign(dots(u, c, z)[0]) - 1)[:, None] * c, EACH),
    ],
    "nearest": [
        (by_rank(cosine), "leave it out"),
        (by_rank(cosine, start=1), "need not come first"),
        (without_itself(gram), "ranks by dot product"),
        (by_rank(gram), "from large to small"),
        (without_itself(lambda x: -norm(x[:, None] - x, axis=-1)), "ranks by distance"),
        (without_itself(lambda x: -cosine(x)), "farthest"),
        (without_itself(lambda x: abs(cosine(x))), "absolute value"),
        (without_itself(lambda x: cosine(x) ** 2), "absolute value"),
        (without_itself(np.corrcoef), "correlation"),
        (nearest_deleted, "renumbers"),
        (nearest_unsorted, "from large to small"),
        (lambda x, i, n: np.array(nearest_by_loop(x, i, n))[:, ::-1], "worst first"),
        (lambda x, i, n: np.array(nearest_by_loop(x, i, n + 1))[:, 1:], "nearest one, too"),
        (lambda x, i, n: -np.sort(-without_own(x)[i], axis=1)[:, :n], "not their cosines"),
        (lambda x, i, n: np.array(nearest_by_loop(x, i, n + 1)), SHAPE),
        (lambda x, i, n: np.array(nearest_by_loop(x, i, n)).T, SHAPE),
        (lambda x, i, n: nearest_by_loop(x, i[:1], n)[0], SHAPE),
        (lambda x, i, n: np.array(nearest_by_loop(x, i, n)).squeeze(), "whatever the sizes"),
        (lambda x, i, n: nearest_by_loop(x, range(len(i)), n), "from large to small"),
        (without_itself(lambda x: (x / norm(x, axis=0)) @ (x / norm(x, axis=0)).T),
         "Each *row*"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch03, RIGHT, WRONG)
