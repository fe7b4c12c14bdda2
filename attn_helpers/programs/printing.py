"""A tree as text that reads back to the same tree, and as a formula."""

import numpy as np

from attn_helpers.programs.tree import COMPARISONS, Call, Item, Name, Number

__all__ = ["latex_of", "plain", "text_of"]

# How tightly each operator binds, loosest first; names, numbers and functions bind tightest.
_LEVELS = (("or",), ("and",), ("not",), COMPARISONS, ("+", "-"), ("*", "/", "//", "%"), ("neg",),
           ("**",))  # fmt: skip
_BINDING = {op: level for level, ops in enumerate(_LEVELS) for op in ops}
_ATOM = len(_LEVELS)


def _least(op, place):
    """How tightly an argument must bind to stand without brackets."""
    level = _BINDING[op]
    if op == "**":
        return _ATOM if place == 0 else _BINDING["neg"]
    if op in ("not", "neg") or (op in ("+", "-", "*", "/", "//", "%") and place == 0):
        return level
    return level + 1


def plain(value):
    """Turn a float, or an array of them, into the plainest Python numbers that equal it.

    >>> plain(3.0), plain(0.25), plain(np.array([0.0, 1.5]))
    (3, 0.25, [0, 1.5])
    """
    if isinstance(value, np.ndarray):
        return [plain(part) for part in (value.tolist() if value.ndim == 1 else value)]
    return int(value) if value.is_integer() and abs(value) < 1e16 else value


def text_of(tree):
    """Write a tree as text, with the fewest brackets.

    >>> from attn_helpers.programs.expr import parse
    >>> text_of(parse("(s) - (slope * (abs((i - j))))"))
    's - slope * abs(i - j)'
    """
    match tree:
        case Number(value):
            return str(plain(value))
        case Name(id):
            return id
        case Item(array, index):
            return f"{array}[{', '.join(index)}]"
    if tree.op not in _BINDING:
        return f"{tree.op}({', '.join(map(text_of, tree.args))})"
    parts = []
    for place, part in enumerate(tree.args):
        text = text_of(part)
        loose = isinstance(part, Call) and _BINDING.get(part.op, _ATOM) < _least(tree.op, place)
        parts.append(f"({text})" if loose else text)
    if tree.op in ("not", "neg"):
        return ("not " if tree.op == "not" else "-") + parts[0]
    return f" {tree.op} ".join(parts)


# ------------------------------------------------------------------------------ formulas

_GREEK = set(
    "alpha beta gamma delta epsilon eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
    .split()
)  # fmt: skip
_LATEX = {
    "or": r"{} \lor {}", "and": r"{} \land {}", "not": r"\lnot {}", "<=": r"{} \le {}",
    ">=": r"{} \ge {}", "==": "{} = {}", "!=": r"{} \ne {}", "*": r"{} \cdot {}",
    "%": r"{} \bmod {}", "neg": "-{}", "**": "{}^{{{}}}", "/": r"\frac{{{}}}{{{}}}",
    "//": r"\left\lfloor \frac{{{}}}{{{}}} \right\rfloor", "abs": r"\left| {} \right|",
    "floor": r"\left\lfloor {} \right\rfloor", "sqrt": r"\sqrt{{{}}}",
    "where": r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
}  # fmt: skip
_ENCLOSING = ("/", "//", "abs", "floor", "sqrt", "where")


def latex_of(tree):
    r"""Write a tree as a formula, without dollar signs.

    >>> from attn_helpers.programs.expr import parse
    >>> print(latex_of(parse("s / tau - abs(i - j)")))
    \frac{s_{ij}}{\tau} - \left| i - j \right|
    """
    match tree:
        case Number(value):
            mantissa, _, power = str(plain(value)).partition("e")
            return rf"{mantissa} \cdot 10^{{{int(power)}}}" if power else mantissa
        case Name("s"):
            return "s_{ij}"
        case Name(id):
            return _symbol(id)
        case Item(array, index):
            return f"{_symbol(array)}_{{{','.join(index)}}}"
    op = tree.op
    parts = [latex_of(part) for part in tree.args]
    if op in _BINDING and op not in _ENCLOSING:
        for place, part in enumerate(tree.args):
            base = op == "**" and place == 0 and not isinstance(part, (Number, Name))
            loose = isinstance(part, Call) and part.op not in _ENCLOSING and (
                _BINDING.get(part.op, _ATOM) < _least(op, place)
            )  # fmt: skip
            if base or (loose and not (op == "**" and place == 1)):
                parts[place] = rf"\left( {parts[place]} \right)"
    if op in ("and", "or"):
        return _LATEX[op].replace("{}", "").join(parts)
    if op in _LATEX:
        return _LATEX[op].format(*parts)
    if op in _BINDING:
        return f"{parts[0]} {op} {parts[1]}"
    return rf"\{op}\left( {', '.join(parts)} \right)"


def _symbol(name):
    """Write a name: Greek letters as such, a number at the end as an index."""
    if name in ("n_q", "n_k"):
        return name
    stem, _, number = name.rpartition("_")
    if stem and number.isdigit():
        return f"{{{_symbol(stem)}}}_{{{number}}}"
    if name in _GREEK:
        return rf"\{name}"
    if len(name) == 1:
        return name
    upright = name.replace("_", r"\_")
    return rf"\mathrm{{{upright}}}"
