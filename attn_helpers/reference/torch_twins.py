"""PyTorch's own layers with our weights, to show that they compute the same.

Both sides hold the same numbers under other names, and torch's layers differ in habits: batches
come second unless one says otherwise, True in a mask means "may not attend", norms come last, and
`nn.Transformer` adds a norm at the end even where each block already ends with one.
"""

from copy import deepcopy
from functools import singledispatch

from torch import nn

from attn_helpers.reference.encoder_decoder import EncoderDecoder
from attn_helpers.reference.multi_head_layer import MultiHeadAttention
from attn_helpers.reference.transformer import Decoder, DecoderBlock, Encoder, EncoderBlock

__all__ = ["torch_twin"]


@singledispatch
def torch_twin(layer):
    """Return torch's counterpart of a layer of ours, with the weights copied.

    Parameters
    ----------
    layer : MultiHeadAttention, EncoderBlock, DecoderBlock, Encoder, Decoder or EncoderDecoder
        Its program is not copied: torch takes masks, and scores to add, in each call. For a mask
        that is ``attn_mask=~mask``.

    Returns
    -------
    nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, \
nn.TransformerEncoder, nn.TransformerDecoder or nn.Transformer
        Batches first, without dropout, in the mode (training or not), dtype and device of `layer`.
        `nn.Transformer` takes vectors, what ``model.source(tokens)`` gives, and gives what goes
        into ``model.logits``.

    Raises
    ------
    TypeError
        If torch has no counterpart.
    ValueError
        If the layer shares keys among heads, or rotates them, which torch's does not.

    References
    ----------
    Derived in 05_2 and 05_3.

    Examples
    --------
    >>> torch_twin(MultiHeadAttention(6, 2)).out_proj
    NonDynamicallyQuantizableLinear(in_features=6, out_features=6, bias=True)
    """
    raise TypeError(f"torch has no layer like {type(layer).__name__}")


@torch_twin.register
def _(layer: MultiHeadAttention):
    if layer.n_kv_heads < layer.n_heads or layer.rope:
        raise ValueError(
            "nn.MultiheadAttention has as many key heads as query heads, and no rope: "
            f"n_heads={layer.n_heads}, n_kv_heads={layer.n_kv_heads}, rope={layer.rope}"
        )
    has_bias = layer.w_o.bias is not None
    twin = nn.MultiheadAttention(
        layer.w_o.in_features, layer.n_heads, bias=has_bias, batch_first=True
    )
    twin.to(layer.w_o.weight)
    weights = {"in_proj_weight": layer.w_qkv.weight, "out_proj.weight": layer.w_o.weight}
    if has_bias:
        weights |= {"in_proj_bias": layer.w_qkv.bias, "out_proj.bias": layer.w_o.bias}
    twin.load_state_dict(weights)
    return twin.train(layer.training)


@torch_twin.register
def _(block: EncoderBlock):
    twin = _block(nn.TransformerEncoderLayer, block)
    twin.norm2 = deepcopy(block.feed_forward.norm)
    return twin


@torch_twin.register
def _(block: DecoderBlock):
    twin = _block(nn.TransformerDecoderLayer, block)
    twin.multihead_attn = torch_twin(block.cross.step)
    twin.norm2, twin.norm3 = deepcopy(block.cross.norm), deepcopy(block.feed_forward.norm)
    return twin


def _block(kind, block):
    """Make what an encoder block and a decoder block have in common."""
    attention, (first, activation, second, _) = block.attention, block.feed_forward.step
    twin = kind(
        first.in_features,
        attention.step.n_heads,
        first.out_features,
        dropout=0.0,
        activation=deepcopy(activation),
        batch_first=True,
        norm_first=attention.norm_first,
    )
    twin.self_attn, twin.norm1 = torch_twin(attention.step), deepcopy(attention.norm)
    twin.linear1, twin.linear2 = deepcopy(first), deepcopy(second)
    return twin.train(block.training)


@torch_twin.register
def _(stack: Encoder):
    return _stack(nn.TransformerEncoder, stack, enable_nested_tensor=False)


@torch_twin.register
def _(stack: Decoder):
    return _stack(nn.TransformerDecoder, stack)


def _stack(kind, stack, **options):
    norm = deepcopy(stack.norm) if isinstance(stack.norm, nn.LayerNorm) else None
    layers = nn.ModuleList(torch_twin(block) for block in stack.blocks)
    twin = kind(layers[0], len(layers), norm, **options)
    twin.layers = layers  # in place of copies of the first
    return twin.train(stack.training)


@torch_twin.register
def _(model: EncoderDecoder):
    attention, none = model.encoder.blocks[0].attention.step, nn.Identity()
    twin = nn.Transformer(
        attention.w_o.in_features,
        attention.n_heads,
        custom_encoder=none,
        custom_decoder=none,
        batch_first=True,
    )
    # Afterwards: nn.Transformer draws the weights of what it is given anew.
    twin.encoder, twin.decoder = torch_twin(model.encoder), torch_twin(model.decoder)
    return twin.train(model.training)
