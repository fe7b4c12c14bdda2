"""The bank of chapter 4.3, blocks: right answers, and wrong ones with their hints."""

import math

import numpy as np
import pytest
import torch

from attn_helpers import attention, program, reference
from attn_helpers.checks import ch04
from tests.checks.bank import answer_tests

RAISED = "small example"
SHAPE = "Look at the shape"


# ---- blockwise_attention ----
def blockwise(q, k, v, block):
    m, z, u = np.full(len(q), -np.inf), np.zeros(len(q)), np.zeros((len(q), v.shape[1]))
    for start in range(0, len(k), block):
        s = q @ k[start : start + block].T / math.sqrt(q.shape[1])
        new = np.maximum(m, s.max(axis=1))
        e = np.exp(s - new[:, None])
        shrink = np.exp(m - new)
        m, z = new, z * shrink + e.sum(axis=1)
        u = u * shrink[:, None] + e @ v[start : start + block]
    return u / z[:, None]


def one_number_at_a_time(q, k, v, block):
    out = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        m, z, u = -math.inf, 0.0, np.zeros(v.shape[1])
        for key, value in zip(k, v, strict=True):
            s = float(q[i] @ key) / math.sqrt(len(key))
            new = max(m, s)
            shrink, e = math.exp(m - new), math.exp(s - new)
            m, z, u = new, z * shrink + e, u * shrink + e * value
        out[i] = u / z
    return out


