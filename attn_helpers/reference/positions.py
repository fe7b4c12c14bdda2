"""Where a token stands: sinusoids to add, rotations of queries and keys, slopes by distance.

Sinusoids and rotations take features in pairs, and turn pair m by the angle
``position * base ** (-2 * m / d)``: the first pair quickly, the last one slowly.
"""

import operator

import numpy as np

from attn_helpers.arguments import finite_array, positive, shapes

__all__ = ["alibi_slopes", "rope", "sinusoidal_positions"]


def sinusoidal_positions(positions, d_model, *, base=10_000.0):
    """Make a vector for each position, of sines and cosines from fast to slow.

    Parameters
    ----------
    positions : array-like of shape (..., n)
        Any real numbers; ``np.arange(n)`` for a whole sequence.
    d_model : int
        Even: features 2m and 2m + 1 are sine and cosine of one angle.
    base : float, default 10,000
        The last pair turns nearly `base` times more slowly than the first.

    Returns
    -------
    ndarray of shape (..., n, d_model)
        To be added to the embeddings. Its dot products depend on differences of positions only.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 3.5. Derived in 03_4.
    """
    angle = angles_of(positions, operator.index(d_model), base)
    return interleaved(np.sin(angle), np.cos(angle))


def rope(x, positions=None, *, base=10_000.0, halves=False):
    r"""Rotate queries or keys by their positions, so that scores depend on differences only.

    .. math:: \begin{pmatrix} x_{2m} \\ x_{2m+1} \end{pmatrix} \mapsto
              \begin{pmatrix} \cos\alpha & -\sin\alpha \\ \sin\alpha & \cos\alpha \end{pmatrix}
              \begin{pmatrix} x_{2m} \\ x_{2m+1} \end{pmatrix},
              \quad \alpha = \text{position} \cdot \text{base}^{-2m/d}

    Parameters
    ----------
    x : array-like of shape (..., n, d_k)
        Queries or keys of one head, or of many on the leading axes; d_k is even.
    positions : array-like that broadcasts to (..., n), optional
        0 to n - 1 by default. With a key-value cache, ``start + np.arange(n)``.
    base : float, default 10,000
    halves : bool, default False
        Which features make a pair: 2m and 2m + 1, as in the paper and GPT-J, or, if True, m and
        m + d_k / 2, as in GPT-NeoX and in LLaMA in the transformers library. A network learns
        either; weights trained with one are of no use with the other unless reordered.

    Returns
    -------
    ndarray of the shape of `x`
        float16, float32 and float64 are kept; angles are computed in float64.

    Raises
    ------
    TypeError, ValueError
        If numbers are not real and finite, d_k is odd, or there is not one position for each row.

    References
    ----------
    Su et al., "RoFormer", 2021, section 3.4.2. Derived in 03_4.

    Examples
    --------
    >>> rope([[1.0, 0.0], [1.0, 0.0]], [0, np.pi / 2]).round(3) + 0
    array([[1., 0.],
           [0., 1.]])
    """
    x = finite_array("x", x)
    if x.ndim < 2:
        raise ValueError(f"x needs at least two axes, (n, d_k), but {shapes(x=x)}")
    positions = np.arange(x.shape[-2]) if positions is None else positions
    angle = angles_of(positions, x.shape[-1], base)
    try:
        fits = np.broadcast_shapes(x.shape[:-1], angle.shape[:-1]) == x.shape[:-1]
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"each row of x needs one position: {shapes(x=x, positions=positions)}")
    cos, sin = np.cos(angle), np.sin(angle)
    if halves:
        first, second = np.split(x, 2, axis=-1)
    else:
        first, second = x[..., 0::2], x[..., 1::2]
    join = _side_by_side if halves else interleaved
    turned = join(first * cos - second * sin, first * sin + second * cos)
    return turned.astype(x.dtype, copy=False)


def alibi_slopes(n_heads):
    """Return the slope of each head in ALiBi, from steep to flat.

    Parameters
    ----------
    n_heads : int
        For a power of two, head h gets ``2 ** (-8 * (h + 1) / n_heads)``. Otherwise the slopes of
        the next lower power, and then every second one of those of the next higher.

    Returns
    -------
    ndarray of shape (n_heads,)
        For the program ``s - slope[h] * (i - j)``.

    References
    ----------
    Press et al., "Train short, test long", 2022, section 3 and their code. Derived in 03_4.

    Examples
    --------
    >>> alibi_slopes(4)
    array([0.25      , 0.0625    , 0.015625  , 0.00390625])
    """
    n_heads = operator.index(n_heads)
    if n_heads < 1:
        raise ValueError(f"n_heads must be 1 or more, but it is {n_heads}")
    power = 1 << (n_heads.bit_length() - 1)  # the largest power of two in n_heads
    exponents = np.r_[np.arange(1, power + 1), np.arange(n_heads - power) + 0.5]
    return 2.0 ** (-8 / power * exponents)


def angles_of(positions, d, base):
    """Return the angle of each pair at each position: (..., n, d / 2), in float64."""
    positions = finite_array("positions", positions).astype(np.float64, copy=False)
    if positions.ndim == 0:
        raise ValueError(f"positions needs an axis, (n,), but {shapes(positions=positions)}")
    if d < 2 or d % 2:
        raise ValueError(f"features go in pairs: their number must be even, but it is {d}")
    return positions[..., None] * positive("base", base) ** (-np.arange(0, d, 2) / d)


def interleaved(first, second):
    """Join the halves of pairs, (..., d / 2) each, into pairs side by side: (..., d)."""
    pairs = np.stack([first, second], axis=-1)  # (..., d / 2, 2)
    return pairs.reshape(*pairs.shape[:-2], -1)  # (..., d)


def _side_by_side(first, second):
    return np.concatenate([first, second], axis=-1)
