"""The bank of chapter 2: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers.checks import ch02
from tests.checks.bank import answer_tests

exp, norm, sqrt = np.exp, np.linalg.norm, np.sqrt
F = torch.nn.functional


def share(scores, axis=-1):
    e = exp(scores - scores.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def apart(q, k):
    return q[:, None] - k


# --- right answers, each in another style ---------------------------------------------------------
def patches_by_pixels(image, size):
    (height, width, channels), found = image.shape, []
    for place in range(height // size * (width // size)):
        top, left = divmod(place, width // size)
        steps = [(y, x, c) for y in range(size) for x in range(size) for c in range(channels)]
        found.append([image[top * size + y, left * size + x, c] for y, x, c in steps])
    return found


def patches_by_splitting(image, size):
    bands = np.split(image, len(image) // size)
    cut = [np.split(band, band.shape[1] // size, axis=1) for band in bands]
    return np.concatenate([[tile.ravel() for tile in band] for band in cut])


def patches_by_axes(image, size):
    h, w, c = image.shape
    blocks = image.reshape(h // size, size, w // size, size, c)
    return np.einsum("aibjc->abijc", blocks).reshape(-1, size * size * c)


def patches_by_unfold(image, size):
    columns = F.unfold(torch.tensor(image).permute(2, 0, 1)[None], size, stride=size)[0]
    return columns.T.reshape(len(columns.T), -1, size * size).transpose(1, 2).flatten(1)


def patches_by_windows(image, size):
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
    tiles = windows[::size, ::size].transpose(0, 1, 3, 4, 2)
    return tiles.reshape(-1, size * size * image.shape[2])


def weights_by_loops(q, k):
    rows = []
    for x in q:
        scores = [sum(a * b for a, b in zip(x, y, strict=True)) / math.sqrt(len(x)) for y in k]
        e = [math.exp(score - max(scores)) for score in scores]
        rows.append([part / sum(e) for part in e])
    return rows


def weights_by_einsum(q, k):
    scores = np.einsum("id,jd->ij", q / k.shape[1] ** 0.25, k / k.shape[1] ** 0.25)
    return exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])


def weights_by_torch(q, k):
    q, k = torch.from_numpy(np.array(q)), torch.from_numpy(np.array(k)).requires_grad_()
    return F.scaled_dot_product_attention(q, k, torch.eye(len(k), dtype=k.dtype))


def weights_guarded(q, k):
    e = exp((s := q @ k.T * q.shape[1] ** -0.5) - s.max(1)[:, None])
    return e / (e.sum(1)[:, None] + 1e-12)


def cosine_by_loops(q, k, temperature):
    def cosine(x, y):
        size = math.hypot(*x) * math.hypot(*y)
        return sum(x * y) / size if size else 0.0

    scores = [[cosine(x, y) / temperature for y in k] for x in q]
    return [[1 / sum(math.exp(min(700, b - a)) for b in row) for a in row] for row in scores]


def cosine_by_torch(q, k, temperature):
    q, k = (F.normalize(torch.tensor(np.array(x)), dim=-1) for x in (q, k))
    return torch.softmax(q @ k.T / temperature, dim=-1)


def cosine_by_outer(q, k, temperature):
    lengths = np.outer(norm(q, axis=1), norm(k, axis=1))
    scores = np.divide(q @ k.T, lengths, out=np.zeros(lengths.shape), where=lengths > 0)
    return share(scores / temperature)


def cosine_by_nan_to_num(q, k, temperature):
    q, k = (np.nan_to_num(x / sqrt(np.einsum("id,id->i", x, x))[:, None]) for x in (q, k))
    return share(q @ k.T / temperature)


def distance_by_loops(q, k, v, bandwidth):
    out = []
    for x in q:
        scores = [-(math.dist(x, y) ** 2) / (2 * bandwidth**2) for y in k]
        e = [math.exp(score - max(scores)) for score in scores]
        out.append([sum(a * b for a, b in zip(e, c, strict=True)) / sum(e) for c in v.T])
    return np.array(out)


def distance_by_norm(q, k, v, bandwidth):
    return np.einsum("ij,jc->ic", share(-((norm(apart(q, k), axis=-1) / bandwidth) ** 2) / 2), v)


def distance_by_torch(q, k, v, bandwidth):
    q, k, v = (torch.tensor(np.array(x)) for x in (q, k, v))
    apart = torch.cdist(q, k, compute_mode="donot_use_mm_for_euclid_dist")
    return torch.softmax(-(apart**2) / (2 * bandwidth**2), dim=-1) @ v


def distance_centred(q, k, v, bandwidth):
    q, k = (q - k.mean(0)) / bandwidth, (k - k.mean(0)) / bandwidth
    return share(q @ k.T - (k**2).sum(1) / 2) @ v


RIGHT = {
    "to_patches": [
        patches_by_pixels,
        patches_by_splitting,
        patches_by_axes,
        patches_by_unfold,
        patches_by_windows,
    ],
    "attention_weights": [weights_by_loops, weights_by_einsum, weights_by_torch, weights_guarded],
    "cosine_weights": [cosine_by_loops, cosine_by_torch, cosine_by_outer, cosine_by_nan_to_num],
    "distance_attention": [distance_by_loops, distance_by_norm, distance_by_torch],
}


# --- wrong answers, each with a part of the hint it must earn -------------------------------------
def cut(order="abijc", square=False, channels=None, flat=True):
    def answer(image, size):
        image = image[..., :channels]
        h, w, c = image.shape
        blocks = image.reshape(h // size, size, (h if square else w) // size, size, c)
        blocks = np.einsum(f"aibjc->{order}", blocks)
        return blocks.reshape(-1, size * size * c) if flat else blocks.reshape(-1, size, size, c)

    return answer


def rows_of(h, w, size):
    return [(r, c) for r in range(0, h, size) for c in range(0, w, size)]


def from_below(image, size):
    return patches_by_axes(image, size)[::-1]


def upside_down(image, size):
    return patches_by_axes(image[::-1], size)


def sliding(image, size):
    h, w, _ = image.shape
    corners = [(r, c) for r in range(h - size + 1) for c in range(w - size + 1)]
    return [image[r : r + size, c : c + size].ravel() for r, c in corners]


def by_number_of_rows(image, size):
    n_rows, n_columns = image.shape[0] // size, image.shape[1] // size
    places = [divmod(i, max(n_rows, n_columns)) for i in range(n_rows * n_columns)]
    return [
        image[size * r : size * r + size, size * c : size * c + size].ravel() for r, c in places
    ]


def one_short(image, size):
    h, w, _ = image.shape
    corners = rows_of(h - size, w - size, size)
    return np.array([image[r : r + size, c : c + size].ravel() for r, c in corners])


def as_bytes(image, size):
    return (patches_by_axes(image, size) * 255).astype(np.uint8) / 255


def standardised(image, size):
    tiles = patches_by_axes(image, size)
    return (tiles - tiles.mean(1, keepdims=True)) / (tiles.std(1, keepdims=True) + 1e-9)


def reshapes_in_place(image, size):
    h, w, c = image.shape
    image.shape = (h // size, size, w // size, size, c)
    return image.swapaxes(1, 2).reshape(-1, size * size * c)


def by_memory(image, size):
    return np.array(
        [image[r : r + size, c : c + size].ravel("K") for r, c in rows_of(*image.shape[:2], size)]
    )


def by_strides(image, size):
    h, w, c = image.shape
    down, right = w * c * 8, c * 8
    view = np.lib.stride_tricks.as_strided(
        image, (h // size, w // size, size, size, c), (size * down, size * right, down, right, 8)
    )
    return view.reshape(-1, size * size * c)


def dot(scale=lambda q, k: 1 / sqrt(q.shape[1]), finish=share):
    return lambda q, k: finish(q @ k.T * scale(q, k))


def naive(scores):
    return exp(scores) / exp(scores).sum(-1, keepdims=True)


def shifted(by):
    def finish(scores):
        e = exp(scores - by(scores))
        return e / e.sum(-1, keepdims=True)

    return finish


def clipped(low, high):
    return lambda scores: share(np.clip(scores, low, high))


def zeroed_nan(scores):
    return np.nan_to_num(naive(scores))


def in_place_weights(q, k):
    q /= sqrt(q.shape[1])
    return share(q @ k.T)


def guesses_the_transpose(q, k):
    return share((q @ k if q.shape[1] == len(k) else q @ k.T) / sqrt(q.shape[1]))


def causal_if_square(q, k):
    scores = q @ k.T / sqrt(q.shape[1])
    return share(np.where(np.tri(*scores.shape) > 0, scores, -1e9) if len(q) == len(k) else scores)


def only_for_few_queries(q, k):
    return share((q @ k.T / sqrt(q.shape[1]))[: len(k)])


def squeezed(q, k):
    return share(q @ k.T / sqrt(q.shape[1])).squeeze()


def sparse(q, k):
    w = dot()(q, k)
    return np.where(w < 0.01, 0, w)


def top_heavy(q, k):
    return np.eye(len(k))[(q @ k.T).argmax(1)]


def remembers(memory={}):  # noqa: B006
    def answer(q, k):
        return memory.setdefault((q.shape, k.shape), dot()(q, k))

    return answer


def centred_keys(q, k):
    return dot()(q - q.mean(0), k - k.mean(0))


def cosine(length=lambda x: norm(x, axis=-1, keepdims=True), sharpen=lambda s, t: s / t, end=share):
    def answer(q, k, t):
        sizes = [length(x) for x in (q, k)]
        q, k = (x / np.where(n == 0, 1, n) for x, n in zip((q, k), sizes, strict=True))
        return end(sharpen(q @ k.T, t))

    return answer


def lengths(x):
    return norm(x, axis=-1, keepdims=True)


def cosine_with_nan(q, k, t):
    return share((q / lengths(q)) @ (k / lengths(k)).T / t)


def cosine_uniform_for_nan(q, k, t):
    w = cosine_with_nan(q, k, t)
    return np.where(np.isnan(w), 1 / len(k), w)


def cosine_zero_weights(q, k, t):
    return np.nan_to_num(cosine_with_nan(q, k, t))


def cosine_without_axis_kept(q, k, t):
    return share((q / norm(q, axis=1)) @ (k / norm(k, axis=1)).T / t)


def cosine_in_place(q, k, t):
    for x in q, k:
        x /= np.where(lengths(x) == 0, 1, lengths(x))
    return share(q @ k.T / t)


def half_cosine(which):
    def answer(q, k, t):
        q, k = (q / lengths(q), k) if which == "q" else (q, k / lengths(k))
        return share(q @ k.T / t)

    return answer


def near(
    distance=lambda q, k: (apart(q, k) ** 2).sum(-1),
    score=lambda d, h: -d / (2 * h**2),
    end=share,
    mix=lambda w, k, v: w @ v,
):
    return lambda q, k, v, h: mix(end(score(distance(q, k), h)), k, v)


def multiplied_out(q, k):
    return (q**2).sum(1)[:, None] - 2 * q @ k.T + (k**2).sum(1)


def nearest(q, k, v, h):
    return v[(apart(q, k) ** 2).sum(-1).argmin(1)]


def guarded(scores):
    return exp(scores) / (exp(scores).sum(-1, keepdims=True) + 1e-9)


def nearest_where_empty(q, k, v, h):
    e = exp(-(apart(q, k) ** 2).sum(-1) / (2 * h**2))
    total = e.sum(1, keepdims=True)
    return np.where(total > 0, e @ v / np.where(total > 0, total, 1), nearest(q, k, v, h))


def bounded_bandwidth(low, high=np.inf):
    return lambda q, k, v, h: near()(q, k, v, min(max(h, low), high))


def sorts_the_keys(q, k, v, h):
    k.sort(axis=0)
    return near()(q, k, v, h)


def not_itself(answer):
    """Change the keys where there are as many of them as queries."""

    def wrong(q, k, *rest):
        k = k + 1e3 * (np.eye(*k.shape) if len(q) == len(k) > 1 else 0)
        return answer(q, k, *rest)

    return wrong


def one_feature(q, k, v, h):
    return near(lambda q, k: (q[:, :1] - k[:, 0]) ** 2)(q, k, v, h)


def per_feature(q, k, v, h):
    e = exp(-(apart(q, k) ** 2) / (2 * h**2))
    return np.einsum("ijd,jc->ic", e / e.sum(1, keepdims=True), v)


GENERAL = {
    "to_patches": "Cut `image[r:r+size",
    "attention_weights": "Scores first",
    "cosine_weights": "by its own length, take",
    "distance_attention": "Squared distance of a query",
}
SHAPE, OWN, STABLE = "shape after each step", "belongs to the caller", "own largest score"
WRONG = {
    "to_patches": [
        (lambda image, size: image.reshape(-1, size * size * image.shape[2]), "strips of rows"),
        (cut("baijc"), "run down the columns"),
        (cut("abjic"), "rows and columns have changed places"),
        (cut("abcij"), "colours stand apart"),
        (cut("bajic"), "Cut `image["),
        (cut("ijabc"), "Cut `image["),
        (
            lambda i, s: patches_by_pixels(i, s) and cut(flat=False)(i, s).mean((1, 2)),
            "mean of its",
        ),
        (cut(flat=False), "Flatten"),
        (cut(square=True), "small example"),
        (cut(channels=1), SHAPE),
        (cut(channels=3), "not always 3"),
        (lambda image, size: cut()(image, 2), "small example"),
        (lambda image, size: patches_by_axes(image, size).T, SHAPE),
        (lambda image, size: patches_by_axes(image, size)[None], SHAPE),
        (lambda image, size: patches_by_axes(image, size) + 0j, SHAPE),
        (lambda image, size: patches_by_axes(image, size).astype(np.float16), "Cut `image["),
        (lambda image, size: np.unique(patches_by_axes(image, size), axis=0), "Cut `image["),
        (from_below, "Cut `image["),
        (upside_down, "Cut `image["),
        (sliding, SHAPE),
        (by_number_of_rows, SHAPE),
        (one_short, SHAPE),
        (as_bytes, "Cut `image["),
        (standardised, "Cut `image["),
        (reshapes_in_place, OWN),
        (by_memory, "rows and columns have changed"),
        (by_strides, ""),
    ],
    "attention_weights": [
        (dot(lambda q, k: 1), "scale is missing"),
        (dot(lambda q, k: 1 / q.shape[1]), "square root"),
        (dot(lambda q, k: 1 / sqrt(len(k))), "root of the number of keys"),
        (dot(lambda q, k: 1 / sqrt(len(q))), "root of the number of queries"),
        (dot(lambda q, k: sqrt(q.shape[1])), "You multiply"),
        (dot(lambda q, k: 1 / sqrt(q.shape[1] - 1)), "Scores first"),
        (dot(lambda q, k: 1 / sqrt(q.shape[1] + 1)), "Scores first"),
        (dot(lambda q, k: 1 / (sqrt(q.shape[1]) + 1e-3)), "Scores first"),
        (dot(lambda q, k: 0.5), "Scores first"),
        (dot(lambda q, k: 1 / np.log2(q.shape[1])), "Scores first"),
        (dot(lambda q, k: 1 / sqrt(q.size)), "Scores first"),
        (dot(lambda q, k: 1 / norm(q) / norm(k)), "Scores first"),
        (lambda q, k: dot(lambda q, k: 1)(q, k) / sqrt(q.shape[1]), "You divide the weights"),
        (dot(finish=lambda s: share(s, 0)), "over the queries"),
        (dot(finish=lambda s: share(s, (0, 1))), "whole matrix"),
        (dot(finish=lambda s: s), "These are the scores"),
        (dot(finish=lambda s: s / s.sum(-1, keepdims=True)), "Scores first"),
        (dot(finish=lambda s: share(-s)), "Scores first"),
        (dot(finish=lambda s: share(s) * (1 + 1e-4)), "Scores first"),
        (dot(finish=lambda s: share(s).round(3)), "Scores first"),
        (dot(finish=lambda s: share(s)[..., None]), SHAPE),
        (dot(finish=lambda s: share(s) + 0j), SHAPE),
        (dot(finish=lambda s: np.log(share(s))), "Scores first"),
        (dot(finish=naive), STABLE),
        (dot(finish=zeroed_nan), STABLE),
        (dot(finish=clipped(-700, 700)), STABLE),
        (dot(finish=clipped(-30, 30)), STABLE),
        (dot(finish=clipped(-1e9, 500)), STABLE),
        (dot(finish=clipped(-2000, np.inf)), STABLE),
        (dot(finish=shifted(np.max)), STABLE),
        (dot(finish=shifted(lambda s: s.max(0))), "Scores first"),
        (dot(finish=shifted(lambda s: s[:, :1])), STABLE),
        (dot(finish=shifted(lambda s: s.mean(1, keepdims=True))), STABLE),
        (dot(finish=shifted(lambda s: abs(s).max(1, keepdims=True))), STABLE),
        (lambda q, k: dot()(k, q), "changed places"),
        (lambda q, k: dot()(q, k).T, SHAPE),
        (lambda q, k: dot()(q, q), SHAPE),
        (lambda q, k: cosine()(q, k, 1.0), "Scores first"),
        (lambda q, k: near(mix=lambda w, k, v: w)(q, k, None, 1.0), "Scores first"),
        (in_place_weights, OWN),
        (guesses_the_transpose, "Scores first"),
        (causal_if_square, "Scores first"),
        (only_for_few_queries, SHAPE),
        (squeezed, "Keep both axes"),
        (sparse, "Scores first"),
        (top_heavy, "Scores first"),
        (remembers(), STABLE),
        (centred_keys, "Scores first"),
    ],
    "cosine_weights": [
        (lambda q, k, t: cosine()(q, k, 1), "temperature is not used"),
        (cosine(sharpen=lambda s, t: s * t), "multiply by the temperature"),
        (half_cosine("q"), "keys keep their length"),
        (half_cosine("k"), "queries keep their length"),
        (lambda q, k, t: share(q @ k.T / t), "These are dot products"),
        (lambda q, k, t: share(q @ k.T / sqrt(q.shape[1]) / t), "by its own length"),
        (cosine(norm), "length of the whole array"),
        (cosine(lambda x: norm(x, axis=0)), "length of each column"),
        (cosine(lambda x: lengths(x) ** 2), "squared lengths"),
        (cosine(lambda x: abs(x).sum(-1, keepdims=True)), "absolute values"),
        (cosine(lambda x: abs(x).max(-1, keepdims=True)), "by its own length"),
        (cosine(lambda x: x.std(-1, keepdims=True)), "by its own length"),
        (cosine(lambda x: lengths(x - x.mean(-1, keepdims=True))), "by its own length"),
        (lambda q, k, t: cosine()(q, k, t * sqrt(q.shape[1])), "sqrt(d_k)"),
        (cosine(end=lambda s: share(s, 0)), "over the queries"),
        (cosine(end=lambda s: share(s, (0, 1))), "by its own length"),
        (cosine(end=lambda s: s), "These are the scores"),
        (cosine(end=lambda s: share(s).T), SHAPE),
        (cosine(end=lambda s: share(-s)), "by its own length"),
        (cosine(end=naive), "Take each row's own"),
        (cosine(end=zeroed_nan), "Take each row's own"),
        (cosine(end=clipped(-50, 50)), "Take each row's own"),
        (cosine(end=clipped(-np.inf, 700)), "Take each row's own"),
        (cosine(end=shifted(np.max)), "Take each row's own"),
        (cosine(sharpen=lambda s, t: np.maximum(s, 0) / t), "by its own length"),
        (cosine(sharpen=lambda s, t: abs(s) / t), "by its own length"),
        (cosine(sharpen=lambda s, t: s**2 / t), "by its own length"),
        (cosine(sharpen=lambda s, t: (1 - s) / t), "by its own length"),
        (cosine(sharpen=lambda s, t: -np.arccos(s.clip(-1, 1)) / t), "by its own length"),
        (cosine(sharpen=lambda s, t: s / t**2), "by its own length"),
        (cosine(sharpen=lambda s, t: s / (t + 1e-3)), "by its own length"),
        (cosine(sharpen=lambda s, t: s / (t + 1e-6)), "temperature"),
        (cosine(sharpen=lambda s, t: s / max(t, 0.01)), "cut off"),
        (cosine(sharpen=lambda s, t: s / min(t, 10)), "cut off"),
        (cosine(sharpen=lambda s, t: s.round(2) / t), "by its own length"),
        (cosine(sharpen=lambda s, t: s.round(5) / t), "temperature"),
        (cosine(lambda x: lengths(x) + 1e-3), "by its own length"),
        (cosine(lambda x: lengths(x) + 1e-8), "added to a length"),
        (cosine(lambda x: lengths(x) + 1e-12), "added to a length"),
        (cosine(lambda x: np.maximum(lengths(x), 1e-8)), "added to a length"),
        (cosine(lambda x: sqrt((x**2).sum(-1, keepdims=True) + 1e-12)), "added to a length"),
        (cosine(lambda x: np.maximum(lengths(x), 1)), "by its own length"),
        (cosine_with_nan, "0 / 0 is NaN"),
        (cosine_zero_weights, "0 / 0 is NaN"),
        (cosine_uniform_for_nan, "0 / 0 is NaN"),
        (cosine_without_axis_kept, "small example"),
        (not_itself(cosine()), "temperature"),
        (cosine_in_place, OWN),
    ],
    "distance_attention": [
        (near(lambda q, k: (apart(q, k) ** 2).mean(-1)), "average over the features"),
        (near(lambda q, k: norm(apart(q, k), axis=-1)), "its square"),
        (near(lambda q, k: abs(apart(q, k)).sum(-1)), "absolute differences"),
        (near(lambda q, k: apart(q, k).sum(-1) ** 2), "square the sum"),
        (near(lambda q, k: (apart(q, k) ** 2).max(-1)), "Squared distance"),
        (near(lambda q, k: (apart(q, k) ** 2).sum()), "small example"),
        (near(lambda q, k: (apart(q, k) ** 2).sum(-1) + 1e-3 * np.arange(len(k))), "Squared"),
        (near(score=lambda d, h: -d / (2 * h)), "bandwidth must be squared"),
        (near(score=lambda d, h: -d / h**2), "2 under the fraction"),
        (near(score=lambda d, h: d / (2 * h**2)), "sign"),
        (near(score=lambda d, h: -d / 2), "bandwidth is not used"),
        (near(score=lambda d, h: -d * h**2 / 2), "Squared distance"),
        (near(score=lambda d, h: -d / 2 * h**2), "Squared distance"),
        (near(score=lambda d, h: -d / (2 * h**2 + 1e-6)), ""),
        (near(score=lambda d, h: -d / (2 * h**2) / sqrt(2)), "Squared distance"),
        (near(score=lambda d, h: 1 / (1 + d / (2 * h**2))), "Squared distance"),
        (near(score=lambda d, h: -np.minimum(d / (2 * h**2), 700)), STABLE),
        (near(score=lambda d, h: -np.minimum(d / (2 * h**2), 1e5)), STABLE),
        (near(end=exp), "not normalised"),
        (near(end=lambda s: share(s, 0)), "Squared distance"),
        (near(end=lambda s: share(s, (0, 1))), "Squared distance"),
        (near(end=naive), STABLE),
        (near(end=zeroed_nan), STABLE),
        (near(end=guarded), "Squared distance"),
        (near(end=shifted(np.max)), STABLE),
        (near(end=lambda s: s), "Squared distance"),
        (near(mix=lambda w, k, v: w), "return the weights"),
        (near(mix=lambda w, k, v: w @ k), "mix the keys"),
        (near(mix=lambda w, k, v: (w @ v)[:, : k.shape[1]]), "Keep all axes"),
        (near(mix=lambda w, k, v: (w @ v).squeeze()), "Keep all axes"),
        (near(mix=lambda w, k, v: (w @ v).T), SHAPE),
        (near(mix=lambda w, k, v: w @ v[:, 0]), SHAPE),
        (near(mix=lambda w, k, v: (w @ v)[: len(k)]), SHAPE),
        (near(mix=lambda w, k, v: w @ v / len(k)), "Squared distance"),
        (near(mix=lambda w, k, v: w @ v + 1e-4), "Squared distance"),
        (near(multiplied_out), "subtracts huge numbers"),
        (near(lambda q, k: multiplied_out(q, k).clip(0)), "subtracts huge numbers"),
        (lambda q, k, v, h: share(q @ k.T / (2 * h**2)) @ v, "dot product"),
        (lambda q, k, v, h: share(q @ k.T / sqrt(q.shape[1])) @ v, "Squared distance"),
        (lambda q, k, v, h: share(q @ k.T / h**2) @ v, "Squared distance"),
        (nearest, "Squared distance"),
        (nearest_where_empty, STABLE),
        (bounded_bandwidth(0.1), "cut off"),
        (bounded_bandwidth(1e-3), "cut off"),
        (bounded_bandwidth(0, 100), "cut off"),
        (sorts_the_keys, ""),
        (not_itself(near()), "Squared distance"),
        (one_feature, "Squared distance"),
        (per_feature, "Squared distance"),
    ],
}

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch02, RIGHT, WRONG)
