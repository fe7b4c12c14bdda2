"""What each operator and function of the language does to torch tensors: NumPy's table, again."""

import math
from functools import cache, reduce

import torch

__all__ = ["operations"]


@cache
def operations(dtype, safe=True):
    """Return a function for each operator, for `tree.evaluate`.

    Parameters
    ----------
    dtype : torch.dtype
        What truth values and written numbers become where they meet other numbers.
    safe : bool, default True
        Whether a gradient of 0 times infinity goes back as 0. What a mask or `where` leaves out
        gets the gradient 0; one infinite derivative behind it, as of log(0), would make it NaN.
    """

    def on_numbers(function):
        def on_numbers(*values):
            values = [value.to(dtype) if value.dtype == torch.bool else value for value in values]
            if safe and any(value.requires_grad for value in values):
                values = torch.broadcast_tensors(*values)  # fresh views, a gradient at each place
                for value in values:
                    if value.requires_grad:
                        value.register_hook(_nan_to_zero)
            return function(*values)

        return on_numbers

    def where(condition, yes, no):
        if yes.dtype != no.dtype:
            yes, no = yes.to(dtype), no.to(dtype)
        return torch.where(condition != 0, yes, no)

    return {op: on_numbers(function) for op, function in _FUNCTIONS.items()} | {
        "number": lambda value: torch.tensor(value, dtype=dtype),
        "and": lambda *values: reduce(torch.logical_and, values),
        "or": lambda *values: reduce(torch.logical_or, values),
        "not": torch.logical_not,
        "where": where,
    }


def _nan_to_zero(gradient):
    if gradient is not None:  # it is None where an operation has none
        return gradient.nan_to_num(nan=0.0, posinf=math.inf, neginf=-math.inf)


def _remainder(a, b):
    """NumPy's remainder, whose zero has the sign of b; torch's has that of a."""
    mod = torch.remainder(a, b)
    return torch.where(b < 0, -(0.0 - mod), mod + 0.0)


_FUNCTIONS = {
    "+": torch.add, "-": torch.sub, "*": torch.mul, "/": torch.div,
    "//": lambda a, b: torch.div(a, b, rounding_mode="floor"), "%": _remainder,
    "**": torch.pow, "neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "log": torch.log,
    "sqrt": torch.sqrt, "floor": torch.floor, "<": torch.lt, "<=": torch.le, ">": torch.gt,
    ">=": torch.ge, "==": torch.eq, "!=": torch.ne,
    "min": lambda *values: reduce(torch.minimum, values),
    "max": lambda *values: reduce(torch.maximum, values),
}  # fmt: skip
