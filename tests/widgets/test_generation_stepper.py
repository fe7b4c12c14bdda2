import base64

import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers.reference import GPT, next_token_probabilities, recorded_weights
from attn_helpers.widgets import GenerationStepper

SEQ, N_TOKENS, N_LAYERS, N_HEADS = 5, 7, 2, 3
TOKENS = [3, 0, 6, 6, 2]
NAMES = ["a", "b", " ", "\n", "<b>", "我", ""]
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(scale=2, size=(SEQ, N_TOKENS))


def causal(*shape, rng=RNG):
    weights = np.tril(rng.random((*shape, shape[-1])))
    return weights / weights.sum(-1, keepdims=True)


WEIGHTS = causal(N_LAYERS, N_HEADS, SEQ)


def stepper(**more):
    arguments = {"tokens": TOKENS, "logits": LOGITS, "vocabulary": NAMES, "weights": WEIGHTS}
    return GenerationStepper(**(arguments | {"n_prompt": 2} | more))


def test_scores_and_weights_come_back_read_only_as_float32():
    logits, weights = LOGITS.copy(), WEIGHTS.copy()
    widget = stepper(logits=logits, weights=weights)
    logits[:] = weights[:] = 0
    np.testing.assert_array_equal(widget.logits, LOGITS.astype(np.float32))
    np.testing.assert_array_equal(widget.weights, WEIGHTS.astype(np.float32))
    assert not (widget.logits.flags.writeable or widget.weights.flags.writeable)
    assert stepper(weights=None).weights is None


def test_a_text_comes_as_a_tensor_and_a_vocabulary_as_characters():
    logits = torch.from_numpy(LOGITS).requires_grad_()
    widget = stepper(tokens=torch.tensor(TOKENS), logits=logits, vocabulary="abcdefg")
    assert widget.tokens == TOKENS and type(widget.tokens[0]) is int
    assert widget.vocabulary == list("abcdefg")


def test_the_probabilities_are_those_of_the_token_before_the_position():
    widget = stepper()
    assert widget.position == 2
    for position in (2, 3, 4, 5):
        widget.position = position
        for settings in (
            {"temperature": 0.0, "top_k": None, "top_p": None},
            {"temperature": 0.7, "top_k": 3, "top_p": 0.8},
            {"temperature": 1.5, "top_k": None, "top_p": 0.4},
        ):
            widget.set(**settings)
            scores = torch.from_numpy(LOGITS[position - 1])
            expected = next_token_probabilities(scores, **settings)
            np.testing.assert_allclose(widget.probabilities, expected, rtol=0, atol=1e-6)


def test_the_smallest_temperature_does_not_overflow():
    probabilities = stepper(temperature=1e-300, position=4).probabilities
    np.testing.assert_array_equal(probabilities, np.eye(N_TOKENS)[LOGITS[3].argmax()])


def test_a_model_is_recorded_along_a_text():
    torch.manual_seed(0)
    model = GPT(N_TOKENS, 8, 2, 3).eval()
    text = torch.tensor(TOKENS)
    widget = GenerationStepper.of(model, text, NAMES, n_prompt=3, layer=2)
    with torch.no_grad():
        np.testing.assert_allclose(widget.logits, model(text[None])[0], atol=1e-6)
        weights = recorded_weights(model, text[None])
    assert widget.weights.shape == (3, 2, SEQ, SEQ)
    for found, expected in zip(widget.weights, weights.values(), strict=True):
        np.testing.assert_allclose(found, expected[0], atol=1e-6)
    assert (widget.n_prompt, widget.position, widget.layer) == (3, 3, 2)
    np.testing.assert_allclose(
        widget.probabilities, torch.tensor(widget.logits[2]).softmax(-1), atol=1e-6
    )


def test_another_text_keeps_the_choice_inside():
    widget = stepper(position=5, layer=1, head=2)
    weights = causal(1, 3, 4)
    widget.set(tokens=TOKENS[:4], logits=LOGITS[:4], weights=weights)
    assert (widget.position, widget.layer, widget.head) == (2, 0, 2)
    widget.n_prompt = 4
    assert widget.position == 4
    widget.set(weights=None)
    assert (widget.layer, widget.head) == (0, 0)


def test_repr_is_stable():
    assert repr(stepper(temperature=0.8, top_k=3)) == (
        "GenerationStepper(5 tokens, 2 given, position=2, temperature=0.8, top_k=3, top_p=None)"
    )


def buffers_of(widget):
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)[widget.model_id]
    return state["state"], {one["path"][0]: one["data"] for one in state["buffers"]}


