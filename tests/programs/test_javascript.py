"""The language in JavaScript and in Python: the same texts, trees, errors and numbers."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_helpers.programs import ProgramError, program_from_json
from attn_helpers.programs.expr import parse
from attn_helpers.programs.operations import NUMPY
from attn_helpers.programs.printing import text_of
from attn_helpers.programs.tree import Call, Item, Name, Number, is_truth

pytestmark = pytest.mark.node
TOLERANCE = 1e-12  # of max(1, |score|)

NUMBERS = ["tau", "slope", "constructor"]  # the last is a name that every object of JavaScript has
ITEMS = ["doc[i]", "doc[j]", "pair[b, i]", "pair[h,j]", "grid[j, b, i]", "toString[h]"]


@pytest.fixture(scope="module")
def ask():
    """Ask one Node process, a line for each question, so that a failing case can be shrunk."""
    node = shutil.which("node")
    if node is None:
        reason = "no Node on PATH: the language in JavaScript is not compared with Python"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    path = Path(__file__).parents[1] / "js" / "programs.mjs"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([node, path], text=True, **pipes) as process:

        def answer(question):
            print(json.dumps(question), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline(), parse_int=float)

        yield answer
        process.stdin.close()


# ------------------------------------------------------------------------------ texts


# V stands for a number and T for a truth value. They come without brackets, so operators regroup.
LEAVES = {
    "V": ["s", "s", "i", "j", "i - j", "h", "b", "n_q", "n_k", *NUMBERS, *ITEMS,
          "0", "1", "2", "3.", "0.5", ".25", "1e-3", "2.5E+1", "1e16"],
    "T": ["V < V", "V<=V", "V > V", "V >= V", "V == V", "V != V"],
}  # fmt: skip
FORMS = {
    "V": ["V + V", "V - V", "V*V", "V / V", "V //V", "V% V", "V ** V", "V**2", "V ** -.5", "-V",
          "+ V", "(V)", "(V)\t- (V)", "(V) * V", "abs(V)", "exp(V)", "exp( -abs(V))", "log(V)",
          "log(abs(V))", "sqrt(V)", "floor(V)", "min(V, V)", "max(V, V,\nV,)", "where(T, V, V)",
          "where(T, V, V)", "(T) * V", "V + (T)"],
    "T": [*LEAVES["T"], "V < V <= V", "(T)", "T and T", "T\nor T", "(T) and T", "(T) or (T)",
          "not T", "not(T)", "where(T, T, T)", "V and T", "not V", "(T) < (T)"],
}  # fmt: skip


@st.composite
def written(draw, kind, levels):
    """The text of a program, or of a part of one, of so many levels at most."""
    form = draw(st.sampled_from(FORMS[kind] if levels else LEAVES[kind]))
    fewer = st.integers(max(0, levels - 2), max(0, levels - 1))
    return re.sub("[VT]", lambda slot: draw(written(slot[0], draw(fewer))), form)


texts = st.sampled_from("VT").flatmap(
    lambda kind: st.sampled_from([3, 4, 2, 5]).flatmap(lambda levels: written(kind, levels))
)


@st.composite
def mutated(draw):
    """A text with one thing wrong, or right after all."""
    text = draw(texts)
    at = draw(st.integers(0, len(text)))
    gone = draw(st.integers(0, 3))
    return text[:at] + draw(st.sampled_from(["", *TOKENS])) + text[at + gone :]


TOKENS = (
    """s i tau abs max where doc[ doc[i] 1 0.5 007 1e 1e999 2j _x if None == <= < = & ^ . : ; '
    ( ) [ ] , + - * ** // % / not and or é \u0455 \x00 \x7f $ 1_0 lambda ]( )(""".split()
    + [" ", "\n"]
)
mixed = st.lists(st.sampled_from(TOKENS), max_size=12).map("".join)
spaced = st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join)
floats = st.builds("s * {}e{}".format, st.integers(0, 10**17), st.integers(-30, 30))


def plain(tree):
    """A tree as nested lists."""
    match tree:
        case Number(value):
            return ["number", value]
        case Name(id):
            return ["name", id]
        case Item(array, index):
            return ["item", array, list(index)]
        case Call(op, args):
            return ["call", op, *map(plain, args)]


def python_reads(text):
    try:
        tree = parse(text)
    except ProgramError as error:
        return {"problem": error.problem, "at": error.at}
    return {"tree": plain(tree), "text": text_of(tree), "truth": is_truth(tree)}


@settings(max_examples=1200, derandomize=True, deadline=None)
@given(text=st.one_of(texts, mutated(), mutated(), mixed, spaced, floats))
def test_a_text_is_read_alike_or_refused_alike(ask, text):
    check_reading(ask, text)


