"""Exercises of chapter 5.5: bits per character, top-p, a cache with a window."""

import numpy as np

from attn_helpers.checks.exercise import Exercise, Property
from attn_helpers.checks.written_out import softmax

__all__ = ["bits_per_character", "nucleus", "window_cache"]

DRAW = np.random.default_rng(55)


def draw(*shape):
    """Return normal numbers of a shape."""
    return DRAW.standard_normal(shape)


def bits(losses, lengths):
    """Bits per character."""
    return np.sum(losses) / np.log(2) / np.sum(lengths)


bits_per_character = Exercise(
    "bits_per_character",
    bits,
    properties=[
        Property(
            "adds up all losses, in bits, and divides by all characters",
            [
                (np.abs(draw(7)), np.array([1, 4, 2, 1, 7, 3, 1])),
                (np.abs(draw(3)), np.array([5, 1, 1])),
            ],
            "The sum of the losses, divided by ln 2, over the sum of the lengths.",
        ),
        Property(
            "takes one token, and characters as tokens",
            [(np.array([2.0]), np.array([3])), (np.abs(draw(5)), np.ones(5, int))],
            "With one token it is loss / ln 2 / length; with characters the mean loss over ln 2.",
        ),
        Property(
            "counts a sure guess as 0 bits",
            [(np.zeros(4), np.array([1, 2, 3, 4]))],
            "A loss of 0 costs nothing, and its characters still count.",
        ),
    ],
    mistakes=[
        (
            "These are bits per *token*. A token may be several characters long: divide by their "
            "number.",
            lambda losses, lengths: losses.mean() / np.log(2),
        ),
        (
            "These are nats per token: divide by ln 2, and by the characters, not the tokens.",
            lambda losses, lengths: losses.mean(),
        ),
        (
            "These are nats, to the base e. A bit is ln 2 nats.",
            lambda losses, lengths: losses.sum() / lengths.sum(),
        ),
        (
            "A nat is *more* than a bit: divide by ln 2.",
            lambda losses, lengths: losses.sum() * np.log(2) / lengths.sum(),
        ),
        (
            "The mean of each token's bits per character weighs a long token like a short one. "
            "Add up first, then divide.",
            lambda losses, lengths: (losses / lengths).mean() / np.log(2),
        ),
        (
            "You divide by the *mean* length: by the characters of one token, not of all.",
            lambda losses, lengths: losses.sum() / np.log(2) / lengths.mean(),
        ),
        (
            "Losses are averaged, lengths added. Add up both, then divide.",
            lambda losses, lengths: losses.mean() / np.log(2) / lengths.sum(),
        ),
        (
            "A loss is the logarithm already: it only changes its base.",
            lambda losses, lengths: np.log2(losses).sum() / lengths.sum(),
        ),
        (
            "These are the bits of the whole text. Divide by its characters.",
            lambda losses, lengths: losses.sum() / np.log(2),
        ),
        (
            "This is the perplexity of a token, e to the mean loss. Asked for are bits.",
            lambda losses, lengths: np.exp(losses.mean()),
        ),
        (
            "This is 2 to the bits. Asked for are the bits themselves.",
            lambda losses, lengths: 2 ** bits(losses, lengths),
        ),
        (
            "Turned upside down: characters per bit.",
            lambda losses, lengths: 1 / bits(losses, lengths),
        ),
        (
            "Divide by ln 2, the natural logarithm; you took the one to the base 10.",
            lambda losses, lengths: losses.sum() / np.log10(2) / lengths.sum(),
        ),
        (
            "You divide by 2, not by ln 2.",
            lambda losses, lengths: losses.sum() / 2 / lengths.sum(),
        ),
        (
            "Each loss is weighed by its token's length. It is the loss of the whole token: add "
            "it once.",
            lambda losses, lengths: (losses * lengths).sum() / np.log(2) / lengths.sum(),
        ),
        (
            "The sign is turned: a loss is minus the logarithm already.",
            lambda losses, lengths: -bits(losses, lengths),
        ),
    ],
)


