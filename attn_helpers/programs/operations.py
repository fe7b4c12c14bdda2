"""What each operator and function of the language does to NumPy arrays, in one table."""

from functools import reduce

import numpy as np

from attn_helpers.programs.tree import Call, Number, evaluate, nodes

__all__ = ["NUMPY", "constant"]


def _on_numbers(function):
    """Let truth values count as 0 and 1: on them alone NumPy's + would mean or."""

    def on_numbers(*values):
        return function(*(np.asarray(value, float) if value.dtype == bool else value
                          for value in values))  # fmt: skip

    return on_numbers


def _where(condition, yes, no):
    if yes.dtype != no.dtype:
        yes, no = yes * 1.0, no * 1.0
    return np.where(condition != 0, yes, no)


_FUNCTIONS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "//": np.floor_divide,
    "%": np.remainder, "**": np.power, "neg": np.negative, "abs": np.abs, "exp": np.exp,
    "log": np.log, "sqrt": np.sqrt, "floor": np.floor, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip

NUMPY = {op: _on_numbers(function) for op, function in _FUNCTIONS.items()} | {
    "number": np.float64,
    "min": _on_numbers(lambda *values: reduce(np.minimum, values)),
    "max": _on_numbers(lambda *values: reduce(np.maximum, values)),
    "and": lambda *values: reduce(np.logical_and, values),
    "or": lambda *values: reduce(np.logical_or, values),
    "not": np.logical_not,
    "where": _where,
}


def constant(tree):
    """Return the value of a tree without names, a float, or None if it has some."""
    if not all(isinstance(node, (Number, Call)) for node in nodes(tree)):
        return None
    with np.errstate(all="ignore"):
        return float(evaluate(tree, {}, NUMPY))
