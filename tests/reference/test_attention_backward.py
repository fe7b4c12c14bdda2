"""The backward pass against PyTorch's autograd, finite differences, and laws of its own."""

import numpy as np
import pytest
import torch

from attn_helpers.reference import attention, attention_backward

NAMES = ("q", "k", "v", "d_out")
SIZES = {"q": (3, 5), "k": (7, 5), "v": (7, 2), "d_out": (3, 2)}


def drawn(leading=(), **other):
    rng = np.random.default_rng(42)
    return [rng.normal(size=other.get(name, (*leading, *SIZES[name]))) for name in NAMES]


def by_autograd(q, k, v, d_out, mask=None, scale=None):
    """Written out, with a softmax that gives zeros where nothing may be seen."""
    q, k, v = (torch.tensor(np.array(x), requires_grad=True) for x in (q, k, v))
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        mask = torch.tensor(np.array(mask))
        scores = scores.masked_fill(~mask, -1e30)
    weights = scores.softmax(-1) if mask is None else scores.softmax(-1) * mask
    out = weights @ v
    return [d.numpy() for d in torch.autograd.grad(out, (q, k, v), torch.tensor(np.array(d_out)))]


def assert_same(got, expected, atol=1e-12):
    for name, mine, theirs in zip(("d_q", "d_k", "d_v"), got, expected, strict=True):
        assert mine.shape == theirs.shape, name
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=atol, err_msg=name)


MASK = np.array([[1, 0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0]], bool)
BLIND = MASK & np.array([[True], [False], [True]])


@pytest.mark.parametrize("mask", [None, MASK, BLIND, MASK[:1], MASK[:, 2:3]])
@pytest.mark.parametrize("scale", [None, 1.0, 0.3, -2.0])
@pytest.mark.parametrize("leading", [(), (4,), (2, 4)])
def test_equals_autograd(mask, scale, leading):
    arrays = drawn(leading)
    got = attention_backward(*arrays, mask=mask, scale=scale)
    assert_same(got, by_autograd(*arrays, mask, scale))


def test_equals_autograd_through_torchs_own_kernel():
    q, k, v, d_out = drawn((2, 4))
    tensors = [torch.tensor(x, requires_grad=True) for x in (q, k, v)]
    out = torch.nn.functional.scaled_dot_product_attention(*tensors)
    out.backward(torch.tensor(d_out))
    assert_same(attention_backward(q, k, v, d_out), [x.grad.numpy() for x in tensors])


def test_equals_finite_differences_of_attention():
    arrays = drawn()
    *inputs, d_out = arrays
    for number, gradient in enumerate(attention_backward(*arrays, mask=BLIND)):
        for place in np.ndindex(gradient.shape):
            at = []
            for step in (1e-6, -1e-6):
                moved = [x.copy() for x in inputs]
                moved[number][place] += step
                at.append((attention(*moved, mask=BLIND)[0] * d_out).sum())
            assert gradient[place] == pytest.approx((at[0] - at[1]) / 2e-6, abs=1e-8)


def test_a_hand_computed_case():
    """Keys alike, so weights are 1/2; d_w = v, its mean is 2, d_s = (-1/2, 1/2), scale 1 / 2."""
    q, k, v = np.array([[1.0, 0, 0, 2]]), np.ones((2, 4)), np.array([[1.0], [3.0]])
    d_q, d_k, d_v = attention_backward(q, k, v, np.ones((1, 1)))
    np.testing.assert_array_equal(d_q, np.zeros((1, 4)))
    np.testing.assert_array_equal(d_k, [[-0.25, 0, 0, -0.5], [0.25, 0, 0, 0.5]])
    np.testing.assert_array_equal(d_v, [[0.5], [0.5]])


def test_a_query_that_sees_nothing_moves_nothing():
    q, k, v, d_out = drawn()
    d_q, d_k, d_v = attention_backward(q, k, v, d_out, mask=BLIND)
    assert not d_q[1].any() and d_q[[0, 2]].all()
    others = attention_backward(q[[0, 2]], k, v, d_out[[0, 2]], mask=BLIND[[0, 2]])
    assert_same((d_q[[0, 2]], d_k, d_v), others)
    assert not any(d.any() for d in attention_backward(q, k, v, d_out, mask=BLIND & False))


