"""`multi_head_attention` against PyTorch with the weights copied, a loop, and bad input."""

import math

import numpy as np
import pytest
import torch

from attn_helpers import program, reference
from attn_helpers.programs import per_head
from attn_helpers.reference import merge_heads, multi_head_attention, split_heads

BATCH, N_Q, N_K, D_MODEL, D_KV, N_HEADS = 5, 3, 7, 12, 10, 4


def drawn(*shapes, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def torch_layer(d_kv, dtype):
    torch.manual_seed(0)
    layer = torch.nn.MultiheadAttention(
        D_MODEL, N_HEADS, bias=False, kdim=d_kv, vdim=d_kv, batch_first=True, dtype=dtype
    )
    packed = layer.in_proj_weight
    parts = packed.chunk(3) if packed is not None else (
        layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)  # fmt: skip
    return layer, [w.detach().numpy().T for w in (*parts, layer.out_proj.weight)]


def causal(n_q, n_k):
    return np.tri(n_q, n_k, dtype=bool)


LENGTHS = np.array([7, 1, 4, 6, 2])
PADDING = np.arange(N_K) < LENGTHS[:, None]  # (batch, n_k), True for what is there


@pytest.mark.parametrize("dtype, close", [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("is_self", [True, False])
def test_equals_torch_with_its_weights(is_self, is_causal, padded, dtype, close):
    layer, weights = torch_layer(D_MODEL if is_self else D_KV, dtype)
    kind = torch.empty(0, dtype=dtype).numpy().dtype
    n_q, d_kv = (N_K, D_MODEL) if is_self else (N_Q, D_KV)
    x_q, x_kv = drawn((BATCH, n_q, D_MODEL), (BATCH, N_K, d_kv), dtype=kind)
    x_kv = x_q if is_self else x_kv
    keep = causal(n_q, N_K) if is_causal else np.ones((n_q, N_K), bool)
    mask = keep & PADDING[:, None, None] if padded else keep
    out, found = multi_head_attention(x_q, x_kv, *weights, n_heads=N_HEADS, mask=mask)
    expected, expected_weights = layer(
        *(torch.from_numpy(x) for x in (x_q, x_kv, x_kv)),
        attn_mask=torch.from_numpy(~keep),
        key_padding_mask=torch.from_numpy(~PADDING) if padded else None,
        average_attn_weights=False,
    )
    assert out.dtype == found.dtype == kind
    np.testing.assert_allclose(out, expected.detach(), rtol=0, atol=close)
    np.testing.assert_allclose(found, expected_weights.detach(), rtol=0, atol=close)


@pytest.mark.parametrize("n_kv_heads", [1, 2, 6])
def test_shared_keys_and_values_equal_torch(n_kv_heads):
    n_heads, d_k, d_v = 6, 2, 5
    shapes = [(4, N_Q, 8), (4, N_K, 9), (8, n_heads * d_k), (9, n_kv_heads * d_k)]
    x_q, x_kv, w_q, w_k, w_v, w_o = drawn(*shapes, (9, n_kv_heads * d_v), (n_heads * d_v, 11))
    out, weights = multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads=n_heads)
    q, k, v = (
        torch.from_numpy(x @ w).unflatten(-1, (heads, -1)).transpose(1, 2)
        for x, w, heads in ((x_q, w_q, n_heads), (x_kv, w_k, n_kv_heads), (x_kv, w_v, n_kv_heads))
    )
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    expected = heads.transpose(1, 2).flatten(2) @ torch.from_numpy(w_o)
    assert weights.shape == (4, n_heads, N_Q, N_K)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


def test_every_head_by_hand():
    """A loop over heads and queries: no reshape, no broadcast; an empty row gives zeros."""
    d_k, d_v = 2, 3
    shapes = [(N_Q, 6), (N_K, 5), (6, 4 * d_k), (5, 4 * d_k), (5, 4 * d_v), (4 * d_v, 9)]
    x_q, x_kv, w_q, w_k, w_v, w_o = drawn(*shapes)
    mask = np.random.default_rng(3).random((4, N_Q, N_K)) < 0.5
    mask[2, 1] = False
    expected = np.zeros((N_Q, 9))
    for h in range(4):
        q, k = (x @ w[:, h * d_k : (h + 1) * d_k] for x, w in ((x_q, w_q), (x_kv, w_k)))
        v = x_kv @ w_v[:, h * d_v : (h + 1) * d_v]
        for i in range(N_Q):
            loud = [math.exp(q[i] @ k[j] / math.sqrt(d_k)) * mask[h, i, j] for j in range(N_K)]
            head = sum(e * row for e, row in zip(loud, v, strict=True)) / (sum(loud) or 1)
            expected[i] += head @ w_o[h * d_v : (h + 1) * d_v]
    out, weights = multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, n_heads=4, mask=mask)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)
    assert not weights[~mask].any() and not weights[2, 1].any()


