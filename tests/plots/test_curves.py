import numpy as np
import pytest

from attn_helpers.plots import curves
from attn_helpers.plots.curves import _apart
from tests.plots.drawn import render, texts

X = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
BOWL = np.array([5.0, 2.0, 1.0, 3.0, 9.0])


def draw(ys, **options):
    return curves(X, ys, xlabel="n", ylabel="error", **options)


def test_each_line_holds_its_numbers_and_its_name():
    ax = draw({"bowl": BOWL, "line": X})
    for line, y in zip(ax.lines, (BOWL, X), strict=True):
        np.testing.assert_array_equal(line.get_data(), (X, y))
    assert [text.get_text() for text in ax.texts] == ["bowl", "line"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("n", "error")
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")


def test_logarithmic_axes():
    ax = draw({"bowl": BOWL}, logx=True, logy=True)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    render(ax)


def test_the_minimum_is_marked_where_it_is():
    ax = draw({"bowl": BOWL, "falling": -X}, mark_minimum=True)
    marks = [line.get_xydata().tolist() for line in ax.lines[2:]]
    assert marks == [[[4.0, 1.0]], [[16.0, -16.0]]]
    assert [text.get_text() for text in ax.texts[:2]] == ["minimum at 4", "minimum at 16"]


def test_the_spread_is_a_band_of_half_that_height_on_each_side():
    ax = draw({"bowl": BOWL, "line": X}, spread={"line": 0.5 * np.ones(5)})
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    for x in X:
        at_x = corners[corners[:, 0] == x, 1]
        assert (at_x.min(), at_x.max()) == (x - 0.5, x + 0.5)


def test_names_do_not_overlap_when_lines_end_together():
    ax = draw({f"curve {i}": BOWL + 0.001 * i for i in range(6)})
    render(ax)
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in zip(boxes, boxes[1:], strict=False))


@pytest.mark.parametrize("heights", [[0.5], [0.1, 0.9], [0.5, 0.5, 0.5], [0.9, 0.0, 0.05, 0.88]])
def test_moved_names_keep_their_order_and_their_mean(heights):
    moved = _apart(heights, 0.1)
    assert np.diff(np.sort(moved)).min(initial=1) >= 0.1 - 1e-12
    assert np.all(np.argsort(moved, kind="stable") == np.argsort(heights, kind="stable"))
    np.testing.assert_allclose(moved.mean(), np.mean(heights))


def test_a_name_stands_at_the_height_of_its_end():
    ax = draw({"bowl": BOWL, "line": 10 * X})
    render(ax)
    for line, name in zip(ax.lines, ax.texts, strict=True):
        end = ax.transData.transform(line.get_xydata()[-1])
        box = name.get_window_extent()
        assert abs((box.y0 + box.y1) / 2 - end[1]) < 6
        assert box.x0 > end[0]


def test_the_sixth_line_differs_from_the_first():
    ax = draw({str(i): X + i for i in range(10)})
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(looks) == 10


def test_ticks_made_after_the_call_have_the_style():
    for text in texts(draw({"bowl": BOWL})):
        assert text.get_fontfamily()[0] == "DejaVu Sans"
        assert text.get_fontsize() in (9.5, 10, 10.5)
