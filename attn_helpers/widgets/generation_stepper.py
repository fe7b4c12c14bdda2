"""A text that a model wrote, step by step: what could have come next, and what it looked at."""

from functools import partial

import numpy as np
import torch
import traitlets

from attn_helpers.arguments import finite_array, real_array, shapes
from attn_helpers.plots.arrays import plain, weights_array
from attn_helpers.reference.generation import next_token_probabilities
from attn_helpers.reference.multi_head_layer import recorded_weights
from attn_helpers.widgets.attention_arrays import check_place
from attn_helpers.widgets.base import (
    Array,
    Checked,
    CheckedWidget,
    Mismatch,
    check_names,
    script,
    style,
)

__all__ = ["GenerationStepper"]

MOST_BYTES = 5 * 2**17  # of scores and weights; a page carries them as 4/3 as many characters
MOST_LAYERS, MOST_HEADS = 12, 16


def check_tokens(tokens):
    """Return one text as a list of int."""
    array = np.asarray(plain(tokens))
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(
            f"tokens must be whole numbers, places in vocabulary, but it holds {array.dtype} "
            f"({shapes(tokens=array)})"
        )
    if array.ndim != 1:
        hint = "; pick one text, tokens[0]" if array.ndim == 2 else ""
        raise ValueError(f"tokens must be (seq,), but {shapes(tokens=array)}{hint}")
    return array.tolist()


def check_vocabulary(vocabulary):
    """Return the name of each token as a list of str; a string is a name for each character."""
    return check_names(
        "vocabulary", list(vocabulary) if isinstance(vocabulary, str) else vocabulary
    )


def check_logits(logits):
    """Return finite scores of two axes, as float32."""
    logits = finite_array("logits", plain(logits))
    if logits.ndim != 2:
        hint = "; pick one text, logits[0]" if logits.ndim == 3 else ""
        raise ValueError(f"logits must be (seq, n_tokens), but {shapes(logits=logits)}{hint}")
    with np.errstate(over="ignore"):
        return finite_array("logits", logits.astype(np.float32))


def check_weights(weights):
    """Return float32 weights of four axes that look back only, or None."""
    if weights is None:
        return None
    weights = weights_array("weights", weights, axes="(n_layers, n_heads, n_q, n_k)")
    every = shapes(weights=weights)
    n_layers, n_heads = weights.shape[:2]
    if n_layers > MOST_LAYERS or n_heads > MOST_HEADS:
        raise ValueError(f"1 to {MOST_LAYERS} layers of 1 to {MOST_HEADS} heads fit: {every}")
    ahead = np.argwhere(np.triu(weights, 1))
    if len(ahead):
        place = tuple(int(i) for i in ahead[0])
        raise ValueError(
            f"a text is written from left to right, so no query looks ahead, but "
            f"weights{list(place)} is {weights[place]:.4g}: {every}"
        )
    return weights.astype(np.float32, copy=False)


def check_temperature(temperature):
    """Return a finite number from 0 as a float."""
    number = float(real_array("temperature", temperature, ndim=0))
    if not 0 <= number < np.inf:
        raise ValueError(f"temperature must be a finite number, 0 or more, but it is {number:g}")
    return number


def check_top_k(top_k):
    """Return a whole number from 1, or None."""
    if top_k is not None and check_place("top_k", top_k) < 1:
        raise ValueError(f"top_k must be at least 1, or None for all, but it is {top_k}")
    return None if top_k is None else check_place("top_k", top_k)


def check_top_p(top_p):
    """Return a float above 0 and at most 1, or None."""
    if top_p is None:
        return None
    number = float(real_array("top_p", top_p, ndim=0))
    if not 0 < number <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, or None for all: it is {number:g}")
    return number


def _to_triangle(weights, _):
    """Send the square roots of what is not ahead, row after row, in 8 bits each."""
    if weights is None:
        return {"shape": None, "dtype": None, "bytes": b""}
    back = weights[..., *np.tril_indices(weights.shape[-1])]
    roots = np.rint(255 * np.sqrt(back)).astype(np.uint8)
    return {"shape": list(roots.shape), "dtype": "uint8", "bytes": roots.tobytes()}


