import base64

import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers.widgets import TrainingFilm

N_FRAMES, N_LAYERS, N_HEADS, N_Q, N_K = 6, 2, 4, 3, 5
TOKENS, KEYS = list("abc"), list("vwxyz")
STEPS = [0, 1, 2, 4, 8, 16]
RNG = np.random.default_rng(3)
WEIGHTS = RNG.dirichlet(np.ones(N_K), size=(N_FRAMES, N_LAYERS, N_HEADS, N_Q))
LOSSES = RNG.random(16)


def film(weights=WEIGHTS, **more):
    return TrainingFilm(TOKENS, weights, KEYS, **({"steps": STEPS, "losses": LOSSES} | more))


def test_weights_and_losses_come_back_as_they_were_given_and_read_only():
    weights, losses = WEIGHTS.copy(), LOSSES.copy()
    widget = film(weights, losses=losses)
    weights[:] = losses[:] = 0
    np.testing.assert_array_equal(widget.weights, WEIGHTS)
    np.testing.assert_array_equal(widget.losses, LOSSES)
    assert not (widget.weights.flags.writeable or widget.losses.flags.writeable)


def test_a_film_is_an_array_or_a_list_of_frames_with_layers_or_without():
    flat = WEIGHTS.reshape(-1, 1, N_Q, N_K)[:24]
    many = film(flat, steps=range(24), losses=np.ones(23))  # frames are not taken for layers
    np.testing.assert_array_equal(many.weights, flat[:, None])
    np.testing.assert_array_equal(film(list(WEIGHTS)).weights, WEIGHTS)
    on_a_graph = [torch.from_numpy(frame).float().requires_grad_() for frame in WEIGHTS]
    assert film(on_a_graph).weights.dtype == np.float32
    assert film(WEIGHTS.astype(np.float16).clip(0, 1)).weights.dtype == np.float32


def test_steps_and_losses_may_come_from_a_history():
    widget = film(steps=np.array(STEPS), losses=[1] * 20)
    assert widget.steps == STEPS and type(widget.steps[0]) is int
    assert widget.losses.shape == (20,)


def test_frames_layers_heads_and_queries_are_chosen():
    widget = film(frame=5, layer=1, head=3, query=2)
    assert (widget.frame, widget.layer, widget.head, widget.query) == (5, 1, 3, 2)
    widget.frame = np.int64(4)
    widget.set(head=1, frame=2)
    assert (widget.frame, widget.layer, widget.head, widget.query) == (2, 1, 1, 2)


def test_a_shorter_film_goes_back_to_its_first_frame():
    widget = film(frame=5, layer=1, head=3, query=2)
    widget.set(weights=WEIGHTS[:2, :, :2], steps=[3, 7])
    assert (widget.frame, widget.layer, widget.head, widget.query) == (0, 1, 0, 2)


def test_repr_is_stable_and_says_the_sizes():
    sizes = "6 frames to step 16, 2 layers of 4 heads, 3 queries, 5 keys"
    assert repr(film()) == f"TrainingFilm({sizes})"
    one = TrainingFilm(["a"], np.ones((2, 1, 1, 1)), steps=[0, 1], losses=[2])
    assert repr(one) == "TrainingFilm(2 frames to step 1, 1 head, 1 query, 1 key)"


def test_the_page_gets_two_bytes_for_a_weight_right_to_a_hundred_thousandth():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(12), size=(20, 2, 4, 12))
    names, steps = list("abcdefghijkl"), range(0, 1000, 50)
    widget = TrainingFilm(names, weights, steps=steps, losses=np.ones(1000))
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)[widget.model_id]
    shape = [20, 2, 4, 12, 12]
    assert state["state"]["weights"] | {"bytes": 0} == {
        "shape": shape, "dtype": "uint16", "bytes": 0,
    }  # fmt: skip
    (text,) = [one["data"] for one in state["buffers"] if one["path"] == ["weights", "bytes"]]
    assert len(text) == 20 * 2 * 4 * 12 * 12 * 2 / 3 * 4  # base64: 61,440 characters
    sent = np.frombuffer(base64.b64decode(text), "<u2").reshape(shape) / 65535
    np.testing.assert_allclose(sent, weights, rtol=0, atol=1e-5)


