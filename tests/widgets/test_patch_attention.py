import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers.widgets import PatchAttention

N_IMAGES, N_HEADS, ROWS, COLS = 5, 3, 2, 4
N = ROWS * COLS
HEIGHT, WIDTH = 6, 20
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, size=(N_IMAGES, HEIGHT, WIDTH, 3), dtype=np.uint8)
WEIGHTS = RNG.dirichlet(np.ones(N), size=(N_IMAGES, N_HEADS, N))
BOXES = [[0, 0, 20, 6], [1, 2, 3, 4], [10, 0, 20, 6], [0, 5, 20, 6], [0.5, 0, 1, 1]]
LABELS = ["cat", "dog", "bird", "我", ""]


def patches(**more):
    return PatchAttention(**({"images": IMAGES, "weights": WEIGHTS, "grid": (ROWS, COLS)} | more))


def test_arrays_come_back_as_they_were_given_and_read_only():
    images, weights = IMAGES.copy(), WEIGHTS.copy()
    widget = patches(images=images, weights=weights, boxes=BOXES)
    images[:], weights[:] = 0, 0
    for name, given in ("images", IMAGES), ("weights", WEIGHTS), ("boxes", BOXES):
        np.testing.assert_array_equal(getattr(widget, name), given)
        assert not getattr(widget, name).flags.writeable
    assert widget.weights.dtype == np.float64
    assert patches(weights=torch.from_numpy(WEIGHTS).float()).weights.dtype == np.float32
    assert patches(weights=WEIGHTS[:, 0]).weights.shape == (N_IMAGES, N, N)


def test_floats_become_the_nearest_bytes():
    given = np.zeros((N_IMAGES, HEIGHT, WIDTH, 3), np.float32)
    given[0, 0, 0], given[0, 0, 1] = (0, 0.5, 1), (0.499 / 255, 0.501 / 255, 254.6 / 255)
    shown = patches(images=torch.from_numpy(given)).images
    assert shown.dtype == np.uint8
    assert shown[0, 0, :2].tolist() == [[0, 128, 255], [0, 1, 255]]
    np.testing.assert_array_equal(patches(images=IMAGES / 255).images, IMAGES)


def test_image_head_and_query_are_chosen():
    widget = patches(image=4, head=2, query=7)
    assert (widget.image, widget.head, widget.query) == (4, 2, 7)
    widget.query = np.int64(1)
    widget.set(image=0, head=1)
    assert (widget.image, widget.head, widget.query) == (0, 1, 1)


def test_fewer_images_heads_or_patches_take_the_choice_back_to_the_first():
    widget = patches(image=4, head=2, query=7)
    widget.set(images=IMAGES[:2], weights=WEIGHTS[:2, :2])
    assert (widget.image, widget.head, widget.query) == (0, 0, 7)
    widget.set(weights=np.full((2, 3, 2, 2), 0.5), grid=(1, 2))
    assert (widget.image, widget.head, widget.query) == (0, 0, 0)


def test_repr_is_stable_and_says_the_sizes():
    assert repr(patches()) == ("PatchAttention(5 images of 6 x 20 pixels, 2 x 4 patches, 3 heads)")
    one = PatchAttention(IMAGES[:1], WEIGHTS[:1, 0], [ROWS, COLS])
    assert repr(one) == "PatchAttention(1 image of 6 x 20 pixels, 2 x 4 patches, 1 head)"


def test_the_page_gets_each_image_once_as_bytes():
    widget = patches(labels=LABELS, image=1)
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)[widget.model_id]
    traits = state["state"]
    assert traits["images"] | {"bytes": 0} == {
        "shape": [N_IMAGES, HEIGHT, WIDTH, 3], "dtype": "uint8", "bytes": 0,
    }  # fmt: skip
    assert (traits["grid"], traits["labels"], traits["image"]) == ((ROWS, COLS), LABELS, 1)
    assert traits["boxes"]["shape"] is None
    raw = widget.get_state("images")["images"]["bytes"]
    assert raw == IMAGES.tobytes()


