"""A GPT on a device: a training step by format, compiled and not, and decoding by format."""

from copy import deepcopy
from functools import partial

import torch
import torch.nn.functional as F

from attn_helpers.reference import GPT, generate
from benchmarks.gpu_gauges import clock, peak_mib
from benchmarks.memory import peaks
from benchmarks.record import timed
from benchmarks.timing import interleaved

__all__ = ["decoding", "training", "training_step"]


def training(
    device, *, width=768, heads=12, layers=12, batch=4, seq=1024, n_tokens=50304, rounds=15,
    compiled=True,
):  # fmt: skip
    """Yield the times and the memory of a training step of a GPT, by format."""
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randint(n_tokens, (batch, seq + 1), generator=rng).to(device)
    torch.manual_seed(0)
    model = GPT(n_tokens, width, heads, layers, context=seq).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    mixed = {"autocast": torch.bfloat16}
    steps = {"float32": partial(training_step, model, optimiser, tokens)}
    if has_tf32(device):
        steps["TF32"] = partial(training_step, model, optimiser, tokens, precision="high")
    steps["autocast"] = partial(training_step, model, optimiser, tokens, **mixed)
    if compiled:  # last: attention has made its plan, which a compiler could not see through
        steps["autocast, model compiled"] = partial(
            training_step, torch.compile(model), optimiser, tokens, **mixed
        )
    size = sum(p.numel() for p in model.parameters())
    title, setting = "GPT, a training step", f"{size:,} parameters, batch {batch} x {seq}"
    yield timed(title, setting, interleaved(steps, rounds=rounds, clock=clock(device)), "float32")
    yield from peaks(
        f"Memory of {title}", setting, steps, "float32", partial(peak_mib, device=device)
    )


def has_tf32(device):
    """Tell whether a device can round the factors of float32 products to 10 bits."""
    if device.type != "cuda" or torch.version.hip:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def training_step(model, optimiser, tokens, *, precision="highest", autocast=None):
    """Move one step towards the next tokens, with products in a format."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with torch.autocast(tokens.device.type, autocast, enabled=autocast is not None):
            logits = model(tokens[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
    finally:
        torch.set_float32_matmul_precision(before)
    optimiser.step()
    optimiser.zero_grad()


def decoding(
    device, batches=(1, 64), *, width=768, heads=12, layers=12, new=128, n_tokens=50304, rounds=5
):
    """Yield times for a token of each text, by format and by how many texts are written at once.

    No token takes less than reading all weights once. What lies far above is Python's time, not
    the format's.
    """
    torch.manual_seed(0)
    wide = GPT(n_tokens, width, heads, layers, context=new + 1).to(device).eval()
    short = deepcopy(wide).bfloat16()
    flat = torch.nn.utils.parameters_to_vector(wide.parameters()).detach()
    for batch in batches:
        start = torch.zeros(batch, 1, dtype=torch.long, device=device)
        writers = {
            "bfloat16": partial(generate, short, start, new),
            "float32": partial(generate, wide, start, new),
            "float32, without a cache": partial(generate, wide, start, new, cached=False),
            "reading bfloat16 weights": partial(read, flat.bfloat16(), new),
            "reading float32 weights": partial(read, flat, new),
        }
        setting = f"{layers} layers, width {width}, batch {batch}"
        spent = interleaved(writers, rounds=rounds, clock=clock(device))
        each = {name: [seconds / new for seconds in times] for name, times in spent.items()}
        yield timed(f"Decoding, one of {new} tokens", setting, each, "float32")


def read(weights, times):
    """Read all weights again and again, and do next to nothing with them."""
    for _ in range(times):
        weights.sum()
