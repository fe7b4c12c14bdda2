"""Attention under the reader's hand: who attends to whom, how much, and by which sum."""

from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import positive
from attn_helpers.reference.softmax import softmax
from attn_helpers.widgets.attention_arrays import (
    check_array,
    check_keys,
    check_mask,
    check_place,
    check_similarity,
    check_together,
    check_weights,
    scores_of,
)
from attn_helpers.widgets.base import (
    Array,
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["AttentionExplorer"]


class AttentionExplorer(CheckedWidget):
    """A heat map, arcs and bars of attention, with the sum behind every weight.

    The browser computes, so the widget also lives in a page without a kernel. With one, Python
    knows the query, head, temperature and similarity that the reader chooses, and may set them.

    Parameters
    ----------
    tokens : sequence of str of length n_q
        Names of 1 to 64 queries, shown as plain text.
    keys : sequence of str of length n_k, optional
        Names of 1 to 64 keys. Without them it is self-attention: the keys are the tokens.
    q, k : array-like of shape (n_q, d_k) and (n_k, d_k), or with n_heads in front, optional
        Queries and keys of up to 12 heads. An array without that axis serves every head.
    v : array-like of shape (n_k, d_v) or (n_heads, n_k, d_v), optional
        Values; with them the widget shows the output too.
    weights : array-like of shape (n_q, n_k) or (n_heads, n_q, n_k), optional
        Ready weights in [0, 1], in place of q and k.
    mask : boolean array-like that broadcasts to (n_heads, n_q, n_k), optional
        True where a query may attend to a key.
    temperature : float, default 1.0
        Divides the scores, whatever the similarity.
    similarity : {"scaled dot", "dot", "cosine"}
        How well q and k match: q·k / sqrt(d_k), q·k, or the cosine of the angle between them.
    query, head : int, default 0
        The ones shown.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    Arrays are copied and read back read-only; `keys` are read back as `key_tokens`. A change of
    shape needs everything at once: ``explorer.set(q=..., k=..., tokens=...)``. Derived in 02_1.

    Examples
    --------
    >>> explorer = AttentionExplorer(["a", "b"], q=[[1.0], [0.0]], k=[[1.0], [0.0]])
    >>> explorer.weights.round(3)
    array([[0.731, 0.269],
           [0.5  , 0.5  ]])
    """

    _esm = script("attention", "attention_figure", "attention_hand", "attention_explorer")
    _css = style("attention_figure", "attention_explorer")

    tokens = Checked(partial(check_names, "tokens")).tag(sync=True)
    key_tokens = Checked(check_keys).tag(sync=True)
    q = Array(partial(check_array, "q"))
    k = Array(partial(check_array, "k"))
    v = Array(partial(check_array, "v"))
    _ready = Array(check_weights)
    mask = Array(check_mask)
    temperature = Checked(partial(positive, "temperature")).tag(sync=True)
    similarity = Checked(check_similarity).tag(sync=True)
    query = Checked(partial(check_place, "query")).tag(sync=True)
    head = Checked(partial(check_place, "head")).tag(sync=True)

    def __init__(
        self,
        tokens,
        keys=None,
        *,
        q=None,
        k=None,
        v=None,
        weights=None,
        mask=None,
        temperature=1.0,
        similarity="scaled dot",
        query=0,
        head=0,
    ):
        arrays = {"q": q, "k": k, "v": v, "_ready": weights, "mask": mask}
        look = {"temperature": temperature, "similarity": similarity, "query": query, "head": head}
        super().__init__(tokens=tokens, key_tokens=keys, **arrays, **look)

    def set(self, **traits):
        """Change several arguments of the constructor at once, or none of them."""
        own = {"weights": "_ready", "keys": "key_tokens"}
        super().set(**{own.get(name, name): value for name, value in traits.items()})

    def __setattr__(self, name, value):
        if name == "keys":
            raise AttributeError("ipywidgets has its own .keys: use .key_tokens, or set(keys=...)")
        super().__setattr__(name, value)

    @traitlets.validate("tokens", "key_tokens", "q", "k", "v", "_ready", "mask", "query", "head")
    def _fit(self, proposal):
        name, value = proposal.trait.name, proposal.value
        n_heads, n_q, _ = self._sizes(**{name: value})
        most = {"query": n_q, "head": max(n_heads, 1)}.get(name)
        if most is not None and not 0 <= value < most:
            raise Mismatch(f"{name} must be one of 0 to {most - 1}, but it is {value}")
        return value

    @traitlets.observe("tokens", "q", "k", "v", "_ready")
    def _stay_inside(self, _):
        n_heads, n_q, _ = self._sizes()
        for name, count in ("query", n_q), ("head", max(n_heads, 1)):
            if getattr(self, name) >= count:
                setattr(self, name, 0)

    def _sizes(self, **proposed):
        names = {name: name for name in ("tokens", "q", "k", "v", "mask")}
        names |= {"keys": "key_tokens", "weights": "_ready"}
        now = {to: proposed.get(name, getattr(self, name)) for to, name in names.items()}
        return check_together(**now)

    @property
    def scores(self):
        """An array of the shape of `weights`, -inf where masked; None with ready weights."""
        if self.q is None:
            return None
        return self._for_every_head(scores_of(self.q, self.k, self.similarity), hidden=-np.inf)

    @property
    def weights(self):
        """An array (n_q, n_k) or (n_heads, n_q, n_k); a row is zeros where all of it is masked."""
        if self.q is None:
            return self._for_every_head(self._ready.astype(np.float64), hidden=0)
        return softmax(self.scores, temperature=self.temperature)

    @weights.setter
    def weights(self, weights):
        self.set(weights=weights)

    @property
    def out(self):
        """An array (n_q, d_v) or (n_heads, n_q, d_v), weights @ v; None without v."""
        return None if self.v is None else self.weights @ self.v.astype(np.float64)

    def _for_every_head(self, array, *, hidden):
        n_heads, n_q, n_k = self._sizes()
        array = np.broadcast_to(array, (n_heads, n_q, n_k) if n_heads else (n_q, n_k))
        return np.where(True if self.mask is None else self.mask, array, hidden)

    def __repr__(self):
        n_heads, n_q, n_k = self._sizes()
        counts = {"query queries": n_q, "key keys": n_k, "head heads": max(n_heads, 1)}
        sizes = ", ".join(f"{n} {names.split()[n != 1]}" for names, n in counts.items())
        how = "ready weights"
        if self.q is not None:
            how = f"d_k={self.q.shape[-1]}, similarity={self.similarity!r}, "
            how += f"temperature={self.temperature}"
        return f"AttentionExplorer({sizes}, {how})"
