"""Blocks and stacks against `nn.Transformer`'s, with the weights copied by `torch_twin`."""

import pytest
import torch
from torch import nn

from attn_helpers import ProgramError, probes, program
from attn_helpers.programs import ProgramModule
from attn_helpers.reference import (
    Decoder,
    DecoderBlock,
    Encoder,
    EncoderBlock,
    recorded_weights,
    torch_twin,
)

BATCH, N_SOURCE, N_TARGET, D_MODEL, N_HEADS = 3, 7, 5, 12, 2
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-10}
KEEP = torch.arange(N_SOURCE) < torch.tensor([7, 4, 5])[:, None]  # (batch, n_source)
FUTURE = torch.ones(N_TARGET, N_TARGET).triu(1).bool()  # as torch has it: True may not attend


def drawn(n, dtype=torch.float64, seed=0):
    numbers = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, n, D_MODEL, generator=numbers, dtype=dtype)


def made(kind, *sizes, dtype=torch.float64, **options):
    """Make a part whose norms are not all ones, and whose biases are not zero."""
    torch.manual_seed(0)
    part = kind(D_MODEL, N_HEADS, *sizes, **options).to(dtype)
    for module in part.modules():
        if isinstance(module, nn.LayerNorm):
            for numbers in module.parameters():
                nn.init.normal_(numbers, mean=1, std=0.3)
    return part


def same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=CLOSE[found.dtype])