def smallest_set(logits, top_p, *, counted=lambda sums, p: sums - p, rank=lambda x: np.argsort(-x)):
    """Which tokens stay: those that likelier ones leave room for."""
    p = softmax(logits)
    order = rank(p)
    ranked = p[order]
    stays = np.zeros(len(p), bool)
    stays[order] = counted(np.cumsum(ranked), ranked) < top_p
    return p, stays


def top_p_of(logits, top_p, **options):
    """Top-p sampling's probabilities."""
    p, stays = smallest_set(logits, top_p, **options)
    p = np.where(stays, p, 0)
    return p / p.sum()


def kept_by_sum(logits, top_p):
    """Do top-p sampling, as asked for."""
    return top_p_of(logits, top_p)


def one_more(sums, ranked):
    """Make a mistake: one token too many."""
    return np.r_[0, 0, sums][: len(sums)]


def keep_all(logits, top_p):
    """Make a mistake: nothing is left out."""
    return softmax(logits)


def unnormed(logits, top_p):
    """Make a mistake: what stays does not sum to 1."""
    p, stays = smallest_set(logits, top_p)
    return np.where(stays, p, 0)


def in_order_of_rank(logits, top_p):
    """Make a mistake: the likeliest first."""
    return -np.sort(-top_p_of(logits, top_p))


def softened(logits, top_p):
    """Make a mistake: softmax once more, of probabilities."""
    p, stays = smallest_set(logits, top_p)
    e = np.where(stays, np.exp(p), 0)
    return e / e.sum()


def softened_with_zeros(logits, top_p):
    """Make a mistake: softmax once more, with the zeros."""
    return softmax(unnormed(logits, top_p))


def evened(logits, top_p):
    """Make a mistake: what stays is equally likely."""
    _, stays = smallest_set(logits, top_p)
    return stays / stays.sum()


def share_of_tokens(logits, top_p):
    """Make a mistake: a share of the tokens, not of the probability."""
    p = softmax(logits)
    k = int(np.ceil(top_p * len(p)))
    p = np.where(p >= np.sort(p)[-k], p, 0)
    return p / p.sum()


def mask_in_order_of_rank(logits, top_p):
    """Make a mistake: the mask of the ranks, put on the tokens."""
    p = softmax(logits)
    ranked = -np.sort(-p)
    p = np.where(np.cumsum(ranked) - ranked < top_p, p, 0)
    return p / p.sum()


def share_of_the_largest(logits, top_p):
    """Make a mistake: min-p sampling."""
    p = softmax(logits)
    p = np.where(p >= top_p * p.max(), p, 0)
    return p / p.sum()


def as_temperature(logits, top_p):
    """Make a mistake: top_p as a temperature."""
    return softmax(logits / top_p)


def logits_of(*p):
    """Return logits with the probabilities p, moved by a constant, which softmax does not see."""
    return np.log(np.array(p)) + 1.5


