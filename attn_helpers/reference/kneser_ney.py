"""An n-gram model, the yardstick of generators: it guesses the next token by counting."""

import math
from collections import Counter

__all__ = ["KneserNey"]


class KneserNey:
    r"""Guess the next token from the last `order` - 1: modified Kneser-Ney smoothing.

    .. math:: P(w \mid h) = \frac{N(hw) - D(N(hw)) + \text{taken}(h)\, P(w \mid h')}{N(h\,\cdot)},
              \qquad \text{taken}(h) = \sum_w D(N(hw))

    h' is the context h without its first token. At the length `order` N counts how often a gram
    occurs; below it, after how many different tokens. With n_c for the number of grams that are
    counted c times, each length has the discounts D(0) = 0 and D(c) = c - (c + 1) y n_{c+1} / n_c
    for c = 1, 2 and "3 or more", with y = n_1 / (n_1 + 2 n_2), kept between 0.1 and c - 0.1 for
    texts too small to say. Below the single token all of the alphabet are equally likely.

    Parameters
    ----------
    tokens : str or sequence of hashable
        The training text.
    order : int
        How long a gram is: 5 looks back at four tokens.
    n_tokens : int
        The size of the alphabet, those tokens included that the training text does not have.

    Raises
    ------
    ValueError
        If the text is shorter than `order`, or has more different tokens than the alphabet (so has
        a tensor, all of whose elements differ: pass ``tensor.tolist()``).

    References
    ----------
    Kneser and Ney, "Improved backing-off for m-gram language modeling", 1995; Chen and Goodman, "An
    empirical study of smoothing techniques for language modeling", 1999. Used in 05_5.

    Examples
    --------
    >>> model = KneserNey("the cat sat on the mat and the cat ate the rat", 2, n_tokens=27)
    >>> model.bits("the rat") < model.bits("tar eht")
    True
    """

    def __init__(self, tokens, order, n_tokens):
        different = len(set(tokens))
        if not (len(tokens) >= order >= 1 and n_tokens >= max(1, different)):
            raise ValueError(
                "order is at least 1, the text has at least order tokens, and the alphabet all of "
                f"its different ones: {order=}, {n_tokens=}, len(tokens)={len(tokens)}, "
                f"len(set(tokens))={different}"
            )
        self.n_tokens, self.lengths = n_tokens, []
        counts = Counter(zip(*(tokens[start:] for start in range(order)), strict=False))
        for _ in range(order):
            discounts, totals, taken = _discounts(counts), Counter(), Counter()
            for gram, count in counts.items():
                totals[gram[:-1]] += count
                taken[gram[:-1]] += discounts[min(count, 3)]
            self.lengths.insert(0, (counts, totals, taken, discounts))
            counts = Counter(gram[1:] for gram in counts)  # after how many different tokens

    def probability(self, context, token):
        """Return the probability that a token comes next.

        Parameters
        ----------
        context : sequence of int or str
            The tokens before it, of which the last ``order - 1`` are read.
        token : int or str

        Returns
        -------
        float
        """
        context = tuple(context)
        p = 1 / self.n_tokens
        for length, (counts, totals, taken, discounts) in enumerate(self.lengths):
            h = context[max(0, len(context) - length) :]
            if len(h) == length and h in totals:
                count = counts[*h, token]
                p = (count - discounts[min(count, 3)] + taken[h] * p) / totals[h]
        return p

    def bits(self, tokens, before=()):
        """Return how many bits tokens cost.

        Parameters
        ----------
        tokens, before : sequence of int or str
            `before` stands before them and costs nothing.

        Returns
        -------
        float
        """
        back = len(self.lengths) - 1
        read = [*before[max(0, len(before) - back) :]]
        total = 0.0
        for token in tokens:
            total -= math.log2(self.probability(read, token))
            read = [*read, token][-back:] if back else []
        return total


def _discounts(counts):
    """Return what is taken off a count of 0, 1, 2, and 3 or more."""
    n = Counter(counts.values())
    y = n[1] / max(1, n[1] + 2 * n[2])
    cuts = (c - (c + 1) * y * n[c + 1] / max(1, n[c]) for c in (1, 2, 3))
    return [0.0, *(min(max(0.1, cut), c - 0.1) for c, cut in enumerate(cuts, 1))]
