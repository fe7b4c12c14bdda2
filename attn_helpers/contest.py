"""A contest of four small networks with equally many parameters: attention and its rivals.

Each reads tokens of shape (runs, count, n, 9), as the tasks of `attn_helpers.data` give them, and
returns two numbers a token, for no and yes. Runs from different random numbers lie side by side on
the first axis. The parameters `p` are a dict of tensors (runs, 1, rows, columns), in float64. None
looks ahead, but for the MLP, which has one length only. Needs PyTorch. Derived in 03_5.
"""

from math import prod

import numpy as np
import torch
from torch.nn.functional import cross_entropy, pad

__all__ = ["NETWORKS", "WIDTH", "outputs", "right_answers", "shapes", "size", "start", "train"]

RUNS, TRAINED, TOKEN, N_HEADS, WINDOW = 3, 16, 9, 4, 5
WIDTH = {"attention": 24, "convolution": 22, "RNN": 54, "MLP": 20}  # about 3,500 parameters each


def shapes(kind, width):
    """List the parameters of one run.

    Parameters
    ----------
    kind : {"attention", "convolution", "RNN", "MLP"}
    width : int
        Number of features, called d below; for attention a multiple of 4, its number of heads.

    Returns
    -------
    dict of str to (int, int)
        Rows and columns of each matrix by its name.

    Raises
    ------
    ValueError
        If the kind is unknown or the width does not suit it.
    """
    d = width
    every = {
        "attention": {
            **{"in": (TOKEN, d), "place": (TRAINED, d), "back": (N_HEADS, TRAINED)},
            **{"q": (d, d), "k": (d, d), "v": (d, d), "mix": (2 * d, d), "read": (d, 2)},
        },
        "convolution": {"first": (WINDOW * TOKEN, d), "second": (WINDOW * d, d), "read": (d, 2)},
        "RNN": {"in": (TOKEN, d), "again": (d, d), "read": (d, 2)},
        "MLP": {"in": (TRAINED * TOKEN, d), "read": (d, 2 * TRAINED)},
    }
    if kind not in every or d < 1 or (kind == "attention" and d % N_HEADS):
        raise ValueError(
            f"kind must be one of {', '.join(every)}, but it is {kind!r}; width must be at least "
            f"1, and for attention a multiple of {N_HEADS}, but it is {width}"
        )
    return every[kind]


def size(kind, width):
    """Count the parameters of one run; arguments and errors are those of `shapes`."""
    return sum(map(prod, shapes(kind, width).values()))


def start(kind, width):
    """Draw the parameters with which training begins, always the same.

    Parameters
    ----------
    kind, width
        As `shapes` takes them, with its errors.

    Returns
    -------
    dict of str to Tensor of shape (runs, 1, rows, columns)
        Normal numbers whose spread is 1 / sqrt(rows), or 0.02 for places and distances.
    """
    generator, p = torch.Generator().manual_seed(0), {}
    for name, shape in shapes(kind, width).items():
        spread = 0.02 if name in ("place", "back") else shape[0] ** -0.5
        numbers = torch.randn(RUNS, 1, *shape, generator=generator, dtype=torch.float64)
        p[name] = (spread * numbers).requires_grad_()
    return p


def attention(p, x, program=None):
    """Attend causally with four heads, a table of places and a number for each distance.

    Parameters
    ----------
    p : dict of str to Tensor
        "in" (9, d), "place" (16, d), "back" (4, 16), "q", "k", "v" (d, d), "mix" (2 d, d) and
        "read" (d, 2), each behind axes (runs, 1). Distances of 16 and more share the last number.
    x : Tensor of shape (runs, count, n, 9)
    program : Program, optional
        Mask or change of scores on top of the causal mask.

    Returns
    -------
    Tensor of shape (runs, count, n, 2)
        A query that may attend to nothing gets zeros from every head.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017; a number for each head and distance:
    Raffel et al., "Exploring the limits of transfer learning", 2020, section 2.1.
    """
    n = x.shape[2]
    back = torch.arange(n)[:, None] - torch.arange(n)  # how far a key lies back
    place = pad(p["place"], (0, 0, 0, max(0, n - TRAINED)))  # no places beyond the table
    x = x @ p["in"] + place[..., :n, :]
    q, k, v = ((x @ p[name]).unflatten(-1, (N_HEADS, -1)).transpose(2, 3) for name in "qkv")
    scores = q @ k.mT / q.shape[-1] ** 0.5 + p["back"][..., back.clip(0, TRAINED - 1)]
    if program is not None:
        scores = scores + torch.from_numpy(program.bias(n, n, n_heads=N_HEADS))
    scores = scores.masked_fill(back < 0, -torch.inf)  # (runs, count, heads, n, n)
    no_key = scores.isneginf().all(-1, keepdim=True)
    weights = scores.masked_fill(no_key, 0).softmax(-1).masked_fill(no_key, 0)
    heads = (weights @ v).transpose(2, 3).flatten(3)  # (runs, count, n, width)
    return (torch.cat([heads, x], dim=-1) @ p["mix"]).relu() @ p["read"]


def convolution(p, x):
    """Look twice through a window of five tokens, the present one and four before it.

    Parameters
    ----------
    p : dict of str to Tensor
        "first" (9 * 5, d), "second" (d * 5, d) and "read" (d, 2), each behind axes (runs, 1); the
        window's five places are next to each other in the rows.
    x : Tensor of shape (runs, count, n, 9)

    Returns
    -------
    Tensor of shape (runs, count, n, 2)

    References
    ----------
    Bai et al., "An empirical evaluation of generic convolutional and recurrent networks", 2018.
    """

    def windows(x):
        return pad(x, (0, 0, WINDOW - 1, 0)).unfold(2, WINDOW, 1).flatten(3)

    hidden = (windows(x) @ p["first"]).relu()
    return (windows(hidden) @ p["second"]).relu() @ p["read"]


