import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers.widgets import HeadGrid

N_LAYERS, N_HEADS, N_Q, N_K = 2, 4, 3, 5
TOKENS, KEYS = list("abc"), list("vwxyz")
RNG = np.random.default_rng(3)
WEIGHTS = RNG.dirichlet(np.ones(N_K), size=(N_LAYERS, N_HEADS, N_Q))


def heads(weights=WEIGHTS, **more):
    return HeadGrid(TOKENS, weights, KEYS, **more)


def test_weights_come_back_as_they_were_given_and_read_only():
    given = WEIGHTS.copy()
    widget = heads(given)
    given[:] = 0
    np.testing.assert_array_equal(widget.weights, WEIGHTS)
    assert not widget.weights.flags.writeable
    assert heads(WEIGHTS[0]).weights.shape == (N_HEADS, N_Q, N_K)
    assert heads(torch.from_numpy(WEIGHTS).float()).weights.dtype == np.float32
    assert heads(WEIGHTS.astype(np.float16).clip(0, 1)).weights.dtype == np.float32


def test_layers_heads_and_queries_are_chosen():
    widget = heads(layer=1, head=3, query=2)
    assert (widget.layer, widget.head, widget.query) == (1, 3, 2)
    widget.layer = np.int64(0)
    widget.set(head=1, query=0)
    assert (widget.layer, widget.head, widget.query) == (0, 1, 0)


def test_a_smaller_model_takes_the_choice_back_to_its_first_head():
    widget = heads(layer=1, head=3, query=2)
    widget.weights = WEIGHTS[0, :2]
    assert (widget.layer, widget.head, widget.query) == (0, 0, 2)
    widget.set(tokens=["a"], weights=WEIGHTS[:, :, :1])
    assert (widget.layer, widget.head, widget.query) == (0, 0, 0)


def test_without_key_tokens_the_tokens_are_the_keys():
    assert HeadGrid(TOKENS, np.full((2, 3, 3), 1 / 3)).key_tokens is None


def test_repr_is_stable_and_says_the_sizes():
    assert repr(heads()) == "HeadGrid(2 layers of 4 heads, 3 queries, 5 keys)"
    assert repr(HeadGrid(["a"], np.ones((1, 1, 1)))) == "HeadGrid(1 head, 1 query, 1 key)"


def test_the_page_gets_the_bytes_and_four_axes():
    widget = heads(WEIGHTS.astype(np.float32), layer=1)
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)[widget.model_id]
    assert state["state"]["weights"] | {"bytes": 0} == {
        "shape": [N_LAYERS, N_HEADS, N_Q, N_K], "dtype": "float32", "bytes": 0,
    }  # fmt: skip
    assert state["state"]["layer"] == 1
    raw = widget.get_state("weights")["weights"]["bytes"]
    np.testing.assert_array_equal(np.frombuffer(raw, "<f4"), WEIGHTS.astype("f4").ravel())


BAD = {
    "two axes": ({"weights": WEIGHTS[0, 0]}, ValueError, "(n_heads, n_q, n_k)"),
    "negative": ({"weights": -WEIGHTS}, ValueError, "must lie in [0, 1]"),
    "scores": ({"weights": 9 * WEIGHTS}, ValueError, "weights is (2, 4, 3, 5)"),
    "NaN": ({"weights": WEIGHTS * np.nan}, ValueError, "finite"),
    "too many heads": ({"weights": np.zeros((17, 3, 5))}, ValueError, "1 to 16 heads"),
    "too many layers": ({"weights": np.zeros((13, 1, 3, 5))}, ValueError, "1 to 12 layers"),
    "no heads": ({"weights": np.zeros((0, 3, 5))}, ValueError, "of 1 to 16 heads"),
    "queries": ({"tokens": ["a"]}, ValueError, "weights needs the last axes (1, 5)"),
    "no keys": ({"key_tokens": None}, ValueError, "unless key_tokens names them"),
    "no tokens": ({"tokens": []}, ValueError, "1 to 64 tokens"),
    "text": ({"tokens": "abc"}, TypeError, "list of strings"),
    "layer": ({"layer": 2}, ValueError, "layer must be one of 0 to 1, but it is 2"),
    "head": ({"head": -1}, ValueError, "head must be one of 0 to 3"),
    "query": ({"query": 1.5}, TypeError, "query must be a position"),
}


@pytest.mark.parametrize("changed, error, words", BAD.values(), ids=BAD)
def test_bad_input_is_named_and_the_old_picture_stays(changed, error, words):
    arguments = {"tokens": TOKENS, "weights": WEIGHTS, "key_tokens": KEYS} | changed
    with pytest.raises(error) as caught:
        HeadGrid(**arguments)
    assert words in str(caught.value), caught.value
    widget = heads(layer=1, head=2, query=1)
    with pytest.raises(error):
        widget.set(**changed)
    assert (widget.tokens, widget.key_tokens) == (TOKENS, KEYS)
    np.testing.assert_array_equal(widget.weights, WEIGHTS)
    assert (widget.layer, widget.head, widget.query) == (1, 2, 1)
