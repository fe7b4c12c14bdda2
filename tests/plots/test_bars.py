import numpy as np
import pytest

from attn_helpers.plots import bars, subplots, temperature_bars
from tests.plots.drawn import open_figures, render, ticks

WEIGHTS = [0.5, 0.125, 0.0, 0.375, 0.0]


def heights(group):
    return [bar.get_height() for bar in group]


def test_each_bar_is_as_high_as_its_weight():
    ax = bars(WEIGHTS, labels=list("abcde"))
    assert heights(ax.containers[0]) == WEIGHTS
    assert ticks(ax, "x") == list("abcde")
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    np.testing.assert_allclose(centres, ax.get_xticks())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "weight")


@pytest.mark.parametrize("weights", [[1.0, 0.0], [0.01, 0.02]])
def test_the_scale_does_not_follow_the_data(weights):
    ax = bars(weights)
    render(ax)
    assert ax.get_ylim() == (0, 1.1)
    assert list(ax.get_yticks()) == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(("n_k", "count"), [(1, 1), (8, 8), (9, 0)])
def test_weights_stand_above_up_to_eight_bars(n_k, count):
    ax = bars(np.full(n_k, 1 / n_k))
    assert [text.get_text() for text in ax.texts] == [f"{1 / n_k:.2f}"] * count


def test_named_rows_stand_side_by_side_and_keep_their_names():
    rows = {"near": [0.75, 0.25, 0.0], "_far": [0.25, 0.25, 0.5]}
    ax = bars(rows)
    assert [heights(group) for group in ax.containers] == list(rows.values())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["near", "_far"]
    near, far = ax.containers
    assert all(a.get_x() + a.get_width() <= b.get_x() for a, b in zip(near, far, strict=True))
    assert near[0].get_facecolor() != far[0].get_facecolor()


def test_draws_into_the_axes_given():
    _, axes = subplots(1, 2)
    assert bars(WEIGHTS, ax=axes[0]) is axes[0]
    assert not axes[1].patches
    assert open_figures() == 1


def test_temperature_bars_show_softmax_on_one_scale():
    torch = pytest.importorskip("torch")
    scores = np.array([2.0, 1.0, -1.0, 0.5])
    axes = temperature_bars(scores, labels=list("abcd"), temperatures=(0.25, 1, 8))
    assert axes.shape == (3,)
    assert len({id(ax.figure) for ax in axes}) == 1
    for ax, temperature in zip(axes, (0.25, 1, 8), strict=True):
        expected = torch.softmax(torch.tensor(scores) / temperature, dim=0)
        np.testing.assert_allclose(heights(ax.containers[0]), expected, atol=1e-12)
        assert ax.get_title(loc="left") == f"temperature {temperature:g}"
        assert ax.get_ylim() == axes[0].get_ylim()
    assert [ax.get_ylabel() for ax in axes] == ["weight", "", ""]


def test_temperature_bars_draw_into_the_axes_given():
    _, axes = subplots(1, 2)
    drawn = temperature_bars([1, 2], temperatures=[1, 2], axes=axes)
    assert list(drawn) == list(axes)
    assert open_figures() == 1
    assert temperature_bars([1, 2], temperatures=[3]).shape == (1,)
