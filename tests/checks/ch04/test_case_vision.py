"""The bank of chapter 4.5: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers import attention
from attn_helpers.checks import ch04
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


# ---- attention_pool ----
def pool(x, q):
    w = softmax(x @ q / math.sqrt(len(q)))
    return np.einsum("...n,...nd->...d", w, x), w


def pool_by_attention(x, q):
    out, w = attention(np.broadcast_to(q, (*x.shape[:-2], 1, len(q))), x, x)
    return out[..., 0, :], w[..., 0, :]


def pool_by_loop(x, q):
    if x.ndim > 2:
        both = [pool_by_loop(each, q) for each in x]
        return [b[0] for b in both], [b[1] for b in both]
    scores = [sum(a * b for a, b in zip(row, q, strict=True)) / len(q) ** 0.5 for row in x]
    e = [math.exp(s - max(scores)) for s in scores]
    w = [each / sum(e) for each in e]
    return [sum(w[i] * x[i][j] for i in range(len(x))) for j in range(len(q))], w


def pool_by_torch(x, q):
    x, q = torch.tensor(np.array(x)), torch.tensor(np.array(q))
    w = (x @ q / len(q) ** 0.5).softmax(-1)
    return (w.unsqueeze(-2) @ x).squeeze(-2), w


def weighed(weigh):
    def answer(x, q):
        w = weigh(x @ q, x, q)
        return np.einsum("...n,...nd->...d", w, x), w

    return answer


def overflowing(x, q):
    e = np.exp(x @ q / np.sqrt(len(q)))
    w = e / e.sum(-1, keepdims=True)
    return (w[..., None] * x).sum(-2), w


def only_two_axes(x, q):
    w = softmax(x @ q / np.sqrt(len(q)), 0)
    return w @ x, w


def pool_in_place(x, q):
    q /= np.sqrt(len(q))
    w = softmax(x @ q)
    return (w[..., None] * x).sum(-2), w


# ---- share_in_box ----
def share(w, box, size):
    rows, columns = (np.arange(n) * size for n in w.shape)
    x0, y0, x1, y1 = box
    wide = np.clip(np.minimum(columns + size, x1) - np.maximum(columns, x0), 0, None)
    high = np.clip(np.minimum(rows + size, y1) - np.maximum(rows, y0), 0, None)
    return high @ w @ wide / size**2


def share_by_loop(w, box, size):
    total = 0.0
    for row in range(len(w)):
        for column in range(len(w[0])):
            wide = min((column + 1) * size, box[2]) - max(column * size, box[0])
            high = min((row + 1) * size, box[3]) - max(row * size, box[1])
            total += w[row][column] * max(wide, 0) * max(high, 0) / size**2
    return total


def share_by_integral(w, box, size):
    """Cumulative weight at any point, linear between the patches' edges."""
    total = np.zeros((w.shape[0] + 1, w.shape[1] + 1))
    total[1:, 1:] = w.cumsum(0).cumsum(1)

    def upto(x, y):
        at = np.array([np.interp(x / size, np.arange(total.shape[1]), row) for row in total])
        return np.interp(y / size, np.arange(len(total)), at)

    x0, y0, x1, y1 = box
    return upto(x1, y1) - upto(x0, y1) - upto(x1, y0) + upto(x0, y0)


def whole(w, box, size, low, high):
    x0, y0, x1, y1 = (float(z) / size for z in box)
    return w[int(low(y0)) : int(high(y1)), int(low(x0)) : int(high(x1))].sum()


def in_pixels(w, box, size):
    fine = np.kron(w, np.ones((size, size))) / size**2
    x0, y0, x1, y1 = (int(z) for z in box)
    return fine[y0:y1, x0:x1].sum()


def uncut(w, box, size):
    rows, columns = (np.arange(n) * size for n in w.shape)
    x0, y0, x1, y1 = box
    wide = np.minimum(columns + size, x1) - np.maximum(columns, x0)
    high = np.minimum(rows + size, y1) - np.maximum(rows, y0)
    return (w * (np.outer(high, wide)).clip(0)).sum() / size**2


def by_middle(w, box, size):
    y, x = np.indices(w.shape) * size + size / 2
    return w[(x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])].sum()


def share_in_place(w, box, size):
    box /= size
    rows, columns = (np.arange(n) for n in w.shape)
    wide = (np.minimum(columns + 1, box[2]) - np.maximum(columns, box[0])).clip(0)
    high = (np.minimum(rows + 1, box[3]) - np.maximum(rows, box[1])).clip(0)
    return high @ w @ wide


# ---- iou ----
def sides(a, b):
    return np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])


def area(a):
    return (a[..., 2:] - a[..., :2]).prod(-1)


def iou(a, b):
    both = np.maximum(sides(a, b), 0).prod(-1)
    return both / (area(a) + area(b) - both)


