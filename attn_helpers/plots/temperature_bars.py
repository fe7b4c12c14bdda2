"""Softmax at several temperatures: the still picture beside the widget SoftmaxTemperature."""

import numpy as np

from attn_helpers.arguments import finite_array, positive, shapes
from attn_helpers.plots.arrays import check_axes, plain
from attn_helpers.plots.bars import bars
from attn_helpers.plots.style import axes_or_new, subplots
from attn_helpers.plots.tokens import token_names
from attn_helpers.reference.softmax import softmax

__all__ = ["temperature_bars"]

_MAX_PANELS = 5


def temperature_bars(scores, *, labels=None, temperatures=(0.1, 1.0, 10.0), axes=None):
    """Show the same scores after softmax at several temperatures, one panel for each.

    Parameters
    ----------
    scores : array-like of shape (n_k,)
        Scores of one query.
    labels : sequence of str of length n_k, optional
        Tokens of the keys; positions by default.
    temperatures : sequence of 1 to 5 floats, default (0.1, 1.0, 10.0)
        Above zero, in the unit of the scores.
    axes : sequence of matplotlib.axes.Axes, optional
        One for each temperature; a new figure by default.

    Returns
    -------
    ndarray of Axes of shape (len(temperatures),)
        All with the fixed y scale of `bars`.

    Raises
    ------
    TypeError, ValueError
        If the scores are not finite numbers of shape (n_k,), a temperature is not above zero, or
        the labels or the axes do not fit. The message has every shape.
    """
    scores = finite_array("scores", plain(scores))
    check_axes("scores", scores, "(n_k,)")
    token_names("labels", labels, scores.size, scores=scores)
    if not np.ndim(temperatures) == 1 or not 1 <= len(temperatures) <= _MAX_PANELS:
        raise ValueError(
            f"temperatures must be 1 to {_MAX_PANELS} numbers in a row, "
            f"but {shapes(temperatures=temperatures)}"
        )
    temperatures = [positive("temperatures", temperature) for temperature in temperatures]
    if axes is None:
        size = (min(2.2 * len(temperatures) + 0.4, 7.0), 2.7)
        axes = subplots(1, len(temperatures), size=size, sharey=True)[1]
    axes = np.atleast_1d(axes)
    if axes.shape != (len(temperatures),) or None in axes:
        raise ValueError(
            f"axes needs one Axes for each temperature: "
            f"{shapes(axes=axes, temperatures=temperatures)}"
        )
    axes = np.array([axes_or_new(ax, None) for ax in axes])

    for ax, temperature in zip(axes, temperatures, strict=True):
        weights = softmax(scores, temperature=temperature)
        ylabel = "weight" if ax is axes[0] else None
        title = f"temperature {temperature:g}"
        bars(weights, labels=labels, title=title, ylabel=ylabel, ax=ax)
    return axes
