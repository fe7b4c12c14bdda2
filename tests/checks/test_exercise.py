"""The base of every check: it never raises, and its verdict is never wrong about these."""

import numpy as np
import pytest
import torch

from attn_helpers.checks.exercise import Exercise, Property, difference

ROWS = np.arange(6.0).reshape(2, 3)


def row_means(rows, weight):
    return (rows * weight).mean(axis=1)


EXERCISE = Exercise(
    "row_means",
    row_means,
    [
        Property("averages each row", [(ROWS, 2.0), (ROWS[:1] - 7, 0.5)], "Use `axis=1`."),
        Property("takes large numbers", [(ROWS * 1e4, 1.0)], "Do not cut anything off."),
    ],
    [("You average the columns.", lambda rows, weight: (rows * weight).mean(axis=0))],
)


def stub(rows, weight): ...


def raises_not_implemented(rows, weight):
    raise NotImplementedError


def computes_and_forgets(rows, weight):
    (rows * weight).mean(axis=1)


def in_place(rows, weight):
    rows *= weight
    return rows.mean(axis=1)


def exits(rows, weight):
    raise SystemExit(3)


@pytest.mark.parametrize(
    "answer", [None, ..., stub, raises_not_implemented, lambda r, w: (None, ...)]
)
def test_an_unwritten_answer_is_no_verdict(answer, capsys):
    report = EXERCISE(answer)
    assert report.passed is None
    assert "no answer yet" in repr(report)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "answer",
    [
        row_means,
        lambda rows, weight: [weight * sum(row) / len(row) for row in rows],
        lambda rows, weight: torch.tensor(rows.tolist()).mean(1) * weight,  # float32
        lambda rows, weight: np.einsum("ij->i", rows) * weight / rows.shape[1],
    ],
)
def test_right_answers_in_any_style_pass(answer, capsys):
    report = EXERCISE(answer)
    assert report.passed is True
    assert capsys.readouterr().out.count("✓") == 4
    assert repr(report) == "row_means: passed, 4 of 4 properties hold."


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda rows, weight: (rows * weight).mean(0), "You average the columns."),
        (
            lambda rows, weight: rows.mean(1),
            "expected 8 at (1,), got 4, for rows of shape (2, 3), weight 2",
        ),
        (lambda rows, weight: row_means(rows, weight)[:, None], "expected shape (2,), got (2, 1)"),
        (lambda rows, weight: row_means(rows, weight) * np.nan, "2 of 2 results are NaN"),
        (lambda rows, weight: 1 / 0, "ZeroDivisionError"),
        (lambda rows: rows, "TypeError"),
        (lambda rows, weight: "text", "got str"),
        (lambda rows, weight: {"mean": 1}, "got dict"),
        (lambda rows, weight: row_means(rows, weight).clip(max=9), "takes large numbers"),
        (lambda rows, weight: row_means(rows, weight) if len(rows) > 1 else None, "returned None"),
        (lambda rows, weight: row_means(rows, weight) + 1e-3, "got"),
        (lambda rows, weight: row_means(rows, weight) * (1 + 1j), "complex numbers of shape (2,)"),
        (lambda rows, weight: torch.tensor([1j, 2]), "got complex numbers of shape (2,)"),
        (computes_and_forgets, "Is a `return` missing?"),
        (exits, "SystemExit"),
        (in_place, "your function changed rows"),
        (3.5, "without calling it"),
        (np.ones(2), "without calling it"),
    ],
)
def test_wrong_answers_fail_with_words(answer, said, capsys):
    report = EXERCISE(answer)
    assert report.passed is False
    out = capsys.readouterr().out
    assert said in out, out
    assert out.count("Hint: ") == 1, "one hint at a time"


@pytest.mark.filterwarnings("error")
def test_an_answer_that_overflows_is_quiet(capsys):
    report = EXERCISE(lambda rows, weight: np.log(np.exp(rows * weight * 1000)).mean(1))
    assert report.passed is False
    assert capsys.readouterr().err == ""


def test_the_cases_stay_as_they_are_whatever_an_answer_does():
    kept = ROWS.copy()
    EXERCISE(in_place)
    assert np.array_equal(ROWS, kept)
    assert EXERCISE(row_means).passed is True


def split(rows, parts=2):
    return rows[:parts].sum(axis=0), rows[parts:]


SPLIT = Exercise(
    "split",
    split,
    [
        Property(
            "sums the head, and keeps the tail", [(np.ones((5, 3)),), (np.eye(4), 3)], "Try it."
        )
    ],
    [
        ("A mistake that these sizes do not allow.", lambda rows, parts=2: rows[:, 99]),
        ("You sum the tail.", lambda rows, parts=2: (rows[parts:].sum(axis=0), rows[parts:])),
    ],
    returns=("head", "tail"),
)


@pytest.mark.parametrize(
    "answer", [split, lambda rows, parts=2: [torch.tensor(x.tolist()) for x in split(rows, parts)]]
)
def test_two_results_are_compared_part_by_part(answer, capsys):
    assert SPLIT(answer).passed is True, capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, said, hint",
    [
        (lambda rows, parts=2: split(rows, 2), "head: expected 1 at (2,), got 0",
         "Look at the shape"),
        (lambda rows, parts=2: (split(rows, parts)[0], 0 * rows[parts:]), "tail: expected 1",
         "Try it."),
        (lambda rows, parts=2: (rows[parts:].sum(axis=0), rows[parts:]), "head: ",
         "You sum the tail."),
        (lambda rows, parts=2: split(rows, parts)[0], "expected head and tail, got ndarray",
         "End with `return head, tail`."),
        (lambda rows, parts=2: (*split(rows, parts), 0), "expected head and tail, got 3 results",
         "End with `return head, tail`."),
        (lambda rows, parts=2: (split(rows, parts)[0], None), "tail: expected shape (3, 3)",
         "Look at the shape"),
        (lambda rows, parts=2: split(rows, parts)[::-1], "head: expected shape (3,)",
         "Look at the shape"),
        (lambda rows, parts: split(rows, parts), "for rows of shape (5, 3)", "small example"),
    ],
)  # fmt: skip
def test_two_results_fail_with_the_name_of_the_wrong_one(answer, said, hint, capsys):
    assert SPLIT(answer).passed is False
    out = capsys.readouterr().out
    assert said in out and hint in out, out


def test_numbers_that_differ_late_are_shown_with_enough_digits():
    assert difference(0.1169, 0.11689852) == "expected 0.1168985, got 0.1169"


@pytest.mark.filterwarnings("error")
def test_an_expected_infinity_does_not_hide_the_wrong_place():
    expected = np.array([-np.inf, 1.0, 2.0])
    assert difference([-np.inf, 1.0, 2.0], expected) == ""
    assert difference([-np.inf, 1.5, 2.25], expected) == "expected 1 at (1,), got 1.5"
    assert difference([0.0, 1.5, 2.0], expected) == "expected -inf at (0,), got 0"
    assert difference([-np.inf, 1.5, np.inf], expected) == "expected 2 at (2,), got inf"
    assert difference(0.0, -np.inf) == "expected -inf, got 0"
