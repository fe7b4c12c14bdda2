"""`softmax` and `kernel_regression` against torch, hand values, and bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attn_helpers.reference import kernel_regression, softmax


@settings(max_examples=150, deadline=None)
@given(
    scores=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5),
        elements=st.floats(-1e4, 1e4),
    ),
    temperature=st.floats(0.01, 100),
    data=st.data(),
)
def test_equals_torch(scores, temperature, data):
    axis = data.draw(st.integers(-scores.ndim, scores.ndim - 1))
    kept = scores.copy()
    found = softmax(scores, axis=axis, temperature=temperature)
    expected = torch.softmax(torch.from_numpy(scores) / temperature, axis).numpy()
    # scores of 1e4 at temperature 0.01 are 1e6 in size: rounding moves a weight by 1e6 * eps
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert np.array_equal(scores, kept)


def test_hand_values():
    np.testing.assert_allclose(softmax([np.log(1), np.log(2), np.log(5)]), [1 / 8, 2 / 8, 5 / 8])
    np.testing.assert_allclose(softmax([0, np.log(9)], temperature=2), [1 / 4, 3 / 4])


@pytest.mark.filterwarnings("error")
def test_a_tiny_temperature_is_the_hard_choice_and_a_huge_one_the_mean():
    np.testing.assert_array_equal(softmax([3e4, 2.0, -1e4], temperature=1e-300), [1, 0, 0])
    np.testing.assert_allclose(softmax([3.0, 2.0, -1.0], temperature=1e12), 1 / 3, atol=1e-11)
    np.testing.assert_array_equal(softmax([1.7e308, -1.7e308]), [1, 0])


def test_minus_infinity_masks_and_a_row_of_it_gives_zeros():
    np.testing.assert_allclose(softmax([[0, -np.inf], [-np.inf, -np.inf]]), [[1, 0], [0, 0]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_type_is_kept(dtype):
    weights = softmax(np.array([6e4, 5.9e4, 0], dtype))
    assert weights.dtype == dtype and weights.sum() == 1


def test_kernel_regression_by_hand():
    # a key at distance 0 and one at distance h * sqrt(2 log 3): weights 3:1
    keys = [0.0, 2 * np.sqrt(2 * np.log(3))]
    prediction, weights = kernel_regression([0.0], keys, [4.0, 8.0], bandwidth=2)
    np.testing.assert_allclose(weights, [[0.75, 0.25]])
    np.testing.assert_allclose(prediction, [5.0])


def test_kernel_regression_far_away_takes_the_nearest_value():
    prediction, _ = kernel_regression([1e6, -1e6], [0.0, 1.0, 2.0], [5.0, 6.0, 7.0], bandwidth=0.1)
    np.testing.assert_array_equal(prediction, [7, 5])


BAD = {
    "a number": (softmax, (3.0,), {}, ValueError, "at least one axis"),
    "NaN": (softmax, ([1.0, np.nan],), {}, ValueError, "NaN or +inf (scores is (2,))"),
    "infinity": (softmax, ([1.0, np.inf],), {}, ValueError, "NaN or +inf"),
    "no axis": (
        softmax,
        ([[1.0, 2.0]],),
        {"axis": 2},
        ValueError,
        "axis 2 does not exist: scores is (1, 2)",
    ),
    "text": (softmax, (["a"],), {}, TypeError, "scores must hold real numbers"),
    "temperature 0": (softmax, ([1.0],), {"temperature": 0}, ValueError, "above 0"),
    "temperature -1": (softmax, ([1.0],), {"temperature": -1}, ValueError, "it is -1"),
    "temperature NaN": (softmax, ([1.0],), {"temperature": np.nan}, ValueError, "temperature"),
    "temperatures": (softmax, ([1.0],), {"temperature": [1, 2]}, ValueError, "temperature is (2,)"),
    "lengths": (
        kernel_regression,
        ([0.0], [1.0, 2.0], [1.0]),
        {"bandwidth": 1},
        ValueError,
        "(2,)",
    ),
    "no keys": (kernel_regression, ([0.0], [], []), {"bandwidth": 1}, ValueError, "at least one"),
    "axes": (kernel_regression, ([[0.0]], [1.0], [1.0]), {"bandwidth": 1}, ValueError, "(1, 1)"),
    "bandwidth 0": (
        kernel_regression,
        ([0.0], [1.0], [1.0]),
        {"bandwidth": 0},
        ValueError,
        "above 0",
    ),
    "NaN key": (kernel_regression, ([0.0], [np.nan], [1.0]), {"bandwidth": 1}, ValueError, "keys"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function, args, kwargs, error, words", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(function, args, kwargs, error, words):
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    assert words in str(caught.value), str(caught.value)
