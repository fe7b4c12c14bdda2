"""`MultiHeadAttention` against PyTorch's own layer and kernels, NumPy, and bad input.

What probes find in it, and in layers with planted faults, is in `test_probed_layers.py`.
"""

import copy
import functools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from attn_helpers import ProgramError, program
from attn_helpers.programs import ProgramModule, per_head
from attn_helpers.reference import (
    MultiHeadAttention,
    multi_head_attention,
    recorded_weights,
    rope,
    torch_twin,
)

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
BATCH, SEQ, D_MODEL, N_HEADS = 3, 7, 20, 5
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-10}

LENGTHS = torch.tensor([6, 7, 6])  # no query is left without a key: torch's layer answers NaN
QUERY, KEY = torch.arange(SEQ)[:, None], torch.arange(SEQ)
MASKS = {  # ours, for torch's layer and kernels
    "none": (None, lambda b, h, i, j: i == i),
    "causal": (KEY <= QUERY, lambda b, h, i, j: j <= i),
    "padding": ((KEY < LENGTHS[:, None])[:, None, None], lambda b, h, i, j: j < LENGTHS[b]),
    "window": ((QUERY - KEY).abs() <= 3, lambda b, h, i, j: (i - j).abs() <= 3),
}
PROGRAMS = {  # ours, then by hand: a factor on the scores, what is added, FlexAttention's
    "none": (None, 1.0, torch.zeros(SEQ, SEQ), None),
    "recency": (
        program("s - slope * abs(i - j)", slope=0.3),
        1.0,
        -0.3 * (QUERY - KEY).abs().double(),
        lambda s, b, h, i, j: s - 0.3 * (i - j).abs().to(s.dtype),
    ),
    "diffuse": (
        program("s / tau", tau=4),
        0.25,
        torch.zeros(SEQ, SEQ),
        lambda s, b, h, i, j: s / 4,
    ),
    "copy": (
        program("j == i - 1 or j == i"),
        1.0,
        torch.where((KEY == QUERY - 1) | (KEY == QUERY), 0.0, -math.inf),
        lambda s, b, h, i, j: torch.where((j == i - 1) | (j == i), s, -math.inf),
    ),
}


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def made(*sizes, dtype=torch.float64, **options):
    torch.manual_seed(0)
    return MultiHeadAttention(*(sizes or (D_MODEL, N_HEADS)), **options).to(dtype)


@functools.cache
def block_mask(mask_mod):
    return create_block_mask(mask_mod, BATCH, N_HEADS, SEQ, SEQ, device="cpu")


def close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=CLOSE[a.dtype])


# ---- the same numbers as PyTorch ----
@pytest.fixture(params=[(m, p) for m in MASKS for p in PROGRAMS], ids="-".join)
def case(request):
    """Ours, called; and what is needed to say the same by hand."""
    mask, program = request.param
    return *MASKS[mask], *PROGRAMS[program]


@pytest.mark.parametrize("dtype", CLOSE)
def test_equals_multihead_attention(case, dtype):
    mask, _, one, factor, added, _ = case
    ours, x = made(program=one, dtype=dtype), drawn(BATCH, SEQ, D_MODEL, dtype=dtype)
    theirs = torch_twin(ours)
    theirs.in_proj_weight.data[:D_MODEL] *= factor
    theirs.in_proj_bias.data[:D_MODEL] *= factor
    bias = added if mask is None else torch.where(mask, added, -math.inf)
    bias = bias.to(dtype).expand(BATCH, N_HEADS, SEQ, SEQ)
    out, weights = theirs(x, x, x, attn_mask=bias.flatten(0, 1), average_attn_weights=False)
    close(ours(x, mask=mask), out)
    close(ours.weights(x, mask=mask), weights)


@pytest.mark.parametrize("dtype", CLOSE)
def test_equals_the_fast_kernels(case, dtype):
    mask, mask_mod, one, factor, added, score_mod = case
    ours, x = made(program=one, dtype=dtype), drawn(BATCH, SEQ, D_MODEL, dtype=dtype)
    bias = added if mask is None else torch.where(mask, added, -math.inf)
    blocks = block_mask(mask_mod)
    with torch.no_grad():
        q, k, v = ours.w_qkv(x).view(BATCH, SEQ, 3, N_HEADS, -1).permute(2, 0, 3, 1, 4)
        sdpa = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, bias.to(dtype), scale=factor * q.shape[-1] ** -0.5
        )
        for heads in (sdpa, flex_attention(q, k, v, score_mod, blocks)):
            close(ours(x, mask=mask), ours.w_o(heads.transpose(1, 2).reshape(x.shape)))