def test_the_page_gets_the_scores_and_one_byte_for_each_weight_that_is_not_ahead():
    traits, texts = buffers_of(stepper())
    assert traits["logits"]["shape"] == [1, SEQ, N_TOKENS]
    logits = np.frombuffer(base64.b64decode(texts["logits"]), "<f4").reshape(SEQ, N_TOKENS)
    np.testing.assert_array_equal(logits, LOGITS.astype(np.float32))
    assert traits["weights"]["shape"] == [N_LAYERS, N_HEADS, SEQ * (SEQ + 1) // 2]
    sent = np.frombuffer(base64.b64decode(texts["weights"]), np.uint8).astype(float)
    for head, cells in zip(WEIGHTS.reshape(-1, SEQ, SEQ), sent.reshape(-1, 15), strict=True):
        rows = [(cells[i * (i + 1) // 2 :][: i + 1] / 255) ** 2 for i in range(SEQ)]
        for row, expected in zip(rows, head, strict=True):
            np.testing.assert_allclose(row, expected[: len(row)], rtol=0, atol=0.004)


def test_the_largest_text_has_a_page_under_a_megabyte():
    n, n_tokens = 256, 100
    tokens, logits = RNG.integers(n_tokens, size=n), RNG.normal(size=(n, n_tokens))
    names = [chr(200 + place) for place in range(n_tokens)]
    widget = GenerationStepper(tokens, logits, names, weights=causal(4, 4, n))
    traits, texts = buffers_of(widget)
    size = sum(map(len, texts.values())) + len(str(traits).encode())
    print(f"{size:,} bytes")
    assert 700_000 < size < 1_000_000


AHEAD, TALL = WEIGHTS.copy(), causal(13, 1, SEQ)
AHEAD[1, 2, 0, 4] = 0.5
WITH_NAN = LOGITS.copy()
WITH_NAN[2, 5] = np.nan
LONG = {"tokens": [0] * 400, "logits": np.zeros((400, 410)), "vocabulary": ["x"] * 410}
BAD = {
    "letters": ({"tokens": list("abcde")}, TypeError, "tokens must be whole numbers, places in"),
    "fractions": ({"tokens": [0.5] * 5}, TypeError, "it holds float64 (tokens is (5,))"),
    "batch": ({"tokens": [TOKENS]}, ValueError, "tokens is (1, 5); pick one text, tokens[0]"),
    "no text": ({"tokens": np.zeros(0, int)}, ValueError, "tokens is (0,), logits is (5, 7)"),
    "beyond": ({"tokens": [3, 0, 7, 6, 2]}, ValueError, "0 to 6, but they go from 0 to 7"),
    "negative": ({"tokens": [3, 0, -1, 6, 2]}, ValueError, "they go from -1 to 6"),
    "shorter": ({"tokens": TOKENS[:4]}, ValueError, "tokens is (4,), logits is (5, 7), vocabulary"),
    "transposed": ({"logits": LOGITS.T}, ValueError, "logits is (7, 5), vocabulary is (7,)"),
    "all texts": ({"logits": LOGITS[None]}, ValueError, "logits is (1, 5, 7); pick one text"),
    "one row": ({"logits": LOGITS[0]}, ValueError, "logits must be (seq, n_tokens), but"),
    "NaN": ({"logits": WITH_NAN}, ValueError, "nan at (2, 5)"),
    "too large": ({"logits": 1e300 * LOGITS}, ValueError, "logits must be finite"),
    "words": ({"logits": "abc"}, TypeError, "real numbers"),
    "names": ({"vocabulary": NAMES[:6]}, ValueError, "vocabulary is (6,)"),
    "numbers": ({"vocabulary": list(range(7))}, TypeError, "vocabulary must hold strings"),
    "no names": ({"vocabulary": None}, TypeError, "vocabulary must be a list of strings"),
    "one head": ({"weights": WEIGHTS[0]}, ValueError, "(n_layers, n_heads, n_q, n_k), but weights"),
    "ahead": ({"weights": AHEAD}, ValueError, "but weights[1, 2, 0, 4] is 0.5: weights is (2, 3,"),
    "scores": ({"weights": 9 * WEIGHTS}, ValueError, "scores become weights by softmax"),
    "short": ({"weights": WEIGHTS[..., :4, :4]}, ValueError, "last axes (5, 5), one for each"),
    "many layers": ({"weights": TALL}, ValueError, "1 to 12 layers of 1 to 16 heads"),
    "bytes": (LONG | {"weights": None}, ValueError, "655,360 bytes of scores and weights, but these"
              " have 656,000 (tokens is (400,), logits is (400, 410)"),
    "no prompt": ({"n_prompt": 0}, ValueError, "n_prompt must be one of 1 to 5, but it is 0"),
    "long prompt": ({"n_prompt": 6}, ValueError, "n_prompt must be one of 1 to 5"),
    "prompt": ({"position": 1}, ValueError, "position must be one of 2 to 5, but it is 1"),
    "end": ({"position": 6}, ValueError, "position must be one of 2 to 5, but it is 6"),
    "half": ({"position": 2.5}, TypeError, "position must be a position"),
    "layer": ({"layer": 2}, ValueError, "layer must be one of 0 to 1"),
    "head": ({"head": -1}, ValueError, "head must be one of 0 to 2"),
    "cold": ({"temperature": -0.1}, ValueError, "0 or more, but it is -0.1"),
    "hot": ({"temperature": np.inf}, ValueError, "finite number, 0 or more"),
    "no k": ({"top_k": 0}, ValueError, "top_k must be at least 1, or None"),
    "half a k": ({"top_k": 2.5}, TypeError, "top_k must be a position"),
    "no p": ({"top_p": 0}, ValueError, "top_p must be above 0 and at most 1"),
    "large p": ({"top_p": 1.01}, ValueError, "it is 1.01"),
    "p in words": ({"top_p": "all"}, TypeError, "real numbers"),
}  # fmt: skip


@pytest.mark.parametrize("changed, error, words", BAD.values(), ids=BAD)
def test_bad_input_is_named_and_the_old_picture_stays(changed, error, words):
    with pytest.raises(error) as caught:
        stepper(**changed)
    assert words in str(caught.value), caught.value
    widget = stepper(position=4, layer=1, head=2, temperature=0.5, top_k=4, top_p=0.9)
    with pytest.raises(error):
        widget.set(**changed)
    assert (widget.tokens, widget.vocabulary, widget.n_prompt) == (TOKENS, NAMES, 2)
    np.testing.assert_array_equal(widget.logits, LOGITS.astype(np.float32))
    np.testing.assert_array_equal(widget.weights, WEIGHTS.astype(np.float32))
    assert (widget.position, widget.layer, widget.head) == (4, 1, 2)
    assert (widget.temperature, widget.top_k, widget.top_p) == (0.5, 4, 0.9)
