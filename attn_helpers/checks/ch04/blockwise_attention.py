"""Exercises of chapter 4.3: attention in blocks of keys, and the blocks that a mask leaves."""

import tracemalloc

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property, call
from attn_helpers.checks.report import Finding
from attn_helpers.checks.written_out import softmax

__all__ = ["blockwise_attention", "visited_blocks"]

DRAW = np.random.default_rng(44)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def direct(q, k, v, block):
    """Attention, all scores at once."""
    return softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v


def varied(
    q, k, v, block, *,
    sums=True, outs=True, running=True, factor=1.0, sign=1, m=-np.inf, z=0.0, divide=True,
):  # fmt: skip
    """Attention by blocks of keys, with a step left out or done in another way."""
    u = 0.0
    for start in range(0, len(k), block):
        keys = slice(start, start + block)
        s = factor * q @ k[keys].T / np.sqrt(q.shape[-1])
        new = s.max(-1, keepdims=True)
        new = np.maximum(m, new) if running else new
        shrink = np.exp(sign * (m - new)) if np.isfinite(m).all() else 0.0
        e = np.exp(s - new)
        z = z * (shrink if sums else 1) + e.sum(-1, keepdims=True)
        u = u * (shrink if outs else 1) + e @ v[keys]
        m = new
    return u / z if divide else u


def by_block(q, k, v, block, collect):
    """Attend to each block alone, and collect the outputs."""
    starts = range(0, len(k), block)
    outs = [direct(q, k[at : at + block], v[at : at + block], block) for at in starts]
    return collect(outs)


class InBlocks(Exercise):
    """An exercise whose answer must also do without the scores of all keys at once."""

    limit = 400_000  # bytes; the scores alone are twice that
    arguments = draw(48, 2), draw(2048, 2), draw(2048, 2), 32

    def _findings(self, answer):
        findings = super()._findings(answer)
        if not all(not finding.problem for finding in findings):
            return findings
        tracemalloc.start()
        try:
            call(answer, self.arguments)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        size = 48 * 2048 * 8
        problem = f"it took {peak} bytes, where all scores are {size}" if peak > self.limit else ""
        hint = "Compute scores inside the loop, for `k[start : start + block]` alone."
        name = "never holds the scores of all keys"
        return (*findings, Finding(name, problem, hint if problem else ""))


Q, K, V = draw(3, 4), draw(6, 4), draw(6, 5)

blockwise_attention = InBlocks(
    "blockwise_attention",
    direct,
    properties=[
        Property(
            "gives softmax(q @ k.T / sqrt(d_k)) @ v",
            [(Q, K, V, 2), (Q, K, V, 3), (draw(4, 3), draw(8, 3), draw(8, 2), 2)],
            "Keep m, z and u for each query. For each block: the new maximum, exp(m - new) on z "
            "and u, then add the block's exponentials. Divide by z at the end.",
        ),
        Property(
            "takes a last block that is not full",
            [(Q, K, V, 4), (Q, K, V, 5), (draw(2, 3), draw(7, 3), draw(7, 4), 3)],
            "`range(0, n_k, block)` and `k[start : start + block]`: a slice past the end is just "
            "shorter, so do not count the blocks with //, and do not fill up with zeros.",
        ),
        Property(
            "takes blocks of one key, of all and of more, one query, one key, one value",
            [
                *[(Q, K, V, block) for block in (1, 6, 50)],
                *[(Q[:1], K, V[:, :1], 2), (Q, K[:1], V[:1], 2)],
            ],
            "Take every size from the arrays, and keep all axes.",
        ),
        Property(
            "stays finite for scores of 10,000, of either sign, in any order",
            [
                (Q * 1e4, K, V, 2),
                (Q * -1e4, K, V, 2),
                (np.abs(Q) * 1e4, -1 - np.abs(K), V, 2),
                (np.array([[1.0], [-1.0]]), np.array([[-1e4], [1e4], [-2e4], [2e4]]), V[:4], 1),
            ],
            "Every exponent must be 0 or less: m starts at -inf, each query has its own, and it "
            "never falls from one block to the next.",
        ),
    ],
    mistakes=[
        ("Nothing is rescaled: when a larger maximum comes, z and u still count from the old one. "
         "Multiply both by exp(m - new), before `new` becomes `m`.",
         lambda *a: varied(*a, sums=False, outs=False)),
        ("You rescale z; u counts from the same maximum and needs the same factor.",
         lambda *a: varied(*a, outs=False)),
        ("You rescale u; z counts from the same maximum and needs the same factor.",
         lambda *a: varied(*a, sums=False)),
        ("The factor is turned round: old exponents shrink, exp(m - new).",
         lambda *a: varied(*a, sign=-1)),
        (
            "Each block counts from its own maximum, and they are added as if it were one. Keep "
            "a running maximum, and rescale.",
            lambda *a: varied(*a, running=False, sums=False, outs=False),
        ),
        (
            "Each block is divided by its own sum, and then they are averaged: a block full of "
            "poor matches counts as much as a good one.",
            lambda *a: by_block(*a, lambda outs: sum(outs) / len(outs)),
        ),
        ("Each block is divided by its own sum. Divide once, after the last block.",
         lambda *a: by_block(*a, sum)),
        ("Only the last block counts: add to what came before, and let `new` become `m` at the "
         "end.",
         lambda *a: by_block(*a, lambda outs: outs[-1])),
        ("Only the first block counts: look at the indentation of `return`.",
         lambda *a: by_block(*a, lambda outs: outs[0])),
        ("The division by z is missing.", lambda *a: varied(*a, divide=False)),
        (
            "You start with m = 0 and z = 1, as if a key with score 0 had been seen. Start from "
            "nothing, m = -inf and z = 0.",
            lambda *a: varied(*a, m=0.0, z=1.0),
        ),
        ("The scale 1 / sqrt(d_k) is missing.",
         lambda *a: varied(*a, factor=np.sqrt(a[0].shape[-1]))),
        ("You divide by d_k; divide by its root.",
         lambda *a: varied(*a, factor=1 / np.sqrt(a[0].shape[-1]))),
        ("This is the plain mean of the values: where do the scores come in?",
         lambda q, k, v, block: np.tile(v.mean(0), (len(q), 1))),
        ("Softmax runs over the queries: keys are the last axis.",
         lambda q, k, v, block: softmax(q @ k.T / np.sqrt(q.shape[-1]), 0) @ v),
    ],
)  # fmt: skip