def test_equals_numpy_with_shared_heads_and_a_memory():
    ours = made(n_kv_heads=1, bias=False, program=program("j != i"))
    x, memory = drawn(BATCH, 4, D_MODEL), drawn(BATCH, SEQ, D_MODEL, seed=1)
    w_q, w_k, w_v = ours.w_qkv.weight.detach().T.split([20, 4, 4], -1)
    for x_kv in (x, memory):
        expected, weights = multi_head_attention(
            x, x_kv, w_q, w_k, w_v, ours.w_o.weight.detach().T,
            n_heads=N_HEADS, program=program("j != i"),
        )  # fmt: skip
        close(ours(x, x_kv), torch.from_numpy(expected))
        close(ours.weights(x, x_kv), torch.from_numpy(weights))
    close(ours(x), ours(x, x))  # the fused projection, and the one in two parts


@pytest.mark.parametrize("bias", [True, False])
def test_cross_attention_equals_torch(bias):
    ours, x, memory = made(bias=bias), drawn(BATCH, 4, D_MODEL), drawn(BATCH, SEQ, D_MODEL, seed=1)
    torch.testing.assert_close(ours(x, memory), torch_twin(ours)(x, memory, memory)[0])


@pytest.mark.parametrize("n_kv_heads", [1, 2, 3])
def test_shared_heads_equal_repeated_ones(n_kv_heads):
    """Each key-value head is written out for every query head that it serves."""
    ours, whole = made(24, 6, n_kv_heads=n_kv_heads), made(24, 6)
    for name in ("weight", "bias"):
        q, k, v = getattr(ours.w_qkv, name).split([24, 4 * n_kv_heads, 4 * n_kv_heads])
        rows = [h * n_kv_heads // 6 * 4 + d for h in range(6) for d in range(4)]
        getattr(whole.w_qkv, name).data = torch.cat([q, k[rows], v[rows]]).detach()
    whole.w_o = ours.w_o
    x = drawn(BATCH, SEQ, 24)
    close(ours(x), torch_twin(whole)(x, x, x)[0])


def test_gradients_equal_those_of_torch():
    ours, x, weigh = made(), drawn(BATCH, SEQ, D_MODEL), drawn(BATCH, SEQ, D_MODEL, seed=1)
    theirs = torch_twin(ours)
    by_ours = torch.autograd.grad((ours(x) * weigh).sum(), ours.parameters())
    by_theirs = torch.autograd.grad((theirs(x, x, x)[0] * weigh).sum(), theirs.parameters())
    for a, b in zip(by_ours, by_theirs, strict=True):
        close(a, b)


@pytest.mark.parametrize("dtype", CLOSE)
def test_rotates_queries_and_keys_as_rope_does(dtype):
    ours, x = made(24, 3, rope=True, dtype=dtype), drawn(BATCH, SEQ, 24, dtype=dtype)
    q, k, v = (
        a.detach().view(BATCH, SEQ, 3, 8).transpose(1, 2) for a in ours.w_qkv(x).chunk(3, -1)
    )
    q, k = (torch.from_numpy(rope(a.numpy())) for a in (q, k))
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    close(ours(x), ours.w_o(heads.transpose(1, 2).flatten(2)))
    assert not torch.allclose(ours.weights(x), made(24, 3, dtype=dtype).weights(x))


# ---- programs ----
def test_each_head_may_have_a_program_of_its_own():
    ours = made(8, 2, program=per_head([program("j == i"), program("j == i - 1")]))
    expected = torch.stack([torch.eye(SEQ), torch.eye(SEQ).roll(1, 0).tril()]).double()
    close(ours.weights(drawn(1, SEQ, 8))[0], expected)


def test_a_program_module_learns_with_the_layer():
    recency = program("j <= i") & program("s - slope * abs(i - j)", slope=0.3)
    fixed, learnt = made(program=recency), made(program=ProgramModule(recency))
    x = drawn(BATCH, SEQ, D_MODEL)
    for mask in (None, MASKS["padding"][0]):
        expected = fixed(x, mask=mask)
        torch.testing.assert_close(learnt(x, mask=mask), expected, rtol=0, atol=1e-7)  # float32
    learnt(x).square().sum().backward()
    assert learnt.program.slope.grad != 0
    assert "program.slope" in learnt.state_dict()


def test_neither_causal_nor_dropout_by_default():
    ours, x = made().train(), drawn(BATCH, SEQ, D_MODEL)
    weights = ours.weights(x)
    assert (weights > 0).all() and torch.equal(ours(x), ours(x))
    close(weights.sum(-1), torch.ones(BATCH, N_HEADS, SEQ).double())


def test_dropout_is_for_training_alone():
    ours, x = made(dropout=0.25), drawn(40, SEQ, D_MODEL)
    whole = made()(x)
    assert torch.equal(ours.eval()(x), whole)
    dropped = ours.train()(x)
    close(dropped[dropped != 0], whole[dropped != 0] / 0.75)
    assert 0.23 < (dropped == 0).double().mean() < 0.27


# ---- who attends to whom in a whole model ----
class Two(torch.nn.Module):
    """A layer upon a layer, the second with a memory."""

    def __init__(self):
        super().__init__()
        self.first, self.second = made(program=program("j <= i")), made()

    def forward(self, x, memory, mask=None):
        return self.second(self.first(x, cache=None), memory, mask=mask)


def test_weights_are_recorded_layer_by_layer():
    model, x, memory = Two(), drawn(BATCH, 4, D_MODEL), drawn(BATCH, SEQ, D_MODEL, seed=1)
    mask = (KEY < LENGTHS[:, None])[:, None, None]
    found = recorded_weights(model, x, memory, mask=mask)
    assert list(found) == ["first", "second"]
    close(found["first"], model.first.weights(x))
    close(found["second"], model.second.weights(model.first(x), memory, mask=mask))
    assert not any(layer._forward_pre_hooks for layer in model.modules())


# ---- hostile input ----
def test_a_query_that_may_attend_to_nothing_gets_the_bias_alone():
    mask = torch.ones(SEQ, SEQ, dtype=torch.bool)
    mask[2] = False
    for bias in (True, False):
        ours, x = made(bias=bias), drawn(BATCH, SEQ, D_MODEL).requires_grad_()
        out = ours(x, mask=mask)
        expected = ours.w_o.bias if bias else torch.zeros(D_MODEL).double()
        assert torch.equal(out[:, 2], expected.expand(BATCH, -1))
        assert (ours.weights(x, mask=mask)[:, :, 2] == 0).all()
        out.sum().backward()
        assert all(a.grad.isfinite().all() for a in (x, *ours.parameters()))


def test_bias_is_in_both_projections_or_in_none():
    for bias in (True, False):
        parts = ["weight", "bias"] if bias else ["weight"]
        names = {name for name, _ in made(bias=bias).named_parameters()}
        assert names == {f"{w}.{part}" for w in ("w_qkv", "w_o") for part in parts}


@pytest.mark.parametrize("batch, n_q, n_k", [(0, 4, 7), (3, 0, 7), (3, 4, 0)])
def test_empty_axes_give_empty_or_zero_outputs(batch, n_q, n_k):
    ours = made(bias=False, rope=True)
    out = ours(drawn(batch, n_q, D_MODEL), drawn(batch, n_k, D_MODEL))
    assert torch.equal(out, torch.zeros(batch, n_q, D_MODEL).double())
    assert ours(drawn(batch, n_q, D_MODEL)).shape == (batch, n_q, D_MODEL)


def test_strided_and_frozen_inputs_are_taken_as_they_are():
    ours, x = made(), drawn(D_MODEL, 2 * SEQ, BATCH).permute(2, 1, 0)[:, ::2]
    kept = x.clone()
    assert not x.is_contiguous()
    close(ours(x), ours(x.contiguous()))
    assert torch.equal(x, kept)
    with torch.inference_mode():
        close(ours(x), ours(kept))


@pytest.mark.parametrize("one", [None, program("j <= i"), program("s - c * abs(i - j)", c=0.3)])
def test_half_precision_and_autocast(one):
    ours, x = made(program=one, rope=True, dtype=torch.float32), drawn(BATCH, SEQ, D_MODEL).float()
    whole = ours(x)
    with torch.autocast("cpu", torch.bfloat16):
        cast = ours(x)
    assert cast.dtype == torch.bfloat16
    half = copy.deepcopy(ours).bfloat16()(x.bfloat16())
    for out in (cast, half):
        torch.testing.assert_close(out.float(), whole, rtol=0, atol=0.02)


def test_far_positions_stay_apart_in_half_precision():
    """bfloat16 cannot tell 256 from 257: angles are computed in float32."""
    ours, x = made(4, 1, rope=True, bias=False, dtype=torch.float32), torch.ones(1, 300, 4)
    ours.w_qkv.weight.data[:8] = 2 * torch.eye(4).repeat(2, 1)  # q = k: it attends to itself most
    weights = ours.bfloat16().weights(x.bfloat16())[0, 0]
    assert torch.equal(weights.argmax(-1), torch.arange(300))


BAD_CALLS = {
    "two axes": (lambda f: f(torch.ones(32, 20)), r"d_model=20: x is \(32, 20\)"),
    "width": (lambda f: f(torch.ones(3, 7, 18)), r"x is \(3, 7, 18\)"),
    "memory": (
        lambda f: f(torch.ones(3, 7, 20), torch.ones(3, 5, 19)),
        r"memory must .*: x is \(3, 7, 20\), memory is \(3, 5, 19\)",
    ),
    "batch": (
        lambda f: f(torch.ones(3, 7, 20), torch.ones(2, 5, 20)),
        r"one batch size: x is \(3, 7, 20\), memory is \(2, 5, 20\)",
    ),
    "mask": (
        lambda f: f(torch.ones(3, 7, 20), mask=torch.ones(3, 7).bool()),
        r"\(\.\.\., 7, 7\).*mask is \(3, 7\)",
    ),
}


@pytest.mark.parametrize("call, words", BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_shapes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(made(dtype=torch.float32))


def test_bad_kinds_are_named():
    ours = made(dtype=torch.float32)
    with pytest.raises(TypeError, match=r"x holds torch.float64, the layer .*32 \(x is \(3, 7, 20"):
        ours(drawn(BATCH, SEQ, D_MODEL))
    with pytest.raises(TypeError, match="x must be a tensor, but it is ndarray"):
        ours(np.ones((3, 7, 20)))
    with pytest.raises(TypeError, match="mask must be boolean"):
        ours(torch.ones(3, 7, 20), mask=torch.ones(7, 7))


@pytest.mark.parametrize(
    "sizes, options, words",
    [
        ((20, 3), {}, "d_model=20, n_heads=3"),
        ((20, 0), {}, "n_heads=0"),
        ((0, 5), {}, "d_model=0"),
        ((20, 5), {"n_kv_heads": 2}, "n_heads=5, n_kv_heads=2"),
        ((20, 5), {"n_kv_heads": 0}, "n_kv_heads=0"),
        ((15, 5), {"rope": True}, "d_k must be even: d_model=15"),
    ],
)
def test_sizes_that_do_not_divide_are_named(sizes, options, words):
    with pytest.raises(ValueError, match=words):
        MultiHeadAttention(*sizes, **options)


def test_what_is_no_program_is_refused():
    with pytest.raises(TypeError, match="made by attn_helpers.program"):
        MultiHeadAttention(20, 5, program="j <= i")
    with pytest.raises(ProgramError, match="for 2 heads, not 5"):
        made(program=per_head([program("s"), program("s")]))(drawn(1, 2, 20))


def test_numpy_definitions_load_without_torch():
    code = (
        "import sys; from attn_helpers.reference import softmax; assert 'torch' not in sys.modules;"
        "from attn_helpers.reference import MultiHeadAttention, __all__ as names;"
        "import attn_helpers.reference as r; assert all(callable(getattr(r, n)) for n in names)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
