"""Programs as the functions of FlexAttention."""

import shutil
import warnings

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from attn_helpers import ProgramError, program
from attn_helpers.programs import per_head, torch_attention
from attn_helpers.programs.modes import MODES

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


def qkv(*leading, n_q=40, n_k=40, d=16, device="cpu", dtype=torch.float32):
    rng = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(*leading, n, d, generator=rng) for n in (n_q, n_k, n_k))
    return (x.to(device, dtype) for x in (q, k, v))


DOC = torch.tensor([0] * 13 + [1] * 20 + [2] * 7)
PREFIX = torch.tensor([3, 9])
# The mods of PyTorch's "FlexAttention: The Flexibility of PyTorch with the Performance of
# FlashAttention" (2024), beside the programs that say the same.
MASKS = {
    "j <= i": lambda b, h, i, j: i >= j,
    "j <= i and i - j <= 8": lambda b, h, i, j: (i >= j) & (i - j <= 8),
    "doc[i] == doc[j] and j <= i": lambda b, h, i, j: (DOC[i] == DOC[j]) & (i >= j),
    "j <= prefix[b] or j <= i": lambda b, h, i, j: (j <= PREFIX[b]) | (i >= j),
}
SCORES = {
    "s + (i - j)": lambda s, b, h, i, j: s + (i - j),
    "s + (j - i) * 2 ** (-8 * (h + 1) / 4)": lambda s, b, h, i, j: (
        s + (j - i) * torch.exp2(-((h + 1) * 8.0 / 4))
    ),
    "20 * (1 - 2 / (exp(2 * s / 20) + 1))": lambda s, b, h, i, j: 20 * torch.tanh(s / 20),
}


def values(text):
    return {name: x for name, x in {"doc": DOC, "prefix": PREFIX}.items() if name in text}


@pytest.mark.parametrize("text", MASKS)
def test_masks_are_those_of_the_documentation(text):
    one = program(text, **values(text))
    assert one.score_mod() is None
    sizes = {"n_heads": 4, "batch": 2}
    expected = create_block_mask(MASKS[text], 2, 4, 40, 40, device="cpu")
    seen = one.block_mask(40, 40, **sizes)
    assert torch.equal(seen.to_dense(), expected.to_dense())
    i, j = torch.arange(40)[:, None], torch.arange(40)
    for b, h in ((0, 0), (1, 3)):
        at = torch.tensor(b), torch.tensor(h), i, j
        assert torch.equal(one.mask_mod()(*at).expand(40, 40), MASKS[text](*at))
    q, k, v = qkv(2, 4)
    by_hand = flex_attention(q, k, v, block_mask=expected)
    assert torch.equal(flex_attention(q, k, v, block_mask=seen), by_hand)
    torch.testing.assert_close(torch_attention(q, k, v, program=one), by_hand)


@pytest.mark.parametrize("text", SCORES)
def test_scores_are_those_of_the_documentation(text):
    one = program(text)
    assert one.mask_mod() is None and one.block_mask(40, 40) is None
    q, k, v = qkv(2, 4)
    by_hand = flex_attention(q, k, v, score_mod=SCORES[text])
    torch.testing.assert_close(flex_attention(q, k, v, score_mod=one.score_mod()), by_hand)
    torch.testing.assert_close(torch_attention(q, k, v, program=one), by_hand)


def test_a_mask_of_scores_is_a_change_of_scores():
    one = program("s > 0") & program("j <= i") & program("s / tau", tau=0.5)
    assert one.mask_mod() is None and one.block_mask(9, 9) is None
    q, k, v = qkv(2, n_q=9, n_k=9)
    out = flex_attention(q[None], k[None], v[None], score_mod=one.score_mod())[0]
    torch.testing.assert_close(out, torch_attention(q, k, v, program=one))


def test_the_first_position_and_sizes_reach_the_functions():
    one = program("j <= i") & program("s - j / n_k + i / n_q")
    with pytest.raises(ProgramError, match="uses n_k: give it, n_k="):
        one.score_mod()
    q, k, v = qkv(1, 2, n_q=3, n_k=9)
    at = {"q_start": 6, "n_q": 3, "n_k": 9}
    blocks = one.block_mask(3, 9, q_start=6)
    out = flex_attention(q, k, v, one.score_mod(**at), blocks)
    torch.testing.assert_close(out, torch_attention(q, k, v, program=one, q_start=6))
    with pytest.raises(ProgramError, match="3 heads, not 2"):
        per_head([one] * 3).block_mask(3, 9, n_heads=2)


