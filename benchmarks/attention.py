"""NumPy attention as readers call it, beside torch's fused kernel, on one thread.

    python -m benchmarks.attention

float32, 8 heads, d_k 64, processor time as a ratio to torch SDPA. At n = 1024 each form of ours
has a bar; the script exits 1 above one. `attention` and the textbook form also return the
weights, which neither SDPA nor the forms in blocks ever hold.
"""

import statistics
import sys
import time
from functools import partial

import numpy as np
import torch

from attn_helpers import attention
from attn_helpers.reference import blockwise_attention
from benchmarks.timing import interleaved, ratio

SIZES = (64, 256, 1024)
BARS = {"attention": 2.6, "key blocks": 1.7, "query chunks": 1.5, "both": 1.7}


def textbook(q, k, v):
    """Write the formula down as it stands, one new array for each step."""
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]).astype(q.dtype)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def measure(n):
    """Return the seconds of every form on `n` tokens, timed in turns."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((8, n, 64), dtype=np.float32) for _ in range(3))
    tensors = [torch.from_numpy(array)[None] for array in (q, k, v)]
    forms = {
        "sdpa": partial(torch.nn.functional.scaled_dot_product_attention, *tensors),
        "textbook": partial(textbook, q, k, v),
        "attention": partial(attention, q, k, v),
        "key blocks": partial(blockwise_attention, q, k, v, q_block=None, k_block=256),
        "query chunks": partial(blockwise_attention, q, k, v, q_block=128, k_block=None),
        "both": partial(blockwise_attention, q, k, v),
    }
    return interleaved(forms, clock=time.process_time)


def main():
    """Print a table of ratios to SDPA, and hold the largest size to the bars."""
    torch.set_num_threads(1)
    print(f"numpy {np.__version__}, torch {torch.__version__}, one thread, ratio to torch SDPA")
    print("    n   SDPA ms" + "".join(f"{name:>14}" for name in ("textbook", *BARS)))
    for n in SIZES:
        seconds = measure(n)
        ratios = {name: ratio(seconds, name, "sdpa") for name in ("textbook", *BARS)}
        fused = 1e3 * statistics.median(seconds["sdpa"])
        print(
            f"{n:5d} {fused:9.2f}" + "".join(f"{middle:14.2f}" for middle, _, _ in ratios.values())
        )
    missed = 0
    for name, bar in BARS.items():
        middle, low, high = ratios[name]
        missed += middle > bar
        verdict = "MISSED" if middle > bar else "met"
        print(f"{name} at n = {n}: {middle:.2f} (quartiles {low:.2f}-{high:.2f}), {bar}: {verdict}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
