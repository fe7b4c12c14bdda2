import json
import math

import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers.data.sentence import running_example
from attn_helpers.widgets import AlignmentView

SOURCE, TARGET, NAMES = ["我", "昨天", "去", "公园"], ["Yesterday", "I", "went"], ["gru", "big"]
RNG = np.random.default_rng(6)
WEIGHTS = RNG.dirichlet(np.ones(4), size=(2, 3))
KNOWN = [(0, 1), (1, 0), (2, 2), (2, 3)]
OTHER = {"source": ["a", "b"], "target": ["x"], "weights": [[[0.5, 0.5]], [[0.0, 1.0]]]}


def one(**changed):
    return {"source": SOURCE, "target": TARGET, "weights": WEIGHTS, "known": KNOWN} | changed


def view(**more):
    return AlignmentView(**one(), names=NAMES, **more)


def test_weights_are_those_of_the_chosen_sentence_and_model():
    widget = AlignmentView.of([one(), OTHER], NAMES, model=1, query=2)
    np.testing.assert_array_equal(widget.weights, WEIGHTS[1])
    widget.model = 0
    np.testing.assert_array_equal(widget.weights, WEIGHTS[0])
    widget.sentence = 1
    np.testing.assert_array_equal(widget.weights, [[0.5, 0.5]])
    assert (widget.model, widget.query) == (0, 0)  # there is no third target word


def test_one_model_without_its_axis_and_the_running_example():
    example = running_example()
    weights = np.eye(5)[list(example.alignment)]
    widget = AlignmentView(
        example.source, example.target, weights, known=enumerate(example.alignment)
    )
    assert widget.names == ["model 0"] and np.shape(widget.sentences[0]["weights"]) == (1, 8, 5)
    assert widget.sentences[0]["known"][:2] == [[0, 1], [1, 0]]


@pytest.mark.parametrize("kind", [np.float32, np.float16, torch.tensor, lambda rows: rows.tolist()])
def test_weights_become_lists_of_float(kind):
    widget = AlignmentView(SOURCE, TARGET, kind(WEIGHTS), NAMES)
    kept = widget.sentences[0]["weights"]
    np.testing.assert_allclose(kept, WEIGHTS, rtol=0, atol=1e-3)
    assert {type(x) for model in kept for row in model for x in row} == {float}


def test_what_the_browser_sends_is_seen_by_an_observer():
    widget = AlignmentView.of([one(), OTHER], NAMES, query=2)
    seen = []
    widget.observe(
        lambda change: seen.append((change.name, change.new)), ["sentence", "show_known"]
    )
    widget.set_state({"query": 0, "sentence": 1, "show_known": True})
    assert sorted(seen) == [("sentence", 1), ("show_known", True)]


def test_other_sentences_and_models_are_set_at_once():
    widget = view(model=1, query=2)
    with pytest.raises(ValueError, match=r"names is \(2,\), .* sentence 0 are \(1, 1, 2\)"):
        widget.sentences = [OTHER | {"weights": [[0.5, 0.5]]}]
    widget.set(sentences=[OTHER | {"weights": [[0.5, 0.5]]}], names=["new"])
    assert (widget.names, widget.model, widget.query) == (["new"], 0, 0)


def test_repr_is_stable_and_is_what_a_cell_shows():
    text = "AlignmentView(2 sentences, 2 models, sentence=1, model=0, query=0)"
    widget = AlignmentView.of([one(), OTHER], NAMES, sentence=1)
    assert repr(widget) == widget._repr_mimebundle_()[0]["text/plain"] == text


def test_state_is_plain_json_with_hostile_words_untouched():
    hostile = ["<img src=x onerror=alert(1)>", "</script>", '"\\\u2028', "", "我"]
    widget = AlignmentView(hostile, hostile, np.eye(5), hostile[:1])
    models = ipywidgets.embed.dependency_state([widget], drop_defaults=False)
    kept = json.loads(json.dumps(models[widget.model_id]["state"], allow_nan=False))
    assert kept["sentences"] == [
        {"source": hostile, "target": hostile, "weights": [np.eye(5).tolist()], "known": None}
    ]
    assert kept["names"] == hostile[:1] and kept["show_known"] is False
    assert kept["_esm"].count("export default") == 1 and ".attn-alignment" in kept["_css"]


