"""Training in one function: the five lines of chapter 3.2, and what a longer run needs around them.

Every step draws its batch with a generator made from the seed and the number of the step, and seeds
torch (dropout) from the same. So a run that was killed and goes on from its checkpoint sees what it
would have seen, and ends with the same loss to the last bit. Left out on purpose: several devices.
"""

import math
import os
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

__all__ = ["History", "cosine", "fit"]

BAR = 40  # characters


@dataclass
class History:
    """What a run of `fit` has seen.

    Attributes
    ----------
    losses : list of float
        The loss of each step, before its update.
    scores : dict of int to float
        What `evaluate` gave, by the number of steps done.
    interrupted : bool
        Whether the reader stopped the run.
    """

    losses: list = field(default_factory=list)
    scores: dict = field(default_factory=dict)
    interrupted: bool = False

    @property
    def best(self):
        """The number of steps after which the score was lowest, None without scores."""
        return min(self.scores, key=self.scores.get, default=None)


def cosine(step, steps, warmup=0, last=0.0):
    """Return the share of the full rate at a step: a straight line up, then half a cosine down.

    Parameters
    ----------
    step, steps : int
        0 <= step < steps.
    warmup : int, default 0
        How many steps the way up takes.
    last : float, default 0.0
        The share that is left at the end.

    References
    ----------
    Loshchilov and Hutter, "SGDR", 2017; for the warm-up, Goyal et al., 2017. Derived in 05_3.
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2


def fit(
    model,
    loss_of,
    steps,
    *,
    rate=1e-3,
    schedule=cosine,
    optimiser=None,
    clip=1.0,
    evaluate=None,
    every=100,
    seed=0,
    checkpoint=None,
    progress=True,
):
    """Train a model, step by step.

    Stopped by hand (Ctrl-C, the square in Jupyter), it returns what it has, and the model keeps its
    best weights. A loss or gradient that is not finite ends the run before it reaches the weights.

    Parameters
    ----------
    model : Module
        Its device is the caller's business, as is that of the batches.
    loss_of : callable
        ``loss_of(rng)`` draws a batch with a NumPy generator and returns the loss, a tensor with
        one number.
    steps : int
    rate : float, default 1e-3
        Full learning rate of the default optimiser.
    schedule : callable, default `cosine`
        ``schedule(step, steps)`` is the share of each optimiser's full rate at a step.
    optimiser : Optimizer or sequence of Optimizer, optional
        AdamW on all parameters by default.
    clip : float or None, default 1.0
        A gradient longer than this, over all parameters, is cut to this length.
    evaluate : callable, optional
        ``evaluate()`` returns a number, the lower the better, from data held back. The model is in
        eval mode, without gradients. In the end the model has the weights of the best score.
    every : int, default 100
        Evaluate and save after so many steps, and at the end.
    seed : int, default 0
    checkpoint : path, optional
        A file to save to. If it exists, the run goes on from there; the file of a finished run
        gives its model and its history back.
    progress : bool, default True
        Print a bar that grows.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If `steps` or `every` is below 1, the loss is more than one number, or the checkpoint was
        made by another run.
    FloatingPointError
        If a loss, the length of a gradient or a score is not finite: the message gives the step.

    References
    ----------
    Kingma and Ba, "Adam", 2015; Loshchilov and Hutter, "Decoupled weight decay", 2019; for clipping
    Pascanu et al., 2013. Derived in 05_3.

    Examples
    --------
    >>> model = torch.nn.Linear(1, 1)
    >>> def loss_of(rng):
    ...     x = torch.from_numpy(rng.standard_normal((8, 1), dtype="float32"))
    ...     return (model(x) - 3 * x).square().mean()
    >>> history = fit(model, loss_of, 200, rate=0.1, progress=False)
    >>> round(model.weight.item(), 1)
    3.0
    """
    if min(steps, every) < 1:
        raise ValueError(f"steps and every must be at least 1: {steps=}, {every=}")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if optimiser is None:
        optimiser = torch.optim.AdamW(parameters, lr=rate)
    optimisers = [optimiser] if isinstance(optimiser, torch.optim.Optimizer) else list(optimiser)
    run = _Run(model, optimisers, {"steps": steps, "every": every, "seed": seed})
    if checkpoint is not None and Path(checkpoint).exists():
        run.load(checkpoint)
    history = run.history
    bar = _Bar(steps, len(history.losses), progress)
    try:
        for step in range(len(history.losses), steps):
            source = np.random.SeedSequence([seed, step])
            torch.manual_seed(int(source.generate_state(1)[0]))
            model.train()
            loss = _finite("loss", loss_of(np.random.default_rng(source)), step)
            loss.backward()
            limit = math.inf if clip is None else clip
            _finite("gradient", torch.nn.utils.clip_grad_norm_(parameters, limit), step)
            run.update(schedule(step, steps))
            history.losses.append(loss.item())
            bar.grow(step + 1)
            if (step + 1) % every == 0 or step + 1 == steps:
                if evaluate is not None:
                    run.score(evaluate)
                if checkpoint is not None:
                    run.save(checkpoint)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        bar.end()
        run.keep_best()
    return history


class _Run:
    """What a checkpoint holds: weights, optimisers, history, and the weights of the best score."""

    def __init__(self, model, optimisers, settings):
        self.model, self.optimisers, self.settings = model, optimisers, settings
        self.history, self.best = History(), None
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])

    def _groups(self):
        return [group for optimiser in self.optimisers for group in optimiser.param_groups]

    def update(self, share):
        """Take the step, at a share of the full rate."""
        for group in self._groups():
            group["lr"] = share * group["initial_lr"]
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()

    def score(self, evaluate):
        """Evaluate, and keep the weights if they are the best so far."""
        self.model.eval()
        with torch.no_grad():
            score = float(evaluate())
        done = len(self.history.losses)
        _finite("score", torch.tensor(score), done)
        self.history.scores[done] = score
        if self.history.best == done:
            self.best = deepcopy(self.model.state_dict())

    def keep_best(self):
        """Leave the model as the reader wants it: the best weights, no gradients, eval mode."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.zero_grad()
        self.model.eval()

    def save(self, path):
        """Write a checkpoint."""
        parts = {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "history": asdict(self.history),
            "best": self.best,
        }
        write_checkpoint(path, parts)

    def load(self, path):
        """Go on from a checkpoint, if this run is the one that made it."""
        parts = read_checkpoint(path, self.settings)
        self.model.load_state_dict(parts["model"])
        for optimiser, state in zip(self.optimisers, parts["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.history, self.best = History(**parts["history"]), parts["best"]


def write_checkpoint(path, parts):
    """Write parts of a run: beside the old ones, then in their place, so that one is whole."""
    beside = Path(f"{path}.new")
    with open(beside, "wb") as file:
        torch.save(parts, file)
        file.flush()
        os.fsync(file.fileno())  # on the disk before it takes the name
    os.replace(beside, path)


def read_checkpoint(path, settings):
    """Return the parts of a run with these settings; refuse those of another."""
    parts = torch.load(path, map_location="cpu", weights_only=True)
    if parts["settings"] != settings:
        raise ValueError(
            f"{path} belongs to a run with {parts['settings']}, not {settings}: "
            "delete it, or take another path"
        )
    return parts


class _Bar:
    """A bar that grows by printing, so that it looks the same live, in a file and on a page."""

    def __init__(self, steps, done, shown):
        self.steps, self.length, self.shown = steps, 0, shown
        self.grow(done)

    def grow(self, done):
        """Print what is new after `done` steps."""
        length = BAR * done // self.steps
        self._print("█" * (length - self.length))
        self.length = length

    def end(self):
        """Close the line."""
        self._print("\n")

    def _print(self, text):
        if self.shown and text:
            print(text, end="", flush=True)


def _finite(name, value, step):
    """Hand a loss or the length of a gradient on, if it is one finite number."""
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise ValueError(
            f"loss_of must return a tensor with one number: got {getattr(value, 'shape', value)!r}"
        )
    if not value.isfinite():
        raise FloatingPointError(
            f"the {name} is {value.item()} at step {step}, and the run ends before it reaches the "
            "weights: look for a logarithm of 0, a query without keys, or too high a rate"
        )
    return value
