"""What a check says: a line for each property, and a verdict."""

from dataclasses import dataclass

__all__ = ["Finding", "Report"]


@dataclass(frozen=True)
class Finding:
    """One property of an answer, tried.

    Parameters
    ----------
    property : str
        What a right answer does, as a phrase: "the weights sum to one".
    problem : str
        What went wrong; empty if nothing did.
    hint : str
        The misconception behind it, and the way on.
    """

    property: str
    problem: str = ""
    hint: str = ""

    def __str__(self):
        if not self.problem:
            return f"✓ {self.property}"
        lines = [f"✗ {self.property}: {self.problem}"]
        return "\n".join(lines + [f"  Hint: {self.hint}"] * bool(self.hint))


@dataclass(frozen=True)
class Report:
    """The verdict on one answer: its findings, none if nothing was attempted."""

    exercise: str
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self):
        """True if every property held, False if one did not, None if nothing was attempted."""
        if not self.findings:
            return None
        return not any(finding.problem for finding in self.findings)

    def __repr__(self):
        if self.passed is None:
            return (
                f"{self.exercise}: no answer yet. Write it, run its cell, then run this one again."
            )
        held = sum(not finding.problem for finding in self.findings)
        verdict = "passed" if self.passed else "not yet"
        return f"{self.exercise}: {verdict}, {held} of {len(self.findings)} properties hold."