NAN = math.nan
SQUARE = {"source": ["a", "b"], "target": ["x", "y"], "known": None}
BAD = {
    "no words": (one(source=[]), ValueError, "1 to 32 words.*source is (0,)"),
    "many words": (one(target=["a"] * 33), ValueError, "1 to 32 words.*target is (33,)"),
    "text": (one(source="abc"), TypeError, "source must be a list of strings"),
    "number": (one(target=["a", 1, "b"]), TypeError, "target[1] is 1"),
    "transposed": (
        one(weights=WEIGHTS.swapaxes(1, 2)), ValueError,
        "source is (4,), target is (3,), weights is (2, 4, 3); give the transpose",
    ),
    "transposed square": (
        SQUARE | {"weights": [[0.9, 0.5], [0.1, 0.5]]}, ValueError,
        "weights[0] sums to 1.4: source is (2,), target is (2,), weights is (2, 2); give the tr",
    ),
    "scores": (one(weights=9 * WEIGHTS), ValueError, "weights must lie in [0, 1]"),
    "a row too light": (
        one(weights=WEIGHTS * [[[1], [1], [0.5]]]), ValueError,
        "must sum to one, but weights[0, 2] sums to 0.5",
    ),
    "NaN": (one(weights=WEIGHTS * NAN), ValueError, "nan at (0, 0, 0)"),
    "one axis": (one(weights=WEIGHTS[0, 0]), ValueError, "weights must be (n_target, n_source)"),
    "four axes": (one(weights=WEIGHTS[None]), ValueError, "pick one slice, weights[0]"),
    "no model": (one(weights=WEIGHTS[:0]), ValueError, "at least one entry"),
    "one model less": (one(weights=WEIGHTS[0]), ValueError, "same n_models, 1 to 6: names"),
    "known out of range": (one(known=[(0, 4)]), ValueError, "below (3, 4), but it holds (0, 4)"),
    "known negative": (one(known=[(-1, 0)]), ValueError, "but it holds (-1, 0)"),
    "known flat": (one(known=[1, 0, 2]), ValueError, "list(enumerate(known))"),
    "known a number": (one(known=3), ValueError, "known must be pairs"),
    "known in words": (one(known=[("I", "我")]), TypeError, "known must be a position"),
}  # fmt: skip


@pytest.mark.parametrize("bad, error, words", BAD.values(), ids=BAD)
def test_a_bad_sentence_is_named_and_the_old_picture_stays(bad, error, words):
    first, *rest = words.split(".*")
    with pytest.raises(error) as caught:
        AlignmentView(**bad, names=NAMES)
    for part in (first, *rest):
        assert part in str(caught.value), caught.value
    widget = AlignmentView.of([one(), OTHER], NAMES, query=2)
    before = widget.sentences
    with pytest.raises(error, match="sentence 1") as caught:
        widget.set(sentences=[one(), bad], names=NAMES)
    assert rest == [] or rest[0] in str(caught.value)
    assert (widget.sentences, widget.names, widget.query) == (before, NAMES, 2)


BAD_CHOICES = [
    ("sentences", [], ValueError, "1 to 64 sentences fit, but there are 0"),
    ("sentences", [one()] * 65, ValueError, "there are 65"),
    ("sentences", one(), TypeError, "sentences must be a list of dicts, but it is a dict"),
    ("sentences", ["我"], TypeError, "sentence 0 must be a dict, but it is a str"),
    (
        "sentences",
        [{"source": ["a"]}],
        TypeError,
        r"source, target, weights and.*sentence 0 has \['source'\]",
    ),
    ("sentences", [one(words=1)], TypeError, "if you like, known, but sentence 0 has .*'words'"),
    ("names", ["one"], ValueError, r"names is \(1,\), the weights of sentence 0 are \(2, 3, 4\)"),
    ("names", "gru", TypeError, "names must be a list of strings"),
    ("sentence", 1, ValueError, "sentence must be one of 0 to 0, but it is 1"),
    ("model", -1, ValueError, "model must be one of 0 to 1, but it is -1"),
    ("query", 3, ValueError, "query must be one of 0 to 2, but it is 3"),
    ("query", 1.0, TypeError, "query must be a position"),
    ("show_known", "yes", TypeError, "show_known must be True or False, but it is 'yes'"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_CHOICES)
def test_a_bad_choice_is_refused_and_changes_nothing(name, value, error, message):
    widget = view(query=1)
    before = {name: getattr(widget, name) for name in widget.trait_names(sync=True)}
    with pytest.raises(error, match=message):
        setattr(widget, name, value)
    with pytest.raises(error, match=message):
        widget.set(**{"model": 1, name: value})
    if name == "sentences":
        with pytest.raises(error, match=message):
            AlignmentView.of(value, NAMES)
    else:
        with pytest.raises(error, match=message):
            AlignmentView.of([one()], **({"names": NAMES} | {name: value}))
    assert {name: getattr(widget, name) for name in before} == before


def test_seven_models_are_too_many():
    with pytest.raises(ValueError, match=r"1 to 6: names is \(7,\)"):
        AlignmentView(SOURCE, TARGET, np.repeat(WEIGHTS[:1], 7, axis=0))
