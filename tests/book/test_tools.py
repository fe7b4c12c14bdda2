"""The scripts behind `make student`, `teacher`, `set-repo`, `claims` and `lock`."""

import json
import shutil
import subprocess
from pathlib import Path

import claims
import classroom
import lock
import nbformat
import pytest
import set_repo
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from packaging.requirements import Requirement

from attn_helpers import checks

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
FOLDED = {"tags": ["solution"], "jupyter": {"source_hidden": True}, "cellView": "form"}


def printed(text):
    return [new_output("stream", name="stdout", text=text)]


def text_of(cell):
    """What a cell printed or returned, as one string."""
    parts = [out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs]
    return "\n".join(parts)


@pytest.fixture
def lesson():
    """A chapter in small: text, an exercise with its check and solution, a summary."""
    return new_notebook(
        cells=[
            new_markdown_cell("# A lesson\n\n## Build"),
            new_code_cell("1 + 1", outputs=printed("2"), execution_count=1),
            new_markdown_cell("## Exercises\n\n### 1 Softmax"),
            new_code_cell("def mine(s, t): ...", outputs=printed("x"), execution_count=2),
            new_code_cell(
                "checks.ch01.softmax(mine)",
                outputs=printed("no answer yet"),
                execution_count=3,
                metadata={"teacher_note": "Ten minutes."},
            ),
            new_code_cell(
                "checks.ch01.softmax(lambda s, t: s)",
                outputs=printed("passed"),
                execution_count=4,
                metadata=json.loads(json.dumps(FOLDED)),
            ),
            new_markdown_cell("## Summary"),
            new_code_cell("2 + 2", outputs=printed("4"), execution_count=5),
        ]
    )


def test_student_copy_has_no_solutions_notes_or_exercise_outputs(lesson):
    copy = classroom.student(lesson)
    assert len(copy.cells) == 7
    assert "lambda s, t: s" not in nbformat.writes(copy)
    assert "teacher_note" not in nbformat.writes(copy)
    outputs = {c.source: text_of(c) for c in copy.cells if c.cell_type == "code"}
    assert outputs["1 + 1"] == "2" and outputs["2 + 2"] == "4"
    assert outputs["def mine(s, t): ..."] == outputs["checks.ch01.softmax(mine)"] == ""
    nbformat.validate(copy)


def test_teacher_copy_unfolds_solutions_and_explains_checks(lesson):
    copy = classroom.teacher(lesson)
    assert len(copy.cells) == 9
    (solution,) = [cell for cell in copy.cells if classroom.is_solution(cell)]
    assert "cellView" not in solution.metadata
    assert "source_hidden" not in solution.metadata.get("jupyter", {})
    (note,) = [cell for cell in copy.cells if "Teacher's note" in cell.source]
    assert copy.cells[copy.cells.index(note) - 1].source == "checks.ch01.softmax(mine)"
    assert "Ten minutes." in note.source
    for prop in checks.ch01.softmax.properties:
        assert f"- {prop.name}" in note.source
    for hint, _ in checks.ch01.softmax.mistakes:
        assert f"- {hint}" in note.source
    nbformat.validate(copy)


