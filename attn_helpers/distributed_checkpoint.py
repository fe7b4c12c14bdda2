"""One file for a model that lies in several processes, and back into any number of them.

The whole state is gathered and written by one process, so all of it must fit into that process's
memory. Left out on purpose: the checkpoint in as many files as there are processes, which a larger
model needs; `torch.distributed.checkpoint` has it.
"""

from pathlib import Path

import torch.distributed as dist
from torch.distributed.checkpoint import state_dict

from attn_helpers.training import read_checkpoint, write_checkpoint

__all__ = ["load", "save"]

WHOLE = state_dict.StateDictOptions(full_state_dict=True, cpu_offload=True)


def save(path, settings, model, optimiser, losses):
    """Write a checkpoint: first beside the old one, then in its place, so that one is whole.

    Every process must call this. Nothing is written if `path` is None.

    Parameters
    ----------
    path : path or None
    settings : dict
        What a run must have in common with this one to go on from here.
    model : Module
        Plain, or wrapped by DDP or FSDP: the file is the same.
    optimiser : Optimizer
    losses : list of float
        One for each step done.
    """
    if path is None:
        return
    weights, moments = state_dict.get_state_dict(model, optimiser, options=WHOLE)  # all take part
    if dist.get_rank() == 0:
        parts = {"settings": settings, "losses": losses, "model": weights, "optimiser": moments}
        write_checkpoint(path, parts)


def load(path, settings, model, optimiser):
    """Take up a checkpoint, and return its losses: none if there is no file.

    Every process reads the file, so all must see it. The parameters are those of `save`.

    Raises
    ------
    ValueError
        If the run that saved it had other settings.
    """
    if path is None or not Path(path).exists():
        return []
    parts = read_checkpoint(path, settings)
    state_dict.set_state_dict(
        model,
        optimiser,
        model_state_dict=parts["model"],
        optim_state_dict=parts["optimiser"],
        options=WHOLE,
    )
    return parts["losses"]
