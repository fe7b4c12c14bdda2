"""Attention programs beside the same SDPA call written by hand, on one thread.

    python -m benchmarks.programs

float32, 8 heads, d_k 64, processor time. By hand means: SDPA with the same bias, built once, or
with `is_causal`. The bar, at n = 256 and 1024: a program takes at most 1.05 times as long. At
n = 64 what it takes more is a few microseconds. With a GPU see `benchmarks.gpu`.
"""

import math
import time
from functools import partial

import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa

from attn_helpers import program
from attn_helpers.programs import torch_attention
from benchmarks.record import Bar, finish, timed
from benchmarks.timing import interleaved, ratio

SIZES = {64: 1000, 256: 400, 1024: 40}  # how often each runs
BAR = 1.05
PROGRAMS = {
    "recency": program("s - slope * abs(i - j)", slope=0.25),
    "a window": program("abs(i - j) <= width", width=32),
    "causal": program("j <= i"),
}


def by_hand(n):
    """Return what SDPA is given in place of each program, by name."""
    distance = (torch.arange(n)[:, None] - torch.arange(n)).abs()
    return {
        "recency": {"attn_mask": -0.25 * distance},
        "a window": {"attn_mask": torch.zeros(n, n).masked_fill(distance > 32, -math.inf)},
        "causal": {"is_causal": True},
    }


def measure():
    """Yield a suite for each n."""
    torch.set_num_threads(1)
    for n, rounds in SIZES.items():
        rng = torch.Generator().manual_seed(0)
        q, k, v = (torch.randn(1, 8, n, 64, generator=rng) for _ in range(3))
        calls = {"SDPA": partial(sdpa, q, k, v)}
        for name, options in by_hand(n).items():
            hand = partial(sdpa, q, k, v, **options)
            ours = partial(torch_attention, q, k, v, program=PROGRAMS[name])
            torch.testing.assert_close(ours(), hand())
            calls |= {f"{name}, by hand": hand, f"{name}, a program": ours}
        seconds = interleaved(calls, rounds=rounds, clock=time.process_time)
        bars = [
            Bar(f"{name}, times by hand", times, "at most", BAR)
            for name in PROGRAMS
            for times, *_ in [ratio(seconds, f"{name}, a program", f"{name}, by hand")]
        ]
        suite = timed("Programs", f"n = {n}, 8 heads, d_k 64", seconds, "SDPA")
        yield suite._replace(bars=bars if n > 64 else [])


if __name__ == "__main__":
    finish(measure())
