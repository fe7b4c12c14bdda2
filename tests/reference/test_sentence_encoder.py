"""The pretrained encoder loaded by hand: equal to transformers and to sentence-transformers."""

import re

import numpy as np
import pytest
import torch

from attn_helpers.data import QUESTIONS, documentation, encoder_attention
from attn_helpers.data.encoder import EncoderMissingError, encoder_folder
from attn_helpers.reference import SentenceEncoder, recorded_weights

TEXTS = [
    "Yesterday I went to the park to run.",
    "昨天我去公园跑步。",
    "A list is mutable, a tuple is not.",
    "def softmax(x): return exp(x) / exp(x).sum()",
    "Attention is all you need",
    "The quick brown fox jumps over the lazy dog",
    "Größe, naïve, façade: accents are taken off",
    "E = mc²",
    "!!! ??? ...",
    "antidisestablishmentarianism",
    "one",
    "Numbers: 3.14159, 1e-12, 0xFF",
    "😀 is not in the vocabulary",
    "<b>HTML</b> & entities",
    "raise ValueError('empty')",
    "To be, or not to be: that is the question.",
    "word " * 200,
    "the [MASK] sat on the mat",
    "tabs\tand\nlines",
    "Paris is the capital of France.",
]


@pytest.fixture(scope="module")
def model():
    return SentenceEncoder.pretrained()


def test_token_vectors_equal_those_of_transformers(model):
    from transformers import AutoModel, AutoTokenizer

    tokens, keep = model.read(TEXTS)
    theirs = AutoTokenizer.from_pretrained(encoder_folder(), local_files_only=True)
    read = theirs(TEXTS, padding=True, return_tensors="pt")
    assert torch.equal(tokens, read["input_ids"])
    assert torch.equal(keep, read["attention_mask"].bool())
    bert = AutoModel.from_pretrained(encoder_folder(), local_files_only=True).eval()
    with torch.no_grad():
        expected, found = bert(**read).last_hidden_state, model(tokens, keep=keep)
    torch.testing.assert_close(found[keep], expected[keep], atol=1e-5, rtol=0)


def test_sentence_vectors_equal_those_of_sentence_transformers(model):
    from sentence_transformers import SentenceTransformer

    oracle = SentenceTransformer(str(encoder_folder()), device="cpu")
    expected = oracle.encode(TEXTS, convert_to_tensor=True, show_progress_bar=False)
    found = model.embed(TEXTS)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(len(TEXTS)))


def test_padding_changes_nothing(model):
    alone = torch.cat([model.embed([text]) for text in TEXTS[:4]])
    torch.testing.assert_close(model.embed(TEXTS)[:4], alone, atol=1e-5, rtol=0)


def test_its_attention_is_that_of_the_data_loader(model):
    sentence = TEXTS[0]
    tokens, keep = model.read([sentence])
    weights = torch.stack(list(recorded_weights(model, tokens, keep=keep).values()))[:, 0]
    expected = encoder_attention(sentence).weights
    np.testing.assert_allclose(weights.detach().numpy(), expected, atol=1e-5)


def test_it_finds_the_topic_of_a_plain_question(model):
    topics = documentation().topics
    prose = (part for text in topics.values() for part in [re.sub(r"[=*~^-]{3,}", " ", text)])
    openings = [" ".join(text.split()[:50]) for text in prose]
    kept = torch.cat([model.embed([opening]) for opening in openings])  # no filling: quicker
    best = (model.embed([q.plain for q in QUESTIONS]) @ kept.T).topk(3).indices
    names = list(topics)
    found = [
        {names[i] for i in row} & set(q.topics) for row, q in zip(best, QUESTIONS, strict=True)
    ]
    assert sum(map(bool, found)) >= 18, found


def tiny():
    torch.manual_seed(0)
    return SentenceEncoder(30, 8, 2, 2, 16, n_positions=12)


def bert_tensors(model):
    """Our weights under BERT's names, written out anew: q, k and v of equal height."""
    own, tensors = model.state_dict(), {}
    for ours, theirs in model._bert_names().items():
        tensors |= dict(zip(theirs, own[ours].chunk(len(theirs)), strict=True))
    return tensors | {"pooler.dense.bias": torch.zeros(8)}


def test_weights_go_out_and_in():
    model, other = tiny(), SentenceEncoder(30, 8, 2, 2, 16, n_positions=12)
    other.load_bert(bert_tensors(model))
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_missing_and_unknown_tensors_are_listed():
    tensors = bert_tensors(tiny())
    del tensors["encoder.layer.1.attention.self.key.bias"], tensors["embeddings.LayerNorm.weight"]
    tensors["encoder.layer.2.output.dense.bias"] = torch.zeros(8)
    with pytest.raises(ValueError) as caught:
        tiny().load_bert(tensors)
    assert str(caught.value) == (
        "these are not this encoder's tensors: missing ['embeddings.LayerNorm.weight', "
        "'encoder.layer.1.attention.self.key.bias'], "
        "unknown ['encoder.layer.2.output.dense.bias']"
    )


def test_tensors_of_another_shape_are_listed_and_nothing_is_loaded():
    model, tensors = tiny(), bert_tensors(SentenceEncoder(31, 8, 2, 2, 16, n_positions=12))
    before = model.norm.weight.clone()
    tensors["embeddings.LayerNorm.weight"] += 1
    with pytest.raises(ValueError, match=r"word_embeddings.weight \(31, 8\) for \(30, 8\)"):
        model.load_bert(tensors)
    assert torch.equal(model.norm.weight, before)


@pytest.mark.parametrize(
    "tokens, keep, message",
    [
        (torch.ones(3, dtype=int), None, r"\(batch, seq\).*tokens"),
        (torch.ones(2, 3), None, "whole numbers"),
        (torch.ones(2, 13, dtype=int), None, "reads 12 tokens"),
        (torch.ones(2, 3, dtype=int), torch.ones(2, 4).bool(), r"keep.*shape"),
    ],
)
def test_bad_tokens_are_named(tokens, keep, message):
    with pytest.raises(ValueError, match=message):
        tiny()(tokens, keep=keep)


@pytest.mark.parametrize("texts", ["a text", []])
def test_texts_are_a_list(model, texts):
    with pytest.raises(ValueError, match="list of at least one text"):
        model.embed(texts)


def test_too_long_a_text_is_refused_and_not_cut(model):
    with pytest.raises(ValueError, match=r"reads 512 tokens.*\(1, 602\)"):
        model.embed(["run " * 600])


def test_missing_libraries_are_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(EncoderMissingError, match="needs safetensors and tokenizers"):
        SentenceEncoder.pretrained()
