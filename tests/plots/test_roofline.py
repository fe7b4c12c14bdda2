import numpy as np
import pytest

from attn_helpers.plots import roofline, subplots
from tests.plots.drawn import contrast, open_figures, render

POINTS = {
    "add": (1 / 12, 3.0),
    "one query": (0.5, 11.0),
    "softmax": (0.6, 9.0),
    "matmul": (170, 96),
}


def draw(points=POINTS, peak=100.0, bandwidth=40.0, **options):
    return roofline(points, peak=peak, bandwidth=bandwidth, **options)


def marks(ax):
    return {line.get_label(): line for line in ax.lines[2:]}


@pytest.mark.parametrize(("peak", "bandwidth"), [(100.0, 40.0), (6e4, 3e3), (5.0, 10.0)])
def test_the_roof_is_the_lower_ceiling(peak, bandwidth):
    ax = draw(peak=peak, bandwidth=bandwidth)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y, np.minimum(peak, bandwidth * x))
    assert x[1] == peak / bandwidth
    assert (x[0], x[2]) == ax.get_xlim()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_every_point_stands_at_its_numbers_and_inside():
    ax = draw()
    assert {name: tuple(line.get_xydata()[0]) for name, line in marks(ax).items()} == POINTS
    for x, y in POINTS.values():
        assert ax.get_xlim()[0] < x < ax.get_xlim()[1]
        assert ax.get_ylim()[0] < y < ax.get_ylim()[1]


def test_the_side_of_the_edge_shows_in_colour_and_form():
    found = {name: (m.get_color(), m.get_marker()) for name, m in marks(draw()).items()}
    assert found["add"] == found["one query"] == found["softmax"] != found["matmul"]
    moved = marks(draw(peak=20.0, bandwidth=40.0))  # the edge at 0.5 now
    assert moved["one query"].get_marker() == moved["matmul"].get_marker()
    assert moved["add"].get_marker() != moved["matmul"].get_marker()


def test_both_ceilings_say_their_numbers():
    said = [text.get_text() for text in draw(peak=12345.6, bandwidth=39.7).texts[:2]]
    assert said == ["arithmetic 12,346 GFLOP/s", "fetching 40 GB/s"]


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1])
def test_names_cover_neither_each_other_nor_a_mark(shift):
    crowd = {f"step {n}": (0.5 * (1 + shift) ** n, 10.0 + n * shift) for n in range(4)}
    ax = draw(crowd)
    render(ax)
    drawn = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(drawn) for text in ax.texts]
    assert [text.get_text() for text in ax.texts[2:]] == list(crowd)
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        for mark in ax.lines[2:]:
            assert not box.contains(*ax.transData.transform(mark.get_xydata()[0]))


def test_names_read_on_the_face():
    for text in draw().texts[2:]:
        assert contrast(text.get_color(), "#FCFCFD") > 4.5


def test_draws_into_the_axes_given():
    _, axes = subplots(1, 2)
    assert draw(ax=axes[1], title="here") is axes[1]
    assert axes[1].get_title(loc="left") == "here"
    assert not axes[0].lines and open_figures() == 1


@pytest.mark.parametrize(
    ("points", "options", "error", "message"),
    [
        ({}, {}, ValueError, "1 to 12 steps, but there are 0"),
        ({str(n): (1, 1) for n in range(13)}, {}, ValueError, "there are 13"),
        ([(1, 2)], {}, TypeError, r"points must be a dict, .* but it is list"),
        ({"a": (1, 2, 3)}, {}, ValueError, r"points\['a'\] must be .*shape \(3,\)"),
        ({"a": 1.0}, {}, ValueError, r"points\['a'\] must be .*shape \(\)"),
        ({"a": (0, 1)}, {}, ValueError, r"points\['a'\]\[0\] must be .* above 0"),
        ({"a": (1, np.inf)}, {}, ValueError, r"points\['a'\]\[1\] must be a finite"),
        (POINTS, {"peak": -1}, ValueError, "peak must be .* above 0"),
        (POINTS, {"bandwidth": "fast"}, TypeError, "bandwidth"),
        (POINTS, {"ax": np.array([1, 2])}, TypeError, "ax must be one"),
    ],
)
def test_bad_input_is_refused_before_drawing(points, options, error, message):
    with pytest.raises(error, match=message):
        draw(points, **options)
    assert open_figures() == 0
