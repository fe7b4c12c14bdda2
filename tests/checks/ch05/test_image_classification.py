"""The bank of chapter 5.6: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch
import torch.nn.functional as F

from attn_helpers.checks import ch05
from attn_helpers.diagnostics import rollout
from attn_helpers.reference import to_patches
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


# ---- cut_patches ----
def cut_by_loop(images, size):
    n, height, width = images.shape
    return np.array(
        [
            [
                image[r : r + size, c : c + size].ravel()
                for r in range(0, height, size)
                for c in range(0, width, size)
            ]
            for image in images
        ]
    )


def cut_by_package(images, size):
    return np.stack([to_patches(image, size) for image in images])


def cut_by_unfold(images, size):
    return F.unfold(torch.tensor(images)[:, None], size, stride=size).mT


def cut_by_einsum(images, size):
    n, height, width = images.shape
    split = images.reshape(n, height // size, size, width // size, size)
    return np.einsum("nrscp->nrcsp", split).reshape(n, -1, size**2)


def cut(order, join):
    """Split both sides, reorder the axes, and join them to a shape."""

    def answer(images, size):
        n, height, width = images.shape
        split = images.reshape(n, height // size, size, width // size, size)
        return split.transpose(order).reshape(join(n, size))

    return answer


def flat(n, size):
    return n, -1, size * size


# ---- move ----
def move_by_frame(images, down, right, fill):
    n, height, width = images.shape
    out = np.full((n, 3 * height, 3 * width), float(fill))
    for i in range(n):
        d = int(np.clip(down[i], -height, height))
        r = int(np.clip(right[i], -width, width))
        out[i, height + d : 2 * height + d, width + r : 2 * width + r] = images[i]
    return out[:, height : 2 * height, width : 2 * width]


def move_by_index(images, down, right, fill):
    n, height, width = images.shape
    rows = np.arange(height) - np.asarray(down).astype(int)[:, None]
    columns = np.arange(width) - np.asarray(right).astype(int)[:, None]
    seen = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None
    ]
    which = np.arange(n)[:, None, None]
    found = images[which, rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None]]
    return np.where(seen, found, fill)


def move_by_roll(images, down, right, fill):
    out = []
    for image, d, r in zip(images, down.astype(int), right.astype(int), strict=True):
        height, width = image.shape
        framed = np.pad(image, ((height, height), (width, width)), constant_values=fill)
        if abs(d) >= height or abs(r) >= width:
            out.append(np.full_like(image, fill))
        else:
            out.append(np.roll(framed, (d, r), (0, 1))[height : 2 * height, width : 2 * width])
    return np.stack(out)


def rolled(images, down, right, fill):
    out = images.copy()
    for i in range(len(images)):
        out[i] = np.roll(np.roll(images[i], int(down[i]), axis=0), int(right[i]), axis=1)
    return out


def changed(*, down=1, right=1, swap=False, first=False, fill=None):
    """Move with one thing wrong."""

    def answer(images, d, r, f):
        d, r = (r, d) if swap else (d, r)
        d, r = (d[:1].repeat(len(d)), r[:1].repeat(len(r))) if first else (d, r)
        return move_by_index(images, down * d, right * r, f if fill is None else fill)

    return answer


def edges(images, down, right, fill):
    out = []
    for image, d, r in zip(images, down.astype(int), right.astype(int), strict=True):
        framed = np.pad(image, 9, mode="edge")
        out.append(framed[9 - d : 9 - d + len(image), 9 - r : 9 - r + image.shape[1]])
    return np.stack(out)


def moved_in_place(images, down, right, fill):
    images[:] = move_by_index(images, down, right, fill)
    return images


# ---- answer_map ----
def map_by_package(weights):
    row = rollout(list(weights))[0, 1:]
    return row / row.sum()


def map_by_row(weights):
    """From the answer down: a row, layer by layer."""
    n = weights.shape[-1]
    row = np.eye(n)[0]
    for layer in weights[::-1]:
        row = row @ (layer.mean(axis=0) + np.eye(n)) / 2
    return row[1:] / row[1:].sum()


def map_by_loop(weights):
    n_layers, n_heads, n, _ = weights.shape
    result = [[float(i == j) for j in range(n)] for i in range(n)]
    for layer in weights:
        mixed = [
            [sum(layer[h][i][j] for h in range(n_heads)) / n_heads / 2 + (i == j) / 2
             for j in range(n)]
            for i in range(n)
        ]  # fmt: skip
        result = [
            [sum(mixed[i][m] * result[m][j] for m in range(n)) for j in range(n)] for i in range(n)
        ]
    left = result[0][1:]
    return [value / sum(left) for value in left]


def map_in_torch(weights):
    layers = torch.tensor(weights).mean(1)
    layers = (layers + torch.eye(layers.shape[-1])) / 2
    result = layers[0]
    for layer in layers[1:]:
        result = layer @ result
    return result[0, 1:] / result[0, 1:].sum()


def mapped(*, around=0.5, turned=False, rows=lambda r: r[0, 1:], norm=True):
    """A rollout with one thing wrong."""

    def answer(weights):
        n = weights.shape[-1]
        result = np.eye(n)
        for layer in weights[::-1] if turned else weights:
            result = ((1 - around) * layer.mean(axis=0) + around * np.eye(n)) @ result
        row = rows(result)
        return row / row.sum() if norm else row

    return answer


def one_layer(number):
    def answer(weights):
        row = weights[number].mean(axis=0)[0, 1:]
        return row / row.sum()

    return answer


def mean_of_layers(weights):
    row = weights.mean(axis=1).mean(axis=0)[0, 1:]
    return row / row.sum()


def heads_apart(weights):
    rows = []
    for head in range(weights.shape[1]):
        result = np.eye(weights.shape[-1])
        for layer in weights[:, head]:
            result = (layer + np.eye(len(layer))) / 2 @ result
        rows.append(result[0, 1:])
    return np.mean(rows, axis=0) / np.mean(rows, axis=0).sum()


def sum_of_heads(weights):
    result = np.eye(weights.shape[-1])
    for layer in weights:
        mixed = layer.sum(axis=0) + np.eye(layer.shape[-1])
        result = mixed / mixed.sum(axis=-1, keepdims=True) @ result
    return result[0, 1:] / result[0, 1:].sum()


def no_heads(weights):
    """Takes the first head alone."""
    return map_by_row(weights[:, :1])


RIGHT = {
    "cut_patches": [cut_by_loop, cut_by_package, cut_by_unfold, cut_by_einsum],
    "move": [move_by_frame, move_by_index, move_by_roll],
    "answer_map": [map_by_package, map_by_row, map_by_loop, map_in_torch],
}
WRONG = {
    "cut_patches": [
        (lambda images, size: images.reshape(len(images), -1, size * size), "`reshape` alone"),
        (cut((0, 3, 1, 4, 2), flat), "column by column. Both go"),
        (cut((0, 1, 3, 4, 2), flat), "each is written out column by column"),
        (cut((0, 3, 1, 2, 4), flat), "but they go down column by column"),
        (cut((0, 1, 2, 3, 4), flat), "`reshape` alone"),
        (cut((0, 1, 3, 2, 4), lambda n, size: (n, size * size, -1)), SHAPE),
        (lambda images, size: cut_by_unfold(images, size).mT, "last two axes are exchanged"),
        (lambda images, size: cut_by_loop(images, size)[0], "first picture alone"),
        (lambda images, size: cut_by_loop(images, size)[:, :, :1], SHAPE),
        (lambda images, size: cut_by_loop(images, size)[:, ::-1], "Which two axes belong"),
        (lambda images, size: cut_by_loop(images, 1), SHAPE),
        (lambda images, size: cut_by_loop(images, size).reshape(len(images), -1, size, size),
         "Write each square out"),
        (lambda images, size: cut_by_loop(images, size).squeeze(), "nothing is to be squeezed"),
        (lambda images, size: to_patches(images, size), RAISED),
        (lambda images, size: cut_by_loop(images[::-1], size), "Which two axes belong"),
    ],
    "move": [
        (rolled, "`np.roll`"),
        (edges, "repeats the edge"),
        (changed(fill=0.0), "comes in is 0"),
        (changed(down=-1, right=-1), "Both steps go the wrong way"),
        (lambda images, d, r, fill: move_by_index(images, abs(d), abs(r), fill), "Signs are lost"),
        (changed(down=-1), "`down` goes the wrong way"),
        (changed(right=-1), "`right` goes the wrong way"),
        (changed(swap=True), "exchanged"),
        (changed(right=0), "`right` is not used"),
        (changed(down=0), "`down` is not used"),
        (changed(first=True), "steps of the first"),
        (moved_in_place, "belongs to the caller"),
        (lambda images, down, right, fill: images, "A frame of `fill`"),
        (lambda images, d, r, fill: move_by_index(images, d.clip(-1, 1), r, fill), "A frame"),
        (lambda images, d, r, fill: move_by_index(images, d, r, fill)[0], SHAPE),
        (lambda images, d, r, fill: np.roll(images, (d, r), (1, 2)), RAISED),
    ],
    "answer_map": [
        (mapped(turned=True), "wrong order"),
        (mapped(around=0), "way around is missing"),
        (mapped(rows=lambda r: r[0], norm=False), "own share is to be left out"),
        (mapped(norm=False), "sum of 1"),
        (mapped(rows=lambda r: r[1:, 0]), "column of the class token"),
        (mapped(rows=lambda r: r[1:, 1:].mean(axis=0)), "mean over the patches' rows"),
        (mapped(rows=lambda r: r[:, 1:].mean(axis=0)), "mean over all rows"),
        (one_layer(-1), "last layer looks at, alone"),
        (one_layer(0), "first layer looks at, alone"),
        (mean_of_layers, "The layers are averaged"),
        (lambda weights: map_by_row(weights.max(axis=1, keepdims=True)), "largest weight"),
        (heads_apart, "each head by itself"),
        (sum_of_heads, "as much as *all*"),
        (mapped(around=0.4), "mean over heads, half of it"),
        (no_heads, "mean over heads, half of it"),
        (mapped(rows=lambda r: r[-1, :-1]), "mean over heads, half of it"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)
