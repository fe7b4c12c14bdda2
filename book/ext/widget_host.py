"""Sphinx extension: notebook widgets live in the built page, without a kernel.

MyST-NB writes the widgets' state into the page as JSON and would load ipywidgets from a CDN. This
extension has it load `widget_host.js` instead, on the pages that hold a widget, and makes the
state safe to stand in HTML.
"""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset_file

LOGGER = logging.getLogger(__name__)
HERE = Path(__file__).parent


def use_own_host(app: Sphinx, config) -> None:
    config.nb_ipywidgets_js = {"widget_host.js": {"defer": "defer"}}


def prepare_state(app: Sphinx, doctree: nodes.document) -> None:
    """Escape a page's widget state, and refuse what the static page cannot show.

    MyST-NB escapes `</script>` in exactly that spelling. HTML also ends a script at `</SCRIPT >`,
    so every `<` of the JSON (which can stand in a string only) becomes its escape.
    """
    scripts = NbMetadataCollector.get_js_files(app.env, app.env.docname)
    if "ipywidgets_state" not in scripts:
        return
    _, attributes = scripts["ipywidgets_state"]
    state = json.loads(attributes["body"])["state"]
    anywidgets = {id for id, entry in state.items() if entry["model_module"] == "anywidget"}
    for id, entry in state.items():
        text = json.dumps(entry["state"])
        if id not in anywidgets and any(f"IPY_MODEL_{other}" in text for other in anywidgets):
            LOGGER.warning(
                "%s holds an anywidget, which a static page cannot show: display the widgets "
                "one after the other instead",
                entry["model_name"],
                location=app.env.docname,
            )
    attributes["body"] = attributes["body"].replace("<", "\\u003c")


def copy_host(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        copy_asset_file(str(HERE / "widget_host.js"), str(Path(app.outdir, "_static")))


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", use_own_host)
    app.connect("doctree-read", prepare_state)
    app.connect("build-finished", copy_host)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
