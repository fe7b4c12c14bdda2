"""Softmax, written out, so that no check leans on what it checks."""

import numpy as np

__all__ = ["softmax"]


def softmax(scores, axis=-1):
    """Turn scores into weights that sum to one along an axis."""
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
