"""Sphinx extension: `solution` and `setup` cells are folded, of `claims` cells the code.

JupyterLab and Colab fold them by their own metadata; here they become a closed <details>, through
the node attributes with which MyST-NB implements its `hide-cell` and `hide-input` tags.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

PROMPTS = {
    "tag_solution": ("all", "Show the solution", "Hide the solution"),
    "tag_setup": ("all", "Show the set-up", "Hide the set-up"),
    "tag_claims": ("input", "Show how each verdict is computed", "Hide the code"),
}


def fold_cells(app: Sphinx, doctree: nodes.document) -> None:
    for cell in doctree.findall(nodes.container):
        for tag, (mode, show, hide) in PROMPTS.items():
            if cell.get("nb_element") == "cell_code" and tag in cell["classes"]:
                cell.update_basic_atts({"classes": ["folded"]})
                cell["hide_mode"], cell["prompt_show"], cell["prompt_hide"] = mode, show, hide


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", fold_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
