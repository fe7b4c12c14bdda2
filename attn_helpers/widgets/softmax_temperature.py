"""Softmax with a temperature: from a hard look-up to a plain mean, under the reader's hand."""

from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import finite_array, positive, shapes
from attn_helpers.reference.softmax import softmax
from attn_helpers.widgets.base import (
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["SoftmaxTemperature"]

MOST_KEYS = 64  # bars that a reader can still tell apart, and that redraw within a frame


def check_scores(scores):
    """Return finite scores in one row as a list of float."""
    scores = finite_array("scores", scores, ndim=1)
    if not 1 <= scores.size <= MOST_KEYS:
        raise ValueError(f"scores needs 1 to {MOST_KEYS} keys, but {shapes(scores=scores)}")
    return [float(score) for score in scores]


class SoftmaxTemperature(CheckedWidget):
    """Bars of softmax(scores / temperature) that follow a temperature slider.

    The browser computes the picture, so the widget also lives in a page without a kernel. With
    one, the three traits follow the reader's hand, and setting them moves the picture.

    Parameters
    ----------
    scores : array-like of shape (n_k,)
        Finite scores of 1 to 64 keys.
    labels : sequence of str of length n_k, optional
        The keys' names, shown as plain text; "key 0", "key 1", ... by default.
    temperature : float, default 1.0
        In the unit of the scores, any finite number above 0. The slider runs from 0.01 to 100;
        for a temperature beyond, it rests at its end and the numbers are still right.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    Setting `scores` or `labels` replaces the whole list. A change of their length needs both at
    once: ``w.set(scores=..., labels=...)``. Derived in 01.

    Examples
    --------
    >>> w = SoftmaxTemperature([2.0, 1.0, 0.1], ["cat", "dog", "bird"])
    >>> w.weights.round(3)
    array([0.659, 0.242, 0.099])
    """

    _esm = script("softmax_temperature")
    _css = style("softmax_temperature")

    scores = Checked(check_scores).tag(sync=True)
    labels = Checked(partial(check_names, "labels")).tag(sync=True)
    temperature = Checked(partial(positive, "temperature")).tag(sync=True)

    def __init__(self, scores, labels=None, *, temperature=1.0):
        scores = check_scores(scores)
        if labels is None:
            labels = [f"key {j}" for j in range(len(scores))]
        super().__init__(scores=scores, labels=labels, temperature=temperature)

    @traitlets.validate("scores", "labels")
    def _same_length(self, proposal):
        proposed = {"scores": self.scores, "labels": self.labels}
        proposed[proposal.trait.name] = proposal.value
        if len(proposed["scores"]) != len(proposed["labels"]):
            raise Mismatch(
                f"scores and labels need the same length: {shapes(**proposed)}; "
                f"change both at once with set(scores=..., labels=...)"
            )
        return proposal.value

    @property
    def weights(self):
        """softmax(scores / temperature), an ndarray of shape (n_k,)."""
        return softmax(self.scores, temperature=self.temperature)

    @property
    def entropy(self):
        """Entropy of the weights in bits: 0 for a hard look-up, log2(n_k) for a plain mean."""
        weights = self.weights[self.weights > 0]
        return float(np.abs((weights * np.log2(weights)).sum()))

    @property
    def effective(self):
        """Effective number of keys, 2 ** entropy: 1 for a hard look-up, n_k for a plain mean."""
        return 2.0**self.entropy

    def __repr__(self):
        return (
            f"SoftmaxTemperature(scores={self.scores}, labels={self.labels}, "
            f"temperature={self.temperature})"
        )
