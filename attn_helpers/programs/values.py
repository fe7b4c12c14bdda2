"""The values that a program is given: a number or an array for each name."""

import numpy as np

from attn_helpers.arguments import finite_array
from attn_helpers.programs.expr import ProgramError

__all__ = ["array", "number"]


def number(name, value):
    """Turn a value into a finite float, or raise a `ProgramError` that names it."""
    try:
        value = float(value) if isinstance(value, int) else value  # NumPy takes none beyond 2**64
        return float(finite_array(name, value, ndim=0))
    except (TypeError, ValueError, OverflowError) as error:
        hint = f" (an array is used as {name}[i] or {name}[j])" if np.ndim(value) else ""
        raise ProgramError(f"{error}{hint}") from None


def array(name, value):
    """Turn a value into a finite array that nobody can write into."""
    try:
        held = finite_array(name, value).astype(float)
    except (TypeError, ValueError) as error:
        raise ProgramError(str(error)) from None
    if not held.ndim:
        raise ProgramError(f"{name} is indexed, but it is one number")
    held.setflags(write=False)
    return held
