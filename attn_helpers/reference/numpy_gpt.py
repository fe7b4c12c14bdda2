"""A GPT in NumPy, one text and one token at a time: on a processor, quicker than any framework.

At batch 1 a layer's matrices are small, and most of a framework's time goes into deciding what to
run. Shapes: d_model features, n_tokens different tokens, n read so far.
"""

import math

import numpy as np
import torch
from torch import nn

from attn_helpers.reference.generation import (
    check_settings,
    check_start,
    next_token_probabilities,
)
from attn_helpers.reference.positions import angles_of, interleaved
from attn_helpers.reference.softmax import softmax_in_place

__all__ = ["NumpyGPT"]


class NumpyGPT:
    """The weights of a `GPT`, with a key-value cache for `length` tokens of one text.

    Parameters
    ----------
    model : GPT
        On the CPU, in float32 or float64, with its default activation. Its weights are shared: what
        is learnt later is seen.
    length : int
        How long a text may get; at most the model's context.

    Attributes
    ----------
    n : int
        How many tokens it has read.

    Raises
    ------
    ValueError
        If the model is of another kind, on a GPU or in 16 bits, or `length` does not fit it.

    References
    ----------
    Radford et al., "Language models are unsupervised multitask learners", 2019. Derived in 05_5.

    Examples
    --------
    >>> from attn_helpers.reference import GPT
    >>> model = GPT(50, d_model=8, n_heads=2, n_layers=1)
    >>> writer = NumpyGPT(model, length=10)
    >>> writer.read(7).shape, writer.n
    ((50,), 1)
    """

    def __init__(self, model, length):
        attention = model.encoder.blocks[0].attention.step
        activation = model.encoder.blocks[0].feed_forward.step[1]
        if attention.n_kv_heads != attention.n_heads:
            raise ValueError(
                "NumpyGPT has keys and values for every head: "
                f"n_heads={attention.n_heads}, n_kv_heads={attention.n_kv_heads}"
            )
        if not model.encoder.blocks[0].attention.norm_first:
            raise ValueError("NumpyGPT has a norm before each step: norm_first=False")
        weight = model.tokens.weight
        if weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                "NumpyGPT computes on the CPU in float32 or float64, and the model is on "
                f"{weight.device} in {weight.dtype}: take model.float().cpu()"
            )
        if not (isinstance(activation, nn.GELU) and activation.approximate == "tanh"):
            raise ValueError(f"NumpyGPT knows the activation GELU('tanh') alone, not {activation}")
        context = math.inf if model.places is None else model.places.num_embeddings
        if not 1 <= length <= context:
            raise ValueError(f"length must be at least 1 and at most {context}: {length=}")
        self.program, self.length, self.n = model.program, length, 0
        self.tokens = _array(model.tokens.weight)
        self.places = None if model.places is None else _array(model.places.weight)
        self.blocks = [_block(block) for block in model.encoder.blocks]
        self.norm = _norm(model.encoder.norm)
        shape = (2, len(self.blocks), attention.n_heads, length, attention.d_k)
        self.keys, self.values = np.zeros(shape, self.tokens.dtype)
        if self.places is None:  # cosine and sine of each pair's angle at each position
            angle = angles_of(np.arange(length), attention.d_k, base=10_000)
            self.turns = np.stack([np.cos(angle), np.sin(angle)], 1).astype(self.tokens.dtype)

    def read(self, token):
        """Read one token, and return the scores of the next, an ndarray of shape (n_tokens,).

        Raises
        ------
        ValueError
            If there is no such token, or no room for one more.
        """
        self._check([token])
        n, (n_heads, _, d_k) = self.n, self.keys.shape[1:]
        x = self.tokens[token]  # (d_model,)
        if self.places is not None:
            x = x + self.places[n]
        for layer, (norm_1, project, join, norm_2, widen, narrow) in enumerate(self.blocks):
            q, k, v = project(norm_1(x)).reshape(3, n_heads, d_k)
            if self.places is None:
                q, k = _turned(q, self.turns[n]), _turned(k, self.turns[n])
            self.keys[layer, :, n], self.values[layer, :, n] = k, v
            keys, values = self.keys[layer, :, : n + 1], self.values[layer, :, : n + 1]
            weights = (q[:, None] / math.sqrt(d_k)) @ keys.swapaxes(1, 2)  # (n_heads, 1, n + 1)
            if self.program is not None:
                weights = self.program.apply(weights, q_start=n)
            softmax_in_place(weights)
            x = x + join((weights @ values).reshape(-1))
            x = x + narrow(_gelu(widen(norm_2(x))))
        self.n += 1
        return self.tokens @ self.norm(x)

    def generate(self, tokens, n_new, *, temperature=1.0, top_k=None, top_p=None, rng):
        """Read tokens, and go on with `n_new` of its own.

        Parameters
        ----------
        tokens : sequence of int
            At least one.
        n_new : int
        temperature, top_k, top_p
            As for `next_token_probabilities`.
        rng : numpy.random.Generator

        Returns
        -------
        list of int
            The new tokens. The last one is not read yet: begin with it to go on.

        Raises
        ------
        ValueError
            If `tokens` is empty or has an unknown token, a setting makes no sense, or there is not
            room for all: then nothing has been read.
        """
        check_start(np.asarray(tokens), n_new)
        check_settings(temperature, top_k, top_p)
        self._check(tokens, max(0, n_new - 1))
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        for token in tokens:
            logits = self.read(token)
        new = []
        while len(new) < n_new:
            if new:
                logits = self.read(new[-1])
            probabilities = next_token_probabilities(torch.from_numpy(logits), **options)
            edges = probabilities.double().cumsum(0).numpy()
            new.append(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")))
        return new

    def _check(self, tokens, more=0):
        """Refuse unknown tokens, and more than there is room for."""
        if unknown := [token for token in tokens if not 0 <= token < len(self.tokens)]:
            raise ValueError(f"tokens are 0 to {len(self.tokens) - 1}, but one is {unknown[0]}")
        if self.n + len(tokens) + more > self.length:
            raise ValueError(
                f"there is room for {self.length} tokens, of which {self.n} are taken, and "
                f"{len(tokens) + more} more are to be read: NumpyGPT(model, length) makes room"
            )


def _array(weight):
    return weight.detach().numpy()


def _block(block):
    attention, feed_forward = block.attention, block.feed_forward
    return (
        _norm(attention.norm),
        _linear(attention.step.w_qkv),
        _linear(attention.step.w_o),
        _norm(feed_forward.norm),
        _linear(feed_forward.step[0]),
        _linear(feed_forward.step[2]),
    )


def _linear(layer):
    """Return a `nn.Linear` as a function of a vector."""
    weight = _array(layer.weight)
    if layer.bias is None:
        return weight.__matmul__
    bias = _array(layer.bias)
    return lambda x: weight @ x + bias


def _norm(layer):
    """Return a `nn.LayerNorm` as a function of a vector."""
    gain, eps = _array(layer.weight), layer.eps
    bias = 0 if layer.bias is None else _array(layer.bias)

    def norm(x):
        x = x - x.mean()
        return x / math.sqrt(x @ x / x.size + eps) * gain + bias

    return norm


def _gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def _turned(x, turn):
    """Rotate the pairs of each head's vector, (n_heads, d_k), as `rope` does."""
    cos, sin = turn
    first, second = x[:, 0::2], x[:, 1::2]
    return interleaved(first * cos - second * sin, first * sin + second * cos)
