"""Exercises of chapter 4, a module for each notebook."""

from attn_helpers.checks.ch04.backward_pass import attention_backward
from attn_helpers.checks.ch04.blockwise_attention import blockwise_attention, visited_blocks
from attn_helpers.checks.ch04.case_translation import (
    additive_attention,
    alignment_accuracy,
    greedy,
)
from attn_helpers.checks.ch04.case_vision import (
    attention_pool,
    box_of_mask,
    iou,
    share_in_box,
)
from attn_helpers.checks.ch04.gradients import (
    finite_differences,
    matmul_backward,
    softmax_backward,
)
from attn_helpers.checks.ch04.greatest_entropy import max_entropy_weights
from attn_helpers.checks.ch04.online_softmax import merge, running_sum
from attn_helpers.checks.ch04.the_formula import (
    log_sum_exp,
    score_scale,
    softmax,
)

__all__ = [
    "additive_attention",
    "alignment_accuracy",
    "attention_backward",
    "attention_pool",
    "blockwise_attention",
    "box_of_mask",
    "finite_differences",
    "greedy",
    "iou",
    "log_sum_exp",
    "matmul_backward",
    "max_entropy_weights",
    "merge",
    "running_sum",
    "score_scale",
    "share_in_box",
    "softmax",
    "softmax_backward",
    "visited_blocks",
]
