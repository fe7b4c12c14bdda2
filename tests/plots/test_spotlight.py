import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from attn_helpers.plots import spotlight, style, subplots
from tests.plots.drawn import open_figures, render, texts
from tests.plots.test_fonts import HOSTILE

IMAGE = np.random.default_rng(0).uniform(size=(6, 10, 3))
WEIGHTS = np.array([[0.5, 0.0, 0.1, 0.0, 0.05], [0.0, 0.25, 0.0, 0.1, 0.0]])  # patches of 3 x 2


def expected(image, weights):
    """Light on every pixel, one at a time: all of it at the largest weight, 15 % at 0."""
    found = np.zeros((*image.shape[:2], 3))
    size = [n // m for n, m in zip(image.shape, weights.shape, strict=False)]
    for y, x in np.ndindex(found.shape[:2]):
        light = 0.15 + 0.85 * weights[y // size[0], x // size[1]] / weights.max()
        found[y, x] = light * image[y, x] + (1 - light) * np.array(to_rgb(style.INK))
    return found


def frame_of(ax):
    (frame,) = ax.patches
    return (*frame.get_xy(), frame.get_width(), frame.get_height())


def test_each_patch_is_as_bright_as_its_weight():
    ax = spotlight(IMAGE, WEIGHTS)
    np.testing.assert_allclose(ax.images[0].get_array(), expected(IMAGE, WEIGHTS), atol=1e-12)
    assert list(ax.images[0].get_extent()) == [-0.5, 9.5, 5.5, -0.5]  # the first row is on top
    assert ax.get_ylim() == (5.5, -0.5)
    assert not ax.patches
    assert ax.get_xlabel() == "brightest: weight 0.500"
    assert not ax.get_xticks().size and not ax.get_yticks().size


def test_a_grey_image_of_numbers_between_0_and_1_is_not_stretched():
    grey = np.linspace(0.2, 0.6, 60).reshape(6, 10)
    drawn = spotlight(grey, WEIGHTS).images[0].get_array()
    np.testing.assert_allclose(drawn, expected(grey[:, :, None] * [1, 1, 1], WEIGHTS), atol=1e-12)


@pytest.mark.parametrize(
    ("query", "corner"), [((0, 0), (0, 0)), ((1, 3), (6, 3)), ((0, 4), (8, 0))]
)
def test_a_frame_stands_around_the_query(query, corner):
    ax = spotlight(IMAGE, WEIGHTS, query=query)
    assert frame_of(ax) == (corner[0] - 0.5, corner[1] - 0.5, 2, 3)
    assert to_hex(ax.patches[0].get_edgecolor()) == style.PALETTE[1].lower()


def test_a_box_is_outlined_in_pixels_beside_the_querys_frame():
    ax = spotlight(IMAGE, WEIGHTS, box=[2, 1, 7.5, 5])
    assert frame_of(ax) == (1.5, 0.5, 5.5, 4)
    assert to_hex(ax.patches[0].get_edgecolor()) == style.PALETTE[0].lower()
    both = spotlight(IMAGE, WEIGHTS, query=(1, 3), box=(0, 0, 10, 6)).patches
    assert [to_hex(p.get_edgecolor()) for p in both] == [c.lower() for c in style.PALETTE[1::-1]]


def test_equal_weights_leave_the_image_alone_and_have_no_brightest():
    ax = spotlight(IMAGE, np.ones((2, 5)))
    np.testing.assert_allclose(ax.images[0].get_array(), IMAGE, atol=1e-12)
    assert ax.get_xlabel() == ""
    dark = spotlight(IMAGE, np.zeros((2, 5))).images[0].get_array()
    ink = np.array(to_rgb(style.INK))
    np.testing.assert_allclose(dark, ink + 0.15 * (IMAGE - ink), atol=1e-12)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_photograph_is_averaged_to_the_pixels_that_show(channels):
    photograph = np.random.default_rng(1).uniform(size=(480, 1200, *channels))
    ax = spotlight(photograph, np.eye(4, 10))
    drawn = np.asarray(ax.images[0].get_array())
    box = ax.get_window_extent()
    assert box.width / 2.3 < drawn.shape[1] < box.width / 1.7
    assert drawn.shape[0] % 4 == drawn.shape[1] % 10 == 0  # whole pixels for each patch
    assert list(ax.images[0].get_extent()) == [-0.5, 1199.5, 479.5, -0.5]
    lit = drawn[: len(drawn) // 4, : drawn.shape[1] // 10]
    assert lit.mean() == pytest.approx(photograph[:120, :120].mean(), abs=0.01)
    shaded = drawn[: len(drawn) // 4, drawn.shape[1] // 10 :]
    assert shaded.mean() == pytest.approx(0.85 * np.mean(to_rgb(style.INK)) + 0.075, abs=0.01)


def test_a_reduced_photograph_keeps_its_places():
    photograph = np.zeros((480, 1200))
    photograph[240:360, 720:840] = 1
    drawn = np.asarray(spotlight(photograph, np.ones((4, 10))).images[0].get_array())[..., 0]
    height, width = drawn.shape[0] // 4, drawn.shape[1] // 10
    wanted = np.zeros_like(drawn)
    wanted[2 * height : 3 * height, 6 * width : 7 * width] = 1
    np.testing.assert_array_equal(drawn, wanted)


def test_a_spotlight_on_a_photograph_is_a_small_png():
    pytest.importorskip("sklearn")
    from attn_helpers.data import photograph

    image = photograph()[:384]
    weights = np.random.default_rng(0).dirichlet(np.ones(60)).reshape(6, 10)
    for options in ({}, {"query": (2, 3), "title": "t"}):
        assert len(render(spotlight(image, weights, **options))) < 120_000


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_taken_literally(title, recwarn):
    ax = spotlight(IMAGE, WEIGHTS, query=(1, 1), title=title)
    assert title in [text.get_text() for text in texts(ax)]
    assert not any(text.get_parse_math() for text in texts(ax) if text.get_text() == title)
    assert not [str(warning.message) for warning in recwarn]


def test_draws_into_the_axes_given():
    _, axes = subplots(1, 3, size=(9, 2.5))
    axes[1].set_title("kept")
    assert spotlight(IMAGE, WEIGHTS, ax=axes[1]) is axes[1]
    assert axes[1].get_title(loc="left") + axes[1].get_title() == "kept"
    assert not axes[0].images and open_figures() == 1


def test_arguments_are_left_alone_and_tensors_are_taken():
    torch = pytest.importorskip("torch")
    image, weights = IMAGE.copy(), WEIGHTS.copy()
    image.flags.writeable = weights.flags.writeable = False
    first = spotlight(image, weights, query=(0, 0)).images[0].get_array()
    tensor = torch.tensor(WEIGHTS, requires_grad=True)
    second = spotlight(torch.tensor(IMAGE), tensor, query=[0, 0]).images[0].get_array()
    np.testing.assert_array_equal(first, second)


BAD = [
    ((IMAGE[:5], WEIGHTS), {}, ValueError, r"whole number of patches.*\(5, 10, 3\).*\(2, 5\)"),
    ((IMAGE[:, :9], WEIGHTS), {}, ValueError, r"whole number.*\(6, 9, 3\).*\(2, 5\)"),
    ((IMAGE, WEIGHTS.T), {}, ValueError, r"\(6, 10, 3\).*\(5, 2\)"),
    ((IMAGE[..., :2], WEIGHTS), {}, ValueError, r"\(height, width, 3\).*\(6, 10, 2\)"),
    ((IMAGE[0, 0], WEIGHTS), {}, ValueError, r"\(height, width\).*\(3,\).*\(2, 5\)"),
    ((IMAGE[:0], WEIGHTS), {}, ValueError, r"\(0, 10, 3\)"),
    ((IMAGE * 255, WEIGHTS), {}, ValueError, r"\[0, 1\].*divide bytes by 255.*\(6, 10, 3\)"),
    ((IMAGE - 1, WEIGHTS), {}, ValueError, r"image must lie in \[0, 1\]"),
    ((IMAGE * np.nan, WEIGHTS), {}, ValueError, r"image.*nan.*\(6, 10, 3\)"),
    ((IMAGE, WEIGHTS.ravel()), {}, ValueError, r"weights is \(10,\)"),
    ((IMAGE, WEIGHTS[None]), {}, ValueError, r"\(1, 2, 5\).*weights\[0\]"),
    ((IMAGE, WEIGHTS * 3), {}, ValueError, r"\[0, 1\].*1\.5.*\(2, 5\)"),
    ((IMAGE, WEIGHTS - 0.1), {}, ValueError, r"\[0, 1\].*-0\.1"),
    ((IMAGE, np.zeros((0, 5))), {}, ValueError, r"\(0, 5\)"),
    ((IMAGE, WEIGHTS * 1j), {}, TypeError, "complex"),
    ((IMAGE, WEIGHTS), {"query": (2, 0)}, ValueError, r"\(2, 0\) lies outside.*\(2, 5\)"),
    ((IMAGE, WEIGHTS), {"query": (0, 5)}, ValueError, r"\(0, 5\) lies outside.*\(2, 5\)"),
    ((IMAGE, WEIGHTS), {"query": (-1, 0)}, ValueError, r"lies outside.*\(2, 5\)"),
    ((IMAGE, WEIGHTS), {"query": 3}, TypeError, r"\(row, column\).*3.*\(2, 5\)"),
    ((IMAGE, WEIGHTS), {"query": (1, 1, 1)}, TypeError, r"\(row, column\)"),
    ((IMAGE, WEIGHTS), {"query": (0.5, 1)}, TypeError, r"\(row, column\).*0\.5"),
    ((IMAGE, WEIGHTS), {"box": (1, 2, 3)}, ValueError, r"x0, y0, x1, y1.*\(2, 5\)"),
    ((IMAGE, WEIGHTS), {"box": (3, 2, 3, 4)}, ValueError, r"x0 < x1.*\(2, 5\)"),
    ((IMAGE, WEIGHTS), {"box": (1, 4, 3, 2)}, ValueError, r"y0 < y1"),
    ((IMAGE, WEIGHTS), {"box": (1, 2, np.nan, 4)}, ValueError, r"box must be finite"),
    ((IMAGE, WEIGHTS), {"ax": "here"}, TypeError, "ax must be one"),
]


@pytest.mark.parametrize(("arguments", "options", "error", "message"), BAD)
def test_bad_input_is_refused_before_drawing(arguments, options, error, message):
    with pytest.raises(error, match=message):
        spotlight(*arguments, **options)
    assert open_figures() == 0
