"""Sampling against frequencies and hand counts, and generating with and without a cache."""

import numpy as np
import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from attn_helpers.reference import GPT, generate, next_token_probabilities

LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()


def made(**options):
    torch.manual_seed(0)
    model = GPT(50, 16, 4, 2, **options).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return model


def close(probabilities, expected):
    expected = torch.tensor(expected, dtype=torch.float32)
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-6)


def test_by_hand():
    close(next_token_probabilities(LOGITS), [0.5, 0.3, 0.15, 0.05])
    close(next_token_probabilities(LOGITS, top_k=2), [0.625, 0.375, 0, 0])
    close(next_token_probabilities(LOGITS, top_k=9), [0.5, 0.3, 0.15, 0.05])
    close(next_token_probabilities(LOGITS, top_p=0.81), [10 / 19, 6 / 19, 3 / 19, 0])
    close(next_token_probabilities(LOGITS, top_p=0.01), [1, 0, 0, 0])
    close(next_token_probabilities(LOGITS, temperature=0), [1, 0, 0, 0])
    close(
        next_token_probabilities(LOGITS, temperature=0.5),
        [0.6849315, 0.2465753, 0.0616438, 0.0068493],
    )


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [None, 1, 7])
@pytest.mark.parametrize("top_p", [None, 0.5, 0.9])
def test_equals_transformers(temperature, top_k, top_p):
    logits = (
        torch.randn(20, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2
    )
    scores = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None:
        scores = TopPLogitsWarper(top_p)(None, scores)
    ours = next_token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    torch.testing.assert_close(ours, scores.softmax(-1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"top_k": 2}, {"top_p": 0.9}])
def test_tiny_temperature_leaves_the_likeliest(options, dtype):
    logits = 1e4 * LOGITS.to(dtype)
    probabilities = next_token_probabilities(logits, temperature=1e-300, **options)
    assert probabilities.tolist() == [1, 0, 0, 0]


def test_equal_scores_at_the_edge_of_top_k():
    close(next_token_probabilities(torch.zeros(4), top_k=2), [0.5, 0.5, 0, 0])


def test_any_leading_axes():
    logits = torch.randn(2, 3, 5)
    for options in ({}, {"top_k": 2}, {"top_p": 0.5}, {"temperature": 0}):
        probabilities = next_token_probabilities(logits, **options)
        assert probabilities.shape == logits.shape
        torch.testing.assert_close(probabilities.sum(-1), torch.ones(2, 3))
        alone = next_token_probabilities(logits[1, 2], **options)
        torch.testing.assert_close(probabilities[1, 2], alone)


@pytest.mark.parametrize(
    "options",
    [{"temperature": -1}, {"temperature": float("inf")}, {"temperature": float("nan")},
     {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"top_p": -0.1}],
)  # fmt: skip
def test_refuses(options):
    message = "temperature is at least 0 and finite, top_k at least 1, top_p above"
    with pytest.raises(ValueError, match=message):
        next_token_probabilities(LOGITS, **options)
    with pytest.raises(ValueError, match=message):
        generate(made(), torch.tensor([[1]]), 0, **options)


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 2}, {"top_p": 0.5}])
@pytest.mark.parametrize("row", [[0, float("nan")], [0, float("inf")], [-float("inf")] * 2])
def test_refuses_rows_that_have_no_likeliest(row, options):
    logits = torch.tensor([[0.0, 1.0], row])
    with pytest.raises(ValueError, match=r"a finite maximum and no NaN.* logits is \(2, 2\)"):
        next_token_probabilities(logits, **options)


@pytest.mark.parametrize("logits", [torch.tensor([1, 2]), torch.zeros(3, 0), torch.tensor(1.0)])
def test_refuses_what_are_no_logits(logits):
    with pytest.raises(ValueError, match=r"\(\.\.\., n_tokens\), in floating point: logits is"):
        next_token_probabilities(logits)


def test_a_token_may_be_ruled_out():
    close(next_token_probabilities(torch.tensor([0.0, -torch.inf, 0.0])), [0.5, 0, 0.5])


def test_top_p_of_1_keeps_all():
    logits = torch.randn(50_000, generator=torch.Generator().manual_seed(0))
    everything = next_token_probabilities(logits, top_p=1.0)
    torch.testing.assert_close(everything, next_token_probabilities(logits))
    assert everything.all()


def test_nothing_is_dropped_while_it_writes():
    model, tokens = made(dropout=0.5), torch.tensor([[1, 2, 3]])
    calm = generate(model, tokens, 20, temperature=0)
    model.train()
    assert torch.equal(generate(model, tokens, 20, temperature=0), calm)
    assert model.training
    with pytest.raises(ValueError, match="n_new must be at least 0, but it is -3"):
        generate(model, tokens, -3)


@pytest.mark.parametrize("context", [None, 60])
def test_cache_changes_no_token(context):
    model, tokens = made(context=context), torch.tensor([[1, 2, 3], [4, 5, 6]])
    written = [
        generate(model, tokens, 40, cached=cached, generator=torch.Generator().manual_seed(0))
        for cached in (True, False)
    ]
    assert written[0].shape == (2, 43)
    assert torch.equal(written[0][:, :3], tokens)
    assert torch.equal(*written)


def test_temperature_zero_follows_the_likeliest():
    model, tokens = made(), torch.tensor([[1, 2, 3]])
    written = generate(model, tokens, 10, temperature=0)
    with torch.no_grad():
        likeliest = model(written[:, :-1]).argmax(-1)
    assert torch.equal(written[:, 3:], likeliest[:, 2:])


def test_draws_with_the_probabilities_of_the_model():
    model, many = made(), torch.tensor([[7]]).expand(20_000, 1)
    drawn = generate(model, many, 1, top_k=4, generator=torch.Generator().manual_seed(0))[:, 1]
    with torch.no_grad():
        expected = next_token_probabilities(model(many[:1])[0, -1], top_k=4).numpy()
    seen = np.bincount(drawn, minlength=50) / len(drawn)
    np.testing.assert_allclose(seen, expected, atol=4 * np.sqrt(0.25 / len(drawn)))
    assert not seen[expected == 0].any()


def test_nothing_new():
    tokens = torch.tensor([[1, 2]])
    assert torch.equal(generate(made(), tokens, 0), tokens)


def test_generated_tokens_can_be_trained_on():
    model = made()
    written = generate(model, torch.tensor([[1]]), 5)
    model(written).sum().backward()
    assert model.tokens.weight.grad.any()


def test_needs_a_beginning():
    with pytest.raises(ValueError, match=r"at least one token: tokens is \(1, 0\)"):
        generate(made(), torch.zeros(1, 0, dtype=int), 3)