# ---- the same numbers as PyTorch ----
OPTIONS = [
    {"norm_first": True},
    {"norm_first": False},
    {"norm_first": True, "bias": False},
    {"norm_first": False, "activation": nn.GELU, "eps": 0.01},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("kind, sizes", [(EncoderBlock, (30,)), (Encoder, (3,))])
def test_an_encoder_equals_torch(kind, sizes, dtype, options):
    ours, x = made(kind, *sizes, dtype=dtype, **options), drawn(N_SOURCE, dtype)
    twin = torch_twin(ours)
    same(ours(x), twin(x))
    masked = ours(x, mask=KEEP[:, None, None])
    same(masked, twin(x, src_key_padding_mask=~KEEP))
    assert (masked - ours(x)).abs().max() > 0.01


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("kind, sizes", [(DecoderBlock, (30,)), (Decoder, (3,))])
def test_a_decoder_equals_torch_and_is_causal(kind, sizes, dtype, options):
    ours = made(kind, *sizes, dtype=dtype, **options)
    x, memory = drawn(N_TARGET, dtype), drawn(N_SOURCE, dtype, seed=1)
    twin = torch_twin(ours)
    same(ours(x, memory), twin(x, memory, tgt_mask=FUTURE))
    masked = ours(x, memory, memory_mask=KEEP[:, None, None])
    same(masked, twin(x, memory, tgt_mask=FUTURE, memory_key_padding_mask=~KEEP))
    assert (masked - ours(x, memory)).abs().max() > 0.01
    kept = KEEP[:, None, None, :N_TARGET]
    expected = twin(x, memory, tgt_mask=FUTURE, tgt_key_padding_mask=~KEEP[:, :N_TARGET])
    same(ours(x, memory, mask=kept), expected)


@pytest.mark.parametrize("options", OPTIONS)
def test_blocks_equal_torch_layers_made_by_hand(options):
    """A twin takes the block's own settings; here they are written out a second time."""
    theirs = {"norm_first": options["norm_first"], "bias": options.get("bias", True)}
    theirs |= {"activation": "gelu", "layer_norm_eps": 0.01} if "eps" in options else {}
    theirs |= {"dropout": 0.0, "batch_first": True, "dtype": torch.float64}
    x, memory = drawn(N_TARGET), drawn(N_SOURCE, seed=1)
    encodes, decodes = (made(kind, **options) for kind in (EncoderBlock, DecoderBlock))
    encoder = nn.TransformerEncoderLayer(D_MODEL, N_HEADS, 4 * D_MODEL, **theirs)
    decoder = nn.TransformerDecoderLayer(D_MODEL, N_HEADS, 4 * D_MODEL, **theirs)
    encoder.load_state_dict(torch_twin(encodes).state_dict())
    decoder.load_state_dict(torch_twin(decodes).state_dict())
    same(encodes(x), encoder(x))
    same(decodes(x, memory), decoder(x, memory, tgt_mask=FUTURE))


@pytest.mark.parametrize("norm_first", [True, False])
def test_gradients_equal_those_of_torch(norm_first):
    ours, weigh = made(Decoder, 2, norm_first=norm_first), drawn(N_TARGET, seed=2)
    x, memory = drawn(N_TARGET).requires_grad_(), drawn(N_SOURCE, seed=1).requires_grad_()
    twin = torch_twin(ours)
    found, expected = (
        torch.autograd.grad((out * weigh).sum(), (x, memory))
        for out in (ours(x, memory), twin(x, memory, tgt_mask=FUTURE))
    )
    for a, b in zip(found, expected, strict=True):
        same(a, b)


def test_norm_first_ends_with_a_norm_and_norm_last_does_not():
    """`nn.Transformer` adds one to both; a twin does not."""
    assert isinstance(Encoder(12, 4, 2, norm_first=True).norm, nn.LayerNorm)
    assert isinstance(Encoder(12, 4, 2, norm_first=False).norm, nn.Identity)
    out = Encoder(12, 4, 2)(drawn(N_SOURCE, torch.float32))
    torch.testing.assert_close(out.mean(-1), torch.zeros(BATCH, N_SOURCE), rtol=0, atol=1e-5)


# ---- what torch's have not ----
def test_a_block_takes_what_its_attention_takes():
    one = program("j <= i") & program("s - slope * abs(i - j)", slope=0.3)
    block = made(EncoderBlock, n_kv_heads=1, program=ProgramModule(one))
    plain = made(EncoderBlock, n_kv_heads=1, program=one)
    x = drawn(N_SOURCE)
    torch.testing.assert_close(block(x), plain(x), rtol=0, atol=1e-6)
    assert "attention.step.program.slope" in block.state_dict()
    for kind, inputs in ((EncoderBlock, (x,)), (DecoderBlock, (x, x))):
        assert (made(kind, rope=True)(*inputs) - made(kind)(*inputs)).abs().max() > 0.01
        assert made(kind, n_kv_heads=1).attention.step.n_kv_heads == 1


def test_a_decoder_stays_causal_under_a_program():
    ours = made(DecoderBlock, program=program("abs(i - j) <= 1"))
    x, memory = drawn(N_TARGET), drawn(N_SOURCE, seed=1)
    far = torch.ones(N_TARGET, N_TARGET).tril(-2).bool()
    same(ours(x, memory), torch_twin(ours)(x, memory, tgt_mask=FUTURE | far))
    with pytest.raises(ProgramError, match="not with ProgramModule"):
        DecoderBlock(12, 2, program=ProgramModule(program("s / tau", tau=2)))


def test_probes_pass_on_stacks():
    encoder, decoder = made(Encoder, 2), made(Decoder, 2)
    x, memory = drawn(N_SOURCE), drawn(N_SOURCE, seed=1)
    generator = made(Encoder, 2, program=program("j <= i"), rope=True)
    found = [
        probes.permutation(lambda q, k, v: encoder(q), x, x, x),
        probes.padding_leak(lambda x, keep: encoder(x, mask=keep[:, None, None]), x),
        probes.batch_mixing(encoder, x),
        probes.future_leak(generator, x),
        probes.future_leak(lambda x: decoder(x, memory), x),
        probes.batch_mixing(lambda x: decoder(x, memory), x),
        probes.batch_mixing(lambda memory: decoder(x, memory), memory),
        probes.in_place(decoder, x, memory),
    ]
    assert all(finding.passed for finding in found), found
    same(decoder(x, memory.flip(1)), decoder(x, memory))  # a memory has no order


def test_dropout_is_in_every_step_and_for_training_alone():
    ours = made(DecoderBlock, dropout=0.5)
    x, memory = drawn(N_TARGET), drawn(N_SOURCE, seed=1)
    same(ours.eval()(x, memory), made(DecoderBlock)(x, memory))
    ours.train()
    for step, inputs in (
        (ours.attention.step, (x,)),
        (ours.cross.step, (x, memory)),
        (ours.feed_forward.step, (x,)),
    ):
        assert 0.3 < (step(*inputs) == 0).double().mean() < 0.7


def test_weights_of_every_layer_have_names():
    decoder, x, memory = made(Decoder, 2), drawn(N_TARGET), drawn(N_SOURCE, seed=1)
    found = recorded_weights(decoder, x, memory)
    steps = [f"blocks.{n}.{step}.step" for n in (0, 1) for step in ("attention", "cross")]
    assert list(found) == steps
    assert [found[name].shape[-1] for name in steps] == [N_TARGET, N_SOURCE] * 2
    with pytest.raises(ValueError, match="blocks.0.attention.step has a cache"):
        recorded_weights(decoder, x, memory, caches=decoder.new_caches())
    assert not any(module._forward_pre_hooks for module in decoder.modules())


# ---- hostile input ----
def test_bad_input_is_named():
    with pytest.raises(ValueError, match="n_layers=0"):
        Encoder(12, 4, 0)
    with pytest.raises(ValueError, match="d_model=12, n_heads=5"):
        EncoderBlock(12, 5)
    with pytest.raises(TypeError, match="heads"):
        EncoderBlock(12, 4, heads=3)
    with pytest.raises(ValueError, match=r"x is \(3, 5, 12\), memory is \(3, 7, 13\)"):
        Decoder(12, 4, 1)(torch.ones(3, 5, 12), torch.ones(3, 7, 13))
    with pytest.raises(ValueError, match=r"x is \(3, 5, 13\)"):
        Encoder(12, 4, 1, norm_first=False)(torch.ones(3, 5, 13))
