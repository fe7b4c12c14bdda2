"""Exercises of chapter 5, a module for each notebook."""

from attn_helpers.checks.ch05.environment import (
    attainable,
    held_out,
    intensity,
    two_orders,
)
from attn_helpers.checks.ch05.multi_head_attention import (
    attn_mask,
    continue_from_cache,
    fuse,
)
from attn_helpers.checks.ch05.pretrained_encoder import (
    fewest_pieces,
    mean_pool,
    reciprocal_rank,
)
from attn_helpers.checks.ch05.transformer import (
    adamw_step,
    post_norm_block,
    rms_norm,
    smoothed_loss,
)

__all__ = [
    "adamw_step",
    "attainable",
    "attn_mask",
    "continue_from_cache",
    "fewest_pieces",
    "fuse",
    "held_out",
    "intensity",
    "mean_pool",
    "post_norm_block",
    "reciprocal_rank",
    "rms_norm",
    "smoothed_loss",
    "two_orders",
]
