import json
import math

import ipywidgets.embed
import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from attn_helpers.widgets import SoftmaxTemperature

SCORES, LABELS = [2.0, 1.0, 0.1], ["cat", "dog", "bird"]


@pytest.fixture
def widget():
    return SoftmaxTemperature(SCORES, LABELS)


def test_weights_by_hand():
    widget = SoftmaxTemperature([math.log(8), math.log(4), 0, 0], temperature=2)
    share = np.array([math.sqrt(8), 2, 1, 1])
    np.testing.assert_allclose(widget.weights, share / share.sum(), rtol=1e-15)


@pytest.mark.parametrize("temperature", [1e-3, 0.01, 0.37, 1, 8.0, 100, 1e6])
@pytest.mark.parametrize("n_k", [1, 2, 5, 64])
def test_weights_entropy_and_effective_number_equal_torch_and_scipy(n_k, temperature):
    scores = np.random.default_rng(n_k).normal(scale=3, size=n_k)
    widget = SoftmaxTemperature(scores, temperature=temperature)
    expected = torch.softmax(torch.tensor(scores) / temperature, dim=0).numpy()
    np.testing.assert_allclose(widget.weights, expected, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(widget.weights, scipy.special.softmax(scores / temperature))
    entropy = scipy.stats.entropy(expected, base=2)
    assert widget.entropy == pytest.approx(entropy, abs=1e-12)
    assert widget.effective == pytest.approx(2**entropy, rel=1e-12)


def test_the_limits_are_a_hard_look_up_and_the_mean():
    coldest = SoftmaxTemperature(SCORES, temperature=5e-324)
    assert coldest.weights.tolist() == [1, 0, 0]
    assert (coldest.entropy, math.copysign(1, coldest.entropy), coldest.effective) == (0, 1, 1)
    hottest = SoftmaxTemperature(SCORES, temperature=1e300)
    assert hottest.weights == pytest.approx([1 / 3] * 3)
    assert hottest.effective == pytest.approx(3)


@pytest.mark.parametrize(
    "scores",
    [
        (2, 1, 0.5),
        np.array([2, 1, 0.5], dtype=np.float32),
        np.array([2, 1, 0.5])[::-1][::-1],
        torch.tensor([2, 1, 0.5]),
    ],
)
def test_scores_become_a_list_of_float(scores):
    widget = SoftmaxTemperature(scores)
    assert widget.scores == [2.0, 1.0, 0.5]
    assert {type(score) for score in widget.scores} == {float}


def test_integers_are_taken_and_the_caller_s_array_is_left_alone():
    scores = np.array([3, 1, 2])
    widget = SoftmaxTemperature(scores, np.array(LABELS), temperature=np.int64(2))
    scores[:] = 0
    assert repr(widget) == (
        "SoftmaxTemperature(scores=[3.0, 1.0, 2.0], labels=['cat', 'dog', 'bird'], temperature=2.0)"
    )


def test_labels_count_the_keys_by_default():
    assert SoftmaxTemperature([0, 0]).labels == ["key 0", "key 1"]


BAD_VALUES = [
    ("scores", [1, float("nan"), 2], ValueError, r"scores .*nan at \(1,\).*scores is \(3,\)"),
    ("scores", [1, 2, -math.inf], ValueError, r"scores .*-inf at \(2,\).*scores is \(3,\)"),
    ("scores", [], ValueError, r"scores needs 1 to 64 keys, but scores is \(0,\)"),
    ("scores", range(65), ValueError, r"scores needs 1 to 64 keys, but scores is \(65,\)"),
    ("scores", [[1, 2, 3]], ValueError, r"scores .* scores is \(1, 3\)"),
    ("scores", 3.0, ValueError, r"scores .* scores is \(\)"),
    ("scores", [[1, 2], [3]], ValueError, "scores is ragged"),
    ("scores", ["1", "2", "3"], TypeError, "scores must hold real numbers"),
    ("scores", [1j, 2, 3], TypeError, "scores must hold real numbers"),
    ("scores", None, TypeError, "scores must hold real numbers"),
    ("scores", [1, 2], ValueError, r"scores is \(2,\), labels is \(3,\).*set\(scores"),
    ("labels", ["a", "b"], ValueError, r"scores is \(3,\), labels is \(2,\).*set\(scores"),
    ("labels", "cat", TypeError, "labels must be a list of strings.* it is 'cat'"),
    ("labels", 3, TypeError, "labels must be a list of strings.* it is 3"),
    ("labels", ["a", None, "c"], TypeError, r"labels\[1\] is None .*labels is \(3,\)"),
    ("temperature", 0, ValueError, "temperature must be a finite number above 0, but it is 0"),
    ("temperature", -1.0, ValueError, "temperature must be a finite number above 0, but it is -1"),
    ("temperature", math.nan, ValueError, "temperature must be a finite number above 0.* nan"),
    ("temperature", math.inf, ValueError, "temperature must be a finite number above 0.* inf"),
    ("temperature", "warm", TypeError, "temperature must hold real numbers"),
    ("temperature", [1.0], ValueError, r"temperature must be one number, .* is \(1,\)"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_VALUES)
def test_a_bad_value_is_refused_everywhere_and_changes_nothing(name, value, error, message):
    good = {"scores": SCORES, "labels": LABELS, "temperature": 0.5}
    widget = SoftmaxTemperature(**good)
    seen = []
    widget.observe(seen.append, list(good))
    with pytest.raises(error, match=message):
        SoftmaxTemperature(**(good | {name: value}))
    with pytest.raises(error, match=message):
        setattr(widget, name, value)
    with pytest.raises(error, match=message):
        widget.set(**{"temperature": 2.0, name: value})
    with pytest.raises(error, match=message):  # as a message from a browser arrives
        widget.set_state({name: value})
    assert {name: getattr(widget, name) for name in good} == good
    assert seen == []


def test_set_changes_scores_and_labels_of_another_length_at_once(widget):
    widget.set(scores=[0, 0], labels=("yes", "no"), temperature=3)
    assert (widget.scores, widget.labels, widget.temperature) == ([0.0, 0.0], ["yes", "no"], 3.0)
    with pytest.raises(TypeError, match="not .'tau'."):
        widget.set(tau=1)


def test_set_sends_one_message(widget, monkeypatch):
    sent = []
    monkeypatch.setattr(widget, "send_state", lambda names: sent.append(set(names)))
    widget.set(scores=[0, 0], labels=["yes", "no"])
    assert sent == [{"scores", "labels"}]


def test_traits_can_be_held_and_set_one_by_one(widget):
    with widget.hold_trait_notifications():
        widget.scores = [1, 2, 3, 4]
        widget.labels = list("abcd")
    with pytest.raises(ValueError, match=r"labels is \(1,\)"), widget.hold_trait_notifications():
        widget.labels = ["alone"]
    assert (widget.scores, widget.labels) == ([1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "d"])


def test_what_the_browser_sends_is_seen_by_an_observer(widget):
    seen = []
    widget.observe(lambda change: seen.append((change.name, change.new)), "temperature")
    widget.set_state({"temperature": 0.25})
    assert seen == [("temperature", 0.25)]
    assert widget.weights == pytest.approx(scipy.special.softmax(np.array(SCORES) / 0.25))


def test_repr_is_code_and_is_what_a_cell_shows(widget):
    text = (
        "SoftmaxTemperature(scores=[2.0, 1.0, 0.1], labels=['cat', 'dog', 'bird'], temperature=1.0)"
    )
    assert repr(widget) == str(widget) == text
    data, _ = widget._repr_mimebundle_()
    assert data["text/plain"] == text
    assert "application/vnd.jupyter.widget-view+json" in data
    long = SoftmaxTemperature(range(64))
    assert long._repr_mimebundle_()[0]["text/plain"] == repr(long)
    assert repr(eval(repr(long))) == repr(long)


def test_state_is_plain_json_with_hostile_labels_untouched():
    hostile = ["<img src=x onerror=alert(1)>", "</script>", '"\\\u2028', "", "我", "a\nb"]
    widget = SoftmaxTemperature(np.float32([0, 1, 2, 3, 4, 5]), hostile)
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)[widget.model_id][
        "state"
    ]
    kept = json.loads(json.dumps(state, allow_nan=False))
    assert kept["labels"] == hostile
    assert kept["scores"] == [0, 1, 2, 3, 4, 5]
    assert kept["temperature"] == 1
    assert kept["_esm"].count("export default") == 1 and ".attn-widget" in kept["_css"]
