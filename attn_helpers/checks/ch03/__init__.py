"""Exercises of chapter 3, a module for each notebook."""

from attn_helpers.checks.ch03.calibration import calibration_error
from attn_helpers.checks.ch03.embeddings import (
    nearest,
    negative_sampling_gradient,
    negative_sampling_loss,
    pair_counts,
)
from attn_helpers.checks.ch03.heads_and_masks import (
    masked_softmax,
    multi_head_attention,
    share_heads,
    split_heads,
)
from attn_helpers.checks.ch03.positions import (
    relative_bias,
    rope,
    shift_matrix,
    sinusoidal_positions,
)
from attn_helpers.checks.ch03.queries_keys_values import (
    additive_scores,
    fold_projections,
    scaled_dot_product_attention,
)
from attn_helpers.checks.ch03.strengths_and_costs import (
    attention_multiply_adds,
    attention_parameters,
    crossover,
    fit_exponent,
)

__all__ = [
    "additive_scores",
    "attention_multiply_adds",
    "attention_parameters",
    "calibration_error",
    "crossover",
    "fit_exponent",
    "fold_projections",
    "masked_softmax",
    "multi_head_attention",
    "nearest",
    "negative_sampling_gradient",
    "negative_sampling_loss",
    "pair_counts",
    "relative_bias",
    "rope",
    "scaled_dot_product_attention",
    "share_heads",
    "shift_matrix",
    "sinusoidal_positions",
    "split_heads",
]
