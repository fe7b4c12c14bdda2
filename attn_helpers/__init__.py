"""Helpers of the course Programmable Attention.

`import attn_helpers` needs NumPy alone and stays fast. What needs torch, Matplotlib or ipywidgets
loads at first use.

>>> from attn_helpers import attention
>>> out, weights = attention([[1.0]], [[0.0], [0.0]], [[2.0], [4.0]])
>>> out, weights
(array([[3.]]), array([[0.5, 0.5]]))
"""

import importlib

from attn_helpers.programs import ProgramError, program
from attn_helpers.reference.attention import attention

__version__ = "0.1.0"
_SUBPACKAGES = {
    "checks",
    "claims",
    "data",
    "device",
    "diagnostics",
    "plots",
    "probes",
    "reference",
    "widgets",
}
__all__ = ["ProgramError", "attention", "program", *sorted(_SUBPACKAGES)]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"attn_helpers.{name}")
    raise AttributeError(f"module 'attn_helpers' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
