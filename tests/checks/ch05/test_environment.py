"""The bank of chapter 5.1: right answers that must pass, and wrong ones with the hint they earn."""

import hashlib

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from attn_helpers.checks import ch05
from tests.checks.bank import answer_tests

SHAPE = "Look at the shape"
RAISED = "small example"


# ---- intensity ----
def counted(*, ops=4, heads=True, q=1, k=1, v=1, out=1, table=0, softmax=0, byte=True):
    """Count with one thing left out or put in."""

    def answer(n_q, n_k, d_k, group, size):
        asking = n_q * (group if heads else 1)
        work = ops * asking * n_k * d_k + softmax * asking * n_k
        moved = (q + out) * asking * d_k + (k + v) * n_k * d_k + table * asking * n_k
        return work / (moved * (size if byte else 1))

    return answer


def by_loop(n_q, n_k, d_k, group, size):
    operations, bytes_moved = 0, 0
    for _ in range(group):
        operations += 2 * n_q * d_k * n_k + 2 * n_q * n_k * d_k
        bytes_moved += 2 * n_q * d_k * size
    return operations / (bytes_moved + 2 * n_k * d_k * size)


def by_arrays(n_q, n_k, d_k, group, size):
    q, k = np.ones((group * n_q, d_k)), np.ones((n_k, d_k))
    return 4 * q.size * len(k) / (2 * (q.size + k.size) * size)


def by_torch(n_q, n_k, d_k, group, size):
    """PyTorch's own counter, on tensors without numbers."""
    q, k = torch.ones(group * n_q, d_k, device="meta"), torch.ones(n_k, d_k, device="meta")
    with FlopCounterMode(display=False) as counter:
        (q @ k.mT) @ k
    return counter.get_total_flops() / (2 * (q.numel() + k.numel()) * size)


def keys_per_group(n_q, n_k, d_k, group, size):
    return 4 * group * n_q * n_k * d_k / (size * (2 * group * n_q * d_k + 2 * group * n_k * d_k))


def without_long_keys(n_q, n_k, d_k, group, size):
    """True only where keys are many."""
    return 2 * group * n_q / size


# ---- attainable ----
def by_where(intensity, peak, bandwidth):
    return np.where(intensity < peak / bandwidth, intensity * bandwidth, peak)


def by_comparing(intensity, peak, bandwidth):
    flat = [min(peak, i * bandwidth) for i in np.ravel(intensity)]
    return np.reshape(flat, np.shape(intensity))


def with_if(intensity, peak, bandwidth):
    if intensity * bandwidth < peak:
        return intensity * bandwidth
    return peak


def with_all(intensity, peak, bandwidth):
    return intensity * bandwidth if np.all(intensity * bandwidth < peak) else by_where(
        intensity, peak, bandwidth
    ) * np.ones(1)  # fmt: skip


def clipped_in_place(intensity, peak, bandwidth):
    intensity *= bandwidth
    return np.minimum(intensity, peak)


# ---- two_orders ----
def by_shapes(a, b, c, m):
    def product(x, y):
        assert x[1] == y[0]
        return x[0] * x[1] * y[1], (x[0], y[1])

    first, ab = product((a, b), (b, c))
    second, _ = product(ab, (c, m))
    third, bv = product((b, c), (c, m))
    fourth, _ = product((a, b), bv)
    return first + second, third + fourth


def by_flop_counter(a, b, c, m):
    x, y, z = (torch.ones(s, device="meta") for s in ((a, b), (b, c), (c, m)))
    counts = []
    for run in (lambda: (x @ y) @ z, lambda: x @ (y @ z)):
        with FlopCounterMode(display=False) as counter:
            run()
        counts.append(counter.get_total_flops() // 2)
    return counts


# ---- held_out ----
def with_comprehension(ids, share, seed):
    return [np.random.default_rng((seed, int(i))).random() < share for i in ids]


def with_dictionary(ids, share, seed):
    draws = {i: np.random.default_rng([seed, i]).random() for i in sorted(ids)}
    return np.array([draws[i] for i in ids]) < share


def with_seed_sequence(ids, share, seed):
    found = np.zeros(len(ids), bool)
    for place, i in enumerate(ids):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, i])))
        found[place] = rng.random() < share
    return found


def in_torch(ids, share, seed):
    return torch.tensor(with_comprehension(ids, share, seed))


def by_global_state(ids, share, seed):
    np.random.seed(seed)  # noqa: NPY002
    return np.random.rand(len(ids)) < share  # noqa: NPY002