def by_merges(q, k, v, block):
    def parts(first, last):
        if last - first <= block:
            s = q @ k[first:last].T / np.sqrt(q.shape[1])
            m = s.max(1, keepdims=True)
            e = np.exp(s - m)
            return m, e.sum(1, keepdims=True), e @ v[first:last]
        (m_a, z_a, u_a), (m_b, z_b, u_b) = (
            parts(first, (first + last) // 2),
            parts((first + last) // 2, last),
        )
        m = np.maximum(m_a, m_b)
        a, b = np.exp(m_a - m), np.exp(m_b - m)
        return m, a * z_a + b * z_b, a * u_a + b * u_b

    _, z, u = parts(0, len(k))
    return u / z


def normalised_as_it_goes(q, k, v, block):
    """The output is a mean at every step, weighted by log-sum-exp."""
    out, lse = np.zeros((len(q), v.shape[1])), np.full((len(q), 1), -np.inf)
    for start in range(0, len(k), block):
        s = q @ k[start : start + block].T / np.sqrt(q.shape[1])
        m = s.max(1, keepdims=True)
        e = np.exp(s - m)
        here = m + np.log(e.sum(1, keepdims=True))
        both = np.logaddexp(lse, here)
        out = out * np.exp(lse - both) + np.exp(here - both) * (
            e @ v[start : start + block]
        ) / e.sum(1, keepdims=True)
        lse = both
    return out


def in_torch(q, k, v, block):
    q, k, v = (torch.tensor(np.array(x)) for x in (q, k, v))
    m, z, u = torch.full((len(q), 1), -torch.inf, dtype=q.dtype), 0, 0
    for keys, values in zip(k.split(block), v.split(block), strict=True):
        s = q @ keys.T / q.shape[1] ** 0.5
        new = torch.maximum(m, s.amax(1, keepdim=True))
        e, shrink = (s - new).exp(), (m - new).exp()
        m, z, u = new, z * shrink + e.sum(1, keepdim=True), u * shrink + e @ values
    return u / z


def from_the_package(q, k, v, block):
    return reference.blockwise_attention(q, k, v, k_block=block)


def two_passes(q, k, v, block):
    """First all maxima, then all sums: every score is computed twice, none is kept."""
    starts = range(0, len(k), block)
    scores = lambda at: q @ k[at : at + block].T / np.sqrt(q.shape[1])  # noqa: E731
    m = np.max([scores(at).max(1, keepdims=True) for at in starts], axis=0)
    z = sum(np.exp(scores(at) - m).sum(1, keepdims=True) for at in starts)
    return sum(np.exp(scores(at) - m) / z @ v[at : at + block] for at in starts)


def varied(
    sums=True, outs=True, running=True, sign=1, m=-np.inf, z=0.0, divide=True, factor=None,
    whole=False, starts=None, axis=1,
):  # fmt: skip
    def answer(q, k, v, block):
        largest, total, out = np.full((len(q), 1), m), z, 0.0
        for start in range(0, len(k), block) if starts is None else starts(len(k), block):
            s = q @ k[start : start + block].T
            s = s / np.sqrt(q.shape[1]) if factor is None else s * factor(q)
            new = s.max() if whole else s.max(axis, keepdims=True)
            new = np.maximum(largest, new) if running else new
            shrink = 0.0 if (largest == -np.inf).all() else np.exp(sign * (largest - new))
            e = np.exp(s - new)
            total = total * (shrink if sums else 1) + e.sum(1, keepdims=True)
            out = out * (shrink if outs else 1) + e @ v[start : start + block]
            largest = new
        return out / total if divide else out

    return answer


def each_block(collect):
    def answer(q, k, v, block):
        starts = range(0, len(k), block)
        return collect([direct(q, k[a : a + block], v[a : a + block], block) for a in starts])

    return answer


def direct(q, k, v, block):
    return attention(q, k, v)[0]


def by_chunks_of_queries(q, k, v, block):
    block = max(block, 48)
    return np.concatenate([direct(q[a : a + block], k, v, 0) for a in range(0, len(q), block)])


def without_maximum(q, k, v, block):
    z = u = 0
    for start in range(0, len(k), block):
        e = np.exp(q @ k[start : start + block].T / np.sqrt(q.shape[1]))
        z, u = z + e.sum(1, keepdims=True), u + e @ v[start : start + block]
    return u / z


def padded_with_zeros(q, k, v, block):
    missing = -len(k) % block
    k, v = (np.pad(x, ((0, missing), (0, 0))) for x in (k, v))
    return blockwise(q, k, v, block)


def into_a_fixed_buffer(q, k, v, block):
    s = np.zeros((len(q), block))
    m, z, u = np.full((len(q), 1), -np.inf), 0, 0
    for start in range(0, len(k), block):
        keys, values = k[start : start + block], v[start : start + block]
        s[:, : len(keys)] = q @ keys.T / np.sqrt(q.shape[1])
        new = np.maximum(m, s.max(1, keepdims=True))
        e, shrink = np.exp(s - new), np.exp(m - new)
        m, z = new, z * shrink + e.sum(1, keepdims=True)  # what an earlier block left is counted
        u = u * shrink + e[:, : len(keys)] @ values
    return u / z


def maximum_left_behind(q, k, v, block):
    m, z, u = np.full((len(q), 1), -np.inf), 0, 0
    for start in range(0, len(k), block):
        s = q @ k[start : start + block].T / np.sqrt(q.shape[1])
        new = np.maximum(m, s.max(1, keepdims=True))
        e, shrink = np.exp(s - new), np.exp(m - new)  # m stays -inf: the factor is always 0
        z, u = z * shrink + e.sum(1, keepdims=True), u * shrink + e @ v[start : start + block]
    return u / z


def maximum_too_early(q, k, v, block):
    m, z, u = np.full((len(q), 1), -np.inf), 0, 0
    for start in range(0, len(k), block):
        s = q @ k[start : start + block].T / np.sqrt(q.shape[1])
        m = new = np.maximum(m, s.max(1, keepdims=True))
        e, shrink = np.exp(s - new), np.exp(m - new)  # always 1
        z, u = z * shrink + e.sum(1, keepdims=True), u * shrink + e @ v[start : start + block]
    return u / z


def squeezed(q, k, v, block):
    return blockwise(q, k, v, block).squeeze()


def queries_scaled_in_place(q, k, v, block):
    q /= np.sqrt(q.shape[1])
    return blockwise(q * np.sqrt(q.shape[1]), k, v, block)


# ---- visited_blocks ----
def by_mask(n_q, n_k, q_block, k_block):
    mask = np.tri(n_q, n_k, dtype=bool)
    return sum(
        mask[i : i + q_block, j : j + k_block].any()
        for i in range(0, n_q, q_block)
        for j in range(0, n_k, k_block)
    )


def past_the_last_query(n_q, n_k, q_block, k_block):
    starts = range(0, n_q, q_block)
    return sum(min(n_k - 1, start + q_block - 1) // k_block + 1 for start in starts)


def by_corners(n_q, n_k, q_block, k_block):
    last = np.minimum(np.arange(q_block, n_q + q_block, q_block), n_q) - 1
    return np.count_nonzero(np.arange(0, n_k, k_block) <= last[:, None])


def by_corners_in_python(n_q, n_k, q_block, k_block):
    count = 0
    for i in range(0, n_q, q_block):
        for j in range(0, n_k, k_block):
            if j <= min(i + q_block, n_q) - 1:
                count += 1
    return count


def by_padding(n_q, n_k, q_block, k_block):
    rows, columns = -(-n_q // q_block), -(-n_k // k_block)
    keep = np.zeros((rows * q_block, columns * k_block))
    keep[:n_q, :n_k] = np.tri(n_q, n_k)
    return keep.reshape(rows, q_block, columns, k_block).max((1, 3)).sum()


def compared(rule, floor=False):
    def answer(n_q, n_k, a, b):
        rows = range(n_q // a) if floor else range(-(-n_q // a))
        columns = range(n_k // b) if floor else range(-(-n_k // b))
        return sum(bool(rule(i * a, (i + 1) * a - 1, j * b, (j + 1) * b - 1))
                   for i in rows for j in columns)  # fmt: skip

    return answer


RIGHT = {
    "blockwise_attention": [
        blockwise,
        one_number_at_a_time,
        by_merges,
        normalised_as_it_goes,
        in_torch,
        from_the_package,
        two_passes,
        varied(),
        varied(z=1.0),
    ],
    "visited_blocks": [by_mask, by_corners, by_corners_in_python, by_padding],
}

WRONG = {
    "blockwise_attention": [
        (varied(sums=False, outs=False), "Nothing is rescaled"),
        (varied(outs=False), "You rescale z"),
        (varied(sums=False), "You rescale u"),
        (varied(sign=-1), "turned round"),
        (varied(running=False, sums=False, outs=False), "its own maximum"),
        (varied(running=False), "never falls"),
        (varied(m=0.0), "Every exponent must be 0 or less"),
        (varied(whole=True), "Every exponent must be 0 or less"),
        (varied(m=0.0, z=1.0), "Start from nothing"),
        (varied(divide=False), "division by z"),
        (varied(factor=lambda q: 1), "sqrt(d_k) is missing"),
        (varied(factor=lambda q: 1 / q.shape[1]), "divide by its root"),
        (varied(factor=lambda q: 1 / np.sqrt(len(q))), "Keep m, z and u"),
        (varied(starts=lambda n, b: range(0, n - b + 1, b)), "a slice past the end"),
        (varied(starts=lambda n, b: range(0, (n // b) * b, b)), "a slice past the end"),
        (varied(starts=lambda n, b: range(0, n, b)[1:]), "Keep m, z and u"),
        (varied(starts=lambda n, b: range(b)), "Keep m, z and u"),
        (each_block(lambda outs: sum(outs) / len(outs)), "poor matches"),
        (each_block(sum), "Divide once"),
        (each_block(lambda outs: outs[-1]), "Only the last block"),
        (each_block(lambda outs: outs[0]), "Only the first block"),
        (each_block(np.stack), SHAPE),
        (lambda q, k, v, block: np.tile(v.mean(0), (len(q), 1)), "plain mean"),
        (varied(axis=0), RAISED),
        (without_maximum, "Every exponent must be 0 or less"),
        (padded_with_zeros, "fill up with zeros"),
        (into_a_fixed_buffer, "fill up with zeros"),
        (squeezed, "keep all axes"),
        (direct, "inside the loop"),
        (maximum_left_behind, "let `new` become `m` at the end"),
        (maximum_too_early, "before `new` becomes `m`"),
        (by_chunks_of_queries, "inside the loop"),
        (lambda q, k, v, block: attention(q, k, v, scale=1)[0], "sqrt(d_k) is missing"),
        (lambda q, k, v, block: attention(q, k, v), SHAPE),
        (queries_scaled_in_place, "belongs to the caller"),
    ],
    "visited_blocks": [
        (compared(lambda *_: True), "all blocks"),
        (lambda n, m, a, b: (n // a) * (m // b) / 2, "Half of all"),
        (compared(lambda i, i_last, j, j_last: j_last < i), "the diagonal crosses"),
        (lambda n, m, a, b: (n // a) * (n // a + 1) // 2, "square blocks"),
        (lambda n, m, a, b: (m // b) * (m // b + 1) // 2, "square blocks"),
        (compared(lambda i, i_last, j, j_last: j_last <= i), "seen whole"),
        (compared(lambda i, i_last, j, j_last: j > i_last), "the diagonal crosses"),
        (compared(lambda i, i_last, j, j_last: j <= i), "the last one sees more"),
        (lambda n, m, a, b: n * (n + 1) // 2, "pairs"),
        (compared(lambda i, i_last, j, j_last: j <= i_last, floor=True), "every start"),
        (compared(lambda i, i_last, j, j_last: j <= i_last + 1), "A block is visited"),
        (compared(lambda i, i_last, j, j_last: j < i_last), "A block is visited"),
        (past_the_last_query, "no query past n_q - 1"),
        (compared(lambda i, i_last, j, j_last: j_last >= i), "no blocks past the last key"),
        (lambda n, m, a, b: by_mask(max(n, m), max(n, m), a, b), "no blocks past the last key"),
        (lambda n, m, a, b: by_mask(n, n, a, b), "no blocks past the last key"),
        (lambda n, m, a, b: by_mask(n, m, b, a), "no blocks past the last key"),
        (lambda n, m, a, b: [by_mask(n, m, a, b)], SHAPE),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch04, RIGHT, WRONG)


@pytest.mark.parametrize("answer", [direct, by_chunks_of_queries])
def test_the_direct_form_is_told_what_it_took(answer, capsys):
    report = ch04.blockwise_attention(answer)
    assert [finding.property for finding in report.findings if finding.problem] == [
        "never holds the scores of all keys"
    ]
    assert "bytes, where all scores are 786432" in capsys.readouterr().out


def test_a_causal_program_agrees_on_the_blocks():
    allowed = program("j <= i").allowed(11, 7)
    blocks = [allowed[i : i + 4, j : j + 2].any() for i in (0, 4, 8) for j in (0, 2, 4, 6)]
    assert ch04.visited_blocks.expected(11, 7, 4, 2) == sum(blocks)
