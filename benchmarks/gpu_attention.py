"""Attention on a device: SDPA's back ends by format and n, and programs by the blocks they leave.

Contenders are compared before they are timed; those that PyTorch refuses on this card, or that need
more memory than it has, are left out with the reason. One has next to nothing to do, and shows what
handing work over takes. A program's plan, its block mask above all, is made once and not timed;
where a program changes scores, its output is searched for NaN, which is. The bar: on a GPU, one
that changes scores takes at most 1.02 times as long as the same written for FlexAttention by hand.
"""

import re
import warnings
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from attn_helpers import program
from attn_helpers.programs import flex, torch_attention
from benchmarks.gpu_gauges import clock, peak_mib
from benchmarks.memory import peaks
from benchmarks.record import Bar, timed
from benchmarks.timing import interleaved, ratio

__all__ = ["kernels", "programs"]

CHOSEN = "PyTorch's choice"
KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "math, in float32": SDPBackend.MATH,
}
REFUSALS = ("No available kernel", "No viable backend")
IDLE = "next to nothing"
BY_HAND = "FlexAttention, by hand"
BAR = 1.02  # a program beside the same by hand
PASSES = ("forward", "forward and backward")
TOLERANCE = {torch.float32: 1e-2, torch.bfloat16: 5e-2}  # of the length of a result
D_K = 64


