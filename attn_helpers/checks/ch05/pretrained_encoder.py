"""Exercises of chapter 5.4: means without filling, words in few pieces, the rank of an answer.

The chapter's encoder reads English only; the exercises hold numbers alone.
"""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["fewest_pieces", "mean_pool", "reciprocal_rank"]

DRAW = np.random.default_rng(54)


# ---- fewest_pieces ----
def pieces(n, *spans):
    """Return the table of known pieces of a word of n letters: True at each (start, end)."""
    known = np.zeros((n + 1, n + 1), bool)
    known[tuple(np.transpose(spans))] = True
    return known


def word(n, share, seed):
    """Return the table of a word of n letters in which a share of all pieces is known."""
    return np.triu(np.random.default_rng(seed).random((n + 1, n + 1)) < share, 1)


def count(known, choose=min, start=0, step=1, reaches=lambda found: found >= 0):
    """Count the pieces of the first b letters, for each b; `choose` picks among the ways."""
    best = [start]
    for b in range(1, len(known)):
        ways = [best[a] + step for a in range(b) if known[a, b] and reaches(best[a])]
        best.append(choose(ways) if ways else -1)
    return np.array(best)


def greedy(known):
    """Count the pieces of the first b letters as WordPiece cuts them."""
    counts = []
    for b in range(len(known)):
        start = found = 0
        while 0 <= start < b:
            fits = np.flatnonzero(known[start, : b + 1])
            start, found = (fits[-1], found + 1) if len(fits) else (-1, -1)
        counts.append(found)
    return np.array(counts)


def n_ways(known):
    """Count the ways to cut the first b letters."""
    ways = [1]
    for b in range(1, len(known)):
        ways.append(sum(ways[a] for a in range(b) if known[a, b]))
    return np.array(ways)


def unreached(known, other):
    """Put another number in the place of -1."""
    counts = count(known)
    return np.where(counts < 0, other, counts)


# a word in which no two of the mistakes below give the same
WORD = word(9, 0.3, 233)

fewest_pieces = Exercise(
    "fewest_pieces",
    lambda known: count(known),
    properties=[
        Property(
            "is the least number of pieces for each beginning of the word",
            [(WORD,), (word(12, 0.25, 1),)],
            "The last piece of the first b letters goes from some a to b: add 1 to the least "
            "fewest[a] among those a with known[a, b].",
        ),
        Property(
            "is -1 where no pieces fit, and does not go on from there",
            [
                (pieces(4, (0, 2), (1, 3), (2, 4), (3, 4)),),
                (pieces(5, (1, 2), (2, 5), (1, 5)),),
                (pieces(3, (0, 1), (2, 3)),),
            ],
            "A piece that begins at an unreachable letter helps nobody: leave out those a whose "
            "fewest[a] is -1. Is no a left, fewest[b] is -1.",
        ),
        Property(
            "finds a way where greedy takes more, or is stuck",
            [
                (pieces(5, (0, 1), (0, 3), (1, 5), (3, 4), (4, 5)),),
                (pieces(3, (0, 1), (0, 2), (1, 3)),),
            ],
            "Look at all last pieces, not at the longest alone.",
        ),
        Property(
            "takes a word that is one piece, and a word of one letter",
            [(pieces(4, (0, 4), (0, 1), (1, 4)),), (pieces(1, (0, 1)),)],
            "The result has n + 1 entries, the first for no letters at all.",
        ),
    ],
    mistakes=[
        ("This is what greedy takes; look at all pieces, not at the longest alone.", greedy),
        ("This is the *largest* number of pieces; take the least.",
         lambda known: count(known, max)),
        ("No letters are made of no pieces: fewest[0] is 0.",
         lambda known: count(known, start=1)),
        ("You count the cuts between the pieces; pieces are one more.",
         lambda known: np.where(count(known) > 0, count(known) - 1, count(known))),
        ("You go on from letters that no pieces reach: -1 + 1 looks like few. Leave them out.",
         lambda known: count(known, reaches=lambda found: True)),
        ("This is the number of ways to cut; ask for the one with the fewest pieces.", n_ways),
        ("This says whether a beginning can be cut at all; count its pieces.",
         lambda known: count(known) >= 0),
        ("You allow one piece alone; a beginning may be made of several.",
         lambda known: np.where(np.arange(len(known)) == 0, 0, np.where(known[0], 1, -1))),
        ("Of the last pieces you take the longest; a shorter one may need fewer before it.",
         lambda known: count(known, lambda ways: ways[0])),
        ("Of the last pieces you take the shortest; a longer one may need fewer before it.",
         lambda known: count(known, lambda ways: ways[-1])),
        ("These are the counts for the letters *from* a to the end; count from the beginning.",
         lambda known: count(known[::-1, ::-1].T)[::-1]),
        ("The first entry is missing: the one for no letters at all.",
         lambda known: count(known)[1:]),
        ("This is the count for the whole word; return one for each beginning, n + 1 in all.",
         lambda known: count(known)[-1]),
        ("Where nothing fits stands 0, which belongs to no letters alone: put -1.",
         lambda known: unreached(known, 0)),
        ("Where nothing fits stands infinity: put -1 there in the end.",
         lambda known: unreached(known, np.inf)),
        ("Rows of `known` are starts and columns ends; you have them turned round.",
         lambda known: count(known.T)),
    ],
)  # fmt: skip


