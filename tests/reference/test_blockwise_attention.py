"""`blockwise_attention` against torch, exact sums, `attention`, and its bar on memory."""

import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_helpers import attention, reference
from attn_helpers.reference import blockwise_attention

SDPA = torch.nn.functional.scaled_dot_product_attention


def drawn(*shapes, seed=0, size=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [(size * rng.standard_normal(shape)).astype(dtype) for shape in shapes]


def by_sums(q, k, v, mask, scale):
    """Two axes, exact sums, two readings of each row: nothing runs, nothing is rescaled."""
    out = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if mask[i, j]]
        scores = [scale * math.fsum(q[i] * k[j]) for j in seen]
        e = [math.exp(s - max(scores)) for s in scores]
        for column in range(v.shape[1]) if seen else ():
            products = [x * v[j, column] for x, j in zip(e, seen, strict=True)]
            out[i, column] = math.fsum(products) / math.fsum(e)
    return out


def assert_close(found, expected, tolerance):
    gap = np.abs(np.asarray(found) - np.asarray(expected))
    assert found.shape == expected.shape
    place = np.unravel_index(gap.argmax(), gap.shape)
    assert gap.max() <= tolerance, f"largest difference {gap.max():.3e} at {place}"


def test_a_hand_computed_row():
    # scores 0, log 2, log 5 are weights 1:2:5, whichever block they come in
    q, k, v = [[1.0]], [[0.0], [math.log(2)], [math.log(5)]], [[8.0], [16.0], [24.0]]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        out = blockwise_attention(q, np.array(k)[order], np.array(v)[order], k_block=1)
        assert_close(out, np.array([[(8 + 2 * 16 + 5 * 24) / 8]]), 1e-14)


