"""Exercises of chapter 4.5: attention pooling, the share of it in a box, IoU, a mask's box."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["attention_pool", "box_of_mask", "iou", "share_in_box"]

DRAW = np.random.default_rng(45)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def pooled(x, q):
    """Return out, the mean of the rows of x by their weights, and these weights."""
    weights = softmax(x @ q / np.sqrt(len(q)))
    return (weights[..., None] * x).sum(-2), weights


def pooled_by(weigh, pool=lambda w, x: (w[..., None] * x).sum(-2)):
    """Make a pooling with other weights, `weigh(scores, d)`, or another sum."""

    def answer(x, q):
        weights = weigh(x @ q, len(q))
        return pool(weights, x), weights

    return answer


attention_pool = Exercise(
    "attention_pool",
    pooled,
    properties=[
        Property(
            "sums the rows of x by softmax of their scores, x @ q / sqrt(d)",
            [(draw(5, 3), draw(3)), (draw(4, 7), draw(7))],
            "One score for each row of x, softmax over the rows, then the weighted sum of the rows."
            " Return out, (d,), and weights, (n,).",
        ),
        Property(
            "takes a batch in front",
            [(draw(2, 5, 3), draw(3)), (draw(4, 2, 6, 3), draw(3))],
            "Count axes from the end: `x @ q` has shape (..., n), the softmax runs over axis -1, "
            "the sum over axis -2 of x.",
        ),
        Property(
            "takes one patch, and one feature",
            [(draw(1, 3), draw(3)), (draw(5, 1), draw(1)), (draw(2, 1, 4), draw(4))],
            "A single patch has weight 1. Keep all axes; avoid `squeeze`.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [(1e4 * draw(5, 3), draw(3)), (draw(6, 2), -1e4 * draw(2))],
            "The exponential overflows: take the largest score off first.",
        ),
    ],
    mistakes=[
        ("The scale is missing: divide the scores by the root of d.",
         pooled_by(lambda s, d: softmax(s))),
        ("You divide by d; divide by its root.", pooled_by(lambda s, d: softmax(s / d))),
        ("You multiply by the root of d; divide by it.",
         pooled_by(lambda s, d: softmax(s * np.sqrt(d)))),
        ("The scale is that of the number of patches, n; it is the number of features, d.",
         lambda x, q: pooled_by(lambda s, d: softmax(s / np.sqrt(x.shape[-2])))(x, q)),
        ("The scores are turned round: a large dot product should give a large weight.",
         pooled_by(lambda s, d: softmax(-s / np.sqrt(d)))),
        ("Softmax is missing: these weights are scores.", pooled_by(lambda s, d: s / np.sqrt(d))),
        ("This is mean pooling: the query is not used.",
         pooled_by(lambda s, d: np.full(s.shape, 1 / s.shape[-1]))),
        ("This takes the best row alone; attention takes all, by their weights.",
         pooled_by(lambda s, d: (s == s.max(-1, keepdims=True)).astype(float))),
        ("The sum is missing under the fraction: the weights do not sum to one.",
         pooled_by(lambda s, d: np.exp(s / np.sqrt(d)))),
        ("The sum is divided by n once more; weights that sum to one already make a mean.",
         pooled_by(lambda s, d: softmax(s / np.sqrt(d)),
                   lambda w, x: (w[..., None] * x).mean(-2))),
        ("The out is the plain mean: use the weights in the sum.",
         pooled_by(lambda s, d: softmax(s / np.sqrt(d)), lambda w, x: x.mean(-2))),
        ("The rows are weighted and not yet summed: sum over the patches.",
         pooled_by(lambda s, d: softmax(s / np.sqrt(d)), lambda w, x: w[..., None] * x)),
        ("You sum over the features; sum over the patches, axis -2.",
         pooled_by(lambda s, d: softmax(s / np.sqrt(d)),
                   lambda w, x: (w[..., None] * x).sum(-1))),
        ("The two results are in the other order: out first, then weights.",
         lambda x, q: pooled(x, q)[::-1]),
    ],
    returns=("out", "weights"),
)  # fmt: skip


def covered(shape, box, size):
    """Share of every patch's area that lies in a box, of `shape` (rows, columns)."""
    x0, y0, x1, y1 = box
    top, left = np.arange(shape[0]) * size, np.arange(shape[1]) * size
    high = (np.minimum(top + size, y1) - np.maximum(top, y0)).clip(0)
    wide = (np.minimum(left + size, x1) - np.maximum(left, x0)).clip(0)
    return np.outer(high, wide) / size**2