def iou_by_loop(a, b):
    if np.ndim(a) > 1 or np.ndim(b) > 1:
        a, b = np.broadcast_arrays(a, b)
        return [iou_by_loop(*pair) for pair in zip(a, b, strict=True)]
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = wide * high if wide > 0 and high > 0 else 0.0
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def iou_by_columns(a, b):
    ax0, ay0, ax1, ay1 = np.moveaxis(a, -1, 0)
    bx0, by0, bx1, by1 = np.moveaxis(b, -1, 0)
    wide = np.clip(np.minimum(ax1, bx1) - np.maximum(ax0, bx0), 0, None)
    high = np.clip(np.minimum(ay1, by1) - np.maximum(ay0, by0), 0, None)
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - wide * high
    return wide * high / union


def iou_by_torch(a, b):
    return torch.from_numpy(np.asarray(iou(np.array(a), np.array(b))))


def both_of(a, b):
    return sides(a, b).clip(0).prod(-1)


def uncut_iou(a, b):
    both = sides(a, b).prod(-1)
    return both / (area(a) + area(b) - both)


def from_sizes(a, b):
    a, b = (np.concatenate([z[..., :2], z[..., :2] + z[..., 2:]], -1) for z in (a, b))
    return iou(a, b)


def hull(a, b):
    return (np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2])).prod(-1)


def iou_in_place(a, b):
    a[..., 2:] -= a[..., :2]
    b[..., 2:] -= b[..., :2]
    ends = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    both = (ends - np.maximum(a[..., :2], b[..., :2])).clip(0).prod(-1)
    return both / (a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both)


# ---- box_of_mask ----
def box(mask):
    y, x = np.nonzero(mask)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


def box_by_argmax(mask):
    columns, rows = mask.any(0), mask.any(1)
    return (
        columns.argmax(),
        rows.argmax(),
        len(columns) - columns[::-1].argmax(),
        len(rows) - rows[::-1].argmax(),
    )


def box_by_loop(mask):
    x0, y0, x1, y1 = mask.shape[1], mask.shape[0], 0, 0
    for y, row in enumerate(mask):
        for x, here in enumerate(row):
            if here:
                x0, y0, x1, y1 = min(x, x0), min(y, y0), max(x + 1, x1), max(y + 1, y1)
    return [x0, y0, x1, y1]


def box_in_place(mask):
    found = box(mask)
    mask[:] = False
    return found


def reading_order(mask):
    y, x = np.nonzero(mask)
    return np.array([x[0], y[0], x[-1] + 1, y[-1] + 1])


RIGHT = {
    "attention_pool": [pool, pool_by_attention, pool_by_loop, pool_by_torch],
    "share_in_box": [share, share_by_loop, share_by_integral],
    "iou": [iou, iou_by_loop, iou_by_columns, iou_by_torch],
    "box_of_mask": [box, box_by_argmax, box_by_loop, lambda m: list(box(m))],
}

