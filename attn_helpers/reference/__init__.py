"""The reference: one definition for each concept, as finished in the chapter that derives it."""

from attn_helpers.reference.attention import attention
from attn_helpers.reference.kernel import kernel_regression
from attn_helpers.reference.softmax import softmax

__all__ = ["attention", "kernel_regression", "softmax"]