ONE_MORE = np.full((N_IMAGES, N + 1, N + 1), 1 / (N + 1))
BAD = {
    "one image": ({"images": IMAGES[0]}, ValueError, "images is (6, 20, 3); a single image is"),
    "colours first": (
        {"images": np.moveaxis(IMAGES, -1, 1)}, ValueError, "np.moveaxis(images, 1, -1)",
    ),
    "no colours": ({"images": IMAGES[..., :1]}, ValueError, "(n_images, height, width, 3)"),
    "no images": ({"images": IMAGES[:0]}, ValueError, "images is (0, 6, 20, 3)"),
    "integers": ({"images": IMAGES.astype(int)}, TypeError, "dtype is int64"),
    "floats to 255": ({"images": IMAGES * 1.0}, ValueError, ".astype(np.uint8)"),
    "NaN in an image": ({"images": IMAGES / 255 * np.nan}, ValueError, "finite"),
    "ragged images": ({"images": [[[1], [2, 3]]]}, ValueError, "images is ragged"),
    "two axes": ({"weights": WEIGHTS[0, 0]}, ValueError, "(n_images, n_heads, n_q, n_patches)"),
    "scores": ({"weights": 9 * WEIGHTS}, ValueError, "scores become weights by softmax"),
    "negative": ({"weights": -WEIGHTS}, ValueError, "weights must lie in [0, 1]"),
    "too many": (
        {"weights": np.broadcast_to(np.float32(0), (5, 300, 64, 64))}, ValueError,
        "at most 4194304 weights, but weights is (5, 300, 64, 64)",
    ),
    "images and weights": (
        {"weights": WEIGHTS[:2]}, ValueError,
        "weights needs one entry for each of 5 images: images is (5, 6, 20, 3), "
        "weights is (2, 3, 8, 8), grid is (2, 4)",
    ),
    "patches": (
        {"grid": (3, 4)}, ValueError, "weights needs the last axes (12, 12), from each patch to",
    ),
    "class token": ({"weights": ONE_MORE}, ValueError, "weights[..., 1:, 1:]"),
    "not square": ({"weights": WEIGHTS[..., :5]}, ValueError, "last axes (8, 8)"),
    "unequal patches": ({"grid": (4, 2)}, ValueError, "6 x 20 pixels do not make 4 x 2 equal"),
    "grid of one": ({"grid": 8}, TypeError, "grid must be (rows, cols)"),
    "grid of three": ({"grid": (1, 2, 4)}, TypeError, "(rows, cols) of patches, but it is (1, 2"),
    "grid of floats": ({"grid": (2.0, 4.0)}, TypeError, "grid must be (rows, cols)"),
    "empty grid": ({"grid": (0, 4)}, ValueError, "1 to 32 rows"),
    "labels": ({"labels": ["a"]}, ValueError, "labels needs one entry for each of 5 images"),
    "one label": ({"labels": "abcde"}, TypeError, "list of strings"),
    "boxes": ({"boxes": BOXES[:2]}, ValueError, "boxes needs one entry for each of 5 images"),
    "corners": ({"boxes": np.zeros((5, 2))}, ValueError, "x0, y0, x1, y1, but boxes is (5, 2)"),
    "empty box": ({"boxes": [*BOXES[:4], [3, 1, 3, 2]]}, ValueError, "boxes[4] is [3.0, 1.0"),
    "box outside": ({"boxes": [[0, 0, 21, 6], *BOXES[1:]]}, ValueError, "0 <= x0 < x1 <= 20"),
    "image": ({"image": 5}, ValueError, "image must be one of 0 to 4, but it is 5"),
    "head": ({"head": -1}, ValueError, "head must be one of 0 to 2"),
    "query": ({"query": 8}, ValueError, "query must be one of 0 to 7"),
    "half a query": ({"query": 1.5}, TypeError, "query must be a position"),
}  # fmt: skip


@pytest.mark.parametrize("changed, error, words", BAD.values(), ids=BAD)
def test_bad_input_is_named_and_the_old_picture_stays(changed, error, words):
    with pytest.raises(error) as caught:
        patches(**changed)
    assert words in str(caught.value), caught.value
    widget = patches(labels=LABELS, boxes=BOXES, image=1, head=2, query=3)
    before = widget.get_state()
    with pytest.raises(error):
        widget.set(**changed)
    assert widget.get_state() == before
