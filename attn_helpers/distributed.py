"""Training a GPT in several processes, which torchrun starts, watches and starts again.

    torchrun --standalone --nproc-per-node 2 -m attn_helpers.distributed --checkpoint run.pt

Without torchrun, ``python -m attn_helpers.distributed`` is a run of one process. Any number of
processes takes the same steps: all draw the same batch, each reads its share, and the gradient is
that of the whole. NCCL carries it where each process has a GPU of its own, gloo on CPUs.

The model reads the bytes of Python's documentation. Left out on purpose: dropout (its noise would
depend on the number of processes), bf16, validation, and what a model larger than one process
needs: to be made in parts (on the `meta` device), and a checkpoint in as many files as there are
processes (`torch.distributed.checkpoint`).
"""

import argparse
import os
import signal
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from attn_helpers.data import documentation
from attn_helpers.distributed_checkpoint import load, save
from attn_helpers.reference.gpt import GPT
from attn_helpers.training import cosine

__all__ = ["Settings", "draw_batch", "kept_bytes", "my_share", "process_group", "train"]

BYTES = 256  # different tokens
WAYS = ("ddp", "fsdp")


@dataclass(frozen=True)
class Settings:
    """What decides the losses of a run, whatever machines it runs on.

    Attributes
    ----------
    steps, batch, seq : int
        Each step reads `batch` texts of `seq` bytes, shared out among the processes.
    d_model, n_heads, n_layers : int
        Of the `GPT`.
    rate : float
        Of AdamW, at its highest.
    clip : float
        The largest norm of the whole batch's gradient.
    seed : int
    """

    steps: int = 40
    batch: int = 8
    seq: int = 64
    d_model: int = 64
    n_heads: int = 4
    n_layers: int = 2
    rate: float = 1e-3
    clip: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if field.type is int and value != int(value):
                raise ValueError(f"{name} must be a whole number, but it is {value}: {self}")
            if not (value > 0 or (value == 0 and name == "seed")):
                least = "at least" if name == "seed" else "above"
                raise ValueError(f"{name} must be {least} zero, but it is {value}: {self}")


@contextmanager
def process_group():
    """Join the processes that torchrun has started, or be the only one; yield the device.

    Raises
    ------
    ValueError
        If torchrun may start processes again and would let the new ones read the addresses of the
        old: see https://github.com/pytorch/pytorch/issues/135712.
    """
    told = os.environ.get
    if told("TORCHELASTIC_USE_AGENT_STORE") == "True" and told("TORCHELASTIC_MAX_RESTARTS") != "0":
        raise ValueError(
            "with --max-restarts, set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before torchrun: else a "
            "process that is started again may look for one that has died"
        )
    here = int(told("LOCAL_WORLD_SIZE", 1))  # processes on this machine
    if torch.cuda.device_count() >= here:
        device, backend = torch.device("cuda", int(told("LOCAL_RANK", 0))), "nccl"
        torch.cuda.set_device(device)
    else:
        device, backend = torch.device("cpu"), "gloo"
    if "RANK" in os.environ:
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield device
    except BaseException as error:
        # A model that the traceback keeps would be the last to let go of the group, and then gloo's
        # thread and this one may wait for each other for ever.
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        dist.destroy_process_group()


def my_share(rows):
    """Return this process's part of `rows`: the parts differ by one row at most."""
    return rows[dist.get_rank() :: dist.get_world_size()]


def draw_batch(text, step, settings):
    """Return the whole batch of a step, (batch, seq + 1): the same in every process."""
    rng = np.random.default_rng([settings.seed, step])
    starts = rng.integers(len(text) - settings.seq, size=settings.batch)
    return text[torch.from_numpy(starts)[:, None] + torch.arange(settings.seq + 1)]


