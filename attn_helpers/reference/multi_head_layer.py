"""Multi-head attention as a PyTorch module, for encoders, decoders and generators alike.

`multi_head_attention` is the same definition in NumPy, for one call with given weights; here the
weights are learnt, and attention runs on torch's fast kernels. Shapes: batch, n_q queries, n_k keys
(seq where they are the same tokens), d_model features, n_heads heads of d_k = d_model / n_heads.
"""

import torch
import torch.nn.functional as F
from torch import nn

from attn_helpers.arguments import shapes
from attn_helpers.programs import Program, ProgramModule, torch_attention

__all__ = ["MultiHeadAttention", "recorded_weights"]


class MultiHeadAttention(nn.Module):
    r"""Attend in `n_heads` ways at once: project, attend by program, join.

    .. math:: \text{out} = [\text{head}_0 \cdots \text{head}_{h-1}]\, W_O, \qquad
              \text{head}_h = \text{attention}(X W_Q^h, X W_K^h, X W_V^h)

    `w_qkv` holds all queries, then all keys, then all values. Nothing is masked unless `program`
    or `mask` says so, and nothing is dropped by default.

    Parameters
    ----------
    d_model : int
        Width of the tokens, in and out.
    n_heads : int
        It divides d_model.
    n_kv_heads : int, optional
        Fewer heads for keys and values, each for as many neighbouring query heads as it has to
        serve: grouped-query attention, multi-query attention if it is 1. It divides n_heads.
    bias : bool, default True
        Whether both projections add a bias, as in `nn.MultiheadAttention`.
    rope : bool, default False
        Rotate queries and keys by their positions, as `attn_helpers.reference.rope` does.
    program : Program or ProgramModule, optional
        Who may attend, and how scores change; ``program("j <= i")`` makes the layer causal. The
        numbers of a `ProgramModule` are learnt with the layer.
    dropout : float, default 0.0
        Share of the output that is set to zero in training, as in the paper's section 5.4;
        `nn.MultiheadAttention` drops weights instead.

    Raises
    ------
    TypeError, ValueError
        If the sizes do not divide, or `program` is none; the message gives every size.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 3.2.2; Shazeer, "Fast transformer
    decoding", 2019; Ainslie et al., "GQA", 2023; Su et al., "RoFormer", 2021. Derived in 05_2.

    Examples
    --------
    >>> layer = MultiHeadAttention(512, 8)
    >>> layer(torch.zeros(32, 7, 512)).shape
    torch.Size([32, 7, 512])
    """

    def __init__(
        self,
        d_model,
        n_heads,
        *,
        n_kv_heads=None,
        bias=True,
        rope=False,
        program=None,
        dropout=0.0,
    ):
        super().__init__()
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        sizes = f"d_model={d_model}, n_heads={n_heads}, n_kv_heads={n_kv_heads}"
        if min(d_model, n_heads, n_kv_heads) < 1 or d_model % n_heads or n_heads % n_kv_heads:
            raise ValueError(f"n_heads must divide d_model, and n_kv_heads n_heads: {sizes}")
        if rope and d_model // n_heads % 2:
            raise ValueError(f"rope turns pairs of features, so d_k must be even: {sizes}")
        if not (program is None or isinstance(program, (Program, ProgramModule))):
            raise TypeError(f"program must be made by attn_helpers.program, but it is {program!r}")
        self.n_heads, self.n_kv_heads, self.d_k = n_heads, n_kv_heads, d_model // n_heads
        self.rope, self.program = rope, program
        self.w_qkv = nn.Linear(d_model, (n_heads + 2 * n_kv_heads) * self.d_k, bias)
        self.w_o = nn.Linear(d_model, d_model, bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, memory=None, *, mask=None, cache=None):
        """Let each token of `x` gather from `x`, or from `memory`.

        Parameters
        ----------
        x : Tensor of shape (batch, n_q, d_model)
            The sequence that asks.
        memory : Tensor of shape (batch, n_k, d_model), optional
            The sequence that answers; without it, `x` does: self-attention.
        mask : boolean Tensor that broadcasts to (batch, n_heads, n_q, n_k), optional
            True where a query may attend to a key, beside what the program allows. For padding,
            ``keep[:, None, None]`` with `keep` of shape (batch, n_k).
        cache : KeyValueCache, optional
            What came before `x`: these keys and values are attended to as well, and those of `x`
            are appended. Under a causal program, the outputs are those of the whole sequence.

        Returns
        -------
        Tensor of shape (batch, n_q, d_model)
            Where a query may attend to nothing, the heads bring zeros: only the bias is left.

        Raises
        ------
        TypeError, ValueError
            If arguments do not fit together; the message gives every shape.
        """
        q, k, v, start = self._projected(x, memory, cache)
        heads = self.attend(q, k, v, mask=mask, q_start=start)  # (batch, n_heads, n_q, d_k)
        return self.dropout(self.w_o(heads.transpose(1, 2).flatten(2)))

    def weights(self, x, memory=None, *, mask=None):
        """Return who attends to whom, (batch, n_heads, n_q, n_k): what values of one-hots bring."""
        q, k, _, _ = self._projected(x, memory, None)
        return self.attend(q, k, k.new_ones(k.shape[:-1]).diag_embed(), mask=mask)

    def attend(self, q, k, v, *, mask=None, q_start=0):
        """Return the heads, (batch, n_heads, n_q, d_v), from projected q, k and v."""
        if self.n_kv_heads < self.n_heads:
            k, v = (x.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1) for x in (k, v))
        if isinstance(self.program, ProgramModule):
            return self.program(q, k, v, mask=mask, q_start=q_start)
        return torch_attention(q, k, v, mask=mask, program=self.program, q_start=q_start)

    def _projected(self, x, memory, cache):
        """Return q, k and v, each (batch, its heads, n, d_k), and the position of the first q."""
        self._check(x, memory, cache)
        n_q_features, n_kv_features = self.n_heads * self.d_k, self.n_kv_heads * self.d_k
        if memory is None:
            q, k, v = self.w_qkv(x).split([n_q_features, n_kv_features, n_kv_features], -1)
        else:
            rows = [n_q_features, 2 * n_kv_features]
            w_q, w_kv = self.w_qkv.weight.split(rows)
            b_q, b_kv = (None, None) if self.w_qkv.bias is None else self.w_qkv.bias.split(rows)
            q = F.linear(x, w_q, b_q)
            k, v = F.linear(memory, w_kv, b_kv).chunk(2, -1)
        q, k, v = (
            x.unflatten(-1, (n, self.d_k)).transpose(1, 2)  # (batch, n, seq, d_k)
            for x, n in ((q, self.n_heads), (k, self.n_kv_heads), (v, self.n_kv_heads))
        )
        start = 0 if cache is None else cache.length
        if self.rope:
            q, k = _rotated(q, start), _rotated(k, start)
        if cache is not None:
            k, v = cache.extend(k, v)
        return q, k, v, start

    def _check(self, x, memory, cache):
        """Refuse what does not fit the layer."""
        given = {"x": x} if memory is None else {"x": x, "memory": memory}
        weight = self.w_o.weight
        for name, t in given.items():
            if not isinstance(t, torch.Tensor):
                kind = type(t).__name__
                raise TypeError(f"{name} must be a tensor, but it is {kind}: torch.tensor({name})")
            if t.ndim != 3 or t.shape[-1] != len(weight):
                wanted = f"(batch, seq, d_model) with d_model={len(weight)}"
                raise ValueError(f"{name} must have the shape {wanted}: {shapes(**given)}")
            if t.dtype != weight.dtype and not torch.is_autocast_enabled(t.device.type):
                raise TypeError(
                    f"{name} holds {t.dtype}, the layer {weight.dtype} ({shapes(**given)}): "
                    f"{name}.to({weight.dtype}) makes them one"
                )
        if memory is not None and len(memory) != len(x):
            raise ValueError(f"x and memory need one batch size: {shapes(**given)}")
        if memory is not None and cache is not None:
            raise ValueError(f"a cache is for self-attention, without memory: {shapes(**given)}")


