"""Attention programs as the functions that FlexAttention compiles into one kernel.

`score_mod` and `mask_mod` turn a tree into nested functions, which the compiler sees through.
Numbers and arrays are tensors they hold: other numbers, the same kernel. Positions are float32
there, exact up to 2**24; a comparison, floor or remainder of numbers that are not whole is computed
in float64, because ``(i - j) * 0.1 <= 0.3`` falls the other way in float32.
"""

import functools
import math
import warnings

import numpy as np
import torch
from torch.nn.attention.flex_attention import and_masks, create_block_mask, flex_attention

from attn_helpers.programs import eager
from attn_helpers.programs.expr import ProgramError
from attn_helpers.programs.grid import Grid
from attn_helpers.programs.kept import KEPT
from attn_helpers.programs.lowering import uses
from attn_helpers.programs.torch_operations import operations
from attn_helpers.programs.tree import COMPARISONS, Call, Item, Name, Number, is_truth

__all__ = ["attend", "block_mask", "mask_mod", "score_mod"]

PLACES = {"s": 0, "b": 1, "h": 2, "i": 3, "j": 4}  # in the arguments of a score_mod
STEPS = {*COMPARISONS, "//", "%", "floor"}
MOST_KERNELS = 64  # beyond 8, by default, the compiler would give up and write all scores out
UNTRAINED = 'trained through FlexAttention: take backend="sdpa" or "auto"'
WHOLE = {*STEPS, "and", "or", "not", "+", "-", "neg", "abs", "min", "max", "where"}  # if parts are


def score_mod(program, *, q_start=0, n_q=None, n_k=None, dtype=torch.float32, device=None):
    """Return the program's change of scores, for `flex_attention`.

    Parameters
    ----------
    program : Program
    q_start : int, default 0
        Position of the first query.
    n_q, n_k : int, optional
        Needed if the program uses them.
    dtype : torch.dtype
        float64 if q is, else float32.
    device : torch.device, optional
        Where q is.

    Returns
    -------
    function of (score, b, h, q_idx, kv_idx), or None if the scores stay as they are
        It carries out a mask that depends on the scores, too: `block_mask` cannot.
    """
    builder = _Builder(program, q_start, n_q, n_k, dtype, device)
    new = builder.function(program.score) if program.score else None
    if not (program.mask and uses(program.mask, "s")):
        return new
    keep, new = builder.function(program.mask), new or (lambda *at: at[0])
    return lambda *at: torch.where(keep(*at), new(*at), -math.inf)


def mask_mod(program, *, q_start=0, n_q=None, n_k=None, device=None):
    """Return the program's mask, for `create_block_mask`; parameters as of `score_mod`.

    Returns
    -------
    function of (b, h, q_idx, kv_idx), or None if there is no mask, or it depends on the scores
    """
    if not program.mask or uses(program.mask, "s"):
        return None
    builder = _Builder(program, q_start, n_q, n_k, torch.float32, device)
    keep = builder.function(program.mask)
    return lambda b, h, i, j: keep(None, b, h, i, j)


def block_mask(program, n_q, n_k, *, n_heads=None, batch=None, q_start=0, device=None):
    """Return the `BlockMask` of the program's mask for one shape, or None as `mask_mod` does."""
    Grid(batch, n_heads, n_q, n_k, q_start).check(program)
    mask = mask_mod(program, q_start=q_start, n_q=n_q, n_k=n_k, device=device)
    device = device or torch.get_default_device()
    return mask and create_block_mask(mask, batch, n_heads, n_q, n_k, device=device)


