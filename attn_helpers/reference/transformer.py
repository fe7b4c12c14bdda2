"""The Transformer's parts: attention and feed-forward steps in blocks, blocks in stacks.

All take and give vectors of the shape (batch, seq, d_model). An encoder block serves BERT and, with
a causal program, GPT; a decoder block has a memory to attend to as well. `encoder_decoder` joins
both and adds the tokens.
"""

from copy import deepcopy

from torch import nn

from attn_helpers.programs import program
from attn_helpers.reference.key_value_cache import KeyValueCache
from attn_helpers.reference.multi_head_layer import MultiHeadAttention

__all__ = ["Decoder", "DecoderBlock", "Encoder", "EncoderBlock"]

CAUSAL = program("j <= i")


class Residual(nn.Module):
    """A step with a way around it, and a norm: inside, ``x + step(norm(x))``, or after the sum."""

    def __init__(self, step, norm, norm_first):
        super().__init__()
        self.step, self.norm, self.norm_first = step, norm, norm_first

    def forward(self, x, *args, **options):
        """Apply the step to x; what else it needs is passed on."""
        if self.norm_first:
            return x + self.step(self.norm(x), *args, **options)
        return self.norm(x + self.step(x, *args, **options))


class EncoderBlock(nn.Module):
    r"""Tokens exchange what they know, then each thinks it over: attention, then feed-forward.

    .. math:: x \leftarrow x + \text{attention}(\text{norm}(x)), \qquad
              x \leftarrow x + W_2\, \text{activation}(W_1\, \text{norm}(x))

    With ``program("j <= i")`` it is a block of a generator such as GPT.

    Parameters
    ----------
    d_model, n_heads : int
    d_ff : int, optional
        Width inside the feed-forward step; 4 * d_model by default.
    norm_first : bool, default True
        The norm before each step, as above, which trains without warm-up; or, if False, after
        the sum, as in the paper and in BERT.
    activation : Module class, default `nn.ReLU`
        As in the paper; BERT and GPT take `nn.GELU`.
    eps : float, default 1e-5
        Added to the variance in each norm.
    bias : bool, default True
        Whether projections and norms add a bias.
    dropout : float, default 0.0
        Share of each step's output that is set to zero in training.
    **attention
        What else `MultiHeadAttention` takes: n_kv_heads, rope, program.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 3.1; Xiong et al., "On layer
    normalization in the Transformer architecture", 2020. Derived in 05_3.
    """

    def __init__(
        self,
        d_model,
        n_heads,
        d_ff=None,
        *,
        norm_first=True,
        activation=nn.ReLU,
        eps=1e-5,
        bias=True,
        dropout=0.0,
        **attention,
    ):
        super().__init__()
        d_ff = 4 * d_model if d_ff is None else d_ff
        attention = MultiHeadAttention(d_model, n_heads, bias=bias, dropout=dropout, **attention)
        feed_forward = nn.Sequential(
            nn.Linear(d_model, d_ff, bias),
            activation(),
            nn.Linear(d_ff, d_model, bias),
            nn.Dropout(dropout),
        )
        self.attention, self.feed_forward = (
            Residual(step, nn.LayerNorm(d_model, eps, bias=bias), norm_first)
            for step in (attention, feed_forward)
        )

    def forward(self, x, *, mask=None, cache=None):
        """Return tokens of the shape of `x`, (batch, seq, d_model); see `MultiHeadAttention`."""
        return self.feed_forward(self.attention(x, mask=mask, cache=cache))


class DecoderBlock(EncoderBlock):
    """An `EncoderBlock` that is causal, and that between its two steps attends to a memory.

    Parameters are those of `EncoderBlock`; n_kv_heads, rope and program are for self-attention.
    A program goes with the causal mask: both must allow.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 3.1. Derived in 05_3.
    """

    def __init__(
        self, d_model, n_heads, d_ff=None, *, bias=True, dropout=0.0, program=None, **options
    ):
        options["program"] = CAUSAL if program is None else CAUSAL & program
        super().__init__(d_model, n_heads, d_ff, bias=bias, dropout=dropout, **options)
        cross = MultiHeadAttention(d_model, n_heads, bias=bias, dropout=dropout)
        self.cross = Residual(cross, deepcopy(self.attention.norm), self.attention.norm_first)

    def forward(self, x, memory, *, mask=None, memory_mask=None, cache=None):
        """Return tokens of the shape of `x`; `memory_mask` says which of `memory` they may see."""
        x = self.attention(x, mask=mask, cache=cache)
        x = self.cross(x, memory, mask=memory_mask)
        return self.feed_forward(x)


class Encoder(nn.Module):
    """A stack of `n_layers` encoder blocks, and a last norm if each block begins with one.

    Parameters
    ----------
    d_model, n_heads, n_layers : int
    d_ff : int, optional
    **options
        As for `EncoderBlock`.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 3.1. Derived in 05_3.
    """

    block = EncoderBlock

    def __init__(self, d_model, n_heads, n_layers, d_ff=None, **options):
        super().__init__()
        if n_layers < 1:
            raise ValueError(f"a stack needs at least one block, but n_layers={n_layers}")
        self.blocks = nn.ModuleList(
            self.block(d_model, n_heads, d_ff, **options) for _ in range(n_layers)
        )
        last = self.blocks[-1].attention
        self.norm = deepcopy(last.norm) if last.norm_first else nn.Identity()

    def forward(self, x, *memory, caches=None, **masks):
        """Run the blocks in turn: arguments are those of a block, with a cache for each block."""
        caches = [None] * len(self.blocks) if caches is None else caches
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, *memory, cache=cache, **masks)
        return self.norm(x)

    def new_caches(self):
        """Return an empty cache for each block."""
        return [KeyValueCache() for _ in self.blocks]


class Decoder(Encoder):
    """A stack of decoder blocks: `Encoder` with a memory to attend to. Derived in 05_3."""

    block = DecoderBlock
