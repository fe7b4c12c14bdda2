"""The bank of chapter 2.3: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers.checks import ch02
from attn_helpers.reference import fast_weight_attention, fast_weight_write
from tests.checks.bank import answer_tests

SHAPE, OWN = "Look at the shape", "belongs to the caller"


def share(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum()


def naive(scores):
    return np.exp(scores) / np.exp(scores).sum()


def largest_size(scores):
    return naive(scores - abs(scores).max())


# --- right answers, each in another style ---------------------------------------------------------
def delta_by_loops(memory, key, value, rate):
    new = np.array(memory)
    for column in range(len(value)):
        held = sum(key[row] * memory[row, column] for row in range(len(key)))
        for row in range(len(key)):
            new[row, column] += rate * key[row] * (value[column] - held)
    return new


def delta_by_projection(memory, key, value, rate):
    keep = np.eye(len(key)) - rate * np.outer(key, key)
    return keep @ memory + rate * key[:, None] * value


def delta_by_torch(memory, key, value, rate):
    memory, key, value = (torch.tensor(np.array(x)) for x in (memory, key, value))
    memory.requires_grad_()
    (((value - key @ memory) ** 2).sum() / 2).backward()
    return memory - rate * memory.grad


def delta_by_package(memory, key, value, rate):
    return fast_weight_write(memory, key, value, rule="delta", rate=rate)


def linear_by_recurrence(q, k, v, keep):
    memory, total, out = np.zeros((k.shape[1], v.shape[1])), np.zeros(k.shape[1]), []
    for query, key, value in zip(q, k, v, strict=True):
        memory, total = keep * memory + np.outer(key, value), keep * total + key
        out.append(query @ memory / (query @ total))
    return np.array(out)


def linear_fading_last(q, k, v, keep):
    """Fade after the pair is written: the same weights, for both sums fade once more."""
    memory, out = np.zeros((k.shape[1], v.shape[1] + 1)), []
    for query, key, value in zip(q, k, v, strict=True):
        memory = keep * (memory + np.outer(key, [*value, 1.0]))
        out.append(query @ memory)
    return [row[:-1] / row[-1] for row in out]


def linear_by_loops(q, k, v, keep):
    rows = []
    for i in range(len(q)):
        scores = [sum(map(math.prod, zip(q[i], key, strict=True))) for key in k[: i + 1]]
        scores = [score * keep ** (i - j) for j, score in enumerate(scores)]
        rows.append([sum(map(math.prod, zip(scores, column, strict=False))) for column in v.T])
        rows[-1] = [number / sum(scores) for number in rows[-1]]
    return rows


def linear_by_torch(q, k, v, keep):
    q, k, v = (torch.tensor(np.array(x)) for x in (q, k, v))
    age = torch.arange(len(q))[:, None] - torch.arange(len(q))
    scores = torch.tril((q @ k.T) * keep ** age.abs())
    return (scores / scores.sum(1, keepdim=True)) @ v


def linear_by_package(q, k, v, keep):
    """Fading is a factor keep ** -j on the keys; the queries' own cancels."""
    grown = k * keep ** -np.arange(len(k))[:, None]
    out = fast_weight_attention(q, grown, np.c_[v, np.ones(len(v))])
    return torch.tensor(out[:, :-1] / out[:, -1:])


def step_by_torch(W, q, k, choice, surprise):
    W, q, k = (torch.tensor(np.array(x)) for x in (W, q, k))
    W.requires_grad_()
    (surprise * torch.log_softmax(k @ (q @ W), dim=0)[choice]).backward()
    return W.grad


def step_by_loops(W, q, k, choice, surprise):
    weights = share(np.array([q @ W @ key for key in k]))
    expected = sum(w * key for w, key in zip(weights, k, strict=True))
    return [[surprise * a * (b - c) for b, c in zip(k[choice], expected, strict=True)] for a in q]


def step_by_one_hot(W, q, k, choice, surprise):
    return surprise * np.outer(q, (np.eye(len(k))[choice] - share(k @ W.T @ q)) @ k)


def program_by_torch(s, distance, right, sharpness, slope):
    s, distance = (torch.tensor(np.array(x)) for x in (s, distance))
    numbers = torch.tensor([sharpness, slope], dtype=torch.float64, requires_grad=True)
    torch.log_softmax(numbers[0] * s - numbers[1] * distance, dim=0)[right].backward()
    return numbers.grad