def kernels(device, lengths=(256, 1024, 4096, 16384), *, tokens=16384, heads=16, rounds=15):
    """Yield time and memory of SDPA's back ends, by format, pass and n, for as many tokens."""
    gauge = partial(peak_mib, device=device)
    forms = {name: partial(of_kernel, kernel) for name, kernel in KERNELS.items()}
    forms["written out"] = written_out
    for dtype in TOLERANCE:
        for passes in PASSES:
            for n in lengths:
                inputs, grad = tensors(tokens // n, heads, n, dtype, device)
                base = f"{CHOSEN}: {chosen(*inputs)}"
                every = {base: F.scaled_dot_product_attention, **forms}
                calls = {
                    name: partial(run, form, inputs, grad, passes) for name, form in every.items()
                }
                # where its table is small, math in float32 is right; then PyTorch's choice has been
                exact = [x.detach().float().requires_grad_() for x in inputs]
                by_math = partial(run, forms["math, in float32"], exact, grad.float(), passes)
                wanted = by_math() if n == min(lengths) else calls[base]()
                calls, left_out = usable(calls, wanted, dtype)
                one, its_grad = tensors(1, 1, 1, dtype, device)
                idle = partial(run, F.scaled_dot_product_attention, one, its_grad, passes)
                setting = f"n = {n}, batch {tokens // n}, {heads} heads, d_k {D_K}"
                title = f"SDPA in {name_of(dtype)}, {passes}"
                times = interleaved(calls | {IDLE: idle}, rounds=rounds, clock=clock(device))
                yield timed(title, setting, times, base)._replace(left_out=left_out)
                yield from peaks(f"Memory of {title}", setting, calls, base, gauge)


def programs(device, n=8192, *, batch=8, dtype=torch.bfloat16, heads=16, rounds=15):
    """Yield times of programs: FlexAttention, SDPA with a bias, and every score computed."""
    inputs, grad = tensors(batch, heads, n, dtype, device)
    for name, one in named_programs(n).items():
        yield from of_program(name, one, inputs, grad, rounds)  # its bias and mask go with it


def of_program(name, one, inputs, grad, rounds):
    """Yield times of a program's forms, by pass."""
    batch, heads, n, _ = grad.shape
    device, dtype, base, no_key = grad.device, grad.dtype, "FlexAttention", program("j < 0")
    share = 100 - flex.block_mask(one, n, n, device=device).sparsity()
    bias = torch.from_numpy(one.apply(np.zeros((n, n), np.float32)))[None, None]
    forms = {
        base: partial(torch_attention, program=one, backend="flex"),
        "SDPA with a bias": partial(
            F.scaled_dot_product_attention, attn_mask=bias.to(device, dtype)
        ),
    }
    if name == "every key":
        forms["SDPA"] = F.scaled_dot_product_attention
    elif name == "causal":
        forms["SDPA, is_causal"] = partial(F.scaled_dot_product_attention, is_causal=True)
    elif name == "recency":
        forms[BY_HAND] = recency_by_hand(n, device)
    idle = partial(torch_attention, program=no_key, backend="flex")
    for passes in PASSES if device.type == "cuda" else PASSES[:1]:  # as FlexAttention can
        calls = {form: partial(run, attend, inputs, grad, passes) for form, attend in forms.items()}
        calls, left_out = usable(calls, calls[base](), dtype)
        calls[IDLE] = partial(run, idle, inputs, grad, passes)
        times = interleaved(calls, rounds=rounds, clock=clock(device))
        setting = f"{name}, {share:.0f}% of the blocks; "
        setting += f"n = {n}, batch {batch}, {heads} heads, d_k {D_K}"
        suite = timed(f"Programs in {name_of(dtype)}, {passes}", setting, times, base)
        suite = suite._replace(left_out=left_out)
        if BY_HAND in calls and device.type == "cuda":
            made = ratio(times, base, BY_HAND)[0]
            bar = Bar("a program, times FlexAttention by hand", made, "at most", BAR)
            suite = suite._replace(bars=[bar])
        yield suite


def named_programs(n):
    """Return programs for n tokens by name."""
    causal, documents = program("j <= i"), np.arange(n) * 8 // n  # eight, equally long
    return {
        "every key": program("j >= 0"),
        "causal": causal,
        "a window": program("0 <= i - j <= width", width=n // 16),
        "recency": causal & program("s - slope * (i - j)", slope=0.02),
        "documents": causal & program("doc[i] == doc[j]", doc=documents),
    }


def recency_by_hand(n, device):
    """Write the program "recency" as FlexAttention asks for it."""
    slope = torch.tensor(0.02, device=device)
    blocks = create_block_mask(lambda b, h, i, j: j <= i, None, None, n, n, device=device)

    def recent(score, b, h, i, j):
        return score - slope * (i - j)

    if device.type != "cuda":  # neither gradients nor a compiler
        return lambda q, k, v: flex_attention(q.detach(), k.detach(), v.detach(), recent, blocks)
    return partial(torch.compile(flex_attention), score_mod=recent, block_mask=blocks)


def usable(calls, wanted, dtype):
    """Return the calls whose results are those wanted, and why others are refused, by name."""
    found, left_out = {}, {}
    for name, call in calls.items():
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                made = call()
            except torch.OutOfMemoryError:
                left_out[name] = "more memory than there is"
                continue
            except RuntimeError as error:
                if not str(error).startswith(REFUSALS):
                    raise
                left_out[name] = reason(said) or str(error)
                continue
        for result, right in zip(made, wanted, strict=True):
            off = ((result - right).norm() / right.norm()).item()
            if not off < TOLERANCE[dtype]:
                raise ArithmeticError(f"{name}: off by {off:.2g} of what it should be")
        found[name] = call
    return found, left_out


def reason(said):
    """Return what PyTorch warned of when it refused a kernel, but for the back ends shut out."""
    told = (str(one.message).split(" (Triggered")[0].strip() for one in said)
    return "; ".join(x for x in told if "disabled" not in x and "not used because" not in x)


def tensors(batch, heads, n, dtype, device):
    """Return q, k, v and a gradient of the output, (batch, heads, n, 64), drawn on the CPU."""
    rng = torch.Generator().manual_seed(0)
    drawn = torch.randn(4, batch, heads, n, D_K, generator=rng).to(device, dtype)
    return [x.clone().requires_grad_() for x in drawn[:3]], drawn[3]


def run(attend, inputs, grad, passes):
    """Call a form of attention, without gradients or with those of its inputs."""
    if passes == "forward":
        with torch.no_grad():
            return (attend(*inputs),)
    out = attend(*inputs)
    return out, *torch.autograd.grad(out, inputs, grad)


def of_kernel(kernel, q, k, v):
    """Call SDPA with the back end that is named."""
    with sdpa_kernel(kernel):
        return F.scaled_dot_product_attention(q, k, v)


def written_out(q, k, v):
    """Attend with the table of weights, in the format of the inputs."""
    return (q @ k.mT * D_K**-0.5).softmax(-1) @ v


def chosen(q, k, v):
    """Return the kernel that PyTorch takes if it may choose: its name in the graph of gradients."""
    name = F.scaled_dot_product_attention(q, k, v).grad_fn.name()
    found = re.fullmatch(r"ScaledDotProduct(.*?)(Attention)?(ForCpu)?Backward0", name)
    return found[1] if found else "math"


def name_of(dtype):
    """Return "bfloat16" for torch.bfloat16."""
    return str(dtype).removeprefix("torch.")
