"""Attention programmed by hand: type a program, turn its numbers, paint its mask, see weights."""

import json
from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import shapes
from attn_helpers.programs import Program, program_from_json
from attn_helpers.programs.grid import Grid
from attn_helpers.programs.modes import MODES
from attn_helpers.reference.softmax import softmax
from attn_helpers.widgets import attention_arrays
from attn_helpers.widgets.attention_arrays import (
    MOST_HEADS,
    MOST_TOKENS,
    check_array,
    check_keys,
    check_place,
)
from attn_helpers.widgets.base import (
    Array,
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["ProgramEditor"]

FITTING = ("tokens", "key_tokens", "scores", "v", "program", "compare", "q_start")
LATEST_START = 4096  # the browser writes a row of a painted mask for every position up to there
PLAIN = program_from_json('{"score": "s"}')


def check_program(program):
    """Return a program."""
    if not isinstance(program, Program):
        raise TypeError(f"a program is made by program(...) or mode(...), it cannot be {program!r}")
    return program


def check_compare(program):
    """Return the second program, or None."""
    return None if program is None else check_program(program)


def check_scores(scores):
    """Return scores of two or three axes as float64."""
    if scores is None:
        raise TypeError("scores must be an array, but it is None")
    return check_array("scores", scores).astype(np.float64)


def check_together(*, tokens, key_tokens, scores, v, program, compare, q_start):
    """Refuse what does not go together, and return how many heads there are, and queries.

    Raises
    ------
    Mismatch
        A ValueError with every shape.
    """
    given = {"tokens": tokens, "key_tokens": key_tokens, "scores": scores, "v": v}
    every = shapes(**{name: value for name, value in given.items() if value is not None})
    n_q, n_k = len(tokens), len(tokens if key_tokens is None else key_tokens)
    if not (1 <= n_q <= MOST_TOKENS and 1 <= n_k <= MOST_TOKENS):
        raise Mismatch(f"1 to {MOST_TOKENS} tokens and keys can be told apart: {every}")
    if scores.shape[-2:] != (n_q, n_k):
        raise Mismatch(f"scores needs a row for each of {n_q} tokens and {n_k} columns: {every}")
    n_heads = len(scores) if scores.ndim == 3 else None
    if not 1 <= (n_heads or 1) <= MOST_HEADS:
        raise Mismatch(f"scores needs 1 to {MOST_HEADS} heads: {every}")
    if v is not None and (v.shape[-2] != n_k or not v.shape[-1] or v.shape[:-2] not in (
        (), (1,), (n_heads,)
    )):  # fmt: skip
        raise Mismatch(f"v needs {n_k} rows of at least one feature, and the same heads: {every}")
    if not 0 <= q_start <= LATEST_START:
        most = f"0 to {LATEST_START}"
        raise Mismatch(f"q_start must be a whole number, {most}, but it is {q_start}")
    for one in (program,) if compare is None else (program, compare):
        try:
            Grid(None, n_heads, n_q, n_k, q_start).check(one)
        except ValueError as error:
            raise Mismatch(f"{error} ({every})") from None
    return n_heads or 1, n_q


def to_wire(program, _=None):
    """Return a program as its JSON, parsed; None stays None."""
    return None if program is None else json.loads(program.to_json())


def from_wire(wire, _):
    """Return the program of what `to_wire` gave."""
    return None if wire is None else program_from_json(json.dumps(wire))


WIRE = {"sync": True, "to_json": to_wire, "from_json": from_wire}


class ProgramEditor(CheckedWidget):
    """One or two attention programs to type, turn, paint and compose, and what they do.

    The browser computes, so the widget also lives in a page without a kernel. With one,
    `editor.program` is the `Program` that the reader made, and may be set.

    Parameters
    ----------
    tokens : sequence of str of length n_q
        Names of 1 to 64 queries, shown as plain text.
    key_tokens : sequence of str of length n_k, optional
        Names of 1 to 64 keys. Without them it is self-attention: the keys are the tokens.
    q, k : array-like of shape (n_q, d_k) and (n_k, d_k), or with n_heads in front, optional
        Queries and keys of up to 12 heads, kept as the scores q·k / sqrt(d_k).
    v : array-like of shape (n_k, d_v) or (n_heads, n_k, d_v), optional
        Values; with them the widget shows the output too.
    scores : array-like of shape (n_q, n_k) or (n_heads, n_q, n_k), optional
        Scaled scores in place of q and k. Without any, every score is 0.
    program, compare : Program, optional
        The program, by default plain attention, and a second one to show beside it.
    q_start : int, default 0
        Position of the first query.
    query, head : int, default 0
        The ones shown.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    Every argument but q and k is also a trait. Derived in 02_2.

    Examples
    --------
    >>> from attn_helpers.programs import program
    >>> editor = ProgramEditor(["a", "b"], program=program("j <= i"))
    >>> editor.weights
    array([[1. , 0. ],
           [0.5, 0.5]])
    >>> editor.program
    program("j <= i")
    """

    _esm = script(
        "attention", "attention_figure", "attention_hand", "program", "program_compose",
        "program_paint", "program_outcome", "program_picture", "program_panel", "program_editor",
    )  # fmt: skip
    _css = style("attention_figure", "program_editor")

    tokens = Checked(partial(check_names, "tokens")).tag(sync=True)
    key_tokens = Checked(check_keys).tag(sync=True)
    scores = Array(check_scores)
    v = Array(partial(check_array, "v"))
    program = Checked(check_program).tag(**WIRE)
    compare = Checked(check_compare).tag(**WIRE)
    q_start = Checked(partial(check_place, "q_start")).tag(sync=True)
    query = Checked(partial(check_place, "query")).tag(sync=True)
    head = Checked(partial(check_place, "head")).tag(sync=True)
    _modes = traitlets.List(
        [
            {"name": mode.name, "sentence": mode.sentence, "program": to_wire(mode.program())}
            for mode in MODES.values()
        ],
        read_only=True,
    ).tag(sync=True)

    def __init__(
        self,
        tokens,
        key_tokens=None,
        *,
        q=None,
        k=None,
        v=None,
        scores=None,
        program=None,
        compare=None,
        q_start=0,
        query=0,
        head=0,
    ):
        tokens, key_tokens = check_names("tokens", tokens), check_keys(key_tokens)
        if (q is None) != (k is None) or (q is not None and scores is not None):
            raise ValueError("give both q and k, or scores, or none of them")
        if q is not None:
            q, k = check_array("q", q), check_array("k", k)
            given = {"tokens": tokens, "keys": key_tokens, "q": q, "k": k}
            attention_arrays.check_together(**given, v=None, weights=None, mask=None)
            scores = attention_arrays.scores_of(q, k, "scaled dot")
        elif scores is None:
            scores = np.zeros((len(tokens), len(key_tokens or tokens)))
        super().__init__(
            tokens=tokens,
            key_tokens=key_tokens,
            scores=scores,
            v=v,
            program=PLAIN if program is None else program,
            compare=compare,
            q_start=q_start,
            query=query,
            head=head,
        )

    def _sizes(self, **proposed):
        return check_together(**{name: getattr(self, name) for name in FITTING} | proposed)

    @traitlets.validate(*FITTING)
    def _fit(self, proposal):
        self._sizes(**{proposal.trait.name: proposal.value})
        return proposal.value

    @traitlets.validate("query", "head")
    def _fit_place(self, proposal):
        name, value = proposal.trait.name, proposal.value
        n_heads, n_q = self._sizes()
        most = {"query": n_q, "head": n_heads}[name]
        if not 0 <= value < most:
            raise Mismatch(f"{name} must be one of 0 to {most - 1}, but it is {value}")
        return value

    @traitlets.observe("tokens", "scores")
    def _stay_inside(self, _):
        n_heads, n_q = self._sizes()
        for name, count in ("query", n_q), ("head", n_heads):
            if getattr(self, name) >= count:
                setattr(self, name, 0)

    @property
    def weights(self):
        """An array (n_q, n_k) or (n_heads, n_q, n_k), what `program` makes of the scores.

        Raises
        ------
        ProgramError
            If a score that the mask allows comes out as NaN or +inf.
        """
        return softmax(self.program.apply(self.scores, q_start=self.q_start))

    @property
    def out(self):
        """An array (n_q, d_v) or (n_heads, n_q, d_v), weights @ v; None without v."""
        return None if self.v is None else self.weights @ self.v.astype(np.float64)

    def __repr__(self):
        n_heads, n_q, n_k = ((1,) + self.scores.shape)[-3:]
        counts = {"query queries": n_q, "key keys": n_k, "head heads": n_heads}
        sizes = ", ".join(f"{n} {names.split()[n != 1]}" for names, n in counts.items())
        second = f", compare={str(self.compare)!r}" if self.compare is not None else ""
        return f"ProgramEditor({sizes}, program={str(self.program)!r}{second})"
