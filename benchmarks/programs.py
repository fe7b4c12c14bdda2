"""Attention programs beside the same SDPA call written by hand, on one thread.

    python -m benchmarks.programs

float32, 8 heads, d_k 64, processor time. The bars: at n = 256 and 1024 a program costs at most 1.05
times SDPA with the same bias, built once by hand, and a causal program 1.05 times `is_causal`; the
script exits 1 above them. With a GPU, FlexAttention with a program is held to 1.02 times
FlexAttention with the same `score_mod` written by hand, forward and backward.
"""

import math
import sys
import time
from functools import partial

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention as sdpa

from attn_helpers import program
from attn_helpers.programs import torch_attention
from benchmarks.timing import interleaved, ratio

SIZES = {64: 1000, 256: 400, 1024: 40}  # how often each runs
BAR, GPU_BAR = 1.05, 1.02
RECENT = program("s - slope * abs(i - j)", slope=0.25)
NEAR = program("abs(i - j) <= width", width=32)
CAUSAL = program("j <= i")


def on_cpu():
    """Print ratios to SDPA; return whether all bars are met."""
    met = True
    print("    n   program                    SDPA ms   ratio (quartiles)   more, in microseconds")
    for n, rounds in SIZES.items():
        rng = torch.Generator().manual_seed(0)
        q, k, v = (torch.randn(1, 8, n, 64, generator=rng) for _ in range(3))
        distance = (torch.arange(n)[:, None] - torch.arange(n)).abs()
        by_hand = {
            RECENT: {"attn_mask": -0.25 * distance},
            NEAR: {"attn_mask": torch.zeros(n, n).masked_fill(distance > 32, -math.inf)},
            CAUSAL: {"is_causal": True},
        }
        for one, options in by_hand.items():
            hand = partial(sdpa, q, k, v, **options)
            ours = partial(torch_attention, q, k, v, program=one)
            torch.testing.assert_close(ours(), hand())
            seconds = interleaved(
                {"hand": hand, "ours": ours}, rounds=rounds, clock=time.process_time
            )
            times, low, high = ratio(seconds, "ours", "hand")
            base = sorted(seconds["hand"])[rounds // 2]
            met &= n == 64 or times <= BAR
            print(
                f"{n:5d}   {str(one):24s} {1e3 * base:9.2f} {times:7.3f} ({low:.3f}-{high:.3f}) "
                f"{1e6 * (times - 1) * base:17.0f}"
            )
    print(f"bar: {BAR} at n = 256 and 1024: {'met' if met else 'MISSED'}")
    return met


def on_gpu(n=4096):
    """Print ratios to FlexAttention by hand; return whether the bar is met."""
    slope = torch.tensor(0.25, device="cuda")
    compiled = torch.compile(flex_attention)
    blocks = create_block_mask(lambda b, h, i, j: j <= i, None, None, n, n)

    def recent(score, b, h, i, j):
        return score - slope * (i - j).abs()

    shape = (1, 8, n, 64)
    q, k, v = (
        torch.randn(shape, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        for _ in range(3)
    )
    contenders = {
        "hand": partial(compiled, q, k, v, recent, blocks),
        "ours": partial(torch_attention, q, k, v, program=CAUSAL & RECENT, backend="flex"),
    }
    torch.testing.assert_close(contenders["ours"](), contenders["hand"](), atol=1e-2, rtol=1e-2)

    def run(attend, backward):
        out = attend()
        if backward:
            torch.autograd.grad(out.sum(), (q, k, v))
        torch.cuda.synchronize()

    met = True
    for backward in (False, True):
        runs = {name: partial(run, attend, backward) for name, attend in contenders.items()}
        times, low, high = ratio(interleaved(runs, rounds=50), "ours", "hand")
        met &= times <= GPU_BAR
        name = "forward and backward" if backward else "forward"
        print(f"FlexAttention, {name}, n = {n}: {times:.3f} ({low:.3f}-{high:.3f})")
    print(f"bar: {GPU_BAR}: {'met' if met else 'MISSED'}")
    return met


def main():
    """Run what this machine can."""
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread")
    met = on_cpu()
    if torch.cuda.is_available():
        met &= on_gpu()
    else:
        print("no GPU: FlexAttention is not timed")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
