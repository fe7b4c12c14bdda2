"""Arguments of attention that a widget takes: checked one by one, then together."""

import operator

import numpy as np

from attn_helpers.arguments import boolean_array, finite_array, shapes
from attn_helpers.plots.arrays import plain
from attn_helpers.widgets.base import Mismatch, check_names

__all__ = [
    "check_array",
    "check_keys",
    "check_mask",
    "check_place",
    "check_similarity",
    "check_together",
    "check_weights",
    "scores_of",
]

MOST_TOKENS = 64  # cells that are still told apart, and that redraw within a frame
MOST_HEADS = 12
SIMILARITIES = ("dot", "scaled dot", "cosine")


def check_keys(keys):
    """Return the names of the keys as a list of str, or None where they are the tokens."""
    return None if keys is None else check_names("keys", keys)


def check_array(name, value):
    """Return a finite float32 or float64 array of two or three axes, or None."""
    if value is None:
        return None
    array = finite_array(name, plain(value))
    if array.ndim not in (2, 3):
        raise ValueError(
            f"{name} needs two axes, or three with the heads first, but {shapes(**{name: array})}"
        )
    return array.astype(np.promote_types(array.dtype, np.float32), copy=False)


def check_weights(weights):
    """Return ready weights between 0 and 1, or None."""
    weights = check_array("weights", weights)
    if weights is not None and weights.size:
        low, high = weights.min(), weights.max()
        if low < 0 or high > 1 + 1e-6:
            raise ValueError(
                f"weights must lie in [0, 1], but they go from {low:.4g} to {high:.4g} "
                f"({shapes(weights=weights)}); scores become weights by softmax"
            )
    return weights


def check_mask(mask):
    """Return a boolean array, or None."""
    return None if mask is None else boolean_array("mask", plain(mask))


def check_similarity(name):
    """Return the name of a similarity."""
    if not isinstance(name, str) or name not in SIMILARITIES:
        raise ValueError(f"similarity must be one of {', '.join(SIMILARITIES)}, not {name!r}")
    return str(name)


def check_place(name, value):
    """Return the position of a query or a head as an int."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a position, 0, 1, ..., but it is {value!r}") from None


def check_together(*, tokens, keys, q, k, v, weights, mask):
    """Refuse what does not go together, and return (n_heads, n_q, n_k); n_heads is 0 without heads.

    Raises
    ------
    Mismatch
        A ValueError with every shape.
    """
    given = {"tokens": tokens, "keys": keys, "q": q, "k": k, "v": v, "weights": weights}
    given = {name: value for name, value in (given | {"mask": mask}).items() if value is not None}
    every = shapes(**given)
    if ("q" in given) != ("k" in given) or ("q" in given) == ("weights" in given):
        raise Mismatch(f"give either q and k, or ready weights: {every}")
    n_q, n_k = len(tokens), len(tokens if keys is None else keys)
    if not (1 <= n_q <= MOST_TOKENS and 1 <= n_k <= MOST_TOKENS):
        raise Mismatch(f"1 to {MOST_TOKENS} tokens and keys can be told apart: {every}")
    wanted = {"q": n_q, "k": n_k, "v": n_k, "weights": n_q}
    for name, n in wanted.items():
        if name in given and given[name].shape[-2] != n:
            whose = "query (n_q, from tokens)" if name in ("q", "weights") else "key (n_k)"
            hint = "; keys are the tokens unless keys=... names them" if keys is None else ""
            raise Mismatch(f"{name} needs {n} rows, one for each {whose}: {every}{hint}")
    if weights is not None and weights.shape[-1] != n_k:
        raise Mismatch(f"weights needs {n_k} columns, one for each key (n_k): {every}")
    if q is not None and q.shape[-1] != k.shape[-1]:
        raise Mismatch(f"q and k need the same last axis, d_k: {every}")
    if 0 in [value.shape[-1] for value in (q, v) if value is not None]:
        raise Mismatch(f"q, k and v need at least one feature: {every}")
    arrays = [value for value in (q, k, v, weights) if value is not None]
    heads = {len(array) for array in arrays if array.ndim == 3}
    n_heads = max(heads, default=0)
    if heads - {1, n_heads} or n_heads > MOST_HEADS or 0 in heads:
        raise Mismatch(f"the first axis is the heads, equal in all and 1 to {MOST_HEADS}: {every}")
    if mask is not None:
        _check_mask_fits(mask, weights, (n_heads, n_q, n_k), every)
    if q is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(dot(q, k)).all()
        if not finite:
            raise Mismatch(f"q @ k.T overflows: make the entries smaller ({every})")
    return n_heads, n_q, n_k


def _check_mask_fits(mask, weights, shape, every):
    try:
        allowed = np.broadcast_to(mask, shape if shape[0] else shape[1:])
    except ValueError:
        raise Mismatch(
            f"mask must broadcast to (n_heads, n_q, n_k) = {shape}, without heads to "
            f"(n_q, n_k): {every}"
        ) from None
    if weights is not None and np.broadcast_to(weights, allowed.shape)[~allowed].any():
        raise Mismatch(f"weights must be 0 where mask is False: {every}")


def dot(q, k):
    """Return q @ k.T in float64, of shape (..., n_q, n_k)."""
    return q.astype(np.float64) @ np.swapaxes(k, -1, -2).astype(np.float64)


def scores_of(q, k, similarity):
    """Return q·k, q·k / sqrt(d_k), or the cosine (0 for a vector of zeros): (..., n_q, n_k)."""
    scores = dot(q, k)
    if similarity == "scaled dot":
        scores /= np.sqrt(q.shape[-1])
    if similarity == "cosine":
        q_length, k_length = (np.linalg.norm(x.astype(np.float64), axis=-1) for x in (q, k))
        product = q_length[..., :, None] * k_length[..., None, :]
        scores = np.divide(scores, product, out=np.zeros_like(scores), where=product > 0)
    return scores
