"""Run every test, stage by stage, and say what each stage took: ``make test``.

The book is built first when it is missing or older than its sources, so that the browser tests
see the current one. A stage that fails does not stop the ones after it.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests import alone

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "_build" / "tests"
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
STAGES = {
    "package": [
        "tests", "attn_helpers", "--doctest-modules", "-m", "not browser",
        "-n", "2", "--dist", "worksteal",
    ],
    "notebooks": [
        alone.CHAPTERS, "--nbval", "--nbval-sanitize-with", "tests/nbval.cfg",
        "-n", "2", "--dist", "loadfile",
    ],
    "browser": ["tests", "-m", "browser"],
}  # fmt: skip
COUNTS = ("passed", "failed", "skipped")


def title(text: str) -> None:
    """Announce a stage."""
    print(f"\n== {text} {'=' * (75 - len(text))}", flush=True)


def build_book() -> bool:
    """Bring the book up to date; without Node say so in a line, which fails only under CI."""
    node = subprocess.run(["make", "--no-print-directory", "node"], cwd=ROOT)
    if node.returncode:
        print("No Node: the book is not built, and what needs it or Node is skipped.")
        return os.environ.get("CI") != "true"
    return subprocess.run(["make", "--no-print-directory", "book"], cwd=ROOT).returncode == 0


def run_notebooks() -> bool:
    """Run the chapters with the package from its wheel, each in a folder of its own."""
    try:
        python = alone.set_out()
    except subprocess.CalledProcessError as error:
        print(error)
        return False
    fine = run_pytest("notebooks", python, alone.outside_this_checkout())
    left = alone.left_behind()
    if left:
        print("Left behind by a chapter:", ", ".join(left))
    return fine and not left


def run_pytest(stage: str, python=sys.executable, environment=os.environ) -> bool:
    """Run one stage of `STAGES`, and give each reason for skipping one line."""
    command = [python, "-m", "pytest", "-q", *STAGES[stage], "--junitxml", report(stage)]
    fine = subprocess.run(command, cwd=ROOT, env={**environment, **ONE_THREAD}).returncode == 0
    reasons = Counter(skipped.get("message") for skipped in suite(stage).iter("skipped"))
    for reason, number in reasons.items():
        print(f"{number} skipped: {reason}")
    return fine


def report(stage: str) -> Path:
    """Return the file in which pytest records a stage."""
    return REPORTS / f"{stage}.xml"


def suite(stage: str) -> ElementTree.Element:
    """Return what pytest has recorded of a stage; empty if it did not come so far."""
    empty = ElementTree.Element("testsuite", tests="0", failures="0", errors="0", skipped="0")
    file = report(stage)
    return ElementTree.parse(file).find("testsuite") if file.exists() else empty


def counts(stage: str) -> dict[str, int]:
    """Return how many tests of a stage passed, failed and were skipped."""
    tests, failures, errors, skipped = (
        int(suite(stage).get(name)) for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return {"passed": tests - failed - skipped, "failed": failed, "skipped": skipped}


def main() -> int:
    """Run all stages and print the table of times and counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", type=float, help="when the set-up began, in epoch seconds")
    since = parser.parse_args().since or time.time()
    # What the set-up put beside this Python (Node, where the system has none) comes first.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.glob("*.xml"):
        old.unlink()

    rows = [("install", time.time() - since, {}, True)]
    for stage in ["book", *STAGES]:
        title(stage)
        start = time.time()
        if stage == "book":
            fine = build_book()
        elif stage == "notebooks":
            fine = run_notebooks()
        else:
            fine = run_pytest(stage)
        rows.append((stage, time.time() - start, counts(stage) if stage in STAGES else {}, fine))

    title("summary")
    print(f"{'stage':<10}{'seconds':>8}" + "".join(f"{name:>9}" for name in COUNTS))
    for stage, seconds, count, fine in rows:
        numbers = "".join(f"{count[name]:>9}" for name in count) or " " * 27
        print(f"{stage:<10}{seconds:>8.0f}{numbers}" + ("" if fine else "  FAILED"))
    total = [sum(count.get(name, 0) for _, _, count, _ in rows) for name in COUNTS]
    print("\n{} passed, {} failed, {} skipped".format(*total), flush=True)
    return 0 if all(fine for *_, fine in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
