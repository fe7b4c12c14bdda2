"""The widgets' JavaScript under Node: its own tests, and the same numbers as NumPy and torch."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from attn_helpers import diagnostics
from attn_helpers.plots import style
from attn_helpers.widgets import AttentionExplorer, SoftmaxTemperature

pytestmark = pytest.mark.node
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def node():
    """Run Node with arguments and standard input, and return what it prints."""
    program = shutil.which("node")
    if program is None:
        reason = "no Node on PATH: the tests of the JavaScript do not run"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)

    def run(*arguments, text=None):
        done = subprocess.run(
            [program, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_javascript_passes_its_own_tests(node):
    files = sorted(HERE.glob("*.test.mjs"))
    assert files
    report = node("--test", "--test-reporter=tap", *files)
    assert "# fail 0" in report and "# pass 0" not in report


def test_softmax_and_entropy_equal_torch_and_python_to_1e_12(node):
    rng = np.random.default_rng(7)
    cases = [
        {"scores": rng.normal(scale=spread, size=n_k).tolist(), "temperature": temperature}
        for n_k in (1, 2, 7, 64)
        for spread in (0.1, 3, 1e4)
        for temperature in (1e-6, 0.01, 0.37, 1, 100, 1e9)
    ]
    cases.append({"scores": [1.5, 1.5, -2.0], "temperature": 0.05})
    outcomes = json.loads(node(HERE / "outcomes.mjs", text=json.dumps(cases)))
    for case, seen in zip(cases, outcomes, strict=True):
        widget = SoftmaxTemperature(**case)
        scores = torch.tensor(case["scores"], dtype=torch.float64)
        # The same shift on both sides: 1e4 over 1e-6 alone would lose the last digits.
        expected = torch.softmax((scores - scores.max()) / case["temperature"], dim=0)
        np.testing.assert_allclose(seen["weights"], expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(seen["weights"], widget.weights, rtol=0, atol=1e-12)
        entropy = scipy.stats.entropy(expected, base=2)
        assert [seen["entropy"], widget.entropy] == pytest.approx([entropy, entropy], abs=1e-12)
        assert seen["effective"] == pytest.approx(2**entropy, rel=1e-12)


def test_scores_weights_and_out_equal_numpy_to_1e_12(node):
    rng = np.random.default_rng(11)
    widgets = []
    for dtype in np.float64, np.float32:
        q, k, v = (rng.normal(size=(2, n, d)).astype(dtype) for n, d in ((3, 7), (5, 7), (5, 4)))
        mask = rng.random((2, 3, 5)) < 0.6
        mask[1, 2] = False
        for similarity in "dot", "scaled dot", "cosine":
            for temperature in 0.01, 0.7, 100:
                look = {"similarity": similarity, "temperature": temperature}
                arrays = {"q": 3 * q, "k": k, "v": v[0], "mask": mask}
                widgets.append(AttentionExplorer(list("abc"), list("vwxyz"), **arrays, **look))
    states = [
        {name: plain(value) for name, value in w.get_state(["tokens", "key_tokens", "q", "k", "v",
         "_ready", "mask", "temperature", "similarity", "query", "head"]).items()}
        for w in widgets
    ]  # fmt: skip
    answers = json.loads(node(HERE / "weights.mjs", text=json.dumps(states)))
    for widget, heads in zip(widgets, answers, strict=True):
        seen = {name: np.array([head[name] for head in heads], float) for name in heads[0]}
        scores = np.where(np.isneginf(widget.scores), np.nan, widget.scores)
        np.testing.assert_allclose(seen["scores"], scores, rtol=1e-12)
        np.testing.assert_allclose(seen["weights"], widget.weights, rtol=0, atol=1e-12)
        np.testing.assert_allclose(seen["out"], widget.out, rtol=0, atol=1e-11)


def test_signatures_equal_those_of_the_package_to_1e_12(node):
    rng = np.random.default_rng(13)
    for n_q, n_k in (1, 1), (7, 7), (3, 5), (5, 3):
        weights = rng.dirichlet(np.full(n_k, 0.3), size=(4, n_q))
        weights[1, 0] = weights[2] = 0
        heads = json.loads(node(HERE / "signatures.mjs", text=json.dumps(weights.tolist())))
        seen = {name: [head[name] for head in heads] for name in heads[0]}
        expected = diagnostics.signature(weights)
        names = {"entropy": "entropy", "distance": "mean_distance",
                 "self": "weight_on_self", "first": "weight_on_first"}  # fmt: skip
        for name, package in names.items():
            np.testing.assert_allclose(seen[name], expected[package], rtol=0, atol=1e-12)


def plain(trait):
    """An array of the wire with its numbers as a list, which JSON can carry."""
    if not isinstance(trait, dict):
        return trait
    if trait["shape"] is None:
        return None
    types = {"float64": "<f8", "float32": "<f4", "bool": "u1"}
    values = np.frombuffer(trait["bytes"], types[trait["dtype"]]).tolist()
    return {"shape": trait["shape"], "dtype": trait["dtype"], "values": values}


@pytest.mark.parametrize("kind", ["WEIGHTS", "SCORES"])
def test_the_colour_scales_are_those_of_the_plots(node, kind):
    load = f"import {{ load }} from {json.dumps((HERE / 'load.mjs').as_uri())};"
    code = load + f'const s = await load("attention"); console.log(s.LIGHT_{kind}.join())'
    stops = node("--input-type=module", "--eval", code).strip().split(",")
    assert [stop.upper() for stop in stops] == list(getattr(style, f"_{kind}"))
