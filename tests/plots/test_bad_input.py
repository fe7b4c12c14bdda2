"""Bad input is refused before anything is drawn, with every shape and the way to mend it."""

import numpy as np
import pytest

from attn_helpers.plots import arcs, bars, curves, heatmap, subplots, temperature_bars
from tests.plots.drawn import open_figures

W = np.full((3, 5), 0.2)
Y = {"a": [1, 2]}
TALL = np.ones((5, 3), dtype=bool)
NAN = np.where(np.eye(3, 5) > 0, np.nan, 0.2)
LINE = {"xlabel": "x", "ylabel": "y"}

CASES = [
    (heatmap, (np.zeros((8, 3, 5)),), {}, ValueError, r"\(8, 3, 5\).*matrix\[0\].*mean\(axis=0\)"),
    (heatmap, (np.zeros((2, 8, 3, 5)),), {}, ValueError, r"matrix\[0, 0\].*axis=\(0, 1\)"),
    (heatmap, ([0.2, 0.8],), {}, ValueError, r"matrix is \(2,\).*matrix\[None, :\]"),
    (heatmap, (0.2,), {}, ValueError, r"matrix is \(\)"),
    (heatmap, (np.zeros((0, 3)),), {}, ValueError, r"at least one.*\(0, 3\)"),
    (heatmap, ([[0.1], [0.2, 0.3]],), {}, ValueError, "matrix is ragged"),
    (heatmap, ([["a", "b"]],), {}, TypeError, "matrix must hold real numbers"),
    (heatmap, (W * 1j,), {}, TypeError, "complex"),
    (heatmap, (None,), {}, TypeError, "matrix"),
    (heatmap, (NAN,), {}, ValueError, r"nan at \(0, 0\).*\(3, 5\).*mask"),
    (heatmap, (NAN,), {"mask": ~np.eye(3, 5, 1, dtype=bool)}, ValueError, r"nan at \(0, 0\)"),
    (heatmap, ([[np.inf]],), {"kind": "scores"}, ValueError, r"inf at \(0, 0\)"),
    (heatmap, ([[-np.inf]],), {}, ValueError, r"-inf at \(0, 0\)"),
    (heatmap, ([[-3.0, 2.0]],), {}, ValueError, r'\[0, 1\].*from -3 to 2.*kind="scores"'),
    (heatmap, ([[-0.5, 0.5]],), {}, ValueError, r"\[0, 1\].*from -0.5 to 0.5"),
    (heatmap, (W,), {"kind": "weight"}, ValueError, 'kind must be "weights" or "scores"'),
    (heatmap, (W,), {"rows": list("abcde")}, ValueError, r"rows needs 3.*has 5.*\(3, 5\)"),
    (heatmap, (W,), {"cols": list("abc")}, ValueError, r"cols needs 5.*has 3.*\(3, 5\)"),
    (heatmap, (W,), {"rows": "abc"}, TypeError, "rows must be a list of tokens"),
    (heatmap, (W,), {"rows": 3}, TypeError, "rows must be a list of tokens"),
    (heatmap, (W,), {"mask": np.ones((3, 5))}, TypeError, r"mask must be boolean.*\(3, 5\)"),
    (
        heatmap,
        (W,),
        {"mask": TALL},
        ValueError,
        r"matrix is \(3, 5\), mask is \(5, 3\)",
    ),
    (heatmap, (W,), {"mask": np.ones((2, 3, 5), bool)}, ValueError, r"mask is \(2, 3, 5\)"),
    (heatmap, (W,), {"limit": 2}, ValueError, "limit is for"),
    (
        heatmap,
        (W,),
        {"kind": "scores", "limit": 0},
        ValueError,
        "limit must be .* above 0",
    ),
    (heatmap, (W,), {"ax": np.array([1, 2])}, TypeError, r"ax must be one.*\(2,\): pick one"),
    (bars, (W,), {}, ValueError, r"weights is \(3, 5\).*weights\[0\]"),
    (bars, ([0.2, 1.8],), {}, ValueError, r"\[0, 1\].*1\.8.*\(2,\).*softmax"),
    (bars, ([0.2, np.nan],), {}, ValueError, r"nan at \(1,\).*\(2,\)"),
    (bars, ([],), {}, ValueError, r"at least one.*\(0,\)"),
    (bars, ({},), {}, ValueError, "1 to 5 rows, but it has 0"),
    (bars, ({str(i): [1.0] for i in range(6)},), {}, ValueError, "has 6.*heatmap"),
    (bars, ({"a": [1.0], "b": [0.5, 0.5]},), {}, ValueError, r"'a'\] is \(1,\), .*'b'\] is \(2,\)"),
    (bars, ([0.2, 0.8],), {"labels": ["a"]}, ValueError, r"labels needs 2.*\(2,\)"),
    (bars, ([0.2, 0.8],), {"ax": "here"}, TypeError, "ax must be one.*str"),
    (arcs, (W,), {"queries": list("abc")}, ValueError, r"square.*\(3, 5\).*keys"),
    (arcs, (W,), {"queries": list("ab"), "keys": list("abcde")}, ValueError, "queries needs 3"),
    (arcs, (W,), {"queries": list("abc"), "keys": list("abc")}, ValueError, "keys needs 5"),
    (arcs, (np.eye(2),), {"queries": None}, TypeError, "queries must be a list"),
    (arcs, (np.eye(17),), {"queries": ["a"] * 17}, ValueError, r"\(17, 17\); use heatmap"),
    (arcs, (2 * np.eye(2),), {"queries": ["a", "b"]}, ValueError, r"\[0, 1\].*\(2, 2\)"),
    (arcs, (np.eye(2),), {"queries": ["a", "b"], "threshold": 1}, ValueError, "threshold"),
    (curves, ([1, 2], {"a": [1, 2, 3]}), LINE, ValueError, r"ys\['a'\] is \(3,\), x is \(2,\)"),
    (curves, ([1, 2], [1, 2]), LINE, TypeError, "ys must be a dict.*list"),
    (curves, ([1, 2], {}), LINE, ValueError, "1 to 10 curves"),
    (curves, ([2, 1], {"a": [1, 2]}), LINE, ValueError, r"x must increase \(x is \(2,\)\)"),
    (curves, ([[1, 2]], {"a": [1, 2]}), LINE, ValueError, r"x must be \(n_x,\)"),
    (curves, ([1, 2], {"a": [1, np.nan]}), LINE, ValueError, r"ys\['a'\].*nan at \(1,\)"),
    (curves, ([0, 1], {"a": [1, 2]}), LINE | {"logx": True}, ValueError, "x must be above 0"),
    (curves, ([1, 2], {"a": [1, 0]}), LINE | {"logy": True}, ValueError, "falls to 0"),
    (curves, ([1, 2], Y), LINE | {"spread": {"b": [1, 1]}}, ValueError, "spread names"),
    (
        curves,
        ([1, 2], {"a": [1, 2]}),
        LINE | {"spread": {"a": [1]}},
        ValueError,
        r"spread\['a'\] is \(1,\)",
    ),
    (curves, ([1, 2], Y), LINE | {"spread": {"a": [1, -1]}}, ValueError, "negative"),
    (
        curves,
        ([1, 2], {"a": [1, 2]}),
        LINE | {"spread": [1, 1]},
        TypeError,
        "spread must be a dict",
    ),
    (temperature_bars, (W,), {}, ValueError, r"scores is \(3, 5\)"),
    (temperature_bars, ([1, np.inf],), {}, ValueError, r"inf at \(1,\)"),
    (temperature_bars, ([1, 2],), {"temperatures": [1, 0]}, ValueError, "above 0"),
    (temperature_bars, ([1, 2],), {"temperatures": []}, ValueError, r"temperatures is \(0,\)"),
    (temperature_bars, ([1, 2],), {"temperatures": 1.0}, ValueError, r"temperatures is \(\)"),
    (temperature_bars, ([1, 2],), {"labels": ["a"]}, ValueError, "labels needs 2"),
    (temperature_bars, ([1, 2],), {"axes": [1, 2, 3]}, TypeError, "ax must be one"),
    (temperature_bars, ([1, 2],), {"axes": [None] * 3}, ValueError, "axes needs one Axes for each"),
]


@pytest.mark.parametrize(("plot", "arguments", "options", "error", "message"), CASES)
def test_bad_input_is_refused_before_drawing(plot, arguments, options, error, message):
    with pytest.raises(error, match=message):
        plot(*arguments, **options)
    assert open_figures() == 0


def test_too_few_axes_are_refused_untouched():
    _, axes = subplots(1, 2)
    with pytest.raises(ValueError, match=r"axes is \(2,\), temperatures is \(3,\)"):
        temperature_bars([1, 2], axes=axes)
    assert not any(ax.patches for ax in axes)
