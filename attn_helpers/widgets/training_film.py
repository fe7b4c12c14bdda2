"""A training run as a film: what every head looks at, frame by frame, beside the loss."""

from functools import partial

import numpy as np
import traitlets

from attn_helpers.arguments import finite_array, shapes
from attn_helpers.plots.arrays import plain, weights_array
from attn_helpers.widgets.attention_arrays import check_place
from attn_helpers.widgets.base import Array, Checked, CheckedWidget, Mismatch, script, style
from attn_helpers.widgets.head_grid import HeadGrid, check_heads

__all__ = ["TrainingFilm"]

AXES = "(n_frames, n_layers, n_heads, n_q, n_k)"
MOST_FRAMES = 128
MOST_WEIGHTS = 2**20  # a page carries each as two bytes
MOST_LOSSES = 10_000


def check_weights(weights):
    """Return float32 or float64 weights between 0 and 1, of five axes."""
    if isinstance(weights, list | tuple):
        weights = [plain(frame) for frame in weights]
    weights = finite_array("weights", plain(weights))
    axes = AXES if weights.ndim != 4 else AXES.replace("n_layers, ", "")
    weights = weights_array("weights", weights, axes=axes)
    if len(weights) > MOST_FRAMES or weights.size > MOST_WEIGHTS:
        raise ValueError(
            f"a page carries at most {MOST_FRAMES} frames and {MOST_WEIGHTS} weights, but "
            f"{shapes(weights=weights)}, {weights.size} in all; show every second frame, "
            f"weights[::2] with steps[::2], or fewer heads"
        )
    weights = weights.reshape(len(weights), -1, *weights.shape[-3:])
    check_heads(weights)
    return weights.astype(np.promote_types(weights.dtype, np.float32), copy=False)


def check_steps(steps):
    """Return the steps of the frames as a list of int, from 0 or more and increasing."""
    if isinstance(steps, str) or not np.iterable(steps):
        raise TypeError(f"steps must be a list of whole numbers, but it is {steps!r}")
    steps = [check_place("steps", step) for step in steps]
    if len(steps) < 2:
        raise ValueError(f"a film needs at least two frames: {shapes(steps=steps)}")
    for place, (before, step) in enumerate(zip([-1, *steps], steps, strict=False)):
        if step <= before:
            raise ValueError(
                f"steps must increase, from 0 or more, but steps[{place}] is {step}"
                f"{f' after {before}' if place else ''}: {shapes(steps=steps)}; sort the frames"
            )
    return steps


def check_losses(losses):
    """Return finite losses of one axis, as float32 or float64."""
    losses = finite_array("losses", plain(losses), ndim=1)
    if len(losses) > MOST_LOSSES:
        raise ValueError(
            f"a page carries at most {MOST_LOSSES} losses, but {shapes(losses=losses)}; keep every "
            f"tenth, losses[::10], and count steps in tens"
        )
    return losses.astype(np.promote_types(losses.dtype, np.float32), copy=False)


class TrainingFilm(HeadGrid):
    """Snapshots of every head along the curve of the loss: slide through them, or play them.

    The browser computes, so the widget also lives in a page without a kernel. With one, Python
    knows the frame, layer, head and query that the reader chooses, and may set them.

    Parameters
    ----------
    tokens : sequence of str of length n_q
        Names of 1 to 64 queries, shown as plain text.
    weights : array-like of shape (n_frames, n_layers, n_heads, n_q, n_k)
        Weights in [0, 1] of the same queries and keys at each frame, up to 12 layers of up to 16
        heads; also (n_frames, n_heads, n_q, n_k), or a list of frames.
    key_tokens : sequence of str of length n_k, optional
        Names of the keys. Without them it is self-attention: the keys are the tokens.
    steps : sequence of int of length n_frames
        How many steps of the training were done at each frame, increasing.
    losses : array-like of shape (n_steps,)
        The loss of each step before its update, as in `attn_helpers.training.History`:
        ``losses[s]`` belongs to the frame of step s. The run may end with the last frame, which
        then has the last loss.
    frame, layer, head, query : int, default 0
        The ones chosen.

    Raises
    ------
    TypeError, ValueError
        From the constructor, from `set` and from setting a trait; the old picture stays.

    Notes
    -----
    Weights are copied and read back read-only, with five axes. A page gets them in 16 bits each,
    right to 0.00001. Derived in 05_3.

    Examples
    --------
    >>> film = np.full((3, 4, 2, 2), 0.5)
    >>> TrainingFilm(["a", "b"], film, steps=[0, 10, 20], losses=np.linspace(2, 1, 20))
    TrainingFilm(3 frames to step 20, 4 heads, 2 queries, 2 keys)
    """

    _esm = script(
        "attention", "attention_figure", "attention_hand", "head_maps", "panel", "training_film"
    )
    _css = style("attention_figure", "head_maps", "panel", "training_film")

    weights = Array(check_weights, packed=True)
    steps = Checked(check_steps).tag(sync=True)
    losses = Array(check_losses)
    frame = Checked(partial(check_place, "frame")).tag(sync=True)

    def __init__(
        self, tokens, weights, key_tokens=None, *, steps, losses, frame=0, layer=0, head=0, query=0
    ):
        film = {"tokens": tokens, "weights": weights, "key_tokens": key_tokens}
        film |= {"steps": steps, "losses": losses, "frame": frame}
        CheckedWidget.__init__(self, **film, layer=layer, head=head, query=query)

    @traitlets.validate("steps", "losses", "frame")
    def _fit_film(self, proposal):
        return self._fit(proposal)

    def _sizes(self, **proposed):
        """Return how many layers, heads, queries and frames there are, if all go together."""
        sizes = super()._sizes(**proposed)
        names = ("weights", "steps", "losses")
        now = {name: proposed.get(name, getattr(self, name)) for name in names}
        every = shapes(**now)
        n_frames, last = len(now["steps"]), now["steps"][-1]
        if len(now["weights"]) != n_frames:
            raise Mismatch(f"weights and steps need the same n_frames, one step each: {every}")
        if len(now["losses"]) < last:
            raise Mismatch(
                f"losses needs one number for each of the {last} steps to the last frame: {every}"
            )
        return {**sizes, "frame": n_frames}

    def __repr__(self):
        frames = f"{len(self.steps)} frames to step {self.steps[-1]}"
        return f"TrainingFilm({frames}, {self._counted()})"