def program_as_tuple(s, distance, right, sharpness, slope):
    weights = share(sharpness * s - slope * distance)
    return s[right] - (weights * s).sum(), -(distance[right] - (weights * distance).sum())


def program_by_pairs(s, distance, right, sharpness, slope):
    weights = share(sharpness * s - slope * distance)
    features = np.stack([s, -distance])
    return (features[:, [right]] - features) @ weights


RIGHT = {
    "delta_write": [delta_by_loops, delta_by_projection, delta_by_torch, delta_by_package],
    "linear_attention": [
        linear_by_recurrence,
        linear_fading_last,
        linear_by_loops,
        linear_by_torch,
        linear_by_package,
    ],
    "reward_step": [step_by_torch, step_by_loops, step_by_one_hot],
    "program_gradient": [program_by_torch, program_as_tuple, program_by_pairs],
}


# --- wrong answers, each with a part of the hint it must earn -------------------------------------
def delta(recall=lambda k, m: k @ m, rate=lambda r, k: r, end=lambda new: new):
    def answer(memory, key, value, r):
        return end(memory + rate(r, key) * np.outer(key, value - recall(key, memory)))

    return answer


def delta_in_place(memory, key, value, rate):
    memory += rate * np.outer(key, value - key @ memory)
    return memory


def entry_by_entry(memory, key, value, rate):
    """Recall from the memory that is being written."""
    new = np.array(memory)
    for row in range(len(key)):
        new[row] += rate * key[row] * (value - key @ new)
    return new


def fade(s, keep):
    """Multiply a score by keep for each step between its query and its key."""
    place = np.arange(len(s))
    return s * keep ** np.abs(place[:, None] - place)


def linear(
    mask=np.tril,
    total=lambda s: s.sum(1, keepdims=True),
    scores=lambda q, k: q @ k.T,
    fade=fade,
    keep=lambda keep: keep,
):
    def answer(q, k, v, r):
        s = mask(fade(scores(q, k), keep(r)))
        return s @ v / total(s)

    return answer


def recurrence(memory_keep, total_keep, pair=lambda keep, i: 1.0, first="write"):
    """Make a loop with its own fading of the memory, of the sum, and of the new pair."""

    def answer(q, k, v, keep):
        memory, total, out = np.zeros((k.shape[1], v.shape[1])), np.zeros(k.shape[1]), []
        for i, (query, key, value) in enumerate(zip(q, k, v, strict=True)):
            before = query @ memory / (query @ total)
            memory = memory_keep(keep) * memory + pair(keep, i) * np.outer(key, value)
            total = total_keep(keep) * total + pair(keep, i) * key
            out.append(query @ memory / (query @ total) if first == "write" else before)
        return np.array(out)

    return answer


def same(keep):
    return keep


def never(keep):
    return 1.0


def one_memory(q, k, v, keep):
    memory, total = np.zeros((k.shape[1], v.shape[1])), np.zeros(k.shape[1])
    for key, value in zip(k, v, strict=True):
        memory, total = keep * memory + np.outer(key, value), keep * total + key
    return q @ memory / (q @ total)[:, None]


def delta_memory(q, k, v, keep):
    out = fast_weight_attention(q, k, np.c_[v, np.ones(len(v))], rule="delta", rate=0.01)
    return out[:, :-1] / out[:, -1:]


def in_place_memory(q, k, v, keep):
    k[:] = k.cumsum(axis=0)
    return linear_by_recurrence(q, np.diff(k, axis=0, prepend=0), v, keep)


def step(weigh=share, score=lambda W, q, k: k @ (q @ W), end=lambda new: new):
    def answer(W, q, k, c, r):
        return end(r * np.outer(q, k[c] - weigh(score(W, q, k)) @ k))

    return answer


def hard(scores):
    return np.eye(len(scores))[scores.argmax()]


def only_good(W, q, k, c, r):
    return step()(W, q, k, c, max(r, 0.0))


def greedy(W, q, k, c, r):
    return step()(W, q, k, (k @ (q @ W)).argmax(), r)


def into_the_keys(W, q, k, c, r):
    k -= share(k @ (q @ W)) @ k
    return r * np.outer(q, k[c])


