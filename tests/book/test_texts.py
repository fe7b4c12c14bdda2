"""What the texts promise is there: commands, files, links, versions, one address."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from claims import slug
from packaging.requirements import Requirement
from packaging.version import Version
from set_repo import current, owner_and_name, tracked

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "book").glob("*.md")])
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))


def read(path):
    return Path(path).read_text(encoding="utf-8")


def prose(path):
    """The Markdown of a page, or of a notebook's Markdown cells."""
    if path.suffix == ".md":
        return read(path)
    cells = json.loads(read(path))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def without_code(text):
    """Markdown less its code blocks, where brackets are not links."""
    return re.sub(r"(?ms)^( *)```.*?^\1```$|`[^`\n]*`", "", text)


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(ROOT)))


def toc():
    """Every file of the table of contents, in its order, without suffix."""
    contents = yaml.safe_load(read(ROOT / "_toc.yml"))
    chapters = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    return [contents["root"], *chapters]


def test_there_is_something_to_read():
    assert len(PAGES) >= 9 and NOTEBOOKS


@named(PAGES)
def test_commands_are_in_the_makefile(path):
    targets = set(re.findall(r"(?m)^([a-z-]+):(?!=)", read(ROOT / "Makefile")))
    commands = re.findall(r"(?m)(?:^|`)make((?: +(?:[a-z][a-z-]*|[A-Z]+=\S+))*)", read(path))
    words = {word for command in commands for word in command.split() if "=" not in word}
    assert words <= targets, f"no such target: {sorted(words - targets)}"


def test_readme_and_setup_name_the_two_commands():
    for page in (ROOT / "README.md", ROOT / "book" / "setup.md"):
        assert re.search(r"\bmake lab\b", read(page)) and re.search(r"\bmake test\b", read(page))


