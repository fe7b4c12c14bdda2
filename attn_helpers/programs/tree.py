"""The tree of a program: four kinds of nodes, and how a tree is computed."""

from dataclasses import dataclass

__all__ = [
    "Call",
    "Item",
    "Name",
    "Number",
    "depth",
    "evaluate",
    "is_truth",
    "map_leaves",
    "name_of",
    "names_in",
    "nodes",
]

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
TRUTHS = (*COMPARISONS, "and", "or", "not")


@dataclass(frozen=True)
class Number:
    """A number as written."""

    value: float


@dataclass(frozen=True)
class Name:
    """A built-in name or a named number."""

    id: str


@dataclass(frozen=True)
class Item:
    """A named array at positions: doc[b, i]."""

    array: str
    index: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """An operator or a function with its arguments, which are trees."""

    op: str
    args: tuple


def nodes(tree):
    """Walk over a tree and all that is in it, from left to right."""
    yield tree
    for part in tree.args if isinstance(tree, Call) else ():
        yield from nodes(part)


def names_in(tree):
    """List the names and arrays of a tree from left to right, built-in ones and repeats too."""
    return [name for name in map(name_of, nodes(tree)) if name]


def name_of(node):
    """Return the name of a `Name` or of an `Item`'s array, None for other nodes."""
    return getattr(node, "id", getattr(node, "array", None))


def depth(tree):
    """Count the levels of a tree."""
    return 1 + max(map(depth, tree.args), default=0) if isinstance(tree, Call) else 1


def is_truth(tree):
    """Tell whether a tree says which keys may be seen, rather than changing scores."""
    match tree:
        case Call("where", (_, yes, no)):
            return is_truth(yes) and is_truth(no)
        case Call(op, _):
            return op in TRUTHS
    return False


def map_leaves(tree, change):
    """Rebuild a tree with `change(leaf)` in the place of each `Number`, `Name` and `Item`."""
    if isinstance(tree, Call):
        return Call(tree.op, tuple(map_leaves(part, change) for part in tree.args))
    return change(tree)


def evaluate(tree, values, operations):
    """Compute a tree.

    Parameters
    ----------
    tree : Number, Name, Item or Call
    values : dict
        What each `Name` and `Item` of the tree stands for, under the node itself.
    operations : dict
        A function for each operator: `operations.NUMPY`, or the table of another library.
    """
    match tree:
        case Number(value):
            return operations["number"](value)
        case Call(op, args):
            return operations[op](*[evaluate(part, values, operations) for part in args])
    return values[tree]
