"""Write book/benchmarks.md from the recorded run: `--check` only tells whether it is up to date.

The record is attn_helpers/data/measurements/cpu.json; ``make record`` makes both anew.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "attn_helpers/data/measurements/cpu.json"
PAGE = ROOT / "book/benchmarks.md"
HEAD = """\
# Benchmarks

What the course's own implementations cost beside others that compute the same. Contenders take
turns within one run, on one thread, and the clock counts processor time, so a busy moment hits all
of them; *times* is the ratio of medians, with the quartiles of the ratios turn by turn.
`make bench` measures anew on your machine. This page shows one recorded run.

- {date}; {machine}
- {versions}
"""


def page(record):
    """Return the page as Markdown."""
    lines = [
        HEAD.format(
            date=record["date"],
            machine=", ".join(f"{name} {value}" for name, value in record["machine"].items()),
            versions=", ".join(
                f"{name} {value}"
                for name, value in record["versions"].items()
                if name not in record["machine"]
            ),
        )
    ]
    for title in dict.fromkeys(suite["title"] for suite in record["suites"]):
        lines.append(f"## {title}\n")
        for suite in record["suites"]:
            if suite["title"] == title:
                lines += table(suite)
    return "\n".join(lines)


def table(suite):
    """Return one suite as the lines of a table, and its bars below."""
    base = suite["base"]
    spreads = any(row["low"] is not None for row in suite["rows"])
    lines = [
        f"*{suite['setting']}*\n",
        f"| | {suite['unit']} | times {base} |" + " quartiles |" * spreads,
        "|---|---:|---:|" + "---:|" * spreads,
    ]
    for row in suite["rows"]:
        low, high = row["low"], row["high"]
        spread = "" if low is None or row["name"] == base else f"{low:.2f} to {high:.2f}"
        digits = 2 if row["value"] < 10 else 1 if row["value"] < 100 else 0
        value = f"{row['value']:,.{digits}f}"
        cells = [row["name"], value, f"{row['times']:.2f}", *[spread] * spreads]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for bar in suite["bars"]:
        verdict = "met" if bar["met"] else "**missed**"
        lines.append(
            f"- {bar['what']}: {bar['measured']:.2f}; the bar is {bar['sense']} {bar['limit']}: "
            f"{verdict}"
        )
    return [*lines, ""] if suite["bars"] else lines


def main(arguments=None):
    """Write the page, or with --check compare it and end with 1 if it is stale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    text = page(json.loads(RECORD.read_text(encoding="utf-8")))
    if not parser.parse_args(arguments).check:
        PAGE.write_text(text, encoding="utf-8")
        return
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE.name} is not what the record says: run `make record`")


if __name__ == "__main__":
    main()