def visited(n_q, n_k, q_block, k_block):
    """Count the blocks with a pair j <= i in them."""
    last = [min(start + q_block, n_q) - 1 for start in range(0, n_q, q_block)]
    return sum(min(row, n_k - 1) // k_block + 1 for row in last)


visited_blocks = Exercise(
    "visited_blocks",
    visited,
    properties=[
        Property(
            "counts the blocks that hold a pair j <= i",
            [(30, 30, 3, 5), (24, 24, 8, 3), (8, 8, 2, 2), (20, 20, 5, 4)],
            "A block is visited if its last query may see its first key.",
        ),
        Property(
            "takes last blocks that are not full, and blocks larger than all",
            [(10, 10, 4, 3), (7, 7, 3, 5), (11, 11, 4, 4), (5, 5, 9, 2), (5, 5, 2, 9)],
            "`range(0, n_q, q_block)` gives every start. The last query of a block is "
            "min(start + q_block, n_q) - 1.",
        ),
        Property(
            "takes fewer keys than queries, and more",
            [(12, 5, 2, 2), (5, 12, 2, 2), (1, 6, 1, 2), (6, 1, 4, 1), (4, 12, 3, 2)],
            "There are no blocks past the last key, no query past n_q - 1, and the later keys may "
            "be seen by nobody.",
        ),
    ],
    mistakes=[
        ("These are all blocks; those above the diagonal need not be visited.",
         lambda n, m, a, b: -(-n // a) * -(-m // b)),
        ("Half of all blocks is too few: those on the diagonal are visited, too.",
         lambda n, m, a, b: (n // a) * (m // b) / 2),
        (
            "One pair is enough: the blocks that the diagonal crosses are visited, too.",
            lambda n, m, a, b: (n // a) * (m // b) - visited(n, m, a, b),  # as many lie below
        ),
        ("N (N + 1) / 2 is right for square blocks; here a block may be wide or tall.",
         lambda n, m, a, b: (n // a) * (n // a + 1) // 2),
        ("N (N + 1) / 2 is right for square blocks; here a block may be wide or tall.",
         lambda n, m, a, b: (m // b) * (m // b + 1) // 2),
        ("These are the blocks that may be seen whole; one pair is enough.",
         lambda n, m, a, b: sum((j + 1) * b - 1 <= i * a
                                for i in range(n // a) for j in range(m // b))),
        ("You look at the first query of a block; the last one sees more.",
         lambda n, m, a, b: sum(j * b <= i * a for i in range(n // a) for j in range(m // b))),
        ("These are pairs; blocks are wanted.",
         lambda n, m, a, b: n * (n + 1) // 2),
    ],
)  # fmt: skip
