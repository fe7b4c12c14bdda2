"""Exercises of chapter 5.3: RMS norm, a post-norm block, label smoothing, a step of AdamW."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property

__all__ = ["adamw_step", "post_norm_block", "rms_norm", "smoothed_loss"]

DRAW = np.random.default_rng(53)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def norm(x, gain, eps):
    """RMS norm over the last axis."""
    return normed(x, gain, eps)


def normed(x, gain, eps, *, axis=-1, size=lambda x, **over: (x**2).mean(**over), root=np.sqrt):
    """RMS norm with one step done in another way."""
    return gain * x / root(size(x, axis=axis, keepdims=True) + eps)


def norm_case(*shape, eps, around=1.0):
    """Draw the arguments of one case."""
    return 2 * draw(*shape) + around, 1 + draw(shape[-1]), eps


NOUGHT = (np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 3.0]]), np.array([1.0, 2.0, 3.0]), 1e-5)

rms_norm = Exercise(
    "rms_norm",
    norm,
    properties=[
        Property(
            "divides each token by the root of its mean square, then stretches",
            [norm_case(3, 5, eps=0.5), norm_case(4, 4, eps=0.5)],
            "Along the last axis: the mean of the squares, plus eps, under the root. Divide by "
            "it, and multiply by gain.",
        ),
        Property(
            "takes a batch, one token, one feature",
            [norm_case(2, 3, 4, eps=1e-5), norm_case(6, eps=1e-5), norm_case(3, 1, eps=1e-5)],
            "The last axis holds the features, whatever stands before it: `axis=-1`, "
            "`keepdims=True`.",
        ),
        Property(
            "leaves a token of zeros at zero",
            [NOUGHT],
            "eps keeps the denominator above zero.",
        ),
    ],
    mistakes=[
        (
            "The mean square runs over the tokens. Each token is normed by itself, over its "
            "features: `axis=-1`.",
            lambda *a: normed(*a, axis=0),
        ),
        (
            "One mean square for all tokens. Each is normed by itself: `axis=-1, keepdims=True`.",
            lambda *a: normed(*a, axis=None),
        ),
        ("The root is missing.", lambda *a: normed(*a, root=abs)),
        (
            "eps stands inside the root, beside the mean square.",
            lambda x, gain, eps: normed(x, gain, 0, root=lambda s: np.sqrt(s) + eps),
        ),
        (
            "eps is missing under the root: take the one you are given.",
            lambda x, gain, eps: normed(x, gain, 0),
        ),
        (
            "You take the mean off: that is layer norm. RMS norm leaves it.",
            lambda x, gain, eps: normed(x - x.mean(axis=-1, keepdims=True), gain, eps),
        ),
        (
            "You divide by the spread about the mean. RMS norm takes the mean of the squares "
            "themselves.",
            lambda *a: normed(*a, size=np.var),
        ),
        (
            "You divide by the length of the vector. Take the *mean* of the squares, no sum.",
            lambda *a: normed(*a, size=lambda x, **over: (x**2).sum(**over)),
        ),
        (
            "This is the square of the mean; take the mean of the squares.",
            lambda *a: normed(*a, size=lambda x, **over: x.mean(**over) ** 2),
        ),
        (
            "This is the mean of the sizes; take the root of the mean of the squares.",
            lambda *a: normed(*a, size=lambda x, **over: np.abs(x).mean(**over), root=abs),
        ),
        (
            "The mean divides by the number of features, not by one less.",
            lambda x, gain, eps: normed(
                x,
                gain,
                eps,
                size=lambda x, **over: (x**2).mean(**over) * x.shape[-1] / max(1, x.shape[-1] - 1),
            ),
        ),
        ("The gain is missing.", lambda x, gain, eps: normed(x, np.ones_like(gain), eps)),
        (
            "The gain is a factor: multiply by it.",
            lambda x, gain, eps: normed(x, np.ones_like(gain), eps) + gain,
        ),
        (
            "The gain is multiplied with, not divided by.",
            lambda x, gain, eps: normed(x, 1 / gain, eps),
        ),
        ("You multiply by the root; divide by it.", lambda *a: normed(*a, root=lambda s: s**-0.5)),
    ],
)


def token_norm(x, eps, *, axis=-1, root=np.sqrt, middle=np.mean):
    """Layer norm without gain and offset."""
    off = x - middle(x, axis=axis, keepdims=True)
    return off / root((off**2).mean(axis=axis, keepdims=True) + eps)


def after_sum(x, step, norm):
    """Post-norm: the way around, then the norm."""
    return norm(x + step(x))


def before_step(x, step, norm):
    """Pre-norm."""
    return x + step(norm(x))


def of_step(x, step, norm):
    """Norm what the step adds."""
    return x + norm(step(x))


def no_way_around(x, step, norm):
    """Norm the step alone."""
    return norm(step(x))


def no_norm(x, step, norm):
    """Go around the step, without a norm."""
    return x + step(x)


def block(x, weights, w_v, w_1, w_2, eps):
    """One encoder block with its norms after the sums."""
    return built(x, weights, w_v, w_1, w_2, eps)


def built(
    x,
    weights,
    w_v,
    w_1,
    w_2,
    eps,
    *,
    put=(after_sum, after_sum),
    norm=token_norm,
    bend=lambda x: np.maximum(0, x),
    turn=False,
):
    """Build the block with one part done in another way; `turn` takes feed-forward first."""
    steps = [lambda x: weights @ x @ w_v, lambda x: bend(x @ w_1) @ w_2]
    for place, step in zip(put, steps[::-1] if turn else steps, strict=True):
        x = place(x, step, lambda x: norm(x, eps))
    return x


def side_by_side(x, weights, w_v, w_1, w_2, eps):
    """Let both steps read what came in."""
    return token_norm(x + weights @ x @ w_v + np.maximum(0, x @ w_1) @ w_2, eps)


def reads_old(x, weights, w_v, w_1, w_2, eps):
    """Let the second step read what the first has read."""
    h = token_norm(x + weights @ x @ w_v, eps)
    return token_norm(h + np.maximum(0, x @ w_1) @ w_2, eps)


def around_from_start(x, weights, w_v, w_1, w_2, eps):
    """Begin the second way around at the bottom of the block."""
    h = token_norm(x + weights @ x @ w_v, eps)
    return token_norm(x + np.maximum(0, h @ w_1) @ w_2, eps)


def unlike_rows(n_q, n_k):
    """Draw attention weights: each row sums to one."""
    e = np.exp(draw(n_q, n_k))
    return e / e.sum(axis=1, keepdims=True)


def block_case(n, d_model, d_ff, eps=0.5):
    """Draw the arguments of one case."""
    x, w_v = draw(n, d_model), draw(d_model, d_model)
    return x, unlike_rows(n, n), w_v, draw(d_model, d_ff), draw(d_ff, d_model), eps


SQUARE_BLOCK = block_case(4, 4, 4)

post_norm_block = Exercise(
    "post_norm_block",
    block,
    properties=[
        Property(
            "goes around each step and norms each sum",
            [SQUARE_BLOCK, block_case(5, 4, 7)],
            "Two lines of one form, x = norm(x + step(x)): first weights @ x @ w_v, then "
            "relu(x @ w_1) @ w_2.",
        ),
        Property(
            "takes one token, and a step of one number inside",
            [block_case(1, 3, 5), block_case(3, 6, 1), block_case(2, 1, 2)],
            "Keep both axes: (n, d_model) comes in, and (n, d_model) comes out.",
        ),
        Property(
            "leaves tokens of zeros at zero",
            [(np.zeros((4, 4)), *SQUARE_BLOCK[1:])],
            "eps keeps the denominator above zero.",
        ),
    ],
    mistakes=[
        (
            "Your norms stand before the steps: that is pre-norm. In 2017 each comes after its "
            "sum.",
            lambda *a: built(*a, put=(before_step, before_step)),
        ),
        (
            "You norm what a step adds. Norm the *sum*: norm(x + step(x)).",
            lambda *a: built(*a, put=(of_step, of_step)),
        ),
        (
            "No way around the steps: norm(x + step(x)).",
            lambda *a: built(*a, put=(no_way_around, no_way_around)),
        ),
        (
            "The first step has no way around it.",
            lambda *a: built(*a, put=(no_way_around, after_sum)),
        ),
        (
            "The second step has no way around it.",
            lambda *a: built(*a, put=(after_sum, no_way_around)),
        ),
        ("The norms are missing.", lambda *a: built(*a, put=(no_norm, no_norm))),
        (
            "The sum after attention has no norm. There is one after each step.",
            lambda *a: built(*a, put=(no_norm, after_sum)),
        ),
        (
            "The sum after the feed-forward step has no norm. There is one after each step.",
            lambda *a: built(*a, put=(after_sum, no_norm)),
        ),
        (
            "The second norm stands before its step; put it after the sum, as the first.",
            lambda *a: built(*a, put=(after_sum, before_step)),
        ),
        (
            "The first norm stands before its step; put it after the sum, as the second.",
            lambda *a: built(*a, put=(before_step, after_sum)),
        ),
        (
            "One norm too many: nothing is normed before the steps.",
            lambda x, *rest: built(token_norm(x, rest[-1]), *rest),
        ),
        (
            "Both steps read what came in. The second reads what the first has made.",
            side_by_side,
        ),
        (
            "The second step reads what came in; it reads what the first has made.",
            reads_old,
        ),
        (
            "The second way around begins at the bottom of the block. It goes around the second "
            "step alone.",
            around_from_start,
        ),
        ("Feed-forward comes after attention.", lambda *a: built(*a, turn=True)),
        (
            "The bend is missing: relu(x @ w_1), that is np.maximum(0, ...).",
            lambda *a: built(*a, bend=lambda x: x),
        ),
        (
            "ReLU keeps what is above zero; you keep what is below.",
            lambda *a: built(*a, bend=lambda x: np.minimum(0, x)),
        ),
        (
            "The values are missing: weights @ (x @ w_v).",
            lambda x, weights, w_v, *rest: built(x, weights, np.eye(len(w_v)), *rest),
        ),
        (
            "w_v is transposed: values are x @ w_v.",
            lambda x, weights, w_v, *rest: built(x, weights, w_v.T, *rest),
        ),
        (
            "The weights are transposed: row i says how token i mixes all: weights @ values.",
            lambda x, weights, *rest: built(x, weights.T, *rest),
        ),
        (
            "The weights are missing: attention mixes the values of all tokens.",
            lambda x, weights, *rest: built(x, np.eye(len(x)), *rest),
        ),
        (
            "The norm runs over the tokens. Each token is normed by itself: `axis=-1`.",
            lambda *a: built(*a, norm=lambda x, eps: token_norm(x, eps, axis=0)),
        ),
        (
            "One norm for all tokens. Each is normed by itself: `axis=-1, keepdims=True`.",
            lambda *a: built(*a, norm=lambda x, eps: token_norm(x, eps, axis=None)),
        ),
        (
            "This is RMS norm. Layer norm takes the mean off first.",
            lambda *a: built(
                *a, norm=lambda x, eps: token_norm(x, eps, middle=lambda x, **_: 0 * x)
            ),
        ),
        (
            "The root is missing: divide by the root of the variance plus eps.",
            lambda *a: built(*a, norm=lambda x, eps: token_norm(x, eps, root=abs)),
        ),
        (
            "eps stands inside the root, beside the variance.",
            lambda *a: built(
                *a,
                norm=lambda x, eps: token_norm(x, 0, root=lambda v: np.sqrt(v) + eps),
            ),
        ),
        (
            "eps is missing under the root: take the one you are given.",
            lambda *a: built(*a, norm=lambda x, eps: token_norm(x, 0)),
        ),
    ],
)


def loss(logits, target, share, pad):
    """Cross-entropy with smoothed labels, mean over the words that are no filling."""
    return smoothed(logits, target, share, pad)


def log_softmax(logits, axis=-1):
    """Logarithms of softmax."""
    logits = logits - logits.max(axis=axis, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=axis, keepdims=True))


def labels(target, share, n_words):
    """Give the right word all but the share, and every word an equal part of it."""
    return (1 - share) * np.eye(n_words)[target] + share / n_words


def others(target, share, n_words):
    """All but the right word get the share."""
    right = np.eye(n_words)[target]
    return (1 - share) * right + share / max(1, n_words - 1) * (1 - right)


def smoothed(logits, target, share, pad, *, label=labels, axis=-1):
    """Compute the loss with one step done in another way."""
    each = -(label(target, share, logits.shape[1]) * log_softmax(logits, axis)).sum(axis=1)
    return each[target != pad].mean()


def of_mixed(logits, target, share, pad):
    """Smooth what is said in place of what is right."""
    p = np.exp(log_softmax(logits))[np.arange(len(target)), target]
    return -np.log((1 - share) * p + share / logits.shape[1])[target != pad].mean()


def loss_case(n, n_words, target, share, pad=0, size=2.0):
    """Draw the arguments of one case."""
    return size * draw(n, n_words), np.array(target), share, pad


USUAL = loss_case(6, 5, [3, 1, 4, 2, 0, 0], 0.1)
SQUARE = loss_case(4, 4, [2, 3, 1, 1], 0.3, pad=3)

smoothed_loss = Exercise(
    "smoothed_loss",
    loss,
    properties=[
        Property(
            "is the cross-entropy with the smoothed label, mean over real words",
            [USUAL, SQUARE],
            "For each word: -sum of label * log softmax(logits). The label is share / n_words "
            "everywhere, and 1 - share more at the right word. Then the mean where target is not "
            "pad.",
        ),
        Property(
            "is plain cross-entropy for share 0, and ignores the target for share 1",
            [(*USUAL[:2], 0.0, 0), (*USUAL[:2], 1.0, 0)],
            "At share 0 the label is one-hot; at share 1 it is 1 / n_words everywhere.",
        ),
        Property(
            "takes no filling, one word, any number for pad",
            [
                loss_case(3, 7, [1, 6, 2], 0.1),
                loss_case(1, 3, [2], 0.2),
                loss_case(5, 4, [1, 0, 2, 3, 1], 0.1, pad=1),
            ],
            "Leave out exactly the rows where the target equals `pad`.",
        ),
        Property(
            "stays finite for logits of 10,000",
            [loss_case(5, 6, [1, 2, 3, 4, 0], 0.1, size=1e4)],
            "Take the logarithm by hand: logits - max - log(sum(exp(logits - max))).",
        ),
    ],
    mistakes=[
        (
            "The right word gets its part of the share, too: 1 - share + share / n_words.",
            lambda *a: smoothed(*a, label=others),
        ),
        (
            "The right word's part is counted double or lost: labels must sum to one.",
            lambda *a: smoothed(
                *a,
                label=lambda t, s, n: (1 - s) * np.eye(n)[t] + s / n * (1 - np.eye(n)[t]),
            ),
        ),
        ("Nothing is smoothed: `share` is not used.", lambda z, t, s, p: smoothed(z, t, 0.0, p)),
        (
            "Turned round: the right word keeps 1 - share.",
            lambda z, t, s, p: smoothed(z, t, 1 - s, p),
        ),
        (
            "You keep the filling and drop the words: `target != pad`.",
            lambda z, t, s, p: -(labels(t, s, z.shape[1]) * log_softmax(z)).sum(1)[t == p].mean(),
        ),
        (
            "Filling counts: leave out the rows where target equals pad.",
            lambda z, t, s, p: smoothed(z, t, s, -1),
        ),
        (
            "Filling adds nothing to the sum, and must not add to the number you divide by.",
            lambda z, t, s, p: smoothed(z, t, s, p) * (t != p).mean(),
        ),
        (
            "This is the sum over the words; hand back the mean.",
            lambda z, t, s, p: smoothed(z, t, s, p) * (t != p).sum(),
        ),
        (
            "This is the mean over all entries of the table: sum over the vocabulary first.",
            lambda z, t, s, p: smoothed(z, t, s, p) / z.shape[1],
        ),
        ("The sign: a loss is minus the logarithm.", lambda *a: -smoothed(*a)),
        (
            "Softmax runs over the places of the sentence; each place shares out its own "
            "probability among the words: `axis=-1`.",
            lambda *a: smoothed(*a, axis=0),
        ),
        (
            "You smooth what the model says. Smooth the label, and leave the model as it is.",
            of_mixed,
        ),
        (
            "The part of all words is missing: share / n_words times each word's loss.",
            lambda z, t, s, p: (1 - s) * smoothed(z, t, 0.0, p),
        ),
        (
            "The part of the right word is missing.",
            lambda z, t, s, p: s * smoothed(z, t, 1.0, p),
        ),
        (
            "The share is given to every word whole: divide it by n_words.",
            lambda *a: smoothed(*a, label=lambda t, s, n: (1 - s) * np.eye(n)[t] + s),
        ),
        ("Logarithms to base 2; the loss takes natural ones.", lambda *a: smoothed(*a) / np.log(2)),
        (
            "A loss for each word; hand back their mean, one number.",
            lambda z, t, s, p: -(labels(t, s, z.shape[1]) * log_softmax(z)).sum(axis=1)[t != p],
        ),
        (
            "The logarithm is missing: -sum of label * log(softmax).",
            lambda z, t, s, p: (
                -(labels(t, s, z.shape[1]) * np.exp(log_softmax(z))).sum(axis=1)[t != p].mean()
            ),
        ),
        (
            "Softmax is missing: the logits are no logarithms of probabilities yet.",
            lambda z, t, s, p: -(labels(t, s, z.shape[1]) * z).sum(axis=1)[t != p].mean(),
        ),
    ],
)

BETA_1, BETA_2, EPS = 0.9, 0.999, 1e-8


def step(w, g, m, v, t, rate, decay):
    """One step of AdamW: t counts from 1."""
    return stepped(w, g, m, v, t, rate, decay)


def stepped(w, g, m, v, t, rate, decay, *, betas=(BETA_1, BETA_2), correct=True, shrink=None):
    """Take a step of AdamW with one part done in another way."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    by = (1 - betas[0] ** t, 1 - betas[1] ** t) if correct else (1, 1)
    move = rate * (m / by[0]) / (np.sqrt(v / by[1]) + EPS)
    return (1 - rate * decay if shrink is None else shrink) * w - move, m, v


