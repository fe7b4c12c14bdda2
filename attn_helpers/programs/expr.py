"""The language of attention programs: a text becomes a tree, and nothing else gets through.

A text passes three gates: a tokenizer that knows every token of the language, the parser of
Python's `ast` for the grammar, and a walk that keeps the nodes on its list. No text is evaluated
as Python. `attn_helpers/widgets/program.js` is the same language in the browser.
"""

import ast
import difflib
import keyword
import re
import unicodedata
from itertools import pairwise

from attn_helpers.programs.operations import constant
from attn_helpers.programs.tree import Call, Item, Name, Number

__all__ = ["BUILT_IN", "FUNCTIONS", "ProgramError", "check_size", "parse"]

BUILT_IN = ("s", "i", "j", "h", "b", "n_q", "n_k")
INDICES = ("i", "j", "h", "b")
FUNCTIONS = {"abs": 1, "exp": 1, "log": 1, "sqrt": 1, "floor": 1, "where": 3, "min": 2, "max": 2}
ALLOWED = (
    f"allowed: {' '.join(BUILT_IN)}, named numbers, named arrays as doc[i]; + - * / // % **; "
    f"< <= > >= == !=; and or not; {' '.join(FUNCTIONS)}"
)
LONGEST, DEEPEST, LARGEST_EXPONENT = 4000, 64, 64


class ProgramError(ValueError):
    """What is wrong with a program, with a caret under the place."""

    def __init__(self, problem, text=None, at=None):
        self.problem, self.text, self.at = problem, text, at
        if at is None:
            super().__init__(problem)
            return
        start = max(0, at - 50)
        shown = text[start : start + 90]
        line = "".join(c if " " <= c <= "~" else " " if c in "\t\r\n" else "?" for c in shown)
        super().__init__(f"{problem}\n  {line}\n  {' ' * (at - start)}^\n{ALLOWED}")


# ------------------------------------------------------------------------------ tokens

_BLANKS = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(
    r"(?:(?P<number>(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<operator>\*\*|//|[<>=!]=|[-+*/%<>()\[\],]))[ \t\r\n]*",
    re.ASCII,
)
_OPENING = {")": "(", "]": "["}
_HINTS = {
    "=": "= is not a comparison: write ==",
    "!": "write not, or != for a comparison",
    "&": "& joins whole programs: inside one write and",
    "|": "| joins whole programs: inside one write or",
    "~": "~ turns a whole program round: inside one write not",
    "^": "^ is not a power: write **",
    ".": "a dot belongs in a number: there are no attributes",
    ":": "there are no slices and no :=",
    '"': "there are no strings",
    "'": "there are no strings",
}


def _check_tokens(text):
    """Refuse, at its place, the first token that cannot stand where it stands."""
    opened = []  # brackets and their places
    previous = None  # "name", "value" after anything else that ends one, or the token itself
    at = _BLANKS.match(text).end()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise ProgramError(_strange(text[at:]), text, at)
        kind = match.lastgroup
        token = match[kind]
        has_value = previous in ("name", "value")
        if kind == "name" and token not in ("and", "or", "not"):
            if keyword.iskeyword(token) or token.startswith("_"):
                raise ProgramError(f"{token} is not in the language", text, at)
        elif kind == "name":
            kind = "operator"

        if kind != "operator" or token == "not":
            if has_value:
                raise ProgramError(f"an operator is missing before {token}", text, at)
        elif token in ("(", "["):
            if previous == "value" or (token == "[" and previous != "name"):
                raise ProgramError(f"{token} cannot stand here", text, at)
            if len(opened) == DEEPEST:
                raise ProgramError(f"brackets are nested more than {DEEPEST} deep", text, at)
            opened.append((token, at))
        elif token in _OPENING:
            if not opened or opened.pop()[0] != _OPENING[token]:
                raise ProgramError(f"{token} was never opened", text, at)
            if not has_value and previous != ",":
                raise ProgramError(f"a value is missing before {token}", text, at)
        elif not has_value and token not in ("+", "-"):
            raise ProgramError(f"a value is missing before {token}", text, at)

        ends = kind == "number" or token in _OPENING
        previous = "name" if kind == "name" else "value" if ends else token
        at = match.end()
    if opened:
        bracket, place = opened[-1]
        raise ProgramError(f"{bracket} was never closed", text, place)
    if previous not in ("name", "value"):
        raise ProgramError("the text ends where a value is missing", text, len(text.rstrip()))


def _strange(rest):
    """Say what is wrong with a text that does not begin with a token."""
    character = rest[0]
    if character in _HINTS and not re.match(r"\.\d", rest, re.ASCII):
        return _HINTS[character]
    if character in ".0123456789":
        return "this is not a number of the language: write 7, 0.5 or 1e-3, then an operator"
    if character.isascii():
        return f"{character!r} is not in the language"
    name = unicodedata.name(character, "no name")
    return f"not ASCII: U+{ord(character):04X}, {name}"


# ------------------------------------------------------------------------------ trees

_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
    ast.NotEq: "!=", ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "neg",
}  # fmt: skip


