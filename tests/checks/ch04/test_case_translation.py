"""The bank of chapter 4.4: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch

from attn_helpers.checks import ch04
from attn_helpers.reference import additive_scores
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"


def softmax(scores, axis=-1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def score(q, k, a_q, a_k, b, u):
    return np.tanh((q @ a_q)[:, None, :] + (k @ a_k)[None] + b) @ u


def look(q, k, v, real, a_q, a_k, b, u, *, score=score, fill=-np.inf, axis=-1):
    scores = np.where(real, score(q, k, a_q, a_k, b, u), fill)
    weights = softmax(scores, axis)
    return weights @ v, weights


def look_in_torch(q, k, v, real, a_q, a_k, b, u):
    q, k, v, real, a_q, a_k, b, u = (
        torch.tensor(np.array(a)) for a in (q, k, v, real, a_q, a_k, b, u)
    )
    scores = torch.einsum("ijh,h->ij", torch.tanh((q @ a_q).unsqueeze(1) + k @ a_k + b), u)
    weights = scores.masked_fill(~real, -torch.inf).softmax(dim=-1)
    return weights @ v, weights


def look_by_loop(q, k, v, real, a_q, a_k, b, u):
    weights = np.zeros((len(q), len(k)))
    for t in range(len(q)):
        scores = [u @ np.tanh(q[t] @ a_q + k[j] @ a_k + b) for j in range(len(k))]
        top = max(s for s, there in zip(scores, real, strict=True) if there)
        for j in range(len(k)):
            weights[t, j] = np.exp(scores[j] - top) if real[j] else 0
        weights[t] /= weights[t].sum()
    return weights @ v, weights


def look_at_real_words_alone(q, k, v, real, *inner):
    weights = np.zeros((len(q), len(k)))
    weights[:, real] = softmax(score(q, k[real], *inner))
    return weights @ v, weights


def look_by_the_package(q, k, v, real, a_q, a_k, b, u):
    scores = additive_scores(q, k, a_q, a_k, b, u)
    weights = softmax(np.where(real, scores, -np.inf))
    return [weights @ v, weights]


def large_minus(q, k, v, real, *inner):
    return look(q, k, v, real, *inner, fill=-1e9)


def small_minus(q, k, v, real, *inner):
    return look(q, k, v, real, *inner, fill=-100.0)


def overflowing(q, k, v, real, *inner):
    e = np.exp(score(q, k, *inner)) * real
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def shifted_by_filling(q, k, v, real, *inner):
    scores = score(q, k, *inner)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * real
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def zeroed(q, k, v, real, *inner):
    weights = softmax(score(q, k, *inner))
    weights[:, ~real] = 0
    return weights @ v, weights


def renormed(q, k, v, real, *inner):
    weights = softmax(np.clip(score(q, k, *inner), -300, 300)) * real
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def scored(change):
    return lambda q, k, v, real, *inner: look(q, k, v, real, *inner, score=change)


def decode(scores, start, end, longest):
    words, word = [], start
    for _ in range(longest):
        word = scores[word].argmax()
        if word == end:
            break
        words.append(word)
    return np.array(words)


def decode_while(scores, start, end, longest):
    words = [int(np.argmax(scores[start]))]
    while words[-1] != end and len(words) < longest:
        words.append(int(np.argmax(scores[words[-1]])))
    return [word for word in words if word != end]


def decode_by_recursion(scores, start, end, longest):
    best = np.argmax(scores[start])
    if best == end or longest == 0:
        return []
    return [best, *decode_by_recursion(scores, best, end, longest - 1)]


def decode_by_table(scores, start, end, longest):
    follower = scores.argmax(axis=1).tolist()
    words = []
    while len(words) < longest and (start := follower[start]) != end:
        words.append(start)
    return np.array(words, dtype=np.int64)


def decode_in_torch(scores, start, end, longest):
    scores = torch.tensor(np.array(scores))
    read = torch.tensor([start])
    for _ in range(longest):
        read = torch.cat([read, scores[read[-1]].argmax().reshape(1)])
        if read[-1] == end:
            return read[1:-1]
    return read[1:]


def decode_with_end(scores, start, end, longest):
    words = [start]
    while words[-1] != end and len(words) <= longest:
        words.append(int(scores[words[-1]].argmax()))
    return np.array(words[1:])


def decode_for_ever(scores, start, end, longest):
    words = decode(scores, start, end, 50)
    return words


def decode_one_more(scores, start, end, longest):
    return decode(scores, start, end, longest + 1)


def decode_end_counts(scores, start, end, longest):
    return decode(scores, start, end, longest - 1)


def on_and_on(scores, start, end, longest):
    words = [start]
    for _ in range(longest):
        words.append(int(scores[words[-1]].argmax()))
    return words[1:]


def stubborn(scores, start, end, longest):
    return np.array([scores[start].argmax()] * longest)


def accuracy(weights, known):
    right = {(t, s) for t, s in known.tolist()}
    judged = sorted({t for t, _ in right})
    return sum((t, int(weights[t].argmax())) in right for t in judged) / len(judged)


def accuracy_by_table(weights, known):
    table = np.zeros(weights.shape, bool)
    table[known[:, 0], known[:, 1]] = True
    hit = np.take_along_axis(table, weights.argmax(1)[:, None], 1)[:, 0]
    return hit[table.any(1)].mean()


def accuracy_by_dictionary(weights, known):
    origins = {}
    for t, s in known:
        origins.setdefault(int(t), []).append(int(s))
    hits = [int(np.argmax(weights[t])) in s for t, s in origins.items()]
    return np.mean(hits)


def accuracy_in_torch(weights, known):
    weights, known = torch.tensor(np.array(weights)), torch.tensor(np.array(known))
    best = weights.argmax(dim=1)
    hit = torch.zeros(len(weights), dtype=torch.bool)
    hit[known[best[known[:, 0]] == known[:, 1], 0]] = True
    return hit.sum() / len(known[:, 0].unique())


def every_row(weights, known):
    pairs = set(map(tuple, known.tolist()))
    return np.mean([(t, s) in pairs for t, s in enumerate(weights.argmax(axis=1).tolist())])


def every_origin(weights, known):
    origins = {}
    for t, s in known.tolist():
        origins.setdefault(t, set()).add(s)
    best = np.argsort(weights, axis=1)[:, ::-1]
    return np.mean([set(best[t, : len(s)].tolist()) == s for t, s in origins.items()])


def per_pair(weights, known):
    return np.mean([weights[t].argmax() == s for t, s in known])


def one_origin(weights, known):
    targets, first = np.unique(known[:, 0], return_index=True)
    return (weights.argmax(axis=1)[targets] == known[first, 1]).mean()


def last_origin(weights, known):
    origin = np.full(len(weights), -1)
    origin[known[:, 0]] = known[:, 1]
    judged = origin >= 0
    return (weights.argmax(axis=1) == origin)[judged].mean()


def moved(by):
    return lambda weights, known: accuracy(np.roll(weights, by, axis=0), known)


def mass(weights, known):
    return sum(weights[t, s] for t, s in known) / len({t for t, _ in known.tolist()})


def half(weights, known):
    found = {t for t, s in known.tolist() if weights[t, s] > 0.5}
    return len(found) / len({t for t, _ in known.tolist()})


def divided_by_pairs(weights, known):
    pairs = set(map(tuple, known.tolist()))
    return sum((t, s) in pairs for t, s in enumerate(weights.argmax(1).tolist())) / len(known)


def by_source(weights, known):
    best = weights.argmax(axis=0)
    pairs = set(map(tuple, known.tolist()))
    return np.mean([(t, s) in pairs for s, t in enumerate(best.tolist())])


RIGHT = {
    "additive_attention": [
        look,
        look_in_torch,
        look_by_loop,
        look_at_real_words_alone,
        look_by_the_package,
        large_minus,
    ],
    "greedy": [
        decode,
        decode_while,
        decode_by_recursion,
        decode_by_table,
        decode_in_torch,
    ],
    "alignment_accuracy": [
        accuracy,
        accuracy_by_table,
        accuracy_by_dictionary,
        accuracy_in_torch,
    ],
}

WRONG = {
    "additive_attention": [
        (lambda q, k, v, real, *i: look(q, k, v, True, *i), "The filling takes a share"),
        (lambda q, k, v, real, *i: look(q, k, v, ~real, *i), "turned round: True is a word"),
        (lambda *a: look(*a, fill=0.0), "multiply the scores by `real`"),
        (small_minus, "First hide"),
        (zeroed, "no longer sum to one"),
        (lambda *a: look(*a, axis=0), "Four steps"),
        (lambda *a: look(*a, axis=0, fill=-1e20), "over the steps of the decoder"),
        (scored(lambda q, k, a, c, b, u: ((q @ a)[:, None] + k @ c + b) @ u), "tanh is missing"),
        (scored(lambda q, k, a, c, b, u: score(q, k, a, c, 0, u)), "bias b is missing"),
        (scored(lambda q, k, a, c, b, u: score(q, k, a, c, b, u * 0 + 1)), "u is not used"),
        (scored(lambda q, k, *i: score(q, k, *i) / np.sqrt(k.shape[-1])), "no sqrt(d_k)"),
        (lambda q, k, v, *rest: look(q, k, k, *rest), "You mix the keys"),
        (lambda *a: look(*a)[::-1], "turned round: `return out, weights`"),
        (lambda q, k, v, r, *i: (look(q, k, v, r, *i)[0], score(q, k, *i)), "holds the scores"),
        (lambda q, k, v, r, *i: (score(q, k, *i) * r @ v, score(q, k, *i) * r), "Softmax is miss"),
        (lambda q, k, v, r, *i: look(q, k[r], v[r], r[r], *i), "Filling keeps its column"),
        (overflowing, "First hide"),
        (shifted_by_filling, "First hide"),
        (renormed, "First hide"),
        (lambda *a: look(*a)[0], "return out, weights"),
        (lambda *a: (look(*a)[0].T, look(*a)[1]), SHAPE),
        (lambda *a: tuple(part.squeeze() for part in look(*a)), "Keep all axes"),
    ],
    "greedy": [
        (decode_with_end, "END is a mark"),
        (lambda s, start, *a: [start, *decode(s, start, *a)], "START is a mark"),
        (lambda s, start, *a: [start, *decode_with_end(s, start, *a)], "leave both out"),
        (lambda s, *a: decode(-s, *a), "smallest score"),
        (stubborn, "START at every step"),
        (lambda s, *a: decode(s.T, *a), "Rows are the words read"),
        (on_and_on, "It writes on after END"),
        (lambda s, st, end, n: [w for w in on_and_on(s, st, end, n) if w != end], "and write on"),
        (lambda *a: decode(*a)[:1], "needs a loop"),
        (lambda *a: decode(*a)[:-1], "one word early"),
        (lambda *a: decode(*a)[1:], "first word is lost"),
        (lambda *a: decode(*a)[::-1], "turned round"),
        (lambda s, *a: s.argmax(axis=-1), "best followers of all words"),
        (decode_for_ever, "in circles for ever"),
        (decode_one_more, "in circles for ever"),
        (decode_end_counts, "in circles for ever"),
        (lambda s, st, e, n: np.append(decode(s, st, e, n)[:0], [st]), SHAPE),
    ],
    "alignment_accuracy": [
        (every_row, "The row of END"),
        (per_pair, "You count pairs"),
        (every_origin, "all origins of a word"),
        (one_origin, "its first only"),
        (last_origin, "its last only"),
        (moved(1), "Shifted by one: row t"),
        (moved(-1), "Shifted by one, the other way"),
        (mass, "sum the weight"),
        (half, "above one half"),
        (divided_by_pairs, "You count pairs"),
        (by_source, "by rows, one for each target"),
        (lambda w, known: accuracy(-w, known), "smallest weight"),
        (lambda w, known: 1 - accuracy(w, known), "that are wrong"),
        (lambda w, known: 100 * accuracy(w, known), "percentage"),
        (lambda w, known: accuracy(w, known) * len(np.unique(known[:, 0])), "This is the number"),
        (lambda w, known: w.argmax(axis=1), SHAPE),
    ],
}

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch04, RIGHT, WRONG)
