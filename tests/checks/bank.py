"""What every chapter's bank of answers asserts: right ones pass, wrong ones earn their hint."""


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
