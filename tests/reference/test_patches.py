"""`to_patches` against loops and torch's unfold, its inverse by hypothesis, and bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attn_helpers.reference import from_patches, to_patches


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def by_loops(image, size):
    found = []
    for top in range(0, len(image), size):
        for left in range(0, len(image[0]), size):
            square = [image[top + y][left + x] for y in range(size) for x in range(size)]
            found.append([number for pixel in square for number in pixel])
    return np.array(found)


def by_unfold(image, size):
    columns = torch.nn.functional.unfold(
        torch.tensor(image).permute(2, 0, 1)[None], size, stride=size
    )[0]  # (channels * size * size, n)
    channels = image.shape[2]
    return columns.T.reshape(-1, channels, size * size).transpose(1, 2).flatten(1).numpy()


@pytest.mark.parametrize("oracle", [by_loops, by_unfold])
@pytest.mark.parametrize(
    "height, width, channels, size",
    [(6, 10, 3, 2), (10, 6, 2, 2), (3, 6, 5, 3), (6, 3, 1, 3), (5, 7, 4, 1), (4, 4, 3, 4)],
)
def test_equals_the_oracle(oracle, height, width, channels, size):
    image = draw(height, width, channels)
    np.testing.assert_array_equal(to_patches(image, size), oracle(image, size))


def test_a_grey_image_by_hand():
    image = np.arange(12).reshape(2, 6)
    expected = [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    np.testing.assert_array_equal(to_patches(image, 2), expected)
    np.testing.assert_array_equal(to_patches(image.tolist(), np.int64(2)), expected)


@given(
    size=st.integers(1, 4),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    channels=st.none() | st.integers(1, 4),
)
def test_from_patches_undoes_to_patches(size, rows, columns, channels):
    image = draw(rows * size, columns * size, *(() if channels is None else (channels,)))
    patches = to_patches(image, size)
    assert patches.shape == (rows * columns, size * size * (channels or 1))
    np.testing.assert_array_equal(from_patches(patches, image.shape), image)
    np.testing.assert_array_equal(to_patches(from_patches(patches, image.shape), size), patches)


def test_arguments_are_left_alone_and_the_dtype_is_kept():
    image = draw(4, 6, 3).astype(np.float32)
    before = image.copy()
    patches = to_patches(image, 2)
    assert patches.dtype == from_patches(patches, image.shape).dtype == np.float32
    patches[:] = 0
    np.testing.assert_array_equal(image, before)
    strided = np.repeat(before, 2, axis=1)[:, ::2]
    strided.flags.writeable = False
    np.testing.assert_array_equal(to_patches(strided, 2), by_loops(before, 2))


BAD = [
    (to_patches, (draw(5, 6, 3), 2), ValueError, ["size 2", "(5, 6, 3)", "crop"]),
    (to_patches, (draw(6, 5, 3), 2), ValueError, ["size 2", "(6, 5, 3)", "crop"]),
    (to_patches, (draw(6), 2), ValueError, ["(height, width, channels)", "(6,)"]),
    (to_patches, (draw(2, 4, 6, 3), 2), ValueError, ["(2, 4, 6, 3)"]),
    (to_patches, (draw(4, 6, 3), 0), ValueError, ["size 0", "(4, 6, 3)"]),
    (to_patches, (draw(4, 6, 3), -2), ValueError, ["size -2", "(4, 6, 3)"]),
    (to_patches, (draw(4, 6, 3), 2.0), TypeError, ["whole number", "2.0", "(4, 6, 3)"]),
    (to_patches, (draw(4, 6, 3), "2"), TypeError, ["whole number", "'2'", "(4, 6, 3)"]),
    (to_patches, (draw(4, 6, 3), (2, 2)), TypeError, ["whole number", "(2, 2)", "(4, 6, 3)"]),
    (to_patches, (draw(0, 6, 3), 2), ValueError, ["(0, 6, 3)"]),
    (to_patches, (draw(4, 6, 0), 2), ValueError, ["(4, 6, 0)"]),
    (to_patches, (np.full((2, 4), np.nan), 2), ValueError, ["nan", "(2, 4)"]),
    (to_patches, ([["a"]], 1), TypeError, ["image", "real numbers"]),
    (from_patches, (draw(6, 12), (4, 5, 3)), ValueError, ["(6, 12)", "(4, 5, 3)"]),
    (from_patches, (draw(6, 12), (6, 6, 3)), ValueError, ["(6, 12)", "(6, 6, 3)"]),
    (from_patches, (draw(6, 12), (4, 6)), ValueError, ["(6, 12)", "(4, 6)"]),
    (from_patches, (draw(6, 12), (4, 6, 5)), ValueError, ["(6, 12)", "(4, 6, 5)"]),
    (from_patches, (draw(6, 12), (4, 6, 24)), ValueError, ["(6, 12)", "(4, 6, 24)"]),
    (from_patches, (draw(6, 12), (3, 8, 3)), ValueError, ["(6, 12)", "(3, 8, 3)"]),
    (from_patches, (draw(6, 12), (-4, -6, 3)), ValueError, ["(6, 12)", "(-4, -6, 3)"]),
    (from_patches, (draw(6, 12), (4, 6, 0)), ValueError, ["(6, 12)", "(4, 6, 0)"]),
    (from_patches, (draw(6, 12), (24,)), ValueError, ["(6, 12)", "(24,)"]),
    (from_patches, (draw(6, 12), (1, 4, 6, 3)), ValueError, ["(6, 12)", "(1, 4, 6, 3)"]),
    (from_patches, (draw(6, 12), (4.0, 6.0, 3)), ValueError, ["(6, 12)", "(4.0, 6.0, 3)"]),
    (from_patches, (draw(6, 12), 24), ValueError, ["(6, 12)", "24"]),
    (from_patches, (draw(72), (4, 6, 3)), ValueError, ["patches", "(72,)"]),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function, arguments, error, words", BAD)
def test_bad_input_is_named(function, arguments, error, words):
    with pytest.raises(error) as caught:
        function(*arguments)
    for word in words:
        assert word in str(caught.value), str(caught.value)
