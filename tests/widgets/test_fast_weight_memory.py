import json
import math

import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers.reference.fast_weights import equiangular_keys
from attn_helpers.widgets import FastWeightMemory

LABELS, FEATURES = ["cat", "dog", "bird"], ["fur", "wings"]
V = [[1.0, -1.0], [1.0, -0.5], [-1.0, 1.0]]


@pytest.fixture
def widget():
    return FastWeightMemory(LABELS, V, equiangular_keys(3, 0.5), features=FEATURES)


def test_what_is_written_at_right_angles_is_recalled_and_the_rest_is_nothing():
    widget = FastWeightMemory(LABELS, V, written=[0, 2])
    assert widget.features == ["0", "1"]
    np.testing.assert_array_equal(widget.k, np.eye(3))
    np.testing.assert_array_equal(widget.memory, [V[0], [0, 0], V[2]])
    np.testing.assert_array_equal(widget.recalled, [V[0], [0, 0], V[2]])


def test_alike_keys_interfere_by_their_cosine(widget):
    widget.written = [0, 1, 2]
    gram = np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    np.testing.assert_allclose(widget.recalled, gram @ V, rtol=0, atol=1e-12)
    widget.rate = 0.25
    np.testing.assert_allclose(widget.recalled, 0.25 * gram @ V, rtol=0, atol=1e-12)


def test_the_delta_rule_repairs_what_writing_again_by_hebb_makes_worse(widget):
    def error():
        return np.abs(widget.recalled - V).max()

    widget.written = [0, 1, 2] * 40
    assert error() > 10
    widget.rule = "delta"
    assert error() < 1e-9
    expected = np.linalg.pinv(widget.k) @ V
    np.testing.assert_allclose(widget.memory, expected, rtol=0, atol=1e-9)
    widget.written = [0, 1, 2]  # by hand: x adds 1, 0.5, -1.75; y adds -1, 0, 1.5
    assert np.abs(widget.recalled - V).max(axis=1) == pytest.approx([0.75, 0.875, 0], abs=1e-12)