def numbers(weigh=share, end=lambda x: x, score=lambda s, d, a, b: a * s - b * d):
    def answer(s, d, right, a, b):
        w = weigh(score(s, d, a, b))
        return end(np.array([s[right] - w @ s, w @ d - d[right]]))

    return answer


def never_negative(s, d, right, a, b):
    return numbers()(s, d, right, max(a, 1e-3), b)


def by_place(s, d, *rest):
    return numbers()(s, np.arange(len(s), 0.0, -1), *rest)


def with_centred_s(s, d, right, a, b):
    s -= s.mean()
    return numbers()(s, d, right, a, b)


GENERAL = {
    "delta_write": "Recall with",
    "linear_attention": "only then recall",
    "reward_step": "Scores q W k",
    "program_gradient": "Right less expected",
}
STABLE = "largest score off"
WRONG = {
    "delta_write": [
        (delta(recall=lambda k, m: 0), "Hebb's rule"),
        (delta(rate=lambda r, k: 1), "rate is not used"),
        (delta(rate=lambda r, k: -r), "sign"),
        (delta(rate=lambda r, k: r / (k @ k)), "squared length"),
        (delta(rate=lambda r, k: r / np.sqrt(k @ k)), GENERAL["delta_write"]),
        (delta(rate=lambda r, k: min(r, 0.5)), GENERAL["delta_write"]),
        (delta(rate=lambda r, k: min(r, 1)), "rate clipped"),
        (lambda m, k, v, r: delta()(m, k, v, r) + 1e-3 * (k @ m == v).all(), "then zero"),
        (lambda m, k, v, r: m + r * np.outer(v - k @ m, k), "changed places"),
        (delta(recall=lambda k, m: m @ k), "asks the columns"),
        (delta(recall=lambda k, m: m.sum(0)), GENERAL["delta_write"]),
        (delta(recall=lambda k, m: share(k @ m)), GENERAL["delta_write"]),
        (delta(end=np.squeeze), "both axes"),
        (delta(end=np.transpose), "changed places"),
        (delta(end=lambda new: new[None]), SHAPE),
        (lambda m, k, v, r: r * np.outer(k, v - k @ m), "This is the change"),
        (lambda m, k, v, r: (1 - r) * m + r * np.outer(k, v), "fade"),
        (lambda m, k, v, r: delta()(m, k, v, r).round(4), GENERAL["delta_write"]),
        (lambda m, k, v, r: v - k @ m, SHAPE),
        (entry_by_entry, GENERAL["delta_write"]),
        (delta_in_place, OWN),
    ],
    "linear_attention": [
        (linear(total=lambda s: 1), "do not sum to one yet"),
        (linear(keep=never), "Nothing fades"),
        (recurrence(never, never, pair=lambda keep, i: keep), "Nothing fades"),
        (recurrence(same, never), "sum of the keys must fade"),
        (recurrence(never, same), "memory must fade"),
        (recurrence(never, never, pair=lambda keep, i: keep**i), GENERAL["linear_attention"]),
        (recurrence(same, same, first="read"), "reads before the first pair"),
        (recurrence(same, same, pair=lambda keep, i: 1 - keep), "special about 1"),
        (linear(keep=lambda keep: max(keep, 0.1)), "special about 1"),
        (linear(keep=lambda keep: 1 - keep), GENERAL["linear_attention"]),
        (linear(keep=np.sqrt), GENERAL["linear_attention"]),
        (linear(mask=lambda s: s), GENERAL["linear_attention"]),
        (one_memory, "Every query meets every pair"),
        (linear(mask=np.triu), "backwards"),
        (
            linear(
                mask=lambda s: np.tril(s, -1),
                total=lambda s: s.sum(1, keepdims=True) + (s.sum(1, keepdims=True) == 0),
            ),
            "You read before you write",
        ),
        (linear(mask=lambda s: np.tril(s, 1)), GENERAL["linear_attention"]),
        (linear(total=lambda s: s.sum(1, keepdims=True) + 1e-6), "added to the sum"),
        (linear(total=lambda s: s.sum(1, keepdims=True).clip(1e-3)), "added to the sum"),
        (linear(total=lambda s: s.sum(0)[:, None]), GENERAL["linear_attention"]),
        (linear(total=lambda s: s.sum()), GENERAL["linear_attention"]),
        (linear(total=lambda s: np.arange(1, len(s) + 1)[:, None]), "number of pairs"),
        (
            linear(scores=lambda q, k: np.exp(q @ k.T / np.sqrt(q.shape[1])), keep=never),
            "softmax",
        ),
        (linear(scores=lambda q, k: np.exp(q @ k.T), keep=never), "softmax"),
        (linear(scores=lambda q, k: k @ q.T), "Query and key have changed places"),
        (linear(scores=lambda q, k: np.exp(q) @ np.exp(k).T), GENERAL["linear_attention"]),
        (linear(scores=lambda q, k: k @ k.T), GENERAL["linear_attention"]),
        (delta_memory, GENERAL["linear_attention"]),
        (lambda *x: linear()(*x).squeeze(), "both axes"),
        (lambda *x: linear()(*x)[-1], SHAPE),
        (lambda *x: linear()(*x).T, SHAPE),
        (lambda q, k, v, keep: k.T @ v, SHAPE),
        (in_place_memory, OWN),
    ],
    "reward_step": [
        (step(weigh=lambda s: 0 * s), "expected key is missing"),
        (step(weigh=lambda s: np.ones(len(s)) / len(s)), "plain mean"),
        (step(weigh=hard), GENERAL["reward_step"]),
        (step(weigh=lambda s: share(s / np.sqrt(3))), GENERAL["reward_step"]),
        (step(weigh=naive), STABLE),
        (step(weigh=lambda s: share(np.clip(s, -50, 50))), STABLE),
        (step(weigh=largest_size), STABLE),
        (step(end=np.negative), "sign"),
        (step(end=np.transpose), "changed places"),
        (step(end=np.sum), SHAPE),
        (step(score=lambda W, q, k: k @ W[: k.shape[1]].sum(0)), GENERAL["reward_step"]),
        (lambda W, q, k, c, r: step()(W, q, k, c, 1), "surprise is not used"),
        (lambda W, q, k, c, r: step()(W, q, k, c, abs(r)), "either sign"),
        (lambda W, q, k, c, r: step()(W, q, k, 0, r), GENERAL["reward_step"]),
        (lambda W, q, k, c, r: r * np.outer(q, k[c] - q @ W), "delta rule"),
        (lambda W, *rest: W + step()(W, *rest), "new matrix"),
        (only_good, "either sign"),
        (greedy, GENERAL["reward_step"]),
        (into_the_keys, OWN),
    ],
    "program_gradient": [
        (numbers(end=np.negative), "gradient of the loss"),
        (numbers(end=lambda x: x * [1, -1]), "has a minus"),
        (numbers(end=lambda x: x[::-1]), "Sharpness first"),
        (numbers(end=lambda x: x[:1]), SHAPE),
        (numbers(end=lambda x: x[None]), SHAPE),
        (numbers(weigh=lambda s: 0 * s), "expected values are missing"),
        (numbers(weigh=lambda s: np.ones(len(s)) / len(s)), "plain means"),
        (numbers(weigh=hard), GENERAL["program_gradient"]),
        (numbers(weigh=naive), STABLE),
        (numbers(weigh=largest_size), STABLE),
        (numbers(end=lambda x: x.round(6)), "Do not round"),
        (lambda s, d, r, a, b: numbers()(s, d, r, a, abs(b)), "sign lost"),
        (numbers(score=lambda s, d, a, b: s), "come from the program"),
        (numbers(score=lambda s, d, a, b: a * s), GENERAL["program_gradient"]),
        (numbers(score=lambda s, d, a, b: s / a - b * d), GENERAL["program_gradient"]),
        (numbers(score=lambda s, d, a, b: a * s + b * d), "takes it off"),
        (numbers(score=lambda s, d, a, b: a * (s - b * d)), GENERAL["program_gradient"]),
        (lambda s, d, r, a, b: numbers()(s, d, r, a, b) * [a, b], "one too many"),
        (lambda s, d, r, a, b: numbers()(s, d, r, a, b) * share(a * s - b * d)[r], "factor w_r"),
        (by_place, GENERAL["program_gradient"]),
        (never_negative, "special about any number"),
        (with_centred_s, OWN),
    ],
}

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch02, RIGHT, WRONG)
