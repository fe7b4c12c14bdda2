"""Why scores are scaled: softmax under a dot product of more and more features."""

import operator

import numpy as np
import traitlets

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import plain
from attn_helpers.reference.softmax import softmax
from attn_helpers.widgets.base import Array, Checked, CheckedWidget, Mismatch, script, style

__all__ = ["SoftmaxSaturation"]

FEWEST_FEATURES = 4
MOST_FEATURES = 1024
MOST_KEYS = 16  # lines that a reader can still follow
POWERS = {"none": 0.0, "sqrt": -0.5, "linear": -1.0}  # scale: d_k to this power


def check_products(products):
    """Return float32 or float64 products of shape (n_k, d_max) whose sums are finite."""
    products = finite_array("products", plain(products), ndim=2)
    every = shapes(products=products)
    n_k, d_max = products.shape
    if not (2 <= n_k <= MOST_KEYS and 2 * FEWEST_FEATURES <= d_max <= MOST_FEATURES):
        hint = "; give the transpose" if 2 <= d_max <= MOST_KEYS < n_k <= MOST_FEATURES else ""
        raise ValueError(
            f"products must be (n_k, d_max), 2 to {MOST_KEYS} keys of {2 * FEWEST_FEATURES} to "
            f"{MOST_FEATURES} features each, q * k before the sum over features: {every}{hint}"
        )
    products = products.astype(np.promote_types(products.dtype, np.float32), copy=False)
    with np.errstate(over="ignore"):
        finite = np.isfinite(np.abs(products).sum(axis=1, dtype=np.float64)).all()
    if not finite:
        raise ValueError(f"the sum of products overflows: make the entries smaller ({every})")
    return products


def check_d_k(d_k):
    """Return the number of features as an int."""
    try:
        return operator.index(d_k)
    except TypeError:
        raise TypeError(f"d_k must be a whole number of features, but it is {d_k!r}") from None


def check_scale(scale):
    """Return the name of a scale."""
    if not isinstance(scale, str) or scale not in POWERS:
        raise ValueError(f"scale must be one of {', '.join(POWERS)}, not {scale!r}")
    return str(scale)


class SoftmaxSaturation(CheckedWidget):
    """Scores of one query spread as d_k grows; weights, entropy and gradient follow the scale.

    The browser computes, so the widget also lives in a page without a kernel. With one, Python
    knows the d_k and the scale that the reader chooses, and may set them.

    Parameters
    ----------
    products : array-like of shape (n_k, d_max)
        ``q * k``, the products that a dot product adds up, of 2 to 16 keys and 8 to 1024
        features. The score of a key is the sum of its first `d_k` products, times the scale.
    d_k : int, default 64
        Features in use, from 4 to d_max.
    scale : {"sqrt", "none", "linear"}
        The factor of every score: 1 / sqrt(d_k), 1, or 1 / d_k.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    The standard deviation shown is that of the n_k scores about their mean, ``scores.std()``.
    Products are copied and read back read-only. Derived in 04_1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> w = SoftmaxSaturation(rng.normal(size=256) * rng.normal(size=(8, 256)), d_k=256)
    >>> w.weights.round(2)
    array([0.07, 0.02, 0.14, 0.02, 0.04, 0.02, 0.06, 0.62])
    >>> w.scale = "none"
    >>> w.weights.round(2)
    array([0., 0., 0., 0., 0., 0., 0., 1.])
    """

    _esm = script("panel", "saturation", "softmax_saturation")
    _css = style("panel", "softmax_saturation")

    products = Array(check_products)
    d_k = Checked(check_d_k).tag(sync=True)
    scale = Checked(check_scale).tag(sync=True)

    def __init__(self, products, d_k=64, scale="sqrt"):
        super().__init__(products=products, d_k=d_k, scale=scale)

    @traitlets.validate("products", "d_k")
    def _fit(self, proposal):
        now = {"products": self.products, "d_k": self.d_k, proposal.trait.name: proposal.value}
        d_max = now["products"].shape[1]
        if not FEWEST_FEATURES <= now["d_k"] <= d_max:
            raise Mismatch(
                f"d_k must be {FEWEST_FEATURES} to {d_max}, the features there are, but it is "
                f"{now['d_k']}: {shapes(products=now['products'])}; change both at once with "
                f"set(products=..., d_k=...)"
            )
        return proposal.value

    @property
    def scores(self):
        """The sums of the first d_k products, times the scale, an ndarray of shape (n_k,)."""
        sums = self.products[:, : self.d_k].sum(axis=1, dtype=np.float64)
        return sums * self.d_k ** POWERS[self.scale]

    @property
    def weights(self):
        """softmax(scores), an ndarray of shape (n_k,)."""
        return softmax(self.scores)

    @property
    def jacobian_norm(self):
        """Frobenius norm of diag(weights) - weights weights^T, the Jacobian of the softmax.

        The root of the sum of all squared derivatives of a weight by a score: 0 where one key has
        all the weight, at most 1/2, where two keys share it. The derivatives are by the scores;
        those by q·k have the scale as one more factor.
        """
        weights = self.weights
        return float(np.linalg.norm(np.diag(weights) - np.outer(weights, weights)))

    def __repr__(self):
        n_k, d_max = self.products.shape
        return f"SoftmaxSaturation({n_k} keys, {d_max=}, d_k={self.d_k}, scale={self.scale!r})"
