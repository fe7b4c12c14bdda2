"""What has been measured on other machines than the reader's, and recorded with its circumstances.

`python -m benchmarks` and `python -m benchmarks.gpu` write such records, one file for each machine.
"""

import json
from pathlib import Path

__all__ = ["as_text", "measurements"]

FOLDER = Path(__file__).parent / "measurements"


def measurements(folder=FOLDER):
    """Return the recorded measurements, of which there may be none.

    Parameters
    ----------
    folder : path, optional
        Where they are; the package's own by default.

    Returns
    -------
    dict of str to dict
        By the name of the file, "cpu" or "gpu_<card>". Each has "date", "device" ("cpu" or "cuda":
        what was measured), "machine" and "versions", and "suites", a list: "title", "setting",
        "unit", "base" (the contender that others are compared with), "rows" ("name", "value",
        "times", the multiple of the base's, and "low" and "high", its quartiles, or null), "bars"
        ("what", "measured", "sense", "limit", "met") and "left_out", the contenders that were
        refused, with the reason.

    Examples
    --------
    >>> cards = [name for name in measurements() if name.startswith("gpu_")]
    """
    files = sorted(Path(folder).glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def as_text(record):
    """Return a record as lines to print: with what it was made, then every suite by its title.

    Parameters
    ----------
    record : dict
        One of `measurements`.

    Returns
    -------
    str
    """
    machine, versions = record["machine"], record["versions"].items()
    name = machine["processor" if record["device"] == "cpu" else "GPU"]
    lines = [f"{name}, {record['date']}: {', '.join(f'{key} {value}' for key, value in versions)}"]
    for title in dict.fromkeys(suite["title"] for suite in record["suites"]):
        suites = [suite for suite in record["suites"] if suite["title"] == title]
        lines += ["", f"{title}, {suites[0]['unit']}"]
        for suite in suites:
            values = (f"{row['name']} {_rounded(row['value'])}" for row in suite["rows"])
            lines.append(f"  {suite['setting']}: {', '.join(values)}")
            left_out = suite.get("left_out", {}).items()
            lines += [f"    left out: {name} ({reason})" for name, reason in left_out]
    return "\n".join(lines)


def _rounded(value):
    """Return a number with three digits, or with all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