class GenerationStepper(CheckedWidget):
    """Step through a text: the candidates for each next token, and what a head looked at then.

    The browser computes the probabilities, so the widget also lives in a page without a kernel.
    With one, Python knows what the reader chooses, and may set it.

    Parameters
    ----------
    tokens : array-like of int of shape (seq,)
        The text as places in `vocabulary`: its beginning, then what was drawn.
    logits : array-like of shape (seq, n_tokens)
        What the model scores after each token, before softmax; kept as float32. The last row is for
        the token that would come next.
    vocabulary : str or sequence of str, of length n_tokens
        How each token reads, shown as plain text with blanks and line ends made visible.
    weights : array-like of shape (n_layers, n_heads, seq, seq), optional
        What each token attended to, at or before itself, in up to 12 layers of up to 16 heads.
    n_prompt : int, default 1
        So many tokens were given, not drawn.
    position : int, optional
        The token to draw, from `n_prompt` (the default) to seq, which is the one after the text.
    temperature : float, default 1.0
        0 leaves the likeliest alone. The slider runs from 0 to 2.
    top_k : int, optional
    top_p : float, optional
        As for `next_token_probabilities`.
    layer, head : int, default 0
        Whose attention is shown.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays. Scores
        and weights together may have 655,360 bytes, 4 for a score and 1 for a weight that is not
        ahead: 256 characters of 100 kinds with 4 layers of 4 heads.

    Notes
    -----
    The text is recorded: a setting does not write another one, it shows which of the drawn tokens
    could still have been drawn. The page shows weights right to 0.004. Derived in 05_5.

    Examples
    --------
    >>> scores = np.log([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    >>> stepper = GenerationStepper([0, 2], scores, "abc", top_k=2)
    >>> stepper.probabilities.round(3)
    array([0.667, 0.333, 0.   ])
    """

    _esm = script("next_token", "generation_stepper")
    _css = style("generation_stepper")

    tokens = Checked(check_tokens).tag(sync=True)
    vocabulary = Checked(check_vocabulary).tag(sync=True)
    logits = Array(check_logits)
    weights = Array(check_weights).tag(to_json=_to_triangle)
    n_prompt = Checked(partial(check_place, "n_prompt")).tag(sync=True)
    position = Checked(partial(check_place, "position")).tag(sync=True)
    temperature = Checked(check_temperature).tag(sync=True)
    top_k = Checked(check_top_k).tag(sync=True)
    top_p = Checked(check_top_p).tag(sync=True)
    layer = Checked(partial(check_place, "layer")).tag(sync=True)
    head = Checked(partial(check_place, "head")).tag(sync=True)

    def __init__(
        self,
        tokens,
        logits,
        vocabulary,
        *,
        weights=None,
        n_prompt=1,
        position=None,
        temperature=1.0,
        top_k=None,
        top_p=None,
        layer=0,
        head=0,
    ):
        text = {"tokens": tokens, "logits": logits, "vocabulary": vocabulary, "weights": weights}
        chosen = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        position = n_prompt if position is None else position
        places = {"n_prompt": n_prompt, "position": position, "layer": layer, "head": head}
        super().__init__(**text, **chosen, **places)

    @classmethod
    def of(cls, model, tokens, vocabulary, **chosen):
        """Record what a model, in `eval` mode, scores and attends to along a text of ids (seq,)."""
        device = next(model.parameters()).device
        text = torch.tensor([check_tokens(tokens)], device=device)
        with torch.inference_mode():
            logits = model(text)[0]
            weights = torch.cat(list(recorded_weights(model, text).values()))
        return cls(tokens, logits, vocabulary, weights=weights, **chosen)

    @traitlets.validate(
        "tokens", "logits", "vocabulary", "weights", "n_prompt", "position", "layer", "head"
    )
    def _fit(self, proposal):
        name, value = proposal.trait.name, proposal.value
        ends = self._ends(**{name: value})
        if name in ends and not ends[name][0] <= value <= ends[name][1]:
            low, high = ends[name]
            raise Mismatch(f"{name} must be one of {low} to {high}, but it is {value}")
        return value

    @traitlets.observe("tokens", "weights", "n_prompt")
    def _stay_inside(self, _):
        for name, (low, high) in self._ends().items():
            if not low <= getattr(self, name) <= high:
                setattr(self, name, low)

    def _ends(self, **proposed):
        """Return the first and the last of what can be chosen, if the arguments go together."""
        names = ("tokens", "logits", "vocabulary", "weights", "n_prompt")
        now = {name: proposed.get(name, getattr(self, name)) for name in names}
        tokens, logits, vocabulary, weights, n_prompt = now.values()
        given = {name: now[name] for name in names[:-1] if now[name] is not None}
        every = shapes(**given)
        seq, n_tokens = len(tokens), len(vocabulary)
        if not seq or logits.shape != (seq, n_tokens):
            raise Mismatch(
                f"logits must be (seq, n_tokens), a row for each of tokens, one at least, and a "
                f"column for each of vocabulary: {every}"
            )
        if not 0 <= min(tokens) <= max(tokens) < n_tokens:
            raise Mismatch(
                f"tokens must be places in vocabulary, 0 to {n_tokens - 1}, but they go from "
                f"{min(tokens)} to {max(tokens)}: {every}"
            )
        n_layers, n_heads = (1, 1) if weights is None else weights.shape[:2]
        if weights is not None and weights.shape[2:] != (seq, seq):
            raise Mismatch(f"weights needs the last axes {seq, seq}, one for each token: {every}")
        if not 1 <= n_prompt <= seq:
            raise Mismatch(f"n_prompt must be one of 1 to {seq}, but it is {n_prompt}")
        n_bytes = logits.nbytes
        n_bytes += 0 if weights is None else n_layers * n_heads * seq * (seq + 1) // 2
        if n_bytes > MOST_BYTES:
            raise Mismatch(
                f"a page carries {MOST_BYTES:,} bytes of scores and weights, but these have "
                f"{n_bytes:,} ({every}); take a shorter text, fewer layers, or a smaller vocabulary"
            )
        return {"position": (n_prompt, seq), "layer": (0, n_layers - 1), "head": (0, n_heads - 1)}

    @property
    def probabilities(self):
        """Those to draw the token at `position` from, an ndarray of shape (n_tokens,)."""
        scores = torch.tensor(self.logits[self.position - 1], dtype=torch.float64)
        settings = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        # The largest becomes 0, so that no temperature overflows.
        return next_token_probabilities(scores - scores.max(), **settings).numpy()

    def __repr__(self):
        sizes = f"{len(self.tokens)} tokens, {self.n_prompt} given"
        names = ("position", "temperature", "top_k", "top_p")
        return f"GenerationStepper({sizes}, {', '.join(f'{n}={getattr(self, n)}' for n in names)})"
