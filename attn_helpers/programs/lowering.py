"""Proving that a score program is factor * s + shift, so that a fast kernel can run it."""

import math

from attn_helpers.programs.operations import constant
from attn_helpers.programs.tree import Call, Name, Number, nodes

__all__ = ["ONE", "S", "ZERO", "linear", "uses"]

ZERO, ONE, S = Number(0.0), Number(1.0), Name("s")


def uses(tree, *names):
    """Tell whether a tree contains one of the names, as itself or as an index."""
    return any(
        getattr(node, "id", None) in names or not set(names).isdisjoint(getattr(node, "index", ()))
        for node in nodes(tree)
    )


def linear(tree):
    """Split a score program into factor * s + shift, both free of s.

    Returns
    -------
    factor, shift : trees, or None where the program cannot be proved to have this form

    Examples
    --------
    >>> from attn_helpers.programs.expr import parse
    >>> from attn_helpers.programs.printing import text_of
    >>> [text_of(part) for part in linear(parse("(s - slope * abs(i - j)) / tau"))]
    ['1 / tau', '-(slope * abs(i - j)) / tau']
    """
    if tree == S:
        return ONE, ZERO
    if not uses(tree, "s"):
        return ZERO, tree
    match tree:
        case Call("neg", (part,)) if split := linear(part):
            return _times(Number(-1.0), split[0]), _negative(split[1])
        case Call("+" | "-" as op, parts) if all(splits := [linear(part) for part in parts]):
            return tuple(_sum(op, *pair) for pair in zip(*splits, strict=True))
        case Call("*", (left, right)):
            factor, part = (left, right) if not uses(left, "s") else (right, left)
            if not uses(factor, "s") and (split := linear(part)):
                return _times(factor, split[0]), _times(factor, split[1])
        case Call("/", (part, divisor)) if not uses(divisor, "s") and (split := linear(part)):
            return tuple(ZERO if half == ZERO else Call("/", (half, divisor)) for half in split)
        case Call("where", (condition, yes, no)) if not uses(condition, "s"):
            if (yes := linear(yes)) and (no := linear(no)):
                shift = _either(condition, yes[1], no[1])
                if _is_masked(yes[1]) or _is_masked(no[1]):  # no factor matters there
                    return (no if _is_masked(yes[1]) else yes)[0], shift
                return _either(condition, yes[0], no[0]), shift
    return None


def _sum(op, left, right):
    if right == ZERO:
        return left
    if left == ZERO:
        return right if op == "+" else _negative(right)
    return Call(op, (left, right))


def _negative(tree):
    return ZERO if tree == ZERO else Call("neg", (tree,))


def _times(left, right):
    if right == ZERO:  # no such term; a left that is 0 may still meet infinity
        return ZERO
    return right if left == ONE else left if right == ONE else Call("*", (left, right))


def _either(condition, yes, no):
    return yes if yes == no else Call("where", (condition, yes, no))


def _is_masked(tree):
    """Tell whether a tree is minus infinity whatever the names stand for: log(0), -1 / 0."""
    return constant(tree) == -math.inf
