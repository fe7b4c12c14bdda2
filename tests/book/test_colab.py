"""As a student in Colab: the package from its wheel, and one notebook alone in an empty folder.

The notebook is the student's copy, so that a chapter that leans on a solution is found, too. With
their solutions the notebooks are run by nbval.
"""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import classroom
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
RUN = """
import sys, nbformat
sys.path.append(sys.argv[2])
import kernel_replies
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
cell = nbformat.v4.new_code_cell("import attn_helpers; print(attn_helpers.__file__)")
notebook.cells.append(cell)
NotebookClient(notebook, timeout=1200, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel and the libraries of this one, but not this checkout.

    A path in a .pth file does not make Python read the .pth files of that folder, so the editable
    install, which is one of them, stays out.
    """
    folder = tmp_path_factory.mktemp("colab") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    command = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install"]
    subprocess.run([*command, "--quiet", "--no-deps", "--no-index", wheel], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


def test_wheel_has_all_that_the_package_has(wheel):
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "attn_helpers").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and ".ipynb_checkpoints" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == there
    assert {Path(name).suffix for name in packed} >= {".py", ".js", ".css"}


@pytest.mark.skipif(os.name == "nt", reason="paths of a POSIX virtual environment")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_student_copy_runs_alone(path, python, tmp_path):
    original = nbformat.read(path, as_version=4)
    assert any(map(classroom.is_solution, original.cells)), "the chapter has no solution"
    copy = classroom.student(original)
    assert not any(map(classroom.is_solution, copy.cells))
    alone = tmp_path / "alone" / path.name
    alone.parent.mkdir()
    nbformat.write(copy, alone)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter")}
    result = subprocess.run(
        [python, "-c", RUN, alone.name, ROOT / "book" / "ext"],
        cwd=alone.parent,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    cells = [c for c in nbformat.read(alone, as_version=4).cells if c.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert cells[-1].outputs[0].text.startswith(str(python.parents[1]))
    asked = classroom.CHECK.findall("".join(cell.source for cell in cells))
    reports = [output.data["text/plain"] for output in outputs if "data" in output]
    assert asked and sum("no answer yet" in report for report in reports) == len(asked)
    assert [file.name for file in alone.parent.iterdir()] == [path.name]  # leaves nothing behind
