import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from attn_helpers import diagnostics

PER_ROW = [
    diagnostics.entropy,
    diagnostics.effective_tokens,
    diagnostics.mean_distance,
    diagnostics.weight_on_self,
    diagnostics.weight_on_first,
]
SQUARE = [lambda w: diagnostics.rollout([w, w]), diagnostics.head_similarity]
ALL = PER_ROW + SQUARE


def weights(*shape, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


W = weights(2, 3, 5, 7)
HAND = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])


# ---- by hand, by loop, by other libraries ----
def test_entropy_and_tokens_by_hand():
    assert diagnostics.entropy(HAND).tolist() == [0, 1, 2]
    assert diagnostics.effective_tokens(HAND).tolist() == [1, 2, 4]
    assert not np.signbit(diagnostics.entropy(HAND)[0])  # it prints as 0, not as -0


def test_entropy_equals_torch_distributions():
    categorical = torch.distributions.Categorical(probs=torch.tensor(W))
    assert np.allclose(
        diagnostics.entropy(W), categorical.entropy() / np.log(2), rtol=0, atol=1e-13
    )


def test_distance_by_hand():
    assert diagnostics.mean_distance(HAND).tolist() == [0, 0.5, (2 + 1 + 0 + 1) / 4]
    assert diagnostics.mean_distance(HAND, q_start=1).tolist() == [1, 1.5, (3 + 2 + 1 + 0) / 4]


def test_distance_by_loop():
    for q_start in (0, 2, 9):
        for place in np.ndindex(2, 3, 5):
            i = place[-1] + q_start
            expected = sum(W[place][j] * abs(i - j) for j in range(7))
            got = diagnostics.mean_distance(W, q_start=q_start)[place]
            assert got == pytest.approx(expected, abs=1e-13)


def test_weight_on_a_place_by_hand():
    assert diagnostics.weight_on_first(HAND).tolist() == [1, 0.5, 0.25]
    assert diagnostics.weight_on_self(HAND).tolist() == [1, 0.5, 0.25]
    assert diagnostics.weight_on_self(HAND, q_start=1).tolist() == [0, 0, 0.25]
    assert diagnostics.weight_on_offset(HAND, -1).tolist() == [0.5, 0.25]  # query 0 has no key -1
    assert diagnostics.weight_on_offset(HAND, 2).tolist() == [0, 0]
    assert diagnostics.weight_on_offset(HAND, -1, q_start=1).tolist() == [1, 0.5, 0.25]


@pytest.mark.parametrize("offset", range(-4, 7))
@pytest.mark.parametrize("q_start", [0, 2])
def test_weight_on_an_offset_by_loop(offset, q_start):
    rows = [(r, r + q_start + offset) for r in range(5) if 0 <= r + q_start + offset < 7]
    if not rows:
        return
    expected = np.stack([W[..., r, j] for r, j in rows], -1)
    assert (diagnostics.weight_on_offset(W, offset, q_start=q_start) == expected).all()


def test_a_previous_token_head_scores_one():
    previous = np.eye(6, k=-1)
    previous[0, 0] = 1
    assert diagnostics.weight_on_offset(previous, -1).mean() == 1


def test_rollout_by_hand():
    """One layer, one head, two tokens: half the weights and half the identity."""
    one = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    assert diagnostics.rollout([one]).tolist() == [[1, 0], [0.5, 0.5]]
    assert diagnostics.rollout([one, one]).tolist() == [[1, 0], [0.75, 0.25]]


def test_rollout_by_loop_over_layers_of_different_heads():
    layers = [weights(2, heads, 5, 5, seed=heads) for heads in (3, 4, 7)]
    for b in range(2):
        expected = np.eye(5)
        for layer in layers:
            mixed = 0.5 * sum(layer[b]) / len(layer[b]) + 0.5 * np.eye(5)
            expected = (mixed / mixed.sum(1, keepdims=True)) @ expected
        assert np.allclose(diagnostics.rollout(layers)[b], expected, rtol=0, atol=1e-14)


