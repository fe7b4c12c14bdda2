"""`attention` against torch, a triple loop, and bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_helpers import attention

SDPA = torch.nn.functional.scaled_dot_product_attention


def draw(shape, seed=0, size=1.0, dtype=np.float64):
    return (size * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def qkv(n_q=3, n_k=5, d_k=7, d_v=2, leading=(), size=1.0, dtype=np.float64):
    return (
        draw((*leading, n_q, d_k), 1, size, dtype),
        draw((*leading, n_k, d_k), 2, size, dtype),
        draw((*leading, n_k, d_v), 3, size, dtype),
    )


def by_loops(q, k, v, mask, scale):
    """Two axes, one number at a time, from the formula alone."""
    out = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if mask[i][j]]
        scores = [scale * sum(a * b for a, b in zip(q[i], k[j], strict=True)) for j in seen]
        total = math.fsum(math.exp(s - max(scores)) for s in scores)
        for s, j in zip(scores, seen, strict=True):
            out[i] += math.exp(s - max(scores)) / total * v[j]
    return out


def assert_close(found, expected, tolerance):
    gap = np.abs(np.asarray(found) - np.asarray(expected))
    place = np.unravel_index(gap.argmax(), gap.shape)
    assert gap.max() <= tolerance, f"largest difference {gap.max():.3e} at {place}"


def test_a_hand_computed_two_by_two():
    q, k, v = [[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], [[10.0], [20.0]]
    out, weights = attention(q, k, v, scale=math.log(3))
    # scores are [[log 3, 0], [0, 2 log 3]]: weights 3:1 and 1:9
    assert_close(weights, [[0.75, 0.25], [0.1, 0.9]], 1e-15)
    assert_close(out, [[12.5], [19.0]], 1e-14)


def test_equals_the_loop_with_a_mask():
    q, k, v = qkv()
    mask = np.random.default_rng(4).random((3, 5)) < 0.6
    mask[1] = False
    mask[2] = True
    assert_close(attention(q, k, v, mask=mask)[0], by_loops(q, k, v, mask, 7**-0.5), 1e-14)


@settings(max_examples=150, deadline=None)
@given(
    leading=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    sizes=st.tuples(*[st.integers(1, 7)] * 4),
    magnitude=st.sampled_from([1e-3, 1.0, 30.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    masked=st.sampled_from(["no", "rows", "full", "keys", "one"]),
    scale=st.sampled_from([None, 0.0, 0.3, -1.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_torch(leading, sizes, magnitude, dtype, masked, scale, seed):
    rng = np.random.default_rng(seed)
    n_q, n_k, d_k, d_v = sizes
    shapes = [(*leading, n_q, d_k), (*leading, n_k, d_k), (*leading, n_k, d_v)]
    q, k, v = ((magnitude * rng.standard_normal(shape)).astype(dtype) for shape in shapes)
    mask_shape = {"rows": (n_q, n_k), "full": (*leading, n_q, n_k), "keys": (n_k,), "one": (n_q, 1)}
    mask = None if masked == "no" else rng.random(mask_shape[masked]) < 0.7
    if mask is not None:  # torch is the oracle where a query sees something; see the next test
        mask[..., 0] = True
    out, weights = attention(q, k, v, mask=mask, scale=scale)
    # the oracle runs in float64, so that the bound measures our rounding alone
    wide = [torch.from_numpy(array.astype(np.float64)) for array in (q, k, v)]
    torch_mask = None if mask is None else torch.from_numpy(mask).expand(*leading, n_q, n_k)
    expected = SDPA(*wide, attn_mask=torch_mask, scale=scale).numpy()
    assert out.dtype == weights.dtype == dtype
    # rounding a score s changes its weight by the share s * eps
    largest = 1 + magnitude**2 * 10 * d_k
    tolerance = np.finfo(dtype).eps * largest * (1 + np.abs(v).max())
    assert_close(out, expected, tolerance)
    assert_close(weights.sum(-1), 1, 1e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_query_that_may_see_nothing_gets_zeros(dtype):
    q, k, v = qkv(leading=(2,), dtype=dtype)
    mask = np.ones((2, 3, 5), bool)
    mask[1, 2] = False
    out, weights = attention(q, k, v, mask=mask)
    assert (out[1, 2] == 0).all() and (weights[1, 2] == 0).all()
    assert weights.sum(-1)[1, 1] == pytest.approx(1, abs=2e-3)
    assert out.dtype == weights.dtype == dtype


def test_no_keys_at_all_gives_zeros():
    out, weights = attention(np.ones((3, 4)), np.ones((0, 4)), np.ones((0, 2)))
    assert out.shape == (3, 2) and weights.shape == (3, 0) and (out == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_ten_thousand_are_stable(dtype):
    q = np.array([[1e4, 0], [-1e4, 0], [0, 0]], dtype)
    k, v = np.array([[1, 0], [-1, 0]], dtype), np.array([[1], [3]], dtype)
    out, weights = attention(q, k, v, scale=1)
    assert_close(weights, [[1, 0], [0, 1], [0.5, 0.5]], 0)
    assert_close(out, [[1], [3], [2]], 0)


def test_float16_scores_may_exceed_its_range():
    q = np.full((2, 4), 300, np.float16)  # scores up to 360,000, float16 ends at 65,504
    k = np.array([[300] * 4, [-300] * 4, [299] * 4], np.float16)
    out, _ = attention(q, k, np.array([[1], [2], [3]], np.float16), scale=1)
    assert out.dtype == np.float16 and (out == 1).all()


def test_a_masked_key_has_no_influence():
    q, k, v = qkv()
    mask = np.ones((3, 5), bool)
    mask[:, 3] = False
    far_k, far_v = k.copy(), v.copy()
    far_k[3], far_v[3] = 1e6, -1e6
    expected = attention(q, np.delete(k, 3, 0), np.delete(v, 3, 0))[0]
    assert_close(attention(q, far_k, far_v, mask=mask)[0], expected, 1e-14)


def test_leading_axes_broadcast_even_from_the_mask():
    q, k, v = qkv()
    mask = np.random.default_rng(5).random((4, 1, 3, 5)) < 0.5
    out, weights = attention(q, k[None], v, mask=mask)
    assert out.shape == (4, 1, 3, 2) and weights.shape == (4, 1, 3, 5)
    for b in range(4):
        assert_close(out[b, 0], attention(q, k, v, mask=mask[b, 0])[0], 1e-14)


def test_views_lists_and_read_only_arrays_are_taken_and_kept():
    q, k, v = qkv(n_q=4, d_k=6)
    expected = attention(q, k, v)[0]
    strided = np.asfortranarray(np.repeat(q, 2, axis=0))[::2]
    for array in (q, k, v):
        array.flags.writeable = False
    assert_close(attention(strided, k.T.copy().T, v.tolist())[0], expected, 1e-14)
    mask = np.tri(4, 5, dtype=bool)
    kept = mask.copy()
    attention(q, k, v, mask=mask)
    assert (mask == kept).all()


def test_integers_are_computed_as_real_numbers():
    out, _ = attention([[1, 2]], [[3, 4], [5, 6]], [[1], [2]])
    assert out.dtype == np.float64 and 1 < out[0, 0] < 2


Q, K, V = qkv()
BAD = [
    ("d_k differs", dict(q=Q[:, :6]), ValueError, ["(3, 6)", "(5, 7)", "d_k"]),
    ("n_k differs", dict(v=V[:4]), ValueError, ["(5, 7)", "(4, 2)", "n_k"]),
    ("one axis", dict(q=Q[0]), ValueError, ["two axes", "(7,)"]),
    ("a number", dict(v=3.0), ValueError, ["two axes", "v is ()"]),
    ("no feature", dict(q=Q[:, :0], k=K[:, :0]), ValueError, ["d_k", "(3, 0)"]),
    ("leading axes", dict(q=np.ones((2, 3, 7)), k=np.ones((4, 5, 7))), ValueError, ["(4, 5, 7)"]),
    ("mask transposed", dict(mask=np.ones((5, 3), bool)), ValueError, ["(5, 3)", "(..., 3, 5)"]),
    ("mask too long", dict(mask=np.ones(6, bool)), ValueError, ["mask is (6,)"]),
    (
        "mask leading",
        dict(q=np.ones((2, 3, 7)), mask=np.ones((4, 3, 5), bool)),
        ValueError,
        ["(4,"],
    ),
    ("mask of numbers", dict(mask=np.ones((3, 5))), TypeError, ["boolean", "(3, 5)", "float64"]),
    ("mask additive", dict(mask=np.zeros((3, 5), int)), TypeError, ["boolean", "may attend"]),
    ("NaN", dict(k=np.where(np.eye(5, 7) == 1, np.nan, 0)), ValueError, ["nan", "(0, 0)", "k"]),
    ("infinite value", dict(v=np.full((5, 2), np.inf)), ValueError, ["v", "inf", "(5, 2)"]),
    ("text", dict(q=[["a", "b"]]), TypeError, ["q", "real numbers"]),
    ("complex", dict(q=Q + 1j), TypeError, ["q", "complex128"]),
    ("ragged", dict(q=[[1.0], [1.0, 2.0]]), ValueError, ["q", "ragged"]),
    ("nothing", dict(q=None), TypeError, ["q", "object"]),
    ("overflow", dict(q=Q * 1e300, k=K * 1e300), ValueError, ["overflows float64", "(3, 7)"]),
    ("scale is NaN", dict(scale=float("nan")), ValueError, ["scale", "nan"]),
    ("scale is an array", dict(scale=np.ones(3)), ValueError, ["scale is (3,)"]),
    ("scale is text", dict(scale="1"), TypeError, ["scale", "real number"]),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "change, error, words", [case[1:] for case in BAD], ids=[c[0] for c in BAD]
)
def test_bad_input_is_named(change, error, words):
    with pytest.raises(error) as caught:
        attention(**{"q": Q, "k": K, "v": V, **change})
    for word in words:
        assert word in str(caught.value), str(caught.value)
