"""Exercises of chapter 2, a module for each notebook."""

from attn_helpers.checks.ch02.attention_programs import (
    distance_bias,
    induction_mask,
    keep_mask,
    prefix_mask,
)
from attn_helpers.checks.ch02.plasticity import (
    delta_write,
    linear_attention,
    program_gradient,
    reward_step,
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
    "delta_write",
    "distance_attention",
    "distance_bias",
    "induction_mask",
    "keep_mask",
    "linear_attention",
    "prefix_mask",
    "program_gradient",
    "reward_step",
    "to_patches",
]
