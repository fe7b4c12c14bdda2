"""Attention beside torch's fused kernel (SDPA), on one thread: forward, backward, memory.

    python -m benchmarks.attention

float32, 8 heads, d_k 64, processor time. `attention` and the textbook forms also return the
weights, which neither SDPA nor the forms in blocks ever hold. The bars are for n = 1024.
"""

import time
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from attn_helpers import attention
from attn_helpers.programs import torch_attention
from attn_helpers.reference import attention_backward, blockwise_attention
from benchmarks.memory import peaks
from benchmarks.record import Bar, finish, timed
from benchmarks.timing import interleaved

SIZES = {64: 200, 256: 60, 1024: 15}  # how often each runs
BARS = {"attention": 2.6, "key blocks": 1.7, "query chunks": 1.5, "blocks of both": 1.7}


def textbook(q, k, v):
    """Write the formula down as it stands, one new array for each step."""
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]).astype(q.dtype)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ v, weights


def torch_textbook(q, k, v):
    """Do the same in torch."""
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v


def arrays(n):
    """Return q, k, v and a gradient of the output as arrays, and the same as tensors."""
    rng = np.random.default_rng(0)
    made = [rng.standard_normal((8, n, 64), dtype=np.float32) for _ in range(4)]
    return made, [torch.from_numpy(array)[None] for array in made]


def forward(n):
    """Return the forms of a forward pass, by name."""
    (q, k, v, _), (*tensors, _) = arrays(n)
    return {
        "SDPA": partial(F.scaled_dot_product_attention, *tensors),
        "torch_attention": partial(torch_attention, *tensors),
        "textbook in torch": partial(torch_textbook, *tensors),
        "textbook": partial(textbook, q, k, v),
        "attention": partial(attention, q, k, v),
        "key blocks": partial(blockwise_attention, q, k, v, q_block=None, k_block=256),
        "query chunks": partial(blockwise_attention, q, k, v, q_block=128, k_block=None),
        "blocks of both": partial(blockwise_attention, q, k, v),
    }


def backward(n):
    """Return the forms of forward and backward pass together, by name."""
    (q, k, v, d_out), (*tensors, grad) = arrays(n)
    tensors = [x.requires_grad_() for x in tensors]

    def by_autograd(form):
        return torch.autograd.grad(form(*tensors), tensors, grad)

    return {
        "SDPA": partial(by_autograd, F.scaled_dot_product_attention),
        "torch_attention": partial(by_autograd, torch_attention),
        "textbook in torch": partial(by_autograd, torch_textbook),
        "attention_backward": partial(attention_backward, q, k, v, d_out),
    }


def close(name, made, wanted):
    """Refuse a form that computes something else: the output, or the three gradients."""
    if isinstance(made, tuple) and not isinstance(wanted, tuple):
        made = made[0]  # the weights come second
    pairs = zip(made, wanted, strict=True) if isinstance(made, tuple) else [(made, wanted)]
    for ours, theirs in pairs:
        off = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
        assert off < 1e-4, f"{name} is off by {off:.2g}"


def measure():
    """Yield the suites."""
    torch.set_num_threads(1)
    for title, forms in (("Attention", forward), ("Attention, forward and backward", backward)):
        for n, rounds in SIZES.items():
            calls = forms(n)
            for name, call in calls.items():
                close(name, call(), calls["SDPA"]())
            seconds = interleaved(calls, rounds=rounds, clock=time.process_time)
            suite = timed(title, f"n = {n}, 8 heads, d_k 64", seconds, "SDPA")
            if n == 1024 and forms is forward:
                bars = [
                    Bar(f"{name}, times SDPA", suite.times(name), "at most", limit)
                    for name, limit in BARS.items()
                ]
                suite = suite._replace(bars=bars)
            yield suite
    for title, forms in (("Memory of attention", forward), ("Memory with backward", backward)):
        for n in (1024, 4096):
            setting = f"n = {n}, 8 heads, d_k 64, the peak of a call"
            yield from peaks(title, setting, forms(n), "SDPA")


if __name__ == "__main__":
    finish(measure())
