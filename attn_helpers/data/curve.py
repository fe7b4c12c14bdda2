"""A noisy curve with the truth known: the regression example of chapter 1."""

import numpy as np

__all__ = ["noisy_curve", "true_curve"]


def true_curve(x):
    """Return the curve without noise, 2 sin(x) + x**0.8, for x >= 0."""
    x = np.asarray(x, dtype=float)
    return 2 * np.sin(x) + x**0.8


def noisy_curve(n, *, noise=0.5, rng):
    """Draw points of the curve 2 sin(x) + x**0.8 on [0, 5] with Gaussian noise.

    Parameters
    ----------
    n : int
        Number of points.
    noise : float, default 0.5
        Standard deviation of the noise, in the unit of y.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    x : ndarray of shape (n,)
        Sorted positions, uniform on [0, 5].
    y : ndarray of shape (n,)

    Raises
    ------
    ValueError
        If `n` is below 1 or `noise` below 0.
    """
    if n < 1 or noise < 0:
        raise ValueError(f"n must be at least 1 and noise at least 0: n is {n}, noise is {noise}")
    x = np.sort(rng.uniform(0, 5, n))
    return x, true_curve(x) + noise * rng.standard_normal(n)
