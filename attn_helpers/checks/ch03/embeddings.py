"""Exercises of chapter 3.1: a table of pairs, a loss, its gradient, nearest neighbours."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["nearest", "negative_sampling_gradient", "negative_sampling_loss", "pair_counts"]

DRAW = np.random.default_rng(31)
TOKENS = np.array([3, 1, 4, 1, 1, 0, 3, 5, 4])
U, C = DRAW.standard_normal((2, 5, 3))
NOISE = DRAW.standard_normal((5, 6, 3))
VECTORS = DRAW.standard_normal((7, 4)) * np.arange(1, 8)[:, None]
TWINS = np.vstack([VECTORS, 2 * VECTORS[:3], 0.5 * VECTORS[:3]])


def one_sided(tokens, n_words, steps):
    """Count each word, down, with the words at some distances after it."""
    table = np.zeros((n_words, n_words))
    for step in steps:
        np.add.at(table, (tokens[: len(tokens) - step], tokens[step:]), 1)
    return table


def count(tokens, n_words, window):
    """Count both sides."""
    after = one_sided(tokens, n_words, range(1, min(window, len(tokens)) + 1))
    return after + after.T


def fading(tokens, n_words, window):
    """Count a pair less the further it is apart."""
    steps = range(1, min(window, len(tokens)) + 1)
    after = sum(one_sided(tokens, n_words, [step]) / step for step in steps)
    return after + after.T


def once_a_step(tokens, n_words, window):
    """Let a pair that comes again at the same distance count once."""
    steps = range(1, min(window, len(tokens)) + 1)
    after = sum(np.minimum(one_sided(tokens, n_words, [step]), 1) for step in steps)
    return after + after.T


pair_counts = Exercise(
    "pair_counts",
    count,
    properties=[
        Property(
            "counts each word with every word at most `window` places before or after it",
            [(TOKENS, 6, 3), (TOKENS[::-1], 7, 4), (TOKENS[:5], 6, 1)],
            "For position i, go through the positions from i - window to i + window that exist, "
            "without i itself.",
        ),
        Property(
            "takes one word, words that never occur, and a window wider than the text",
            [(TOKENS[:1], 5, 2), (TOKENS[:2], 9, 3), (TOKENS, 6, 20), (np.array([2, 2, 2]), 3, 5)],
            "Positions before 0 do not exist: in Python -1 is the last one.",
        ),
    ],
    mistakes=[
        (
            "A pair that comes again must count again: `table[i, j] += 1` with whole arrays adds "
            "once. Use np.add.at, or a loop.",
            lambda t, n, w: np.minimum(count(t, n, w), 1),
        ),
        (
            "A pair that comes again at the same distance must count again: "
            "`table[tokens[step:], tokens[:-step]] += 1` adds once. Use np.add.at.",
            once_a_step,
        ),
        (
            "A position is no context of itself: leave it out.",
            lambda t, n, w: count(t, n, w) + np.diag(np.bincount(t, minlength=n)),
        ),
        (
            "A word can stand beside itself. Leave out the position, not the word.",
            lambda t, n, w: count(t, n, w) * (1 - np.eye(n)),
        ),
        (
            "The words before count, too.",
            lambda t, n, w: one_sided(t, n, range(1, min(w, len(t)) + 1)),
        ),
        (
            "The words after count, too.",
            lambda t, n, w: one_sided(t, n, range(1, min(w, len(t)) + 1)).T,
        ),
        (
            "The window's last place is missing: `range` stops early.",
            lambda t, n, w: count(t, n, w - 1),
        ),
        ("Your window is one place too wide.", lambda t, n, w: count(t, n, w + 1)),
        (
            "The window is that wide on each side.",
            lambda t, n, w: count(t, n, w // 2),
        ),
        (
            "You count only the words at distance `window`; take the nearer ones, too.",
            lambda t, n, w: count(t, n, w) - count(t, n, w - 1),
        ),
        (
            "You have counted each pair from both of its ends.",
            lambda t, n, w: 2 * count(t, n, w),
        ),
        (
            "Here every pair in the window counts 1, near or far.",
            fading,
        ),
        (
            "You have turned the counts into shares.",
            lambda t, n, w: count(t, n, w) / np.maximum(count(t, n, w).sum(1, keepdims=True), 1),
        ),
    ],
)


def sigmoid(x):
    """Logistic function that does not overflow."""
    return 0.5 * (1 + np.tanh(x / 2))


def scores(u, c, noise):
    """Return dot products with the context, (n,), and with the noise, (n, k)."""
    return (u * c).sum(axis=1), (noise @ u[:, :, None])[:, :, 0]


def cost(x):
    """Return -ln sigmoid(x)."""
    return np.logaddexp(0, -x)


def loss(u, c, noise):
    """Return the cost of a context called noise, and of noise called context."""
    right, wrong = scores(u, c, noise)
    return cost(right) + cost(-wrong).sum(axis=1)


def softmax_loss(u, c, noise):
    """Let the context compete with its own noise words."""
    right, wrong = scores(u, c, noise)
    return np.logaddexp(right, np.logaddexp.reduce(wrong, axis=1)) - right


LOSS_HINT = (
    "The loss of a pair is -ln sigmoid(u . c) for its context, and -ln sigmoid(-u . z) for each "
    "noise word z, all added up."
)

negative_sampling_loss = Exercise(
    "negative_sampling_loss",
    loss,
    properties=[
        Property(
            "adds up the cost of the context and of each noise word, pair by pair",
            [
                (U, C, NOISE),
                (2 * C[:3], U[:3], NOISE[:3, :2]),
                (U[:2, :1], C[:2, :1], NOISE[:2, :, :1]),
            ],
            LOSS_HINT,
        ),
        Property(
            "stays finite and right for scores of 1,000, of either sign",
            [(30 * U, 30 * C, 30 * NOISE), (-30 * U, 30 * C, 30 * NOISE), (1e3 * U, C, NOISE)],
            "-ln sigmoid(x) is ln(1 + exp(-x)), which is np.logaddexp(0, -x). Clipping or adding "
            "a small number changes the loss.",
        ),
        Property(
            "takes one pair, and one noise word",
            [(U[:1], C[:1], NOISE[:1]), (U, C, NOISE[:, :1]), (U[:1], C[:1], NOISE[:1, :1])],
            "Avoid `squeeze`: the result has one entry for each pair.",
        ),
    ],
    mistakes=[
        (
            "The noise words should get a *low* probability: -ln sigmoid(-score) for them.",
            lambda u, c, z: cost(scores(u, c, z)[0]) + cost(scores(u, c, z)[1]).sum(1),
        ),
        (
            "The two are exchanged: the context should score high, the noise low.",
            lambda u, c, z: cost(-scores(u, c, z)[0]) + cost(scores(u, c, z)[1]).sum(1),
        ),
        (
            "This is the log-probability, which is to be large. The loss is minus that.",
            lambda u, c, z: -loss(u, c, z),
        ),
        (
            "The noise words are added up, not averaged.",
            lambda u, c, z: cost(scores(u, c, z)[0]) + cost(-scores(u, c, z)[1]).mean(1),
        ),
        ("The noise words are missing.", lambda u, c, z: cost(scores(u, c, z)[0])),
        ("The context is missing.", lambda u, c, z: cost(-scores(u, c, z)[1]).sum(1)),
        (
            "This is softmax over the context and its noise. Here each word is judged alone, by "
            "a sigmoid.",
            softmax_loss,
        ),
        ("Use the natural logarithm, np.log.", lambda u, c, z: loss(u, c, z) / np.log(2)),
        (
            "This is how far the probabilities are off. Take minus their logarithm.",
            lambda u, c, z: sigmoid(-scores(u, c, z)[0]) + sigmoid(scores(u, c, z)[1]).sum(1),
        ),
        (
            "The scores are plain dot products; nothing is divided by the square root of d.",
            lambda u, c, z: loss(u / np.sqrt(u.shape[1]), c, z),
        ),
        (
            "You use the noise of the first pair for every pair.",
            lambda u, c, z: loss(u, c, np.repeat(z[:1], len(u), axis=0)),
        ),
        (
            "Return a number for each pair, not their mean.",
            lambda u, c, z: loss(u, c, z).mean(),
        ),
        (
            "Return a number for each pair, not their sum.",
            lambda u, c, z: loss(u, c, z).sum(),
        ),
    ],
)


def slope(u, c, noise, at_context=-1.0, at_noise=0.0):
    """Return the gradient for u; the two numbers are what is added to each sigmoid."""
    right, wrong = scores(u, c, noise)
    by_context = (sigmoid(right) + at_context)[:, None] * c
    return by_context + ((sigmoid(wrong) + at_noise)[:, :, None] * noise).sum(axis=1)


def squared_slope(u, c, noise):
    """Return the gradient of half the squared distance from 1 and 0."""
    right, wrong = (sigmoid(x) for x in scores(u, c, noise))
    by_context = ((right - 1) * right * (1 - right))[:, None] * c
    return by_context + ((wrong * wrong * (1 - wrong))[:, :, None] * noise).sum(axis=1)


negative_sampling_gradient = Exercise(
    "negative_sampling_gradient",
    slope,
    properties=[
        Property(
            "gives the slope of the loss for each entry of u",
            [
                (U, C, NOISE),
                (2 * C[:3], U[:3], NOISE[:3, :2]),
                (U[:2, :1], C[:2, :1], NOISE[:2, :, :1]),
            ],
            "Each word adds its error times its vector: sigmoid(score) - 1 for the context, "
            "sigmoid(score) for noise.",
        ),
        Property(
            "stays finite and right for scores of 1,000, of either sign",
            [(30 * U, 30 * C, 30 * NOISE), (-30 * U, 30 * C, 30 * NOISE)],
            "exp(x) / (1 + exp(x)) is inf / inf for a large x; 1 / (1 + exp(-x)) is not.",
        ),
        Property(
            "takes one pair, and one noise word",
            [(U[:1], C[:1], NOISE[:1]), (U, C, NOISE[:, :1]), (U[:1], C[:1], NOISE[:1, :1])],
            "Avoid `squeeze`: the result has the shape of u.",
        ),
    ],
    mistakes=[
        (
            "This points downhill. The gradient points uphill; a step goes against it.",
            lambda u, c, z: -slope(u, c, z),
        ),
        (
            "The context should score high: its error is sigmoid(score) - 1.",
            lambda u, c, z: slope(u, c, z, at_context=0),
        ),
        (
            "Noise should score low: its error is sigmoid(score), without the -1.",
            lambda u, c, z: slope(u, c, z, at_noise=-1),
        ),
        (
            "The two are exchanged: the -1 belongs to the context.",
            lambda u, c, z: slope(u, c, z, at_context=0, at_noise=-1),
        ),
        (
            "This is the gradient for c: the slope of u . c along u is c.",
            lambda u, c, z: (sigmoid(scores(u, c, z)[0]) - 1)[:, None] * u,
        ),
        ("The noise words are missing.", lambda u, c, z: slope(u, c, 0 * z)),
        ("The context is missing.", lambda u, c, z: slope(u, 0 * c, z)),
        (
            "The noise words are added up, not averaged.",
            lambda u, c, z: slope(u, c, 0 * z) + slope(u, 0 * c, z) / z.shape[1],
        ),
        (
            "The slope of -ln sigmoid(x) is sigmoid(x) - 1; you have one more factor, the slope "
            "of the sigmoid.",
            squared_slope,
        ),
        (
            "You use the noise of the first pair for every pair.",
            lambda u, c, z: slope(u, c, np.repeat(z[:1], len(u), axis=0)),
        ),
        (
            "Each row of u has its own gradient: do not average over the pairs.",
            lambda u, c, z: slope(u, c, z) / len(u),
        ),
        (
            "Each row of u has its own gradient: do not add up the pairs.",
            lambda u, c, z: slope(u, c, z).sum(axis=0),
        ),
    ],
)


def cosines(vectors):
    """Return the cosine between every two vectors."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def best(closeness, words, n):
    """List the n closest of each word's row, without the word."""
    closeness = closeness[words].astype(float)
    closeness[np.arange(len(words)), words] = -np.inf
    return (-closeness).argsort(axis=1, kind="stable")[:, :n]


