"""Gather the claims that the notebooks have recorded into book/claims.md: ``make claims``.

A chapter shows its claims with `attn_helpers.claims.ledger`, which keeps the rows in the
output's metadata. This script reads the committed outputs, so no verdict on the page is typed.
"""

import json
import re
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
            for found in re.findall(r"^#+ +(.+)$", "".join(cell["source"]), re.MULTILINE):
                heading = found
        for output in cell.get("outputs", []):
            link = f"[{chapter}](../chapters/{notebook.name}#{slug(heading)})"
            rows += [row | {"where": link} for row in output.get("metadata", {}).get(METADATA, [])]
    return rows


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


def main() -> None:
    """Rewrite the table of book/claims.md."""
    text = PAGE.read_text(encoding="utf-8")
    made = page(text, sorted((ROOT / "chapters").glob("*.ipynb")))
    PAGE.write_text(made, encoding="utf-8")
    print("book/claims.md", "is rewritten." if made != text else "was up to date.")


if __name__ == "__main__":
    main()
