"""What a benchmark has measured: suites of contenders, as a table for people and as JSON."""

import datetime
import json
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import NamedTuple

from attn_helpers.device import describe
from benchmarks.timing import ratio

__all__ = ["Bar", "Row", "Suite", "finish", "record", "timed", "versions", "write"]


class Row(NamedTuple):
    """One contender: its median, and that as a multiple of the base's, with quartiles if timed."""

    name: str
    value: float
    times: float
    low: float | None = None
    high: float | None = None

    @property
    def spread(self):
        """The quartiles as text."""
        return "" if self.low is None else f"({self.low:.2f}-{self.high:.2f})"


class Bar(NamedTuple):
    """What we hold a number to."""

    what: str
    measured: float
    sense: str  # "at most" or "at least"
    limit: float

    @property
    def met(self):
        """Whether the number is on the right side."""
        return (
            self.measured <= self.limit if self.sense == "at most" else self.measured >= self.limit
        )

    def __str__(self):
        verdict = "met" if self.met else "MISSED"
        return f"{self.what}: {self.measured:.3g}, {self.sense} {self.limit}: {verdict}"


class Suite(NamedTuple):
    """Contenders that took turns in one run, and the reasons why others could not."""

    title: str
    setting: str
    base: str
    rows: list[Row]
    bars: Sequence[Bar] = ()
    unit: str = "ms"
    left_out: Mapping[str, str] = MappingProxyType({})

    def times(self, name):
        """Return a contender's median divided by the base's."""
        return {row.name: row.times for row in self.rows}[name]

    def __str__(self):
        width = max(len(row.name) for row in self.rows)
        lines = [f"{self.title} ({self.setting})"]
        lines.append(f"  {'':{width}s} {self.unit:>10s}  times {self.base}")
        for row in self.rows:
            value = round(row.value, 2 if row.value < 10 else 1 if row.value < 100 else None)
            lines.append(f"  {row.name:{width}s} {value:10}  {row.times:.2f} {row.spread}".rstrip())
        lines += [f"  left out: {name} ({reason})" for name, reason in self.left_out.items()]
        return "\n".join(lines + [f"  {bar}" for bar in self.bars])


def timed(title, setting, seconds, base):
    """Make a `Suite` without bars from what `interleaved` gave; the base comes first."""
    rows = [
        Row(name, 1e3 * statistics.median(seconds[name]), *ratio(seconds, name, base))
        for name in sorted(seconds, key=lambda name: name != base)
    ]
    return Suite(title, setting, base, rows)


def finish(suites):
    """Print suites as they come, and end the program: with 1 if a bar is missed."""
    missed = 0
    for suite in suites:
        print(suite, end="\n\n", flush=True)
        missed += sum(not bar.met for bar in suite.bars)
    sys.exit(int(missed > 0))


def versions(packages):
    """Return the versions of packages; one that is not installed is left out, with a line."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            print(f"{name} is not installed: left out of the versions")
    return found


def record(suites, packages, device="cpu"):
    """Return suites as what JSON can hold, with the day, the machine and the versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "device": device,
        "machine": describe(),
        "versions": {"Python": platform.python_version()} | packages,
        "suites": [
            suite._asdict()
            | {
                "left_out": dict(suite.left_out),
                "rows": [row._asdict() for row in suite.rows],
                "bars": [bar._asdict() | {"met": bar.met} for bar in suite.bars],
            }
            for suite in suites
        ],
    }


def write(made, path):
    """Write a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
