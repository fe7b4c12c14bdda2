"""Which source words each word of a translation looks at, model beside model."""

from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import shapes
from attn_helpers.plots.arrays import plain, weights_array
from attn_helpers.widgets.attention_arrays import check_place
from attn_helpers.widgets.base import (
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["AlignmentView"]

PARTS = ("source", "target", "weights", "known")  # of a sentence
MOST_WORDS = 32
MOST_MODELS = 6
MOST_SENTENCES = 64
SUM_TOLERANCE = 1e-3  # half precision, or three decimals by hand


def check_sentences(sentences):
    """Return sentences as plain dicts; an error names the sentence it is about."""
    if isinstance(sentences, dict | str) or not np.iterable(sentences):
        raise TypeError(f"sentences must be a list of dicts, but it is a {_kind(sentences)}")
    sentences = list(sentences)
    if not 1 <= len(sentences) <= MOST_SENTENCES:
        raise ValueError(f"1 to {MOST_SENTENCES} sentences fit, but there are {len(sentences)}")
    checked = []
    for place, sentence in enumerate(sentences):
        if not isinstance(sentence, dict):
            raise TypeError(f"sentence {place} must be a dict, but it is a {_kind(sentence)}")
        if not {*PARTS[:-1]} <= sentence.keys() <= {*PARTS}:
            raise TypeError(
                f"a sentence has {', '.join(PARTS[:-1])} and, if you like, {PARTS[-1]}, but "
                f"sentence {place} has {list(sentence)}"
            )
        try:
            checked.append(check_sentence(**sentence))
        except (TypeError, ValueError) as error:
            where = f"sentence {place}: " if len(sentences) > 1 else ""
            raise type(error)(f"{where}{error}") from None
    return checked


def check_sentence(source, target, weights, known=None):
    """Return one sentence with weights (n_models, n_target, n_source) as lists of float."""
    source, target = check_names("source", source), check_names("target", target)
    n_axes = np.ndim(plain(weights))
    axes = "(n_models, n_target, n_source)" if n_axes > 2 else "(n_target, n_source)"
    weights = weights_array("weights", weights, axes=axes)
    every = shapes(source=source, target=target, weights=weights)
    n_source, n_target = len(source), len(target)
    if not (1 <= n_source <= MOST_WORDS and 1 <= n_target <= MOST_WORDS):
        raise ValueError(f"1 to {MOST_WORDS} words can be told apart: {every}")
    if weights.shape[-2:] != (n_target, n_source):
        hint = "; give the transpose" if weights.shape[-2:] == (n_source, n_target) else ""
        raise ValueError(f"weights needs the last axes (n_target, n_source): {every}{hint}")
    sums = weights.sum(axis=-1, dtype=np.float64)
    if np.abs(sums - 1).max() > SUM_TOLERANCE:
        place = tuple(int(i) for i in np.argwhere(np.abs(sums - 1) > SUM_TOLERANCE)[0])
        columns = weights.sum(axis=-2, dtype=np.float64)
        hint = "; give the transpose" if np.abs(columns - 1).max() <= SUM_TOLERANCE else ""
        raise ValueError(
            f"the weights of a target word must sum to one, but weights{list(place)} sums to "
            f"{sums[place]:.4g}: {every}{hint}"
        )
    weights = weights.astype(float).reshape(-1, n_target, n_source).tolist()
    known = None if known is None else check_known(known, n_target, n_source)
    return {"source": source, "target": target, "weights": weights, "known": known}


def check_known(known, n_target, n_source):
    """Return the pairs of the true alignment as a sorted list of [target, source]."""
    pairs = set()
    for pair in known if np.iterable(known) else [known]:
        if np.shape(pair) != (2,):
            raise ValueError(
                f"known must be pairs (target index, source index), but it holds {pair!r}; from "
                f"one source index for each target word: list(enumerate(known))"
            )
        i, j = (check_place("known", place) for place in pair)
        if not (0 <= i < n_target and 0 <= j < n_source):
            raise ValueError(
                f"known must be pairs (target index, source index) below ({n_target}, {n_source}), "
                f"but it holds ({i}, {j})"
            )
        pairs.add((i, j))
    return [list(pair) for pair in sorted(pairs)]


def check_shown(show_known):
    """Return whether the known alignment is shown."""
    if not isinstance(show_known, bool | np.bool_):
        raise TypeError(f"show_known must be True or False, but it is {show_known!r}")
    return bool(show_known)


def _kind(value):
    return type(value).__name__


class AlignmentView(CheckedWidget):
    """Source and target words joined by lines as thick as the weight, one target word at a time.

    The browser computes, so the widget also lives in a page without a kernel. With one, Python
    knows the sentence, the model and the target word that the reader chooses, and may set them.

    Parameters
    ----------
    source : sequence of str of length n_source
        The words attended to, 1 to 32, shown as plain text.
    target : sequence of str of length n_target
        The words that attend, 1 to 32.
    weights : array-like of shape (n_target, n_source) or (n_models, n_target, n_source)
        Weights in [0, 1] of up to 6 models; those of a target word sum to one.
    names : sequence of str of length n_models, optional
        Names of the models; "model 0", "model 1", ... by default.
    known : sequence of (int, int), optional
        The true alignment, in pairs (target index, source index). A target word may have several
        source words, or none.
    sentence, model, query : int, default 0
        The ones chosen; `query` is the position of the target word.
    show_known : bool, default False
        Whether the known alignment is drawn.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `of`, from `set` and from setting a trait; the old picture
        stays.

    Notes
    -----
    `of` takes several sentences; they are read back as `sentences`. A target word that is in the
    known alignment counts as hit where the source word of its largest weight is one of its own.
    Derived in 04_4.

    Examples
    --------
    >>> weights = [[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.0, 0.1, 0.9]]
    >>> AlignmentView(["我", "昨天", "跑步"], ["Yesterday", "I", "ran"], weights)
    AlignmentView(1 sentence, 1 model, sentence=0, model=0, query=0)
    """

    _esm = script("alignment_view")
    _css = style("alignment_view")

    sentences = Checked(check_sentences).tag(sync=True)
    names = Checked(partial(check_names, "names")).tag(sync=True)
    sentence = Checked(partial(check_place, "sentence")).tag(sync=True)
    model = Checked(partial(check_place, "model")).tag(sync=True)
    query = Checked(partial(check_place, "query")).tag(sync=True)
    show_known = Checked(check_shown).tag(sync=True)

    def __init__(
        self,
        source,
        target,
        weights,
        names=None,
        known=None,
        *,
        sentence=0,
        model=0,
        query=0,
        show_known=False,
    ):
        one = {"source": source, "target": target, "weights": weights, "known": known}
        sentences = check_sentences([one])
        if names is None:
            names = [f"model {place}" for place in range(len(sentences[0]["weights"]))]
        chosen = {"sentence": sentence, "model": model, "query": query, "show_known": show_known}
        super().__init__(sentences=sentences, names=names, **chosen)

    @classmethod
    def of(cls, sentences, names=None, **chosen):
        """View several sentences: dicts of `source`, `target`, `weights` and perhaps `known`."""
        sentences = check_sentences(sentences)
        view = cls(**sentences[0], names=names)
        view.set(sentences=sentences, **chosen)
        return view

    @traitlets.validate("sentences", "names", "sentence", "model", "query")
    def _fit(self, proposal):
        name, value = proposal.trait.name, proposal.value
        sizes = self._sizes(**{name: value})
        if name in sizes and not 0 <= value < sizes[name]:
            raise Mismatch(f"{name} must be one of 0 to {sizes[name] - 1}, but it is {value}")
        return value

    @traitlets.observe("sentences", "names", "sentence")
    def _stay_inside(self, _):
        for name, count in self._sizes().items():
            if getattr(self, name) >= count:
                setattr(self, name, 0)

    def _sizes(self, **proposed):
        """Return how many there are to choose from, if every sentence has every model."""
        wanted = ("sentences", "names", "sentence")
        sentences, names, sentence = (proposed.get(name, getattr(self, name)) for name in wanted)
        for place, one in enumerate(sentences):
            n_models = len(one["weights"])
            if n_models != len(names) or n_models > MOST_MODELS:
                raise Mismatch(
                    f"names and the weights of every sentence need the same n_models, 1 to "
                    f"{MOST_MODELS}: {shapes(names=names)}, the weights of sentence {place} are "
                    f"{np.shape(one['weights'])}; change both at once with "
                    f"set(sentences=..., names=...)"
                )
        chosen = sentences[sentence if 0 <= sentence < len(sentences) else 0]
        counts = {"sentence": len(sentences), "model": len(names)}
        return counts | {"query": len(chosen["target"])}

    @property
    def weights(self):
        """The chosen model's for the chosen sentence, an ndarray (n_target, n_source)."""
        return np.array(self.sentences[self.sentence]["weights"][self.model])

    def __repr__(self):
        counts = {"sentence": len(self.sentences), "model": len(self.names)}
        sizes = [f"{n} {name}{'s' * (n != 1)}" for name, n in counts.items()]
        places = [f"{name}={getattr(self, name)}" for name in self._sizes()]
        return f"AlignmentView({', '.join([*sizes, *places])})"
