"""An exercise: the properties of a right answer, and the mistakes people make.

A check takes the reader's own function, calls it on fresh arrays of unequal sizes and compares the
result with the expected one. Where they differ, it looks whether a known mistake gives that very
result, and if so names it. A check never raises, whatever it is given.
"""

import inspect
import warnings
from dataclasses import dataclass

import numpy as np

from attn_helpers.checks.report import Finding, Report

__all__ = ["Exercise", "Property"]

IN_PLACE = (
    "You write into an array that belongs to the caller. Make a new one: `x = x - y` instead of "
    "`x -= y`, or start from `x.copy()`."
)
SHAPE = "Look at the shape after each step of your function, `print(x.shape)`; which step is off?"
RAISED = "Call your function on a small example of your own: the traceback shows the line."
NO_RETURN = "Your function computes something and hands back nothing. Is a `return` missing?"


@dataclass(frozen=True)
class Property:
    """Something that every right answer does.

    Parameters
    ----------
    name : str
        The phrase that the reader sees.
    cases : list of tuple
        Arguments to call the answer with; arrays are float64 of unequal sizes.
    hint : str
        Shown when no known mistake explains the result.
    strided : bool, default False
        Whether arrays are handed over as read-only views with strides.
    watched : bool, default False
        Whether to look at what the answer did to its arguments, and not at the result.
    """

    name: str
    cases: list[tuple]
    hint: str
    strided: bool = False
    watched: bool = False


class Exercise:
    """A callable that checks an answer: `exercise(my_function)` prints findings, returns a Report.

    Parameters
    ----------
    name : str
        What the exercise is called: `checks.ch01.softmax` has the name "softmax".
    expected : function
        Gives the right result; it has the parameters that the answer should have.
    properties : list of Property
        Tried in order; the first is the formula itself. Two more, on the treatment of arguments,
        follow for every exercise.
    mistakes : list of (str, function)
        A hint, and a function with the misconception that the hint explains. An answer that fails
        the first property with a result equal to this function's, NaN apart, gets this hint.
    returns : tuple of str, optional
        Names of the results, for an answer that returns several: ("out", "weights").
    """

    def __init__(self, name, expected, properties, mistakes, returns=()):
        self.name = name
        self.expected = expected
        self.parameters = list(inspect.signature(expected).parameters)
        every = [case for prop in properties for case in prop.cases]
        self.properties = [
            *properties,
            Property("leaves its arguments as they were", every, IN_PLACE, watched=True),
            Property("takes strided and read-only arrays", every, IN_PLACE, strided=True),
        ]
        self.mistakes = mistakes
        self.returns = returns

    def __repr__(self):
        return f"{self.name}({', '.join(self.parameters)})"

    def __call__(self, answer):
        """Check `answer`, print a line for each property, and return the Report."""
        findings = () if self._is_unwritten(answer) else self._findings(answer)
        for finding in findings:
            print(finding)
        return Report(self.name, findings)

    def _is_unwritten(self, answer):
        if answer is None or answer is ... or not callable(answer):
            return answer is None or answer is ...
        result, error = call(answer, [fresh(argument) for argument in self.properties[0].cases[0]])
        return not error and (is_missing(result) or (result is None and is_stub(answer)))

    def _findings(self, answer):
        """Try every property; one hint at a time, that of the first failure."""
        if not callable(answer):
            hint = f"Hand over the function itself: its name alone, without calling it, for {self}."
            return (Finding("is a function", f"this is of type {type(answer).__name__}", hint),)
        findings, hinted = [], False
        for prop in self.properties:
            if prop.strided and hinted:
                continue  # it would fail for the same cause, and point at another
            problem, hint = self._try(answer, prop)
            findings.append(Finding(prop.name, problem, "" if hinted else hint))
            hinted = hinted or bool(problem)
        return tuple(findings)

    def _try(self, answer, prop):
        """Return (problem, hint) of the first case that fails, or two empty strings."""
        is_formula = prop is self.properties[0]
        for case in prop.cases:
            given = [(awkward if prop.strided else fresh)(argument) for argument in case]
            result, error = call(answer, given)
            if error:
                hint = IN_PLACE if "read-only" in error else RAISED if is_formula else prop.hint
                return f"your function raised {error}{self._where(case)}", hint
            if result is None or is_missing(result):
                return f"your function returned {result}{self._where(case)}", NO_RETURN
            if prop.watched:
                if changed := self._changed(given, case):
                    return f"your function changed {changed}", IN_PLACE
            elif problem := difference(result, self.expected(*case), self.returns):
                hint = self._diagnose(result, case) if is_formula else prop.hint
                return problem + self._where(case), hint
        return "", ""

    def _diagnose(self, result, case):
        """Return the hint of the mistake that gives this very result, or a general one."""
        if not is_parts(result, self.returns):
            return f"End with `return {', '.join(self.returns)}`."
        for hint, mistaken in self.mistakes:
            wrong, error = call(mistaken, [fresh(argument) for argument in case])
            if error:
                continue  # no result to compare with, as where it needs equal sizes
            clean = not any(np.isnan(part).any() for part in parts(wrong, self.returns))
            if clean and not difference(result, wrong, self.returns):
                return hint
        got = [np.shape(array_of(part)) for part in parts(result, self.returns)]
        right = [np.shape(part) for part in parts(self.expected(*case), self.returns)]
        return self.properties[0].hint if got == right else SHAPE

    def _where(self, case):
        named = zip(self.parameters, case, strict=False)  # a case may leave out the last ones
        return ", for " + ", ".join(
            f"{name} of shape {value.shape}"
            if isinstance(value, np.ndarray)
            else f"{name} {value if value is None else format(value, 'g')}"
            for name, value in named
        )

    def _changed(self, given, case):
        triples = zip(self.parameters, given, case, strict=False)
        return " and ".join(name for name, now, was in triples if not np.array_equal(now, was))


