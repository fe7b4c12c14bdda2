import numpy as np
import pytest
from matplotlib.text import Annotation

from attn_helpers.plots import bars, flow, heatmap, spotlight
from tests.plots.drawn import open_figures, render, texts
from tests.plots.test_fonts import HOSTILE

STEPS = ["features", "allocation", "weighted sum", "out"]


def arrows(axes):
    """Left and right end of each arrow as drawn, and its height: (arrows, 3), in pixels."""
    axes[0].figure.canvas.draw()
    found = [a for a in axes[0].figure.findobj(Annotation) if a.arrow_patch is not None]
    boxes = [a.arrow_patch.get_path().get_extents() for a in found]
    return np.array(sorted((box.x0, box.x1, (box.y0 + box.y1) / 2) for box in boxes))


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_boxes_stand_in_order_with_arrows_between_them(count, recwarn):
    axes = flow([f"step {i}" for i in range(count)])
    assert axes.shape == (count,)
    render(axes[0])
    assert [ax.get_title(loc="left") for ax in axes] == [f"step {i}" for i in range(count)]
    drawn = arrows(axes)
    boxes = [ax.get_window_extent() for ax in axes]
    assert len(drawn) == count - 1
    for left, right, (start, end, height) in zip(boxes, boxes[1:], drawn, strict=False):
        assert left.x1 < start < end < right.x0
        assert height == pytest.approx((left.y0 + left.y1) / 2, abs=1)
    assert not any(ax.get_xticks().size or ax.get_yticks().size for ax in axes)
    assert open_figures() == 1
    assert not [str(warning.message) for warning in recwarn]


def test_arrows_keep_clear_of_what_is_drawn_into_the_boxes(recwarn):
    axes = flow(STEPS)
    bars([0.2, 0.5, 0.3], labels=["a", "b", "c"], ax=axes[0])
    heatmap(np.full((2, 3), 1 / 3), rows=["Yesterday", "run"], colorbar=False, ax=axes[1])
    spotlight(np.full((4, 6), 0.5), np.eye(2, 3), query=(0, 1), ax=axes[2])
    axes[3].barh(["red", "green"], [1, 2])
    axes[3].set(yticks=[0, 1], yticklabels=["red", "green"])
    render(axes[0])
    assert [ax.get_title(loc="left") for ax in axes] == STEPS
    drawn = arrows(axes)
    boxes = [ax.get_tightbbox() for ax in axes]
    for left, right, (start, end, _) in zip(boxes, boxes[1:], drawn, strict=False):
        assert left.x1 <= start < end <= right.x0
    assert not [str(warning.message) for warning in recwarn]


def test_arrows_point_to_the_right():
    axes = flow(STEPS)
    render(axes[0])
    found = [a for a in axes[0].figure.findobj(Annotation) if a.arrow_patch is not None]
    for annotation in found:
        assert annotation.arrow_patch.get_arrowstyle().__class__.__name__ == "CurveFilledB"
        (start, _), (end, _) = annotation.arrow_patch._posA_posB
        assert start < end


@pytest.mark.parametrize("size", [(9.5, 2.8), (10.5, 3.0), (6, 2)])
@pytest.mark.parametrize("steps", [STEPS, ["the weighted sum of all the values"] * 6])
def test_names_do_not_run_into_one_another(steps, size):
    axes = flow(steps, size=size)
    names = [text for text in texts(axes[0]) if text.get_text()]
    assert len(names) == len(steps)
    extents = [text.get_window_extent() for text in names]
    assert not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])
    assert all(text.get_fontsize() >= 10.5 for text in names)
    assert tuple(axes[0].figure.get_size_inches()) == size


@pytest.mark.parametrize("step", HOSTILE)
def test_names_are_taken_literally(step, recwarn):
    axes = flow([step, "two"])
    shown = texts(axes[0])
    assert step in [text.get_text().replace("\n", " ") for text in shown]
    assert not any(text.get_parse_math() for text in shown)
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.parametrize("steps", [["昨天", "去"], ("我", "公园", "跑步")])
def test_names_in_chinese_have_no_missing_glyph(steps, cjk, recwarn):
    render(flow(steps)[0])
    assert not [str(warning.message) for warning in recwarn]


def test_an_empty_flow_is_a_small_png():
    assert len(render(flow(STEPS)[0])) < 15_000


BAD = [
    ([], ValueError, "2 to 6 names, but it has 0"),
    (["one"], ValueError, r"2 to 6 names, but it has 1: \['one'\]"),
    (list("abcdefg"), ValueError, "2 to 6 names, but it has 7"),
    ("four", TypeError, "steps must be a list of names, but it is 'four'"),
    (b"four", TypeError, "steps must be a list of names"),
    (4, TypeError, "steps must be a list of names, but it is 4"),
    (None, TypeError, "steps must be a list of names, but it is None"),
    (np.array(3.0), TypeError, "steps must be a list of names"),
]


@pytest.mark.parametrize(("steps", "error", "message"), BAD)
def test_bad_input_is_refused_before_drawing(steps, error, message):
    with pytest.raises(error, match=message):
        flow(steps)
    assert open_figures() == 0
