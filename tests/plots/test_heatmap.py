import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import PathPatch

from attn_helpers.plots import heatmap, subplots
from attn_helpers.plots.style import MASKED, colours
from tests.plots.drawn import contrast, open_figures, render, ticks


@pytest.fixture
def weights():
    return np.random.default_rng(0).dirichlet(np.ones(5), size=3)  # n_q = 3, n_k = 5


def hatched_cells(ax, shape):
    """Cells whose centre lies in a hatched patch: boolean (n_q, n_k)."""
    found = np.zeros(shape, dtype=bool)
    for patch in ax.patches:
        if isinstance(patch, PathPatch) and patch.get_hatch():
            centres = np.argwhere(np.ones(shape))[:, ::-1]
            found |= patch.get_path().contains_points(centres).reshape(shape)
    return found


def test_the_image_holds_the_matrix_with_queries_down_and_keys_across(weights):
    ax = heatmap(weights, rows=list("abc"), cols=list("vwxyz"))
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), weights)
    left, right, bottom, top = image.get_extent()
    assert (left, right) == (-0.5, 4.5)
    assert (top, bottom) == (-0.5, 2.5)  # the first query is on top
    assert ticks(ax, "x") == list("vwxyz")
    assert ticks(ax, "y") == list("abc")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("key", "query")


def test_the_pixels_are_where_the_ticks_say(weights):
    ax = heatmap(np.eye(7)[[2, 6]], rows=["first", "second"])
    render(ax)
    numbers = {t.get_position(): t.get_text() for t in ax.texts}
    assert numbers[(2, 0)] == numbers[(6, 1)] == "1.00"
    assert sorted(numbers.values()) == ["0.00"] * 12 + ["1.00"] * 2


def test_weights_have_a_fixed_scale(weights):
    image = heatmap(0.1 * weights).images[0]
    assert image.get_clim() == (0, 1)


def test_scores_have_a_scale_centred_at_zero():
    scores = [[-7.0, 1.0], [2.0, 3.0]]
    image = heatmap(scores, kind="scores").images[0]
    assert image.get_clim() == (-7, 7)
    red, green, blue, _ = image.to_rgba(0.0)
    assert max(red, green, blue) - min(red, green, blue) < 0.02  # zero has no hue
    assert image.to_rgba(5.0)[2] > image.to_rgba(5.0)[0]  # above zero blue, below orange
    assert image.to_rgba(-5.0)[0] > image.to_rgba(-5.0)[2]
    assert heatmap(scores, kind="scores", limit=20).images[0].get_clim() == (-20, 20)
    assert heatmap([[0.0]], kind="scores").images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize("kind", ["weights", "scores"])
def test_hatches_lie_on_the_masked_cells_and_nowhere_else(kind):
    mask = np.random.default_rng(1).random((5, 7)) < 0.6
    ax = heatmap(np.full((5, 7), 0.25), mask=mask, kind=kind)
    np.testing.assert_array_equal(hatched_cells(ax, (5, 7)), ~mask)
    np.testing.assert_array_equal(np.ma.getmaskarray(ax.images[0].get_array()), ~mask)
    written = {(y, x) for x, y in (text.get_position() for text in ax.texts)}
    assert written == {tuple(cell) for cell in np.argwhere(mask)}


def test_a_mask_broadcasts_and_hides_nan():
    ax = heatmap([[0.5, np.nan, 0.5], [1.0, np.nan, 0.0]], mask=[[True, False, True]])
    np.testing.assert_array_equal(hatched_cells(ax, (2, 3)), [[False, True, False]] * 2)


def test_a_score_of_minus_infinity_is_masked():
    ax = heatmap([[1.0, -np.inf], [-3.0, 2.0]], kind="scores")
    np.testing.assert_array_equal(hatched_cells(ax, (2, 2)), [[False, True], [False, False]])
    assert ax.images[0].get_clim() == (-3, 3)


def test_without_a_mask_nothing_is_hatched(weights):
    ax = heatmap(weights)
    assert not hatched_cells(ax, weights.shape).any()
    assert "masked" not in [t.get_text() for t in ax.child_axes[0].texts]
    masked = heatmap(weights, mask=weights > 0.1)
    assert "masked" in [t.get_text() for t in masked.child_axes[0].texts]


@pytest.mark.parametrize("kind", ["weights", "scores"])
def test_masked_is_no_colour_of_the_scale(kind):
    shades = colours(kind)(np.linspace(0, 1, 513))[:, :3]
    assert np.abs(shades - to_rgba(MASKED)[:3]).max(axis=1).min() > 0.02
    assert to_hex(colours(kind).get_bad()) == MASKED.lower()


