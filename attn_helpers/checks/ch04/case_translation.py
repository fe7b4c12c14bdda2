"""Exercises of chapter 4.4: additive attention with padding, greedy decoding, alignment."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["additive_attention", "alignment_accuracy", "greedy"]

DRAW = np.random.default_rng(44)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def look(q, k, v, real, a_q, a_k, b, u):
    """Additive attention over the real words."""
    return mixed(q, k, v, real, a_q, a_k, b, u)


def additive(q, k, a_q, a_k, b, u):
    """Additive scores."""
    return np.tanh((q @ a_q)[:, None] + k @ a_k + b) @ u


def hide(scores, real):
    """Put minus infinity where there is filling."""
    return np.where(real, scores, -np.inf)


def mixed(q, k, v, real, a_q, a_k, b, u, *, score=additive, hide=hide, axis=-1):
    """Additive attention with one step done in another way."""
    weights = softmax(hide(score(q, k, a_q, a_k, b, u), real), axis)
    return weights @ v, weights


def zeroed(q, k, v, real, *inner):
    """Weights of filling set to zero after softmax."""
    weights = softmax(additive(q, k, *inner)) * real
    return weights @ v, weights


def looking_case(n_q, n_k, d_q, d_k, d_v, hidden, real, size=1.0):
    """Draw the arguments of one case."""
    inner = draw(d_q, hidden), draw(d_k, hidden), draw(hidden), draw(hidden) * size
    return draw(n_q, d_q), draw(n_k, d_k), draw(n_k, d_v), np.array(real, bool), *inner


USUAL = looking_case(3, 5, 4, 6, 2, 7, [1, 1, 1, 0, 0])
SQUARE = looking_case(4, 4, 4, 4, 4, 4, [1, 0, 1, 1])

additive_attention = Exercise(
    "additive_attention",
    look,
    properties=[
        Property(
            "mixes the values of the real words by softmax of additive scores",
            [USUAL, SQUARE],
            "Four steps: scores u . tanh(q a_q + k a_k + b), -inf for filling, softmax over the "
            "words, weighted sum of the values.",
        ),
        Property(
            "takes no filling, one real word, one step, one number",
            [
                looking_case(3, 5, 4, 6, 2, 7, [1, 1, 1, 1, 1]),
                looking_case(3, 5, 4, 6, 2, 7, [0, 0, 1, 0, 0]),
                looking_case(1, 4, 3, 2, 1, 5, [1, 1, 0, 0]),
                looking_case(2, 1, 1, 1, 3, 1, [1]),
            ],
            "Keep all axes; avoid `squeeze`.",
        ),
        Property(
            "stays finite for scores of 10,000, of filling, too",
            [
                looking_case(3, 5, 4, 6, 2, 7, [1, 1, 1, 0, 0], 1e4),
                looking_case(3, 5, 4, 6, 2, 7, [0, 0, 0, 1, 1], -1e4),
                looking_case(6, 4, 4, 6, 2, 7, [0, 1, 1, 0], 1e4),
            ],
            "First hide, with -inf; then take each row's largest score off; then the exponential.",
        ),
    ],
    mistakes=[
        (
            "The filling takes a share: `real` is not used.",
            lambda *a: mixed(*a, hide=lambda scores, real: scores),
        ),
        (
            "`real` is turned round: True is a word, False is filling.",
            lambda *a: mixed(*a, hide=lambda scores, real: hide(scores, ~real)),
        ),
        (
            "You multiply the scores by `real`: a score of 0 hides nothing, exp(0) is 1. Put -inf "
            "there.",
            lambda *a: mixed(*a, hide=np.multiply),
        ),
        (
            "You set weights to zero after softmax, and the rows no longer sum to one. Hide the "
            "scores instead.",
            zeroed,
        ),
        (
            "Softmax runs over the steps of the decoder; each step shares out its own weight: "
            "`axis=-1`.",
            lambda *a: mixed(*a, axis=0, hide=lambda scores, real: np.where(real, scores, -1e30)),
        ),
        (
            "tanh is missing. Without it every step gives a word the same bonus, and the query "
            "does not matter.",
            lambda *a: mixed(
                *a, score=lambda q, k, a_q, a_k, b, u: ((q @ a_q)[:, None] + k @ a_k + b) @ u
            ),
        ),
        (
            "The bias b is missing.",
            lambda *a: mixed(*a, score=lambda q, k, a_q, a_k, b, u: additive(q, k, a_q, a_k, 0, u)),
        ),
        (
            "u is not used: it weighs the hidden numbers.",
            lambda *a: mixed(
                *a,
                score=lambda q, k, a_q, a_k, b, u: additive(q, k, a_q, a_k, b, np.ones_like(u)),
            ),
        ),
        (
            "Additive scores have no sqrt(d_k): tanh keeps them small.",
            lambda *a: mixed(
                *a, score=lambda q, k, *inner: additive(q, k, *inner) / np.sqrt(k.shape[1])
            ),
        ),
        (
            "You mix the keys. Keys are compared, values are mixed.",
            lambda q, k, v, *rest: mixed(q, k, k, *rest),
        ),
        (
            "The order is turned round: `return out, weights`.",
            lambda *a: mixed(*a)[::-1],
        ),
        (
            "Your second result holds the scores; hand back the weights.",
            lambda q, k, v, real, *inner: (
                mixed(q, k, v, real, *inner)[0],
                additive(q, k, *inner),
            ),
        ),
        (
            "Filling keeps its column, with weight 0: `weights` has a column for every key.",
            lambda q, k, v, real, *inner: mixed(q, k[real], v[real], real[real], *inner),
        ),
        (
            "Softmax is missing: you mix with the scores.",
            lambda q, k, v, real, *inner: (
                (additive(q, k, *inner) * real) @ v,
                additive(q, k, *inner) * real,
            ),
        ),
    ],
    returns=("out", "weights"),
)


def written(scores, start, end, longest):
    """Greedy decoding by a table of scores: the row of the last word, its largest column."""
    return decoded(scores, start, end, longest)


def decoded(scores, start, end, longest, *, pick=np.argmax, keep_end=False, keep_start=False):
    """Greedy decoding with one step done in another way."""
    words, last = [start] if keep_start else [], start
    while len(words) < longest + keep_start:
        last = int(pick(scores[last]))
        if last == end and not keep_end:
            break
        words.append(last)
        if last == end:
            break
    return np.array(words, dtype=int)


def from_start(scores, start, end, longest):
    """Read START at every step."""
    words = []
    best = int(scores[start].argmax())
    while best != end and len(words) < longest:
        words.append(best)
    return np.array(words, dtype=int)


def by_column(scores, start, end, longest):
    """Look up the word that was read in the columns."""
    return decoded(scores.T, start, end, longest)


def never_ending(scores, start, end, longest):
    """Write on after END."""
    words, last = [], start
    for _ in range(longest):
        last = int(scores[last].argmax())
        words.append(last)
    return np.array(words, dtype=int)


def without_ends(scores, start, end, longest):
    """Leave END out, and write on."""
    words = never_ending(scores, start, end, longest)
    return words[words != end]


def chain(order, size, seed=0):
    """Make a table in which each number of `order` is followed by the next."""
    scores = np.random.default_rng(seed).uniform(-3, -1, (size, size))
    for here, there in zip(order, order[1:], strict=False):
        scores[here, there] = 1.0 + here / 10
    return scores


LINE = (chain([1, 5, 3, 7, 4, 2, 6, 5], 8, 7), 1, 2, 12)
LOOP = (chain([0, 4, 1, 3, 4], 6, 1), 0, 5, 9)

greedy = Exercise(
    "greedy",
    written,
    properties=[
        Property(
            "writes the best next word, reads it, and goes on until END",
            [LINE, (chain([6, 3, 0, 4, 2, 1], 7, 2), 6, 1, 8)],
            "Read START; take the largest score of that row; read what you have written; stop at "
            "END, which is not handed back.",
        ),
        Property(
            "stops after `longest` words where END does not come",
            [LOOP, (*LINE[:3], 2), (*LINE[:3], 1), (*LINE[:3], 4)],
            "A decoder may turn in circles for ever: count the words.",
        ),
        Property(
            "hands back nothing where END comes first",
            [(chain([1, 2, 5], 6, 3), 1, 2, 4), (chain([3, 0, 2], 4, 4), 3, 0, 7)],
            "Look at END before you write the word down.",
        ),
    ],
    mistakes=[
        ("END is a mark, not a word: leave it out.", lambda *a: decoded(*a, keep_end=True)),
        ("START is a mark, not a word: leave it out.", lambda *a: decoded(*a, keep_start=True)),
        (
            "START and END are marks, not words: leave both out.",
            lambda *a: decoded(*a, keep_start=True, keep_end=True),
        ),
        ("You take the smallest score.", lambda *a: decoded(*a, pick=np.argmin)),
        (
            "Your decoder reads START at every step. It has to read the word it has just written.",
            from_start,
        ),
        (
            "Rows are the words read, columns those written: `scores[last]`, not "
            "`scores[:, last]`.",
            by_column,
        ),
        ("It writes on after END.", never_ending),
        ("END ends the sentence. You leave it out, and write on.", without_ends),
        ("Only the first word is written: this needs a loop.", lambda *a: decoded(*a)[:1]),
        ("The last word is lost: you stop one word early.", lambda *a: decoded(*a)[:-1]),
        ("The first word is lost.", lambda *a: decoded(*a)[1:]),
        ("The sentence is turned round.", lambda *a: decoded(*a)[::-1]),
        (
            "You pick the second best.",
            lambda *a: decoded(*a, pick=lambda row: row.argsort()[-2]),
        ),
        (
            "These are the largest scores; hand back the words that have them: `argmax`.",
            lambda s, *a: np.array([s[i].max() for i in [a[0], *decoded(s, *a)[:-1]]]),
        ),
        (
            "These are the best followers of all words. Follow one chain from START.",
            lambda scores, *a: scores.argmax(axis=1),
        ),
    ],
)


def share_right(weights, known):
    """Share of the target words with a known origin whose largest weight lies on one."""
    return measured(weights, known)


def as_table(known, shape):
    """Pairs as truth values."""
    table = np.zeros(shape, bool)
    table[tuple(known.T)] = True
    return table


def measured(weights, known, *, best=lambda w: w.argmax(axis=1)):
    """Alignment accuracy with one step done in another way."""
    table = as_table(known, weights.shape)
    judged = table.any(axis=1)
    return table[np.arange(len(weights)), best(weights)][judged].mean()


def by_pairs(weights, known):
    """Share of the pairs that are found."""
    best = weights.argmax(axis=1)
    return np.mean(best[known[:, 0]] == known[:, 1])


def first_only(weights, known):
    """Only one origin for each word counts."""
    origin = dict(known[::-1].tolist())
    best = weights.argmax(axis=1)
    return np.mean([best[t] == origin[t] for t in origin])


def last_only(weights, known):
    """Only the last origin of each word counts."""
    origin = dict(known.tolist())
    best = weights.argmax(axis=1)
    return np.mean([best[t] == origin[t] for t in origin])


def all_origins(weights, known):
    """Count a word only if its largest weights are on all its origins."""
    table = as_table(known, weights.shape)
    order = np.argsort(-weights, axis=1)
    hits = [table[t, order[t, : table[t].sum()]].all() for t in np.unique(known[:, 0])]
    return np.mean(hits)


def rows_of(n_target, n_source):
    """Draw rows of weights."""
    return softmax(2 * draw(n_target, n_source))


def sentence(n_target, n_source, rng):
    """Draw weights that are right for most words, and pairs; one row in four has none."""
    words = np.sort(rng.permutation(n_target)[: 3 * n_target // 4])
    origins = [rng.permutation(n_source)[: rng.integers(1, 4)] for _ in words]
    scores = 0.8 * rng.standard_normal((n_target, n_source))
    for t, places in zip(words, origins, strict=True):
        scores[t, rng.choice(places)] += 2.0 * (rng.random() < 0.8)
    pairs = [(t, s) for t, places in zip(words, origins, strict=True) for s in places]
    return softmax(scores), np.array(pairs)


SENTENCE = sentence(23, 6, np.random.default_rng(713))
SHORTER = sentence(7, 7, np.random.default_rng(3))

alignment_accuracy = Exercise(
    "alignment_accuracy",
    share_right,
    properties=[
        Property(
            "counts the words whose largest weight lies on one of their origins",
            [SENTENCE, SHORTER],
            "For each target word: where is its largest weight, and is (word, place) among the "
            "known pairs?",
        ),
        Property(
            "leaves out words without a known origin",
            [(rows_of(9, 4), np.array([[2, 3], [5, 0], [5, 1]])), (SENTENCE[0], SENTENCE[1][3:5])],
            "Divide by the number of words that have at least one pair, not by all rows.",
        ),
        Property(
            "takes one word, and one origin for all",
            [
                (np.array([[0.2, 0.5, 0.3]]), np.array([[0, 1]])),
                (np.array([[0.2, 0.5, 0.3]]), np.array([[0, 0], [0, 2]])),
                (rows_of(4, 3), np.array([[0, 1], [1, 1], [2, 1], [3, 1]])),
            ],
            "Keep the axes; a sentence may have one word.",
        ),
    ],
    mistakes=[
        (
            "You count pairs. Count words: a word with two origins is right if it finds either.",
            by_pairs,
        ),
        ("A word may have several origins; you look at its first only.", first_only),
        ("A word may have several origins; you look at its last only.", last_only),
        (
            "You ask for all origins of a word. Its one largest weight on one of them is enough.",
            all_origins,
        ),
        (
            "The row of END has no origin and is no mistake: leave out words without a pair.",
            lambda w, known: as_table(known, w.shape)[np.arange(len(w)), w.argmax(1)].mean(),
        ),
        (
            "You take the largest weight of each source word; go by rows, one for each target "
            "word: `axis=1`.",
            lambda w, known: as_table(known, w.shape)[w.argmax(0), np.arange(w.shape[1])].mean(),
        ),
        (
            "Shifted by one: row t of the weights is the step that writes word t.",
            lambda w, known: measured(np.roll(w, 1, axis=0), known),
        ),
        (
            "Shifted by one, the other way: row t of the weights is the step that writes word t.",
            lambda w, known: measured(np.roll(w, -1, axis=0), known),
        ),
        (
            "You sum the weight on the origins. Here only the largest weight of a word counts.",
            lambda w, known: (w * as_table(known, w.shape)).sum(1)[
                as_table(known, w.shape).any(1)
            ].mean(),
        ),
        (
            "You take the smallest weight: argmax.",
            lambda w, known: measured(w, known, best=lambda w: w.argmin(axis=1)),
        ),
        (
            "This is the number of words that are right; divide by how many have a pair.",
            lambda w, known: measured(w, known) * len(set(known[:, 0].tolist())),
        ),
        (
            "This is the share of the words that are wrong.",
            lambda w, known: 1 - measured(w, known),
        ),
        (
            "You count every weight above one half. A word's largest weight may be smaller.",
            lambda w, known: np.mean(
                (w * as_table(known, w.shape)).max(1)[as_table(known, w.shape).any(1)] > 0.5
            ),
        ),
        (
            "A percentage; hand back a share between 0 and 1.",
            lambda w, known: 100 * measured(w, known),
        ),
    ],
)  # fmt: skip