def no_root(w, g, m, v, t, rate, decay):
    """Divide by the mean square itself."""
    _, m, v = stepped(w, g, m, v, t, rate, decay)
    by = (m / (1 - BETA_1**t)) / (v / (1 - BETA_2**t) + EPS)
    return (1 - rate * decay) * w - rate * by, m, v


def remembering_nothing(w, g, m, v, t, rate, decay):
    """Forget m and v."""
    return stepped(w, g, np.zeros_like(m), np.zeros_like(v), t, rate, decay)


def remembering_corrected(w, g, m, v, t, rate, decay):
    """Hand back the corrected means."""
    w, m, v = stepped(w, g, m, v, t, rate, decay)
    return w, m / (1 - BETA_1**t), v / (1 - BETA_2**t)


def behind(w, g, m, v, t, rate, decay):
    """Move by the old means."""
    _, new_m, new_v = stepped(w, g, m, v, t, rate, decay)
    move = rate * (m / (1 - BETA_1**t)) / (np.sqrt(v / (1 - BETA_2**t)) + EPS)
    return (1 - rate * decay) * w - move, new_m, new_v


def unsquared(w, g, m, v, t, rate, decay):
    """Keep the mean of the sizes, in place of the squares."""
    m = BETA_1 * m + (1 - BETA_1) * g
    v = BETA_2 * v + (1 - BETA_2) * np.abs(g)
    move = rate * (m / (1 - BETA_1**t)) / (np.sqrt(v / (1 - BETA_2**t)) + EPS)
    return (1 - rate * decay) * w - move, m, v


