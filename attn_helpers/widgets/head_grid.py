"""All heads of a model at once: a grid of small heat maps, one of them opened large."""

from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import plain
from attn_helpers.widgets.attention_arrays import MOST_TOKENS, check_keys, check_place
from attn_helpers.widgets.base import (
    Array,
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["HeadGrid"]

MOST_LAYERS = 12  # small maps that still show a pattern on a phone
MOST_HEADS = 16


def check_weights(weights):
    """Return float32 or float64 weights between 0 and 1, of three or four axes."""
    weights = finite_array("weights", plain(weights))
    every = shapes(weights=weights)
    if weights.ndim not in (3, 4):
        raise ValueError(
            f"weights must be (n_heads, n_q, n_k), with layers in front or not: {every}"
        )
    check_heads(weights)
    if weights.size and (weights.min() < 0 or weights.max() > 1 + 1e-6):
        low, high = weights.min(), weights.max()
        raise ValueError(
            f"weights must lie in [0, 1], but they go from {low:.4g} to {high:.4g}: {every}"
        )
    return weights.astype(np.promote_types(weights.dtype, np.float32), copy=False)


def check_heads(weights):
    """Refuse more layers or heads than a grid of small maps can hold."""
    n_layers, n_heads = ((1,) + weights.shape[:-2])[-2:]
    if not (1 <= n_layers <= MOST_LAYERS and 1 <= n_heads <= MOST_HEADS):
        raise ValueError(
            f"1 to {MOST_LAYERS} layers of 1 to {MOST_HEADS} heads fit: {shapes(weights=weights)}"
        )


class HeadGrid(CheckedWidget):
    """Every head as a small heat map, and the chosen one large, with its signature.

    The browser computes, so the widget also lives in a page without a kernel. With one, Python
    knows the layer, head and query that the reader chooses, and may set them.

    Parameters
    ----------
    tokens : sequence of str of length n_q
        Names of 1 to 64 queries, shown as plain text.
    weights : array-like of shape (n_heads, n_q, n_k) or (n_layers, n_heads, n_q, n_k)
        Weights in [0, 1] of up to 12 layers of up to 16 heads.
    key_tokens : sequence of str of length n_k, optional
        Names of the keys. Without them it is self-attention: the keys are the tokens.
    layer, head, query : int, default 0
        The ones chosen.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    The four numbers are those of `attn_helpers.diagnostics.signature`. Weights are copied and read
    back read-only. Derived in 03_3.

    Examples
    --------
    >>> HeadGrid(["a", "b"], np.full((6, 12, 2, 2), 0.5))
    HeadGrid(6 layers of 12 heads, 2 queries, 2 keys)
    """

    _esm = script("attention", "attention_figure", "attention_hand", "head_maps", "head_grid")
    _css = style("attention_figure", "head_maps", "head_grid")

    tokens = Checked(partial(check_names, "tokens")).tag(sync=True)
    key_tokens = Checked(check_keys).tag(sync=True)
    weights = Array(check_weights)
    layer = Checked(partial(check_place, "layer")).tag(sync=True)
    head = Checked(partial(check_place, "head")).tag(sync=True)
    query = Checked(partial(check_place, "query")).tag(sync=True)

    def __init__(self, tokens, weights, key_tokens=None, *, layer=0, head=0, query=0):
        places = {"layer": layer, "head": head, "query": query}
        super().__init__(tokens=tokens, weights=weights, key_tokens=key_tokens, **places)

    @traitlets.validate("tokens", "key_tokens", "weights", "layer", "head", "query")
    def _fit(self, proposal):
        name, value = proposal.trait.name, proposal.value
        sizes = self._sizes(**{name: value})
        if name in sizes and not 0 <= value < sizes[name]:
            raise Mismatch(f"{name} must be one of 0 to {sizes[name] - 1}, but it is {value}")
        return value

    @traitlets.observe("tokens", "weights")
    def _stay_inside(self, _):
        for name, count in self._sizes().items():
            if getattr(self, name) >= count:
                setattr(self, name, 0)

    def _sizes(self, **proposed):
        """Return how many layers, heads and queries there are, if the arguments go together."""
        names = ("tokens", "weights", "key_tokens")
        tokens, weights, keys = (proposed.get(name, getattr(self, name)) for name in names)
        every = shapes(tokens=tokens, weights=weights)
        every += "" if keys is None else f", {shapes(key_tokens=keys)}"
        n_q, n_k = len(tokens), len(tokens if keys is None else keys)
        if not (1 <= n_q <= MOST_TOKENS and 1 <= n_k <= MOST_TOKENS):
            raise Mismatch(f"1 to {MOST_TOKENS} tokens and keys can be told apart: {every}")
        if weights.shape[-2:] != (n_q, n_k):
            hint = "; the keys are the tokens unless key_tokens names them" if keys is None else ""
            raise Mismatch(
                f"weights needs the last axes {n_q, n_k}, one for each name: {every}{hint}"
            )
        n_layers, n_heads = ((1,) + weights.shape[:-2])[-2:]
        return {"layer": n_layers, "head": n_heads, "query": n_q}

    def _counted(self):
        """Return how many heads, queries and keys there are, in words."""
        n_layers, n_heads, n_q, *_ = self._sizes().values()
        counts = {"query queries": n_q, "key keys": self.weights.shape[-1]}
        sizes = [f"{n} {names.split()[n != 1]}" for names, n in counts.items()]
        heads = f"{n_heads} head{'s' * (n_heads != 1)}"
        heads = f"{n_layers} layers of {heads}" if n_layers > 1 else heads
        return ", ".join([heads, *sizes])

    def __repr__(self):
        return f"HeadGrid({self._counted()})"