# ---- mean_pool ----
def texts(lengths, seq, d, filling=None):
    """Return x and keep for texts of some lengths, where the filling holds numbers."""
    keep = np.arange(seq) < np.array(lengths)[:, None]
    x = DRAW.standard_normal((len(lengths), seq, d))
    return (x if filling is None else np.where(keep[..., None], x, filling)), keep


def unit(x):
    """Bring the last axis to length 1."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def real(x, keep):
    """Return x with zeros in the filling."""
    return np.where(keep[..., None], x, 0)


mean_pool = Exercise(
    "mean_pool",
    lambda x, keep: unit(real(x, keep).sum(1)),
    properties=[
        Property(
            "is the mean of each text's tokens, brought to length 1",
            [texts([2, 4, 3], 5, 4), texts([3, 6], 7, 3)],
            "Sum over axis 1 with zeros in the filling, then divide each row by its length, "
            "np.linalg.norm(..., axis=-1, keepdims=True).",
        ),
        Property(
            "is not moved by what stands in the filling",
            [texts([2, 5, 3], 5, 4, 1e300), texts([6, 1], 6, 3, np.inf)],
            "0 times infinity is NaN: choose with np.where(keep[..., None], x, 0), in place of "
            "multiplying.",
        ),
        Property(
            "takes one text, one token, one number",
            [texts([4], 4, 3), texts([1, 1, 1], 1, 4), texts([2, 5, 1], 5, 1)],
            "Keep all axes: no `squeeze`, and keepdims=True where you divide.",
        ),
        Property(
            "takes filling at the start of a text, and in its middle",
            [(texts([4, 4], 4, 3)[0], np.array([[1, 0, 1, 0], [0, 1, 1, 1]], bool))],
            "Do not count on the first tokens being the real ones: `keep` says which are.",
        ),
    ],
    mistakes=[
        ("The filling is in your mean: put `keep` to use.", lambda x, keep: unit(x.mean(1))),
        ("The mean is right, and not yet of length 1.",
         lambda x, keep: real(x, keep).sum(1) / keep.sum(1, keepdims=True)),
        ("This is the sum: bring it to length 1.", lambda x, keep: real(x, keep).sum(1)),
        ("You divide by the length of the longest text, and the result has no length of 1.",
         lambda x, keep: real(x, keep).mean(1)),
        ("This is the first token's vector, [CLS]; take the mean of all.",
         lambda x, keep: unit(x[:, 0])),
        ("This is the largest of each number over the tokens; take the mean.",
         lambda x, keep: unit(np.where(keep[..., None], x, -np.inf).max(1))),
        ("`keep` is turned round: you take the mean of the filling.",
         lambda x, keep: unit(real(x, ~keep).sum(1))),
        ("Each token is brought to length 1 before the mean; do it after.",
         lambda x, keep: unit(real(unit(x), keep).sum(1))),
        ("You divide by the length of the whole array; each text has one of its own, axis=-1.",
         lambda x, keep: real(x, keep).sum(1) / np.linalg.norm(real(x, keep).sum(1))),
        ("The numbers of each vector sum to 1; its *length* should be 1, the root of the sum of "
         "squares.",
         lambda x, keep: real(x, keep).sum(1) / real(x, keep).sum(1).sum(-1, keepdims=True)),
        ("You divide by the square of the length; take the root.",
         lambda x, keep: real(x, keep).sum(1) / (real(x, keep).sum(1) ** 2).sum(-1, keepdims=True)),
        ("Each token is brought to length 1 and not summed: sum over axis 1.",
         lambda x, keep: unit(x)),
        ("This leaves out the last token of each text.",
         lambda x, keep: unit(real(x, keep & np.c_[keep[:, 1:], keep[:, 0] & False]).sum(1))),
    ],
)  # fmt: skip


# ---- reciprocal_rank ----
def quiz(n_questions, n_topics, n_right, seed=0):
    """Return similarities and right topics, as many as `n_right` says in turn."""
    rng = np.random.default_rng(seed)
    right = np.zeros((n_questions, n_topics), bool)
    for row in range(n_questions):
        some = n_right[row % len(n_right)]
        right[row, rng.choice(n_topics, some, replace=False)] = True
    return rng.standard_normal((n_questions, n_topics)), right


def ranks(similarity):
    """Return the place of every topic for every question, 1 for the most similar."""
    return 1 + np.argsort(np.argsort(-similarity, axis=1), axis=1)


def best_rank(similarity, right):
    """Return the place of each question's best right topic."""
    return np.where(right, ranks(similarity), similarity.shape[1]).min(axis=1)