def test_a_program_counts_the_heads():
    x, w = drawn((6, 4), (4, 4))
    team = per_head([program("j == i"), program("j == i - 1")])
    _, weights = multi_head_attention(x, x, w, w, w, w, n_heads=2, program=team)
    np.testing.assert_array_equal(weights, [np.eye(6), np.eye(6, k=-1)])


def test_split_and_merge():
    x = drawn((2, 3, 5, 8))[0]
    heads = split_heads(x, 4)
    assert heads.shape == (2, 3, 4, 5, 2)
    np.testing.assert_array_equal(heads[:, :, 3], x[..., 6:])
    np.testing.assert_array_equal(merge_heads(heads), x)
    assert reference.split_heads is split_heads


GOOD = {"x_q": (3, 4), "x_kv": (5, 6), "w_q": (4, 4), "w_k": (6, 4), "w_v": (6, 8), "w_o": (8, 7)}
BAD = {
    "one axis": ({"x_q": (4,)}, 2, "at least two axes"),
    "w_q rows": ({"w_q": (5, 4)}, 2, "w_q needs a row for each feature of x_q: x_q is (3, 4)"),
    "w_v rows": ({"w_v": (4, 8)}, 2, "w_k and w_v need a row for each feature of x_kv"),
    "w_k axes": ({"w_k": (2, 6, 2)}, 2, "need two axes"),
    "heads": ({}, 3, "the same columns for each head: x_q is"),
    "no heads": ({}, 0, "n_heads is 0"),
    "w_k columns": ({"w_k": (6, 3)}, 2, "as many as a head of w_q"),
    "more kv heads": ({"w_k": (6, 8), "w_v": (6, 8)}, 2, "that divide n_heads"),
    "no kv heads": ({"w_k": (6, 0)}, 2, "1 or more heads"),
    "w_v columns": ({"w_v": (6, 7)}, 2, "the same columns for each of 2 heads"),
    "w_o rows": ({"w_o": (4, 7)}, 2, "n_heads * d_v = 8 rows"),
    "empty": ({"w_q": (4, 0)}, 2, "must not be empty"),
    "batches": ({"x_q": (2, 3, 4), "x_kv": (3, 5, 6)}, 2, "must broadcast"),
}


@pytest.mark.parametrize("changed, n_heads, words", BAD.values(), ids=BAD)
def test_bad_shapes_are_named(changed, n_heads, words):
    arrays = {name: np.zeros(shape) for name, shape in (GOOD | changed).items()}
    with pytest.raises(ValueError) as caught:
        multi_head_attention(**arrays, n_heads=n_heads)
    assert words in str(caught.value), caught.value


def test_heads_that_do_not_divide_are_named():
    with pytest.raises(ValueError, match="n_heads=3 must divide the last axis: x is .2, 8."):
        split_heads(np.zeros((2, 8)), 3)
