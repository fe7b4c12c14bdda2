"""The bank of chapter 3.4: right answers that must pass, and wrong ones with the hint they earn."""

import math

import numpy as np
import torch

from attn_helpers.checks import ch03
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
SMALL = "small example of your own"


def slow_to_fast(d):
    return 10_000.0 ** (-np.arange(0, d, 2) / d)


def sinusoids_by_loop(n, d_model):
    return [
        [(math.cos if c % 2 else math.sin)(i / 10_000 ** (c // 2 * 2 / d_model))
         for c in range(d_model)]
        for i in range(n)
    ]  # fmt: skip


def sinusoids_by_slices(n, d_model):
    table = np.empty((n, d_model))
    angle = np.outer(np.arange(n), slow_to_fast(d_model))
    table[:, 0::2], table[:, 1::2] = np.sin(angle), np.cos(angle)
    return table


def sinusoids_in_torch(n, d_model):
    rate = torch.exp(-math.log(10_000) * torch.arange(0, d_model, 2, dtype=torch.double) / d_model)
    angle = torch.arange(n)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


def bias_by_loop(table, n_q, n_k):
    reach = (len(table) - 1) // 2
    return [[table[max(-reach, min(reach, j - i)) + reach] for j in range(n_k)] for i in range(n_q)]


def bias_by_padding(table, n_q, n_k):
    """Write out every distance once, and let each query read a window of them."""
    reach = len(table) // 2
    every = np.pad(table, (max(0, n_q - reach), max(0, n_k - reach)), mode="edge")
    middle = reach + max(0, n_q - reach)
    return np.stack([every[middle - i : middle - i + n_k] for i in range(n_q)])


def rope_by_complex(x, positions):
    z = np.ascontiguousarray(x).view(complex)
    return (z * np.exp(1j * np.outer(positions, slow_to_fast(x.shape[-1])))).view(float)


def rope_by_matrices(x, positions):
    out = np.array(x)
    for row, position in enumerate(positions):
        for m, rate in enumerate(slow_to_fast(x.shape[-1])):
            c, s = math.cos(position * rate), math.sin(position * rate)
            pair = slice(2 * m, 2 * m + 2)
            out[..., row, pair] = x[..., row, pair] @ np.array([[c, s], [-s, c]])
    return out


def rope_as_in_gpt_j(x, positions):
    x = torch.tensor(np.array(x))
    angle = torch.tensor(np.array(positions))[:, None] * torch.tensor(slow_to_fast(x.shape[-1]))
    angle = angle.repeat_interleave(2, -1)
    other = torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)
    return x * angle.cos() + other * angle.sin()


def rope_as_in_llama(x, positions):
    """Reorder the features, rotate halves, and reorder back."""
    d = x.shape[-1]
    order = np.r_[0:d:2, 1:d:2]
    y, angle = x[..., order], np.tile(np.outer(positions, slow_to_fast(d)), 2)
    other = np.concatenate([-y[..., d // 2 :], y[..., : d // 2]], -1)
    return (y * np.cos(angle) + other * np.sin(angle))[..., np.argsort(order)]


def shift_by_loop(d_model, shift):
    M = np.zeros((d_model, d_model))
    for m, rate in enumerate(slow_to_fast(d_model)):
        c, s = math.cos(shift * rate), math.sin(shift * rate)
        M[2 * m : 2 * m + 2, 2 * m : 2 * m + 2] = [[c, -s], [s, c]]
    return M


def shift_by_least_squares(d_model, shift):
    """Fit the matrix to positions far enough apart to tell the pairs apart."""
    i = np.arange(4 * d_model)[:, None] * 10_000.0 ** (np.arange(4 * d_model)[:, None] / 64)
    pair = i * slow_to_fast(d_model), (i + shift) * slow_to_fast(d_model)
    here, there = (np.stack([np.sin(a), np.cos(a)], -1).reshape(len(i), -1) for a in pair)
    return np.linalg.lstsq(here, there, rcond=None)[0]


RIGHT = {
    "sinusoidal_positions": [sinusoids_by_loop, sinusoids_by_slices, sinusoids_in_torch],
    "relative_bias": [
        bias_by_loop,
        bias_by_padding,
        lambda t, n, m: t[
            len(t) // 2 + (np.arange(m) - np.arange(n)[:, None]).clip(-(len(t) // 2), len(t) // 2)
        ],
    ],
    "rope": [rope_by_complex, rope_by_matrices, rope_as_in_gpt_j, rope_as_in_llama],
    "shift_matrix": [
        shift_by_loop,
        shift_by_least_squares,
        lambda d, s: torch.block_diag(
            *(torch.linalg.matrix_exp(torch.tensor([[0, -s * r], [s * r, 0]]).double())
              for r in slow_to_fast(d))
        ),
    ],
}  # fmt: skip


def sinusoids(angle):
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(len(angle), -1)


def table_at(t, n, m, entry):
    return t[entry(np.arange(m) - np.arange(n)[:, None], len(t) // 2)]


def turn(x, angle):
    even, odd = x[..., ::2], x[..., 1::2]
    out = np.empty(x.shape)
    out[..., ::2] = even * np.cos(angle) - odd * np.sin(angle)
    out[..., 1::2] = even * np.sin(angle) + odd * np.cos(angle)
    return out


def angles(x, p):
    return np.outer(p, slow_to_fast(x.shape[-1]))


def overwritten(x, p):
    out, angle = np.array(x), angles(x, p)
    out[..., ::2] = out[..., ::2] * np.cos(angle) - out[..., 1::2] * np.sin(angle)
    out[..., 1::2] = out[..., ::2] * np.sin(angle) + out[..., 1::2] * np.cos(angle)
    return out


def in_place(x, p):
    x[...] = turn(x, angles(x, p))
    return x


def rotate_half(x, p):
    d = x.shape[-1]
    angle = np.tile(angles(x, p), 2)
    return x * np.cos(angle) + np.concatenate([-x[..., d // 2 :], x[..., : d // 2]], -1) * np.sin(
        angle
    )


def mixed_conventions(x, p):
    """Interleaved angles with rotated halves: a bug of some early ports."""
    d = x.shape[-1]
    angle = angles(x, p).repeat(2, -1)
    other = np.concatenate([-x[..., d // 2 :], x[..., : d // 2]], -1)
    return x * np.cos(angle) + other * np.sin(angle)


def looked_up_angles(x, p):
    every = np.outer(np.arange(64), slow_to_fast(x.shape[-1]))
    return turn(x, every[np.asarray(p).astype(int) % 64])


def unwoven(x, p):
    out = rope_by_complex(x, p)
    return np.concatenate([out[..., ::2], out[..., 1::2]], -1)


WRONG = {
    "sinusoidal_positions": [
        (lambda n, d: np.c_[sinusoids_by_slices(n, d)[:, ::2], sinusoids_by_slices(n, d)[:, 1::2]],
         "side by side"),
        (lambda n, d: sinusoids(np.pi / 2 - np.outer(range(n), slow_to_fast(d))), "Sine comes"),
        (lambda n, d: sinusoids(np.outer(range(n), slow_to_fast(d) ** 0.5)), "half as fast"),
        (lambda n, d: sinusoids(np.outer(range(n), 1 / slow_to_fast(d))), "exponent is negative"),
        (lambda n, d: sinusoids(np.outer(range(n), slow_to_fast(d)[::-1])), "Row i, column 2m"),
        (lambda n, d: sinusoids(np.outer(np.arange(n) + 1, slow_to_fast(d))), "start at 0"),
        (lambda n, d: sinusoids(np.radians(np.outer(range(n), slow_to_fast(d)))), "Row i, column"),
        (lambda n, d: sinusoids(2 * np.pi * np.outer(range(n), slow_to_fast(d))), "no 2 pi"),
        (lambda n, d: sinusoids(np.outer(range(n), np.geomspace(1, 1e-4, d // 2))), "stretch"),
        (lambda n, d: sinusoids(np.outer(range(n), 1000 ** (-np.arange(0, d, 2) / d))), "Row i,"),
        (lambda n, d: [[(math.cos if c % 2 else math.sin)(i * 1e4 ** (-c / d)) for c in range(d)]
                       for i in range(n)], "counts pairs"),
        (lambda n, d: np.outer(range(n), slow_to_fast(d)).repeat(2, 1), "These are the angles"),
        (lambda n, d: sinusoids_by_slices(n, d).T, SHAPE),
        (lambda n, d: sinusoids_by_slices(n, d)[:, ::2], SHAPE),
        (lambda n, d: sinusoids_by_slices(n, d).squeeze(), "Nothing is special"),
        (lambda n, d: sinusoids_by_slices(n, d) * (np.arange(n)[:, None] < 512), "Nothing is"),
    ],
    "relative_bias": [
        (lambda t, n, m: bias_by_loop(t[::-1], n, m), "The distance is j - i"),
        (lambda t, n, m: bias_by_loop(t, m, n), SHAPE),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: (d - m + n).clip(-r, r) + r), "line up"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: d + r), SMALL),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: (d + r) % len(t)), "other end"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: d.clip(-r, r)), "is in the middle"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: d % len(t)), "is in the middle"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: abs(d).clip(0, r) + r), "absolute value"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: abs(d).clip(0, r)), "Row i, column j"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: d.clip(1 - r, r - 1) + r), "last entry"),
        (lambda t, n, m: table_at(t, n, m, lambda d, r: d.clip(0, 2 * r)), "then add the reach"),
        (lambda t, n, m: np.where(abs(np.arange(m) - np.arange(n)[:, None]) > len(t) // 2, 0,
                                  bias_by_loop(t, n, m)), "yours get 0"),
        (lambda t, n, m: np.where(abs(np.arange(m) - np.arange(n)[:, None]) > len(t) // 2, -np.inf,
                                  bias_by_loop(t, n, m)), "Row i, column j"),
        (lambda t, n, m: np.array(bias_by_loop(t, n, m)).squeeze(), "middle of the table"),
    ],
    "rope": [
        (rotate_half, "another convention"),
        (mixed_conventions, "For each pair"),
        (lambda x, p: turn(x, -angles(x, p)), "clockwise"),
        (unwoven, "Weave them"),
        (lambda x, p: turn(x, angles(x, np.arange(x.shape[-2]))), "count from 0"),
        (lambda x, p: turn(x, angles(x, p[0] + np.arange(x.shape[-2]))), "For each pair"),
        (lambda x, p: turn(x, angles(x, p + 1)), "For each pair"),
        (lambda x, p: turn(x, p[:, None] + 0 * angles(x, p)), "frequency of its own"),
        (lambda x, p: turn(x, np.outer(p, slow_to_fast(x.shape[-1]) ** 0.5)), "half as fast"),
        (lambda x, p: turn(x, np.outer(p, 1 / slow_to_fast(x.shape[-1]))), "more slowly"),
        (lambda x, p: turn(x, angles(x, p)[:, ::-1]), "For each pair"),
        (lambda x, p: turn(x, np.radians(angles(x, p))), "For each pair"),
        (lambda x, p: x + sinusoids(angles(x, p)), "sinusoids added"),
        (lambda x, p: x * sinusoids(angles(x, p)), "For each pair"),
        (lambda x, p: x * np.cos(angles(x, p)).repeat(2, -1), "For each pair"),
        (overwritten, "overwritten"),
        (in_place, "belongs to the caller"),
        (lambda x, p: turn(x, angles(x, p)) / np.linalg.norm(x, axis=-1, keepdims=True),
         "For each pair"),
        (lambda x, p: turn(x, np.outer(np.arange(x.shape[0]), slow_to_fast(x.shape[-1]))),
         "count from 0"),
        (lambda x, p: x.copy(), "x itself"),
        (lambda x, p: turn(x, angles(x, p)).reshape(-1, x.shape[-1]), SHAPE),
        (lambda x, p: turn(x, angles(x, p)).squeeze(), "Positions go along"),
        (looked_up_angles, "do not look it up"),
        (lambda x, p: turn(x, angles(x, abs(p))), "do not look it up"),
    ],
    "shift_matrix": [
        (lambda d, s: shift_by_loop(d, s).T, "transposed"),
        (lambda d, s: shift_by_loop(d, 1), "does not use the shift"),
        (lambda d, s: np.kron(np.eye(d // 2), shift_by_loop(2, s)), "frequency of its own"),
        (lambda d, s: np.diag(np.diag(shift_by_loop(d, s))), "only scales"),
        (lambda d, s: np.eye(d), "Column 2m of M"),
        (lambda d, s: shift_by_loop(d, s)[np.r_[0:d:2, 1:d:2]][:, np.r_[0:d:2, 1:d:2]],
         "neighbours"),
        (lambda d, s: shift_by_loop(d, s)[: d // 2, : d // 2], SHAPE),
        (lambda d, s: np.stack([shift_by_loop(d, s)] * 2), SHAPE),
        (lambda d, s: np.linalg.matrix_power(shift_by_loop(d, 1), abs(s)), "transposed"),
        (lambda d, s: np.linalg.matrix_power(shift_by_loop(d, 1), int(s)), "Shift 0 gives"),
        (lambda d, s: shift_by_loop(d, s % 100), "Column 2m"),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch03, RIGHT, WRONG)
