"""Every chapter alone in an empty folder, beside the package from its wheel: as in Colab.

`make test` runs nbval there, which finds a notebook that needs another file of this checkout, a
wheel that lacks something, and a notebook that leaves files behind.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_build" / "alone"
CHAPTERS = FOLDER / "chapters"


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel, without a network."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel and the libraries of this one; return its Python.

    The editable install of this checkout stays out: it is a .pth file among the libraries, and
    Python does not read the .pth files of a folder that a .pth file names.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    within = {"base": str(folder), "platbase": str(folder)}
    python = Path(sysconfig.get_path("scripts", "venv", within)) / "python"
    install = ["-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *install, wheel], check=True)
    packages = Path(sysconfig.get_path("purelib", "venv", within))
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


def set_out() -> Path:
    """Put each chapter into a folder of its own in `CHAPTERS`; return the Python to use."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for path in (ROOT / "chapters").glob("*.ipynb"):
        folder = CHAPTERS / path.stem
        folder.mkdir(parents=True)
        shutil.copy(path, folder)
    return environment(build_wheel(FOLDER / "wheel"), FOLDER / "venv")


def left_behind(chapters: Path = CHAPTERS) -> list[str]:
    """List what lies beside the lone chapters."""
    return sorted(
        path.relative_to(chapters).as_posix()
        for path in chapters.glob("*/*")
        if path.name != f"{path.parent.name}.ipynb"
    )


def outside_this_checkout() -> dict[str, str]:
    """Return the environment variables without those that lead to this checkout's own Python."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
