"""Kernel regression: attention before it had the name."""

from attn_helpers.arguments import finite_array, positive, shapes
from attn_helpers.reference.softmax import softmax

__all__ = ["kernel_regression"]


def kernel_regression(query, keys, values, *, bandwidth):
    r"""Predict a value at each query as a mean of the known values, near ones weighing more.

    .. math:: \hat y(x) = \sum_j w_j(x)\, y_j, \qquad
              w_j(x) \propto \exp\left(-\frac{(x - x_j)^2}{2 h^2}\right)

    Parameters
    ----------
    query : array-like of shape (n_q,)
        Where to predict.
    keys : array-like of shape (n_k,)
        Where values are known, in the unit of `query`.
    values : array-like of shape (n_k,)
        The known values.
    bandwidth : float
        :math:`h`, in the unit of `query`.

    Returns
    -------
    prediction : ndarray of shape (n_q,)
    weights : ndarray of shape (n_q, n_k)

    Raises
    ------
    TypeError, ValueError
        If an argument is not a finite row of numbers, keys and values differ in length, there is
        no key, or the bandwidth is not above zero.

    References
    ----------
    Nadaraya 1964; Watson 1964. Derived in 01.
    """
    query, keys = finite_array("query", query, ndim=1), finite_array("keys", keys, ndim=1)
    values = finite_array("values", values, ndim=1)
    bandwidth = positive("bandwidth", bandwidth)
    if keys.shape != values.shape or keys.size == 0:
        every = shapes(query=query, keys=keys, values=values)
        raise ValueError(f"keys and values need the same length, at least one: {every}")
    distance = (query[:, None] - keys[None, :]) / bandwidth  # (n_q, n_k)
    weights = softmax(-(distance**2) / 2)
    return weights @ values, weights
