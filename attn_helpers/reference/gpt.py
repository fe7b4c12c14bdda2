"""GPT: a stack of causal blocks that guesses each next token.

Shapes: batch, seq tokens, d_model features, n_tokens different tokens. `generate` lets it write.
Left out on purpose: training, which chapter 05_5 writes out.
"""

import math
from functools import partial

import torch.nn.functional as F
from torch import nn

from attn_helpers.arguments import shapes
from attn_helpers.reference.encoder_decoder import check_tokens
from attn_helpers.reference.transformer import CAUSAL, Encoder

__all__ = ["GPT"]

GELU = partial(nn.GELU, "tanh")


class GPT(nn.Module):
    """A generator: tokens in, scores of each next token out.

    The output layer is the table of token embeddings once more (tied weights).

    Parameters
    ----------
    n_tokens : int
        How many different tokens there are.
    d_model, n_heads, n_layers : int
    d_ff : int, optional
    context : int, optional
        How many positions are learnt; without it, queries and keys are rotated by their positions
        (RoPE), and a text may be of any length.
    program : Program, optional
        Goes with the causal mask: both must allow. ``program("i - j < width", width=64)`` is a
        window.
    dropout : float, default 0.0
        Also of the embeddings.
    activation : Module class, default GELU by its approximation with tanh
        As in GPT-2.
    **options
        As for `EncoderBlock`.

    References
    ----------
    Radford et al., "Language models are unsupervised multitask learners", 2019; Press and Wolf,
    "Using the output embedding", 2017; Su et al., "RoFormer", 2021. Derived in 05_5.

    Examples
    --------
    >>> import torch
    >>> model = GPT(50, d_model=8, n_heads=2, n_layers=1)
    >>> model(torch.ones(3, 5, dtype=int)).shape
    torch.Size([3, 5, 50])
    """

    def __init__(
        self,
        n_tokens,
        d_model,
        n_heads,
        n_layers,
        d_ff=None,
        *,
        context=None,
        program=None,
        dropout=0.0,
        activation=GELU,
        **options,
    ):
        super().__init__()
        self.program = program
        self.tokens = nn.Embedding(n_tokens, d_model)
        self.places = None if context is None else nn.Embedding(context, d_model)
        self.dropout = nn.Dropout(dropout)
        options |= {"rope": context is None, "activation": activation, "dropout": dropout}
        options["program"] = CAUSAL if program is None else CAUSAL & program
        self.encoder = Encoder(d_model, n_heads, n_layers, d_ff, **options)
        self._start()

    def _start(self):
        """Draw small weights, the smaller where blocks add up, the more blocks there are."""
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                adds = name.endswith(("w_o.weight", "step.2.weight"))
                depth = 2 * len(self.encoder.blocks) if adds else 1
                nn.init.normal_(weight, std=0.02 / math.sqrt(depth))
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens, *, caches=None):
        """Return the scores of each next token, before softmax.

        Parameters
        ----------
        tokens : Tensor of whole numbers, shape (batch, seq)
        caches : list of KeyValueCache, optional
            From ``encoder.new_caches()``; then `tokens` are those that are new.

        Returns
        -------
        Tensor of shape (batch, seq, n_tokens)

        Raises
        ------
        ValueError
            If `tokens` are no whole numbers of two axes below n_tokens, or more than the positions
            that the model has learnt.
        """
        check_tokens(tokens, self.tokens.num_embeddings)
        x = self.tokens(tokens)
        if self.places is not None:
            start = caches[0].length if caches else 0
            context, end = self.places.num_embeddings, start + tokens.shape[1]
            if end > context:
                raise ValueError(
                    f"the model has learnt {context} positions, and this text has {end}: "
                    f"{shapes(tokens=tokens)}, after {start} in the cache"
                )
            x = x + self.places.weight[start:end]
        x = self.encoder(self.dropout(x), caches=caches)
        return F.linear(x, self.tokens.weight)