def shared(weights, box, size):
    """Return the weight inside a box; a patch that lies in it partly counts by its area."""
    return (weights * covered(weights.shape, box, size)).sum()


def rounded(weights, box, size, low, high):
    """Count whole patches, from low(x0 / size) to high(x1 / size)."""
    x0, y0, x1, y1 = np.asarray(box) / size
    rows, columns = slice(int(low(y0)), int(high(y1))), slice(int(low(x0)), int(high(x1)))
    return weights[rows, columns].sum()


def by_middle(weights, box, size):
    """Count patches whose middle lies in the box."""
    x0, y0, x1, y1 = box
    y, x = ((np.arange(n) + 0.5) * size for n in weights.shape)
    inside = ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))
    return weights[inside].sum()


def turned(box):
    """Swap x and y."""
    return np.asarray(box)[[1, 0, 3, 2]]


def weights_of(*shape):
    """Draw weights that sum to one."""
    return softmax(draw(*shape).ravel()).reshape(shape)


SHARE = (weights_of(5, 7), np.array([9.0, 3.0, 22.0, 17.0]), 4)
share_in_box = Exercise(
    "share_in_box",
    shared,
    properties=[
        Property(
            "sums the weights by the share of each patch's area that the box covers",
            [SHARE, (weights_of(6, 4), np.array([3.0, 10.0, 17.0, 25.0]), 5)],
            "How many pixels of patch (row, column) lie in the box, high and wide? Their product "
            "over the area of a patch is its share.",
        ),
        Property(
            "takes a box inside one patch, the whole picture, and pixels cut in parts",
            [
                (SHARE[0], np.array([13.0, 5.0, 14.0, 7.0]), 4),
                (SHARE[0], np.array([0.0, 0.0, 28.0, 20.0]), 4),
                (SHARE[0], np.array([2.5, 1.25, 20.75, 11.5]), 4),
            ],
            "An overlap is min of the ends less max of the starts, and never below 0.",
        ),
        Property(
            "gives nothing for a box outside, and cuts one that hangs over the edge",
            [
                (SHARE[0], np.array([40.0, 2.0, 50.0, 12.0]), 4),
                (SHARE[0], np.array([-9.0, -9.0, -2.0, -1.0]), 4),
                (SHARE[0], np.array([-6.0, 7.0, 11.0, 33.0]), 4),
            ],
            "Two negative overlaps make a positive product: cut each at 0 before you multiply.",
        ),
        Property(
            "takes one patch and one row of patches",
            [(weights_of(1, 1), np.array([1.0, 2.0, 5.0, 4.0]), 8),
             (weights_of(1, 6), np.array([3.0, 0.0, 9.0, 2.0]), 2)],
            "Take the number of rows and columns from `weights.shape`.",
        ),
    ],
    mistakes=[
        ("x and y are swapped: weights has rows first, a box has x first.",
         lambda w, b, s: shared(w, turned(b), s)),
        ("You count whole patches that the box touches; count each by its covered area.",
         lambda w, b, s: rounded(w, b, s, np.floor, np.ceil)),
        ("You count only patches that lie wholly inside; count the others by their covered area.",
         lambda w, b, s: rounded(w, b, s, np.ceil, np.floor)),
        ("You round the box to whole patches; count each patch by its covered area.",
         lambda w, b, s: rounded(w, b, s, np.floor, np.floor)),
        ("You round the box to whole patches; count each patch by its covered area.",
         lambda w, b, s: rounded(w, b, s, np.round, np.round)),
        ("A patch counts in yours when its middle lies in the box; count it by its covered area.",
         by_middle),
        ("This is the share of area; every patch should count by its weight, too.",
         lambda w, b, s: covered(w.shape, b, s).mean()),
        ("This is the number of patches that are covered; each should count by its weight.",
         lambda w, b, s: covered(w.shape, b, s).sum()),
        ("You divide by the covered area: the question is how much weight lies in the box.",
         lambda w, b, s: shared(w, b, s) / covered(w.shape, b, s).sum()),
        ("You compare with the share of area; return the share of weight itself.",
         lambda w, b, s: shared(w, b, s) / covered(w.shape, b, s).mean()),
        ("These are pixels: divide the covered area by the area of a patch.",
         lambda w, b, s: shared(w, b, s) * s**2),
        ("You divide by the side of a patch; its area is the side squared.",
         lambda w, b, s: shared(w, b, s) * s),
        ("This is the weight outside the box.", lambda w, b, s: w.sum() - shared(w, b, s)),
        ("You take the box's third and fourth number for width and height; they are x1 and y1.",
         lambda w, b, s: shared(w, [b[0], b[1], b[0] + b[2], b[1] + b[3]], s)),
        ("The last column and row of the box are counted once more: x1 and y1 are already past it.",
         lambda w, b, s: shared(w, np.asarray(b) + [0, 0, 1, 1], s)),
    ],
)  # fmt: skip


