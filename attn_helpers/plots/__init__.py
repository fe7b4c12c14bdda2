"""Figures of the course: data first, the rest by keyword, `ax=None`, and Axes come back.

Every figure has one palette and one style (`style.py`), which hold inside the call alone: nothing
is restyled on import. Matplotlib itself loads at the first figure.

>>> from attn_helpers.plots import heatmap
>>> ax = heatmap([[0.7, 0.3], [0.2, 0.8]], rows=["I", "run"])  # doctest: +SKIP
"""

from attn_helpers.plots.arcs import arcs
from attn_helpers.plots.bars import bars
from attn_helpers.plots.curves import curves
from attn_helpers.plots.flow import flow
from attn_helpers.plots.fonts import label
from attn_helpers.plots.heatmap import heatmap
from attn_helpers.plots.roofline import roofline
from attn_helpers.plots.spotlight import spotlight
from attn_helpers.plots.style import subplots, use_style
from attn_helpers.plots.temperature_bars import temperature_bars

__all__ = [
    "arcs",
    "bars",
    "curves",
    "flow",
    "heatmap",
    "label",
    "roofline",
    "spotlight",
    "subplots",
    "temperature_bars",
    "use_style",
]
