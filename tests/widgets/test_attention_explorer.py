import math

import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers import attention
from attn_helpers.data import running_example
from attn_helpers.widgets import AttentionExplorer

RNG = np.random.default_rng(3)
N_HEADS, N_Q, N_K, D_K, D_V = 2, 3, 5, 7, 4
TOKENS, KEYS = list("abc"), list("vwxyz")
Q, K, V = (RNG.normal(size=(N_HEADS, n, d)) for n, d in ((N_Q, D_K), (N_K, D_K), (N_K, D_V)))
MASK = RNG.random((N_HEADS, N_Q, N_K)) < 0.7
MASK[1, 2] = False  # a query that may attend to nothing


def explorer(**more):
    return AttentionExplorer(TOKENS, KEYS, **({"q": Q, "k": K, "v": V, "mask": MASK} | more))


def torch_weights(similarity, temperature):
    q, k = torch.tensor(Q), torch.tensor(K)
    scores = {
        "dot": torch.einsum("hid,hjd->hij", q, k),
        "scaled dot": torch.einsum("hid,hjd->hij", q, k) / math.sqrt(D_K),
        "cosine": torch.cosine_similarity(q[:, :, None], k[:, None], dim=-1),
    }[similarity]
    scores = scores.masked_fill(~torch.tensor(MASK), -torch.inf)
    return scores.numpy(), torch.softmax(scores / temperature, dim=-1).nan_to_num(0).numpy()