def test_every_target_is_listed_and_phony():
    makefile = read(ROOT / "Makefile")
    listed = set(re.findall(r"(?m)^([a-z-]+):.*## \S", makefile))
    phony = set(" ".join(re.findall(r"(?m)^\.PHONY: (.*)$", makefile)).split())
    assert listed <= phony
    command = ["make", "--no-print-directory"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == listed


def test_ci_runs_the_readme_command():
    assert read(ROOT / ".ci" / "run").splitlines()[-1] == "exec make test"
    assert "bash .ci/run" in read(ROOT / ".github" / "workflows" / "test.yml")


def test_table_of_contents_has_every_page_and_chapter():
    listed = toc()
    for name in listed:
        assert (ROOT / f"{name}.md").is_file() or (ROOT / f"{name}.ipynb").is_file(), name
    written = {str(path.relative_to(ROOT).with_suffix("")) for path in NOTEBOOKS}
    written |= {f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")}
    assert written == set(listed)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("page", ["README.md", "book/intro.md"])
def test_written_chapters_are_linked_and_others_are_planned(page):
    text = read(ROOT / page)
    for path in NOTEBOOKS:
        assert f"chapters/{path.name})" in text, path.name
    for row in re.findall(r"(?m)^\| \d .*$", text):
        assert "chapters/" in row or "planned" in row, row


def readme_tree():
    """The names at the left of the README's tree, without those that are indented."""
    block = re.search(r"(?ms)^```text\n(.*?)^```", read(ROOT / "README.md"))[1]
    rows = re.findall(r"(?m)^(\S+)(.*)$", block)
    alone = [rest.split() for name, rest in rows if name == "README.md"]  # files without a remark
    return {name.strip("/") for name, _ in rows} | set(*alone)


def test_readme_tree_is_the_top_level():
    there = {path.relative_to(ROOT).parts[0] for path in tracked(ROOT)}
    assert readme_tree() == there - {".gitignore", ".gitattributes"}


def count_lines(folder):
    code = (".py", ".js", ".css")
    files = [p for p in tracked(ROOT) if p.is_relative_to(folder) and p.suffix in code]
    return sum(len(read(path).splitlines()) for path in files)


def test_readme_example_gives_what_it_says():
    example = re.search(r"```python\n(.*?)```", read(ROOT / "README.md"), re.DOTALL)[1]
    code, said = example.rsplit("  # ", 1)
    *lines, last = code.splitlines()
    names = {}
    exec("\n".join(lines), names)
    assert eval(last, names).tolist() == eval(said)


def test_readme_tree_gives_sizes_that_are_about_right():
    sizes = re.findall(r"(?m)^(\w+)/ .*?([\d,]+) lines", read(ROOT / "README.md"))
    assert len(sizes) >= 3
    for folder, said in sizes:
        lines, said = count_lines(ROOT / folder), int(said.replace(",", ""))
        assert abs(lines - said) <= said / 3, f"{folder} has {lines} lines, README says {said}"


@named(PAGES + NOTEBOOKS)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(<?([^)\s>]+)", without_code(prose(path))):
        if re.match(r"https?:|mailto:|attachment:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor and file.suffix in (".md", ".ipynb"):
            headings = re.findall(r"(?m)^#+ +(.+)$", without_code(prose(file)))
            assert anchor in map(slug, headings), f"{path.name} links to {target}"


@named(NOTEBOOKS)
def test_notebooks_have_portable_markdown(path):
    """Colab and JupyterLab show MyST's own markup raw."""
    found = re.findall(r"(?m)^\s*(?:```\{|:::|\(\S+\)=$|% ).*|\{[\w:-]+\}`[^`]*`", prose(path))
    assert not found


@named(NOTEBOOKS)
def test_notebooks_are_committed_with_outputs_and_nothing_else(path):
    notebook = json.loads(read(path))
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}  # no widget state
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kept = {"tags", "jupyter", "cellView", "teacher_note"}
    assert not [cell for cell in notebook["cells"] if set(cell["metadata"]) - kept]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert outputs and not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    live = "application/vnd.jupyter.widget-view+json"  # points to a state that is not there
    assert not [o for o in outputs if live in o.get("data", {})]


def test_lint_and_pre_commit_keep_the_same_in_notebooks():
    shown = subprocess.run(
        ["make", "--dry-run", "lint"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in shown.stdout.splitlines() if "nb-clean check" in line]
    hooks = yaml.safe_load(read(ROOT / ".pre-commit-config.yaml"))["repos"][0]["hooks"]
    (hook,) = [hook for hook in hooks if hook["id"] == "nb-clean"]
    assert [word for word in line.split() if word.startswith("--")] == hook["args"]


@named(NOTEBOOKS)
def test_solutions_and_the_code_of_verdicts_are_folded_in_jupyterlab_and_colab(path):
    cells = json.loads(read(path))["cells"]
    tags = {"solution", "claims"}
    folded = [c["metadata"] for c in cells if tags & set(c["metadata"].get("tags", []))]
    assert folded and all(m["jupyter"] == {"source_hidden": True} for m in folded)
    assert all(m["cellView"] == "form" for m in folded)


@named(NOTEBOOKS)
def test_cells_that_cannot_repeat_say_why(path):
    for cell in json.loads(read(path))["cells"]:
        if "NBVAL" in "".join(cell["metadata"].get("tags", [])):
            assert "NBVAL_IGNORE_OUTPUT" in cell["metadata"]["tags"]
            assert re.search(r"#[^\n]*(?:\w+ ){3}", "".join(cell["source"])), "give the reason"


def test_nothing_depends_on_one_machine():
    """No home folder, no workplace, no address of a content network in what a reader loads."""
    folder = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work)/|[A-Z]:\\Users")
    network = re.compile(r"cdn\.jsdelivr|unpkg\.com|cdnjs\.|fonts\.g(?:oogleapis|static)|esm\.sh")
    for path in tracked(ROOT):
        if path.suffix in (".png", ".npz", ".ttf") or path == Path(__file__):
            continue
        name, text = path.relative_to(ROOT), read(path)
        assert not folder.search(text), f"{name}: {folder.search(text)[0]}"
        if name.parts[0] in ("attn_helpers", "chapters", "_config.yml"):
            assert not network.search(text), f"{name}: {network.search(text)[0]}"


def pins():
    """The lock: {name: [versions]} (a name may have one for each Python)."""
    found = {}
    for line in read(ROOT / "requirements.txt").splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line)
            (exact,) = requirement.specifier
            assert exact.operator == "==", line
            name = requirement.name.lower().replace("_", "-")
            found.setdefault(name, []).append(Version(exact.version))
    return found


def test_lock_has_what_the_package_asks_for():
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    locked = pins()
    for requirement in map(Requirement, wanted):
        name = requirement.name.lower().replace("_", "-")
        for version in locked[name]:
            assert version in requirement.specifier, f"{requirement}: the lock has {version}"
    assert locked["torch"] == [Version("2.13.0")]


def test_environment_takes_its_pins_from_the_lock():
    environment = yaml.safe_load(read(ROOT / "environment.yml"))
    *conda, last = environment["dependencies"]
    python = next(entry for entry in conda if entry.startswith("python="))
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    assert python.partition("=")[2] in Requirement(f"python{project['requires-python']}").specifier
    assert len(conda) == 2 and "pip" in conda  # nothing else has a version of its own
    assert last["pip"][-2:] == ["-r requirements.txt", "-e ."]
    index = re.search(r"CPU_INDEX := (\S+)", read(ROOT / "Makefile"))[1]
    assert last["pip"][0] == f"--extra-index-url {index}"


def repositories(text):
    """Every owner/name in an address by which a reader gets or opens this course."""
    patterns = (
        r"colab\.research\.google\.com/github/([\w-]+/[\w.-]+)",
        r"mybinder\.org/v2/gh/([\w-]+/[\w.-]+)",
        r"git\+https://github\.com/([\w-]+/[\w-]+)",
        r"git clone https://github\.com/([\w-]+/[\w-]+)",
        r"repository-code: https://github\.com/([\w-]+/[\w-]+)",
        r"https://github\.com/([\w-]+/[\w-]+)/issues",
    )
    found = [name for pattern in patterns for name in re.findall(pattern, text)]
    return found + ["/".join(pair) for pair in re.findall(r"([\w-]+)\.github\.io/([\w-]+)", text)]


def test_the_repository_is_the_same_everywhere():
    own, seen = "/".join(owner_and_name(current(ROOT))), 0
    for path in tracked(ROOT):
        if path.suffix in (".md", ".ipynb", ".cff", ".yml", ".toml"):
            found = repositories(read(path))
            assert set(found) <= {own}, path.name
            seen += len(found)
    assert seen >= 6
