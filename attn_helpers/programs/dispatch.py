"""`torch_attention`: attention with a program in torch, on the fastest back end that is right."""

import math

import numpy as np
import torch

from attn_helpers.programs import eager, flex, sdpa
from attn_helpers.programs.grid import Grid
from attn_helpers.programs.kept import KEPT
from attn_helpers.programs.program import Program
from attn_helpers.reference.attention import check_shapes

__all__ = ["torch_attention"]

BACKENDS = ("auto", "eager", "sdpa", "flex")
NOTHING = Program(numbers={}, arrays={})
LONG = 2048**2  # scores of a head from which "auto" does not read a bias on a GPU: an estimate


def torch_attention(
    q, k, v, *, mask=None, program=None, backend="auto", q_start=0, scale=None, explain=False
):
    """Let each query mix the values by how well their keys match it; no weights come back.

    Parameters
    ----------
    q : Tensor of shape (..., n_q, d_k)
        Queries, with 2 to 4 axes, (batch, n_heads, n_q, d_k) in full.
    k : Tensor of shape (..., n_k, d_k)
        Keys.
    v : Tensor of shape (..., n_k, d_v)
        Values. The leading axes of `q`, `k`, `v` and `mask` broadcast.
    mask : boolean Tensor that broadcasts to (..., n_q, n_k), optional
        True where a query may attend to a key.
    program : Program, optional
        Changes the scores, and says where a query may attend; with `mask`, both must allow it.
    backend : {"auto", "eager", "sdpa", "flex"}, default "auto"
        "eager" writes every score out; "sdpa" is `scaled_dot_product_attention`, with scores
        written out where a program needs it; "flex" is FlexAttention, which has no gradients on a
        CPU; "auto" takes the fastest that fits.
    q_start : int, default 0
        Position of the first query, for `program`: with a key-value cache, how many came before.
    scale : float, optional
        Factor on the dot products; 1 / sqrt(d_k) by default.
    explain : bool, default False
        Also return which back end ran, and why.

    Returns
    -------
    out : Tensor of shape (..., n_q, d_v)
        Zeros, with zero gradients, for a query that may attend to nothing.
    reason : str
        Only if `explain`.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit together; the message gives every shape.
    ProgramError
        If the program makes a score NaN or +inf where a query may attend.
    NotImplementedError
        If FlexAttention cannot do what is asked.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, equation 1.
    Dong et al., "Flex Attention", 2024 (arXiv:2412.05496).
    """
    program = NOTHING if program is None else program
    out, reason = attend(q, k, v, mask, program, {}, backend, q_start, scale)
    return (out, reason) if explain else out


def attend(q, k, v, mask, program, numbers, backend, q_start, scale=None):
    """Return out and reason; `numbers` are tensors in the place of the program's own."""

    def make():
        _check(q, k, v, mask, program, backend)
        return _planned(q, k, v, mask, program, numbers, backend, q_start)

    # Checks and choice hang on kinds alone, and take longer than a short SDPA: they are kept.
    key = (backend, q_start, _kind(q), _kind(k), _kind(v), _kind(mask))
    plan = make() if numbers else KEPT.get(program, key, make)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
    if not (len(plan.axes) == 2 and q.shape[:2] == k.shape[:2] == v.shape[:2] == plan.axes):
        four = (1,) * (2 - len(plan.axes)) + plan.axes
        q, k, v = (x.expand(*four, -1, -1) for x in (q, k, v))
    if mask is not None:
        mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
    if plan.backend == "sdpa":
        out = sdpa.attend(q, k, v, scale, mask, program, plan)
    else:
        run = flex.attend if plan.backend == "flex" else eager.attend
        out = run(q, k, v, scale, mask, program, numbers, plan.grid)
    if len(plan.axes) < 2:
        out = out.reshape(*plan.axes, *out.shape[-2:])
    return out, f"{plan.backend}: {plan.reason}"


def _kind(x):
    return (x.shape, x.dtype, x.device) if isinstance(x, torch.Tensor) else type(x)


def _planned(q, k, v, mask, program, numbers, backend, q_start):
    """Choose a back end, and prepare SDPA if it is that."""
    leading = np.broadcast_shapes(*(x.shape[:-2] for x in (q, k, mask) if x is not None))
    axes = np.broadcast_shapes(leading, v.shape[:-2])
    grid = Grid(*(None, None, *leading)[-2:], q.shape[-2], k.shape[-2], q_start)
    grid.check(program)

    def plan(reason, backend):
        return sdpa.Plan(reason, backend, grid, axes)

    if backend == "eager":
        return plan("as asked", "eager")
    if axes != leading or not (q.numel() and k.numel() and v.numel()):
        return plan("no kernel takes axes of v that the scores lack, or an empty axis", "eager")
    if backend == "flex":
        return plan("as asked", "flex")
    is_long = q.is_cuda and grid.n_q * grid.n_k >= LONG and min(q.shape[-1], v.shape[-1]) >= 16
    is_plain = mask is None and q.dtype != torch.float64 and not numbers
    may_add = not (backend == "auto" and is_long and is_plain)
    if lowered := sdpa.lower(program, numbers, grid, q.dtype, q.device, may_add):
        return lowered._replace(grid=grid, axes=axes)
    if not may_add:
        return plan("the sequence is long, and this program would need a large bias", "flex")
    return plan("its scores are not factor * s + shift: they are written out", "eager")


def _check(q, k, v, mask, program, backend):
    """Refuse what does not fit together."""
    given = {"q": q, "k": k, "v": v} | ({} if mask is None else {"mask": mask})

    def every():
        return ", ".join(
            f"{name} is {tuple(x.shape)} {x.dtype} on {x.device}" for name, x in given.items()
        )

    for name, x in given.items():
        if not isinstance(x, torch.Tensor):
            kind = type(x).__name__
            raise TypeError(f"{name} must be a tensor, but it is {kind}: torch.as_tensor({name})")
    if not (q.dtype == k.dtype == v.dtype and q.is_floating_point()):
        raise TypeError(f"q, k and v must hold real numbers of one dtype: {every()}")
    if mask is not None and mask.dtype != torch.bool:
        raise TypeError(f"mask must be boolean, True where a query may attend: {every()}")
    if any(x.device != q.device for x in given.values()):
        raise ValueError(f"all must be on one device: {every()}")
    check_shapes(q, k, v, mask)
    if max(x.ndim for x in given.values()) > 4:
        raise ValueError(f"at most four axes, (batch, n_heads, n, d): {every()}")
    if not isinstance(program, Program):
        raise TypeError(f"program must be made by attn_helpers.program, but it is {program!r}")
    if backend not in BACKENDS:
        raise ValueError(f"backend is one of {', '.join(BACKENDS)}, not {backend!r}")
