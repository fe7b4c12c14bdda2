"""The ten modes: each does what its sentence says, seen in its weights."""

import math

import numpy as np
import pytest

from attn_helpers import ProgramError, attention
from attn_helpers.programs import per_head
from attn_helpers.programs.modes import MODES, measure, mode

N = 32


@pytest.fixture(scope="module")
def seen():
    """The weights of every mode on one random sequence."""
    q, k = np.random.default_rng(1).standard_normal((2, N, 16))
    plain = attention(q, k, k)[1]
    return {None: plain} | {name: attention(q, k, k, program=mode(name))[1] for name in MODES}


def test_the_modes_of_the_course_are_there():
    assert list(MODES) == [
        "focus", "diffuse", "recency", "local", "causal", "anchor", "skim", "search", "copy",
        "document",
    ]  # fmt: skip
    for one in MODES.values():
        assert one.sentence.endswith(".") and one.reference
        assert str(one.program()) == one.text


def test_each_mode_sees_what_its_sentence_says(seen):
    i, j = np.indices((N, N))
    doc = np.array(MODES["document"].values["doc"])
    wanted = {
        "focus": np.ones((N, N), bool),
        "diffuse": np.ones((N, N), bool),
        "recency": np.ones((N, N), bool),
        "local": np.abs(i - j) <= 2,
        "causal": np.tri(N, dtype=bool),
        "anchor": (i == 0) | (j == 0) | (np.abs(i - j) <= 1),
        "skim": (i % 4) == (j % 4),
        "copy": np.eye(N, k=-1, dtype=bool),
        "document": doc[:, None] == doc,
    }
    for name, keep in wanted.items():
        assert ((seen[name] > 0) == keep).all(), name


def test_search_finds_nothing_where_nothing_matches(seen):
    found = seen["search"].any(-1)
    assert 0 < found.sum() < N
    np.testing.assert_allclose(seen["search"].sum(-1), found)


def test_score_modes_change_the_weights_as_their_formulas_say(seen):
    def normal(weights):
        return weights / weights.sum(-1, keepdims=True)

    distance = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    np.testing.assert_allclose(seen["focus"], normal(seen[None] ** 4), atol=1e-12)
    np.testing.assert_allclose(seen["diffuse"], normal(seen[None] ** 0.25), atol=1e-12)
    np.testing.assert_allclose(
        seen["recency"], normal(seen[None] * np.exp(-distance / 2)), atol=1e-12
    )


def test_measured_signatures_tell_the_modes_apart():
    plain, by_name = measure(), {name: measure(mode(name)) for name in MODES}
    assert plain["entropy"] < math.log2(N)
    entropy = {name: numbers["entropy"] for name, numbers in by_name.items()}
    assert entropy["focus"] < plain["entropy"] < entropy["diffuse"] < math.log2(N)
    assert by_name["copy"] == {
        "entropy": 0, "effective_tokens": 1, "mean_distance": 1, "weight_on_self": 0,
        "weight_on_first": 1 / (N - 1),
    }  # fmt: skip
    distance = {name: numbers["mean_distance"] for name, numbers in by_name.items()}
    assert distance["local"] < distance["recency"] < plain["mean_distance"]
    first = {name: numbers["weight_on_first"] for name, numbers in by_name.items()}
    assert max(first, key=first.get) == "anchor"
    rounded = {
        tuple(round(number, 2) for number in numbers.values()) for numbers in by_name.values()
    }
    assert len(rounded) == len(MODES)  # a signature is one


def test_modes_take_other_values_compose_and_say_what_is_wrong():
    assert mode("local", width=5).numbers == {"width": 5}
    assert mode("document", doc=[0, 1]).arrays["doc"].tolist() == [0, 1]
    both = mode("causal") & mode("focus") >> mode("recency")
    assert both.numbers == {"tau": 0.25, "slope": 0.5}
    assert per_head([mode("copy"), mode("causal")]).n_heads == 2
    with pytest.raises(ProgramError, match="no mode 'focsu'; there are focus"):
        mode("focsu")
    with pytest.raises(ProgramError, match="slope"):
        mode("focus", slope=1)
    with pytest.raises(ProgramError, match="40 entries"):
        measure(mode("document"), n=40)