def area(box):
    """Area of boxes, (...)."""
    return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])


def common(a, b, least=0):
    """Area that two boxes share, (...)."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return sides.clip(least).prod(-1)


def overlap(a, b):
    """Return the area of the intersection over that of the union."""
    both = common(a, b)
    return both / (area(a) + area(b) - both)


def around(a, b):
    """Area of the smallest box that holds both."""
    sides = np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2])
    return sides.prod(-1)


A = np.array([[2.5, 3.25, 9.5, 8.25], [0.0, 1.0, 6.0, 4.0], [5.0, 5.0, 8.0, 9.0]])
B = np.array([[4.0, 1.0, 12.0, 7.0], [1.0, 0.0, 3.0, 9.0], [4.0, 6.0, 9.0, 8.0]])
APART = np.array([[20.0, 3.0, 24.0, 8.0], [0.0, 11.0, 6.0, 14.0], [0.0, 0.0, 2.0, 3.0]])

iou = Exercise(
    "iou",
    overlap,
    properties=[
        Property(
            "gives the area of the intersection over the area of the union",
            [(A, B), (B[::-1], A)],
            "Sides of the intersection: min of the ends less max of the starts. The union is the "
            "sum of both areas less what they share. One number for each row.",
        ),
        Property(
            "gives 0 for boxes that are apart, and that touch",
            [(A, APART), (A, A + [7, 0, 7, 0]), (A, A + [0, 5, 0, 5])],
            "Two negative sides make a positive product: cut each at 0 before you multiply.",
        ),
        Property(
            "gives 1 for equal boxes and the ratio of areas for one inside the other",
            [(A, A), (A, A + [1, 1, -1, -1])],
            "For a box inside another the union is the larger one.",
        ),
        Property(
            "takes one pair, any axes in front, and one box against many",
            [(A[0], B[0]), (draw(2, 3, 2) @ np.eye(2, 4) + A[0], B[:3]), (A[1], B)],
            "Index the last axis, `box[..., 0]`, and let the others broadcast.",
        ),
    ],
    mistakes=[
        ("You divide by the sum of both areas, which counts the shared part twice.",
         lambda a, b: common(a, b) / (area(a) + area(b))),
        ("This is twice the intersection over the sum, the Dice score: divide by the union.",
         lambda a, b: 2 * common(a, b) / (area(a) + area(b))),
        ("You divide by the area of the first box alone.", lambda a, b: common(a, b) / area(a)),
        ("You divide by the area of the second box alone.", lambda a, b: common(a, b) / area(b)),
        ("You divide by the smaller box: divide by the union.",
         lambda a, b: common(a, b) / np.minimum(area(a), area(b))),
        ("You divide by the larger box: divide by the union.",
         lambda a, b: common(a, b) / np.maximum(area(a), area(b))),
        ("You divide by the box around both; the union is smaller.",
         lambda a, b: common(a, b) / around(a, b)),
        ("This is the area of the intersection; divide by the union.", common),
        ("This is the area of the union.", lambda a, b: area(a) + area(b) - common(a, b)),
        ("This is one minus the overlap, a distance.", lambda a, b: 1 - overlap(a, b)),
        ("You add the intersection to the two areas; take it off.",
         lambda a, b: common(a, b) / (area(a) + area(b) + common(a, b))),
        ("max and min are swapped: the intersection starts at the larger start.",
         lambda a, b: around(a, b) / (area(a) + area(b) - around(a, b))),
        ("You take the third and fourth number for width and height; they are x1 and y1.",
         lambda a, b: overlap(*(np.concatenate([x[..., :2], x[..., :2] + x[..., 2:]], -1)
                                for x in (a, b)))),
        ("These boxes are one pixel too large: x1 and y1 are already past the box.",
         lambda a, b: overlap(a + [0, 0, 1, 1], b + [0, 0, 1, 1])),
        ("You cut the boxes to whole pixels; they may end anywhere.",
         lambda a, b: overlap(np.floor(a), np.floor(b))),
        ("You round the boxes to whole pixels; they may end anywhere.",
         lambda a, b: overlap(np.round(a), np.round(b))),
        ("This is a percentage: 1 stands for equal boxes.", lambda a, b: 100 * overlap(a, b)),
        ("This is the mean over the boxes; return one number for each pair.",
         lambda a, b: overlap(a, b).mean()),
    ],
)  # fmt: skip


def tight(mask):
    """Return x0, y0, x1, y1 of the smallest box around what is True."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def mask_of(height, width, *spots):
    """Return a mask that is True at some places."""
    mask = np.zeros((height, width), bool)
    mask[tuple(np.array(spots).T)] = True
    return mask


