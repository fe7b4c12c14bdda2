"""Sphinx extension: what a cell prints piece by piece stays on its line, as in JupyterLab.

MyST-NB's `nb_merge_streams` ends each piece with a line break: a bar that grows by printing would
become a column.
"""

from __future__ import annotations

from myst_nb.core import render
from nbformat import NotebookNode
from sphinx.application import Sphinx

merge = render.coalesce_streams


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join the pieces of each stream as they were printed, then let MyST-NB tidy up."""
    joined, streams = [], {}
    for output in outputs:
        if output["output_type"] != "stream":
            joined.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
        else:
            streams[output["name"]] = NotebookNode(output)
            joined.append(streams[output["name"]])
    return merge(joined)


def setup(app: Sphinx) -> dict:
    render.coalesce_streams = join_streams
    return {"parallel_read_safe": True, "parallel_write_safe": True}