@pytest.mark.parametrize("kind", ["weights", "scores"])
def test_numbers_read_on_every_shade(kind):
    values = np.linspace(0, 1, 64).reshape(8, 8) if kind == "weights" else None
    values = np.linspace(-4, 4, 64).reshape(8, 8) if values is None else values
    ax = heatmap(values, kind=kind)
    image = ax.images[0]
    assert len(ax.texts) == 64
    for text in ax.texts:
        column, row = text.get_position()
        assert contrast(text.get_color(), to_hex(image.to_rgba(values[row, column]))) >= 4.5
    assert {"black", "white"} == {text.get_color() for text in ax.texts}


@pytest.mark.parametrize(
    ("n_q", "n_k", "numbers"), [(8, 8, 64), (8, 9, 0), (9, 8, 0), (3, 5, 15), (1, 1, 1)]
)
def test_numbers_stand_in_cells_up_to_eight_tokens(n_q, n_k, numbers):
    assert len(heatmap(np.full((n_q, n_k), 0.5)).texts) == numbers


def test_numbers_have_a_true_minus_and_none_before_zero():
    ax = heatmap([[-1.25, -0.001], [0.0, 12.5]], kind="scores")
    assert [text.get_text() for text in ax.texts] == ["−1.2", "0.0", "0.0", "12.5"]


def test_numbers_that_would_not_fit_are_left_out():
    _, axes = subplots(1, 4, size=(4, 1.5))
    assert not heatmap(np.full((8, 8), 0.5), ax=axes[0]).texts


@pytest.mark.parametrize(("n", "count"), [(2, 2), (32, 32), (33, 17), (64, 32), (100, 25)])
def test_at_most_32_tokens_have_a_tick(n, count):
    ax = heatmap(np.zeros((2, n)), cols=[f"t{i}" for i in range(n)])
    assert len(ax.get_xticks()) == count
    assert ticks(ax, "x") == [f"t{i}" for i in ax.get_xticks()]


@pytest.mark.parametrize(("n", "step"), [(5, 1), (10, 1), (11, 2), (32, 5), (64, 10), (1000, 100)])
def test_positions_have_round_ticks(n, step):
    ax = heatmap(np.zeros((n, 2)))
    assert list(ax.get_yticks()) == list(range(0, n, step))
    assert ticks(ax, "y") == [str(i) for i in range(0, n, step)]


def test_one_list_of_tokens_names_both_axes_of_self_attention():
    ax = heatmap(np.eye(3), rows=list("abc"))
    assert ticks(ax, "x") == ticks(ax, "y") == list("abc")
    assert ticks(heatmap(np.zeros((3, 4)), rows=list("abc")), "x") == list("0123")


def test_colour_scale_names_its_quantity(weights):
    assert heatmap(weights).child_axes[0].get_ylabel() == "weight"
    assert heatmap(weights, kind="scores").child_axes[0].get_ylabel() == "score"
    assert not heatmap(weights, colorbar=False).child_axes
    assert heatmap(weights, colorbar="log2 error").child_axes[0].get_ylabel() == "log2 error"


def test_draws_into_the_axes_given_and_opens_no_figure(weights):
    _, axes = subplots(1, 2)
    assert heatmap(weights, ax=axes[1], title="here") is axes[1]
    assert axes[1].get_title(loc="left") == "here"
    assert not axes[0].images
    assert open_figures() == 1


def test_arguments_are_not_written_into(weights):
    mask, before = np.tri(3, 5, dtype=bool), weights.copy()
    weights.flags.writeable = mask.flags.writeable = False
    render(heatmap(weights, mask=mask))
    np.testing.assert_array_equal(weights, before)
    drawn = heatmap(before).images[0].get_array()
    before[:] = 0
    assert drawn.max() > 0  # the figure keeps its own copy


def test_takes_a_tensor_that_is_being_trained():
    torch = pytest.importorskip("torch")
    weights = torch.full((2, 3), 0.25, requires_grad=True)
    np.testing.assert_array_equal(heatmap(weights).images[0].get_array(), np.full((2, 3), 0.25))


@pytest.mark.parametrize(("kind", "n"), [("weights", 8), ("scores", 8), ("weights", 32)])
def test_a_heat_map_is_a_small_png(kind, n):
    matrix = np.random.default_rng(0).dirichlet(np.ones(n), size=n)
    assert len(render(heatmap(matrix, rows=["token"] * n, kind=kind))) < 30_000