def by_torch_generator(ids, share, seed):
    return torch.rand(len(ids), generator=torch.Generator().manual_seed(seed)) < share


def by_hash(ids, share, seed):
    """A good habit, too, but another draw than the one asked for."""
    digests = [hashlib.sha256(f"{seed} {i}".encode()).digest()[0] for i in ids]
    return np.array(digests) < share * 256


def exact_share(ids, share, seed):
    draws = np.array([np.random.default_rng([seed, i]).random() for i in ids])
    return draws < np.quantile(draws, share)


def named(key, below=True, draw="random"):
    def answer(ids, share, seed):
        draws = np.array([getattr(np.random.default_rng(key(seed, i)), draw)() for i in ids])
        return draws < share if below else draws >= share

    return answer


def up_to(ids, share, seed):
    """Right while ids come as they come, wrong when they are sorted."""
    order = np.argsort(ids)
    found = np.array(with_comprehension(ids, share, seed))
    return found if (np.diff(order) > 0).all() or len(ids) > 10 else found[order]


RIGHT = {
    "intensity": [
        counted(),
        by_loop,
        by_arrays,
        by_torch,
        lambda n_q, n_k, d_k, group, size: 2 / size / (1 / n_k + 1 / (group * n_q)),
    ],
    "attainable": [
        by_where,
        by_comparing,
        lambda i, p, b: np.clip(i * b, None, p),
        lambda i, p, b: torch.tensor(i * b).clamp(max=p),
        lambda i, p, b: p * np.minimum(1, i / (p / b)),
    ],
    "two_orders": [
        by_shapes,
        by_flop_counter,
        lambda a, b, c, m: (a * c * (b + m), b * m * (c + a)),
        lambda a, b, c, m: np.array([a * b * c + a * c * m, b * c * m + a * b * m]).tolist(),
    ],
    "held_out": [with_comprehension, with_dictionary, with_seed_sequence, in_torch],
}