WRONG_WEIGHTS = WEIGHTS.copy()
WRONG_WEIGHTS[4, 1, 2, 0, 3] = np.nan
BAD = {
    "three axes": ({"weights": WEIGHTS[0, 0]}, ValueError, "(n_frames, n_layers, n_heads, n_q,"),
    "six axes": ({"weights": WEIGHTS[None]}, ValueError, "weights is (1, 6, 2, 4, 3, 5)"),
    "ragged": ({"weights": [WEIGHTS[0], WEIGHTS[1, :, :, :2]]}, ValueError, "weights is ragged"),
    "no frames": ({"weights": WEIGHTS[:0]}, ValueError, "at least one entry"),
    "NaN": ({"weights": WRONG_WEIGHTS}, ValueError, "nan at (4, 1, 2, 0, 3)"),
    "scores": ({"weights": 9 * WEIGHTS}, ValueError, "scores become weights by softmax"),
    "text": ({"weights": "film"}, TypeError, "real numbers"),
    "too many heads": ({"weights": np.zeros((6, 17, 3, 5))}, ValueError, "1 to 16 heads"),
    "too many layers": ({"weights": np.zeros((6, 13, 1, 3, 5))}, ValueError, "1 to 12 layers"),
    "too large": ({"weights": np.zeros((129, 1, 3, 5))}, ValueError, "show every second frame"),
    "transposed": ({"weights": WEIGHTS.swapaxes(-2, -1)}, ValueError, "the last axes (3, 5)"),
    "fewer frames": ({"weights": WEIGHTS[:5]}, ValueError, "same n_frames, one step each"),
    "shapes": ({"weights": WEIGHTS[:5]}, ValueError, "(5, 2, 4, 3, 5), steps is (6,), losses is"),
    "queries": ({"tokens": ["a"]}, ValueError, "weights needs the last axes (1, 5)"),
    "no keys": ({"key_tokens": None}, ValueError, "unless key_tokens names them"),
    "unsorted": ({"steps": [0, 1, 2, 8, 4, 16]}, ValueError, "steps[4] is 4 after 8"),
    "twice": ({"steps": [0, 1, 1, 4, 8, 16]}, ValueError, "steps[2] is 1 after 1"),
    "negative": ({"steps": [-1, 1, 2, 4, 8, 16]}, ValueError, "from 0 or more, but steps[0] is -1"),
    "one step": ({"steps": [0]}, ValueError, "at least two frames: steps is (1,)"),
    "more steps": ({"steps": [*STEPS[:-1], 12, 16]}, ValueError, "same n_frames"),
    "fractions": ({"steps": [0, 0.5, 1, 2, 3, 4]}, TypeError, "steps must be a position"),
    "one number": ({"steps": 50}, TypeError, "list of whole numbers, but it is 50"),
    "short losses": ({"losses": LOSSES[:15]}, ValueError, "one number for each of the 16 steps"),
    "no losses": ({"losses": []}, ValueError, "losses is (0,)"),
    "many losses": ({"losses": np.ones(10_001)}, ValueError, "losses[::10]"),
    "infinite": ({"losses": [*LOSSES, np.inf]}, ValueError, "inf at (16,)"),
    "losses by name": ({"losses": [LOSSES, LOSSES]}, ValueError, "1 axes"),
    "frame": ({"frame": 6}, ValueError, "frame must be one of 0 to 5, but it is 6"),
    "last frame": ({"frame": -1}, ValueError, "frame must be one of 0 to 5"),
    "half a frame": ({"frame": 0.5}, TypeError, "frame must be a position"),
    "head": ({"head": 4}, ValueError, "head must be one of 0 to 3"),
}  # fmt: skip


@pytest.mark.parametrize("changed, error, words", BAD.values(), ids=BAD)
def test_bad_input_is_named_and_the_old_picture_stays(changed, error, words):
    names = {"tokens": TOKENS, "weights": WEIGHTS, "key_tokens": KEYS}
    arguments = names | {"steps": STEPS, "losses": LOSSES} | changed
    with pytest.raises(error) as caught:
        TrainingFilm(**arguments)
    assert words in str(caught.value), caught.value
    widget = film(frame=3, layer=1, head=2, query=1)
    with pytest.raises(error):
        widget.set(**changed)
    assert (widget.tokens, widget.key_tokens, widget.steps) == (TOKENS, KEYS, STEPS)
    np.testing.assert_array_equal(widget.weights, WEIGHTS)
    np.testing.assert_array_equal(widget.losses, LOSSES)
    assert (widget.frame, widget.layer, widget.head, widget.query) == (3, 1, 2, 1)
