import math

import ipywidgets.embed
import numpy as np
import pytest
import scipy.special
import torch

from attn_helpers.widgets import SoftmaxSaturation

N_K, D_MAX = 5, 96
RNG = np.random.default_rng(2)
PRODUCTS = RNG.normal(size=D_MAX) * RNG.normal(size=(N_K, D_MAX))


@pytest.mark.parametrize("d_k", [4, 7, 64, 96])
@pytest.mark.parametrize("scale", ["none", "sqrt", "linear"])
def test_scores_weights_and_jacobian_equal_torch(d_k, scale):
    widget = SoftmaxSaturation(PRODUCTS, d_k, scale)
    divisor = {"none": 1, "sqrt": math.sqrt(d_k), "linear": d_k}[scale]
    q = torch.ones(d_k, dtype=torch.float64)
    scores = torch.from_numpy(PRODUCTS[:, :d_k]) @ q / divisor
    np.testing.assert_allclose(widget.scores, scores, rtol=0, atol=1e-12)
    np.testing.assert_allclose(widget.weights, torch.softmax(scores, dim=0), rtol=0, atol=1e-12)
    jacobian = torch.autograd.functional.jacobian(lambda s: torch.softmax(s, dim=0), scores)
    assert widget.jacobian_norm == pytest.approx(float(torch.linalg.norm(jacobian)), abs=1e-12)


def test_the_jacobian_vanishes_without_a_scale_and_stays_with_the_root():
    rng = np.random.default_rng(392)
    widget = SoftmaxSaturation(rng.normal(size=1024) * rng.normal(size=(8, 1024)))
    seen = {}
    for scale in "none", "sqrt", "linear":
        widget.scale = scale
        seen[scale] = []
        for d_k in 4, 64, 256, 1024:
            widget.d_k = d_k
            seen[scale].append((widget.jacobian_norm, widget.weights.max()))
    assert max(norm for norm, _ in seen["none"][2:]) < 1e-4
    assert min(norm for norm, _ in seen["sqrt"]) > 0.25
    assert seen["linear"][-1][1] < 1.1 / 8 and seen["none"][-1][1] > 1 - 1e-9


def test_products_are_copied_kept_in_float32_and_read_only():
    given = PRODUCTS.copy()
    widget = SoftmaxSaturation(given)
    given[:] = 0
    np.testing.assert_array_equal(widget.products, PRODUCTS)
    assert not widget.products.flags.writeable
    small = SoftmaxSaturation(torch.from_numpy(PRODUCTS).float())
    assert small.products.dtype == np.float32 and small.scores.dtype == np.float64
    assert SoftmaxSaturation(np.ones((2, 8), int), 8).weights.tolist() == [0.5, 0.5]


def test_what_the_browser_sends_is_seen_by_an_observer():
    widget = SoftmaxSaturation(PRODUCTS)
    seen = []
    widget.observe(lambda change: seen.append((change.name, change.new)), ["d_k", "scale"])
    widget.set_state({"d_k": 32, "scale": "none"})
    assert sorted(seen) == [("d_k", 32), ("scale", "none")]
    expected = scipy.special.softmax(PRODUCTS[:, :32].sum(1))
    np.testing.assert_allclose(widget.weights, expected, rtol=0, atol=1e-12)


def test_fewer_features_are_set_at_once():
    widget = SoftmaxSaturation(PRODUCTS)
    with pytest.raises(ValueError, match=r"products is \(5, 10\).*set\(products"):
        widget.products = PRODUCTS[:, :10]
    widget.set(products=PRODUCTS[:3, :10], d_k=np.int64(10))
    assert (widget.scores.shape, widget.d_k) == ((3,), 10) and type(widget.d_k) is int


def test_repr_is_stable_and_is_what_a_cell_shows():
    widget = SoftmaxSaturation(PRODUCTS, 32, "none")
    text = "SoftmaxSaturation(5 keys, d_max=96, d_k=32, scale='none')"
    assert repr(widget) == widget._repr_mimebundle_()[0]["text/plain"] == text


def test_the_page_gets_the_bytes_and_plain_traits():
    widget = SoftmaxSaturation(PRODUCTS.astype(np.float32), 16)
    state = ipywidgets.embed.dependency_state([widget], drop_defaults=False)[widget.model_id]
    assert state["state"]["products"] | {"bytes": 0} == {
        "shape": [1, N_K, D_MAX], "dtype": "float32", "bytes": 0,
    }  # fmt: skip
    assert (state["state"]["d_k"], state["state"]["scale"]) == (16, "sqrt")
    assert state["state"]["_esm"].count("export default") == 1
    assert ".attn-saturation-rows" in state["state"]["_css"]


NAN = math.nan
BAD_VALUES = [
    ("products", PRODUCTS[0], ValueError, r"products must have 2 axes, but products is \(96,\)"),
    ("products", PRODUCTS[:1], ValueError, r"2 to 16 keys .*products is \(1, 96\)"),
    ("products", PRODUCTS.T, ValueError, r"products is \(96, 5\); give the transpose"),
    ("products", np.zeros((17, 96)), ValueError, r"2 to 16 keys .*products is \(17, 96\)$"),
    ("products", np.zeros((3, 7)), ValueError, r"8 to 1024 features .*products is \(3, 7\)"),
    ("products", np.zeros((3, 1025)), ValueError, r"8 to 1024 .*products is \(3, 1025\)"),
    ("products", np.zeros((0, 96)), ValueError, r"products is \(0, 96\)"),
    ("products", PRODUCTS * NAN, ValueError, r"products must be finite.*nan at \(0, 0\)"),
    ("products", [[1, 2], [3]], ValueError, "products is ragged"),
    ("products", np.full((2, 96), 1e307), ValueError, r"overflows.*products is \(2, 96\)"),
    ("products", None, TypeError, "products must hold real numbers"),
    ("products", PRODUCTS[:, :60], ValueError, r"d_k must be 4 to 60.* 64: products is \(5, 60\)"),
    ("d_k", 3, ValueError, "d_k must be 4 to 96, .*but it is 3"),
    ("d_k", 97, ValueError, "d_k must be 4 to 96, .*but it is 97"),
    ("d_k", 8.0, TypeError, "d_k must be a whole number of features, but it is 8.0"),
    ("d_k", "64", TypeError, "d_k must be a whole number"),
    ("scale", "root", ValueError, "scale must be one of none, sqrt, linear, not 'root'"),
    ("scale", None, ValueError, "scale must be one of none, sqrt, linear, not None"),
    ("scale", ["sqrt"], ValueError, "scale must be one of none, sqrt, linear"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_VALUES)
def test_a_bad_value_is_refused_everywhere_and_changes_nothing(name, value, error, message):
    good = {"products": PRODUCTS, "d_k": 64, "scale": "linear"}
    widget = SoftmaxSaturation(**good)
    seen = []
    widget.observe(seen.append, list(good))
    with pytest.raises(error, match=message):
        SoftmaxSaturation(**(good | {name: value}))
    with pytest.raises(error, match=message):
        setattr(widget, name, value)
    with pytest.raises(error, match=message):
        widget.set(**{"scale": "none", name: value})
    np.testing.assert_array_equal(widget.products, PRODUCTS)
    assert (widget.d_k, widget.scale, seen) == (64, "linear", [])
