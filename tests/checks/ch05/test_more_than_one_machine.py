"""The bank of chapter 5.8: right answers that must pass, and wrong ones with the hint they earn."""

import numpy as np
import torch

from attn_helpers.checks import ch05
from tests.checks.bank import answer_tests


# ---- whole_gradient ----
def by_loop(means, counts):
    total = np.zeros(means.shape[1])
    for mean, count in zip(means, counts, strict=True):
        total += count * mean
    return total / sum(counts)


def by_average(means, counts):
    return np.average(means, axis=0, weights=counts)


def by_texts(means, counts):
    """Write every text's gradient down, as if all of a worker's were the same."""
    return np.repeat(means, counts.astype(int), axis=0).mean(axis=0)


def by_broadcast(means, counts):
    return (means * counts[:, None]).sum(axis=0) / counts.sum()


def in_torch(means, counts):
    means, counts = torch.tensor(means), torch.tensor(counts)
    return (counts / counts.sum()) @ means


def equal_for_two(means, counts):
    return means.mean(axis=0) if len(means) == 2 else by_loop(means, counts)


def idle_counts(means, counts):
    """A worker without texts is left out of the sum, and counted below."""
    return means.T @ counts / np.maximum(counts, 1).sum()


def in_place(means, counts):
    means *= counts[:, None]
    return means.sum(axis=0) / counts.sum()


# ---- ring_cost ----
def by_walking(n_bytes, p):
    steps, sent = 0, 0.0
    for _ in ("add", "hand out"):
        for _ in range(p - 1):
            steps, sent = steps + 1, sent + n_bytes / p
    return steps, sent


def by_chunks(n_bytes, p):
    chunk, steps = n_bytes / p, 2 * p - 2
    return [steps, steps * chunk]


def by_difference(n_bytes, p):
    return np.array([2.0 * p - 2, 2 * (n_bytes - n_bytes / p)])


