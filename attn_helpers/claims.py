"""The ledger of claims: what the source says beside what a cell has measured.

A chapter ends with a cell that builds its rows from measured values and shows them:

>>> sharp = 0.998
>>> ledger([Claim("1", "Attention selects.", sharp > 0.99, f"weight on one key: {sharp}")])
1: Attention selects.
   holds (weight on one key: 0.998)

In a notebook the rows are shown as a Markdown table. They are also kept in the metadata of the
output, under `METADATA`, from where the book's page of claims takes them: no verdict is typed.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["METADATA", "Claim", "Ledger", "ledger"]

METADATA = "attn_claims"
HEADINGS = {
    "source": "Section",
    "text": "What the source claims",
    "verdict": "Verdict",
    "measured": "What we measured",
}


@dataclass(frozen=True)
class Claim:
    """One claim of the source, with the verdict of a measurement.

    Parameters
    ----------
    source : str
        Section of the source that says it: "1", "3.2.3".
    text : str
        What the source claims, in one sentence.
    verdict : bool or str
        "holds", "holds when ..." or "does not hold"; True and False stand for the first and last.
    measured : str
        The numbers that decide, formatted from the values that were measured.
    """

    source: str
    text: str
    verdict: bool | str
    measured: str

    def __post_init__(self):
        if isinstance(self.verdict, bool | np.bool_):
            object.__setattr__(self, "verdict", "holds" if self.verdict else "does not hold")
        for name in HEADINGS:
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or "\n" in value:
                raise ValueError(f"{name} must be one line of text, it is {value!r}")
        if not re.fullmatch(r"\d+(\.\d+)*", self.source):
            raise ValueError(f'source must be a section number such as "3.2", not {self.source!r}')
        if not re.fullmatch(r"holds|holds when \S.*|does not hold", self.verdict):
            raise ValueError(
                'verdict must be "holds", "holds when ..." or "does not hold" '
                f"(or True or False), not {self.verdict!r}"
            )


@dataclass(frozen=True)
class Ledger:
    """The claims of a chapter, in the order given; made by `ledger`."""

    claims: tuple[Claim, ...]

    def __repr__(self):
        return "\n".join(f"{c.source}: {c.text}\n   {c.verdict} ({c.measured})" for c in self)

    def __iter__(self):
        return iter(self.claims)

    def _repr_mimebundle_(self, include=None, exclude=None):
        rows = [asdict(claim) for claim in self]
        return {"text/plain": repr(self), "text/markdown": table(rows)}, {METADATA: rows}


def table(rows: list[dict[str, str]], headings: dict[str, str] = HEADINGS) -> str:
    """Return rows as a Markdown table; `headings` maps their keys to the heads of the columns."""
    lines = [list(headings.values()), ["---"] * len(headings)]
    lines += [[row[name].replace("|", r"\|") for name in headings] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def ledger(claims: Iterable[Claim]) -> Ledger:
    """Return claims as an object that a notebook shows as a table, with its rows as data."""
    claims = tuple(claims)
    for claim in claims:
        if not isinstance(claim, Claim):
            raise TypeError(f"a ledger holds Claim objects, not {type(claim).__name__}")
    return Ledger(claims)