SPOTS = mask_of(10, 9, (2, 3), (3, 1), (6, 4), (5, 6))  # not in the middle, and with gaps
box_of_mask = Exercise(
    "box_of_mask",
    tight,
    properties=[
        Property(
            "gives x0, y0, x1, y1 of the tight box, its ends past the last pixel",
            [(SPOTS,), (mask_of(6, 12, (1, 8), (3, 2)),)],
            "Which columns hold a True, `mask.any(axis=0)`? The first one is x0, the last one and "
            "one more is x1. The same for rows.",
        ),
        Property(
            "takes one pixel, the edges, and a mask full of True",
            [
                (mask_of(4, 6, (2, 5)),),
                (mask_of(6, 5, (0, 0), (5, 4)),),
                (np.ones((3, 8), bool),),
                (mask_of(1, 7, (0, 3)),),
            ],
            "One pixel has a box of width and height 1.",
        ),
    ],
    mistakes=[
        ("x and y are swapped: columns are x, rows are y.", lambda m: turned(tight(m))),
        ("The ends are one too small: x1 and y1 lie past the last pixel.",
         lambda m: tight(m) - [0, 0, 1, 1]),
        ("x and y are swapped, and the ends are one too small.",
         lambda m: turned(tight(m) - [0, 0, 1, 1])),
        ("You return width and height; return the ends x1 and y1.",
         lambda m: np.concatenate([tight(m)[:2], tight(m)[2:] - tight(m)[:2]])),
        ("The order is x0, x1, y0, y1 in yours; return x0, y0, x1, y1.",
         lambda m: tight(m)[[0, 2, 1, 3]]),
        ("The order is y0, y1, x0, x1 in yours; return x0, y0, x1, y1.",
         lambda m: tight(m)[[1, 3, 0, 2]]),
        ("This is the box of the whole picture.",
         lambda m: np.array([0, 0, m.shape[1], m.shape[0]])),
        ("You count the columns and rows that hold a True; a box spans the gaps between them.",
         lambda m: np.concatenate([tight(m)[:2],
                                   tight(m)[:2] + [m.any(0).sum(), m.any(1).sum()]])),
        ("The box is upside down: y counts rows from the top.",
         lambda m: (tight(m) * [1, -1, 1, -1] + [0, len(m), 0, len(m)])[[0, 3, 2, 1]]),
        ("The box is mirrored: x counts columns from the left.",
         lambda m: (tight(m) * [-1, 1, -1, 1] + np.array([1, 0, 1, 0]) * m.shape[1])[[2, 1, 0, 3]]),
        ("The box is one pixel too large at its start.", lambda m: tight(m) - [1, 1, 0, 0]),
        ("You take the first and the last True in reading order; the first pixel is the highest, "
         "not the leftmost.",
         lambda m: np.concatenate([np.argwhere(m)[0][::-1], np.argwhere(m)[-1][::-1] + 1])),
        ("This is a middle and a size; return the corners.",
         lambda m: np.concatenate([(tight(m)[:2] + tight(m)[2:]) / 2,
                                   tight(m)[2:] - tight(m)[:2]])),
    ],
)  # fmt: skip
