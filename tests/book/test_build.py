"""What lies in the built book, read without a browser."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
STATE = "application/vnd.jupyter.widget-state+json"

built = pytest.mark.skipif(
    not (HTML / "index.html").is_file(), reason="no built book in _build/html: run `make book`"
)


class Page(HTMLParser):
    """The parts of a page that tests ask for: what it loads, its text by script type, its tags."""

    LOADS = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
    LINKS = ("next", "prev", "index", "search")  # <link> elements that load nothing

    def __init__(self, name):
        super().__init__()
        self.loads, self.scripts, self.script_type = [], {}, None
        self.folded = []  # for each cell tagged so: is it, or its code, in a <details>?
        self.feed((HTML / f"{name}.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        classes = (attributes.get("class") or "").split()
        if self.LOADS.get(tag) in attributes and attributes.get("rel") not in self.LINKS:
            self.loads.append(attributes[self.LOADS[tag]])
        if {"tag_solution", "tag_setup", "tag_claims"} & set(classes):
            self.folded.append(False)
        if tag == "details" and "hide" in classes and self.folded:
            self.folded[-1] = True
        self.script_type = attributes.get("type") if tag == "script" else None

    def handle_data(self, data):
        if self.script_type:
            self.scripts.setdefault(self.script_type, []).append(data)

    def handle_endtag(self, tag):
        self.script_type = None


def test_the_table_of_contents_and_the_files_agree():
    for name in PAGES:
        assert (ROOT / f"{name}.md").is_file() or (ROOT / f"{name}.ipynb").is_file(), name
    notebooks = {f"chapters/{path.stem}" for path in (ROOT / "chapters").glob("*.ipynb")}
    assert notebooks == {name for name in PAGES if name.startswith("chapters/")}


@built
@pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])
def test_everything_a_page_loads_lies_in_the_book(name):
    page = Page(name)
    assert page.loads
    for address in page.loads:
        parts = urlsplit(address)
        assert not parts.scheme and not parts.netloc, f"{name} loads {address}"
        target = (HTML / name).parent / unquote(parts.path)
        assert target.is_file(), f"{name} loads {address}, which is not there"


@built
def test_the_pages_built_are_those_of_the_table_of_contents():
    pages = {path.relative_to(HTML).with_suffix("").as_posix() for path in HTML.rglob("*.html")}
    assert pages == {*PAGES, "index", "search", "genindex"}


@built
def test_formulas_are_rendered_and_none_failed():
    texts = [(HTML / f"{name}.html").read_text(encoding="utf-8") for name in PAGES]
    assert any('class="katex"' in text for text in texts)
    assert not any("katex-error" in text or "MathJax" in text for text in texts)


@built
def test_notebooks_carry_widget_state_that_cannot_end_its_script():
    states = [
        (name, text)
        for name in PAGES
        if name.startswith("chapters/")
        for text in Page(name).scripts.get(STATE, [])
    ]
    assert states, "no notebook of the book holds a widget"
    for name, text in states:
        assert json.loads(text)["state"], name
        assert "<" not in text, name


@built
def test_set_up_solutions_and_the_code_of_verdicts_are_folded():
    folded = [fold for name in PAGES if name.startswith("chapters/") for fold in Page(name).folded]
    assert folded and all(folded)


@built
def test_every_reference_stands_on_its_page():
    entries = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{(\w+),", entries, flags=re.MULTILINE)
    page = (HTML / "book" / "references.html").read_text(encoding="utf-8")
    assert page.count('<div class="citation"') == len(keys) == len(set(keys))


@built
def test_no_font_or_script_is_there_that_nothing_asks_for():
    assert {path.suffix for path in HTML.rglob("_static/katex/fonts/*")} == {".woff2"}
    assert not list(HTML.rglob("*.map"))
    large = {
        path.relative_to(HTML).as_posix()
        for path in HTML.rglob("*")
        if path.is_file() and path.stat().st_size > 1_000_000
    }
    assert large <= {"_static/html-manager/embed.js"}