def shrunk_after(w, g, m, v, t, rate, decay):
    """Shrink what has moved already."""
    w, m, v = stepped(w, g, m, v, t, rate, decay, shrink=1)
    return (1 - rate * decay) * w, m, v


def step_case(*shape, t, rate=0.1, decay=0.2):
    """Draw the arguments of one case."""
    return draw(*shape), draw(*shape), draw(*shape), draw(*shape) ** 2 + 0.1, t, rate, decay


def at_first(*shape, **options):
    """Draw the arguments of a first step: nothing is remembered yet."""
    w, g, m, v, *rest = step_case(*shape, t=1, **options)
    return w, g, 0 * m, 0 * v, *rest


STILL = (np.array([1.0, -2.0, 3.0]), np.zeros(3), np.zeros(3), np.zeros(3), 1, 0.1, 0.2)

adamw_step = Exercise(
    "adamw_step",
    step,
    properties=[
        Property(
            "moves by the corrected mean over the root of the corrected mean square",
            [step_case(3, 2, t=4), at_first(5)],
            "Four lines: the new m, the new v, both corrected by 1 - beta ** t, and w, shrunk by "
            "1 - rate * decay, less rate * m_hat / (sqrt(v_hat) + 1e-8).",
        ),
        Property(
            "shrinks a weight that has no gradient",
            [STILL],
            "1e-8 keeps the denominator above zero; decay acts on w alone.",
        ),
        Property(
            "moves each weight by the rate in its first step, however small the gradient",
            [
                (*at_first(4)[:1], 1e-3 * draw(4), np.zeros(4), np.zeros(4), 1, 0.1, 0.0),
                (*at_first(4)[:1], 1e4 * draw(4), np.zeros(4), np.zeros(4), 1, 0.1, 0.0),
            ],
            "1e-8 stands outside the root, where it hardly counts: in the first step m_hat is g "
            "and v_hat is g ** 2, and g / sqrt(g ** 2) is the sign of g.",
        ),
        Property(
            "takes late steps, another rate, no decay, a number",
            [
                step_case(2, 3, t=1000, rate=0.02, decay=0.0),
                step_case(1, t=17, rate=0.5, decay=0.01),
            ],
            "Use `t`, `rate` and `decay` as they are given.",
        ),
    ],
    mistakes=[
        (
            "m and v begin at 0 and are too small at first: divide them by 1 - beta ** t.",
            lambda *a: stepped(*a, correct=False),
        ),
        (
            "The power t is missing: 1 - 0.9 ** t, and 1 - 0.999 ** t.",
            lambda w, g, m, v, t, rate, decay: (
                stepped(w, g, m, v, 1, rate, decay)[0],
                *stepped(w, g, m, v, t, rate, decay)[1:],
            ),
        ),
        (
            "Hand back w, m, v in this order.",
            lambda *a: (*stepped(*a)[1:], stepped(*a)[0]),
        ),
        (
            "Hand back w, m, v in this order: m and v have changed places.",
            lambda *a: (stepped(*a)[0], *stepped(*a)[:0:-1]),
        ),
        (
            "t counts from 1 already.",
            lambda w, g, m, v, t, rate, decay: stepped(w, g, m, v, t + 1, rate, decay),
        ),
        (
            "Decay is in the gradient here: that is Adam with L2. In AdamW it acts on w alone.",
            lambda w, g, m, v, t, rate, decay: stepped(w, g + decay * w, m, v, t, rate, 0.0),
        ),
        ("Decay is not used.", lambda *a: stepped(*a, shrink=1)),
        (
            "Decay goes with the rate: w shrinks by 1 - rate * decay.",
            lambda *a: stepped(*a, shrink=1 - a[-1]),
        ),
        ("The old w shrinks; you shrink what has moved already.", shrunk_after),
        (
            "The decay has the wrong sign: w grows.",
            lambda *a: stepped(*a, shrink=1 + a[-2] * a[-1]),
        ),
        (
            "Uphill: go against the gradient.",
            lambda *a: (2 * (1 - a[-2] * a[-1]) * a[0] - stepped(*a)[0], *stepped(*a)[1:]),
        ),
        ("The root is missing: divide by sqrt(v_hat).", no_root),
        (
            "The betas have changed places: m has 0.9, v has 0.999.",
            lambda *a: stepped(*a, betas=(BETA_2, BETA_1)),
        ),
        ("You forget what m and v have remembered.", remembering_nothing),
        (
            "The corrected means are for this step alone; hand m and v back uncorrected.",
            remembering_corrected,
        ),
        ("You move by the old m and v; take the new ones.", behind),
        ("v is the mean of the *squares* of the gradient.", unsquared),
        (
            "beta belongs to the old: m = beta * m + (1 - beta) * g.",
            lambda *a: stepped(*a, betas=(1 - BETA_1, 1 - BETA_2)),
        ),
        (
            "This is plain gradient descent with decay: m and v have no part in it.",
            lambda w, g, m, v, t, rate, decay: (
                (1 - rate * decay) * w - rate * g,
                *stepped(w, g, m, v, t, rate, decay)[1:],
            ),
        ),
        (
            "This is the move alone; hand back the new w.",
            lambda *a: (stepped(*a)[0] - (1 - a[-2] * a[-1]) * a[0], *stepped(*a)[1:]),
        ),
    ],
    returns=("w", "m", "v"),
)
