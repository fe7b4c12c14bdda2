"""Attention with a program in plain torch: every score is written out, every program runs."""

import math

import torch

from attn_helpers.programs.expr import ProgramError
from attn_helpers.programs.lowering import S
from attn_helpers.programs.torch_operations import operations
from attn_helpers.programs.tree import Name, evaluate, nodes

__all__ = ["attend", "leaves", "refuse"]


def attend(q, k, v, scale, mask, program, numbers, grid):
    """Compute the formula as it stands, with `program` between scores and softmax."""
    wide = torch.promote_types(q.dtype, torch.float32)
    scores = (q.to(wide) * scale) @ k.to(wide).mT  # (..., n_q, n_k)
    keep, new = torch.tensor(True, device=q.device) if mask is None else mask, scores
    if program.trees:
        double = torch.float32 if q.device.type == "mps" else torch.float64
        table = operations(double)
        values = leaves(program.trees, program, numbers, grid, q.device, double)
        values[S] = scores.to(double)
        if program.mask:
            keep = keep & evaluate(program.mask, values, table).to(q.device)
        if program.score:
            new = evaluate(program.score, values, table).to(q.device, wide).expand(scores.shape)
            refuse(program, new, keep & scores.isfinite())
    scores = torch.where(keep, new, -math.inf)
    closed = (scores == -math.inf).all(-1, keepdim=True)  # may attend to nothing: zeros, not NaN
    weights = torch.softmax(scores.masked_fill(closed, 0.0), -1).masked_fill(closed, 0.0)
    return (weights @ v.to(wide)).to(q.dtype)  # (..., n_q, d_v)


def leaves(trees, program, numbers, grid, device, dtype=torch.float64):
    """Return the names and items of trees as tensors that broadcast to the grid.

    Positions are float64 wherever there is float64, so that a comparison such as
    ``(i - j) * 0.1 <= 0.3`` falls as it falls in NumPy. `numbers` go before those of the program.
    """
    grid.check(program)
    wanted = {node for tree in trees for node in nodes(tree)}
    values = grid.values(program) | {Name(name): number for name, number in numbers.items()}
    return {
        leaf: torch.as_tensor(value, dtype=dtype, device=device)
        for leaf, value in values.items()
        if leaf in wanted
    }


def refuse(program, scores, where):
    """Raise if a score is NaN or plus infinity where a query may attend."""
    if torch.compiler.is_compiling():
        return
    bad = where & ~(scores < math.inf)  # False for NaN, too
    if bad.any():
        place = tuple(bad.nonzero()[0].tolist())
        score = scores.expand(bad.shape)[place].item()
        raise ProgramError(
            f"{program} gives a score of {score} at {place}, scores are {tuple(bad.shape)}"
        )