def rnn(p, x):
    """Carry a state from token to token: tanh(x in + state again).

    Parameters
    ----------
    p : dict of str to Tensor
        "in" (9, d), "again" (d, d) and "read" (d, 2), each behind axes (runs, 1).
    x : Tensor of shape (runs, count, n, 9)

    Returns
    -------
    Tensor of shape (runs, count, n, 2)

    References
    ----------
    Elman, "Finding structure in time", 1990.
    """
    into = (x @ p["in"]).transpose(1, 2)  # (runs, n, count, width)
    states = [torch.zeros_like(into[:, :1])]
    for t in range(x.shape[2]):
        states.append((into[:, t : t + 1] + states[-1] @ p["again"]).tanh())
    return torch.cat(states[1:], dim=1).transpose(1, 2) @ p["read"]


def mlp(p, x):
    """Lay the tokens end to end, and bend once.

    Parameters
    ----------
    p : dict of str to Tensor
        "in" (16 * 9, d) and "read" (d, 16 * 2), each behind axes (runs, 1).
    x : Tensor of shape (runs, count, 16, 9)

    Returns
    -------
    Tensor of shape (runs, count, 16, 2)
    """
    hidden = (x.flatten(2)[:, None] @ p["in"]).relu()
    return (hidden @ p["read"])[:, 0].unflatten(-1, (x.shape[2], 2))


NETWORKS = {"attention": attention, "convolution": convolution, "RNN": rnn, "MLP": mlp}


def outputs(kind, p, x, program=None):
    """Return what a network says, a number for no and one for yes: logits.

    Parameters
    ----------
    kind : {"attention", "convolution", "RNN", "MLP"}
    p : dict of str to Tensor of shape (runs, 1, rows, columns)
        As `start` or `train` returned it.
    x : Tensor of shape (runs, count, n, 9)
        For the MLP, n is 16.
    program : Program, optional
        For attention alone.

    Returns
    -------
    Tensor of shape (runs, count, n, 2)

    Raises
    ------
    ValueError
        If another network gets a program, the MLP another length, or the kind is unknown.
    """
    if kind not in NETWORKS:
        raise ValueError(f"kind must be one of {', '.join(NETWORKS)}, but it is {kind!r}")
    if program is not None and kind != "attention":
        raise ValueError(f"only attention takes a program, and this is {kind}")
    if kind == "MLP" and x.shape[2] != TRAINED:
        raise ValueError(
            f"the MLP takes {TRAINED} tokens, no more and no less: x is {tuple(x.shape)}"
        )
    return attention(p, x, program) if kind == "attention" else NETWORKS[kind](p, x)


def train(kind, task, width=None, steps=400):
    """Train three runs on a task with 16 tokens: Adam, 16 sequences a step, a falling rate.

    A gradient longer than 1 is cut to length 1, each run for itself: without that, the rounding of
    one machine or another decides how well the RNN ends.

    Parameters
    ----------
    kind : {"attention", "convolution", "RNN", "MLP"}
    task : function (rng, count, n) -> x, y
        One of `attn_helpers.data`, or any other of that form.
    width : int, optional
        By default the one of `WIDTH`, with which all four have equally many parameters.
    steps : int, default 400

    Returns
    -------
    dict of str to Tensor of shape (runs, 1, rows, columns)

    Raises
    ------
    ValueError
        As `shapes` and the task do.

    References
    ----------
    Kingma and Ba, "Adam", 2015; the cut: Pascanu et al., "On the difficulty of training recurrent
    neural networks", 2013.
    """
    p, rng = start(kind, WIDTH.get(kind, 1) if width is None else width), np.random.default_rng(0)
    adam = torch.optim.Adam(p.values(), lr=0.01)
    slower = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.05, steps)
    for _ in range(steps):
        x, y = _batch(task, rng, 16, TRAINED)
        logits = outputs(kind, p, x).flatten(0, 2)
        loss = RUNS * cross_entropy(logits, y.flatten(), ignore_index=-1)
        adam.zero_grad()
        loss.backward()
        squares = sum((z.grad**2).sum((1, 2, 3), keepdim=True) for z in p.values())
        for z in p.values():
            z.grad /= squares.sqrt().clip(min=1)  # (runs, 1, 1, 1)
        adam.step()
        slower.step()
    return {name: numbers.detach() for name, numbers in p.items()}


def right_answers(kind, p, task, n=TRAINED, *, program=None, **change):
    """Test on 200 new sequences a run.

    Parameters
    ----------
    kind, p, task
        As given to `train`, and what it returned.
    n : int, default 16
        Length of the sequences.
    program : Program, optional
        For attention, a mask or change of scores on top of what it has learnt.
    **change
        For the task: ``shifted=True``.

    Returns
    -------
    ndarray of shape (n,)
        Share of right answers at each place, the mean of runs; NaN where nothing is asked.

    Raises
    ------
    ValueError
        As `outputs` and the task do.
    """
    x, y = _batch(task, np.random.default_rng(99), 200, n, **change)
    right = (outputs(kind, p, x, program).argmax(-1) == y).double()
    return right.masked_fill(y < 0, torch.nan).nanmean((0, 1)).numpy()


def _batch(task, rng, count, n, **change):
    """Draw tokens (runs, count, n, 9) and answers (runs, count, n) as tensors."""
    x, y = task(rng, RUNS * count, n, **change)
    return [torch.from_numpy(z).unflatten(0, (RUNS, count)) for z in (x, y.astype(int))]
