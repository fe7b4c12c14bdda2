"""Make the copies of the chapters that a class uses: ``make student``, ``make teacher``.

Student copies have no solutions and no outputs in the exercises; they run from top to bottom,
because an unwritten answer is no error. Teacher copies have the solutions unfolded, and after each
check a note of what it tries and which misconceptions it knows, taken from the check itself. What
a cell's metadata keep under `teacher_note` is added to the note and left out for students.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from attn_helpers import checks

ROOT = Path(__file__).resolve().parents[2]
CHECK = re.compile(r"\bchecks\.(ch\d+)\.(\w+)\(")


def is_solution(cell: NotebookNode) -> bool:
    """Tell whether a cell is tagged as a solution."""
    return "solution" in cell.metadata.get("tags", [])


def student(notebook: NotebookNode) -> NotebookNode:
    """Take out solutions, teachers' notes and the outputs of the exercises, in place."""
    notebook.cells = [cell for cell in notebook.cells if not is_solution(cell)]
    depth = 0  # of the heading that began the exercises
    for cell in notebook.cells:
        cell.metadata.pop("teacher_note", None)
        if cell.cell_type == "markdown":
            for marks, heading in re.findall(r"(?m)^(#+) +(.+)$", cell.source):
                if not depth or len(marks) <= depth:
                    depth = len(marks) if "exercise" in heading.lower() else 0
        elif cell.cell_type == "code" and (depth or CHECK.search(cell.source)):
            cell.outputs, cell.execution_count = [], None
    return notebook


def teacher(notebook: NotebookNode) -> NotebookNode:
    """Unfold the solutions and add a note after each check, in place."""
    cells, seen = [], set()
    for cell in notebook.cells:
        cells.append(cell)
        if is_solution(cell):
            cell.metadata.get("jupyter", {}).pop("source_hidden", None)
            cell.metadata.pop("cellView", None)
        notes = [cell.metadata["teacher_note"]] if "teacher_note" in cell.metadata else []
        if cell.cell_type == "code" and not is_solution(cell):
            for found in CHECK.findall(cell.source):
                if found not in seen:
                    seen.add(found)
                    notes.append(about(*found))
        if notes:
            text = "\n\n".join(["**Teacher's note**", *notes])
            cells.append(new_markdown_cell(text, id=f"note-{cell.id}"[:64]))
    notebook.cells = cells
    return notebook


def about(chapter: str, name: str) -> str:
    """Return what a check tries, and the misconceptions that it knows, as Markdown."""
    exercise = getattr(getattr(checks, chapter), name)
    lines = [f"`checks.{chapter}.{name}` tries whether the answer"]
    lines += [f"- {prop.name}" for prop in exercise.properties]
    lines += ["", "and has a hint for each of these misconceptions:", ""]
    lines += [f"- {hint}" for hint in dict.fromkeys(hint for hint, _ in exercise.mistakes)]
    lines.insert(1, "")
    return "\n".join(lines)


VERSIONS = {"student": student, "teacher": teacher}


def main() -> None:
    """Write one version of every chapter into _build."""
    if len(sys.argv) != 2 or sys.argv[1] not in VERSIONS:
        raise SystemExit("usage: python book/tools/classroom.py student|teacher")
    version = sys.argv[1]
    folder = ROOT / "_build" / version
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        notebook = VERSIONS[version](nbformat.read(path, as_version=4))
        nbformat.validate(notebook)
        nbformat.write(notebook, folder / path.name)
        print((folder / path.name).relative_to(ROOT))


if __name__ == "__main__":
    main()