def spread(model, way, device):
    """Wrap a `GPT`: "ddp" keeps a whole copy in each process, "fsdp" a part."""
    if way == "ddp":
        return DistributedDataParallel(model)
    mesh = dist.init_device_mesh(device.type, (dist.get_world_size(),))
    for block in model.encoder.blocks:  # a block is gathered when its turn comes
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def train(settings, device, *, way="ddp", checkpoint=None, every=10, kill=None):
    """Train a GPT, together with the other processes of the group.

    Parameters
    ----------
    settings : Settings
    device : torch.device
        From `process_group`.
    way : {"ddp", "fsdp"}, default "ddp"
        A whole copy in each process, or a part of weights, gradients and Adam's moments.
    checkpoint : path, optional
        A file that all processes can read. If it exists, the run goes on from there, whatever
        `way` and number of processes made it.
    every : int, default 10
        Save after so many steps, and at the end.
    kill : (int, int), optional
        To try what happens: the process of this rank is killed before this step, unless torchrun
        has started it again.

    Returns
    -------
    list of float
        The loss of each step: nats per byte, over the whole batch.

    Raises
    ------
    ValueError
        If an argument makes no sense, or the checkpoint was made with other settings.
    FloatingPointError
        If a loss or its gradient is not finite: the step is not taken, and nothing more is saved.
    """
    rank, n_processes = dist.get_rank(), dist.get_world_size()
    text = torch.frombuffer(bytearray(documentation().text, "utf-8"), dtype=torch.uint8).long()
    _check(settings, way, every, kill, n_processes, len(text))
    torch.manual_seed(settings.seed)  # one start for all: DDP would see to it, FSDP does not
    model = GPT(BYTES, settings.d_model, settings.n_heads, settings.n_layers).to(device)
    model = spread(model, way, device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.rate)
    _say(f"processes: {n_processes}, {way} over {dist.get_backend()} on {device.type}")
    losses = load(checkpoint, asdict(settings), model, optimiser)
    if losses:
        _say(f"goes on after step {len(losses)}")
    first_start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
    fatal = tuple(kill) if kill and first_start else None
    for step in range(len(losses), settings.steps):
        if fatal == (rank, step):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        rows = my_share(draw_batch(text, step, settings)).to(device)
        logits = model(rows[:, :-1])
        total = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")
        loss = total / (settings.batch * settings.seq)  # this process's part of the mean
        (n_processes * loss).backward()  # for DDP and FSDP divide the sum by n_processes
        loss = loss.detach()
        dist.all_reduce(loss)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        if isinstance(norm, DTensor):  # each process has a part of the sum of squares
            norm = norm.full_tensor()
        if not (loss + norm).isfinite():
            raise FloatingPointError(
                f"the loss is {loss.item()} at step {step}, the norm of its gradient "
                f"{norm.item()}: the last checkpoint is as it was; lower the rate"
            )
        share = cosine(step, settings.steps, warmup=settings.steps // 10)
        for group in optimiser.param_groups:
            group["lr"] = share * settings.rate
        optimiser.step()
        if step + 1 == settings.steps:
            _say_bytes(model, optimiser)
        optimiser.zero_grad()
        losses.append(loss.item())
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            _say(f"step {step + 1}: loss {losses[-1]:.6f}")
            save(checkpoint, asdict(settings), model, optimiser, losses)
    return losses


def kept_bytes(model, optimiser):
    """Return the bytes of weights, gradients and Adam's moments that this process keeps."""

    def size(tensors):
        return sum((t.to_local() if isinstance(t, DTensor) else t).nbytes for t in tensors)

    parameters = list(model.parameters())
    moments = [optimiser.state[p][name] for p in parameters for name in ("exp_avg", "exp_avg_sq")]
    return {
        "weights": size(parameters),
        "gradients": size(p.grad for p in parameters),
        "moments": size(moments),
    }


def _check(settings, way, every, kill, n_processes, n_bytes):
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(WAYS)}, but it is {way!r}")
    if every < 1:
        raise ValueError(f"every must be at least 1, but it is {every}")
    if settings.seq >= n_bytes:
        raise ValueError(
            f"seq must be below the {n_bytes} bytes of the text, but it is {settings.seq}"
        )
    if settings.batch < n_processes:
        raise ValueError(
            f"each process needs a text: batch={settings.batch}, and {n_processes} processes"
        )
    if kill and not (0 <= kill[0] < n_processes and 0 <= kill[1] < settings.steps):
        raise ValueError(
            f"kill names a rank below {n_processes} and a step below {settings.steps}: {kill}"
        )


def _say(line):
    if dist.get_rank() == 0:
        print(line, flush=True)


def _say_bytes(model, optimiser):
    found = [None] * dist.get_world_size()
    dist.all_gather_object(found, kept_bytes(model, optimiser))
    for rank, sizes in enumerate(found):
        named = ", ".join(f"{size} bytes of {name}" for name, size in sizes.items())
        _say(f"process {rank} keeps {named}")


def _pair(text):
    rank, step = text.split(":")
    return int(rank), int(step)


def main(arguments=None):
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=WAYS, default="ddp")
    parser.add_argument("--checkpoint", type=Path, help="goes on from here if it exists")
    parser.add_argument("--every", type=int, default=10, help="save after so many steps")
    parser.add_argument("--kill", type=_pair, metavar="RANK:STEP", help="kill this process once")
    for field in fields(Settings):
        parser.add_argument(f"--{field.name}", type=field.type, default=field.default)
    options = vars(parser.parse_args(arguments))
    chosen = {field.name: options.pop(field.name) for field in fields(Settings)}
    try:
        with process_group() as device:
            train(Settings(**chosen), device, **options)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
