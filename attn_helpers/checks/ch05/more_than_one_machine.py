"""Exercises of chapter 5.8: the gradient of the whole, the cost of a ring, who keeps what."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["bytes_kept", "ring_cost", "whole_gradient"]

DRAW = np.random.default_rng(58)


def weighted_mean(means, counts):
    """Mean over all texts, from the mean over each worker's."""
    return counts @ means / counts.sum()


def case(counts, d):
    """Draw the means of as many workers."""
    return DRAW.standard_normal((len(counts), d)), np.array(counts, dtype=float)


whole_gradient = Exercise(
    "whole_gradient",
    weighted_mean,
    properties=[
        Property(
            "weights each mean by the texts behind it",
            [case([2, 3, 1], 5), case([3, 1], 4), case([1, 2, 3], 3)],
            "Each mean times its count is a sum over texts. Add the sums, and divide by the "
            "number of all texts.",
        ),
        Property(
            "takes equal shares, and one worker",
            [case([2, 2, 2], 4), case([5], 3), case([1, 1], 1)],
            "The formula needs no special case: with equal counts it is the plain mean.",
        ),
        Property(
            "gives no say to a worker without texts",
            [case([3, 0, 1], 4), case([0, 2], 2)],
            "Whatever numbers stand in its row, its count is 0, and so is its weight.",
        ),
    ],
    mistakes=[
        (
            "That is the mean of the means: right for equal shares only. Weight each by its count.",
            lambda m, c: m.mean(axis=0),
        ),
        (
            "The sums over texts are added; divide by the number of all texts.",
            lambda m, c: c @ m,
        ),
        (
            "Divide by the number of texts, not of workers.",
            lambda m, c: c @ m / len(c),
        ),
        (
            "The means are added, not weighted: times the count first.",
            lambda m, c: m.sum(axis=0) / c.sum(),
        ),
        ("The means are added: weight them, and divide.", lambda m, c: m.sum(axis=0)),
        (
            "You divide each mean by its count; a mean over more texts says more, not less.",
            lambda m, c: (m / c[:, None]).sum(axis=0),
        ),
        (
            "A mean over more texts says more: weight by the count, not by one over it.",
            lambda m, c: (1 / c) @ m / (1 / c).sum(),
        ),
        (
            "Weights are the counts, not their squares.",
            lambda m, c: c**2 @ m / (c**2).sum(),
        ),
        (
            "Weights are the counts, not their roots.",
            lambda m, c: np.sqrt(c) @ m / np.sqrt(c).sum(),
        ),
        (
            "Weights are counts / counts.sum(), as they are, without a softmax.",
            lambda m, c: np.exp(c) @ m / np.exp(c).sum(),
        ),
        (
            "The worker with the most texts decides alone; all have a say.",
            lambda m, c: m[c.argmax()],
        ),
        ("That is the first worker's mean; all have a say.", lambda m, c: m[0]),
        ("Take the mean, not the median.", lambda m, c: np.median(m, axis=0)),
        (
            "The parts stand apart, a row for each worker: add the rows.",
            lambda m, c: c[:, None] * m / c.sum(),
        ),
        (
            "One number for all weights: sum over the workers, `axis=0`, and keep the d numbers.",
            lambda m, c: (c[:, None] * m).sum() / c.sum(),
        ),
        (
            "The sum runs over the numbers of a gradient. Sum over the workers: `axis=0`.",
            lambda m, c: (c[:, None] * m).sum(axis=1) / c.sum(),
        ),
    ],
)


def steps_and_bytes(n_bytes, p):
    """Return the steps of a ring all-reduce, and the bytes that each machine sends."""
    return 2 * (p - 1), 2 * (p - 1) / p * n_bytes


