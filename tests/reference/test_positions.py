"""Positions against complex numbers, hand values and the transformers library."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gptj import modeling_gptj as gptj
from transformers.models.llama import modeling_llama as llama

from attn_helpers.reference import alibi_slopes, rope, sinusoidal_positions


def by_complex_numbers(x, positions, base=10_000.0):
    """Each pair is a complex number, and is multiplied by exp(i * angle)."""
    turned = np.empty_like(x)
    for place in np.ndindex(x.shape[:-1]):
        for m in range(x.shape[-1] // 2):
            angle = positions[place[-1]] * base ** (-2 * m / x.shape[-1])
            pair = complex(*x[place][2 * m : 2 * m + 2]) * complex(math.cos(angle), math.sin(angle))
            turned[place][2 * m : 2 * m + 2] = pair.real, pair.imag
    return turned


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("base", [10_000.0, 50.0])
def test_rope_multiplies_complex_numbers(base):
    x, positions = drawn(2, 3, 5, 6), np.array([0, 1, 7, -2, 1000.5])
    expected = by_complex_numbers(x, positions, base)
    np.testing.assert_allclose(rope(x, positions, base=base), expected, rtol=0, atol=1e-12)


def test_rope_by_hand():
    quarter = np.pi / 2
    turned = rope([[3.0, 4.0], [3.0, 4.0], [3.0, 4.0]], [0, quarter, 2 * quarter])
    np.testing.assert_allclose(turned, [[3, 4], [-4, 3], [-3, -4]], rtol=0, atol=1e-12)


def test_positions_count_from_zero_and_may_differ_by_example():
    x = drawn(2, 3, 5, 4)
    np.testing.assert_array_equal(rope(x), rope(x, np.arange(5)))
    positions = np.array([[[0, 1, 2, 3, 4]], [[9, 8, 7, 0, 0]]])  # (batch, 1, n)
    for example, own in zip(rope(x, positions), (0, 1), strict=True):
        np.testing.assert_array_equal(example, rope(x[own], positions[own, 0]))


def test_a_cache_needs_the_position_of_its_one_row():
    x = drawn(3, 7, 4)
    np.testing.assert_array_equal(rope(x[:, 6:], [6]), rope(x)[:, 6:])


def test_rope_equals_gpt_j_by_neighbours_and_llama_by_halves():
    x, positions = torch.from_numpy(drawn(2, 3, 5, 8)), np.array([2, 3, 5, 7, 11])
    angle = torch.from_numpy(positions[:, None] * 10_000.0 ** (-np.arange(4) / 4))
    cos, sin = angle.cos()[None], angle.sin()[None]
    neighbours = gptj.apply_rotary_pos_emb(x.transpose(1, 2), sin, cos).transpose(1, 2)
    np.testing.assert_allclose(rope(x, positions), neighbours, rtol=0, atol=1e-12)
    cos, sin = torch.cat([cos, cos], -1), torch.cat([sin, sin], -1)
    halves, _ = llama.apply_rotary_pos_emb(x, x, cos, sin)
    np.testing.assert_allclose(rope(x, positions, halves=True), halves, rtol=0, atol=1e-12)


@given(shift=st.integers(-10_000, 10_000), halves=st.booleans(), seed=st.integers(0, 99))
def test_scores_depend_on_differences_only(shift, halves, seed):
    q, k, places = drawn(5, 8, seed=seed), drawn(7, 8, seed=seed + 100), np.arange(7)
    here = rope(q, places[:5], halves=halves) @ rope(k, places, halves=halves).T
    there = rope(q, places[:5] + shift, halves=halves) @ rope(k, places + shift, halves=halves).T
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-10)


def test_sinusoids_by_loop_and_as_in_transformers():
    table = sinusoidal_positions([0, 1, 2.5], 6)
    expected = [
        [f(p / 10_000 ** (2 * m / 6)) for m in range(3) for f in (math.sin, math.cos)]
        for p in (0, 1, 2.5)
    ]
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-12)
    theirs = gptj.create_sinusoidal_positions(20, 8).numpy()  # all sines, then all cosines
    ours = sinusoidal_positions(np.arange(20), 8)
    np.testing.assert_allclose(np.c_[ours[:, 0::2], ours[:, 1::2]], theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_heads", [1, 2, 3, 8, 12, 16, 20])
def test_slopes_as_in_bloom(n_heads):
    theirs = build_alibi_tensor(torch.ones(1, 2), n_heads, torch.float64)[:, 0, 1]
    np.testing.assert_allclose(alibi_slopes(n_heads), theirs, rtol=1e-6)


def test_the_papers_slopes_for_eight_heads():
    assert alibi_slopes(8).tolist() == [1 / 2**n for n in range(1, 9)]


def test_nothing_is_written_into_and_the_type_is_kept():
    x = np.ones((3, 4), np.float32)
    x.flags.writeable = False
    assert rope(x).dtype == np.float32
    assert rope(np.ones((2, 4), np.float16)).dtype == np.float16


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rope(np.ones((2, 5))), ValueError, "must be even, but it is 5"),
        (lambda: rope(np.ones(4)), ValueError, r"two axes, \(n, d_k\), but x is \(4,\)"),
        (
            lambda: rope(np.ones((3, 4)), [0, 1]),
            ValueError,
            r"one position: x is \(3, 4\), positions is \(2,\)",
        ),
        (lambda: rope(np.ones((1, 4)), [0, 1]), ValueError, r"positions is \(2,\)"),
        (lambda: rope(np.ones((1, 4)), 3), ValueError, r"an axis, \(n,\), but positions is \(\)"),
        (lambda: rope(np.ones((2, 4)), [0, np.nan]), ValueError, "positions must be finite"),
        (lambda: rope(np.ones((2, 4)), base=0), ValueError, "base must be a finite number above 0"),
        (lambda: rope([["a", "b"]]), TypeError, "x must hold real numbers"),
        (lambda: sinusoidal_positions([0], 3), ValueError, "must be even, but it is 3"),
        (lambda: sinusoidal_positions([0], 4.0), TypeError, "integer"),
        (lambda: sinusoidal_positions([0], 0), ValueError, "must be even, but it is 0"),
        (lambda: alibi_slopes(0), ValueError, "n_heads must be 1 or more, but it is 0"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
