"""Four tasks on sequences, each made for another kind of network; every answer is yes or no.

A task is a function `(rng, count, n, shifted=False) -> x, y`: tokens `x` of shape (count, n, 9), of
which the last number is always 1 and serves as a bias, and answers `y` of shape (count, n), 0 or 1,
or -1 where nothing is asked. An answer depends on its own token and those before it. `shifted`
changes one thing, for a test that training has not seen. Derived in 03_5.
"""

import numpy as np

__all__ = ["lamp", "look_up", "motif", "wiring"]

TOKEN = 9
NAMES = np.random.default_rng(3).permutation(128)
LIST = np.random.default_rng(1).permutation(64) % 2
ASKED = range(8, 16)
WIRES = [np.random.default_rng(i).choice(i + 1, 3, replace=False) for i in ASKED]


def look_up(rng, count, n, shifted=False):
    """Tell names with a yes or no, then ask for some of them: made for attention.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of sequences.
    n : int
        Their length, even and at most 128. In the first half each token tells one name, seven
        signs, and what is said of it, a sign; in the second half each asks for a name, and the
        eighth number is 0.
    shifted : bool, default False
        Whether to draw the names from 64 others.

    Returns
    -------
    x : ndarray of shape (count, n, 9)
    y : ndarray of shape (count, n)
        -1 in the first half.

    Raises
    ------
    ValueError
        If `n` is odd or out of range.

    References
    ----------
    Associative recall: Graves et al., "Neural Turing machines", 2014, section 4.3.
    """
    if n % 2 or not 2 <= n <= 128:
        raise ValueError(f"n must be even, from 2 to 128, for look_up, but it is {n}")
    pool = NAMES[64:] if shifted else NAMES[:64]
    told = rng.permuted(np.tile(pool, (count, 1)), axis=1)[:, : n // 2]
    asked = rng.integers(n // 2, size=told.shape)
    names = np.hstack([told, np.take_along_axis(told, asked, axis=1)])
    said = rng.integers(2, size=told.shape)
    x = np.zeros((count, n, TOKEN))
    x[..., :7] = 2 * (names[..., None] >> np.arange(7) & 1) - 1
    x[:, : n // 2, 7] = 2 * said - 1
    x[..., -1] = 1
    answers = np.take_along_axis(said, asked, axis=1)
    return x, np.hstack([np.full_like(said, -1), answers])


def motif(rng, count, n, shifted=False):
    """Look the last six switches up in a fixed list of 64 answers: made for a convolution.

    Parameters
    ----------
    rng, count, shifted
        As for `look_up`. A token's first number is 1 or -1; four of five are 1 if `shifted`, half
        of them otherwise.
    n : int
        Length, any.

    Returns
    -------
    x : ndarray of shape (count, n, 9)
    y : ndarray of shape (count, n)
        -1 at the first five tokens.
    """
    x, on = _switches(rng, count, n, 0.8 if shifted else 0.5)
    last_six = sum(2**t * np.roll(on, t, axis=1) for t in range(6))
    return x, np.where(np.arange(n) < 5, -1, LIST[last_six])


def lamp(rng, count, n, shifted=False):
    """Say whether a lamp is on that each press (first number 1) turns on or off: made for an RNN.

    Parameters
    ----------
    rng, count, shifted
        As for `look_up`. Half of the tokens are presses if `shifted`, one in four otherwise.
    n : int
        Length, any.

    Returns
    -------
    x : ndarray of shape (count, n, 9)
    y : ndarray of shape (count, n)

    References
    ----------
    Parity: Hahn, "Theoretical limitations of self-attention", 2020.
    """
    x, on = _switches(rng, count, n, 0.5 if shifted else 0.25)
    return x, on.cumsum(axis=1) % 2


def wiring(rng, count, n, shifted=False):
    """Let places 8 to 15 answer by the majority of three fixed places each: made for an MLP.

    Parameters
    ----------
    rng, count, shifted
        As for `look_up`. If `shifted`, tokens and answers have all moved one place on, the last
        to the front.
    n : int
        Length, at least 16.

    Returns
    -------
    x : ndarray of shape (count, n, 9)
    y : ndarray of shape (count, n)
        -1 where no answer is wired, 0 or 1 at places 8 to 15 (9 to 16 if `shifted`).

    Raises
    ------
    ValueError
        If `n` is less than 16.
    """
    if n < 16:
        raise ValueError(f"n must be at least 16 for wiring, but it is {n}")
    x, on = _switches(rng, count, n, 0.5)
    y = np.full((count, n), -1)
    y[:, ASKED] = on[:, WIRES].sum(axis=2) > 1
    return (np.roll(x, 1, axis=1), np.roll(y, 1, axis=1)) if shifted else (x, y)


def _switches(rng, count, n, often):
    """Draw tokens (count, n, 9) whose first number says on or off, and whether it is on."""
    x = np.zeros((count, n, TOKEN))
    x[..., 0] = np.where(rng.random((count, n)) < often, 1, -1)
    x[..., -1] = 1
    return x, x[..., 0] > 0
