import numpy as np
import pytest

from attn_helpers.plots import arcs, subplots
from tests.plots.drawn import open_figures, render, texts

ALIGNMENT = np.array([[0.0, 0.9, 0.1], [0.5, 0.04, 0.46]])


def ends(ax):
    """First and last point of each arc: (arcs, 2, xy)."""
    return np.array([patch.get_path().vertices[[0, -1]] for patch in ax.patches])


def place(ax, token):
    (found,) = [text for text in ax.texts if text.get_text() == token]
    return found.xy


def test_two_rows_have_the_queries_above_and_the_keys_below():
    ax = arcs(ALIGNMENT, queries=["q0", "q1"], keys=["k0", "k1", "k2"])
    pairs = [("q0", "k1"), ("q0", "k2"), ("q1", "k0"), ("q1", "k2")]  # 0.04 and 0 are left out
    expected = [[place(ax, query), place(ax, key)] for query, key in pairs]
    np.testing.assert_allclose(ends(ax), expected)
    assert place(ax, "q0")[1] > place(ax, "k0")[1]
    assert place(ax, "k0")[0] < place(ax, "k1")[0] < place(ax, "k2")[0]
    assert {"query", "key"} <= {text.get_text() for text in ax.texts}


def test_width_and_opacity_grow_with_the_weight():
    ax = arcs([[0.1, 0.2, 0.7]], queries=["q"], keys=list("abc"))
    for look in "get_linewidth", "get_alpha":
        thin, middle, thick = (getattr(patch, look)() for patch in ax.patches)
        assert thin < middle < thick <= 6


@pytest.mark.parametrize(("threshold", "count"), [(0, 5), (0.04, 5), (0.05, 4), (0.5, 2), (0.9, 1)])
def test_weights_under_the_threshold_are_not_drawn(threshold, count):
    ax = arcs(ALIGNMENT, queries=["a", "b"], keys=["c", "d", "e"], threshold=threshold)
    assert len(ax.patches) == count
    render(ax)


def test_one_row_looks_back_above_and_ahead_below():
    weights = np.array([[0.2, 0.0, 0.8], [0.3, 0.7, 0.0], [1.0, 0.0, 0.0]])
    ax = arcs(weights, queries=["a", "b", "c"])
    steps = [(0, 0), (0, 2), (1, 0), (1, 1), (2, 0)]
    np.testing.assert_allclose(ends(ax)[:, :, 0].round(), steps)
    above = [patch.get_path().vertices[:, 1].min() > 0 for patch in ax.patches]
    assert above == [True, False, True, True, True]
    low, high = ax.get_ylim()
    for patch in ax.patches:
        drawn = patch.get_path().to_polygons(closed_only=False)[0]
        assert low <= drawn[:, 1].min() and drawn[:, 1].max() <= high
    assert {"looks back", "looks ahead"} <= {text.get_text() for text in ax.texts}


def test_causal_attention_has_nothing_below():
    ax = arcs(np.tri(3) / 3, queries=["a", "b", "c"])
    assert "looks ahead" not in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("n", [5, 8])
def test_tokens_do_not_overlap_one_another(rows, n):
    tokens = ["Yesterday", "I", "went", "to", "the", "playground", "to", "run"][:n]
    keys = tokens if rows == 2 else None
    ax = arcs(np.eye(n), queries=tokens, keys=keys)
    drawn = [text for text in texts(ax) if text.get_text() in tokens]
    boxes = [text.get_window_extent() for text in drawn]
    assert len(boxes) == n * rows
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_draws_into_the_axes_given():
    _, axes = subplots(1, 2)
    assert arcs(ALIGNMENT, queries=["a", "b"], keys=list("cde"), ax=axes[1], title="t") is axes[1]
    assert axes[1].get_title(loc="left") == "t"
    assert open_figures() == 1
