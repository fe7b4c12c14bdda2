"""Exercises of chapter 4.2: slopes by nudging, backward through a product and a softmax."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["finite_differences", "matmul_backward", "softmax_backward"]

DRAW = np.random.default_rng(42)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


@dataclass(frozen=True)
class Loss:
    """A function of an array, with a name for the report."""

    name: str
    formula: Callable

    def __call__(self, x):
        return self.formula(x)

    def __format__(self, spec):
        return self.name


def nudged(f, x, h, *, up=1, down=1, width=2):
    """Slope of f for each entry of x, from a step up and a step down."""
    slopes = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = h
        slopes[place] = (f(x + up * step) - f(x - down * step)) / (width * h)
    return slopes


def combined(f, x, h, *, near=4 / 3, far=-1 / 3, farther=2, slope=nudged):
    """Combine the slopes of two widths so that the error of h squared drops out."""
    return near * slope(f, x, h) + far * slope(f, x, farther * h)


def piling_up(f, x, h):
    """Forget to take a nudge back before the next entry."""
    x, slopes = x.copy(), np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        above = x.copy()
        above[place] += h
        x[place] -= h
        slopes[place] = (f(above) - f(x)) / (2 * h)
    return slopes


def left_moved(by):
    """Work on x itself, and leave each entry `by` times h away from where it was."""

    def answer(f, x, h):
        x, slopes = x.copy(), np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            slopes[place] = combined(f, x, h)[place]
            x[place] += by * h
        return slopes

    return answer


def one_way(f, x, h):
    """Nudge upwards only."""
    return nudged(f, x, h, down=0, width=1)


FIFTHS = Loss("sum of x ** 5, and the square of the sum", lambda x: (x**5).sum() + x.sum() ** 2)
WAVE = Loss("exp of the sum of sin(x)", lambda x: np.exp(np.sin(x).sum()))
FIRST = Loss("x.flat[0] ** 5", lambda x: x.flat[0] ** 5)

finite_differences = Exercise(
    "finite_differences",
    combined,
    properties=[
        Property(
            "gives (4 D(h) - D(2h)) / 3, one entry at a time",
            [(FIFTHS, draw(4), 0.5), (WAVE, draw(3), 0.25), (FIFTHS, draw(5), 0.125)],
            "For each entry: D(h) is (f(x + h) - f(x - h)) / 2h, D(2h) is (f(x + 2h) - "
            "f(x - 2h)) / 4h; then (4 D(h) - D(2h)) / 3.",
        ),
        Property(
            "takes an array of any shape, and gives one of that shape",
            [(WAVE, draw(2, 3), 0.25), (FIFTHS, draw(2, 3, 2), 0.25), (FIRST, draw(1, 1), 0.5)],
            "`np.ndindex(x.shape)` goes through all places, however many axes there are.",
        ),
    ],
    mistakes=[
        ("This is D(h) alone, with two nudges. Combine it with D(2h).", nudged),
        ("This is D(2h) alone. Combine it with D(h).", lambda f, x, h: nudged(f, x, 2 * h)),
        ("This is the mean of D(h) and D(2h). The error of D(2h) is four times as large, and has "
         "to cancel.",
         lambda f, x, h: combined(f, x, h, near=1 / 2, far=1 / 2)),
        ("The error of D(2h) is four times that of D(h), not twice: it grows with the square.",
         lambda f, x, h: combined(f, x, h, near=2, far=-1)),
        ("The sign is wrong: the larger error is taken off, (4 D(h) - D(2h)) / 3.",
         lambda f, x, h: combined(f, x, h, near=4 / 5, far=1 / 5)),
        ("The two are exchanged: the *near* slope counts four times.",
         lambda f, x, h: combined(f, x, h, near=-1 / 3, far=4 / 3)),
        ("Divide by 3: for a straight line D(h) and D(2h) are equal, and 4 - 1 is 3.",
         lambda f, x, h: combined(f, x, h, near=4, far=-1)),
        ("From x - 2h to x + 2h is a way of 4h: divide D(2h) by that.",
         lambda f, x, h: combined(f, x, h, far=-2 / 3)),
        ("Your widths are h / 2 and h: D(h) goes from x - h to x + h.",
         lambda f, x, h: combined(f, x, h / 2)),
        ("You step to one side only. That error grows with h, not its square, and stays.",
         lambda f, x, h: combined(f, x, h, slope=one_way)),
        ("From x - h to x + h is a way of 2h: divide by that.",
         lambda f, x, h: 2 * combined(f, x, h)),
        ("The sign is turned round: f(x + h) first.", lambda f, x, h: -combined(f, x, h)),
        (
            "Your nudges pile up: the first entry is still moved when you nudge the second. Start "
            "from x itself each time.",
            lambda f, x, h: combined(f, x, h, slope=piling_up),
        ),
        *(
            (
                "Your nudges pile up: you write into x, and do not put the entry back before the "
                "next. Make a new array for each nudge.",
                left_moved(by),
            )
            for by in (-2, -1, 1, 2)
        ),
        ("h is not used: this is the slope for a far smaller nudge.",
         lambda f, x, h: combined(f, x, 1e-4)),
        ("This is one slope for all entries together. Each has its own: nudge one entry at a time.",
         lambda f, x, h: combined(
             f, x, h, slope=lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h))),
        (
            "You move all entries together. Nudge one entry at a time.",
            lambda f, x, h: combined(
                f, x, h,
                slope=lambda f, x, h: np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h)),
            ),
        ),
        ("Your nudge is relative to the entry: add h, not h times x.",
         lambda f, x, h: np.stack([combined(f, x, h * abs(e))[i] for i, e in enumerate(x)])),
    ],
)  # fmt: skip


def transposed(x):
    """Swap the last two axes."""
    return np.swapaxes(x, -1, -2)


def product_rule(a, b, d_c):
    """Gradients of a @ b; b serves every leading axis of a."""
    d_b = transposed(a) @ d_c
    return d_c @ b.T, d_b.sum(tuple(range(d_b.ndim - 2)))


matmul_backward = Exercise(
    "matmul_backward",
    product_rule,
    properties=[
        Property(
            "gives d_c @ b.T and a.T @ d_c",
            [(draw(3, 3), draw(3, 3), draw(3, 3)), (draw(3, 4), draw(4, 5), draw(3, 5))],
            "d_a has the shape of a, d_b that of b. Entry i, l of a meets row l of b, and all of "
            "it lands in row i of c.",
        ),
        Property(
            "takes a batch in front of a, and adds up what the whole batch says of b",
            [
                (draw(2, 3, 4), draw(4, 5), draw(2, 3, 5)),
                (draw(2, 6, 3, 4), draw(4, 5), draw(2, 6, 3, 5)),
                (draw(3, 3, 3), draw(3, 3), draw(3, 3, 3)),
            ],
            "The same b is used for every example, and slopes of several uses add up: d_b is "
            "(m, p), a sum over all axes in front, not a mean. Transpose the last two axes only.",
        ),
        Property(
            "takes one row, one column, one feature",
            [(draw(1, 4), draw(4, 5), draw(1, 5)), (draw(3, 1), draw(1, 1), draw(3, 1)),
             (draw(2, 1, 1), draw(1, 3), draw(2, 1, 3))],
            "Keep all axes; avoid `squeeze`.",
        ),
    ],
    mistakes=[
        ("A transpose is missing: d_a is d_c @ b.T.",
         lambda a, b, d: (d @ b, product_rule(a, b, d)[1])),
        ("A transpose is missing: d_b is a.T @ d_c.",
         lambda a, b, d: (d @ b.T, a @ d)),
        ("Both transposes are missing; square matrices hide it, others raise an error.",
         lambda a, b, d: (d @ b, a @ d)),
        ("The factors are in the wrong order: d_a is d_c @ b.T.",
         lambda a, b, d: (b.T @ d, product_rule(a, b, d)[1])),
        ("The factors are in the wrong order: d_b is a.T @ d_c.",
         lambda a, b, d: (d @ b.T, d @ a.T)),
        ("The order is turned round: `return d_a, d_b`.",
         lambda a, b, d: product_rule(a, b, d)[::-1]),
        ("a and b are exchanged: what a is multiplied by is b, so b makes d_a.",
         lambda a, b, d: (d @ a.T, b.T @ d)),
        ("d_c is not used: this is the gradient of the sum of c.",
         lambda a, b, d: product_rule(a, b, np.ones_like(d))),
        ("The product itself is not its gradient: leave c out.",
         lambda a, b, d: product_rule(a, b, a @ b)),
        ("These are means; the slopes of all uses add up.",
         lambda a, b, d: tuple(x / len(a) for x in product_rule(a, b, d))),
        ("This points downhill; the gradient points uphill.",
         lambda a, b, d: product_rule(a, b, -d)),
        ("The sign of d_a is turned round.",
         lambda a, b, d: (-d @ b.T, a.T @ d)),
        ("The sign of d_b is turned round.",
         lambda a, b, d: (d @ b.T, -a.T @ d)),
        ("d_b comes out transposed: it has the shape of b.",
         lambda a, b, d: (d @ b.T, (a.T @ d).T)),
        ("d_a comes out transposed: it has the shape of a.",
         lambda a, b, d: ((d @ b.T).T, a.T @ d)),
    ],
    returns=("d_a", "d_b"),
)  # fmt: skip


def centred(scores, d_weights, temperature):
    """Gradient for the scores of softmax(scores / temperature)."""
    w = softmax(scores / temperature)
    return w * (d_weights - (w * d_weights).sum(-1, keepdims=True)) / temperature


def with_weights(rule):
    """Turn rule(w, g) into an answer with the temperature in both places."""
    return lambda s, g, t: rule(softmax(s / t), g) / t


def axis_lost(w, g):
    """Forget keepdims where the array is square."""
    return w * (g - (w * g).sum(-1))


softmax_backward = Exercise(
    "softmax_backward",
    centred,
    properties=[
        Property(
            "gives w * (d_w - sum(w * d_w)) over the temperature, row by row",
            [(draw(4, 4), draw(4, 4), 2.0), (draw(3, 5), draw(3, 5), 0.5),
             (draw(3, 5), draw(3, 5), 1.0)],
            "First the weights, softmax(scores / temperature). Then each score gets its weight "
            "times how far its d_weights is above the weighted mean of its row. The division "
            "by the temperature is one more link of the chain.",
        ),
        Property(
            "takes a single row, and any number of axes in front",
            [(draw(6), draw(6), 1.5), (draw(2, 3, 3, 5), draw(2, 3, 3, 5), 0.7)],
            "Sum over `axis=-1`, with `keepdims=True`.",
        ),
        Property(
            "gives zeros where there is one key",
            [(draw(3, 1), draw(3, 1), 2.0), (draw(1), draw(1), 0.5)],
            "A single key has weight 1 whatever its score, so its score has no slope.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [(1e4 * draw(3, 5), draw(3, 5), 1.0), (draw(3, 5), draw(3, 5), 1e-4)],
            "Your softmax overflows: take each row's largest score off first.",
        ),
    ],
    mistakes=[
        (
            "The sum is missing: raising one score takes weight from all others. Subtract the "
            "weighted mean of d_weights.",
            with_weights(lambda w, g: w * g),
        ),
        (
            "w * (1 - w) is the diagonal of the Jacobian only: how each weight moves with its own "
            "score. It moves with all the others, too.",
            with_weights(lambda w, g: w * (1 - w) * g),
        ),
        ("Subtract the *weighted* mean, sum(w * d_w), not the plain mean.",
         with_weights(lambda w, g: w * (g - g.mean(-1, keepdims=True)))),
        ("Subtract sum(w * d_w); you subtract the plain sum.",
         with_weights(lambda w, g: w * (g - g.sum(-1, keepdims=True)))),
        ("The factor w in front is missing.",
         with_weights(lambda w, g: g - (w * g).sum(-1, keepdims=True))),
        ("The subtracted mean needs the factor w as well: put w in front of the bracket.",
         with_weights(lambda w, g: w * g - (w * g).sum(-1, keepdims=True))),
        ("The sum has lost its axis, and broadcasting runs along the wrong one: keepdims=True.",
         with_weights(axis_lost)),
        ("The sum runs over the rows; each row has its own, `axis=-1`.",
         with_weights(lambda w, g: w * (g - (w * g).sum(0)))),
        ("The sum runs over everything; each row has its own, `axis=-1`.",
         with_weights(lambda w, g: w * (g - (w * g).sum()))),
        ("This points downhill; the gradient points uphill.", lambda *a: -centred(*a)),
        ("The temperature is a link of the chain, too: divide the result by it.",
         lambda s, g, t: t * centred(s, g, t)),
        ("Scores are *divided* by the temperature, and so is the slope.",
         lambda s, g, t: t**2 * centred(s, g, t)),
        ("The weights are those of temperature 1: use softmax(scores / temperature).",
         lambda s, g, t: centred(s, g, 1) / t),
        ("The temperature is not used.", lambda s, g, t: centred(s, g, 1)),
        ("You take the scores for the weights: softmax is missing.",
         lambda s, g, t: s / t * (g - (s / t * g).sum(-1, keepdims=True)) / t),
        ("d_weights and weights are exchanged.",
         with_weights(lambda w, g: g * (w - (w * g).sum(-1, keepdims=True)))),
    ],
)  # fmt: skip
