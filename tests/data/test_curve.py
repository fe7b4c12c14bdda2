"""The noisy curve keeps to its formula and its noise."""

import numpy as np
import pytest

from attn_helpers.data.curve import noisy_curve, true_curve


def test_noise_has_the_stated_size():
    x, y = noisy_curve(20_000, noise=0.5, rng=np.random.default_rng(0))
    residual = y - (2 * np.sin(x) + x**0.8)
    assert residual.std() == pytest.approx(0.5, rel=0.03)
    assert abs(residual.mean()) < 0.02
    assert (np.diff(x) >= 0).all() and x.min() >= 0 and x.max() <= 5


def test_without_noise_it_is_the_true_curve():
    x, y = noisy_curve(7, noise=0, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(y, true_curve(x))


def test_the_generator_decides():
    first, again = (noisy_curve(5, rng=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("n, noise", [(0, 0.5), (-1, 0.5), (5, -0.1)])
def test_bad_sizes_are_named(n, noise):
    with pytest.raises(ValueError, match=f"n is {n}, noise is {noise}"):
        noisy_curve(n, noise=noise, rng=np.random.default_rng(0))
