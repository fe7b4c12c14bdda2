"""The sentence that accompanies the whole course, with small numbers made by hand.

我昨天去公园跑步 is the source document's example (its section 4.3.1), and its translation is
"Yesterday I went to the park to run". The queries and keys below are set by hand, so that each
English word looks for the Chinese word it comes from. They are an illustration, not a trained
model; chapter 04_4 trains one and compares.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["READINGS", "RunningExample", "running_example"]

# character(s): (pinyin, English gloss)
READINGS = {
    "我": ("wǒ", "I"),
    "昨天": ("zuótiān", "yesterday"),
    "去": ("qù", "go"),
    "公园": ("gōngyuán", "park"),
    "跑步": ("pǎobù", "run"),
}

SOURCE = tuple(READINGS)
TARGET = ("Yesterday", "I", "went", "to", "the", "park", "to", "run")
ALIGNMENT = (1, 0, 2, 2, 3, 3, 4, 4)  # for each word of TARGET, its position in SOURCE

#             who  when  motion place
KEYS = [
    [3.0, 0.0, 0.0, 0.0],  # 我
    [0.0, 3.0, 0.0, 0.0],  # 昨天
    [0.5, 0.0, 2.5, 1.5],  # 去: a motion towards a place
    [0.0, 0.0, 0.0, 3.0],  # 公园
    [0.5, 0.5, 2.5, -1.5],  # 跑步: a motion, for its own sake
]
QUERIES = [
    [0.0, 4.0, 0.0, 0.0],  # Yesterday
    [4.0, 0.0, 0.0, 0.0],  # I
    [0.0, 0.5, 3.0, 1.0],  # went
    [0.0, 0.0, 2.0, 1.5],  # to (the park)
    [0.0, 0.0, -1.0, 2.0],  # the
    [0.0, 0.0, -1.5, 4.0],  # park
    [0.0, 0.0, 2.0, -1.5],  # to (run)
    [0.0, 0.0, 3.0, -2.5],  # run
]
#              animate, dynamic, concrete
VALUES = [
    [1.0, 0.0, 0.6],  # 我
    [0.0, 0.1, 0.0],  # 昨天
    [0.3, 0.8, 0.2],  # 去
    [0.1, 0.0, 1.0],  # 公园
    [0.6, 1.0, 0.3],  # 跑步
]


@dataclass(frozen=True)
class RunningExample:
    """The running sentence, its translation, and hand-made q, k, v of a cross-attention.

    Attributes
    ----------
    source : tuple of str, n_k = 5
        我 昨天 去 公园 跑步.
    target : tuple of str, n_q = 8
        Yesterday I went to the park to run.
    q : ndarray of shape (8, 4)
        What each English word looks for: who, when, motion, place.
    k : ndarray of shape (5, 4)
        What each Chinese word offers.
    v : ndarray of shape (5, 3)
        What it hands over: how animate, dynamic and concrete it is, from 0 to 1.
    alignment : ndarray of shape (8,)
        For each English word, the position of the Chinese word it comes from.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    alignment: np.ndarray


def running_example():
    """Return the running example, with fresh arrays.

    >>> example = running_example()
    >>> example.q.shape, example.k.shape, example.v.shape
    ((8, 4), (5, 4), (5, 3))
    """
    arrays = map(np.array, (QUERIES, KEYS, VALUES, ALIGNMENT))
    return RunningExample(SOURCE, TARGET, *arrays)
