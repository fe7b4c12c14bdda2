"""The bank of chapter 5.4: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch

from attn_helpers.checks import ch05
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "the traceback shows the line"


# ---- fewest_pieces ----
def fewest(known):
    n = len(known) - 1
    best = np.full(n + 1, n + 1)
    best[0] = 0
    for b in range(1, n + 1):
        best[b] = min(n + 1, 1 + best[:b][known[:b, b]].min(initial=n))
    return np.where(best > n, -1, best)


def fewest_by_breadth(known):
    """Walk: one piece more at each step, from all letters that are reached."""
    n = len(known) - 1
    counts, reached, step = [0] + [-1] * n, {0}, 0
    while reached:
        step += 1
        reached = {b for a in reached for b in range(a + 1, n + 1) if known[a, b]}
        reached = {b for b in reached if counts[b] < 0}
        for b in reached:
            counts[b] = step
    return counts


def fewest_by_powers(known):
    """Products of the table: walks of 0, 1, 2 ... pieces from the first letter."""
    walk, counts = np.eye(len(known))[0], np.full(len(known), -1.0)
    for step in range(len(known)):
        counts[(walk > 0) & (counts < 0)] = step
        walk = walk @ known
    return counts


def fewest_by_torch(known):
    return torch.from_numpy(fewest(np.array(known)))


def counted(known, choose, start=0, unreached=False):
    best = [start]
    for b in range(1, len(known)):
        ways = [1 + best[a] for a in range(b) if known[a, b] and (unreached or best[a] > -1)]
        best.append(choose(ways) if ways else -1)
    return np.array(best)


def by_greed(known):
    def cut(b, start=0):
        if start == b:
            return 0
        ends = [end for end in range(start + 1, b + 1) if known[start, end]]
        rest = cut(b, ends[-1]) if ends else -1
        return -1 if rest < 0 else 1 + rest

    return [cut(b) for b in range(len(known))]


def ways(known):
    found = np.eye(len(known))[0]
    for b in range(1, len(known)):
        found[b] = found[:b] @ known[:b, b]
    return found


def reads_on(known):
    """Takes what no pieces reach for the start of a word."""
    best = [0]
    for b in range(1, len(known)):
        found = [1 + max(best[a], 0) for a in range(b) if known[a, b]]
        best.append(min(found, default=-1))
    return best


def fewest_in_place(known):
    counts = fewest(known)
    known[:] = False
    return counts


# ---- mean_pool ----
def zeroed(x, keep):
    return np.where(keep[..., None], x, 0)


def unit(x):
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


def pool(x, keep):
    return unit(zeroed(x, keep).sum(1))


def pool_by_loop(x, keep):
    rows = [
        np.mean([v for v, k in zip(*one, strict=True) if k], 0) for one in zip(x, keep, strict=True)
    ]
    return [row / np.linalg.norm(row) for row in rows]


def pool_by_masked_array(x, keep):
    hidden = np.broadcast_to(~keep[..., None], x.shape)
    return unit(np.ma.array(x, mask=hidden).mean(1).filled(0))


def pool_by_torch(x, keep):
    x, keep = torch.from_numpy(np.array(x)), torch.from_numpy(np.array(keep))
    mean = x.masked_fill(~keep[..., None], 0).sum(1) / keep.sum(1, keepdim=True)
    return torch.nn.functional.normalize(mean, dim=-1)


def pool_sum(x, keep):
    return zeroed(x, keep).sum(1)


def first_ones(x, keep):
    return np.stack([unit(one[: k.sum()].sum(0)) for one, k in zip(x, keep, strict=True)])


def without_last(x, keep):
    return np.stack([unit(one[k][:-1].sum(0)) for one, k in zip(x, keep, strict=True)])


def pool_in_place(x, keep):
    x[~keep] = 0
    return unit(x.sum(1))


# ---- reciprocal_rank ----
def mrr(similarity, right):
    top = np.where(right, similarity, -np.inf).max(1, keepdims=True)
    return np.mean(1 / (1 + (similarity > top).sum(1)))


def mrr_by_loop(similarity, right):
    found = []
    for scores, answers in zip(similarity, right, strict=True):
        order = sorted(range(len(scores)), key=lambda topic: -scores[topic])
        found.append(1 / next(place for place, t in enumerate(order, 1) if answers[t]))
    return sum(found) / len(found)


def mrr_by_order(similarity, right):
    """Right topics in the order of the places: the first True."""
    sorted_right = np.take_along_axis(right, np.argsort(-similarity, 1), 1)
    return (1 / (sorted_right.argmax(1) + 1)).mean()


def mrr_by_torch(similarity, right):
    order = torch.from_numpy(np.array(similarity)).argsort(1, descending=True)
    hits = torch.from_numpy(np.array(right)).gather(1, order)
    return (1 / (hits.double().argmax(1) + 1)).mean()


def places(similarity):
    return 1 + (similarity[:, None] > similarity[..., None]).sum(-1)


def best_place(similarity, right):
    return np.where(right, places(similarity), 99).min(1)


def zeros_for_wrong(similarity, right):
    top = (similarity * right).max(1, keepdims=True)
    return np.mean(1 / (1 + (similarity > top).sum(1)))


def of_first_in_list(similarity, right):
    top = similarity[np.arange(len(right)), right.argmax(1)][:, None]
    return np.mean(1 / (1 + (similarity > top).sum(1)))


def places_by_one_sort(similarity, right):
    return (1 / np.where(right, np.argsort(-similarity) + 1, 99).min(1)).mean()


def by_difference(similarity, right):
    top = np.where(right, similarity, -np.inf).max(1)
    return np.mean(1 / (1 + similarity.max(1) - top))


def mrr_in_place(similarity, right):
    similarity *= -1
    return mrr(-similarity, right)


RIGHT = {
    "fewest_pieces": [fewest, fewest_by_breadth, fewest_by_powers, fewest_by_torch],
    "mean_pool": [pool, pool_by_loop, pool_by_masked_array, pool_by_torch],
    "reciprocal_rank": [mrr, mrr_by_loop, mrr_by_order, mrr_by_torch],
}

WRONG = {
    "fewest_pieces": [
        (by_greed, "what greedy takes"),
        (lambda known: counted(known, max), "*largest* number"),
        (lambda known: counted(known, min, start=1), "fewest[0] is 0"),
        (lambda known: fewest(known) - (fewest(known) > 0), "cuts between"),
        (lambda known: counted(known, min, unreached=True), "-1 + 1 looks like few"),
        (ways, "number of ways"),
        (lambda known: fewest(known) > -1, "whether a beginning"),
        (lambda known: np.where(known[0], 1, [0] + [-1] * (len(known) - 1)), "one piece alone"),
        (lambda known: counted(known, lambda found: found[0]), "take the longest"),
        (lambda known: counted(known, lambda found: found[-1]), "take the shortest"),
        (lambda known: fewest(np.rot90(known, 2).T)[::-1], "*from* a"),
        (lambda known: fewest(known)[1:], "first entry is missing"),
        (lambda known: fewest(known)[-1], "whole word"),
        (lambda known: fewest(known).clip(0), "stands 0"),
        (lambda known: np.where(fewest(known) < 0, np.inf, fewest(known)), "stands infinity"),
        (lambda known: counted(known.T, min), "turned round"),
        (reads_on, "add 1 to the least"),
        (lambda known: fewest(known) ** 2, "add 1 to the least"),
        (lambda known: fewest(known) if len(known) > 2 else [0], "n + 1 entries"),
        (lambda known: fewest(known)[:, None], SHAPE),
        (lambda known: known["un"], RAISED),
        (fewest_in_place, "belongs to the caller"),
    ],
    "mean_pool": [
        (lambda x, keep: unit(x.mean(1)), "filling is in your mean"),
        (lambda x, keep: zeroed(x, keep).sum(1) / keep.sum(1)[:, None], "not yet of length 1"),
        (lambda x, keep: zeroed(x, keep).sum(1), "This is the sum"),
        (lambda x, keep: zeroed(x, keep).mean(1), "longest text"),
        (lambda x, keep: unit(x[:, 0]), "first token's"),
        (lambda x, keep: unit(np.where(keep[..., None], x, -1e9).max(1)), "the largest of each"),
        (lambda x, keep: unit(zeroed(x, ~keep).sum(1)), "turned round"),
        (lambda x, keep: unit(zeroed(unit(x), keep).sum(1)), "before the mean"),
        (lambda x, keep: pool_sum(x, keep) / np.linalg.norm(pool_sum(x, keep)), "whole array"),
        (lambda x, keep: pool_sum(x, keep) / pool_sum(x, keep).sum(1)[:, None], "sum to 1"),
        (lambda x, keep: pool_sum(x, keep) / (pool_sum(x, keep) ** 2).sum(1)[:, None], "square"),
        (lambda x, keep: x / np.linalg.norm(x, axis=2)[..., None], "not summed"),
        (lambda x, keep: unit(zeroed(x, keep).sum(0)), SHAPE),
        (without_last, "the last token"),
        (lambda x, keep: pool(x, keep) + 1, "Sum over axis 1"),
        (lambda x, keep: unit((x * keep[..., None]).sum(1)), "0 times infinity"),
        (first_ones, "Do not count on the first tokens"),
        (lambda x, keep: pool(x, keep).squeeze(), "no `squeeze`"),
        (lambda x, keep: pool(x, keep)[:, None], SHAPE),
        (lambda x, keep: pool(x, keep[:, :-1]), RAISED),
        (pool_in_place, "belongs to the caller"),
    ],
    "reciprocal_rank": [
        (lambda s, r: mrr(-s, r), "least similar"),
        (lambda s, r: (1 / (1 + best_place(s, r))).mean(), "One too many"),
        (lambda s, r: best_place(s, r).mean(), "the mean place"),
        (lambda s, r: 1 / best_place(s, r).mean(), "take the mean first"),
        (lambda s, r: (1 / (places(s) * r).max(1)).mean(), "*worst* right topic"),
        (lambda s, r: (1 / places(s))[r].mean(), "over all right topics"),
        (lambda s, r: (r / places(s)).sum(1).mean(), "adds up"),
        (of_first_in_list, "first in the list"),
        (places_by_one_sort, "sort twice"),
        (lambda s, r: (1 / best_place(s, r)).sum(), "This is the sum"),
        (lambda s, r: 1 / best_place(s, r), "for each question"),
        (lambda s, r: r[np.arange(len(r)), s.argmax(1)].mean(), "first places alone"),
        (lambda s, r: (1 / np.where(r, places(s.T).T, 99).min(1)).mean(), "axis 1"),
        (lambda s, r: 100 * mrr(s, r), "percentage"),
        (by_difference, "difference of similarities"),
        (zeros_for_wrong, "-infinity, and not 0"),
        (lambda s, r: mrr(s, r) + 1, "How many topics"),
        (lambda s, r: np.array([mrr(s, r)]), SHAPE),
        (lambda s, r: r[s], RAISED),
        (lambda s, r: print(end=""), "Is a `return` missing"),
        (mrr_in_place, "belongs to the caller"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)
