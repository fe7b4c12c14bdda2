"""The language: what it reads, how it says no, and that nothing else ever happens."""

import ast
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attn_helpers.programs import ProgramError, program
from attn_helpers.programs.expr import ALLOWED, parse
from attn_helpers.programs.operations import NUMPY
from attn_helpers.programs.printing import text_of
from attn_helpers.programs.tree import Name, evaluate, is_truth

HOSTILE = [
    "s.real", "s.__class__.__mro__", "().__class__", "__import__('os').system('true')", "eval(s)",
    "open", "print(s)", "exec(s)", "(lambda: 1)()", "lambda: s", "[s for s in s]", "{s}", "{s: i}",
    "(s for s in s)", "s if i else j", "(s := 3)", "s := 3", "doc[1:2]", "doc[0]", "doc[i - 1]",
    "doc[(i)]", "doc[(b, i)]", "doc[doc[i]]", "(doc)[i]", "(max)(s, i)", "max(*s)", "max(s, key=i)",
    "9 ** 9 ** 9", "s ** 65", "s ** -65", "2 ** (1 / 0)", "1e999", "9" * 400, "9" * 5000, "1_000",
    "0x10", "0b1", "007", "1j", "1or 2", "'s'", '"s"', "b's'", "f's'", "'''", "s\0", "\0", "s\x0b",
    "s\x0c", "ѕ + 1", "s − 1", "s + １", "ｓ", "s\u200b", "\ud800", "🙂",
    "(" * 500, "(" * 500 + "s" + ")" * 500,
    "[" * 500, "-" * 3000 + "s", "not " * 900 + "i < j", "+".join("i" * 1500),
    "**".join("2" * 900),
    "i < (" * 30 + "j" + ") < i" * 30, "i < (" * 62 + "j" + ") < i" * 62,
    "abs(" * 60 + "-" * 60 + "s" + ")" * 60, "s" * 4001, " " * 5000, "", "   ", "\n", "s # c",
    "s; s",
    "s\\", "s @ s", "s << 1", "s & 1", "s | 1", "~s", "s ^ 2", "!s", "s = 3", "s == ", "== s",
    "s s",
    "s i < j", "a < not b", "s,", "s, i", "()", "(s", "s)", "s]", "[s]", "max(s)", "max()",
    "max(,)",
    "max(s,,i)", "abs(s, i)", "where(s, i)", "where(i < j, s)", "tanh(s)", "max", "abs + 1", "s[i]",
    "abs[i]", "True", "None", "i in j", "i is j", "i <> j", "await s", "yield s", "import os", "_s",
    "$s", "`s`", "?", "s...", "...", "s.5", "5.s", "i and", "or i", "not", "@", "%%", "s // // s",
]  # fmt: skip
NOT_TEXT = [None, 3, 1.5, b"s", ["s"], object(), np.array("s")]


def shown(text):
    """The name of a case, the same in every process."""
    return ascii(text)[:40] if isinstance(text, str) else type(text).__name__


def refusal(text):
    """The error and the milliseconds it took."""
    start = time.perf_counter()
    with pytest.raises(ProgramError) as caught:
        program(text)
    return caught.value, 1e3 * (time.perf_counter() - start)


def python_takes(text):
    """The milliseconds of Python's own parser: how busy the machine is with other tests."""
    start = time.perf_counter()
    with suppress(Exception):
        ast.parse(text, mode="eval")
    return 1e3 * (time.perf_counter() - start)


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")  # 1or 2
@pytest.mark.parametrize("text", HOSTILE + NOT_TEXT, ids=shown)
def test_hostile_text_is_refused_at_once(text):
    error, _ = refusal(text)
    tries = (refusal(text)[1] < max(10, 3 * python_takes(text)) for _ in range(40))
    assert any(tries)
    if error.at is not None:
        *_, line, caret, allowed = str(error).splitlines()
        assert allowed == ALLOWED and caret.strip() == "^"
        assert line.isascii() and line.isprintable()


