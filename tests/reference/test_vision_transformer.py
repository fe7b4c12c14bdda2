"""`VisionTransformer` against transformers' ViT with its weights, and what it must refuse."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from attn_helpers.reference import VisionTransformer, to_patches

SIZES = {"side": 12, "size": 4, "n_classes": 7, "d_model": 20, "n_heads": 5, "n_layers": 2}


def made(dtype=torch.float64, **options):
    torch.manual_seed(0)
    model = VisionTransformer(**SIZES | options).to(dtype).eval()
    for p in model.parameters():  # a value of its own for each, so that none stands for another
        nn.init.normal_(p, std=0.3)
    return model


def pictures(channels=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, channels, 12, 12, generator=generator, dtype=dtype)


def tokens_of(model, images):
    """Return what the encoder reads, (batch, seq, d_model)."""
    seen = []
    with model.encoder.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs)):
        model(images)
    return seen[0]


def vit_with_the_weights_of(ours):
    config = ViTConfig(
        image_size=12,
        patch_size=4,
        num_channels=ours.patches.in_channels,
        hidden_size=20,
        intermediate_size=ours.encoder.blocks[0].feed_forward.step[0].out_features,
        num_attention_heads=5,
        num_hidden_layers=2,
        num_labels=7,
        layer_norm_eps=1e-5,
    )
    theirs = ViTForImageClassification(config).to(ours.places.dtype).eval()
    parts = {"embeddings.patch_embeddings.projection": ours.patches, "layernorm": ours.encoder.norm}
    qkv = {}
    for layer, block in enumerate(ours.encoder.blocks):
        attention, feed_forward = block.attention, block.feed_forward
        inside = {
            "layernorm_before": attention.norm,
            "attention.o_proj": attention.step.w_o,
            "layernorm_after": feed_forward.norm,
            "mlp.fc1": feed_forward.step[0],
            "mlp.fc2": feed_forward.step[2],
        }
        parts |= {f"layers.{layer}.{name}": part for name, part in inside.items()}
        for kind, joined in attention.step.w_qkv.named_parameters():
            for name, part in zip("qkv", joined.chunk(3), strict=True):
                qkv[f"vit.layers.{layer}.attention.{name}_proj.{kind}"] = part
    named = {f"vit.{name}": part for name, part in parts.items()} | {"classifier": ours.head}
    state = {f"{name}.{k}": p for name, part in named.items() for k, p in part.named_parameters()}
    state |= {"vit.embeddings.cls_token": ours.token[None, None]}
    state |= {"vit.embeddings.position_embeddings": ours.places[None]}
    theirs.load_state_dict(state | qkv)
    return theirs


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype, close", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_equals_transformers_vit(dtype, close, channels):
    ours, images = made(dtype, channels=channels, d_ff=33), pictures(channels, dtype)
    theirs = vit_with_the_weights_of(ours)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images).logits, rtol=1e-5, atol=close)


def test_patches_are_those_of_to_patches_row_by_row():
    model, images = made(), pictures()
    cut = np.stack([to_patches(image.movedim(0, -1), 4) for image in images])
    weight = model.patches.weight.movedim(1, -1).flatten(1)  # (d_model, size * size * channels)
    wanted = torch.from_numpy(cut) @ weight.T + model.patches.bias + model.places[1:]
    torch.testing.assert_close(tokens_of(model, images)[:, 1:], wanted)


def test_a_pixel_moves_one_token():
    model, images = made(), pictures()
    other = images.clone()
    other[0, 2, 5, 9] += 1  # second row of patches, third column
    moved = (tokens_of(model, images) - tokens_of(model, other)).abs().amax(-1) > 0
    assert moved.nonzero().tolist() == [[0, 1 + 5]]


def test_knows_where_a_patch_stands():
    model, images = made(), pictures()
    swapped = torch.cat([images[..., 4:8], images[..., :4], images[..., 8:]], -1)
    assert (model(images) - model(swapped)).abs().max() > 1e-3
    nn.init.zeros_(model.places)
    torch.testing.assert_close(model(images), model(swapped))


def test_dropout_rests_in_eval():
    model = made(dropout=0.5)
    assert not torch.equal(model.train()(pictures()), model(pictures()))
    assert torch.equal(model.eval()(pictures()), model(pictures()))
    assert (tokens_of(model.train(), pictures()) == 0).any()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"size": 5}, "size must divide side.*side=12, size=5"),
        ({"size": 0}, "size must divide side.*size=0"),
        ({"side": 0}, "size must divide side.*side=0"),
        ({"n_layers": 0}, "n_layers=0"),
        ({"n_heads": 3}, "n_heads must divide d_model.*d_model=20, n_heads=3"),
    ],
)
def test_refuses_sizes_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        VisionTransformer(**SIZES | change)


@pytest.mark.parametrize(
    "shape, message",
    [
        ((2, 3, 12, 8), r"\(batch, channels=3, side=12, side=12\), but images is \(2, 3, 12, 8\)$"),
        ((2, 3, 8, 8), r"images is \(2, 3, 8, 8\)$"),
        ((2, 1, 12, 12), r"images is \(2, 1, 12, 12\)$"),
    ],
)
def test_refuses_images_of_another_shape(shape, message):
    with pytest.raises(ValueError, match=message):
        made()(torch.zeros(shape, dtype=torch.float64))


def test_refuses_another_dtype():
    for dtype in (torch.uint8, torch.float32):  # the weights are float64 here
        with pytest.raises(ValueError, match=f"weights are torch.float64 and the images {dtype}"):
            made()(torch.zeros(2, 3, 12, 12, dtype=dtype))


@pytest.mark.parametrize(
    "shape, remedy",
    [((2, 12, 12, 3), r"images\.movedim\(-1, 1\) puts the channels first$"),
     ((3, 12, 12), r"images\[None\] adds the batch$")],
)  # fmt: skip
def test_says_what_would_help(shape, remedy):
    with pytest.raises(ValueError, match=remedy):
        made()(torch.zeros(shape, dtype=torch.float64))
    axes = (-1, 1) if len(shape) == 4 else None
    images = torch.zeros(shape, dtype=torch.float64)
    made()(images.movedim(*axes) if axes else images[None])


def test_refuses_grey_images_without_their_channel():
    with pytest.raises(ValueError, match=r"images\[:, None\] adds the channel"):
        made(channels=1)(torch.zeros(2, 12, 12, dtype=torch.float64))
