"""Writing with a model: which tokens may come next, and the loop that draws one after the other.

Shapes: batch, seq tokens, n_tokens different tokens. Left out on purpose: the search for the most
likely text, which chapter 05_5 writes out.
"""

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
    temperature : float, default 1.0
        Divides the scores: below 1 the likely become likelier. 0 leaves only the likeliest.
    top_k : int, optional
        Keep the k likeliest tokens.
    top_p : float, optional
        Of these, keep the likeliest until their probabilities reach this sum: nucleus sampling.

    Returns
    -------
    Tensor of shape (..., n_tokens)
        Sums to 1; tokens that are left out have 0.

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
    fits = (
        temperature >= 0,
        top_k is None or top_k >= 1,
        top_p is None or 0 < top_p <= 1,
    )
    if not all(fits):
        raise ValueError(
            "temperature is at least 0, top_k at least 1, top_p above 0 and at most 1: "
            f"{temperature=}, {top_k=}, {top_p=}"
        )
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits - logits.amax(-1, keepdim=True)  # a small temperature cannot overflow
    logits = logits / max(temperature, torch.finfo(logits.dtype).tiny)
    if top_k is None and top_p is None:
        return logits.softmax(-1)
    ranked, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ranked[..., :top_k].softmax(-1)
    if top_p is not None:
        before = probabilities.cumsum(-1) - probabilities  # what the likelier ones bring together
        probabilities = probabilities.where(before < top_p, 0.0)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return torch.zeros_like(logits).scatter(-1, order[..., :top_k], probabilities)


def generate(
    model, tokens, n_new, *, temperature=1.0, top_k=None, top_p=None, generator=None, cached=True
):
    """Let a model go on with a text, token by token.

    Parameters
    ----------
    model : GPT
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
    """
    check_tokens(tokens)
    if not tokens.shape[1]:
        raise ValueError(f"a text begins with at least one token: {shapes(tokens=tokens)}")
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
    return tokens.clone()  # may be trained on, as what is made in inference mode may not