def call(function, arguments):
    """Call quietly; return (result, "") or (None, the error in words)."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(*arguments), ""
    except NotImplementedError:
        return ..., ""
    except (Exception, SystemExit) as error:
        return None, f"{type(error).__name__}: {error}"


def is_missing(result):
    """Tell whether a result stands for 'nothing written yet': `...`, or a tuple of it and None."""
    if isinstance(result, tuple) and result:
        return all(part is None or part is ... for part in result)
    return result is ...


def is_stub(function):
    """Tell whether a function has no more in it than `...`, `pass` or a docstring."""
    code = getattr(function, "__code__", None)
    return code is not None and len(code.co_code) <= len((lambda: None).__code__.co_code)


def array_of(result):
    """Turn a result into an array of real numbers, None if it is something else."""
    result = result.detach() if hasattr(result, "detach") else result  # a torch tensor
    try:
        array = np.asarray(result)
        return array.astype(float) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError, RuntimeError):
        return None


def parts(result, names):
    """List the results of an answer: those that `names` names, or the only one."""
    return list(result) if names else [result]


def is_parts(result, names):
    """Tell whether an answer has returned as many results as there are names."""
    return not names or (isinstance(result, tuple | list) and len(result) == len(names))


def difference(result, expected, names=()):
    """Say how a result, or a tuple of named ones, differs from the expected, "" if it does not."""
    if not is_parts(result, names):
        several = isinstance(result, tuple | list)
        got = f"{len(result)} results" if several else type(result).__name__
        return f"expected {' and '.join(names)}, got {got}"
    if names:
        said = map(difference, result, expected)
        return next(
            (f"{n}: {problem}" for n, problem in zip(names, said, strict=True) if problem), ""
        )
    array = array_of(result)
    if array is None:
        got = type(result).__name__
        if "complex" in str(getattr(result, "dtype", "")):
            got = f"complex numbers of shape {tuple(result.shape)}"
        return f"expected numbers of shape {np.shape(expected)}, got {got}"
    if array.shape != np.shape(expected):
        return f"expected shape {np.shape(expected)}, got {array.shape}"
    if np.isnan(array).any():
        return f"{int(np.isnan(array).sum())} of {array.size} results are NaN"
    if np.allclose(array, expected, rtol=1e-5, atol=1e-8):
        return ""
    with np.errstate(invalid="ignore"):  # inf - inf, where both are right
        gap = np.where(array == expected, 0, np.abs(array - expected))
    place = np.unravel_index(gap.argmax(), array.shape)
    at = f" at {tuple(int(i) for i in place)}" if place else ""
    right, got = np.asarray(expected)[place], array[place]
    return f"expected {right:.7g}{at}, got {got:.7g}"  # shows what the tolerance does not forgive


def fresh(argument):
    """Copy an argument, so that an answer that writes into it harms nobody."""
    return np.array(argument) if isinstance(argument, np.ndarray) else argument


def awkward(argument):
    """Copy an argument into a strided, read-only view of a larger array."""
    if not isinstance(argument, np.ndarray) or argument.ndim == 0:
        return argument
    filling = np.nan if argument.dtype.kind == "f" else 1
    roomy = np.full([2 * size for size in argument.shape], filling, argument.dtype)
    view = roomy[tuple(slice(1, None, 2) for _ in argument.shape)]
    view[...] = argument
    view.flags.writeable = False
    return view
