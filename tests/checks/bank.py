"""What every chapter's bank of answers asserts: right ones pass, wrong ones earn their hint."""

import pytest


def answer_tests(chapter, right, wrong):
    """The two tests of a bank, one case for each answer.

    `right` is {exercise: [answer, ...]}, `wrong` is {exercise: [(answer, hint), ...]}.
    """
    bank = [(name, *pair) for name, pairs in wrong.items() for pair in pairs]

    @pytest.mark.parametrize(
        "name, answer", [(name, answer) for name, answers in right.items() for answer in answers]
    )
    def right_answers_pass(name, answer, capsys):
        assert_passes(getattr(chapter, name), answer, capsys)

    @pytest.mark.parametrize("name, answer, hint", bank, ids=[f"{n}: {h}" for n, _, h in bank])
    def wrong_answers_earn_their_hint(name, answer, hint, capsys):
        assert_earns(getattr(chapter, name), answer, hint, capsys)

    return right_answers_pass, wrong_answers_earn_their_hint


def hints(report):
    return [finding.hint for finding in report.findings if finding.hint]


def assert_passes(exercise, answer, capsys):
    report = exercise(answer)
    assert report.passed is True, capsys.readouterr().out


def assert_earns(exercise, answer, hint, capsys):
    report = exercise(answer)
    out = capsys.readouterr().out
    assert report.passed is False, out
    said = hints(report)
    assert len(said) == 1 and hint in said[0], out
