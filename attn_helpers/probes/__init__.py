"""Probes: laws that attention obeys, tried on any function or module.

A probe calls what it is given on fresh random numbers, changes one thing and measures what moves.
The arrays handed to it are examples: they say shape, dtype, device and NumPy or torch; only
`in_place` uses their numbers. A faulty attention never makes a probe raise: what it raises is
the finding.

Two forms are probed. A layer is called as `layer(x)`, x and its output of shape (..., seq, d). An
attention function is called as `fn(q, k, v)` or, where a mask matters, `fn(q, k, v, mask=mask)`
with True where a query may attend. Both return `out`, or a tuple that starts with it. One lambda
makes another signature fit:

>>> import numpy as np
>>> from attn_helpers import attention
>>> batch_mixing(lambda x: attention(x, x, x), np.zeros((2, 5, 4))).passed
True
"""

from attn_helpers.probes.finding import Finding, Report
from attn_helpers.probes.laws import (
    batch_mixing,
    cached_query,
    future_leak,
    in_place,
    masked_rows,
    missing_scale,
    padding_leak,
    permutation,
    probe_all,
    query_order,
)

__all__ = [
    "Finding",
    "Report",
    "batch_mixing",
    "cached_query",
    "future_leak",
    "in_place",
    "masked_rows",
    "missing_scale",
    "padding_leak",
    "permutation",
    "probe_all",
    "query_order",
]
