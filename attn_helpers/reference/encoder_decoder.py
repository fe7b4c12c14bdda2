"""The Transformer of the paper: an encoder reads, a decoder writes, one token after the other.

Shapes: batch, n_source and n_target tokens, d_model features. `keep`, boolean of shape
(batch, n_source), is True for tokens and False for padding. Left out on purpose: training and the
search for the most likely output, which chapter 05_3 writes out.
"""

import math

import numpy as np
import torch
from torch import nn

from attn_helpers.arguments import shapes
from attn_helpers.reference.positions import sinusoidal_positions
from attn_helpers.reference.transformer import Decoder, Encoder

__all__ = ["EncoderDecoder"]


def check_tokens(tokens, n_tokens=None):
    """Refuse what are not whole numbers of the shape (batch, seq), below `n_tokens` if given."""
    if not isinstance(tokens, torch.Tensor):
        raise ValueError(
            f"tokens must be a Tensor, not {type(tokens).__name__}: {shapes(tokens=tokens)}"
        )
    if tokens.dtype not in (torch.int64, torch.int32) or tokens.ndim != 2:
        raise ValueError(
            "tokens must be whole numbers of the shape (batch, seq): "
            f"{shapes(tokens=tokens)}, {tokens.dtype}"
        )
    if n_tokens and tokens.is_cpu and tokens.numel():  # a GPU would have to be waited for
        low, high = (bound.item() for bound in tokens.aminmax())
        if low < 0 or high >= n_tokens:
            raise ValueError(
                f"tokens are 0 to {n_tokens - 1}, but these go from {low} to {high}: "
                f"{shapes(tokens=tokens)}"
            )


def padding_mask(keep, **source):
    """Turn `keep`, (batch, seq) as the named source has it, into a mask for all heads, or None."""
    if keep is None:
        return None
    ((name, tokens),) = source.items()
    if keep.shape != tokens.shape[:2]:
        raise ValueError(
            f"keep must have the shape (batch, seq) of {name}: {shapes(keep=keep, **source)}"
        )
    return keep[:, None, None]


class Embedding(nn.Module):
    """Token numbers to vectors, to which each adds its position: see `sinusoidal_positions`.

    Vectors start with entries of variance 1 / d_model and are multiplied by sqrt(d_model), so that
    the same table can serve as the last layer. Positions count from `start`.
    """

    def __init__(self, n_tokens, d_model, dropout=0.0):
        super().__init__()
        self.table, self.dropout = nn.Embedding(n_tokens, d_model), nn.Dropout(dropout)
        nn.init.normal_(self.table.weight, std=d_model**-0.5)

    def forward(self, tokens, start=0):
        """Turn whole numbers, (batch, seq), into vectors, (batch, seq, d_model)."""
        check_tokens(tokens, self.table.num_embeddings)
        x = self.table(tokens) * math.sqrt(self.table.embedding_dim)
        positions = start + np.arange(tokens.shape[1])
        places = torch.from_numpy(sinusoidal_positions(positions, x.shape[-1])).to(x)
        return self.dropout(x + places)


class EncoderDecoder(nn.Module):
    """The Transformer of the paper: source tokens in, a guess at each next target token out.

    Parameters
    ----------
    source_size, target_size : int
        How many different tokens there are, the marks included.
    d_model, n_heads, n_layers : int
        `n_layers` blocks encode, and as many decode. d_model is even.
    d_ff : int, optional
    tied : bool, default False
        Whether the last layer's weights are those of the target embedding.
    dropout : float, default 0.0
        Also of the embeddings.
    **options
        As for `EncoderBlock`, in the encoder and in the decoder, which stays causal.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017; Press and Wolf, "Using the output embedding",
    2017. Derived in 05_3.

    Examples
    --------
    >>> model = EncoderDecoder(10, 12, d_model=8, n_heads=2, n_layers=1)
    >>> model(torch.ones(3, 5, dtype=int), torch.ones(3, 4, dtype=int)).shape
    torch.Size([3, 4, 12])
    """

    def __init__(
        self,
        source_size,
        target_size,
        d_model,
        n_heads,
        n_layers,
        d_ff=None,
        *,
        tied=False,
        dropout=0.0,
        **options,
    ):
        super().__init__()
        self.source = Embedding(source_size, d_model, dropout)
        self.target = Embedding(target_size, d_model, dropout)
        self.encoder = Encoder(d_model, n_heads, n_layers, d_ff, dropout=dropout, **options)
        self.decoder = Decoder(d_model, n_heads, n_layers, d_ff, dropout=dropout, **options)
        self.logits = nn.Linear(d_model, target_size, bias=False)
        if tied:
            self.logits.weight = self.target.table.weight

    def forward(self, source, target, *, keep=None):
        """Return the scores of each next token, (batch, n_target, target_size), before softmax.

        Parameters
        ----------
        source : Tensor of whole numbers, shape (batch, n_source)
        target : Tensor of whole numbers, shape (batch, n_target)
            Begins with the start mark. Padding at its end needs no mask: none before sees it.
        keep : boolean Tensor of shape (batch, n_source), optional
            False for padding in the source.
        """
        return self.decode(target, self.encode(source, keep=keep), keep=keep)

    def encode(self, source, *, keep=None):
        """Return the memory, of shape (batch, n_source, d_model)."""
        return self.encoder(self.source(source), mask=padding_mask(keep, source=source))

    def decode(self, target, memory, *, keep=None, caches=None):
        """Return the scores; with caches from ``decoder.new_caches()``, `target` is what is new."""
        x = self.target(target, start=caches[0].length if caches else 0)
        mask = padding_mask(keep, source=memory)
        return self.logits(self.decoder(x, memory, memory_mask=mask, caches=caches))