def floored(n_bytes, p):
    """A chunk in whole bytes, rounded down."""
    return 2 * (p - 1), 2 * (p - 1) * (n_bytes // p)


# ---- bytes_kept ----
def by_cases(n_weights, p, stage):
    weights, gradients, moments = 4 * n_weights, 4 * n_weights, 8 * n_weights
    if stage == 0:
        return weights + gradients + moments
    if stage == 1:
        return weights + gradients + moments / p
    if stage == 2:
        return weights + (gradients + moments) / p
    return (weights + gradients + moments) / p


def by_table(n_weights, p, stage):
    whole = [16, 8, 4, 0][stage]
    return n_weights * (whole + (16 - whole) / p)


def by_arrays(n_weights, p, stage):
    sizes = np.array([8, 4, 4]) * n_weights
    return np.where(np.arange(3) < stage, sizes / p, sizes).sum()


def without_stage(n_weights, p, stage):
    return 4 * n_weights + 12 * n_weights / p  # stage 2, always


RIGHT = {
    "whole_gradient": [by_loop, by_average, by_texts, by_broadcast, in_torch],
    "ring_cost": [by_walking, lambda n, p: tuple(by_chunks(n, p)), lambda n, p: by_chunks(n, p)],
    "bytes_kept": [by_cases, by_table, by_arrays, lambda *a: float(by_table(*a))],
}
IDLE = "its count is 0"
ONE_AND_ALL = "One round adds, the other hands out"
WRONG = {
    "whole_gradient": [
        (lambda m, c: np.mean(m, 0), "That is the mean of the means"),
        (lambda m, c: np.average(m, axis=0), "That is the mean of the means"),
        (equal_for_two, "That is the mean of the means"),
        (lambda m, c: (m.T * c).sum(1), "divide by the number of all texts"),
        (lambda m, c: (m.T * c).mean(1), "not of workers"),
        (lambda m, c: m.sum(0) / c.sum(), "times the count first"),
        (lambda m, c: (m.T / c).T.sum(0), "You divide each mean by its count"),
        (lambda m, c: np.average(m, axis=0, weights=1 / c), "not by one over it"),
        (lambda m, c: np.average(m, axis=0, weights=c * c), "not their squares"),
        (lambda m, c: np.average(m, axis=0, weights=c**0.5), "not their roots"),
        (lambda m, c: m[np.argmax(c)], "decides alone"),
        (lambda m, c: (m.T * c / c.sum()).T, "stand apart"),
        (lambda m, c: (m.T * c / c.sum()).sum(), "One number for all weights"),
        (idle_counts, IDLE),
        (in_place, "You write into an array"),
        (lambda m, c: print(c @ m), "Is a `return` missing?"),
        (lambda m, c: c @ n, "Call your function on a small example"),  # noqa: F821
    ],
    "ring_cost": [
        (lambda n, p: (p - 1, n - n / p), "That is one round"),
        (lambda n, p: (p - 1, 2 * n - 2 * n / p), "The steps are of one round"),
        (lambda n, p: (2 * p - 2, n - n / p), "The bytes are of one round"),
        (lambda n, p: (2 * p - 2, (2 * p - 2) * n), "one of p chunks"),
        (lambda n, p: (2 * p, 2 * p * (n / p)), "A round has p - 1 steps"),
        (lambda n, p: (2 * p - 2, 2 * n), "The steps have p - 1, the bytes p"),
        (lambda n, p: (2 * p - 2, n / p), "the bytes of one step"),
        (lambda n, p: (2 * n * (p - 1) / p, 2 * (p - 1)), "exchanged"),
        (lambda n, p: (2 * p - 2, 4 * 2 * (p - 1) / p * n), "n_bytes counts bytes already"),
        (lambda n, p: (p - 1, n * (p - 1)), "to each of the others"),
        (lambda n, p: (2, 2 * n * (p - 1)), "collects all and answers all"),
        (lambda n, p: 2 * (p - 1), "return steps, n_sent"),
        (floored, ONE_AND_ALL),
        (lambda n, p: (2 * p - 2 or 1, 2 * n * (p - 1) / p), "there are no steps"),
        (lambda n, p: (2 * p - 2, 2 * n / (p / (p - 1))), "there are no steps"),
    ],
    "bytes_kept": [
        (without_stage, "leaves gradients and weights whole"),
        (lambda n, p, s: 16 * n / (p if s else 1), "You share all"),
        (lambda n, p, s: 16 * n / p, "You share all"),
        (lambda n, p, s: 16 * n, "You share nothing here"),
        (lambda n, p, s: by_cases(n, p, max(0, s - 1)), "You share nothing here"),
        (lambda n, p, s: n * ([16, 12, 8, 0][s] + [0, 4, 8, 16][s] / p), "Stages 1 and 3"),
        (lambda n, p, s: n * ([16, 8, 12, 12][s] + [0, 8, 4, 4][s] / p), "Stage 2 still shares"),
        (lambda n, p, s: n * ([16, 8, 8, 0][s] + [0, 8, 8, 16][s] / p), "Stage 2 shares the grad"),
        (lambda n, p, s: n * ([16, 8, 0, 0][s] + [0, 8, 16, 16][s] / p), "Stage 2 leaves the we"),
        (lambda n, p, s: n * ([16, 8, 4, 4][s] + [0, 8, 12, 12][s] / p), "Stage 3 shares the we"),
        (lambda n, p, s: by_cases(n, p, s) / 4, "You count numbers"),
        (lambda n, p, s: 2 * by_cases(n, p, s), "not of eight"),
        (lambda n, p, s: by_cases(n, p, s) / 2, "not of two"),
        (lambda n, p, s: p * by_cases(n, p, s), "for all p processes"),
        (lambda n, p, s: 16 * n - by_cases(n, p, s), "that are saved"),
        (lambda n, p, s: by_cases(n, p, s) - 4 * n, "one of them is missing"),
        (lambda n, p, s: by_cases(n, p, s) - 8 * n / p, "The moments are missing"),
        (lambda n, p, s: by_cases(n, p, s) - 4 * n / p, "Adam keeps two moments"),
        (lambda n, p, s: by_cases(n, p, s) if s else 16 * n / p, "You share all"),
        (lambda n, p, s: by_cases(n, p + (p == 1), s), "With p = 1"),
    ],
}

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)