@pytest.mark.parametrize("temperature", [0.01, 0.37, 1, 40.0])
@pytest.mark.parametrize("similarity", ["dot", "scaled dot", "cosine"])
def test_scores_weights_and_out_equal_torch(similarity, temperature):
    widget = explorer(similarity=similarity, temperature=temperature)
    scores, weights = torch_weights(similarity, temperature)
    np.testing.assert_allclose(widget.scores, scores, rtol=1e-12)
    np.testing.assert_allclose(widget.weights, weights, rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(widget.out, np.einsum("hij,hjd->hid", weights, V), rtol=1e-10)
    assert not widget.weights[1, 2].any() and not widget.out[1, 2].any()


def test_the_default_is_the_package_s_attention():
    widget = explorer()
    out, weights = attention(Q, K, V, mask=MASK)
    np.testing.assert_allclose(widget.weights, weights, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(widget.out, out, rtol=1e-12, atol=1e-300)


def test_the_sentence_by_hand():
    example = running_example()
    widget = AttentionExplorer(example.target, example.source, q=example.q, k=example.k)
    scores = [math.exp(score / 2) for score in (0.0, 1.5, 9.0, 3.0, 6.25)]
    assert widget.weights[2] == pytest.approx(np.array(scores) / sum(scores))
    assert widget.out is None and widget.key_tokens == list(example.source)


def test_an_array_without_heads_serves_every_head():
    widget = explorer(k=K[0], v=V[1])
    assert widget.weights.shape == (N_HEADS, N_Q, N_K)
    expected, _ = attention(Q, K[0], V[1], mask=MASK)
    np.testing.assert_allclose(widget.out, expected, rtol=1e-12, atol=1e-300)


def test_without_heads_there_are_two_axes_and_without_keys_the_tokens_are_the_keys():
    widget = AttentionExplorer(TOKENS, q=Q[0], k=Q[1], mask=np.tri(N_Q, dtype=bool))
    assert widget.weights.shape == widget.scores.shape == (N_Q, N_Q)
    assert widget.key_tokens is None
    assert np.isneginf(widget.scores[0, 1:]).all()


def test_ready_weights_have_no_scores_and_are_mixed():
    ready = np.float32(np.random.default_rng(0).dirichlet(np.ones(N_K), size=N_Q))
    widget = AttentionExplorer(TOKENS, KEYS, weights=ready, v=V[0])
    np.testing.assert_array_equal(widget.weights, ready.astype(float))
    assert widget.scores is None
    np.testing.assert_allclose(widget.out, ready.astype(float) @ V[0], rtol=1e-12)
    widget.weights = np.full((N_Q, N_K), 0.2)
    assert (widget.weights == 0.2).all()


def test_cosine_of_a_vector_of_zeros_is_zero():
    widget = AttentionExplorer(
        ["a"], ["b", "c"], q=[[0.0, 0.0]], k=[[1, 2], [3, 4]], similarity="cosine"
    )
    assert widget.weights.tolist() == [[0.5, 0.5]]


def test_arrays_are_copied_and_read_only():
    q = np.array(Q)
    widget = explorer(q=q)
    q[:] = 0
    np.testing.assert_array_equal(widget.q, Q)
    with pytest.raises(ValueError, match="read-only"):
        widget.q[0, 0, 0] = 1
    frozen = np.broadcast_to(Q[0], Q.shape)
    widget.q = frozen
    assert widget.q is not frozen
    widget.k = torch.tensor(K, requires_grad=True)
    np.testing.assert_array_equal(widget.k, K)


GOOD = {"tokens": TOKENS, "keys": KEYS, "q": Q, "k": K, "v": V, "mask": MASK}
SHAPES = r"tokens is \(3,\), keys is \(5,\), q is \(2, 3, 7\), k is \(2, 5, 7\), v is \(2, 5, 4\)"
BAD = [
    ("q", Q[:, :2], ValueError, r"q needs 3 rows.*q is \(2, 2, 7\), k is \(2, 5, 7\)"),
    ("q", Q[..., :6], ValueError, r"same last axis, d_k: .*q is \(2, 3, 6\), k is \(2, 5, 7\)"),
    ("q", Q[0, 0], ValueError, r"q needs two axes.* q is \(7,\)"),
    ("q", Q[None], ValueError, r"q needs two axes.* q is \(1, 2, 3, 7\)"),
    ("q", np.concatenate([Q, Q[:1]]), ValueError, r"heads, equal in all.*q is \(3, 3, 7\)"),
    ("q", np.where(Q == Q.max(), np.nan, Q), ValueError, r"q must be finite.*nan"),
    ("q", Q * 1e200, None, ""),  # refused with k of that size alone
    ("q", Q.astype(str), TypeError, "q must hold real numbers"),
    ("q", None, ValueError, "give either q and k, or ready weights"),
    ("k", K[:, :4], ValueError, r"k needs 5 rows.*k is \(2, 4, 7\)"),
    ("k", None, ValueError, "give either q and k, or ready weights"),
    ("v", V[:, :4], ValueError, r"v needs 5 rows.*v is \(2, 4, 4\)"),
    ("v", V[..., :0], ValueError, r"at least one feature.*v is \(2, 5, 0\)"),
    ("weights", np.full((3, 5), 0.2), ValueError, "give either q and k, or ready weights"),
    ("weights", np.full((3, 5), 1.5), ValueError, r"weights must lie in \[0, 1\].*\(3, 5\)"),
    ("mask", MASK.astype(int), TypeError, "mask must be boolean"),
    ("mask", MASK[:, :, :4], ValueError, r"mask must broadcast.*mask is \(2, 3, 4\)"),
    ("mask", MASK[None], ValueError, r"mask must broadcast.*mask is \(1, 2, 3, 5\)"),
    ("tokens", list("ab"), ValueError, r"q needs 2 rows.*tokens is \(2,\).*q is \(2, 3, 7\)"),
    ("tokens", "abc", TypeError, "tokens must be a list of strings"),
    ("tokens", ["a", 1, "c"], TypeError, r"tokens\[1\] is 1 \(int; tokens is \(3,\)\)"),
    ("tokens", [], ValueError, r"1 to 64 tokens.*tokens is \(0,\)"),
    ("keys", None, ValueError, r"k needs 3 rows.*unless keys="),
    ("keys", list("vwxy"), ValueError, r"k needs 4 rows.*keys is \(4,\)"),
    ("temperature", 0, ValueError, "temperature must be a finite number above 0"),
    ("temperature", math.nan, ValueError, "temperature must be a finite number above 0"),
    ("similarity", "euclid", ValueError, "similarity must be one of dot, scaled dot, cosine"),
    ("similarity", ["dot"], ValueError, "similarity must be one of dot, scaled dot, cosine"),
    ("query", 3, ValueError, "query must be one of 0 to 2, but it is 3"),
    ("query", -1, ValueError, "query must be one of 0 to 2, but it is -1"),
    ("query", 1.0, TypeError, "query must be a position"),
    ("head", 2, ValueError, "head must be one of 0 to 1, but it is 2"),
]
ATTRIBUTE = {"keys": "key_tokens"}


def kept(widget):
    names = ("tokens", "key_tokens", "temperature", "similarity", "query", "head")
    arrays = {name: getattr(widget, name).tolist() for name in ("q", "k", "v", "mask", "weights")}
    return arrays | {name: getattr(widget, name) for name in names}


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD)
def test_a_bad_value_is_refused_everywhere_and_changes_nothing(name, value, error, message):
    if error is None:
        name, value, error, message = "k", K * 1e200, ValueError, "overflows"
        good = GOOD | {"q": Q * 1e200}
    else:
        good = GOOD
    with pytest.raises(error, match=message):
        AttentionExplorer(**(good | {name: value}))
    widget = AttentionExplorer(**(good | ({"k": K * 0} if message == "overflows" else {})), query=1)
    before, seen = kept(widget), []
    widget.observe(seen.append, ["q", "k", "v", "mask", "tokens", "key_tokens", "temperature"])
    with pytest.raises(error, match=message):
        setattr(widget, ATTRIBUTE.get(name, name), value)
    with pytest.raises(error, match=message):
        widget.set(**{"temperature": 2.0, name: value})
    assert kept(widget) == before
    assert seen == []


def test_an_error_names_every_argument_with_its_shape():
    with pytest.raises(ValueError, match=SHAPES + r", mask is \(2, 3, 4\)"):
        explorer(mask=MASK[..., :4])
    with pytest.raises(ValueError, match=r"65.*"):
        AttentionExplorer([str(i) for i in range(65)], weights=np.eye(65))
    with pytest.raises(ValueError, match=r"1 to 12.*weights is \(13, 2, 2\)"):
        AttentionExplorer(["a", "b"], weights=np.stack([np.eye(2)] * 13))
    with pytest.raises(ValueError, match="weights must be 0 where mask is False"):
        AttentionExplorer(["a", "b"], weights=np.eye(2), mask=~np.eye(2, dtype=bool))


def test_set_changes_the_sizes_in_one_message(monkeypatch):
    widget = explorer(query=2, head=1)
    sent = []
    monkeypatch.setattr(widget, "send_state", lambda names: sent.append(set(names)))
    widget.set(tokens=["a"], q=Q[:, :1], mask=None)
    assert sent == [{"tokens", "q", "mask", "query"}]
    assert (widget.query, widget.head, widget.weights.shape) == (0, 1, (N_HEADS, 1, N_K))
    widget.set(q=None, k=None, v=None, weights=np.full((1, N_K), 0.2))
    assert (widget.head, widget.scores) == (0, None)
    with pytest.raises(TypeError, match="not .'tau'."):
        widget.set(tau=1)


def test_keys_is_a_name_of_ipywidgets_and_says_so():
    widget = explorer()
    with pytest.raises(AttributeError, match="use .key_tokens, or set"):
        widget.keys = list("12345")
    widget.key_tokens = list("12345")
    widget.set(keys=list("67890"))
    assert widget.key_tokens == list("67890")


def test_what_the_browser_sends_is_seen_and_checked():
    widget, seen = explorer(), []
    widget.observe(lambda change: seen.append((change.name, change.new)), ["query", "temperature"])
    widget.set_state({"query": 2, "temperature": 0.5})
    assert seen == [("query", 2), ("temperature", 0.5)]
    with pytest.raises(ValueError, match="query must be one of 0 to 2"):
        widget.set_state({"query": 7})
    assert widget.query == 2


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_arrays_cross_the_wire_as_bytes_and_shape(dtype):
    q = (4 * Q).astype(dtype)[:, ::-1]  # a view that runs backwards
    widget = explorer(q=q, k=K[0])
    state, paths, buffers = ipywidgets.widgets.widget._remove_buffers(widget.get_state())
    sent = {path[0]: buffer for path, buffer in zip(paths, buffers, strict=True)}
    assert sent.keys() == {"q", "k", "v", "mask", "_ready"}
    wire = "<f4" if np.dtype(dtype).itemsize < 8 else "<f8"
    assert state["q"] == {"shape": [2, 3, 7], "dtype": "float32" if wire == "<f4" else "float64"}
    assert state["k"]["shape"] == [1, 5, 7]
    assert state["mask"] == {"shape": [2, 3, 5], "dtype": "bool"}
    assert (state["_ready"], sent["_ready"]) == ({"shape": None, "dtype": None}, b"")
    np.testing.assert_array_equal(np.frombuffer(sent["q"], wire).reshape(2, 3, 7), q)
    widget.set_state({"v": {"shape": [1, 5, 1], "dtype": "float64", "bytes": bytes(40)}})
    assert widget.v.tolist() == [[[0.0]] * 5]
    widget.set_state({"v": {"shape": None, "dtype": None, "bytes": b""}})
    assert widget.v is None


def test_repr_is_short_and_stable():
    assert repr(explorer(temperature=0.5)) == (
        "AttentionExplorer(3 queries, 5 keys, 2 heads, d_k=7, similarity='scaled dot', "
        "temperature=0.5)"
    )
    ready = AttentionExplorer(["alone"], weights=[[1.0]])
    assert repr(ready) == "AttentionExplorer(1 query, 1 key, 1 head, ready weights)"
    assert ready._repr_mimebundle_()[0]["text/plain"] == repr(ready)
