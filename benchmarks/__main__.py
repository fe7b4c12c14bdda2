"""Every suite beside peers, as tables and as JSON.

    python -m benchmarks [attention programs layers gpt_training generation] [--json PATH]

Ends with 1 if a bar is missed. The book shows a recorded run: attn_helpers/data/measurements.
"""

import argparse
import datetime
import importlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from attn_helpers.device import describe
from benchmarks.record import finish

SUITES = ("attention", "programs", "layers", "gpt_training", "generation")
PEERS = ("numpy", "torch", "transformers", "x-transformers")


def versions(packages):
    """Return the versions of packages; one that is not installed is left out, with a line."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            print(f"{name} is not installed: left out of the versions")
    return found


def record(suites, packages=PEERS):
    """Return suites as what JSON can hold, with the day, the machine and the versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": describe(),
        "versions": {"Python": platform.python_version()} | versions(packages),
        "suites": [
            suite._asdict()
            | {
                "rows": [row._asdict() for row in suite.rows],
                "bars": [bar._asdict() | {"met": bar.met} for bar in suite.bars],
            }
            for suite in suites
        ],
    }


def main():
    """Run the suites that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}; all by default")
    parser.add_argument("--json", type=Path, default=Path("_build/benchmarks.json"))
    given = parser.parse_args()
    if unknown := set(given.suites) - set(SUITES):
        parser.error(f"no suite {min(unknown)}; there are {', '.join(SUITES)}")
    done = []

    def every():
        for name in given.suites or SUITES:
            for suite in importlib.import_module(f"benchmarks.{name}").measure():
                done.append(suite)
                yield suite

    try:
        finish(every())
    finally:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(record(done), indent=1) + "\n", encoding="utf-8")
        print(f"written to {given.json}")


if __name__ == "__main__":
    main()
