"""Gather the claims that the notebooks have recorded into book/claims.md: ``make claims``.

A chapter shows its claims with `attn_helpers.claims.ledger`, which keeps the rows in the
output's metadata. This script reads the committed outputs, so no verdict on the page is typed.
``--check`` writes nothing and fails where page and cells disagree; ``make book`` begins with it.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from attn_helpers.claims import HEADINGS, METADATA, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "claims.md"
BEGIN, END = "<!-- claims: begin (written by `make claims`) -->", "<!-- claims: end -->"


def slug(heading: str) -> str:
    """Return the anchor that GitHub, MyST and JupyterLab's search give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def claims_of(notebook: Path) -> list[dict[str, str]]:
    """Return the rows recorded in a notebook's outputs, each with a link to its section."""
    rows, heading = [], ""
    chapter = re.match(r"[\d_]*\d", notebook.name)[0]
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            text = re.sub(r"(?ms)^```.*?^```", "", "".join(cell["source"]))  # where # is a comment
            for found in re.findall(r"^#+ +(.+)$", text, re.MULTILINE):
                heading = found
        for output in cell.get("outputs", []):
            link = f"[{chapter}](../chapters/{notebook.name}#{slug(heading)})"
            rows += [row | {"where": link} for row in output.get("metadata", {}).get(METADATA, [])]
    return rows


def problems(text: str, notebooks: list[Path]) -> list[str]:
    """Say where a claim lacks its cell, or a cell its claim; empty if every one is in place."""
    found = []
    for notebook in notebooks:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "claims" in cell["metadata"].get("tags", [])]
        if not tagged:
            found.append(f"{notebook.name} has no cell tagged claims")
        for cell in cells:
            outputs = cell.get("outputs", [])
            recorded = any(METADATA in output.get("metadata", {}) for output in outputs)
            if recorded != (cell in tagged):
                what = "records claims, but is not tagged" if recorded else "has recorded no"
                found.append(f"{notebook.name}: cell {cell.get('id')} {what} claims")
    if text != (made := page(text, notebooks)):
        shown, wanted = (
            {line for line in lines.splitlines() if line.startswith("| ")} for lines in (text, made)
        )
        found += [f"claims.md has a row that no cell records: {row}" for row in shown - wanted]
        found += [f"claims.md lacks a row that a cell records: {row}" for row in wanted - shown]
        found.append("run `make claims`")
    return found


def section(row: dict[str, str]) -> list[int]:
    """Return a row's section of the source as numbers, to sort by."""
    return [int(part) for part in row["source"].split(".")]


def page(text: str, notebooks: list[Path]) -> str:
    """Return the text of the page with its table made anew."""
    rows = sorted((row for path in notebooks for row in claims_of(path)), key=section)
    made = table(rows, HEADINGS | {"where": "Chapter"}) if rows else "No chapter has claims yet."
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def main() -> int:
    """Rewrite the table of book/claims.md, or only check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it is stale")
    check = parser.parse_args().check
    text = PAGE.read_text(encoding="utf-8")
    notebooks = sorted((ROOT / "chapters").glob("*.ipynb"))
    if check:
        found = problems(text, notebooks)
        print(*found, sep="\n", end="\n" if found else "")
        return int(bool(found))
    made = page(text, notebooks)
    PAGE.write_text(made, encoding="utf-8")
    print("book/claims.md", "is rewritten." if made != text else "was up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