def by_cosine(vectors, words, n):
    """List the nearest by angle."""
    return best(cosines(vectors), words, n)


def apart(vectors):
    """Return the distance between every two vectors."""
    return np.linalg.norm(vectors[:, None] - vectors, axis=-1)


def after_deleting(vectors, words, n):
    """Take the word out of its row, which renumbers the words behind it."""
    rows = [np.delete(cosines(vectors)[word], word) for word in words]
    return (-np.array(rows)).argsort(axis=1)[:, :n]


nearest = Exercise(
    "nearest",
    by_cosine,
    properties=[
        Property(
            "lists the n words with the largest cosine, best first, for each word asked",
            [(VECTORS, np.array([4, 0, 6]), 4), (VECTORS[:5, :3], np.array([1, 2]), 2)],
            "Divide every vector by its length; the cosines are then dot products. Sort them "
            "from large to small, and leave the word itself out.",
        ),
        Property(
            "leaves out the word itself, also where another has the same direction",
            [
                (TWINS[[0, 7, 1, 2]], np.array([0, 1]), 2),
                (TWINS[[7, 0, 3, 4]], np.array([1, 0]), 2),
            ],
            "The word need not come first in its own ranking: two words may have cosine 1. Set "
            "its own cosine to -np.inf before you sort.",
        ),
        Property(
            "takes one word, all other words, and the same word twice",
            [
                (VECTORS, np.array([5]), 2),
                (VECTORS, np.array([2, 3]), 6),
                (VECTORS, np.array([1, 1, 0]), 1),
            ],
            "The result has shape (n_q, n), whatever the sizes.",
        ),
    ],
    mistakes=[
        (
            "A word is not its own neighbour: leave it out.",
            lambda x, i, n: (-cosines(x)[i]).argsort(axis=1)[:, :n],
        ),
        (
            "This ranks by dot product, where long vectors win. Divide by the lengths first.",
            lambda x, i, n: best(x @ x.T, i, n),
        ),
        (
            "This ranks by distance, which the lengths decide. Divide by the lengths first.",
            lambda x, i, n: best(-apart(x), i, n),
        ),
        (
            "These are the farthest, or the nearest the wrong way round: sort -cosine.",
            lambda x, i, n: best(-cosines(x), i, n),
        ),
        (
            "These are the nearest, worst first: turn them round.",
            lambda x, i, n: by_cosine(x, i, n)[:, ::-1],
        ),
        (
            "You take the absolute value: opposite directions are not near.",
            lambda x, i, n: best(abs(cosines(x)), i, n),
        ),
        (
            "Deleting the word renumbers those behind it. Set its cosine to -np.inf instead.",
            after_deleting,
        ),
        (
            "Return who the neighbours are, their numbers, not their cosines.",
            lambda x, i, n: np.take_along_axis(cosines(x)[i], by_cosine(x, i, n), axis=1),
        ),
        (
            "Each *row* is a word: the length is taken along axis 1.",
            lambda x, i, n: best((x / (x**2).sum(axis=0)) @ x.T, i, n),
        ),
        (
            "This takes the mean off each vector first, which is a correlation.",
            lambda x, i, n: by_cosine(x - x.mean(axis=1, keepdims=True), i, n),
        ),
        (
            "You leave out the nearest one, too.",
            lambda x, i, n: by_cosine(x, i, n + 1)[:, 1:],
        ),
    ],
)
