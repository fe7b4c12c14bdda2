"""What the program editor computes, under Node: the same as Python's programs and diagnostics."""

import json
from itertools import product

import numpy as np
import pytest

from attn_helpers.diagnostics import signature
from attn_helpers.programs import ProgramError, mask_from, program, program_from_json
from attn_helpers.programs.modes import MODES, mode
from tests.js.test_node import HERE, node  # noqa: F401

pytestmark = pytest.mark.node
CHAINS = [mode(name) for name in MODES] + [
    mode("causal") & mode("recency"),
    mode("local") & mode("local", width=1) & mode("anchor"),
    mode("recency") >> mode("focus") >> mode("recency", slope=1e-7),
    mode("document", doc=[0, 0, 1, 1.5]) & mode("search"),
    program("where(s > 0, s, s * width_2) + doc[j]", width_2=-3e-20, doc=[2, 2]),
]


@pytest.fixture
def ask(node):  # noqa: F811
    """Give the editor tasks, and return its answers."""

    def answers(tasks):
        return json.loads(node(HERE / "editor.mjs", text=json.dumps(tasks)))

    return answers


def python_joins(a, b, how):
    try:
        return a & b if how == "and" else a >> b
    except ProgramError:
        return None


def test_two_programs_become_the_one_that_python_makes(ask):
    cases = list(product(CHAINS, CHAINS, ["and", "then"]))
    tasks = [
        {"join": [json.loads(a.to_json()), json.loads(b.to_json()), how]} for a, b, how in cases
    ]
    refused = 0
    for (a, b, how), seen in zip(cases, ask(tasks), strict=True):
        expected = python_joins(a, b, how)
        if expected is None:
            refused += 1
            assert seen["problem"].startswith("& cannot join two changes of the score")
            continue
        assert program_from_json(json.dumps(seen["json"])) == expected, (a, b, how)
        assert seen["json"] == json.loads(expected.to_json())
        assert seen["python"] == repr(expected)
    assert 0 < refused < len(cases) / 4


PAINTINGS = {
    "j <= i": {}, "j < i": {}, "j >= i": {}, "j > i": {}, "j == i": {},
    "j == i + offset": {"offset": -2},
    "abs(i - j) <= width": {"width": 2},
    "j <= i and i - j <= width": {"width": 1},
    "j < first": {"first": 2},
    "(i - j) % stride == rest": {"stride": 3, "rest": 1},
    "i // size == j // size": {"size": 3},
    "j < anchors or abs(i - j) <= width": {"anchors": 2, "width": 1},
    "j < anchors or i < anchors or abs(i - j) <= width": {"anchors": 1, "width": 1},
    "j <= i and (j < anchors or i - j <= width)": {"anchors": 1, "width": 2},
}  # fmt: skip


def cells(masks):
    return [np.ravel(mask * 1).tolist() for mask in masks]


def test_a_painted_family_is_recognised_with_its_numbers(ask):
    sizes = {"n_q": 8, "n_k": 8, "q_start": 0}
    masks = [program(text, **numbers).allowed(8, 8) for text, numbers in PAINTINGS.items()]
    answers = ask([{"paint": paint, "sizes": sizes, "score": "s"} for paint in cells(masks)])
    for made, (text, numbers) in zip(answers, PAINTINGS.items(), strict=True):
        assert made == {"mask": text} | ({"numbers": numbers} if numbers else {})


@pytest.mark.parametrize(("n_q", "n_k", "q_start"), [(8, 8, 0), (6, 9, 0), (3, 9, 6), (1, 1, 0)])
def test_a_painting_becomes_a_mask_of_just_its_cells_and_leaves_the_score(ask, n_q, n_k, q_start):
    rng = np.random.default_rng(n_q)
    kinds = [program(text, **numbers) for text, numbers in PAINTINGS.items()]
    masks = [mask.allowed(n_q, n_k, q_start=q_start) for kind in kinds for mask in (kind, ~kind)]
    masks += [np.ones((n_q, n_k), bool), *(rng.random((20, n_q, n_k)) < 0.5)]
    sizes = {"n_q": n_q, "n_k": n_k, "q_start": q_start}
    answers = ask(
        [{"paint": paint, "sizes": sizes, "score": "s / width"} for paint in cells(masks)]
    )
    scores = rng.normal(size=(n_q, n_k))
    for mask, answer in zip(masks, answers, strict=True):
        made = program_from_json(json.dumps(answer))
        wanted = np.where(mask, scores / 9, -np.inf)
        np.testing.assert_array_equal(
            made.apply(scores, q_start=q_start), wanted, err_msg=str(made)
        )


def test_a_painting_without_a_family_is_what_mask_from_makes(ask):
    keep = np.random.default_rng(0).random((5, 7)) < 0.5
    (made,) = ask([{"paint": cells([keep])[0], "sizes": {"n_q": 5, "n_k": 7, "q_start": 0},
                    "score": "s"}])  # fmt: skip
    assert program_from_json(json.dumps(made)) == mask_from(keep=keep)


@pytest.mark.parametrize("q_start", [0, 2, 4])
def test_the_signature_is_that_of_the_diagnostics(ask, q_start):
    weights = np.random.default_rng(1).dirichlet(np.full(6, 0.3), size=4)
    weights[2] = 0
    weights[0] = np.eye(6)[5]
    (seen,) = ask([{"weights": weights.tolist(), "q_start": q_start}])
    names = {"entropy": "entropy", "effective": "effective_tokens", "distance": "mean_distance",
             "self": "weight_on_self", "first": "weight_on_first"}  # fmt: skip
    expected = signature(weights, q_start=q_start)
    for name, python in names.items():
        assert seen[name] == pytest.approx(float(expected[python]), abs=1e-12)