def test_rollout_takes_the_first_layer_first():
    spread, copy_first = np.full((1, 3, 3), 1 / 3), np.array([[[1.0, 0, 0]] * 3])
    late = diagnostics.rollout([spread, copy_first])[2]
    early = diagnostics.rollout([copy_first, spread])[2]
    assert np.allclose(late, [5 / 12, 2 / 12, 5 / 12]) and np.allclose(
        early, [7 / 12, 1 / 12, 4 / 12]
    )


def test_rollout_keeps_a_token_whose_row_is_masked():
    masked = np.array([[[0.0, 0.0], [0.5, 0.5]]])
    assert diagnostics.rollout([masked]).tolist() == [[1, 0], [0.25, 0.75]]


def test_head_similarity_equals_scipy():
    got = diagnostics.head_similarity(W)
    for b in range(2):
        for one in range(3):
            for other in range(3):
                divergence = jensenshannon(W[b, one], W[b, other], axis=-1, base=2) ** 2
                assert got[b, one, other] == pytest.approx(1 - divergence.mean(), abs=1e-12)


def test_head_similarity_has_its_bounds():
    heads = np.array([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    assert diagnostics.head_similarity(heads).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_signature_leaves_out_queries_that_see_nothing():
    plain = diagnostics.signature(HAND)
    assert {name: float(value) for name, value in plain.items()} == {
        "entropy": 1,
        "effective_tokens": 7 / 3,
        "mean_distance": 0.5,
        "weight_on_self": pytest.approx(1.75 / 3),
        "weight_on_first": pytest.approx(1.75 / 3),
    }
    masked = np.concatenate([HAND, np.zeros((1, 4))])
    assert diagnostics.signature(masked) == plain
    assert all(value == 0 for value in diagnostics.signature(np.zeros((2, 3))).values())


def test_signature_is_a_mean_per_head():
    mask = np.ones((2, 3, 5, 7), bool)
    mask[1, 2, 3] = mask[0, 0, 1] = False
    w = W * mask.all(-1, keepdims=True)
    found = diagnostics.signature(w, q_start=2)
    for place in np.ndindex(2, 3):
        seen = [r for r in range(5) if w[place][r].sum()]
        for name in found:
            if name == "weight_on_self":
                expected = np.mean([w[place][r, r + 2] for r in seen])
            else:
                start = {"q_start": 2} if name == "mean_distance" else {}
                expected = np.mean(getattr(diagnostics, name)(w[place], **start)[seen])
            assert found[name][place] == pytest.approx(expected, abs=1e-13), name


def test_weight_on_self_counts_the_queries_that_have_a_key():
    tall = weights(7, 5)
    expected = np.diag(tall).mean()
    assert diagnostics.signature(tall)["weight_on_self"] == pytest.approx(expected)


# ---- torch ----
@pytest.mark.parametrize("function", ALL)
def test_torch_gives_tensors_with_the_same_numbers(function):
    square = weights(2, 3, 5, 5)
    got = function(torch.tensor(square))
    assert isinstance(got, torch.Tensor) and got.dtype == torch.float64
    assert np.allclose(got, function(square), rtol=0, atol=1e-14)


@pytest.mark.parametrize("function", ALL)
def test_gradients_equal_finite_differences(function):
    """Of numbers that are given weights by a softmax, so that rows sum to one."""
    scores = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: function(s.softmax(-1)), scores)


@pytest.mark.parametrize("name", diagnostics.signature(HAND))
def test_a_signature_is_differentiable(name):
    scores = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: diagnostics.signature(s.softmax(-1))[name], scores)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_have_finite_gradients(function, dtype):
    tiny = 5e-324 if dtype == torch.float64 else 1e-45  # whose reciprocal overflows
    w = torch.tensor([[1.0, 0, 0], [0, 0, 0], [tiny, 0.5, 0.5]], dtype=dtype).expand(2, 3, 3)
    w = w.clone().requires_grad_()
    function(w).sum().backward()
    assert w.grad.isfinite().all()


def test_the_gradient_of_entropy_at_a_zero_is_zero():
    w = torch.tensor([0.25, 0.75, 0.0], requires_grad=True)
    diagnostics.entropy(w).backward()
    assert w.grad[2] == 0
    expected = -(np.log2([0.25, 0.75]) + 1 / np.log(2))
    assert np.allclose(w.grad[:2], expected, atol=1e-6)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(function, dtype):
    w = torch.randn(3, 64, 64).softmax(-1).to(dtype)
    got = function(w)
    assert got.dtype == torch.float32
    assert np.allclose(got, function(w.double().numpy()), rtol=1e-4, atol=1e-4)


