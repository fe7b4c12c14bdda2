"""Exercises of chapter 5.6: patches of a batch, moved digits, the map of the answer."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["answer_map", "cut_patches", "move"]


def patches_of(images, size):
    """Patches of a batch, (n, rows * columns, size * size), row by row."""
    n, height, width = images.shape
    blocks = images.reshape(n, height // size, size, width // size, size).swapaxes(2, 3)
    return blocks.reshape(n, -1, size * size)


def _without_swap(images, size):
    return images.reshape(len(images), -1, size * size)


def _columns_first(images, size):
    return patches_of(images.swapaxes(1, 2), size)


def _turned_inside(images, size):
    found = patches_of(images, size)
    return found.reshape(*found.shape[:2], size, size).swapaxes(2, 3).reshape(found.shape)


def _order_of_patches(images, size):
    return _turned_inside(images.swapaxes(1, 2), size)


def _every_other(images, size):
    """Each patch takes pixels that lie apart: the wrong half of the split axis."""
    n, height, width = images.shape
    blocks = images.reshape(n, size, height // size, size, width // size)
    return blocks.transpose(0, 2, 4, 1, 3).reshape(n, -1, size * size)


def _axis_of_patches_last(images, size):
    return patches_of(images, size).swapaxes(1, 2)


def _in_a_grid(images, size):
    n, height, width = images.shape
    return patches_of(images, size).reshape(n, height // size, width // size, size * size)


def _as_squares(images, size):
    return patches_of(images, size).reshape(len(images), -1, size, size)


def _first_alone(images, size):
    return patches_of(images[:1], size)[0]


def numbered(*shape):
    """Whole numbers, no two alike."""
    return np.arange(float(np.prod(shape))).reshape(shape)


cut_patches = Exercise(
    "cut_patches",
    patches_of,
    properties=[
        Property(
            "cuts squares row by row, and writes each out row by row",
            [(numbered(3, 4, 6), 2), (numbered(2, 6, 15), 3)],
            "Split both sides, (n, rows, size, columns, size). Which two axes belong to one patch? "
            "Bring them side by side, then join.",
        ),
        Property(
            "takes one picture, one patch, patches of one pixel",
            [(numbered(1, 6, 4), 2), (numbered(5, 3, 3), 3), (numbered(2, 3, 5), 1)],
            "The same reshape holds for all sizes; nothing is to be squeezed away.",
        ),
    ],
    mistakes=[
        (
            "That is `reshape` alone: your patches are pixels side by side in one row. Split "
            "first, and swap two axes before you join.",
            _without_swap,
        ),
        (
            "Patches and pixels go down column by column. Both go row by row, as one reads.",
            _columns_first,
        ),
        ("The patches are right, but each is written out column by column.", _turned_inside),
        ("Each patch is right, but they go down column by column.", _order_of_patches),
        (
            "The pixels of your patches lie apart. Split a side of 8 into (4, 2), four patches of "
            "two pixels, and not into (2, 4).",
            _every_other,
        ),
        ("The last two axes are exchanged: (n, patches, pixels).", _axis_of_patches_last),
        ("Join rows and columns of patches to one axis: (n, patches, pixels).", _in_a_grid),
        ("Write each square out as one row: (n, patches, pixels).", _as_squares),
        ("That is the first picture alone.", _first_alone),
    ],
)


def moved(images, down, right, fill):
    """Each picture moved by its own steps; what comes in is `fill`."""
    n, height, width = images.shape
    out = np.full((n, height, width), float(fill))
    for i in range(n):
        for row in range(height):
            for column in range(width):
                r, c = row - int(down[i]), column - int(right[i])
                if 0 <= r < height and 0 <= c < width:
                    out[i, row, column] = images[i, r, c]
    return out


def _rolled(images, down, right, fill):
    each = zip(images, down, right, strict=True)
    return np.stack([np.roll(x, (int(d), int(r)), axis=(0, 1)) for x, d, r in each])


def _edge(images, down, right, fill):
    """Repeat the edge in what comes in."""
    n, height, width = images.shape
    rows = (np.arange(height) - np.asarray(down)[:, None].astype(int)).clip(0, height - 1)
    columns = (np.arange(width) - np.asarray(right)[:, None].astype(int)).clip(0, width - 1)
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None]]


def _all_by_the_first(images, down, right, fill):
    return moved(images, np.full(len(images), down[0]), np.full(len(images), right[0]), fill)


STEPS = np.array([1.0, -1.0, 0.0, 2.0])
ACROSS = np.array([0.0, 2.0, -1.0, 1.0])

move = Exercise(
    "move",
    moved,
    properties=[
        Property(
            "moves each picture by its own steps, and fills what comes in",
            [(numbered(4, 3, 5) + 1, STEPS, ACROSS, -1.0)],
            "A pixel at (row, column) goes to (row + down, column + right). A frame of `fill` "
            "around the picture, and a window cut out of it, does it.",
        ),
        Property(
            "leaves a picture that is not moved, and empties one moved out of sight",
            [
                (numbered(2, 3, 4) + 1, np.zeros(2), np.zeros(2), 9.0),
                (numbered(2, 3, 4) + 1, np.array([3.0, 0.0]), np.array([0.0, -7.0]), 0.5),
            ],
            "Steps may be 0, and larger than the picture.",
        ),
        Property(
            "takes one picture of one row, another fill",
            [(numbered(1, 1, 6), np.zeros(1), np.array([2.0]), 0.0)],
            "Nothing is to be squeezed away.",
        ),
    ],
    mistakes=[
        ("What leaves on one side comes in on the other: that is `np.roll`.", _rolled),
        ("What comes in repeats the edge. It should be `fill`.", _edge),
        ("What comes in is 0. It should be `fill`.", lambda x, d, r, f: moved(x, d, r, 0.0)),
        (
            "Both steps go the wrong way: `down` = 1 puts row 0 where row 1 was.",
            lambda x, d, r, f: moved(x, -d, -r, f),
        ),
        (
            "Signs are lost: a step of -1 goes up, or left.",
            lambda x, d, r, f: moved(x, abs(d), abs(r), f),
        ),
        ("`down` goes the wrong way.", lambda x, d, r, f: moved(x, -d, r, f)),
        ("`right` goes the wrong way.", lambda x, d, r, f: moved(x, d, -r, f)),
        ("`down` and `right` are exchanged.", lambda x, d, r, f: moved(x, r, d, f)),
        ("`right` is not used.", lambda x, d, r, f: moved(x, d, 0 * r, f)),
        ("`down` is not used.", lambda x, d, r, f: moved(x, 0 * d, r, f)),
        (
            "All pictures move by the steps of the first. Each has its own.",
            _all_by_the_first,
        ),
    ],
)


def class_row(weights):
    """Return what the answer gets from each patch, by rollout; (n - 1,), summing to 1.

    Abnar and Zuidema, "Quantifying attention flow in transformers", 2020.
    """
    row = _product(weights)[0, 1:]
    return row / row.sum()


def _mixed(layer):
    means = layer.mean(axis=0)
    return (np.eye(len(means)) + means) / 2


def _product(weights, step=_mixed):
    result = np.eye(weights.shape[-1])
    for layer in weights:
        result = step(layer) @ result
    return result


def _normed(row):
    return row / row.sum()


def _other_order(weights):
    return _normed(_product(weights[::-1])[0, 1:])


def _no_residual(weights):
    return _normed(_product(weights, lambda layer: layer.mean(axis=0))[0, 1:])


def _heads_first(weights):
    """One rollout for each head, then the mean."""
    heads = [_product(weights[:, [h]])[0, 1:] for h in range(weights.shape[1])]
    return _normed(np.mean(heads, axis=0))


def made_weights(n_layers, n_heads, n, seed):
    """Attention weights, rows summing to 1."""
    drawn = np.random.default_rng(seed).random((n_layers, n_heads, n, n)) ** 3
    return drawn / drawn.sum(axis=-1, keepdims=True)


answer_map = Exercise(
    "answer_map",
    class_row,
    properties=[
        Property(
            "multiplies the layers, and gives the class token's row over the patches",
            [(made_weights(2, 3, 5, 0),), (made_weights(3, 2, 7, 1),)],
            "For each layer: the mean over heads, half of it, and half of the identity. Then the "
            "last layer stands leftmost in the product.",
        ),
        Property(
            "takes one layer, one head, one patch",
            [(made_weights(1, 4, 6, 2),), (made_weights(3, 1, 4, 3),), (made_weights(2, 2, 2, 4),)],
            "The mean runs over axis 0 of a layer, even where it has one entry.",
        ),
    ],
    mistakes=[
        (
            "The layers stand in the wrong order: the token looks at what the *last* layer reads, "
            "so that one comes leftmost.",
            _other_order,
        ),
        ("The way around is missing: half of each layer is the identity.", _no_residual),
        (
            "The class token's own share is to be left out, and the rest brought back to 1.",
            lambda w: _product(w)[0],
        ),
        ("Bring the row back to a sum of 1.", lambda w: _product(w)[0, 1:]),
        (
            "That is the column of the class token: who looks at it. Its row says where it looks.",
            lambda w: _normed(_product(w)[1:, 0]),
        ),
        (
            "That is the mean over the patches' rows. The answer is read from the class token.",
            lambda w: _normed(_product(w)[1:, 1:].mean(axis=0)),
        ),
        (
            "That is the mean over all rows. The answer is read from the class token, row 0.",
            lambda w: _normed(_product(w)[:, 1:].mean(axis=0)),
        ),
        (
            "That is what the last layer looks at, alone: its tokens have looked around before.",
            lambda w: _normed(w[-1].mean(axis=0)[0, 1:]),
        ),
        (
            "That is what the first layer looks at, alone.",
            lambda w: _normed(w[0].mean(axis=0)[0, 1:]),
        ),
        (
            "The layers are averaged. What passes through both is their product.",
            lambda w: _normed(w.mean(axis=(0, 1))[0, 1:]),
        ),
        (
            "That is the largest weight among the heads. Take their mean.",
            lambda w: _normed(_product(w, lambda layer: _mixed(layer.max(axis=0)[None]))[0, 1:]),
        ),
        ("You roll out each head by itself. Take the mean over the heads first.", _heads_first),
        (
            "The identity weighs as much as *all* of a layer's heads together: half and half.",
            lambda w: _normed(
                _product(w, lambda layer: np.eye(layer.shape[-1]) + layer.sum(axis=0))[0, 1:]
            ),
        ),
    ],
)  # fmt: skip