ring_cost = Exercise(
    "ring_cost",
    steps_and_bytes,
    properties=[
        Property(
            "counts both rounds: 2 (p - 1) steps of n / p bytes each",
            [(1201, 5), (703, 7), (4096, 16)],
            "One round adds, the other hands out. Each has p - 1 steps, and in each step a machine "
            "sends one of p chunks.",
        ),
        Property(
            "takes two machines, and one that has nobody to send to",
            [(1000, 2), (10, 1), (0, 3)],
            "With p = 1 there are no steps and no bytes.",
        ),
    ],
    mistakes=[
        (
            "That is one round. The sums still have to be handed out: twice that.",
            lambda n, p: (p - 1, (p - 1) / p * n),
        ),
        (
            "The steps are of one round; there are two.",
            lambda n, p: (p - 1, 2 * (p - 1) / p * n),
        ),
        (
            "The bytes are of one round; there are two.",
            lambda n, p: (2 * (p - 1), (p - 1) / p * n),
        ),
        (
            "In each step a machine sends one of p chunks, not all n bytes.",
            lambda n, p: (2 * (p - 1), 2 * (p - 1) * n),
        ),
        (
            "A round has p - 1 steps: after so many, a chunk has seen all machines.",
            lambda n, p: (2 * p, 2 * n),
        ),
        (
            "The steps have p - 1, the bytes p: after p - 1 steps a chunk has seen all machines.",
            lambda n, p: (2 * (p - 1), 2 * n),
        ),
        (
            "That is a tree: log2(p) levels. In a ring each machine talks to its neighbour alone.",
            lambda n, p: (2 * np.ceil(np.log2(p)), 2 * np.ceil(np.log2(p)) * n),
        ),
        (
            "These are the bytes of one step. There are 2 (p - 1) steps.",
            lambda n, p: (2 * (p - 1), n / p),
        ),
        (
            "The two results are exchanged: first the steps, then the bytes.",
            lambda n, p: steps_and_bytes(n, p)[::-1],
        ),
        (
            "A number of float32 has four bytes, but n_bytes counts bytes already.",
            lambda n, p: (2 * (p - 1), 8 * (p - 1) / p * n),
        ),
        (
            "That is a machine which sends its numbers to each of the others.",
            lambda n, p: (p - 1, (p - 1) * n),
        ),
        (
            "That is one machine which collects all and answers all; in a ring nobody does.",
            lambda n, p: (2, 2 * (p - 1) * n),
        ),
        (
            "A machine sends and receives at once: count what it sends.",
            lambda n, p: (2 * (p - 1), 4 * (p - 1) / p * n),
        ),
    ],
    returns=("steps", "n_sent"),
)


def kept(n_weights, p, stage):
    """Bytes that a process keeps: weights, gradients, two moments, each a float32."""
    return _kept(n_weights, p, (stage >= 3, stage >= 2, stage >= 1))


def _kept(n, p, shared, sizes=(4, 4, 8)):
    """Add up weights, gradients and moments; a shared kind is divided by p."""
    return sum(s * n / (p if parted else 1) for s, parted in zip(sizes, shared, strict=True))


bytes_kept = Exercise(
    "bytes_kept",
    kept,
    properties=[
        Property(
            "shares moments from stage 1, gradients from stage 2, weights in stage 3",
            [(1000, 6, 1), (1000, 6, 2), (1000, 6, 3), (1000, 6, 0)],
            "Weights and gradients take 4 bytes each, the two moments 8. What a stage shares is "
            "divided by p; each stage shares what the last one did, and one kind more.",
        ),
        Property(
            "takes one process, and many",
            [(50, 1, 0), (50, 1, 3), (10**9, 64, 3), (10**9, 64, 1)],
            "With p = 1 each stage keeps all 16 bytes per weight.",
        ),
    ],
    mistakes=[
        (
            "Stage 2 still shares the moments: each stage shares what the one before it did.",
            lambda n, p, s: _kept(n, p, (s == 3, s == 2, s == 1)),
        ),
        (
            "Stage 2 shares the gradients, too.",
            lambda n, p, s: _kept(n, p, (s >= 3, s >= 3, s >= 1)),
        ),
        (
            "Stage 2 leaves the weights whole.",
            lambda n, p, s: _kept(n, p, (s >= 2, s >= 2, s >= 1)),
        ),
        (
            "Stage 3 shares the weights, too.",
            lambda n, p, s: _kept(n, p, (False, s >= 2, s >= 1)),
        ),
        (
            "Stages 1 and 3 are exchanged: moments are shared first, since they are the largest.",
            lambda n, p, s: _kept(n, p, (s >= 1, s >= 2, s >= 3)),
        ),
        (
            "You share nothing here: stage 1 shares the moments already.",
            lambda n, p, s: _kept(n, p, (s >= 4, s >= 3, s >= 2)),
        ),
        (
            "You share all: that is stage 3. Stage 1 shares the moments alone.",
            lambda n, p, s: 16 * n / p,
        ),
        (
            "Stage 1 shares the moments, and leaves gradients and weights whole.",
            lambda n, p, s: _kept(n, p, (s >= 2, s >= 1, s >= 1)),
        ),
        (
            "Adam keeps two moments for each weight, 8 bytes together.",
            lambda n, p, s: _kept(n, p, (s >= 3, s >= 2, s >= 1), (4, 4, 4)),
        ),
        (
            "Weights *and* gradients are kept, 4 bytes each: one of them is missing.",
            lambda n, p, s: _kept(n, p, (s >= 3, s >= 2, s >= 1), (4, 0, 8)),
        ),
        (
            "The moments are missing.",
            lambda n, p, s: _kept(n, p, (s >= 3, s >= 2, s >= 1), (4, 4, 0)),
        ),
        ("You count numbers; a float32 has four bytes.", lambda n, p, s: kept(n, p, s) / 4),
        ("These are float32, of four bytes, not of eight.", lambda n, p, s: kept(n, p, s) * 2),
        ("These are float32, of four bytes, not of two.", lambda n, p, s: kept(n, p, s) / 2),
        ("That is for all p processes; one was asked for.", lambda n, p, s: kept(n, p, s) * p),
        (
            "These are the bytes that are saved; which are kept?",
            lambda n, p, s: 16 * n - kept(n, p, s),
        ),
    ],
)
