"""Ten named modes of attention, each one line of program: a table, and a way to measure it."""

from dataclasses import dataclass

import numpy as np

from attn_helpers.diagnostics import signature
from attn_helpers.programs.expr import ProgramError
from attn_helpers.programs.makers import program
from attn_helpers.reference.attention import attention

__all__ = ["MODES", "Mode", "measure", "mode"]


@dataclass(frozen=True)
class Mode:
    """A program that has a name, and where it comes from."""

    name: str
    text: str
    values: dict
    sentence: str
    reference: str

    def program(self, **values):
        """Make the program, with other values than the usual ones where given."""
        return program(self.text, **self.values | values)


MODES = {
    mode.name: mode
    for mode in (
        Mode(
            "focus", "s / tau", {"tau": 0.25},
            "Sharpens the choice: the best match takes nearly all.",
            "temperature: Hinton et al. 2015",
        ),
        Mode(
            "diffuse", "s / tau", {"tau": 4},
            "Flattens the choice: every key has nearly the same say.",
            "temperature: Hinton et al. 2015",
        ),
        Mode(
            "recency", "s - slope * abs(i - j)", {"slope": 0.5},
            "Prefers near keys, and the further one is, the less it counts.",
            "ALiBi: Press et al. 2022",
        ),
        Mode(
            "local", "abs(i - j) <= width", {"width": 2},
            "Sees a window around itself, and nothing else.",
            "Longformer: Beltagy et al. 2020",
        ),
        Mode(
            "causal", "j <= i", {},
            "Sees itself and the past, never the future.",
            "decoder self-attention: Vaswani et al. 2017, section 3.2.3",
        ),
        Mode(
            "anchor", "j < anchors or i < anchors or abs(i - j) <= width",
            {"anchors": 1, "width": 1},
            "Sees a window and the first keys, which everybody sees and which see everybody.",
            "global tokens: Beltagy et al. 2020; sinks: Xiao et al. 2024",
        ),
        Mode(
            "skim", "(i - j) % stride == 0", {"stride": 4},
            "Looks at every fourth key, counted from itself.",
            "Sparse Transformer: Child et al. 2019",
        ),
        Mode(
            "search", "s >= threshold", {"threshold": 3},
            "Sees only keys that match well enough; a query that finds none gets zeros.",
            "weights of exactly zero: Martins and Astudillo 2016",
        ),
        Mode(
            "copy", "j == i - 1", {},
            "Takes the previous token, whatever it says; the first one has none.",
            "previous-token heads: Clark et al. 2019",
        ),
        Mode(
            "document", "doc[i] == doc[j]", {"doc": (0,) * 11 + (1,) * 9 + (2,) * 12},
            "Sees its own document among several in one sequence.",
            "sequence packing: Krell et al. 2021",
        ),
    )
}  # fmt: skip


def mode(name, /, **values):
    """Make the program of a named mode.

    Examples
    --------
    >>> mode("recency", slope=1)
    program("s - slope * abs(i - j)", slope=1)
    >>> mode("causal") & mode("recency")
    program("j <= i") & program("s - slope * abs(i - j)", slope=0.5)
    """
    if name not in MODES:
        raise ProgramError(f"there is no mode {name!r}; there are {', '.join(MODES)}")
    return MODES[name].program(**values)


def measure(program=None, *, n=32, d_k=16, repeats=16, seed=0):
    """Measure the signature of a program on queries and keys drawn at random.

    Parameters
    ----------
    program : Program, optional
        None measures plain attention.
    n, d_k, repeats, seed : int
        The length, the features, how many sequences, and which ones.

    Returns
    -------
    dict of str to float
        The five numbers of `attn_helpers.diagnostics.signature`, averaged over sequences.
    """
    q, k = np.random.default_rng(seed).standard_normal((2, repeats, 1, n, d_k))
    _, weights = attention(q, k, k, program=program)  # (repeats, 1, n, n)
    return {name: float(value.mean()) for name, value in signature(weights).items()}
