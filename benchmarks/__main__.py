"""Every suite beside peers, as tables and as JSON.

    python -m benchmarks [attention programs layers gpt_training generation] [--json PATH]

Ends with 1 if a bar is missed. What is measured is kept at once in _build/benchmarks.json; a run of
all suites that comes to its end is written to PATH, bars met or missed, and nothing less is. The
book shows a recorded run: attn_helpers/data/measurements.
"""

import argparse
import importlib
from pathlib import Path

from benchmarks.record import finish, record, versions, write

DRAFT = Path("_build/benchmarks.json")

SUITES = ("attention", "programs", "layers", "gpt_training", "generation")
PEERS = ("numpy", "torch", "transformers", "x-transformers")


def kept(names, path):
    """Yield the suites of these names; keep them as they come, and write all to `path` at last."""
    done, packages = [], versions(PEERS)
    for name in names:
        for suite in importlib.import_module(f"benchmarks.{name}").measure():
            done.append(suite)
            write(record(done, packages), DRAFT)
            yield suite
    if path:
        write(record(done, packages), path)
        print(f"written to {path}")


def main(arguments=None):
    """Run the suites that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}; all by default")
    parser.add_argument("--json", type=Path, help="where to write the record of a whole run")
    given = parser.parse_args(arguments)
    if given.json and given.suites:
        parser.error("a record is made of all suites: leave out their names, or --json")
    if unknown := set(given.suites) - set(SUITES):
        parser.error(f"no suite {min(unknown)}; there are {', '.join(SUITES)}")
    finish(kept(given.suites or SUITES, given.json))


if __name__ == "__main__":
    main()