nucleus = Exercise(
    "nucleus",
    kept_by_sum,
    properties=[
        Property(
            "keeps the likeliest tokens until their probabilities reach top_p",
            [
                (logits_of(0.04, 0.4, 0.12, 0.3, 0.08, 0.06), 0.58),
                (logits_of(0.12, 0.08, 0.25, 0.2, 0.35), 0.5),
            ],
            "Rank the probabilities, add them up from the top; keep all up to and with the one "
            "that reaches top_p, and divide by what is kept.",
        ),
        Property(
            "keeps the likeliest, whatever top_p",
            [(logits_of(0.2, 0.7, 0.1), 0.01), (logits_of(0.2, 0.7, 0.1), 0.5)],
            "A token stays if the likelier ones *before* it have not yet reached top_p. The first "
            "has none before it.",
        ),
        Property(
            "keeps all if it has to",
            [(logits_of(0.2, 0.5, 0.3), 1.0), (np.array([3.0]), 0.4)],
            "With top_p=1 nothing is left out.",
        ),
        Property(
            "stays finite for logits of 1,000",
            [(np.array([1000.0, 999.0, -1000.0]), 0.9)],
            "Take the largest logit off before `np.exp`.",
        ),
    ],
    mistakes=[
        ("The mask is in order of rank, the probabilities are not: `p[order[...]] = 0`.",
         mask_in_order_of_rank),
        ("Each probability is compared with a share of the largest. It is their *sum* that "
         "reaches top_p.", share_of_the_largest),
        ("top_p is no temperature: it says how much probability is kept.", as_temperature),
        (
            "The token that reaches top_p is missing. Compare what stands *before* it with top_p.",
            lambda z, p: top_p_of(z, p, counted=lambda sums, ranked: sums),
        ),
        (
            "One token too many: after top_p is reached, none comes in.",
            lambda z, p: top_p_of(z, p, counted=one_more),
        ),
        ("What is left must sum to 1 again: divide by its sum.", unnormed),
        ("The probabilities are in order of rank. Put them back where their tokens are.",
         in_order_of_rank),
        ("Nothing is left out.", keep_all),
        ("These are the *least* likely tokens. Rank from the top.",
         lambda z, p: top_p_of(z, p, rank=np.argsort)),
        ("The tokens are not ranked before they are added up.",
         lambda z, p: top_p_of(z, p, rank=lambda x: np.arange(len(x)))),
        ("You took softmax of the probabilities once more. Divide them by their sum.", softened),
        ("Softmax of the probabilities gives a share to those that are out, too.",
         softened_with_zeros),
        ("What is kept is not equally likely: keep the probabilities, divided by their sum.",
         evened),
        ("You keep a share of the tokens. It is a share of the probability.", share_of_tokens),
    ],
)  # fmt: skip


def windowed(q, k, v, keys, values, width):
    """One step with a cache of at most `width` tokens."""
    return stepped(q, k, v, keys, values, width)


def stepped(q, k, v, keys, values, width, *, first=slice(None), scale=np.sqrt, axis=-1):
    """Take the step, with something done in another way."""
    keys = np.concatenate([keys, k[:, None]], axis=1)[:, -width:]
    values = np.concatenate([values, v[:, None]], axis=1)[:, -width:]
    seen = (keys[:, first], values[:, first])
    return weighed(q, *seen, scale=scale, axis=axis), keys, values


def weighed(q, keys, values, *, scale=np.sqrt, axis=-1):
    """Attention of one query for each head."""
    scores = np.einsum("hd,hnd->hn", q, keys) / scale(q.shape[-1])
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.einsum("hn,hnd->hd", e / e.sum(axis=axis, keepdims=True), values)


def all_kept(q, k, v, keys, values, width):
    """Make a mistake: attention in the window, a cache without one."""
    out, _, _ = windowed(q, k, v, keys, values, width)
    return out, np.concatenate([keys, k[:, None]], 1), np.concatenate([values, v[:, None]], 1)


def old_returned(q, k, v, keys, values, width):
    """Make a mistake: the caches as they were."""
    return windowed(q, k, v, keys, values, width)[0], keys, values


def before_it_is_cut(q, k, v, keys, values, width):
    """Make a mistake: attention before the cut."""
    out, _, _ = windowed(q, k, v, keys, values, keys.shape[1] + 1)
    return out, *windowed(q, k, v, keys, values, width)[1:]


def new_alone_unseen(q, k, v, keys, values, width):
    """Make a mistake: attention before the new token is in."""
    _, *caches = windowed(q, k, v, keys, values, width)
    return weighed(q, keys[:, -width:], values[:, -width:]), *caches


