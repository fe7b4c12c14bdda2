"""Every mistake that a check knows, in every chapter, is rejected with its own hint."""

import pytest

from attn_helpers import checks
from tests.checks.bank import hints

EXERCISES = {
    f"{chapter}.{name}": getattr(getattr(checks, chapter), name)
    for chapter in checks.__all__
    for name in getattr(checks, chapter).__all__
}


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES.keys())
def test_every_mistake_is_rejected_with_its_own_hint(exercise):
    assert exercise.mistakes
    for hint, mistaken in exercise.mistakes:
        report = exercise(mistaken)
        assert report.passed is False
        assert hints(report) == [hint]
