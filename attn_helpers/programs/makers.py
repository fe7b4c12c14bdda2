"""The ways to make a program: from a text, from one for each head, from a mask, from JSON."""

import difflib
import json
import re

from attn_helpers.arguments import boolean_array
from attn_helpers.programs.expr import BUILT_IN, FUNCTIONS, ProgramError, parse
from attn_helpers.programs.lowering import S
from attn_helpers.programs.program import Program, apart
from attn_helpers.programs.tree import Call, Item, Name, Number, is_truth, name_of, nodes
from attn_helpers.programs.values import array, number

__all__ = ["mask_from", "per_head", "program", "program_from_json"]

EVERY_KEY = Call("==", (Number(0.0), Number(0.0)))


def program(text, /, **values):
    """Make a program out of one expression.

    Parameters
    ----------
    text : str
        A comparison, or what `and`, `or` and `not` make of comparisons, is a mask: it is true
        where a query may attend. Any other expression is the new score. It may use `s`, the
        scaled score; `i` and `j`, the positions of query and key; `h`, the head; `b`, the
        example of the batch; `n_q` and `n_k`; the functions abs, exp, log, sqrt, floor, min, max
        and where; and names of your own.
    **values : float or array-like
        A number for each name, or an array for each name that is indexed, as in
        ``doc[i] == doc[j]`` or ``doc[b, i]``.

    Returns
    -------
    Program

    Raises
    ------
    ProgramError
        If the text is not in the language, a name has no value, or a value has no name.

    Examples
    --------
    >>> near = program("abs(i - j) <= width", width=1)
    >>> near.allowed(2, 3)
    array([[ True,  True, False],
           [ True,  True,  True]])
    >>> near & program("s - slope * abs(i - j)", slope=0.5)
    program("abs(i - j) <= width", width=1) & program("s - slope * abs(i - j)", slope=0.5)
    """
    return _made({"mask" if is_truth(tree := parse(text)) else "score": (text, tree)}, values)


def program_from_json(text):
    """Read a program that `Program.to_json` has written.

    Raises
    ------
    ProgramError
        If the text is not such a program; nothing else, whatever the text.
    """
    try:
        fields = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ProgramError(f"this is not JSON: {error}") from None
    known = {"mask": str, "score": str, "numbers": dict, "arrays": dict, "n_heads": int}
    if not isinstance(fields, dict) or not all(
        type(field) is known.get(name) for name, field in fields.items()
    ):
        kinds = ", ".join(f"{name} ({kind.__name__})" for name, kind in known.items())
        raise ProgramError(f"a program in JSON is an object of {kinds}")
    trees = {
        part: (fields[part], parse(fields[part])) for part in ("mask", "score") if part in fields
    }
    for part, (text, tree) in trees.items():
        if is_truth(tree) != (part == "mask"):
            raise ProgramError(f"this is not a {part}: {text}")
    values = fields.get("numbers", {}) | fields.get("arrays", {})
    if fields.get("n_heads", 1) < 1:
        raise ProgramError("n_heads is at least 1")
    if not trees or len(values) < len(fields.get("numbers", {})) + len(fields.get("arrays", {})):
        raise ProgramError("a program has a mask or a score, and a name is a number or an array")
    return _made(trees, values, fields.get("n_heads"))


def mask_from(*, keep=None, drop=None, axes=None):
    """Make a mask program out of a boolean array, in either of the two conventions.

    Parameters
    ----------
    keep : boolean array-like
        True where a query may attend, as for `attention` and PyTorch's SDPA.
    drop : boolean array-like
        True where it may not, as for `nn.MultiheadAttention` (attn_mask, key_padding_mask).
    axes : str, optional
        What the axes of the array count, a letter each out of ``b h i j``: "bj" for padding of
        shape (batch, n_k). By default "j", "ij", "hij" or "bhij", as the array has 1 to 4 axes.

    Returns
    -------
    Program

    Examples
    --------
    >>> mask_from(drop=[False, False, True]).allowed(1, 3)
    array([[ True,  True, False]])
    """
    if (keep is None) == (drop is None):
        raise ProgramError("give either keep, True where a query may attend, or drop, the opposite")
    table = boolean_array("keep", keep) if drop is None else ~boolean_array("drop", drop)
    axes = {1: "j", 2: "ij", 3: "hij", 4: "bhij"}.get(table.ndim) if axes is None else axes
    if axes is None or len(axes) != table.ndim or not set(axes) <= set("bhij"):
        raise ProgramError(f"axes must name each axis by b, h, i or j: {axes!r} for {table.shape}")
    return program(f"keep[{', '.join(axes)}] == 1", keep=table)


def per_head(programs):
    """Make one program out of one for each head.

    Examples
    --------
    >>> per_head([program("j <= i"), program("abs(i - j) <= width", width=2)])
    program("where(h == 0, j <= i, abs(i - j) <= width)", width=2)
    """
    programs = list(programs) if isinstance(programs, (list, tuple)) else []
    if not programs or not all(isinstance(one, Program) for one in programs):
        raise ProgramError("per_head takes a list of programs, one for each head")
    if any(one.n_heads for one in programs):
        raise ProgramError("a program made by per_head cannot be the program of one head")
    parts, numbers, arrays = [], {}, {}
    for one in programs:
        parts.append(apart(one, numbers, arrays))
        numbers |= parts[-1].numbers
        arrays |= parts[-1].arrays
    mask = _by_head([part.mask or EVERY_KEY for part in parts], EVERY_KEY)
    score = _by_head([part.score or S for part in parts], S)
    return Program(
        mask=mask,
        score=score if mask or score else S,
        numbers=numbers,
        arrays=arrays,
        n_heads=len(parts),
    )


def _by_head(trees, nothing):
    """Choose a tree by head; None if none of them does anything."""
    if all(tree == nothing for tree in trees):
        return None
    *first, chosen = trees
    for head, tree in reversed(list(enumerate(first))):
        chosen = Call("where", (Call("==", (Name("h"), Number(float(head)))), tree, chosen))
    return chosen


# ------------------------------------------------------------------------------ values


def _made(trees, values, n_heads=None):
    """Give the names of trees their values."""
    numbers, arrays = {}, {}
    for text, tree in trees.values():
        for node in nodes(tree):
            name = name_of(node)
            if name is None or name in BUILT_IN:
                continue
            place = re.search(rf"\b{name}\b", text).start()
            if name not in values:
                near = difflib.get_close_matches(name, [*values, *BUILT_IN, *FUNCTIONS], 1)
                hint = f"did you mean {near[0]}?" if near else f"give it: {name}=..."
                raise ProgramError(f"{name} has no value: {hint}", text, place)
            if name in (arrays if isinstance(node, Name) else numbers):
                raise ProgramError(
                    f"{name} is a number in one place, an array in another", text, place
                )
            if isinstance(node, Name):
                numbers[name] = number(name, values[name])
            elif name not in arrays:
                arrays[name] = array(name, values[name])
            if isinstance(node, Item) and arrays[name].ndim != len(node.index):
                shape = arrays[name].shape
                raise ProgramError(
                    f"{name} is {shape}: it needs one index for each axis", text, place
                )
    for name in values:
        if name in (*BUILT_IN, *FUNCTIONS):
            raise ProgramError(f"{name} belongs to the language: choose another name")
        if name not in numbers and name not in arrays:
            raise ProgramError(f"{name} is given, but the program does not use it")
    parts = {part: tree for part, (_, tree) in trees.items()}
    numbers = {name: numbers[name] for name in values if name in numbers}  # in the given order
    return Program(**parts, numbers=numbers, arrays=arrays, n_heads=n_heads)