class _Builder:
    """Builds functions of (s, b, h, i, j) out of trees."""

    def __init__(self, program, q_start, n_q, n_k, dtype, device):
        self.arrays, self.dtype, self.device = program.arrays, dtype, device
        self.numbers = program.numbers | {"n_q": n_q, "n_k": n_k}
        self.program, self.q_start = program, torch.tensor(q_start, device=device)

    def function(self, tree):
        inner, q_start = self.built(tree, self.dtype), self.q_start
        return lambda s, b, h, i, j: inner(s, b, h, i + q_start, j)

    def built(self, tree, dtype):
        match tree:
            case Number(value):
                value = self.held(value, dtype).item()  # infinite where float32 ends before it
                return lambda *at: torch.full((), value, dtype=dtype, device=at[1].device)
            case Name(id) if id in PLACES:
                place = PLACES[id]
                return lambda *at: at[place].to(dtype)
            case Name(id):
                if self.numbers[id] is None:
                    raise ProgramError(f"{self.program} uses {id}: give it, {id}=...")
                held = self.held(self.numbers[id], dtype)
                return lambda *at: held
            case Item(array, index):
                held = self.held(self.arrays[array], dtype)
                places = [PLACES[letter] for letter in index]
                return lambda *at: held[tuple(at[place] for place in places)]
        op, args = tree.op, tree.args
        if op in ("where", "and", "or", "not"):
            judged = 1 if op == "where" else len(args)
            args = (*map(_truth, args[:judged]), *args[judged:])
        elif op in STEPS and dtype != torch.float64 and not uses(tree, "s"):
            if not all(self.is_whole(part) for part in args):
                exact = self.built(tree, torch.float64)
                return lambda *at: _narrowed(exact(*at), dtype)
        parts = [self.built(part, dtype) for part in args]
        compute = operations(dtype, safe=False)[op]
        return lambda *at: compute(*[part(*at) for part in parts])

    def held(self, values, dtype):
        return torch.tensor(values, dtype=torch.float64).to(self.device, dtype)

    def is_whole(self, tree):
        """Tell whether a tree without `s` is computed exactly in float32."""
        match tree:
            case Number(value):
                values = value
            case Name(id):
                values = 0 if id in PLACES else self.numbers[id]
            case Item(array, _):
                values = self.arrays[array]
            case Call(op, args):
                return op in WHOLE and all(self.is_whole(part) for part in args)
        values = np.asarray(0 if values is None else values)
        return bool((values == np.floor(values)).all() and (np.abs(values) < 2**20).all())


def _truth(tree):
    return tree if is_truth(tree) else Call("!=", (tree, Number(0.0)))


def _narrowed(value, dtype):
    return value if value.dtype == torch.bool else value.to(dtype)


# ------------------------------------------------------------------------------ the kernel


def attend(q, k, v, scale, mask, program, numbers, grid):
    """Run FlexAttention on q, k and v of 4 axes.

    On a GPU it is compiled, anew for each program but not for its numbers. On a CPU it runs as it
    stands, slow but at once: compiling takes half a minute.
    """
    if torch.is_grad_enabled():
        if any(number.requires_grad for number in numbers.values()):
            raise NotImplementedError(f"a program's numbers are {UNTRAINED}")
        if q.is_cpu and any(x.requires_grad for x in (q, k, v)):
            raise NotImplementedError(f"on a CPU nothing is {UNTRAINED}")
    if numbers:
        program = program.replace(**{name: number.item() for name, number in numbers.items()})
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    sizes = {"q_start": grid.q_start, "n_q": grid.n_q, "n_k": grid.n_k, "device": q.device}

    def make():
        grid.check(program)
        score, allowed = score_mod(program, dtype=dtype, **sizes), mask_mod(program, **sizes)
        if mask is not None:
            batch, heads = q.shape[:2]
            given = mask.expand(batch, heads, grid.n_q, grid.n_k)
            both = lambda b, h, i, j: given[b, h, i, j]  # noqa: E731
            allowed = and_masks(both, allowed) if allowed else both
            blocks = create_block_mask(allowed, batch, heads, grid.n_q, grid.n_k, device=q.device)
        else:
            blocks = block_mask(
                program,
                grid.n_q,
                grid.n_k,
                n_heads=grid.n_heads,
                batch=grid.batch,
                q_start=grid.q_start,
                device=q.device,
            )
        held = blocks.as_tuple() if blocks else ()
        return score, blocks, *held  # the tensors are there to be weighed

    key = ("flex", grid, dtype, q.device)
    score, blocks, *_ = make() if numbers or mask is not None else KEPT.get(program, key, make)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile")
        if q.is_cpu:
            out = flex_attention(q.detach(), k.detach(), v.detach(), score, blocks, scale=scale)
        else:
            with torch._dynamo.config.patch(cache_size_limit=MOST_KERNELS):
                out = _compiled()(q, k, v, score, blocks, scale=scale)
    if score and not torch.compiler.is_compiling() and out.isnan().any():
        eager.attend(q, k, v, scale, mask, program, {}, grid)  # raises if the program is at fault
    return out


@functools.cache
def _compiled():
    return torch.compile(flex_attention)