@pytest.mark.parametrize(
    "text",
    [
        "(i - j) * 0.1 <= 0.3",
        "i * 0.1 + j * 0.2 == 0.3",
        "i * 0.3 // 0.1 > j",
        "floor(i / 3 * 3) == j",
        "(i - j) % 0.3 < 0.15",
        "mark[i] - mark[j] >= 0.1",
        "abs(i - j) * reach <= 0.3",
        "where(i * 0.1 - 0.3, j < 3, j > 3)",
        "not i * 0.1 - 0.3",
        "i * j == 16777217 - j * j",
    ],
)
def test_ties_fall_as_in_numpy(text):
    given = {"mark": torch.arange(40) * 0.1, "reach": 0.1}
    one = program(text, **{name: x for name, x in given.items() if name in text})
    expected = torch.from_numpy(one.allowed(40, 40))
    i, j, zero = torch.arange(40)[:, None], torch.arange(40), torch.tensor(0)
    assert torch.equal(one.mask_mod()(zero, zero, i, j).expand(40, 40), expected)
    scored = program(f"s + ({text})", **{x: y for x, y in given.items() if x in text})
    new = scored.score_mod()(torch.zeros(40, 40), zero, zero, i, j)
    assert new.dtype == torch.float32 and torch.equal(new, expected.float())


def test_whole_numbers_stay_in_float32():
    """float64 is slow on most GPUs, so that only what needs it is computed in it."""
    seen = set()

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            seen.update([out.dtype] if isinstance(out, torch.Tensor) else [])
            return out

    at = torch.tensor(0), torch.tensor(0), torch.arange(9)[:, None], torch.arange(9)
    for mode in MODES.values():
        one = mode.program()
        if mask := one.mask_mod():
            with Watch():
                mask(*at)
        if score := one.score_mod():
            with Watch():
                score(torch.zeros(9, 9), *at)
    assert torch.float32 in seen and torch.float64 not in seen
    inexact = program("i * 0.1 <= j").mask_mod()
    with Watch():
        inexact(*at)
    assert torch.float64 in seen


@pytest.mark.parametrize("one", [program("s - j") & program("j <= i"), program("s * s")])
def test_runs_as_torch_runs_it_and_without_its_warning(one):
    q, k, v = qkv(2, n_q=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out, reason = torch_attention(q, k, v, program=one, backend="flex", explain=True)
    assert reason.startswith("flex")
    torch.testing.assert_close(out, torch_attention(q, k, v, program=one, backend="eager"))


@pytest.mark.skipif(not shutil.which("g++"), reason="no g++: FlexAttention is not compiled")
def test_compiled_it_equals_dense_and_other_numbers_need_no_compiling():
    """The compiled kernel, forward; a minute the first time."""
    compiled = torch.compile(flex_attention)
    shapes = program("j <= i") & program("where((i - j) * 0.1 <= 0.3, s, s / tau - slope * j)",
                                         tau=2, slope=0.1)  # fmt: skip
    q, k, v = qkv(2, 4)
    for number, one in enumerate([shapes, shapes.replace(tau=0.7), shapes.replace(slope=2)]):
        dense = torch_attention(q, k, v, program=one, backend="eager")
        with torch.compiler.set_stance("fail_on_recompile" if number else "default"):
            out = compiled(q, k, v, one.score_mod(), one.block_mask(40, 40))
        assert (out - dense).abs().max() < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: FlexAttention's backward")
def test_on_a_gpu_it_trains_and_auto_takes_it_for_long_sequences():
    window = program("j <= i") & program("i - j <= 64") & program("s - slope * (i - j)", slope=0.1)
    q, k, v = (x.requires_grad_() for x in qkv(1, 2, n_q=2048, n_k=2048, d=64, device="cuda"))
    grads = {}
    for backend in ("eager", "sdpa", "flex", "auto"):
        out, reason = torch_attention(q, k, v, program=window, backend=backend, explain=True)
        grads[backend] = torch.autograd.grad(out.square().sum(), (q, k, v))
        for seen, expected in zip(grads[backend], grads["eager"], strict=True):
            torch.testing.assert_close(seen, expected, atol=5e-3, rtol=5e-3)
    assert reason.startswith("flex")
    bad = program("s + log(i - j)")
    with pytest.raises(ProgramError, match="nan|inf"):
        torch_attention(q, k, v, program=bad, backend="flex")