@pytest.mark.parametrize("count", [61, 62, 63, 64, 65])
@pytest.mark.parametrize(
    "form", ["{-}s", "{+}s", "{not }s", "s{+s}", "{(}s{)}", "s{**2}", "{abs(}s{)}", "s{ < s}",
             "{s < (}s < j < 1{)}", "{min(s, }j{)}", "s ** {2}"],
)  # fmt: skip
def test_the_same_depth_is_too_deep(ask, form, count):
    check_reading(ask, re.sub("{(.*?)}", lambda part: part[1] * count, form))


@pytest.mark.parametrize("count", [8, 9, 10, 11, 12, 30, 60])
def test_chains_in_chains_grow_alike_and_end(ask, count):
    check_reading(ask, "i < (" * count + "j" + ") < i" * count)


def check_reading(ask, text):
    seen, expected = ask({"text": text}), python_reads(text)
    if "problem" not in expected:
        assert {name: seen.get(name) for name in expected} == expected
    else:
        assert "problem" in seen, f"Python: {expected['problem']}"
        # Python adds what the browser does not know: a character's name, a name that is near.
        assert expected["problem"].startswith(seen["problem"]) and seen["at"] == expected["at"]


# ------------------------------------------------------------------------------ numbers


def is_mask(text):
    try:
        return is_truth(parse(text))
    except ProgramError:
        return None


parts = st.lists(texts.filter(lambda text: is_mask(text) is not None), min_size=1, max_size=2).map(
    lambda some: {"mask" if is_mask(text) else "score": text for text in some}
)


@st.composite
def cases(draw):
    """A program, sizes, and scores of (batch, n_heads, n_q, n_k)."""
    count = st.integers(1, 4)
    sizes = {"q_start": draw(st.integers(0, 3)), "n_q": draw(count), "n_k": draw(count) + 1}
    for name in draw(st.sampled_from([[], ["n_heads"], ["n_heads", "batch"]])):
        sizes[name] = draw(count)
    rng = np.random.default_rng(draw(st.integers(0, 99)))

    def some(*shape):
        """Numbers of both signs, some of them whole, so that there are ties and zeros."""
        numbers = rng.normal(scale=2, size=shape)
        return np.where(rng.random(shape) < 0.3, np.round(numbers), numbers).tolist()

    program = draw(parts)
    used = set(re.findall(r"\w+", " ".join(program.values())))
    long = draw(st.sampled_from([7, 7, 7, 7, 4]))  # 4 is too short for some
    program["numbers"] = {name: some() for name in NUMBERS if name in used}
    program["arrays"] = {
        item[: item.index("[")]: some(*[long] * (item.count(",") + 1))
        for item in ITEMS
        if item[: item.index("[")] in used
    }
    scores = some(*(sizes.get(name, 1) for name in ("batch", "n_heads", "n_q", "n_k")))
    return {"program": program, "scores": np.ravel(scores).tolist(), "sizes": sizes}


def python_applies(case):
    sizes = case["sizes"]
    shape = [sizes[name] for name in ("batch", "n_heads", "n_q", "n_k") if name in sizes]
    scores = np.reshape(case["scores"], shape)
    try:
        program = program_from_json(json.dumps(case["program"]))
        return program.apply(scores, q_start=sizes["q_start"]).ravel()
    except ProgramError as error:
        return error.problem


def javascript_applies(ask, case):
    answer = ask(case)
    return answer.get("problem") or [-np.inf if x is None else x for x in answer["scores"]]


def difference(seen, expected):
    """The largest difference, as a part of max(1, |score|); infinite where only one is an error."""
    if isinstance(seen, str) or isinstance(expected, str):
        return 0.0 if alike(seen, expected) else np.inf
    seen, masked = np.asarray(seen), np.isneginf(expected)
    if (np.isneginf(seen) != masked).any():
        return np.inf
    seen, expected = seen[~masked], expected[~masked]
    return np.max(np.abs(seen - expected) / np.maximum(1, np.abs(expected)), initial=0)


def alike(seen, expected):
    """Whether two errors say the same; a bad score, NaN or inf, each says in its own way."""
    if not (isinstance(seen, str) and isinstance(expected, str)):
        return False
    bad = [re.search(r"gives a score of (nan|inf)", text.lower()) for text in (seen, expected)]
    return bad[0][1] == bad[1][1] if all(bad) else expected.startswith(seen)


def nudged(toward):
    """exp, log and ** rounded the other way: libraries differ in their last place."""
    return {
        op: lambda *args, compute=NUMPY[op]: np.nextafter(compute(*args), toward)
        for op in ("exp", "log", "**")
    }


