"""A fast-weight memory under the reader's hand: write pairs, recall them, see them interfere."""

from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import finite_array, positive, shapes
from attn_helpers.reference.fast_weights import RULES, fast_weight_write
from attn_helpers.widgets.attention_arrays import check_place
from attn_helpers.widgets.base import (
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["FastWeightMemory"]

MOST = 16  # pairs and features that a reader can still tell apart
MOST_WRITTEN = 256


def check_table(name, value):
    """Return a finite matrix of at most 16 rows and columns as a list of lists of float."""
    array = finite_array(name, value, ndim=2)
    if not all(1 <= n <= MOST for n in array.shape):
        raise ValueError(f"{name} needs 1 to {MOST} rows and columns: {shapes(**{name: array})}")
    return array.astype(float).tolist()


def check_keys(k):
    """Return keys no longer than one as a list of lists of float."""
    k = check_table("k", k)
    longest = max(np.linalg.norm(k, axis=1))
    if longest > 1 + 1e-6:
        raise ValueError(
            f"a key must be no longer than one, or the delta rule may diverge, but one has length "
            f"{longest:.4g} ({shapes(k=k)}): give k / np.linalg.norm(k, axis=1, keepdims=True)"
        )
    return k


def check_rule(rule):
    """Return the name of a rule."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    return str(rule)


def check_rate(rate):
    """Return a rate above 0, at most 1."""
    rate = positive("rate", rate)
    if rate > 1:
        raise ValueError(f"rate must be at most 1, but it is {rate:g}")
    return rate


def check_written(written):
    """Return the pairs written, in their order, as a list of int."""
    if isinstance(written, str) or not np.iterable(written):
        raise TypeError(f"written must be a list of positions, but it is {written!r}")
    written = [check_place("written", place) for place in written]
    if len(written) > MOST_WRITTEN:
        raise ValueError(f"written holds at most {MOST_WRITTEN} pairs, but it is {len(written)}")
    return written


class FastWeightMemory(CheckedWidget):
    """Pairs to write into a memory by a Hebbian or a delta rule, and what each then recalls.

    The browser computes, so the widget also lives in a page without a kernel. With one, Python
    knows what the reader writes and chooses, and may set it.

    Parameters
    ----------
    labels : sequence of str of length n
        Names of 1 to 16 pairs, shown as plain text.
    v : array-like of shape (n, d_v)
        Their values: up to 16 features, of which each pair has its number.
    k : array-like of shape (n, d_k), optional
        Their keys, up to 16 numbers each and no longer than one; by default row i of the identity.
        `attn_helpers.reference.equiangular_keys` makes them more or less alike, as the slider does.
    features : sequence of str of length d_v, optional
        Names of the features; "0", "1", ... by default.
    rule : {"hebbian", "delta"}
    rate : float, default 1.0
        Share of a value that one writing adds, above 0 and at most 1.
    written : sequence of int, default ()
        The pairs written, in their order, at most 256.
    query : int, default 0
        The pair whose recall is drawn large.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    Setting a list replaces the whole of it. What changes a length needs all that have it at once:
    ``w.set(labels=..., v=..., k=..., written=[])``. Derived in 02_3.

    Examples
    --------
    >>> w = FastWeightMemory(["cat", "dog"], [[1.0], [-1.0]], [[1, 0], [0.6, 0.8]], written=[0, 1])
    >>> w.recalled.round(2)
    array([[ 0.4],
           [-0.4]])
    """

    _esm = script("fast_weight_memory")
    _css = style("fast_weight_memory")

    labels = Checked(partial(check_names, "labels")).tag(sync=True)
    features = Checked(partial(check_names, "features")).tag(sync=True)
    k = Checked(check_keys).tag(sync=True)
    v = Checked(partial(check_table, "v")).tag(sync=True)
    rule = Checked(check_rule).tag(sync=True)
    rate = Checked(check_rate).tag(sync=True)
    written = Checked(check_written).tag(sync=True)
    query = Checked(partial(check_place, "query")).tag(sync=True)

    def __init__(
        self, labels, v, k=None, *, features=None, rule="hebbian", rate=1.0, written=(), query=0
    ):
        v = check_table("v", v)
        k = np.eye(len(v)) if k is None else k
        features = map(str, range(len(v[0]))) if features is None else features
        pairs = {"labels": labels, "v": v, "k": k, "features": features}
        super().__init__(**pairs, rule=rule, rate=rate, written=written, query=query)

    @traitlets.validate("labels", "features", "k", "v", "written", "query")
    def _fit(self, proposal):
        names = ("labels", "k", "v", "features", "written", "query")
        now = {name: getattr(self, name) for name in names} | {proposal.trait.name: proposal.value}
        written, query = now.pop("written"), now.pop("query")
        n = len(now["labels"])
        if (len(now["k"]), np.shape(now["v"])) != (n, (n, len(now["features"]))):
            raise Mismatch(
                f"labels, k and v need the same n, v and features the same d_v: {shapes(**now)}; "
                f"change them at once with set(labels=..., k=..., v=..., features=...)"
            )
        for name, places in ("written", written), ("query", [query]):
            outside = [place for place in places if not 0 <= place < n]
            if outside:
                raise Mismatch(f"{name} must name pairs, 0 to {n - 1}, but it holds {outside[0]}")
        return proposal.value

    @property
    def memory(self):
        """The memory after all that is written, an ndarray of shape (d_k, d_v)."""
        k, v = np.array(self.k), np.array(self.v)
        memory = np.zeros((k.shape[1], v.shape[1]))
        for place in self.written:
            memory = fast_weight_write(memory, k[place], v[place], rule=self.rule, rate=self.rate)
        return memory

    @property
    def recalled(self):
        """What each key recalls, k @ memory, an ndarray of shape (n, d_v)."""
        return np.array(self.k) @ self.memory

    def __repr__(self):
        (n, d_k), d_v = np.shape(self.k), len(self.features)
        return (
            f"FastWeightMemory({n} pair{'s' * (n != 1)}, d_k={d_k}, d_v={d_v}, "
            f"rule={self.rule!r}, rate={self.rate}, written={self.written}, query={self.query})"
        )
