"""Exercises of chapter 2.1: patches, weights by dot product and by angle, and by distance."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["attention_weights", "cosine_weights", "distance_attention", "to_patches"]

DRAW = np.random.default_rng(21)
Q, K, V = (DRAW.standard_normal(shape) for shape in ((3, 7), (5, 7), (5, 2)))
IMAGE = DRAW.uniform(size=(4, 6, 3))  # 2 x 3 patches of 2 x 2 pixels


def cut(image, size):
    """Patches by slices, row by row."""
    height, width = image.shape[:2]
    corners = [(r, c) for r in range(0, height, size) for c in range(0, width, size)]
    return np.array([image[r : r + size, c : c + size].ravel() for r, c in corners])


def scaled(q, k):
    """Weights by scaled dot product."""
    return softmax(q @ k.T / np.sqrt(q.shape[-1]))


def unit(x, axis=-1):
    """Vectors of length one; a zero vector stays zero."""
    length = np.sqrt((x**2).sum(axis=axis, keepdims=True))
    return x / np.where(length == 0, 1, length)


def by_angle(q, k, temperature):
    """Weights by cosine similarity."""
    return softmax(unit(q) @ unit(k).T / temperature)


def squares(q, k):
    """Squared distances between all rows, of shape (n_q, n_k)."""
    return ((q[:, None, :] - k[None, :, :]) ** 2).sum(axis=-1)


def by_distance(q, k, v, bandwidth):
    """Soft look-up with vectors as keys."""
    return softmax(-squares(q, k) / (2 * bandwidth**2)) @ v


to_patches = Exercise(
    "to_patches",
    cut,
    properties=[
        Property(
            "cuts squares row by row, each flattened to a row of numbers",
            [(IMAGE, 2), (IMAGE[:3], 3), (IMAGE[:, :4], 4), (IMAGE.swapaxes(0, 1), 2)],
            "Cut `image[r:r+size, c:c+size]` for each corner, from left to right and then down, "
            "and flatten it with `.ravel()` or `.reshape(-1)`.",
        ),
        Property(
            "takes one channel or six, and patches of a single pixel",
            [(IMAGE[:, :, :1], 2), (IMAGE.reshape(6, 2, 6), 2), (IMAGE, 1)],
            "Read the number of channels from `image.shape`; it is not always 3.",
        ),
    ],
    mistakes=[
        (
            "`reshape` alone cuts the *memory* into pieces, and so takes strips of rows. Separate "
            "the four axes first, (rows, size, columns, size, channels), then swap.",
            lambda image, size: image.reshape(-1, size * size * image.shape[2]),
        ),
        (
            "The patches run down the columns. They should go from left to right, then down.",
            lambda image, size: np.array(
                [
                    image[r : r + size, c : c + size].ravel()
                    for c in range(0, image.shape[1], size)
                    for r in range(0, image.shape[0], size)
                ]
            ),
        ),
        (
            "Inside each patch rows and columns have changed places: is one axis swapped too many?",
            lambda image, size: (
                cut(image, size)
                .reshape(-1, size, size, image.shape[2])
                .swapaxes(1, 2)
                .reshape(-1, size * size * image.shape[2])
            ),
        ),
        (
            "The colours stand apart: all red, then all green, then all blue. Keep the three "
            "numbers of a pixel together.",
            lambda image, size: (
                cut(image, size)
                .reshape(-1, size * size, image.shape[2])
                .swapaxes(1, 2)
                .reshape(-1, size * size * image.shape[2])
            ),
        ),
        (
            "Each patch is still a square. Flatten it into one row of numbers.",
            lambda image, size: cut(image, size).reshape(-1, size, size, image.shape[2]),
        ),
        (
            "Each patch is the mean of its pixels. That is a feature; a patch has all its pixels.",
            lambda image, size: (
                cut(image, size).reshape(-1, size * size, image.shape[2]).mean(axis=1)
            ),
        ),
    ],
)

attention_weights = Exercise(
    "attention_weights",
    scaled,
    properties=[
        Property(
            "gives softmax(q @ k.T / sqrt(d_k)), a row for each query",
            [(Q, K), (Q[:2, :3] * 2, K[:, :3]), (K, Q), (Q[:, :5], K[:, :5]), (K[1:], K[1:])],
            "Scores first, of shape (n_q, n_k); divide by the root of the number of features; "
            "softmax along the keys.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [(Q * 1e2, K * 1e2), (-np.abs(Q) * 1e3, np.abs(K) * 1e2)],
            "Take each row's own largest score off before the exponential.",
        ),
        Property(
            "takes one query, one key, one feature",
            [(Q[:1], K), (Q, K[:1]), (Q[:, :1], K[:, :1])],
            "Keep both axes; avoid `squeeze`, and `keepdims=True` when you sum.",
        ),
    ],
    mistakes=[
        (
            "The scale is missing: divide the scores by sqrt(d_k).",
            lambda q, k: softmax(q @ k.T),
        ),
        (
            "You divide by d_k; the formula has its square root.",
            lambda q, k: softmax(q @ k.T / q.shape[-1]),
        ),
        (
            "You divide by the root of the number of keys. d_k is the number of *features*.",
            lambda q, k: softmax(q @ k.T / np.sqrt(k.shape[0])),
        ),
        (
            "You divide by the root of the number of queries. d_k is the number of *features*.",
            lambda q, k: softmax(q @ k.T / np.sqrt(q.shape[0])),
        ),
        (
            "You multiply by sqrt(d_k); divide.",
            lambda q, k: softmax(q @ k.T * np.sqrt(q.shape[-1])),
        ),
        (
            "You divide the weights and not the scores: the rows no longer sum to one.",
            lambda q, k: softmax(q @ k.T) / np.sqrt(q.shape[-1]),
        ),
        (
            "Softmax runs over the queries. Each query shares out its weight over the keys: "
            "`axis=-1`.",
            lambda q, k: softmax(q @ k.T / np.sqrt(q.shape[-1]), axis=0),
        ),
        (
            "Softmax runs over the whole matrix; each query has a row of its own.",
            lambda q, k: softmax(q @ k.T / np.sqrt(q.shape[-1]), axis=(0, 1)),
        ),
        (
            "These are the scores. Softmax is still missing.",
            lambda q, k: q @ k.T / np.sqrt(q.shape[-1]),
        ),
        (
            "Queries and keys have changed places: queries go down, keys go across.",
            lambda q, k: scaled(k, q),
        ),
    ],
)

cosine_weights = Exercise(
    "cosine_weights",
    by_angle,
    properties=[
        Property(
            "gives softmax(cosine / temperature), a row for each query",
            [(Q, K, 0.4), (Q[:2, :3] * 7, K[:, :3], 1.5), (K, Q, 0.2)],
            "Divide each query and each key by its own length, take dot products, divide by the "
            "temperature, softmax along the keys.",
        ),
        Property(
            "cares for the direction of a vector, not for its length",
            [(Q * 1e6, K * 1e-3, 0.5), (Q * [[1.0], [1e3], [1e-4]], K, 0.5), (Q * 1e-9, K, 0.5)],
            "Is something added to a length, against a division by zero? It changes short vectors.",
        ),
        Property(
            "scores a zero vector 0",
            [(np.zeros((2, 7)), K, 0.5), (Q, K * [[1.0], [0.0], [1.0], [1.0], [0.0]], 0.5)],
            "0 / 0 is NaN. Divide by 1 where the length is 0: the zero vector stays zero.",
        ),
        Property(
            "follows the temperature, down to a thousandth and up to a thousand",
            [
                (Q, K, 0.001),
                (np.vstack([Q, K[:1], -K[:1]]), K[:1] + K * 1e-3, 0.001),
                (Q, K, 1e3),
            ],
            "Take each row's own largest score off before the exponential. Is the temperature cut "
            "off somewhere, or something added to it?",
        ),
    ],
    mistakes=[
        ("The temperature is not used.", lambda q, k, t: by_angle(q, k, 1.0)),
        (
            "You multiply by the temperature. A *low* temperature sharpens: divide by it.",
            lambda q, k, t: by_angle(q, k, 1 / t),
        ),
        (
            "The keys keep their length. The cosine needs both vectors at length one.",
            lambda q, k, t: softmax(unit(q) @ k.T / t),
        ),
        (
            "The queries keep their length. The cosine needs both vectors at length one.",
            lambda q, k, t: softmax(q @ unit(k).T / t),
        ),
        (
            "These are dot products: neither queries nor keys are divided by their length.",
            lambda q, k, t: softmax(q @ k.T / t),
        ),
        (
            "You divide by the length of the whole array. Each row is a vector with its own "
            "length: `axis=-1, keepdims=True`.",
            lambda q, k, t: softmax(q @ k.T / np.linalg.norm(q) / np.linalg.norm(k) / t),
        ),
        (
            "You divide by the length of each column; the vectors are the rows: `axis=-1`.",
            lambda q, k, t: softmax(unit(q, axis=0) @ unit(k, axis=0).T / t),
        ),
        (
            "You divide by squared lengths: the root is missing.",
            lambda q, k, t: softmax(
                (q / (q**2).sum(-1, keepdims=True)) @ (k / (k**2).sum(-1, keepdims=True)).T / t
            ),
        ),
        (
            "You divide by the sum of the absolute values. The length is the root of the sum of "
            "squares.",
            lambda q, k, t: softmax(
                (q / abs(q).sum(-1, keepdims=True)) @ (k / abs(k).sum(-1, keepdims=True)).T / t
            ),
        ),
        (
            "You also divide by sqrt(d_k). Cosines lie between -1 and 1 already.",
            lambda q, k, t: by_angle(q, k, t * np.sqrt(q.shape[-1])),
        ),
        (
            "Softmax runs over the queries: `axis=-1`.",
            lambda q, k, t: softmax(unit(q) @ unit(k).T / t, axis=0),
        ),
        (
            "These are the scores. Softmax is still missing.",
            lambda q, k, t: unit(q) @ unit(k).T / t,
        ),
    ],
)

distance_attention = Exercise(
    "distance_attention",
    by_distance,
    properties=[
        Property(
            "mixes the values, weighted by the nearness of whole vectors",
            [(Q, K, V, 0.8), (Q[:2, :3], K[:, :3], V, 2.0), (K, Q, V[:3], 1.2), (V, V, V, 0.7)],
            "Squared distance of a query and a key: subtract, square, *sum over the features*. "
            "Then the scores are -distance / (2 * bandwidth**2).",
        ),
        Property(
            "stays finite far from every key, and still mixes when the bandwidth is large",
            [(Q + 400.0, K, V, 0.5), (Q + 400.0, K, V, 20.0), (Q, K * 1e3, V, 0.5)],
            "Take each row's own largest score off before the exponential.",
        ),
        Property(
            "works far from zero, and at any scale",
            [
                (Q + 1e7, K + 1e7, V, 0.8),
                (Q * 1e-3, K * 1e-3, V, 8e-4),
                (Q * 1e5, K * 1e5, V, 1e5),
            ],
            "|q|^2 - 2 q.k + |k|^2 subtracts huge numbers from each other: subtract the vectors "
            "first, `q[:, None] - k`. And is a bandwidth cut off, or something added to it?",
        ),
        Property(
            "takes one query, one key, one feature, one column of values",
            [
                (Q[:1], K, V, 1.0),
                (Q, K[:1], V[:1], 1.0),
                (Q, K, V[:, 1:], 1.0),
                (Q[:, :1], K[:, :1], V, 1.0),
            ],
            "Keep all axes; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        (
            "You average over the features; the squared distance is their sum.",
            lambda q, k, v, h: softmax(-squares(q, k) / q.shape[-1] / (2 * h**2)) @ v,
        ),
        (
            "You use the distance; the formula has its square.",
            lambda q, k, v, h: softmax(-np.sqrt(squares(q, k)) / (2 * h**2)) @ v,
        ),
        (
            "You add absolute differences; square them.",
            lambda q, k, v, h: softmax(-abs(q[:, None] - k).sum(-1) / (2 * h**2)) @ v,
        ),
        (
            "You square the sum of the differences; sum the squares.",
            lambda q, k, v, h: softmax(-((q[:, None] - k).sum(-1) ** 2) / (2 * h**2)) @ v,
        ),
        (
            "The bandwidth must be squared.",
            lambda q, k, v, h: softmax(-squares(q, k) / (2 * h)) @ v,
        ),
        (
            "The 2 under the fraction is missing.",
            lambda q, k, v, h: softmax(-squares(q, k) / h**2) @ v,
        ),
        (
            "The sign is turned round: far keys get the largest weights.",
            lambda q, k, v, h: softmax(squares(q, k) / (2 * h**2)) @ v,
        ),
        ("The bandwidth is not used.", lambda q, k, v, h: by_distance(q, k, v, 1.0)),
        (
            "The weights are not normalised: divide by their sum over the keys.",
            lambda q, k, v, h: np.exp(-squares(q, k) / (2 * h**2)) @ v,
        ),
        (
            "You mix the keys. Keys are compared, values are mixed.",
            lambda q, k, v, h: by_distance(q, k, k, h),
        ),
        (
            "You return the weights. One step is left: `weights @ v`.",
            lambda q, k, v, h: softmax(-squares(q, k) / (2 * h**2)),
        ),
        (
            "You use the dot product; the exercise asks for nearness.",
            lambda q, k, v, h: softmax(q @ k.T / (2 * h**2)) @ v,
        ),
    ],
)
