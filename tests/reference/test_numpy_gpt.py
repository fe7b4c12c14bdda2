"""`NumpyGPT` against the torch model whose weights it shares."""

import numpy as np
import pytest
import torch
from torch import nn

from attn_helpers import program
from attn_helpers.reference import GPT, NumpyGPT, generate

RECENT = program("s - 0.1 * (i - j)") & program("i - j < width", width=16)


def made(dtype=torch.float32, **options):
    torch.manual_seed(0)
    model = GPT(50, 16, 4, 2, **options).to(dtype).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    return model


@pytest.mark.parametrize("dtype, close", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("restricts", [None, RECENT], ids=["full", "window"])
@pytest.mark.parametrize("options", [{}, {"context": 200}, {"bias": False}], ids=str)
def test_equals_the_torch_model(options, restricts, dtype, close):
    model = made(dtype, program=restricts, **options)
    text = torch.randint(50, (200,), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(text[None])[0].numpy()
    writer = NumpyGPT(model, 200)
    logits = np.stack([writer.read(token) for token in text.tolist()])
    assert logits.dtype == expected.dtype
    np.testing.assert_allclose(logits, expected, rtol=0, atol=close)


def test_writes_what_the_torch_model_writes():
    model = made()
    written = NumpyGPT(model, 50).generate(
        [1, 2, 3], 40, temperature=0, rng=np.random.default_rng(0)
    )
    expected = generate(model, torch.tensor([[1, 2, 3]]), 40, temperature=0)
    assert written == expected[0, 3:].tolist()


def test_draws_with_the_probabilities_of_the_model():
    model, rng = made(), np.random.default_rng(0)
    with torch.no_grad():
        expected = model(torch.tensor([[7]]))[0, -1].softmax(-1).numpy()
    drawn = [NumpyGPT(model, 2).generate([7], 1, rng=rng)[0] for _ in range(4000)]
    seen = np.bincount(drawn, minlength=50) / len(drawn)
    np.testing.assert_allclose(seen, expected, atol=4 * np.sqrt(0.25 / len(drawn)))


def test_goes_on_where_it_stopped():
    model = made()
    whole = NumpyGPT(model, 50).generate([1], 20, rng=np.random.default_rng(3))
    writer, rng = NumpyGPT(model, 50), np.random.default_rng(3)
    first = writer.generate([1], 8, rng=rng)
    assert first + writer.generate(first[-1:], 12, rng=rng) == whole


def test_refuses():
    with pytest.raises(ValueError, match="at most 30: length=31"):
        NumpyGPT(made(context=30), 31)
    with pytest.raises(ValueError, match=r"GELU\('tanh'\) alone, not ReLU"):
        NumpyGPT(made(activation=nn.ReLU), 5)
    with pytest.raises(ValueError, match="n_heads=4, n_kv_heads=2"):
        NumpyGPT(made(n_kv_heads=2), 5)
    with pytest.raises(ValueError, match="at least one token"):
        NumpyGPT(made(), 5).generate([], 3, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="norm_first=False"):
        NumpyGPT(made(norm_first=False), 5)
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(ValueError, match=rf"on cpu in {dtype}: take model.float\(\)"):
            NumpyGPT(made(dtype), 5)
    writer = NumpyGPT(made(), 2)
    for token in (-1, 50):
        with pytest.raises(ValueError, match=f"tokens are 0 to 49, but one is {token}"):
            writer.read(token)
    writer.read(1), writer.read(1)
    with pytest.raises(ValueError, match="room for 2 tokens, of which 2 are taken, and 1 more"):
        writer.read(1)


def test_what_is_refused_has_read_nothing():
    writer, rng = NumpyGPT(made(), 5), np.random.default_rng(0)
    for tokens, n_new, options in (
        ([1, 2], 5, {}), ([1, 99], 1, {}), ([1], -1, {}), ([1, 2], 2, {"temperature": -1}),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            writer.generate(tokens, n_new, rng=rng, **options)
        assert writer.n == 0
    assert len(writer.generate([1, 2], 4, rng=rng)) == 4 and writer.n == 5
