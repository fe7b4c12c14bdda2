"""Exercises of chapter 3.2: projections folded, attention with a mask, additive scores."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["additive_scores", "fold_projections", "scaled_dot_product_attention"]

DRAW = np.random.default_rng(32)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def folded(w_q, w_k):
    """Two projections as one matrix, the scale in it."""
    return w_q @ w_k.T / np.sqrt(w_q.shape[1])


fold_projections = Exercise(
    "fold_projections",
    folded,
    properties=[
        Property(
            "gives the one matrix that makes the same scores",
            [(draw(5, 3), draw(7, 3)), (draw(6, 2), draw(6, 2))],
            "(x w_q)(y w_k)^T = x (w_q w_k^T) y^T; the scale 1 / sqrt(d_k) goes in, too.",
        ),
        Property(
            "takes one feature, and keys wider than the inputs",
            [(draw(4, 1), draw(3, 1)), (draw(2, 5), draw(3, 5)), (draw(1, 4), draw(1, 4))],
            "Keep both axes, and take d_k from the last axis of w_q.",
        ),
    ],
    mistakes=[
        ("The scale 1 / sqrt(d_k) is missing.", lambda a, b: a @ b.T),
        ("The root is missing: divide by sqrt(d_k).", lambda a, b: a @ b.T / a.shape[1]),
        (
            "You divide by the root of the inputs' width; d_k is the other axis.",
            lambda a, b: a @ b.T / np.sqrt(a.shape[0]),
        ),
        ("Multiplied by sqrt(d_k): divide.", lambda a, b: a @ b.T * np.sqrt(a.shape[1])),
        (
            "Queries come first: the matrix has the rows of w_q and the columns of w_k's rows.",
            lambda a, b: folded(a, b).T,
        ),
        (
            "This sums over the inputs' axis. Which axis do q and k share?",
            lambda a, b: a[: len(b)].T @ b[: len(a)] / np.sqrt(a.shape[1]),
        ),
    ],
)


def scores(q, k):
    """Scaled dot products."""
    return q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])


def hide(scores, mask):
    """Put minus infinity where a query may not attend."""
    return np.where(mask, scores, -np.inf)


def attend(q, k, v, mask=None):
    """Scaled dot-product attention; a query that may see nothing does not come up here."""
    return varied(q, k, v, mask)


def varied(q, k, v, mask=None, *, factor=1, axis=-1, hide=hide):
    """Attention with one step done in another way."""
    weights = factor * scores(q, k)
    weights = softmax(weights if mask is None else hide(weights, mask), axis)
    return weights @ v, weights


def zeroed(q, k, v, mask=None):
    """Attention with weights set to zero after softmax."""
    weights = attend(q, k, v)[1] * (1 if mask is None else mask)
    return weights @ v, weights


Q, K, V = draw(3, 7), draw(5, 7), draw(5, 2)
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)
SQUARE = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)
HIDDEN_HUGE = K * [[1.0], [1.0], [1e4], [1.0], [1.0]]
VISIBLE = np.arange(5) != 2

scaled_dot_product_attention = Exercise(
    "scaled_dot_product_attention",
    attend,
    properties=[
        Property(
            "gives softmax(q k^T / sqrt(d_k)) v, and weights only where the mask is True",
            [(Q, K, V), (K, Q, V[:3], None), (Q, K, V, MASK), (Q, K[:3], V[:3], SQUARE)],
            "Four steps: scores, mask, softmax over the keys, weighted sum of the values.",
        ),
        Property(
            "takes a mask of any shape that broadcasts",
            [
                (Q, K, V, VISIBLE),
                (Q, K, V, MASK[:, :1] | True),
            ],
            "`np.where(mask, scores, -np.inf)` broadcasts; an assignment by index does not.",
        ),
        Property(
            "takes batches and heads in front",
            [
                (draw(2, 3, 7), draw(2, 5, 7), draw(2, 5, 4)),
                (draw(2, 3, 7), draw(2, 5, 7), draw(2, 5, 4), np.stack([MASK, ~MASK])),
                (draw(2, 4, 3, 7), draw(2, 4, 5, 7), draw(2, 4, 5, 6), MASK),
                (draw(3, 3, 7), draw(3, 3, 7), draw(3, 3, 3)),
            ],
            "`k.T` turns all axes round; `k.swapaxes(-1, -2)` turns the last two.",
        ),
        Property(
            "stays finite for scores of 10,000, hidden ones, too",
            [
                (Q * 1e4, K, V, MASK),
                (Q * -1e4, K, V, MASK),
                (Q, HIDDEN_HUGE, V, VISIBLE),
                (Q, -HIDDEN_HUGE, V, VISIBLE),
            ],
            "First hide, with -inf; then take each row's own largest score off; then the "
            "exponential. A hidden score must not count as the largest.",
        ),
        Property(
            "takes one query, one key, one feature, one column of values",
            [
                (Q[:1], K, V, MASK[:1]),
                (Q, K[:1], V[:1]),
                (Q[:, :1], K[:, :1], V),
                (Q, K, V[:, :1], MASK),
            ],
            "Keep all axes; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        (
            "The scale is missing.",
            lambda q, k, v, mask=None: varied(q, k, v, mask, factor=np.sqrt(q.shape[-1])),
        ),
        (
            "You divide by d_k; divide by its root.",
            lambda q, k, v, mask=None: varied(q, k, v, mask, factor=q.shape[-1] ** -0.5),
        ),
        (
            "You multiply by sqrt(d_k): divide.",
            lambda q, k, v, mask=None: varied(q, k, v, mask, factor=q.shape[-1]),
        ),
        (
            "You take the root of the number of keys; d_k is the last axis of k.",
            lambda q, k, v, mask=None: varied(q, k, v, mask, factor=np.sqrt(q.shape[-1] / len(k))),
        ),
        (
            "Softmax runs over the queries; each query shares out its own weight: `axis=-1`.",
            lambda q, k, v, mask=None: varied(q, k, v, mask, axis=-2),
        ),
        (
            "All weights together sum to one; each row should: `axis=-1, keepdims=True`.",
            lambda q, k, v, mask=None: varied(q, k, v, mask, axis=(-2, -1)),
        ),
        (
            "Softmax is missing: you mix with the scores.",
            lambda q, k, v, mask=None: (scores(q, k) @ v, scores(q, k)),
        ),
        (
            "Your second result holds the scores; hand back the weights.",
            lambda q, k, v, mask=None: (attend(q, k, v, mask)[0], scores(q, k)),
        ),
        (
            "The order is turned round: `return out, weights`.",
            lambda q, k, v, mask=None: attend(q, k, v, mask)[::-1],
        ),
        (
            "You mix the keys. Keys are compared, values are mixed.",
            lambda q, k, v, mask=None: attend(q, k, k, mask),
        ),
        ("The mask is not used.", lambda q, k, v, mask=None: attend(q, k, v)),
        (
            "The mask is turned round: True means may attend.",
            lambda q, k, v, mask=None: attend(q, k, v, None if mask is None else ~mask),
        ),
        (
            "You multiply the scores by the mask: a score of 0 hides nothing, exp(0) is 1. "
            "Put -inf there.",
            lambda *a: varied(*a, hide=np.multiply),
        ),
        (
            "You add the mask to the scores: True adds 1. Put -inf where it is False.",
            lambda *a: varied(*a, hide=np.add),
        ),
        (
            "You set weights to zero after softmax, and the rows no longer sum to one. Mask the "
            "scores instead.",
            zeroed,
        ),
        (
            "The output is right, and the weights are those without the mask.",
            lambda q, k, v, mask=None: (attend(q, k, v, mask)[0], attend(q, k, v)[1]),
        ),
        (
            "The mask is transposed: its rows are queries.",
            lambda q, k, v, mask=None: attend(
                q, k, v, mask if mask is None or len(q) != len(k) else mask.T
            ),
        ),
    ],
    returns=("out", "weights"),
)


def additive(q, k, a_q, a_k, b, u):
    """Scores by one small layer: sum, bend, weigh."""
    return np.tanh((q @ a_q)[:, None] + k @ a_k + b) @ u


SIZES = (draw(3, 4), draw(5, 6), draw(4, 7), draw(6, 7), draw(7), draw(7))

additive_scores = Exercise(
    "additive_scores",
    additive,
    properties=[
        Property(
            "gives u . tanh(q a_q + k a_k + b), a row for each query",
            [SIZES, (draw(5, 2), draw(2, 3), draw(2, 6), draw(3, 6), draw(6), draw(6))],
            "Bring q and k to the hidden size, add every q to every k with `[:, None]`, add b, "
            "bend with tanh, and multiply by u.",
        ),
        Property(
            "takes one query, one key, one hidden number",
            [
                (SIZES[0][:1], *SIZES[1:]),
                (SIZES[0], SIZES[1][:1], *SIZES[2:]),
                (draw(3, 4), draw(5, 6), draw(4, 1), draw(6, 1), draw(1), draw(1)),
                (draw(4, 4), draw(4, 4), draw(4, 4), draw(4, 4), draw(4), draw(4)),
            ],
            "Keep all axes until u removes the last one; avoid `squeeze`.",
        ),
        Property(
            "stays finite for inputs of any size",
            [(SIZES[0] * 1e4, *SIZES[1:]), (SIZES[0], SIZES[1] * -1e4, *SIZES[2:])],
            "`np.tanh` is safe; (e^x - e^-x) / (e^x + e^-x) is not.",
        ),
    ],
    mistakes=[
        (
            "tanh is missing. Without it each key gets the same bonus from every query, and "
            "softmax does not see the query at all.",
            lambda q, k, a, c, b, u: ((q @ a)[:, None] + k @ c + b) @ u,
        ),
        (
            "tanh comes last in yours: first bend the hidden numbers, then weigh them with u.",
            lambda q, k, a, c, b, u: np.tanh(((q @ a)[:, None] + k @ c + b) @ u),
        ),
        (
            "You bend q and k each on its own, and they never meet: add first, then tanh.",
            lambda q, k, a, c, b, u: (np.tanh(q @ a)[:, None] + np.tanh(k @ c) + b) @ u,
        ),
        ("The bias b is missing.", lambda q, k, a, c, b, u: additive(q, k, a, c, 0, u)),
        (
            "The bias comes in before tanh.",
            lambda q, k, a, c, b, u: (np.tanh((q @ a)[:, None] + k @ c) + b) @ u,
        ),
        ("Here q and k are added, not multiplied.",
         lambda q, k, a, c, b, u: np.tanh((q @ a)[:, None] * (k @ c) + b) @ u),
        ("Here q and k are added, not subtracted.",
         lambda q, k, a, c, b, u: np.tanh((q @ a)[:, None] - k @ c + b) @ u),
        (
            "u is not used: the hidden numbers are weighed by it, not averaged.",
            lambda q, k, a, c, b, u: additive(q, k, a, c, b, np.ones_like(u)) / len(u),
        ),
        (
            "u is not used: the hidden numbers are weighed by it, not only summed.",
            lambda q, k, a, c, b, u: additive(q, k, a, c, b, np.ones_like(u)),
        ),
        ("Rows are queries, columns are keys: yours is transposed.",
         lambda *arrays: additive(*arrays).T),
        ("These are weights. The scores come before softmax.",
         lambda *arrays: softmax(additive(*arrays))),
        ("The bend is tanh, not the logistic function.",
         lambda q, k, a, c, b, u: (1 / (1 + np.exp(-((q @ a)[:, None] + k @ c + b)))) @ u),
        ("The bend is tanh, not the maximum with zero.",
         lambda q, k, a, c, b, u: ((q @ a)[:, None] + k @ c + b).clip(0) @ u),
        ("Additive scores have no sqrt(d_k): tanh keeps them small.",
         lambda *arrays: additive(*arrays) / np.sqrt(len(arrays[-1]))),
        ("This is the hidden layer. u makes one score of each row of it.",
         lambda q, k, a, c, b, u: np.tanh((q @ a)[:, None] + k @ c + b)),
    ],
)  # fmt: skip