def test_numpy_keeps_float32_and_takes_lists():
    assert diagnostics.entropy(HAND.astype(np.float32)).dtype == np.float32
    assert diagnostics.entropy(HAND.astype(np.float16)).dtype == np.float32
    assert diagnostics.entropy(HAND.tolist()).tolist() == [0, 1, 2]
    assert diagnostics.mean_distance([[1, 0], [1, 0]]).tolist() == [0, 1]


# ---- what is refused ----
NOT_WEIGHTS = [
    np.random.default_rng(2).normal(size=(3, 3, 3)),  # scores
    2 * weights(3, 3, 3),
    np.full((3, 3, 3), np.nan),
    np.broadcast_to([1.5, -0.5, 0], (3, 3, 3)),  # sums to 1, yet negative
    np.broadcast_to([0.5, 0.48, 0], (3, 3, 3)),
]


@pytest.mark.parametrize("function", [*ALL, diagnostics.signature])
@pytest.mark.parametrize("bad", NOT_WEIGHTS)
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_what_is_no_weights_is_refused(function, bad, kind):
    with pytest.raises(ValueError, match=r"are these scores\?.*\(3, 3, 3\)"):
        function(kind(bad))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: diagnostics.mean_distance(np.ones(1)), ValueError, ["n_q, n_k", "(1,)"]),
        (lambda: diagnostics.entropy(np.ones((3, 0))), ValueError, ["none of them 0", "(3, 0)"]),
        (lambda: diagnostics.head_similarity(HAND), ValueError, ["n_heads", "(3, 4)"]),
        (lambda: diagnostics.rollout([HAND]), ValueError, ["n_heads", "(3, 4)"]),
        (lambda: diagnostics.rollout([HAND[None]]), ValueError, ["layer", "(3, 4)"]),
        (lambda: diagnostics.rollout([]), ValueError, ["at least one layer"]),
        (
            lambda: diagnostics.rollout([weights(2, 3, 3), weights(2, 5, 5)]),
            ValueError,
            ["(3, 3)", "(5, 5)"],
        ),
        (lambda: diagnostics.weight_on_offset(HAND, 4), ValueError, ["offset is 4", "(3, 4)"]),
        (lambda: diagnostics.weight_on_offset(HAND, -3), ValueError, ["offset is -3", "(3, 4)"]),
        (lambda: diagnostics.weight_on_offset(HAND, 0.5), ValueError, ["0.5", "whole", "(3, 4)"]),
        (lambda: diagnostics.mean_distance(HAND, q_start=-1), ValueError, ["q_start is -1"]),
        (lambda: diagnostics.mean_distance(torch.eye(3), q_start="1"), ValueError, ["(3, 3)"]),
        (lambda: diagnostics.weight_on_self(HAND, q_start=4), ValueError, ["q_start is 4"]),
        (lambda: diagnostics.entropy("text"), TypeError, ["real numbers"]),
        (lambda: diagnostics.entropy(torch.eye(3).int()), TypeError, ["torch.int32", "(3, 3)"]),
        (lambda: diagnostics.entropy(torch.eye(3) * 1j), TypeError, ["torch.complex64"]),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_weights_are_left_alone():
    kept = W.copy()
    for function in PER_ROW + [diagnostics.signature, diagnostics.head_similarity]:
        function(W)
    assert (kept == W).all()


def test_diagnostics_load_without_torch():
    code = (
        "import sys, numpy, attn_helpers.diagnostics as d; d.signature(numpy.eye(3));"
        "assert not {'torch', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_signature_of_queries_behind_the_last_key_has_no_weight_on_self():
    seen = diagnostics.signature(W, q_start=7)
    assert (seen["weight_on_self"] == 0).all()
    np.testing.assert_allclose(seen["weight_on_first"], W[..., 0].mean(-1))
    tensor = diagnostics.signature(torch.from_numpy(W), q_start=7)
    assert (tensor["weight_on_self"] == 0).all()