WRONG = {
    "intensity": [
        (counted(ops=2), "Half of what it is"),
        (counted(ops=1), "A quarter"),
        (counted(byte=False), "per number"),
        (lambda *a: 1 / counted()(*a), "upside down"),
        (counted(heads=False), "`group` makes no difference"),
        (lambda n_q, n_k, d_k, g, s: g * counted()(n_q, n_k, d_k, 1, s), "of its own"),
        (lambda n_q, n_k, d_k, g, s: counted()(n_q, n_k, d_k, g, s) / g, "for each of the"),
        (keys_per_group, "`group` makes no difference"),
        (counted(v=0), "The values"),
        (counted(out=0), "One of queries and outputs"),
        (counted(q=0), "One of queries and outputs"),
        (counted(q=0, out=0), "Queries and outputs travel"),
        (without_long_keys, "Queries and outputs travel"),
        (counted(table=1), "You count the scores"),
        (counted(table=2), "the table of scores, written and read"),
        (counted(table=4), "and that of weights"),
        (counted(softmax=5), "Softmax is not to be counted"),
        (lambda n_q, n_k, d_k, g, s: 4 * g * n_q * n_k * d_k, "divide by the bytes"),
        (lambda n_q, n_k, d_k, g, s: 2 * s * d_k * (g * n_q + n_k), "below the bar"),
        (lambda n_q, n_k, d_k, g, s: 4 * g * n_q * n_k * d_k // (2 * s * d_k * (g * n_q + n_k)),
         "divide with `/`"),
        (lambda n_q, n_k, d_k, g, s: counted()(n_q, n_k, d_k, g, 8 * s), "Above: two products"),
        (lambda n_q, n_k, d_k, g, s: 2 * n_q / s, "Above: two products"),
        (lambda n_q, n_k, d_k, g, s: counted()(n_q, n_k, d_k, g, s) if n_q > 1 else 0.5,
         "No special cases"),
        (lambda n_q, n_k: n_q, RAISED),
    ],
    "attainable": [
        (lambda i, p, b: np.maximum(i * b, p), "higher ceiling"),
        (lambda i, p, b: b * i, "arithmetic is missing"),
        (lambda i, p, b: 0 * i + p, "fetching is missing"),
        (lambda i, p, b: 0 * i + min(p, b), "slope of the roof"),
        (lambda i, p, b: np.minimum(p * i, b), "are exchanged"),
        (lambda i, p, b: np.minimum(b / i, p), "times the operations"),
        (lambda i, p, b: np.minimum(i / b, p), "operations per second"),
        (lambda i, p, b: p * i * b / (p + i * b), "times add up"),
        (lambda i, p, b: np.minimum(i * b / p, 1), "share of the peak"),
        (lambda i, p, b: np.minimum(p / b, i), "only says where"),
        (lambda i, p, b: i * b + p, "not their sum"),
        (lambda i, p, b: 0.5 * (i * b + p), "not their mean"),
        (lambda i, p, b: np.where(i * b > p, i * b, p), "higher ceiling"),
        (lambda i, p, b: np.where(i > p / b, i * b, p), "higher ceiling"),
        (lambda i, p, b: p > i * b, "truth value"),
        (lambda i, p, b: np.minimum(p, i * b).min(), SHAPE),
        (lambda i, p, b: p, SHAPE),
        (lambda i, p, b: np.round(np.minimum(p, i * b)) + 1, "Fetching allows"),
        (with_if, RAISED),
        (with_all, "number by number"),
        (lambda i, p, b: np.minimum(p, i * b).ravel() if np.ndim(i) else min(p, i * b),
         "Keep all axes"),
        (clipped_in_place, "belongs to the caller"),
    ],
    "two_orders": [
        (lambda *s: by_shapes(*s)[::-1], "are exchanged: first"),
        (lambda a, b, c, m: (a * b * c, m * b * c), "that come first"),
        (lambda a, b, c, m: (a * m * c, m * b * a), "that come second"),
        (lambda *s: [2 * count for count in by_shapes(*s)], "Twice as many"),
        (lambda a, b, c, m: (a * b * c * m,) * 2, "All four sizes"),
        (lambda a, b, c, m: (a * b * (c + m), c * m * (a + b)), "You have exchanged"),
        (lambda a, b, c, m: (a * c + a * m, b * m + a * m), "numbers that come out"),
        (lambda a, b, c, m: (a * b * c + a * c * m,) * 2, "begin with B V"),
        (lambda a, b, c, m: (b * c * m + a * b * m,) * 2, "begin with A B"),
        (lambda a, b, c, m: (a * b * c * a * c * m, b * c * m * a * b * m), "do not multiply"),
        (lambda a, b, c, m: a * b * c + a * c * m, "return left, right"),
        (lambda a, b, c, m: (a + b + c + m, a * b * c), "(x, y) times (y, z)"),
        (lambda a, b, c, m: by_shapes(a, b, c, m) if m > 1 else (a * b * c + a * c, b * c),
         "one column"),
    ],
    "held_out": [
        (lambda ids, share, seed: np.random.default_rng(seed).random(len(ids)) < share,
         "place in the list"),
        (lambda ids, share, seed: np.random.default_rng(seed).permutation(len(ids))
         < share * len(ids), "whoever joins"),
        (named(lambda seed, i: seed + i), "`seed + i`"),
        (named(lambda seed, i: i), "`seed` is not used"),
        (named(lambda seed, i: [i, seed]), "First the seed"),
        (lambda ids, share, seed: with_comprehension(range(len(ids)), share, seed),
         "number the places"),
        (named(lambda seed, i: [seed, i], below=False), "Turned round"),
        (lambda ids, share, seed: [np.random.default_rng([seed, i]).random() for i in ids],
         "the numbers drawn"),
        (lambda ids, share, seed: ids[with_comprehension(ids, share, seed)], "the ids that"),
        (lambda ids, share, seed: np.flatnonzero(with_comprehension(ids, share, seed)),
         "the places of those"),
        (named(lambda seed, i: seed), "All get the same"),
        (named(lambda seed, i: [seed, i], draw="standard_normal"), "`random` is"),
        (by_global_state, "For each i"),
        (by_torch_generator, "For each i"),
        (by_hash, "For each i"),
        (named(lambda seed, i: None), "For each i"),
        (exact_share, "For each i"),
        (lambda ids, share, seed: np.arange(len(ids)) < share * len(ids), "For each i"),
        (lambda ids, share, seed: with_comprehension(np.sort(ids), share, seed), "For each i"),
        (up_to, "Nothing may depend"),
        (lambda ids, share, seed: share, SHAPE),
    ],
}  # fmt: skip

test_right_answers_pass, test_wrong_answers_earn_their_hint = answer_tests(ch05, RIGHT, WRONG)


def test_newcomers_move_nobody():
    ids = np.arange(500)
    before = ch05.held_out.expected(ids, 0.2, 1)
    after = ch05.held_out.expected(np.arange(900), 0.2, 1)
    np.testing.assert_array_equal(after[:500], before)
    assert 0.15 < after.mean() < 0.25
