"""Write requirements.txt, the one list of pins, from pyproject.toml: ``make lock``.

uv resolves once for Python 3.11 to 3.13 on every system. Pins that are already in the file are
kept while they still fit; ``make lock ARGS=--upgrade`` takes the newest of everything.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.txt"
HEADER = """\
# The lock: every package of the course at one version. Written by `make lock`; do not edit.
# What CUDA needs is not listed: the Linux build of torch names those packages, pinned, itself.
"""
# torch is pinned because recorded figures depend on it. A kernel of ipykernel 7 now and then
# never answers (see github.com/microsoft/vscode-jupyter/issues/17228). The others have newer
# releases that no longer install on Python 3.11, and every Python is to have the same version.
CONSTRAINTS = [
    "torch==2.13.0", "ipykernel<7", "numpy<2.5", "scipy<1.18", "contourpy<1.4", "networkx<3.7",
]  # fmt: skip
CUDA = re.compile(r"(nvidia-|cuda-|triton\b)")


def find_uv() -> list[str]:
    """Return the command for uv, which is installed beside this Python when it is missing."""
    if found := shutil.which("uv"):
        return [found]
    print(f"No uv on PATH: installing it into {sys.prefix}.")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True)
    return [sys.executable, "-m", "uv"]


def resolve(pins: str, options: list[str]) -> list[str]:
    """Return the lines of a new lock that keeps what it can of the text `pins`."""
    with tempfile.TemporaryDirectory() as folder:
        constraints, output = Path(folder, "constraints.txt"), Path(folder, "requirements.txt")
        constraints.write_text("\n".join(CONSTRAINTS))
        output.write_text(pins)
        command = [
            *find_uv(), "pip", "compile", "pyproject.toml", "--all-extras", "--universal",
            "--python-version", "3.11", "--no-annotate", "--no-header", "--quiet",
            "--constraint", str(constraints), "--output-file", str(output), *options,
        ]  # fmt: skip
        subprocess.run(command, cwd=ROOT, check=True)
        return output.read_text().splitlines()


def main() -> None:
    """Resolve, drop the CUDA packages, write the file and say what changed."""
    before = LOCK.read_text() if LOCK.exists() else ""
    lines = [line for line in resolve(before, sys.argv[1:]) if not CUDA.match(line)]
    LOCK.write_text(HEADER + "\n".join(lines) + "\n")
    old = {line for line in before.splitlines() if not line.startswith("#")}
    for line in sorted(old ^ set(lines)):
        print("-" if line in old else "+", line)
    print(f"{LOCK.name}: {len(lines)} packages.")


if __name__ == "__main__":
    main()
