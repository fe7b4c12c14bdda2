"""`GPT` against GPT-2 with its weights, and what its cache and its programs must keep to."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from attn_helpers import program
from attn_helpers.reference import GPT
from tests.reference.gpt2_weights import gpt2_state

SIZES = {"d_model": 16, "n_heads": 4, "n_layers": 2}
WINDOW = program("i - j < width", width=16)


def made(dtype=torch.float64, **options):
    torch.manual_seed(0)
    return GPT(50, **SIZES, **options).to(dtype).eval()


def text(batch, seq, seed=0):
    return torch.randint(50, (batch, seq), generator=torch.Generator().manual_seed(seed))


def gpt2_with_the_weights_of(ours):
    config = GPT2Config(vocab_size=50, n_positions=30, n_embd=16, n_layer=2, n_head=4)
    theirs = GPT2LMHeadModel(config).to(ours.tokens.weight.dtype).eval()
    theirs.transformer.load_state_dict(gpt2_state(ours))
    return theirs


def stirred(model):
    """Give every parameter a value of its own, so that none could stand for another."""
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    return model


@pytest.mark.parametrize("dtype, close", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_equals_gpt2(dtype, close):
    ours, tokens = stirred(made(dtype, context=30)), text(3, 30)
    theirs = gpt2_with_the_weights_of(ours)
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=0, atol=close)


def test_starts_as_gpt2_does():
    torch.manual_seed(0)
    ours = GPT(500, d_model=256, n_heads=4, n_layers=8, context=100)
    block = ours.encoder.blocks[0]
    for weight, std in [
        (ours.tokens.weight, 0.02),
        (ours.places.weight, 0.02),
        (block.attention.step.w_qkv.weight, 0.02),
        (block.feed_forward.step[0].weight, 0.02),
        (block.attention.step.w_o.weight, 0.005),  # 0.02 / sqrt(2 * 8)
        (block.feed_forward.step[2].weight, 0.005),
    ]:
        assert weight.std().item() == pytest.approx(std, rel=0.05)
    assert not any(p.any() for name, p in ours.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("restricts", [None, WINDOW], ids=["full", "window"])
@pytest.mark.parametrize("context", [None, 200], ids=["rope", "learnt positions"])
def test_cache_equals_recomputation_for_200_steps(context, restricts):
    model = stirred(made(torch.float32, context=context, program=restricts))
    tokens, caches = text(2, 200), model.encoder.new_caches()
    with torch.no_grad():
        steps = [model(tokens[:, i : i + 1], caches=caches) for i in range(200)]
        torch.testing.assert_close(torch.cat(steps, 1), model(tokens), rtol=0, atol=1e-5)


def test_window_hides_what_is_far():
    model, tokens = stirred(made(program=WINDOW)), text(1, 60)
    other = tokens.clone()
    other[0, 0] = (other[0, 0] + 1) % 50
    with torch.no_grad():
        moved = (model(tokens) - model(other)).abs().amax(-1)[0] > 0
    reach = 2 * 15  # two layers, each up to 15 back
    assert moved[: reach + 1].all()
    assert not moved[reach + 1 :].any()


def test_knows_order_without_learnt_positions():
    model, tokens = stirred(made()), text(1, 5)
    swapped = tokens[:, [1, 0, 2, 3, 4]]
    assert (model(tokens)[:, -1] - model(swapped)[:, -1]).abs().max() > 1e-3


def test_no_token_sees_the_future():
    model, tokens = stirred(made(context=30)), text(1, 30)
    other = torch.cat([tokens[:, :20], text(1, 10, seed=1)], 1)
    assert torch.equal(model(tokens)[:, :20], model(other)[:, :20])
    assert not torch.equal(model(tokens)[:, 20:], model(other)[:, 20:])


def test_last_layer_is_the_first():
    model = made()
    assert not [name for name, _ in model.named_parameters() if "logits" in name]
    model(text(1, 4)).sum().backward()
    unseen = [i for i in range(50) if i not in text(1, 4)]
    assert model.tokens.weight.grad[unseen].any()


def test_refuses_more_than_its_context():
    model = made(context=30)
    with pytest.raises(ValueError, match=r"learnt 30 positions.* has 31: tokens is \(1, 31\)"):
        model(text(1, 31))
    caches = model.encoder.new_caches()
    model(text(1, 30), caches=caches)
    with pytest.raises(ValueError, match=r"has 31: tokens is \(1, 1\), after 30 in the cache"):
        model(text(1, 1), caches=caches)


@pytest.mark.parametrize(
    "tokens",
    [
        torch.zeros(1, 3),
        torch.zeros(3, dtype=int),
        torch.ones(1, 3, dtype=bool),
    ],
)
def test_refuses_what_are_no_tokens(tokens):
    with pytest.raises(ValueError, match="whole numbers of the shape"):
        made()(tokens)


@pytest.mark.parametrize("token, low, high", [(50, 3, 50), (-1, -1, 3)])
def test_refuses_tokens_that_there_are_not(token, low, high):
    with pytest.raises(ValueError, match=f"0 to 49, but these go from {low} to {high}: tokens is"):
        made()(torch.tensor([[3, token]]))


def test_refuses_an_array():
    with pytest.raises(ValueError, match=r"must be a Tensor, not ndarray: tokens is \(1, 3"):
        made()(np.ones((1, 3), int))
