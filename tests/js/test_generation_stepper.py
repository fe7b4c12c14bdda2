"""The probabilities of the generation stepper, under Node: the same as Python's and torch's."""

import json
from itertools import product

import numpy as np
import pytest
import torch

from attn_helpers.reference import next_token_probabilities
from attn_helpers.widgets import GenerationStepper
from tests.js.test_node import HERE, node  # noqa: F401

pytestmark = pytest.mark.node
RNG = np.random.default_rng(17)
SCORES = [
    RNG.normal(scale=scale, size=n_tokens).astype(np.float32)
    for n_tokens in (1, 2, 7, 100)
    for scale in (0.01, 3, 1e4)
]
TIES = [np.zeros(8), np.array([2, 5, 5, 5, 1, 2.0]), RNG.integers(4, size=60) * 1.0]
EXTREMES = [np.array([3e38, -3e38, 0]), np.array([1e-38, 0, -1e-38]), np.full(5, -7e37)]
TEMPERATURES = (0, 1e-6, 0.4, 1, 1.9, 1e9)
SETTINGS = list(product(TEMPERATURES, (None, 1, 3, 99), (None, 1e-9, 0.37, 0.5, 0.93, 1)))


NAMES = ("temperature", "top_k", "top_p")


def cases_of(logits, settings):
    """Return the cases for the page, and the probabilities that Python has for them."""
    names = [f"t{place}" for place in range(len(logits))]
    widget = GenerationStepper([0], logits[None], names)
    cases, expected = [], []
    for values in settings:
        case = dict(zip(NAMES, values, strict=True))
        widget.set(**case)
        cases.append({"logits": widget.logits[0].tolist(), **case})
        expected.append(widget.probabilities)
    return cases, expected


@pytest.mark.parametrize("kind", [SCORES, TIES, EXTREMES], ids=["scores", "ties", "extremes"])
def test_the_page_python_and_the_reference_agree(node, kind):  # noqa: F811
    for logits in kind:
        cases, expected = cases_of(logits, SETTINGS)
        answers = json.loads(node(HERE / "next_token.mjs", text=json.dumps(cases)))
        for case, probabilities, seen in zip(cases, expected, answers, strict=True):
            np.testing.assert_allclose(
                seen["probabilities"], probabilities, rtol=0, atol=1e-12, err_msg=str(case)
            )
            assert probabilities.sum() == pytest.approx(1, abs=1e-12)
            if kind is SCORES and case["temperature"] in (0.4, 1, 1.9):  # without a shift
                scores = torch.tensor(case.pop("logits"), dtype=torch.float64)
                reference = next_token_probabilities(scores, **case)
                np.testing.assert_allclose(seen["probabilities"], reference, rtol=0, atol=1e-6)


def test_what_is_kept_is_what_has_a_probability(node):  # noqa: F811
    logits = SCORES[-2]  # 100 tokens, none of them with a probability of 0
    settings = [(1.0, top_k, top_p) for top_k in (None, 1, 30) for top_p in (None, 0.2, 0.8)]
    cases, expected = cases_of(logits, settings)
    answers = json.loads(node(HERE / "next_token.mjs", text=json.dumps(cases)))
    for probabilities, seen in zip(expected, answers, strict=True):
        assert seen["kept"] == (probabilities > 0).sum()
