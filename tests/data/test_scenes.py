"""The scenes: true boxes and masks, balanced classes, and nothing but the drawing tells them."""

import numpy as np
import pytest

from attn_helpers.data.brush import ellipse, paint, polygon, stroke
from attn_helpers.data.scenes import CLASSES, SIDE, draw_scenes


@pytest.fixture(scope="module")
def many():
    return draw_scenes(900, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def alone():
    return draw_scenes(60, clutter=0, rng=np.random.default_rng(1))


def test_the_boxes_enclose_the_masks_tightly(many):
    for mask, (x0, y0, x1, y1) in zip(many.masks, many.boxes, strict=True):
        assert not mask[:y0].any() and not mask[y1:].any()
        assert not mask[:, :x0].any() and not mask[:, x1:].any()
        inside = mask[y0:y1, x0:x1]
        assert inside[0].any() and inside[-1].any()
        assert inside[:, 0].any() and inside[:, -1].any()
        assert 0.15 < inside.mean() < 0.9


def test_shapes_types_and_range(many):
    assert many.images.shape == (900, SIDE, SIDE, 3) and many.images.dtype == np.float32
    assert many.masks.shape == (900, SIDE, SIDE) and many.masks.dtype == bool
    assert many.boxes.shape == (900, 4) and many.labels.shape == (900,)
    assert many.images.min() >= 0 and many.images.max() <= 1
    assert np.bincount(many.labels).tolist() == [300] * len(CLASSES)
    assert np.bincount(draw_scenes(7, rng=np.random.default_rng(2)).labels).max() == 3


def test_seeds_repeat_and_differ():
    first, again, other = (draw_scenes(4, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
    for name in ("images", "labels", "boxes", "masks"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert abs(first.images - other.images).mean() > 0.05


def test_without_clutter_what_sticks_out_is_the_animal(alone):
    for image, mask, (x0, y0, x1, y1) in zip(alone.images, alone.masks, alone.boxes, strict=True):
        around = np.zeros_like(mask)
        around[max(y0 - 4, 0) : y1 + 4, max(x0 - 9, 0) : x1 + 9] = True  # whiskers reach out
        rough = abs(np.diff(image, axis=1)).max(-1) > 0.2
        assert not (rough & ~around[:, 1:]).any()
        assert (rough & mask[:, 1:]).any()


def test_clutter_is_painted(many, alone):
    def edges(scene):
        steps = abs(np.diff(scene.images, axis=2)).max(-1) > 0.15
        return (steps & ~scene.masks[:, :, 1:]).mean()

    assert edges(many) > 2 * edges(alone)


def chance_of(features, labels):
    """Share right of the 15 nearest neighbours' vote, the last third by the first two."""
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    cut = 2 * len(features) // 3
    known, asked = features[:cut], features[cut:]
    squared = (asked**2).sum(1)[:, None] - 2 * asked @ known.T + (known**2).sum(1)
    near = labels[np.argsort(squared, axis=1)[:, :15]]
    votes = (near[:, :, None] == np.arange(len(CLASSES))).sum(1)
    return (votes.argmax(1) == labels[cut:]).mean()


def test_the_judge_of_leaks_would_see_one(many):
    seen = np.eye(3)[many.labels] + 0.4 * np.random.default_rng(0).standard_normal((900, 3))
    assert chance_of(seen, many.labels) > 0.8


def test_box_place_and_size_tell_nothing(many):
    x0, y0, x1, y1 = many.boxes.T
    features = np.column_stack([x0, y0, x1 - x0, y1 - y0, (x1 - x0) / (y1 - y0)])
    assert chance_of(features, many.labels) < 0.41
    for feature in features.T:  # the means of the classes, in standard deviations
        means = [feature[many.labels == label].mean() for label in range(3)]
        assert np.ptp(means) < 0.3 * feature.std()


def test_colours_tell_next_to_nothing(many):
    binned = (many.images * 3.999).astype(int) @ [16, 4, 1]
    histograms = np.array([np.bincount(image.ravel(), minlength=64) for image in binned])
    assert chance_of(histograms**0.5, many.labels) < 0.43
    means = np.column_stack([many.images.mean((1, 2)), many.images.std((1, 2))])
    assert chance_of(means, many.labels) < 0.41


def test_surroundings_tell_nothing(many):
    images = many.images.copy()
    for image, (x0, y0, x1, y1) in zip(images, many.boxes, strict=True):
        image[max(y0 - 4, 0) : y1 + 4, max(x0 - 9, 0) : x1 + 9] = 0.5
    small = images.reshape(len(images), 8, 8, 8, 8, 3).mean((2, 4)).reshape(len(images), -1)
    assert chance_of(small, many.labels) < 0.41


@pytest.mark.parametrize("n, clutter", [(0, 3), (-2, 0), (4, -1)])
def test_bad_sizes_are_named(n, clutter):
    with pytest.raises(ValueError, match=f"n is {n}, clutter={clutter}"):
        draw_scenes(n, clutter=clutter, rng=np.random.default_rng(0))


SHAPES = {
    "ellipse": (ellipse(17.3, 12.1, 9.0, 4.0, 30.0), np.pi * 9 * 4),
    "polygon": (polygon((4.2, 5.0), (25.5, 8.3), (12.0, 21.7)), 164.985),
    "stroke": (stroke((6.0, 7.0), (21.0, 15.0), radius=3.0), 2 * 3 * 17 + np.pi * 9),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_shape_covers_its_area(name, mirrored):
    shape, area = SHAPES[name]
    if mirrored:
        shape = shape.moved(np.diag([-1.0, 1.0]), np.array([32.0, 0.0]))
    image, cover = np.zeros((32, 32, 3)), np.zeros((32, 32))
    paint(image, shape, (1.0, 0.5, 0.0), cover)
    assert cover.sum() == pytest.approx(area, rel=0.02)
    np.testing.assert_allclose(image, cover[:, :, None] * [1, 0.5, 0])
    low, high = shape.extent()
    rows, columns = np.nonzero(cover >= 0.5)
    np.testing.assert_allclose([columns.min(), rows.min()], low, atol=2)
    np.testing.assert_allclose([columns.max() + 1, rows.max() + 1], high, atol=2)


def test_an_ellipse_covers_the_pixels_that_its_formula_holds():
    shape, _ = SHAPES["ellipse"]
    cover = np.zeros((32, 32))
    paint(np.zeros((32, 32, 3)), shape, (1, 1, 1), cover)
    fine = (np.arange(320) + 0.5) / 10
    x, y = fine - 17.3, fine[:, None] - 12.1
    along = (x * np.cos(np.pi / 6) + y * np.sin(np.pi / 6)) / 9
    across = (y * np.cos(np.pi / 6) - x * np.sin(np.pi / 6)) / 4
    exact = (along**2 + across**2 < 1).reshape(32, 10, 32, 10).mean((1, 3))
    assert abs(cover - exact).max() < 0.25 and abs(cover - exact).mean() < 0.01
