"""As a student in Colab: the package from its wheel, and the student's copy of a chapter.

`make test` runs each chapter alone beside that wheel, with its solutions in it. So nothing may lean
on a solution: then the student's copy, which lacks them, runs as well.
"""

import subprocess
import symtable
import zipfile
from pathlib import Path

import classroom
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests import alone

NOTEBOOKS = sorted((alone.ROOT / "chapters").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return alone.build_wheel(tmp_path_factory.mktemp("wheel"))


def test_wheel_has_all_that_the_package_has(wheel):
    there = {
        path.relative_to(alone.ROOT).as_posix()
        for path in (alone.ROOT / "attn_helpers").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and ".ipynb_checkpoints" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == there
    assert {Path(name).suffix for name in packed} >= {".py", ".js", ".css"}


def test_chapters_that_run_alone_take_the_package_from_the_wheel(wheel, tmp_path):
    python = alone.environment(wheel, tmp_path / "venv")
    result = subprocess.run(
        [python, "-c", "import attn_helpers, torch; print(attn_helpers.__file__)"],
        cwd=tmp_path,
        env=alone.outside_this_checkout(),
        capture_output=True,
        text=True,
    )
    assert result.stdout.startswith(str(tmp_path / "venv")), result.stderr


def test_what_a_chapter_leaves_behind_is_seen(tmp_path):
    for name in ("01_a/01_a.ipynb", "02_b/02_b.ipynb", "02_b/run.log", "02_b/01_a.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert alone.left_behind(tmp_path) == ["02_b/01_a.ipynb", "02_b/run.log"]


def names(source):
    """Return the names that a cell binds at its top level, and the global names that it reads."""

    def nested(table):
        yield table
        for child in table.get_children():
            yield from nested(child)

    top = symtable.symtable(TransformerManager().transform_cell(source), "cell", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read = {
        symbol.get_name()
        for table in nested(top)
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (table is top or symbol.is_global())
    }
    return bound - {"_"}, read - {"_"}


def shared_with_solutions(notebook):
    """Return the names bound by a solution that another cell binds or reads."""
    ours, others = set(), set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            bound, read = names(cell.source)
            if classroom.is_solution(cell):
                ours |= bound
            else:
                others |= bound | read
    return ours & others


@pytest.mark.parametrize(
    ("source", "shared"),
    [
        ("y = 2", set()),
        ("print(x)", {"x"}),
        ("x = 1", {"x"}),
        ("def f():\n    return [x for _ in range(3)]", {"x"}),
        ("def f(x):\n    y = x\n    return lambda: y", set()),
        ("%matplotlib inline\nclass C:\n    width = solve(1)", {"solve"}),
        ("from math import pi as solve", {"solve"}),
        ("[x for x in range(3)]", set()),
    ],
)
def test_a_chapter_that_leans_on_a_solution_is_found(source, shared):
    solution = nbformat.v4.new_code_cell("def solve(a):\n    return a\n\n\nx, _ = solve(1), 2")
    solution.metadata["tags"] = ["solution"]
    notebook = nbformat.v4.new_notebook(cells=[solution, nbformat.v4.new_code_cell(source)])
    assert shared_with_solutions(notebook) == shared


@each_notebook
def test_nothing_leans_on_a_solution_nor_is_overwritten_by_one(path):
    notebook = nbformat.read(path, as_version=4)
    assert any(map(classroom.is_solution, notebook.cells)), "the chapter has no solution"
    shared = shared_with_solutions(notebook)
    assert not shared, f"names of a solution, bound or read elsewhere: {shared}"


@each_notebook
def test_every_stub_runs_and_has_no_answer_yet(path):
    """The outputs are those of a run: nbval compares them with a new one."""
    cells = [c for c in nbformat.read(path, as_version=4).cells if not classroom.is_solution(c)]
    asked = [c for c in cells if c.cell_type == "code" and classroom.CHECK.search(c.source)]
    assert asked
    for cell in asked:
        reports = [output.data["text/plain"] for output in cell.outputs if "data" in output]
        without = [report for report in reports if "no answer yet" in report]
        assert len(without) == len(classroom.CHECK.findall(cell.source)), cell.source