@settings(max_examples=300, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 11)] * 2, *[st.integers(1, 5)] * 2),
    blocks=st.tuples(*[st.none() | st.integers(1, 13)] * 2),
    size=st.sampled_from([0.0, 1.0, 100.0]),  # scores up to 1e4 and more
    share=st.sampled_from([0.1, 0.5, 1.0]),
    scale=st.sampled_from([None, 0.0, 0.3, -1.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_exact_sums(sizes, blocks, size, share, scale, seed):
    n_q, n_k, d_k, d_v = sizes
    q_block, k_block = blocks
    q, k, v = drawn((n_q, d_k), (n_k, d_k), (n_k, d_v), seed=seed, size=size)
    mask = np.random.default_rng(seed).random((n_q, n_k)) < share
    out = blockwise_attention(q, k, v, q_block=q_block, k_block=k_block, mask=mask, scale=scale)
    factor = d_k**-0.5 if scale is None else scale
    assert_close(out, by_sums(q, k, v, mask, factor), 1e-9 * max(size, 1))
    assert not out[~mask.any(axis=1)].any()


@pytest.mark.parametrize("q_block, k_block", [(3, 4), (None, 4), (3, None), (None, None)])
@pytest.mark.parametrize("dtype, close", [(np.float32, 1e-6), (np.float64, 1e-13)])
def test_equals_torch(q_block, k_block, dtype, close):
    q, k, v = drawn((2, 3, 7, 5), (2, 3, 11, 5), (2, 3, 11, 4), dtype=dtype)
    mask = np.random.default_rng(1).random((2, 1, 7, 11)) < 0.4
    mask[..., 10] = True  # torch is the oracle where every query sees something
    out = blockwise_attention(q, k, v, mask=mask, q_block=q_block, k_block=k_block)
    expected = SDPA(*map(torch.from_numpy, (q, k, v)), attn_mask=torch.from_numpy(mask)).numpy()
    assert out.dtype == dtype
    assert_close(out, expected, close)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_ten_thousand(dtype):
    """Whole numbers, so that every score is exact and ties are ties, in either dtype."""
    rng = np.random.default_rng(0)
    q, k = (rng.integers(-60, 61, size=(n, 16)).astype(dtype) for n in (300, 700))
    v = rng.standard_normal((700, 3)).astype(dtype)
    q[::2, :], k[::5, :] = 25, 25  # a score of 25 * 25 * 16 = 10,000, for many keys at once
    scores = (q @ k.T).astype(float)
    assert np.abs(scores).max() > 1e4
    expected = torch.from_numpy(scores).softmax(-1).numpy() @ v
    for blocks in ({"k_block": 64}, {"q_block": 128, "k_block": None}, {"q_block": 64}):
        out = blockwise_attention(q, k, v, scale=1, **blocks)
        assert_close(out, expected, 1e-6)


def test_every_cut_of_the_keys_gives_the_same():
    q, k, v = drawn((5, 3), (13, 3), (13, 2))
    whole = blockwise_attention(q, k, v)
    assert_close(whole, attention(q, k, v)[0], 1e-15)
    for k_block in range(1, 16):
        for q_block in range(1, 7):
            cut = blockwise_attention(q, k, v, q_block=q_block, k_block=k_block)
            assert_close(cut, whole, 1e-14)


def test_the_leading_axes_broadcast():
    q, k, v = drawn((3, 1, 5, 4), (2, 7, 4), (7, 6))
    mask = np.random.default_rng(2).random((3, 1, 1, 7)) < 0.6
    out = blockwise_attention(q, k, v, q_block=2, k_block=3, mask=mask)
    assert out.shape == (3, 2, 5, 6)
    assert_close(out, attention(q, k, v, mask=mask)[0], 1e-14)


def test_a_query_may_be_without_keys_in_its_first_blocks_or_in_all():
    q, k, v = drawn((6, 4), (9, 4), (9, 5))
    mask = np.zeros((6, 9), bool)
    mask[[0, 1, 3, 5], [8, 4, 0, 8]] = True
    out = blockwise_attention(q, k, v, q_block=4, k_block=2, mask=mask)
    expected = np.zeros((6, 5))
    expected[[0, 1, 3, 5]] = v[[8, 4, 0, 8]]
    np.testing.assert_array_equal(out, expected)


def test_blocks_that_nobody_may_see_are_not_computed(monkeypatch):
    seen = []
    matmul = np.matmul

    def counted(a, b, out):
        seen.append((len(a), b.shape[1]))
        return matmul(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    q, k, v = drawn((10, 3), (10, 3), (10, 3))
    causal = blockwise_attention(q, k, v, q_block=4, k_block=2, mask=np.tri(10, dtype=bool))
    assert len(seen) == 2 + 4 + 5  # of 3 * 5
    assert_close(causal, attention(q, k, v, mask=np.tri(10, dtype=bool))[0], 1e-14)


@pytest.mark.parametrize(
    "blocks", [{}, {"q_block": None, "k_block": 256}, {"q_block": 128, "k_block": None}]
)
def test_less_than_fifteen_mebibytes_for_4096_tokens(blocks):
    q, k, v = drawn(*[(8, 4096, 64)] * 3, dtype=np.float32)
    tracemalloc.start()
    try:
        blockwise_attention(q, k, v, **blocks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15 * 2**20, f"{peak / 2**20:.2f} MiB"


def test_the_dtype_is_kept_and_the_arguments_too():
    q, k, v = drawn((5, 4), (7, 4), (7, 3), size=8)
    before = [x.copy() for x in (q, k, v)]
    for dtype in (np.float16, np.float32, np.float64):
        out = blockwise_attention(*(x.astype(dtype) for x in (q, k, v)), k_block=2)
        assert out.dtype == dtype
        assert_close(out.astype(float), attention(q, k, v)[0], 0.2 if dtype == np.float16 else 1e-4)
    mask = np.eye(5, 7, dtype=bool)
    for array in (q, k, v, mask):
        array.flags.writeable = False
    blockwise_attention(q, k, v, q_block=2, k_block=2, mask=mask)
    for array, was in zip((q, k, v), before, strict=True):
        np.testing.assert_array_equal(array, was)
    strided = blockwise_attention(q[::2, ::2], k[::-1, ::2], v[::-1, ::-1], k_block=3)
    assert_close(strided, attention(q[::2, ::2], k[:, ::2], v[:, ::-1])[0], 1e-13)
    assert blockwise_attention([[1]], [[2]], [[3]]).dtype == np.float64


def test_nothing_to_ask_and_nobody_to_ask():
    assert blockwise_attention(*drawn((0, 3), (4, 3), (4, 2))).shape == (0, 2)
    assert not blockwise_attention(*drawn((5, 3), (0, 3), (0, 2))).any()
    assert blockwise_attention(*drawn((0, 5, 3), (0, 4, 3), (0, 4, 2))).shape == (0, 5, 2)


Q, K, V = drawn((5, 4), (7, 4), (7, 3))
BAD = {
    "d_k": ((Q[:, :3], K, V), {}, ValueError, "q is (5, 3), k is (7, 4), v is (7, 3)"),
    "n_k": ((Q, K[:6], V), {}, ValueError, "the same n_k"),
    "mask": ((Q, K, V), {"mask": np.ones((7, 5), bool)}, ValueError, "mask is (7, 5)"),
    "mask dtype": ((Q, K, V), {"mask": np.ones((5, 7))}, TypeError, "mask must be boolean"),
    "nan": ((Q * np.nan, K, V), {}, ValueError, "q must be finite"),
    "overflow": (
        ((Q * 1e20).astype("f"), (K * 1e20).astype("f"), V.astype("f")),
        {},
        ValueError,
        "may overflow float32",
    ),
    "overflow in float64": ((Q * 1e200, K * 1e200, V), {}, ValueError, "may overflow float64"),
    "overflow by the scale": ((Q, K, V), {"scale": -1e308}, ValueError, "may overflow float64"),
    "zero": ((Q, K, V), {"k_block": 0}, ValueError, "k_block must be 1 or more"),
    "half": ((Q, K, V), {"q_block": 2.5}, TypeError, "q_block must be a whole number or None"),
    "scale": ((Q, K, V), {"scale": np.inf}, ValueError, "scale must be finite"),
}


@pytest.mark.parametrize("arrays, named, kind, words", BAD.values(), ids=BAD)
def test_bad_arguments_are_named(arrays, named, kind, words):
    with pytest.raises(kind) as caught:
        blockwise_attention(*arrays, **named)
    assert words in str(caught.value), caught.value


def test_it_is_exported():
    assert reference.blockwise_attention is blockwise_attention