def test_a_note_is_not_lost_on_any_kind_of_cell():
    cell = new_markdown_cell("Text.", metadata={"teacher_note": "Ask first."})
    copy = classroom.teacher(new_notebook(cells=[cell]))
    assert "Ask first." in copy.cells[1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_teacher_copy_of_a_chapter_has_a_note_for_each_check(path):
    notebook = nbformat.read(path, as_version=4)
    sources = [c.source for c in notebook.cells if not classroom.is_solution(c)]
    used = {found for source in sources for found in classroom.CHECK.findall(source)}
    copy = classroom.teacher(notebook)
    notes = "\n".join(c.source for c in copy.cells if "Teacher's note" in c.source)
    assert used and all(f"`checks.{chapter}.{name}`" in notes for chapter, name in used)


@pytest.fixture
def clone(tmp_path):
    """A copy of the repository's files that git knows."""
    for path in set_repo.tracked(ROOT):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_set_repo_changes_every_address_once(clone):
    old = "/".join(set_repo.owner_and_name(set_repo.current(clone)))
    url = "https://github.com/A-Teacher/my.course"
    changed = {str(path.relative_to(clone)) for path in set_repo.set_repository(clone, url)}
    assert {"README.md", "CITATION.cff", "_config.yml", "book/setup.md"} <= changed
    assert {f"chapters/{path.name}" for path in NOTEBOOKS} <= changed
    assert set_repo.current(clone) == url
    for path in set_repo.tracked(clone):
        text = path.read_bytes().decode("utf-8", errors="ignore")
        assert f"/{old}" not in text and old.replace("/", ".github.io/") not in text, path
        if path.suffix == ".ipynb":
            nbformat.validate(nbformat.reads(text, as_version=4))
    assert "https://A-Teacher.github.io/my.course" in (clone / "README.md").read_text()
    assert set_repo.set_repository(clone, url) == []
    assert set_repo.set_repository(clone, f"{url}.git") == []


def test_set_repo_goes_there_and_back(clone):
    before = {path: path.read_bytes() for path in set_repo.tracked(clone)}
    own = set_repo.current(clone)
    other = own.rpartition("/")[0].rpartition("/")[0] + "/me/attention"
    assert len(set_repo.set_repository(clone, other)) >= 5
    set_repo.set_repository(clone, own)
    assert {path: path.read_bytes() for path in set_repo.tracked(clone)} == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "you/yours",
        "https://github.com/you",
        "https://example.org/you/yours",
        "https://github.com/you/yours/tree/main",
        "https://github.com/you/yo urs",
        "https://github.com/you/yours\nx",
    ],
)
def test_set_repo_refuses_what_is_no_repository(url, clone):
    before = (clone / "README.md").read_bytes()
    with pytest.raises(ValueError, match="https://github.com/you/yours"):
        set_repo.set_repository(clone, url)
    assert (clone / "README.md").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://github.com/a/b.", "see https://github.com/c/d."),
        ("git+https://github.com/a/b.git@main", "git+https://github.com/c/d.git@main"),
        ("git@github.com/a/b/x", "git@github.com/c/d/x"),
        ("https://a.github.io/b/", "https://c.github.io/d/"),
        ("colab.research.google.com/github/a/b/blob", "colab.research.google.com/github/c/d/blob"),
        ("mybinder.org/v2/gh/a/b/main", "mybinder.org/v2/gh/c/d/main"),
        ("https://github.com/a/bc", "https://github.com/a/bc"),
        ("https://github.com/a/b-c", "https://github.com/a/b-c"),
        ("https://github.com/a/b.c", "https://github.com/a/b.c"),
        ("https://github.com/xa/b", "https://github.com/xa/b"),
        ("src/a/b", "src/a/b"),
    ],
)
def test_set_repo_leaves_other_addresses_alone(text, expected):
    assert set_repo.rewrite(text, ("a", "b"), ("c", "d")) == expected


def test_claims_page_and_cells_agree():
    text = claims.PAGE.read_text(encoding="utf-8")
    assert claims.problems(text, NOTEBOOKS) == []
    assert text.count("](../chapters/") >= len(NOTEBOOKS)


def test_claim_without_a_cell_and_cell_without_its_claim_are_found(tmp_path):
    def chapter(tags, recorded=True):
        row = {"source": "1", "text": "t", "verdict": "holds", "measured": "m"}
        metadata = {claims.METADATA: [row]} if recorded else {}
        shown = new_output("display_data", metadata=metadata)
        cell = new_code_cell("ledger(rows)", outputs=[shown], metadata={"tags": tags}, id="last")
        path = tmp_path / f"{tags}{recorded}" / "02_9_chapter.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=[cell]), path)
        return [path]

    empty = f"{claims.BEGIN}\n{claims.END}"
    page = claims.page(empty, chapter(["claims"]))
    assert claims.problems(page, chapter(["claims"])) == []
    for text, notebooks, fault in [
        (page, chapter([]), "no cell tagged claims"),
        (page, chapter([]), "cell last records claims, but is not tagged claims"),
        (page, chapter(["claims"], recorded=False), "cell last has recorded no claims"),
        (page, chapter(["claims"], recorded=False), "a row that no cell records: | 1 | t | holds"),
        (page.replace("holds", "does not hold"), chapter(["claims"]), "does not hold"),
        (claims.page(empty, []), chapter(["claims"]), "lacks a row that a cell records: | 1 | t"),
    ]:
        assert any(fault in problem for problem in claims.problems(text, notebooks)), fault


def test_claims_are_gathered_in_the_order_of_the_source(tmp_path):
    def row(source):
        return {"source": source, "text": f"t{source}", "verdict": "holds", "measured": "1 | 2"}

    rows = [row("10"), row("2.1"), row("2")]
    shown = new_output("display_data", metadata={claims.METADATA: rows})
    cells = [
        new_markdown_cell("# 02 Three *steps*\n\nText."),
        new_markdown_cell("## What we measured, and how?"),
        new_code_cell("ledger(rows)", outputs=[shown]),
    ]
    path = tmp_path / "02_1_steps.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    text = claims.page(f"before\n{claims.BEGIN}\nstale\n{claims.END}\nafter\n", [path])
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[0] for line in rows] == ["| 2", "| 2.1", "| 10"]
    link = "[02_1](../chapters/02_1_steps.ipynb#what-we-measured-and-how)"
    assert rows[0] == rf"| 2 | t2 | holds | 1 \| 2 | {link} |"


def test_lock_is_what_the_tool_writes():
    text = lock.LOCK.read_text(encoding="utf-8")
    assert text.startswith(lock.HEADER)
    lines = text.removeprefix(lock.HEADER).splitlines()
    assert not any(map(lock.CUDA.match, lines))
    pins = {line.split("==")[0]: line.split("==")[1].split(" ")[0] for line in lines}
    for constraint in map(Requirement, lock.CONSTRAINTS):
        assert pins[constraint.name] in constraint.specifier