WRONG = {
    "attention_pool": [
        (weighed(lambda s, x, q: softmax(s)), "scale is missing"),
        (weighed(lambda s, x, q: softmax(s / len(q))), "divide by its root"),
        (weighed(lambda s, x, q: softmax(s * len(q) ** 0.5)), "multiply by the root"),
        (weighed(lambda s, x, q: softmax(s / x.shape[-2] ** 0.5)), "number of features, d"),
        (weighed(lambda s, x, q: softmax(-s / len(q) ** 0.5)), "turned round"),
        (weighed(lambda s, x, q: s / len(q) ** 0.5), "Softmax is missing"),
        (weighed(lambda s, x, q: np.ones_like(s) / s.shape[-1]), "mean pooling"),
        (weighed(lambda s, x, q: np.eye(s.shape[-1])[s.argmax(-1)]), "best row alone"),
        (weighed(lambda s, x, q: np.exp(s / len(q) ** 0.5)), "do not sum to one"),
        (lambda x, q: (pool(x, q)[0] / x.shape[-2], pool(x, q)[1]), "divided by n once more"),
        (lambda x, q: (x.mean(-2), pool(x, q)[1]), "plain mean"),
        (lambda x, q: (pool(x, q)[1][..., None] * x, pool(x, q)[1]), "not yet summed"),
        (lambda x, q: ((pool(x, q)[1][..., None] * x).sum(-1), pool(x, q)[1]), "axis -2"),
        (lambda x, q: pool(x, q)[::-1], "other order"),
        (lambda x, q: pool(x, q)[0], "return out, weights"),
        (lambda x, q: (pool(x, q)[0] + 1, pool(x, q)[1]), "One score for each row"),
        (overflowing, "overflows"),
        (only_two_axes, "Count axes from the end"),
        (lambda x, q: tuple(z.squeeze() for z in pool(x, q)), "avoid `squeeze`"),
        (lambda x, q: pool(x, q[:, None]), SHAPE),
        (lambda x, q: pool(x @ q, q), RAISED),
        (pool_in_place, "belongs to the caller"),
    ],
    "share_in_box": [
        (lambda w, b, s: share(w, b[[1, 0, 3, 2]], s), "swapped"),
        (lambda w, b, s: share(w.T, b, s), "swapped"),
        (lambda w, b, s: whole(w, b, s, math.floor, math.ceil), "that the box touches"),
        (lambda w, b, s: whole(w, b, s, math.ceil, math.floor), "wholly inside"),
        (lambda w, b, s: whole(w, b, s, math.floor, math.floor), "round the box"),
        (by_middle, "when its middle"),
        (lambda w, b, s: share(np.ones(w.shape) / w.size, b, s), "share of area"),
        (lambda w, b, s: share(np.ones(w.shape), b, s), "number of patches"),
        (lambda w, b, s: share(w, b, s) / share(np.ones(w.shape), b, s), "divide by the covered"),
        (lambda w, b, s: share(w, b, s) / share(np.ones(w.shape) / w.size, b, s), "compare with"),
        (lambda w, b, s: share(w, b, s) * s * s, "area of a patch"),
        (lambda w, b, s: share(w, b, s) * s, "side of a patch"),
        (lambda w, b, s: 1 - share(w, b, s), "outside the box"),
        (lambda w, b, s: share(w, b + [0, 0, b[0], b[1]], s), "width and height"),
        (lambda w, b, s: share(w, b + [0, 0, 1, 1], s), "once more"),
        (in_pixels, "min of the ends"),
        (lambda w, b, s: np.array([share(w, b, s)]), SHAPE),
        (lambda w, b, s: w, SHAPE),
        (lambda w, b, s: b.shape[4], RAISED),
        (share_in_place, "belongs to the caller"),
    ],
    "iou": [
        (lambda a, b: both_of(a, b) / (area(a) + area(b)), "counts the shared part twice"),
        (lambda a, b: 2 * both_of(a, b) / (area(a) + area(b)), "Dice"),
        (lambda a, b: both_of(a, b) / area(a), "first box"),
        (lambda a, b: both_of(a, b) / area(b), "second box"),
        (lambda a, b: both_of(a, b) / np.minimum(area(a), area(b)), "smaller box"),
        (lambda a, b: both_of(a, b) / np.maximum(area(a), area(b)), "larger box"),
        (lambda a, b: both_of(a, b) / hull(a, b), "around both"),
        (both_of, "area of the intersection"),
        (lambda a, b: area(a) + area(b) - both_of(a, b), "area of the union"),
        (lambda a, b: 1 - iou(a, b), "a distance"),
        (lambda a, b: both_of(a, b) / (area(a) + area(b) + both_of(a, b)), "take it off"),
        (lambda a, b: hull(a, b) / (area(a) + area(b) - hull(a, b)), "max and min are swapped"),
        (from_sizes, "width and height"),
        (lambda a, b: iou(a + [0, 0, 1, 1], b + [0, 0, 1, 1]), "one pixel too large"),
        (lambda a, b: iou(a, b).mean(), "mean over the boxes"),
        (lambda a, b: iou(a.astype(int), b.astype(int)), "cut the boxes to whole pixels"),
        (lambda a, b: iou(a.round(), b.round()), "round the boxes"),
        (lambda a, b: 100 * iou(a, b), "percentage"),
        (uncut_iou, "cut each at 0"),
        (lambda a, b: iou(a, b)[:, None], SHAPE),
        (lambda a, b: iou(a, b).reshape(-1), "Index the last axis"),
        (iou_in_place, "belongs to the caller"),
    ],
    "box_of_mask": [
        (lambda m: box(m)[[1, 0, 3, 2]], "swapped"),
        (lambda m: box(m) - [0, 0, 1, 1], "one too small"),
        (lambda m: (box(m) - [0, 0, 1, 1])[[1, 0, 3, 2]], "swapped, and"),
        (lambda m: np.r_[box(m)[:2], np.diff(box(m).reshape(2, 2), axis=0)[0]], "width and height"),
        (lambda m: box(m)[[0, 2, 1, 3]], "x0, x1, y0, y1 in yours"),
        (lambda m: box(m)[[1, 3, 0, 2]], "y0, y1, x0, x1 in yours"),
        (lambda m: np.array([0, 0, *m.shape[::-1]]), "whole picture"),
        (lambda m: box(m) - [1, 1, 0, 0], "at its start"),
        (reading_order, "reading order"),
        (lambda m: (*box(m)[:2], *(box(m)[:2] + [m.any(0).sum(), m.any(1).sum()])), "the gaps"),
        (lambda m: box(m[::-1]), "upside down"),
        (lambda m: box(m[:, ::-1]), "mirrored"),
        (lambda m: (*(box(m)[:2] + box(m)[2:]) / 2, *(box(m)[2:] - box(m)[:2])), "a middle"),
        (lambda m: box(m)[None], SHAPE),
        (lambda m: box(m) + 1, "Which columns"),
        (lambda m: box(m) + (m.sum() == 1), "One pixel has"),
        (lambda m: box(np.argwhere(m)[9]), RAISED),
        (box_in_place, "belongs to the caller"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch04, RIGHT, WRONG)