def turned():
    """min and max from the right: which zero of 0.0 and -0.0 is smaller is open."""
    return {op: lambda *args, compute=NUMPY[op]: compute(*args[::-1]) for op in ("min", "max")}


def is_open(case, expected):
    """Whether Python's own answer hangs on what is open, as floor(exp(log(3))) does."""
    for table in (nudged(np.inf), nudged(-np.inf), turned()):
        with patch.dict(NUMPY, table):
            if difference(python_applies(case), expected) > TOLERANCE:
                return True
    return False


def test_a_program_gives_the_same_scores(ask, record_property):
    compared, errors, left_out, largest = set(), 0, 0, 0.0

    @settings(max_examples=800, derandomize=True, deadline=None)
    @given(case=cases())
    def compare(case):
        nonlocal errors, left_out, largest
        seen, expected = javascript_applies(ask, case), python_applies(case)
        off = difference(seen, expected)
        if off > TOLERANCE and is_open(case, expected):
            left_out += 1
            return
        assert off <= TOLERANCE, f"{case['program']}: JavaScript {seen}, Python {expected}"
        compared.add(json.dumps(case["program"]))
        errors += isinstance(expected, str)
        largest = max(largest, off)

    compare()
    counts = f"{len(compared)} programs, {errors} errors alike, {left_out} left out"
    summary = f"{counts}, largest difference {largest:.1e}"
    print(summary)
    record_property("javascript", summary)
    assert len(compared) >= 500 and left_out < 0.05 * len(compared), summary


SPECIAL = ["0", "-0", "1", "-1", "0.5", "-2.5", "3", "1 / 0", "-1 / 0", "0 / 0"]


def chosen(position):
    """Text that is one of the special values after the other."""
    *others, text = SPECIAL
    for place, value in reversed(list(enumerate(others))):
        text = f"where({position} == {place}, {value}, {text})"
    return text


@pytest.mark.parametrize("operator", "+ - * / // % ** < <= == != and or min max where".split())
def test_zeros_infinities_and_nan_come_out_alike(ask, operator):
    x, y = chosen("i"), chosen("j")
    is_function = operator in ("min", "max", "where")
    made = f"{operator}({x}, {y}, 2)" if is_function else f"({x} {operator} {y})"
    signed = made if is_function else f"where({made} == 0, 1 / {made}, {made})"
    score = f"where({made} == {made}, min(max({signed}, -1e300), 1e300), 7)"  # 7 for NaN
    size = len(SPECIAL)
    case = {"program": {"score": score}, "scores": [0] * size**2,
            "sizes": {"n_q": size, "n_k": size, "q_start": 0}}  # fmt: skip
    seen = np.reshape(javascript_applies(ask, case), (size, size))
    np.testing.assert_allclose(seen, python_applies(case).reshape(size, size), rtol=TOLERANCE)


@pytest.mark.parametrize(
    "program",
    [
        {}, {"mask": "s"}, {"score": "i < j"}, {"score": 3}, {"score": None},
        {"score": "s", "more": 1}, {"score": "s", "numbers": [1]}, {"score": "s / tau"},
        {"score": "s", "numbers": {"tau": 1}},
        {"score": "s", "numbers": {"s": 1}}, {"score": "s", "numbers": {"__proto__": 1}},
        {"score": "s", "n_heads": 0}, {"score": "s", "n_heads": 2}, {"score": "s + d[i] + d"},
        {"score": "s", "numbers": {"max": 1}}, {"score": "+".join(["s"] * 50), "mask": "1 < 2"},
        {"score": "max(" + "s,tau," * 600 + ")", "numbers": {"tau": 2}},
        *({"score": "s + d", "numbers": {"d": d}} for d in (1, True, "1", None, [1], [], {})),
        *({"score": "s + d[i, j]", "arrays": {"d": d}}
          for d in (1, [1], [[1]], [[True, 2]], [[1], [2, 3]], [[1], 2], [[1], None], [["1"]], [[]],
                    [[[1]]])),
        {"score": "s + d[i] + d", "arrays": {"d": [1]}},
        {"score": "s + d", "numbers": {"d": 1}, "arrays": {"d": 2}},
        {"score": "s + toString", "numbers": {"toString": 1}},
    ],
)  # fmt: skip
def test_json_is_a_program_for_both_or_for_none(ask, program):
    case = {"program": program, "scores": [1.0], "sizes": {"n_q": 1, "n_k": 1, "q_start": 0}}
    seen, expected = javascript_applies(ask, case), python_applies(case)
    assert isinstance(seen, str) == isinstance(expected, str), f"{seen!r}, Python {expected!r}"
    if not isinstance(seen, str):
        np.testing.assert_array_equal(seen, expected)