@pytest.mark.parametrize("kind", [np.float32, torch.tensor, lambda rows: tuple(map(tuple, rows))])
def test_tables_become_lists_of_float_and_the_reader_s_array_is_left_alone(kind):
    k, v = kind([[1, 0], [0.5, 0.5]]), kind([[2, 3, 4], [5, 6, 7]])
    widget = FastWeightMemory(
        np.array(["a", "b"]), v, k, written=np.array([1, 0]), query=np.int64(1)
    )
    assert widget.k == [[1.0, 0.0], [0.5, 0.5]] and widget.v == [[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]
    assert {type(x) for row in widget.k + widget.v for x in row} == {float}
    assert (widget.written, widget.query) == ([1, 0], 1)
    assert {type(place) for place in widget.written} == {int}


NAN = math.nan
BAD_VALUES = [
    ("labels", ["a", "b"], ValueError, r"same n.*labels is \(2,\), k is \(3, 3\), v is \(3, 2\)"),
    ("labels", "cat", TypeError, "labels must be a list of strings.* it is 'cat'"),
    ("labels", ["a", None, "c"], TypeError, r"labels\[1\] is None"),
    ("features", ["x"], ValueError, r"same d_v.*v is \(3, 2\), features is \(1,\).*set\(labels"),
    ("features", 3, TypeError, "features must be a list of strings"),
    ("k", np.eye(2), ValueError, r"same n.*k is \(2, 2\)"),
    ("k", [1, 0, 0], ValueError, r"k must have 2 axes, but k is \(3,\)"),
    ("k", [[1], [NAN], [0]], ValueError, r"k must be finite.*nan at \(1, 0\)"),
    ("k", np.zeros((3, 17)), ValueError, r"k needs 1 to 16 rows and columns: k is \(3, 17\)"),
    ("k", np.zeros((3, 0)), ValueError, r"k needs 1 to 16 rows and columns: k is \(3, 0\)"),
    ("k", [[1, 0], [3, 4], [0, 1]], ValueError, r"length 5 \(k is \(3, 2\)\).*np.linalg.norm"),
    ("k", [["a"], ["b"], ["c"]], TypeError, "k must hold real numbers"),
    ("v", [[1, 2], [3], [4, 5]], ValueError, "v is ragged"),
    ("v", np.zeros((17, 2)), ValueError, r"v needs 1 to 16 rows and columns: v is \(17, 2\)"),
    ("v", [[1, 2]], ValueError, r"same n.*v is \(1, 2\)"),
    ("v", None, TypeError, "v must hold real numbers"),
    ("rule", "oja", ValueError, "rule must be one of hebbian, delta, not 'oja'"),
    ("rule", None, ValueError, "rule must be one of hebbian, delta, not None"),
    ("rate", 0, ValueError, "rate must be a finite number above 0, but it is 0"),
    ("rate", 1.5, ValueError, "rate must be at most 1, but it is 1.5"),
    ("rate", NAN, ValueError, "rate must be a finite number above 0"),
    ("rate", "fast", TypeError, "rate must hold real numbers"),
    ("written", [0, 3], ValueError, "written must name pairs, 0 to 2, but it holds 3"),
    ("written", [-1], ValueError, "written must name pairs, 0 to 2, but it holds -1"),
    ("written", [0.5], TypeError, "written must be a position.* 0.5"),
    ("written", "01", TypeError, "written must be a list of positions, but it is '01'"),
    ("written", 1, TypeError, "written must be a list of positions, but it is 1"),
    ("written", [0] * 257, ValueError, "written holds at most 256 pairs, but it is 257"),
    ("query", 3, ValueError, "query must name pairs, 0 to 2, but it holds 3"),
    ("query", "cat", TypeError, "query must be a position.* 'cat'"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_VALUES)
def test_a_bad_value_is_refused_everywhere_and_changes_nothing(name, value, error, message):
    good = {"labels": LABELS, "features": FEATURES, "k": np.eye(3).tolist(), "v": V}
    good |= {"rule": "delta", "rate": 0.5, "written": [0, 1], "query": 1}
    widget = FastWeightMemory(**good)
    seen = []
    widget.observe(seen.append, list(good))
    with pytest.raises(error, match=message):
        FastWeightMemory(**(good | {name: value}))
    with pytest.raises(error, match=message):
        setattr(widget, name, value)
    with pytest.raises(error, match=message):
        widget.set(**{"rate": 0.75, name: value})
    with pytest.raises(error, match=message):  # as a message from a browser arrives
        widget.set_state({name: value})
    assert {name: getattr(widget, name) for name in good} == good
    assert seen == []


def test_another_number_of_pairs_is_set_at_once(widget):
    widget.written = [0, 2]
    with pytest.raises(ValueError, match="written must name pairs, 0 to 1, but it holds 2"):
        widget.set(labels=["a", "b"], k=np.eye(2), v=[[1, 0], [0, 1]])
    widget.set(labels=["a", "b"], k=np.eye(2), v=[[1, 0], [0, 1]], written=[1])
    np.testing.assert_array_equal(widget.recalled, [[0, 0], [0, 1]])


def test_what_the_browser_sends_is_seen_by_an_observer(widget):
    seen = []
    widget.observe(lambda change: seen.append((change.name, change.new)), ["written", "rule"])
    widget.set_state({"written": [1, 1], "rule": "delta"})
    assert sorted(seen) == [("rule", "delta"), ("written", [1, 1])]
    assert widget.recalled[1] == pytest.approx(V[1])


def test_repr_is_stable_and_is_what_a_cell_shows(widget):
    widget.set(written=[0, 2], rule="delta", query=1)
    text = (
        "FastWeightMemory(3 pairs, d_k=3, d_v=2, rule='delta', rate=1.0, written=[0, 2], query=1)"
    )
    assert repr(widget) == str(widget) == text
    assert widget._repr_mimebundle_()[0]["text/plain"] == text
    assert "(1 pair, d_k=1, d_v=1," in repr(FastWeightMemory(["a"], [[1]]))


def test_state_is_plain_json_with_hostile_names_untouched():
    hostile = ["<img src=x onerror=alert(1)>", "</script>", '"\\\u2028', "", "我"]
    widget = FastWeightMemory(hostile, np.eye(5), features=hostile, written=[0, 4])
    models = ipywidgets.embed.dependency_state([widget], drop_defaults=False)
    kept = json.loads(json.dumps(models[widget.model_id]["state"], allow_nan=False))
    assert kept["labels"] == kept["features"] == hostile
    assert kept["written"] == [0, 4] and kept["k"] == kept["v"] == np.eye(5).tolist()
    assert kept["_esm"].count("export default") == 1 and ".attn-memory-rows" in kept["_css"]
