"""The ledger: its rows are validated, shown as a table, and carried as data."""

import json

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from attn_helpers.claims import METADATA, Claim, ledger

ROW = {"source": "3.2", "text": "It is fast.", "verdict": "holds", "measured": "2 ms"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (True, "holds"),
        (False, "does not hold"),
        (np.float64(2) < 1, "does not hold"),
        (np.array([1.0, 2.0]).all(), "holds"),
        ("holds when d_k is small", "holds when d_k is small"),
    ],
)
def test_verdict_is_in_words(given, shown):
    assert Claim(**ROW | {"verdict": given}).verdict == shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", ""),
        ("source", "chapter 3"),
        ("source", "3."),
        ("source", 3.2),
        ("text", "  "),
        ("text", "two\nlines"),
        ("verdict", "probably"),
        ("verdict", "holds when "),
        ("verdict", 1),
        ("verdict", None),
        ("verdict", np.array([1, 2])),
        ("measured", None),
    ],
)
def test_bad_field_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        Claim(**ROW | {name: value})


@pytest.mark.parametrize("rows", [[ROW], ["text"], [Claim(**ROW), None]])
def test_ledger_takes_claims_only(rows):
    with pytest.raises(TypeError, match="Claim"):
        ledger(rows)


def test_notebook_gets_a_table_and_the_rows():
    claims = ledger(Claim(**ROW | {"text": text}) for text in ("It is fast.", "|a| < |b|"))
    data, metadata = DisplayFormatter().format(claims)
    assert set(data) == {"text/plain", "text/markdown"}
    assert metadata == {METADATA: [ROW, ROW | {"text": "|a| < |b|"}]}
    assert json.loads(json.dumps(metadata)) == metadata
    lines = data["text/markdown"].splitlines()
    assert lines[0] == "| Section | What the source claims | Verdict | What we measured |"
    assert lines[2] == "| 3.2 | It is fast. | holds | 2 ms |"
    assert lines[3] == r"| 3.2 | \|a\| < \|b\| | holds | 2 ms |"
    assert data["text/plain"] == (
        "3.2: It is fast.\n   holds (2 ms)\n3.2: |a| < |b|\n   holds (2 ms)"
    )
