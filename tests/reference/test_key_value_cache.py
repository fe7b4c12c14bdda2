"""`KeyValueCache`: the same outputs as from the whole sequence, in steps of any size."""

import pytest
import torch

from attn_helpers import program
from attn_helpers.programs import ProgramModule
from attn_helpers.reference import Encoder, KeyValueCache, MultiHeadAttention

BATCH, SEQ = 2, 11
RECENCY = program("j <= i") & program("s - slope * abs(i - j)", slope=0.3)
PROGRAMS = {
    "causal": program("j <= i"),
    "window": program("j <= i and i - j <= width", width=3),
    "recency": RECENCY,
    "learnt": ProgramModule(RECENCY),
    "soft cap": program("j <= i") & program("c * s / (c + abs(s))", c=2),  # scores written out
    "documents": program("j <= i and doc[i] == doc[j]", doc=[0] * 4 + [1] * 7),
    "strict": program("j < i"),  # the first token sees nothing
}
STEPS = {"one by one": [1] * 11, "by threes": [3, 3, 3, 2], "prompt": [6, 1, 1, 3], "all": [11]}


def tokens(dtype):
    return torch.randn(BATCH, SEQ, 24, generator=torch.Generator().manual_seed(0), dtype=dtype)


def in_steps(layer, x, sizes, **options):
    return torch.cat([layer(part, **options) for part in x.split(sizes, 1)], 1)


@pytest.mark.parametrize("dtype, close", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("options", [{}, {"rope": True}, {"n_kv_heads": 2, "rope": True}])
@pytest.mark.parametrize("sizes", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("one", PROGRAMS.values(), ids=PROGRAMS)
def test_steps_equal_the_whole(one, sizes, options, dtype, close):
    torch.manual_seed(0)
    layer = MultiHeadAttention(24, 6, program=one, **options).to(dtype)
    x, cache = tokens(dtype), KeyValueCache()
    out = in_steps(layer, x, sizes, cache=cache)
    torch.testing.assert_close(out, layer(x), rtol=0, atol=close)
    assert cache.length == SEQ
    assert cache.k.shape == cache.v.shape == (BATCH, options.get("n_kv_heads", 6), SEQ, 4)


def test_each_block_of_a_stack_has_its_own():
    torch.manual_seed(0)
    stack, x = Encoder(24, 6, 3, program=program("j <= i"), rope=True), tokens(torch.float32)
    caches = stack.new_caches()
    out = in_steps(stack, x, STEPS["prompt"], caches=caches)
    torch.testing.assert_close(out, stack(x), rtol=0, atol=1e-5)
    assert [cache.length for cache in caches] == [SEQ] * 3
    with pytest.raises(ValueError, match="zip"):
        stack(x, caches=caches[:2])


def test_a_mask_counts_the_kept_keys():
    layer, x = MultiHeadAttention(24, 6).double(), tokens(torch.float64)
    keep = torch.arange(SEQ) >= torch.tensor([[0], [4]])  # (batch, n_k): padding at the start
    cache = KeyValueCache()
    layer(x[:, :8], cache=cache)
    out = layer(x[:, 8:], mask=keep[:, None, None], cache=cache)
    torch.testing.assert_close(out, layer(x, mask=keep[:, None, None])[:, 8:])


def test_gradients_pass_through_it():
    layer, x = MultiHeadAttention(24, 6, program=program("j <= i")), tokens(torch.float32)
    whole, steps = layer(x), in_steps(layer, x, STEPS["by threes"], cache=KeyValueCache())
    expected, found = (
        torch.autograd.grad(out.square().sum(), layer.parameters()) for out in (whole, steps)
    )
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_an_old_tensor_is_never_written_into():
    cache, k = KeyValueCache(), torch.ones(1, 2, 3, 4)
    cache.extend(k, k)
    seen = cache.k
    cache.extend(2 * k, 2 * k)
    assert torch.equal(seen, k) and torch.equal(k, torch.ones(1, 2, 3, 4))


def test_another_batch_or_layer_is_refused():
    cache = KeyValueCache()
    MultiHeadAttention(24, 6)(torch.ones(2, 5, 24), cache=cache)
    words = r"cached is \(2, 6, 5, 4\), new is \(3, 6, 1, 4\)"
    with pytest.raises(ValueError, match=words):
        MultiHeadAttention(24, 6)(torch.ones(3, 1, 24), cache=cache)
    with pytest.raises(ValueError, match=r"new is \(2, 2, 1, 12\)"):
        MultiHeadAttention(24, 2)(torch.ones(2, 1, 24), cache=cache)
    with pytest.raises(ValueError, match=r"new is \(2, 6, 1, 2\)"):
        MultiHeadAttention(12, 6)(torch.ones(2, 1, 12), cache=cache)
    with pytest.raises(ValueError, match="without memory"):
        MultiHeadAttention(24, 6)(torch.ones(2, 1, 24), torch.ones(2, 5, 24), cache=cache)
    assert cache.length == 5
