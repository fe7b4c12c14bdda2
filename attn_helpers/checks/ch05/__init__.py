"""Exercises of chapter 5, a module for each notebook."""

from attn_helpers.checks.ch05.environment import (
    attainable,
    held_out,
    intensity,
    two_orders,
)
from attn_helpers.checks.ch05.image_classification import (
    answer_map,
    cut_patches,
    move,
)
from attn_helpers.checks.ch05.more_than_one_machine import (
    bytes_kept,
    ring_cost,
    whole_gradient,
)
from attn_helpers.checks.ch05.multi_head_attention import (
    attn_mask,
    continue_from_cache,
    fuse,
)
from attn_helpers.checks.ch05.on_the_gpu import (
    count_blocks,
    loss_scales,
    to_bfloat16,
)
from attn_helpers.checks.ch05.pretrained_encoder import (
    fewest_pieces,
    mean_pool,
    reciprocal_rank,
)
from attn_helpers.checks.ch05.text_generation import (
    bits_per_character,
    nucleus,
    window_cache,
)
from attn_helpers.checks.ch05.transformer import (
    adamw_step,
    post_norm_block,
    rms_norm,
    smoothed_loss,
)

__all__ = [
    "adamw_step",
    "answer_map",
    "attainable",
    "attn_mask",
    "bits_per_character",
    "bytes_kept",
    "continue_from_cache",
    "count_blocks",
    "cut_patches",
    "fewest_pieces",
    "fuse",
    "held_out",
    "intensity",
    "loss_scales",
    "mean_pool",
    "move",
    "nucleus",
    "post_norm_block",
    "reciprocal_rank",
    "ring_cost",
    "rms_norm",
    "smoothed_loss",
    "to_bfloat16",
    "two_orders",
    "whole_gradient",
    "window_cache",
]
