"""The reference: one definition for each concept, as finished in the chapter that derives it."""

from attn_helpers.lazy import loader
from attn_helpers.reference.additive import additive_scores
from attn_helpers.reference.attention import attention
from attn_helpers.reference.attention_backward import attention_backward
from attn_helpers.reference.blockwise_attention import blockwise_attention
from attn_helpers.reference.fast_weights import (
    equiangular_keys,
    fast_weight_attention,
    fast_weight_write,
)
from attn_helpers.reference.kernel import kernel_regression
from attn_helpers.reference.kneser_ney import KneserNey
from attn_helpers.reference.multi_head_attention import (
    merge_heads,
    multi_head_attention,
    split_heads,
)
from attn_helpers.reference.patches import from_patches, to_patches
from attn_helpers.reference.positions import alibi_slopes, rope, sinusoidal_positions
from attn_helpers.reference.softmax import softmax

_WITH_TORCH = {  # loaded at first use
    "Decoder": "transformer",
    "DecoderBlock": "transformer",
    "Encoder": "transformer",
    "EncoderBlock": "transformer",
    "EncoderDecoder": "encoder_decoder",
    "GPT": "gpt",
    "KeyValueCache": "key_value_cache",
    "MultiHeadAttention": "multi_head_layer",
    "NumpyGPT": "numpy_gpt",
    "SentenceEncoder": "sentence_encoder",
    "VisionTransformer": "vision_transformer",
    "generate": "generation",
    "next_token_probabilities": "generation",
    "recorded_weights": "multi_head_layer",
    "torch_twin": "torch_twins",
}
__all__ = [
    "KneserNey",
    "additive_scores",
    "alibi_slopes",
    "attention",
    "attention_backward",
    "blockwise_attention",
    "equiangular_keys",
    "fast_weight_attention",
    "fast_weight_write",
    "from_patches",
    "kernel_regression",
    "merge_heads",
    "multi_head_attention",
    "rope",
    "sinusoidal_positions",
    "softmax",
    "split_heads",
    "to_patches",
    *_WITH_TORCH,
]

__getattr__ = loader(__name__, _WITH_TORCH)