def test_a_key_that_nobody_sees_has_no_gradient():
    _, d_k, d_v = attention_backward(*drawn(), mask=np.arange(7) != 4)
    assert not d_k[4].any() and not d_v[4].any()
    assert d_k[[0, 1, 2, 3, 5, 6]].all()


@pytest.mark.parametrize(
    "other",
    [
        {"q": (2, 4, 3, 5), "k": (4, 7, 5), "v": (1, 1, 7, 2), "d_out": (2, 4, 3, 2)},
        {"q": (1, 3, 5), "k": (4, 7, 5), "v": (7, 2), "d_out": (4, 3, 2)},
    ],
    ids=str,
)
def test_uses_of_a_broadcast_array_are_added(other):
    arrays = drawn(**other)
    assert_same(attention_backward(*arrays), by_autograd(*arrays))


def test_a_mask_may_bring_axes_of_its_own():
    q, k, v, _ = drawn()
    mask, d_out = (
        np.stack([MASK, BLIND])[:, None],
        np.random.default_rng(1).normal(size=(2, 1, 3, 2)),
    )
    assert_same(attention_backward(q, k, v, d_out, mask=mask), by_autograd(q, k, v, d_out, mask))


def test_strided_and_read_only_arrays_are_left_as_they_are():
    arrays = drawn((2,))
    views = []
    for x in arrays:
        view = np.asfortranarray(np.repeat(x, 2, axis=-1))[..., ::2]
        view.flags.writeable = False
        views.append(view)
    assert_same(attention_backward(*views), attention_backward(*arrays), atol=1e-14)
    for view, x in zip(views, arrays, strict=True):
        np.testing.assert_array_equal(view, x)


@pytest.mark.parametrize("dtype, atol", [(np.float16, 2e-2), (np.float32, 1e-5)])
def test_precision_is_kept(dtype, atol):
    arrays = [x.astype(dtype) for x in drawn()]
    got = attention_backward(*arrays, scale=np.float64(0.5))
    assert [d.dtype for d in got] == [dtype] * 3
    exact = by_autograd(*(x.astype(np.float64) for x in arrays), scale=0.5)
    assert_same([d.astype(np.float64) for d in got], exact, atol=atol)


def test_half_precision_is_computed_in_single():
    """300 * 300 is more than float16 can hold; the gradients, 75 and 150, are not."""
    q, k, v, d_out = (np.float16(x) for x in ([[0]], [[1], [0]], [[300], [299]], [[300]]))
    d_q, _, d_v = attention_backward(q, k, v, d_out)
    np.testing.assert_array_equal(d_q, [[75]])
    np.testing.assert_array_equal(d_v, [[150], [150]])


def test_saturated_scores_stay_finite():
    q, k, v, d_out = drawn()
    for d in attention_backward(1e4 * q, 1e4 * k, v, d_out):
        assert np.isfinite(d).all()


@pytest.mark.parametrize(
    "wrong",
    [{"d_out": (2,)}, {"d_out": (7, 2)}, {"d_out": (1, 3, 2)}, {"k": (7, 4)}, {"v": (6, 2)}],
    ids=str,
)
def test_shapes_that_do_not_fit_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match="need") as error:
        attention_backward(*drawn(**wrong))
    for name in NAMES if "d_out" in wrong else NAMES[:3]:
        assert f"{name} is {wrong.get(name, SIZES[name])}" in str(error.value)


def test_other_bad_input_is_refused_by_name():
    q, k, v, d_out = drawn()
    with pytest.raises(ValueError, match="d_out must be finite"):
        attention_backward(q, k, v, np.full_like(d_out, np.nan))
    with pytest.raises(TypeError, match="mask must be boolean"):
        attention_backward(q, k, v, d_out, mask=np.ones((3, 7)))
    with pytest.raises(ValueError, match="scale must be finite"):
        attention_backward(q, k, v, d_out, scale=np.inf)
    with pytest.raises(ValueError, match="scale must be one number"):
        attention_backward(q, k, v, d_out, scale=[0.5])
