"""Attention programs on torch's fused kernel, scaled_dot_product_attention (SDPA).

A program that is ``factor * s + shift`` needs no scores of its own: the factor goes into SDPA's
scale or into q, the shift and the mask into its `attn_mask`. That tensor, the bias, depends on
positions alone, so we keep it from one call to the next.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from attn_helpers.programs.eager import leaves, refuse
from attn_helpers.programs.grid import Grid
from attn_helpers.programs.lowering import ONE, ZERO, S, linear, uses
from attn_helpers.programs.torch_operations import operations
from attn_helpers.programs.tree import evaluate

__all__ = ["Plan", "attend", "lower"]

LARGEST_FACTOR = 1e3  # a larger one could overflow unseen: such scores are written out and judged
BLOCK = 2**20  # scores computed at once in float64


class Plan(NamedTuple):
    """How one program runs on one kind of arguments."""

    reason: str
    backend: str = "sdpa"
    grid: Grid | None = None
    axes: tuple[int, ...] = ()  # of out, before the last two
    # what SDPA is given
    factor: float | torch.Tensor = 1.0
    bias: torch.Tensor | None = None  # 4 axes, each of size 1 where nothing depends on it
    closed: torch.Tensor | None = None  # rows that may attend to nothing, if there are any
    is_causal: bool = False
    is_bad: bool = False  # NaN or +inf in the bias: an error, unless a further mask hides it


def lower(program, numbers, grid, dtype, device, may_add=True):
    """Return the `Plan` of a program, or None if its scores must be written out.

    Without `may_add`, a program that needs a bias has no plan.
    """
    factor, shift = linear(program.score or S) or (None, None)
    if factor is None or uses(factor, "j") or (program.mask and uses(program.mask, "s")):
        return None
    where = "cpu" if device.type == "mps" else device  # which has no float64
    table, wide = operations(torch.float64), torch.promote_types(dtype, torch.float32)

    if factor == ONE:
        factor, by = 1.0, ""
    else:
        values = leaves([factor], program, numbers, grid, where)
        factor = evaluate(factor, values, table).to(device, wide)
        by = ", and its factor goes into scale or q"
        if not (factor.abs() <= LARGEST_FACTOR).all():
            return None
        if not (factor.requires_grad or factor.dim()) and factor > 0:  # kernels want scale > 0
            factor = factor.item()
    trees = [shift, program.mask] if program.mask else [shift]
    values = leaves(trees, program, numbers, grid, where)
    if shift == ZERO and program.mask and _is_causal(program.mask, values, grid):
        reason = "the mask is causal, which SDPA has built in" + by
        return Plan(reason, factor=factor, is_causal=True)
    if shift == ZERO and not program.mask:
        return Plan("it adds nothing to the scores" + by, factor=factor)

    if not may_add:
        return None
    blocks, is_bad = [], False
    for _, block in _blocks(values, grid):
        keep = evaluate(program.mask, block, table) if program.mask else torch.tensor(True)
        bias = torch.where(keep.to(where), evaluate(shift, block, table).to(where), -math.inf)
        bias = bias.to(wide)
        is_bad = is_bad or not (bias < math.inf).all()
        if dtype != wide:  # softmax forgives a shift of rows: half precision needs it near 0
            top = bias.detach().amax(-1, keepdim=True)
            bias = bias - torch.where(top.isfinite(), top, 0.0)
        blocks.append(bias.to(dtype))
    bias = blocks[0] if len(blocks) == 1 else torch.cat(blocks, -2)
    bias = bias.reshape((1,) * (4 - bias.dim()) + bias.shape).to(device)
    if not (bias.requires_grad or bias.any()):
        return Plan("it allows every key and adds nothing" + by, factor=factor)
    bias, closed = _opened(bias)
    return Plan("it adds a bias" + by, factor=factor, bias=bias, closed=closed, is_bad=is_bad)


def _blocks(values, grid):
    """Cut leaves into blocks of rows, so that float64 stays small; yield each with its rows."""
    long = [leaf for leaf, value in values.items() if value.dim() > 1 and value.shape[-2] > 1]
    step = max(1, BLOCK // max(1, grid.n_k)) if long else grid.n_q
    for row in range(0, grid.n_q, step):
        rows = torch.arange(row, min(row + step, grid.n_q))
        yield rows, values | {leaf: values[leaf][..., row : row + step, :] for leaf in long}


def _is_causal(mask, values, grid):
    """Prove, by computing it, that a mask is SDPA's causal one: key 0 alone for the first row."""
    j = torch.arange(grid.n_k)
    for rows, block in _blocks(values, grid):
        keep = evaluate(mask, block, operations(torch.float64))
        if not (keep == (j <= rows[:, None]).to(keep.device)).all():
            return False
    return True


def _opened(bias):
    """Open closed rows, which kernels treat in different ways, and tell which they were."""
    closed = (bias == -math.inf).all(-1, keepdim=True)
    return (bias.masked_fill(closed, 0.0), closed) if closed.any() else (bias, None)


def attend(q, k, v, scale, mask, program, plan):
    """Run SDPA as planned. q, k and v have 4 axes, without which its fast kernels do not run."""
    bias, closed, is_causal = plan.bias, plan.closed, plan.is_causal
    if isinstance(plan.factor, float):
        scale = scale * plan.factor
    else:
        q = (q * plan.factor).to(q.dtype)
    if mask is not None:
        if is_causal:
            mask = mask & torch.ones(q.shape[-2], k.shape[-2], device=q.device).tril().bool()
        added = bias if bias is not None else torch.zeros((), dtype=q.dtype, device=q.device)
        bias, more = _opened(torch.where(mask, added, -math.inf))
        is_causal = False
        closed = more if closed is None else closed if more is None else closed | more
    if plan.is_bad:
        refuse(program, bias, torch.tensor(True, device=q.device))
    out = F.scaled_dot_product_attention(q, k, v, bias, is_causal=is_causal, scale=scale)
    return out if closed is None else out.masked_fill(closed, 0.0)
