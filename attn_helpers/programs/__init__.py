"""Attention as a program: one line that runs in NumPy, PyTorch, FlexAttention and the browser."""

from attn_helpers.lazy import loader
from attn_helpers.programs.expr import ProgramError
from attn_helpers.programs.makers import mask_from, per_head, program, program_from_json
from attn_helpers.programs.program import Program

_WITH_TORCH = {"ProgramModule": "module", "torch_attention": "dispatch"}  # loaded at first use
__all__ = [
    "Program",
    "ProgramError",
    "mask_from",
    "per_head",
    "program",
    "program_from_json",
    *_WITH_TORCH,
]

__getattr__ = loader(__name__, _WITH_TORCH)