def first_of(right):
    """Keep the first right topic of each question alone."""
    return right & (np.cumsum(right, axis=1) == 1)


reciprocal_rank = Exercise(
    "reciprocal_rank",
    lambda similarity, right: (1 / best_rank(similarity, right)).mean(),
    properties=[
        Property(
            "is the mean of 1, 1/2, 1/3 ... by the place of the best right topic",
            [quiz(7, 8, [1, 2, 3], 0), quiz(5, 9, [2, 1, 3], 1)],
            "How many topics are more similar than the best right one? Its place is one more. "
            "Take 1 / place for each question, and then the mean.",
        ),
        Property(
            "counts a question once, by its best right topic",
            [quiz(5, 6, [6, 1]), quiz(4, 5, [4, 5])],
            "Of several right topics the most similar one counts, and the others do not.",
        ),
        Property(
            "takes one question, one topic, and similarities below 0",
            [quiz(1, 5, [1]), quiz(3, 1, [1]), (-1 - quiz(4, 6, [2])[0] ** 2, quiz(4, 6, [2])[1])],
            "Keep the axes, keepdims=True, and make nothing of the sign of a similarity.",
        ),
    ],
    mistakes=[
        ("These are the least similar ones: the *most* similar topic has place 1.",
         lambda s, right: (1 / best_rank(-s, right)).mean()),
        ("One too many: the first place counts 1, the second 1/2.",
         lambda s, right: (1 / (1 + best_rank(s, right))).mean()),
        ("This is the mean place; take 1 / place for each question, and then the mean.",
         lambda s, right: best_rank(s, right).mean()),
        ("You take the mean first; take 1 / place for each question before.",
         lambda s, right: 1 / best_rank(s, right).mean()),
        ("This counts the *worst* right topic of a question; the best one counts.",
         lambda s, right: (1 / np.where(right, ranks(s), 0).max(1)).mean()),
        ("This is the mean over all right topics; count questions, each by its best one.",
         lambda s, right: (1 / ranks(s)[right]).mean()),
        ("This adds up all right topics of a question; the best one alone counts.",
         lambda s, right: np.where(right, 1 / ranks(s), 0).sum(1).mean()),
        ("Of several right topics this knows the first in the list; the most similar one counts.",
         lambda s, right: (1 / best_rank(s, first_of(right))).mean()),
        ("`argsort` says which topic is at each place, not which place each topic has: sort "
         "twice, or count the topics that are more similar.",
         lambda s, right: (
             1 / np.where(right, 1 + np.argsort(-s, axis=1), s.shape[1]).min(1)).mean()),
        ("This is the sum; divide by the number of questions.",
         lambda s, right: (1 / best_rank(s, right)).sum()),
        ("This is one number for each question; take the mean over them.",
         lambda s, right: 1 / best_rank(s, right)),
        ("This counts first places alone; a second place counts 1/2.",
         lambda s, right: (best_rank(s, right) == 1).mean()),
        ("You rank the questions for each topic; rank the topics for each question, axis 1.",
         lambda s, right: (1 / np.where(right, ranks(s.T).T, len(s)).min(1)).mean()),
        ("Put -infinity, and not 0, in the place of topics that are not right: similarities may be "
         "below 0.",
         lambda s, right: (1 / (1 + (s > (s * right).max(1, keepdims=True)).sum(1))).mean()),
        ("This is a percentage; return a number between 0 and 1.",
         lambda s, right: 100 * (1 / best_rank(s, right)).mean()),
        ("A place is a number of topics, and this is a difference of similarities: count.",
         lambda s, right: (
             1 / (1 + s.max(1) - np.where(right, s, -np.inf).max(1))).mean()),
    ],
)  # fmt: skip
