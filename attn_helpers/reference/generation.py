"""Writing with a model: which tokens may come next, and the loop that draws one after the other.

Shapes: batch, seq tokens, n_tokens different tokens. Left out on purpose: the search for the most
likely text, which chapter 05_5 writes out.
"""

import math

import torch
import torch.nn.functional as F

from attn_helpers.arguments import shapes
from attn_helpers.reference.encoder_decoder import check_tokens

__all__ = ["generate", "next_token_probabilities"]


def next_token_probabilities(logits, *, temperature=1.0, top_k=None, top_p=None):
    """Turn the scores of the next token into the probabilities to draw it from.

    Parameters
    ----------
    logits : Tensor of shape (..., n_tokens)
        -inf rules a token out.
    temperature : float, default 1.0
        Divides the scores: below 1 the likely become likelier. 0 leaves only the likeliest.
    top_k : int, optional
        Keep the k likeliest tokens.
    top_p : float, optional
        Of these, keep the likeliest until their probabilities reach this sum: nucleus sampling.
        1 keeps all.

    Returns
    -------
    Tensor of shape (..., n_tokens)
        Sums to 1; tokens that are left out have 0.

    Raises
    ------
    ValueError
        If a setting makes no sense, or a row of logits has NaN, +inf or nothing but -inf.

    References
    ----------
    Fan et al., "Hierarchical neural story generation", 2018; Holtzman et al., "The curious case of
    neural text degeneration", 2020. Derived in 05_5.

    Examples
    --------
    >>> logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    >>> next_token_probabilities(logits, top_p=0.7)
    tensor([0.6250, 0.3750, 0.0000, 0.0000])
    """
    check_settings(temperature, top_k, top_p)
    if not (logits.is_floating_point() and logits.ndim and logits.shape[-1]):
        raise ValueError(
            "logits must be (..., n_tokens), in floating point: "
            f"{shapes(logits=logits)}, {logits.dtype}"
        )
    largest = logits.amax(-1, keepdim=True)  # NaN where a row has one
    if not largest.isfinite().all():
        raise ValueError(
            "each row of logits must have a finite maximum and no NaN, but the maxima range from "
            f"{largest.min().item()} to {largest.max().item()}: {shapes(logits=logits)}"
        )
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits - largest  # a small temperature cannot overflow
    logits = logits / max(temperature, torch.finfo(logits.dtype).tiny)
    if top_k is None and top_p is None:
        return logits.softmax(-1)
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ranked[..., :top_k].softmax(-1)
    if top_p is not None and top_p < 1:  # at 1, rounded sums would leave some out
        before = probabilities.cumsum(-1) - probabilities  # what the likelier ones bring together
        probabilities = probabilities.where(before < top_p, 0.0)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return torch.zeros_like(logits).scatter(-1, order[..., :top_k], probabilities)


def check_settings(temperature, top_k, top_p):
    """Refuse what `next_token_probabilities` cannot use."""
    fits = (
        0 <= temperature < math.inf,
        top_k is None or top_k >= 1,
        top_p is None or 0 < top_p <= 1,
    )
    if not all(fits):
        raise ValueError(
            "temperature is at least 0 and finite, top_k at least 1, top_p above 0 and at most 1: "
            f"{temperature=}, {top_k=}, {top_p=}"
        )


def check_start(tokens, n_new):
    """Refuse a text that has no beginning, and a negative number of new tokens."""
    if not tokens.shape[-1]:
        raise ValueError(f"a text begins with at least one token: {shapes(tokens=tokens)}")
    if n_new < 0:
        raise ValueError(f"n_new must be at least 0, but it is {n_new}")


def generate(
    model, tokens, n_new, *, temperature=1.0, top_k=None, top_p=None, generator=None, cached=True
):
    """Let a model go on with a text, token by token.

    Parameters
    ----------
    model : GPT
        Is put into evaluation mode meanwhile: nothing is dropped.
    tokens : Tensor of whole numbers, shape (batch, seq)
        How the texts begin, all equally long.
    n_new : int
    temperature, top_k, top_p
        As for `next_token_probabilities`.
    generator : torch.Generator, optional
        Draws the tokens.
    cached : bool, default True
        Keep keys and values; without, every step reads the whole text again. The same tokens.

    Returns
    -------
    Tensor of shape (batch, seq + n_new)

    Raises
    ------
    ValueError
        If `tokens` is empty or has another shape, a setting makes no sense, the text outgrows the
        positions that the model has learnt, or the model's scores are not finite.

    Examples
    --------
    >>> from attn_helpers.reference import GPT
    >>> model = GPT(50, d_model=8, n_heads=2, n_layers=1)
    >>> generate(model, torch.tensor([[7, 3]]), 4, temperature=0.8, top_k=5).shape
    torch.Size([1, 6])
    """
    check_tokens(tokens)
    check_start(tokens, n_new)
    check_settings(temperature, top_k, top_p)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            caches = model.encoder.new_caches() if cached else None
            new = tokens
            for _ in range(n_new):
                logits = model(new if cached else tokens, caches=caches)[:, -1]
                probabilities = next_token_probabilities(
                    logits, temperature=temperature, top_k=top_k, top_p=top_p
                )
                new = torch.multinomial(probabilities, 1, generator=generator)
                tokens = torch.cat([tokens, new], 1)
    finally:
        model.train(was_training)
    return tokens.clone()  # may be trained on, as what is made in inference mode may not
