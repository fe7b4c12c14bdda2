"""Exercises of chapter 2, a module for each notebook."""

from attn_helpers.checks.ch02.attention_programs import (
    distance_bias,
    induction_mask,
    keep_mask,
    prefix_mask,
)
from attn_helpers.checks.ch02.three_steps import (
    attention_weights,
    cosine_weights,
    distance_attention,
    to_patches,
)

__all__ = [
    "attention_weights",
    "cosine_weights",
    "distance_attention",
    "distance_bias",
    "induction_mask",
    "keep_mask",
    "prefix_mask",
    "to_patches",
]