def recorded_weights(model, *inputs, **options):
    """Run a model, and return what each `MultiHeadAttention` in it attends to.

    Parameters
    ----------
    model : Module
    *inputs, **options
        What the model is called with.

    Returns
    -------
    dict of str to Tensor of shape (batch, n_heads, n_q, n_k)
        By the name of the layer in the model, in the order in which they run.
    """
    weights = {}

    def record(name):
        def before(layer, args, kwargs):
            if kwargs.pop("cache", None) is not None:
                raise ValueError(f"{name} has a cache: record the whole sequence without one")
            weights[name] = layer.weights(*args, **kwargs)

        return before

    handles = [
        layer.register_forward_pre_hook(record(name), with_kwargs=True)
        for name, layer in model.named_modules()
        if isinstance(layer, MultiHeadAttention)
    ]
    try:
        model(*inputs, **options)
    finally:
        for handle in handles:
            handle.remove()
    return weights


def _rotated(x, start):
    """Rotate as `rope` does, in torch: pair m of token p by the angle p * 10000 ** (-2m / d_k)."""
    wide = torch.promote_types(x.dtype, torch.float32)
    position = torch.arange(start, start + x.shape[-2], device=x.device, dtype=wide)
    pair = torch.arange(0, x.shape[-1], 2, device=x.device, dtype=wide)
    angle = position[:, None] * 10_000.0 ** (-pair / x.shape[-1])  # (n, d_k / 2)
    cos, sin = angle.cos(), angle.sin()
    first, second = x[..., 0::2], x[..., 1::2]
    turned = torch.stack([first * cos - second * sin, first * sin + second * cos], -1)
    return turned.flatten(-2).to(x.dtype)