def parse(text):
    """Turn the text of a program into a tree.

    Raises
    ------
    ProgramError
        If the text is not in the language; nothing else, whatever the text.
    """
    if not isinstance(text, str):
        raise ProgramError(f"a program is a text, not {type(text).__name__}")
    check_size(len(text))
    _check_tokens(text)
    line = re.sub(r"\s", " ", text)
    blanks = len(line) - len(line.lstrip())
    try:
        root = ast.parse(line.lstrip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        at = blanks + max(getattr(error, "offset", None) or 1, 1) - 1
        raise ProgramError("this cannot be read", text, min(at, len(text))) from None
    return _Reader(text, blanks).tree(root, DEEPEST)


def check_size(characters, levels=0):
    """Refuse what is too long or too deep."""
    if characters > LONGEST:
        raise ProgramError(f"a program has at most {LONGEST} characters, this one {characters}")
    if levels > DEEPEST:
        raise ProgramError(f"a program has at most {DEEPEST} levels, this one {levels}")


class _Reader:
    """Turns the nodes of `ast` that are in the language into a tree."""

    def __init__(self, text, blanks):
        self.text, self.blanks = text, blanks
        self.made = 0  # nodes, as if each were written out
        self.known = {}  # of an `ast` node: its tree, and how many nodes that has

    def error(self, problem, node):
        return ProgramError(problem, self.text, self.blanks + node.col_offset)

    def count(self, node, room):
        """Refuse a node for which there is no room, or that is one too many."""
        if room < 1:
            raise self.error(f"nested more than {DEEPEST} levels deep", node)
        self.made += 1
        if self.made > LONGEST:  # chains in chains: a < (b < c < d) < e holds b < c < d twice
            raise self.error(f"this has more than {LONGEST} parts, written out", node)

    def tree(self, node, room):
        """Turn a node into a tree; the middle of a < b < c, which is met twice, only once."""
        tree, parts = self.known.get(id(node), (None, LONGEST + 1))
        if self.made + parts <= LONGEST:
            self.made += parts
            return tree
        before = self.made
        tree = self.made_of(node, room)
        self.known[id(node)] = tree, self.made - before
        return tree

    def made_of(self, node, room):
        self.count(node, room)
        match node:
            case ast.Constant(value):
                return self.number(value, node)
            case ast.Name(name):
                if name in FUNCTIONS:
                    raise self.error(f"{name} is a function: write {name}(...)", node)
                return Name(name)
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.tree(operand, room - 1)
            case ast.UnaryOp(op, operand):
                return self.call(op, [operand], room)
            case ast.BinOp(left, op, right):
                made = self.call(op, [left, right], room)
                if made.op == "**":
                    self.check_exponent(made.args[1], right)
                return made
            case ast.BoolOp(op, parts):
                return self.call(op, parts, room)
            case ast.Compare(left, [op], [right]):
                return self.call(op, [left, right], room)
            case ast.Compare(left, ops, rest):
                pairs = zip(ops, pairwise([left, *rest]), strict=True)
                return Call("and", tuple(self.link(op, pair, room - 1) for op, pair in pairs))
            case ast.Call(ast.Name(name), parts, []):
                self.check_function(name, len(parts), node)
                return Call(name, tuple(self.tree(part, room - 1) for part in parts))
            case ast.Subscript(ast.Name(name), index):
                return self.item(name, index, node)
        raise self.error("this is not in the language", node)

    def link(self, op, pair, room):
        self.count(pair[0], room)  # a < b of a < b < c, which `ast` has no node for
        return self.call(op, pair, room)

    def call(self, op, parts, room):
        return Call(_OPERATORS[type(op)], tuple(self.tree(part, room - 1) for part in parts))

    def number(self, value, node):
        try:
            value = float(value)
        except OverflowError:
            value = float("inf")
        if value == float("inf"):
            raise self.error("this number is too large", node)
        return Number(value)

    def check_exponent(self, exponent, node):
        size = constant(exponent)
        if size is not None and not abs(size) <= LARGEST_EXPONENT:
            raise self.error(f"an exponent is at most {LARGEST_EXPONENT} in size", node)

    def check_function(self, name, count, node):
        wanted = FUNCTIONS.get(name)
        if wanted is None:
            near = difflib.get_close_matches(name, FUNCTIONS, 1)
            suggestion = f": did you mean {near[0]}?" if near else ""
            raise self.error(f"there is no function {name}{suggestion}", node)
        many = name in ("min", "max")
        if count < wanted or (count > wanted and not many):
            most = "at least 2" if many else wanted
            raise self.error(f"{name} takes {most} values in brackets, not {count}", node)

    def item(self, name, index, node):
        if name in BUILT_IN or name in FUNCTIONS:
            raise self.error(f"{name} is not an array", node)
        inside = self.text[self.blanks + node.value.end_col_offset :].partition("]")[0]
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        names = tuple(part.id if isinstance(part, ast.Name) else None for part in parts)
        if not all(name in INDICES for name in names) or "(" in inside:
            raise self.error(f"{name} is indexed by i, j, h or b, as in {name}[i]", index)
        return Item(name, names)