@pytest.mark.parametrize(
    ("text", "problem", "at"),
    [
        ("s = 3", "= is not a comparison: write ==", 2),
        ("s - sloppe * i", "sloppe has no value", 4),
        ("s.real", "a dot belongs in a number", 1),
        ("i < j & s", "inside one write and", 6),
        ("sqr(s)", "did you mean sqrt?", 0),
        ("(i - (j)", "( was never closed", 0),
        ("s + ѕ", "CYRILLIC SMALL LETTER DZE", 4),
        ("max(s i)", "an operator is missing before i", 6),
        ("s *", "the text ends where a value is missing", 3),
        ("\t doc[0]", "doc is indexed by i, j, h or b", 6),
        ("s\n\n * * 2", "a value is missing before *", 6),
    ],
)
def test_error_shows_the_place(text, problem, at):
    error, _ = refusal(text)
    assert problem in error.problem and error.at == at
    line, caret = str(error).splitlines()[1:3]
    assert caret.index("^") == at + 2 and len(line) == len(text.rstrip("\n")) + 2


def test_error_far_to_the_right_keeps_its_caret_in_view():
    text = " + ".join(["(s)"] * 40) + " + ?"
    error, _ = refusal(text)
    line, caret = str(error).splitlines()[1:3]
    assert line[caret.index("^")] == "?" and len(caret) < 100


TOKENS = st.sampled_from(
    "s i j h b n_q n_k tau doc doc[i] ( ) [ ] , + - * / // % ** < <= > >= == != and or not abs( "
    "min( where( exp( 0 1 2.5 .5 1e-3 = . : ' \" & | ~ lambda if else for in None x.y __class__ \0 "
    "é 007 1_0 # \\ \n \t".split(" ")
)
TEXTS = st.lists(TOKENS, max_size=30).map(" ".join) | st.lists(TOKENS, max_size=15).map("".join)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(TEXTS | st.text(max_size=60))
@example("i" + "*i" * 70)
def test_any_text_is_a_tree_or_a_program_error(text):
    try:
        tree = parse(text)
    except ProgramError:
        return
    assert parse(text_of(tree)) == tree


NUMBERS = {"s": 0.75, "i": 4.0, "j": 6.0, "h": 2.0, "b": 1.0, "n_q": 5.0, "n_k": 7.0, "tau": 0.5}
PYTHON = {
    "abs": abs, "min": min, "max": max, "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
    "floor": np.floor, "where": lambda condition, yes, no: yes if condition else no,
}  # fmt: skip


def formulas():
    """Texts of the language that Python itself can compute, with odd spacing and brackets."""
    leaf = st.sampled_from([*NUMBERS, "0.5", "2", "3", "1e1"])

    def grow(part):
        return st.one_of(
            st.builds("({} {} {})".format, part, st.sampled_from("+ - * / // %".split()), part),
            st.builds("{}{}{}".format, part, st.sampled_from(["+", " - ", " *", "//", "% "]), part),
            st.builds("({} {} {})".format, part, st.sampled_from("< <= > >= == !=".split()), part),
            st.builds("(({}) ** {})".format, part, st.sampled_from(["2", "-1", "3"])),
            st.builds("-{}".format, part),
            st.builds("abs({})".format, part),
            st.builds("max({}, {},{})".format, part, part, part),
            st.builds("where({}, {}, {})".format, part, part, part),
        )

    return st.recursive(leaf, grow, max_leaves=8)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(formulas())
def test_formula_gives_what_python_gives(text):
    try:
        wanted = float(eval(text, {"__builtins__": {}}, PYTHON | NUMBERS))
    except (ZeroDivisionError, OverflowError):
        return  # Python raises where NumPy has inf and NaN
    except TypeError:
        return  # a complex number: a root of a negative one
    values = {Name(name): np.float64(value) for name, value in NUMBERS.items()}
    with np.errstate(all="ignore"):
        seen = float(evaluate(parse(text), values, NUMPY))
    assert seen == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True), text


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("i < j", True), ("0 <= i - j < 3", True), ("not s", True), ("s and i", True),
        ("where(i < j, i > 2, j > 2)", True), ("where(i < j, s, j > 2)", False),
        ("(i < j) + 0", False),
        ("abs(i < j)", False), ("s", False), ("where(s, i < j, not j)", True), ("doc[i]", False),
    ],
)  # fmt: skip
def test_kind_is_told_by_the_root(text, truth):
    assert is_truth(parse(text)) is truth


def test_floor_division_and_remainder_have_pythons_signs():
    for a in (-7.0, -6.0, -0.5, 0.0, 2.5, 7.0):
        for b in (-3.0, -0.5, 2.0, 7.0):
            values = {Name("i"): np.float64(a), Name("j"): np.float64(b)}
            assert evaluate(parse("i // j"), values, NUMPY) == a // b
            assert evaluate(parse("i % j"), values, NUMPY) == a % b