def first_kept(q, k, v, keys, values, width):
    """Make a mistake: the oldest stay."""
    keys = np.concatenate([keys, k[:, None]], 1)[:, :width]
    values = np.concatenate([values, v[:, None]], 1)[:, :width]
    return weighed(q, keys, values), keys, values


def put_in_front(q, k, v, keys, values, width):
    """Make a mistake: the new token comes first."""
    keys = np.concatenate([k[:, None], keys], 1)[:, :width]
    values = np.concatenate([v[:, None], values], 1)[:, :width]
    return weighed(q, keys, values), keys, values


def cut_then_joined(q, k, v, keys, values, width):
    """Make a mistake: the window is cut before the new token is in, so it is one too wide."""
    return windowed(q, k, v, keys[:, -width:], values[:, -width:], width + 1)


def cache_case(n_heads, n, d_k, d_v, width):
    """Draw the arguments of one step."""
    q, k, v = draw(n_heads, d_k), draw(n_heads, d_k), draw(n_heads, d_v)
    return q, k, v, draw(n_heads, n, d_k), draw(n_heads, n, d_v), width


def loud(q, k, *others):
    """Give the new token a score of some 10,000 for itself."""
    return 100 * np.abs(q), 100 * np.abs(k), *others


window_cache = Exercise(
    "window_cache",
    windowed,
    properties=[
        Property(
            "lets the new token see itself and those before it, within the width",
            [cache_case(2, 5, 3, 4, 5), cache_case(3, 4, 6, 2, 4)],
            "Append the new key and value, keep the last `width`, and attend to what is kept.",
        ),
        Property(
            "begins with an empty cache, and fills it",
            [cache_case(2, 0, 3, 5, 4), cache_case(3, 2, 4, 5, 7)],
            "`np.concatenate([keys, k[:, None]], axis=1)` takes an empty cache, too; a slice "
            "[-width:] of fewer is all of them.",
        ),
        Property(
            "may be as narrow as one token",
            [cache_case(3, 1, 2, 5, 1), cache_case(2, 0, 3, 4, 1)],
            "With width 1 the new token sees itself alone: out is v.",
        ),
        Property(
            "stays finite for scores of 10,000",
            [loud(*cache_case(2, 3, 4, 5, 3))],
            "Take each head's largest score off before `np.exp`.",
        ),
    ],
    mistakes=[
        ("The new token does not see itself. Append first, then attend.", new_alone_unseen),
        ("One token too many: append first, then keep the last `width`.", cut_then_joined),
        ("`out` is from all tokens: cut first, then attend.", before_it_is_cut),
        ("The cache grows without end. Hand back the last `width` tokens alone.", all_kept),
        ("You hand back the caches as they came, without the new token.", old_returned),
        ("You keep the oldest tokens. The window holds the newest: `[:, -width:]`.", first_kept),
        ("The new token goes behind the others, not in front of them.", put_in_front),
        ("The scores are not divided by the root of d_k.",
         lambda *a: stepped(*a, scale=lambda d_k: 1)),
        ("Divide by the *root* of d_k.", lambda *a: stepped(*a, scale=lambda d_k: d_k)),
        ("You divide by the root of d_v. Scores are sums of d_k products.",
         lambda *a: stepped(*a, scale=lambda d_k: a[2].shape[-1] ** 0.5)),
        ("The softmax runs over the heads. It runs over the keys, the last axis of the scores.",
         lambda *a: stepped(*a, axis=0)),
        ("One softmax for all heads. Each head has its own: `axis=-1, keepdims=True`.",
         lambda *a: stepped(*a, axis=None)),
        ("The new token sees itself alone. It attends to the whole window.",
         lambda *a: stepped(*a, first=slice(-1, None))),
        ("Each head's newest token is missing: attend to what you have appended, too.",
         lambda *a: stepped(*a, first=slice(None, -1))),
    ],
    returns=("out", "keys", "values"),
)  # fmt: skip
