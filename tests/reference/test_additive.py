"""Additive scores against a triple loop, torch layers, and the sign law."""

import itertools
import math

import numpy as np
import pytest
import torch

from attn_helpers.reference import additive_scores

NAMES = ("q", "k", "a_q", "a_k", "b", "u")
SIZES = {"q": (3, 4), "k": (5, 6), "a_q": (4, 7), "a_k": (6, 7), "b": (7,), "u": (7,)}


def drawn(**other):
    rng = np.random.default_rng(8)
    return [rng.normal(size=other.get(name, SIZES[name])) for name in NAMES]


def test_equals_a_loop():
    q, k, a_q, a_k, b, u = drawn()
    for i, j in itertools.product(range(3), range(5)):
        hidden = [
            sum(q[i, r] * a_q[r, h] for r in range(4))
            + sum(k[j, r] * a_k[r, h] for r in range(6))
            + b[h]
            for h in range(7)
        ]
        expected = sum(u[h] * math.tanh(hidden[h]) for h in range(7))
        assert additive_scores(q, k, a_q, a_k, b, u)[i, j] == pytest.approx(expected, abs=1e-12)


def test_equals_a_torch_layer_on_query_and_key_side_by_side():
    q, k, a_q, a_k, b, u = drawn(q=(2, 1, 3, 4), k=(5, 5, 6))
    layer = torch.nn.Linear(10, 7, dtype=torch.float64)
    layer.weight.data = torch.tensor(np.concatenate([a_q, a_k]).T)
    layer.bias.data = torch.tensor(b)
    pairs = np.concatenate(
        [
            np.broadcast_to(q[..., :, None, :], (2, 5, 3, 5, 4)),
            np.broadcast_to(k[..., None, :, :], (2, 5, 3, 5, 6)),
        ],
        axis=-1,
    )
    expected = torch.tanh(layer(torch.tensor(pairs))) @ torch.tensor(u)
    got = additive_scores(q, k, a_q, a_k, b, u)
    np.testing.assert_allclose(got, expected.detach(), rtol=0, atol=1e-12)


def test_without_bias_the_scores_are_odd():
    q, k, a_q, a_k, b, u = drawn()
    turned = additive_scores(-q, -k, a_q, a_k, 0 * b, u)
    np.testing.assert_allclose(turned, -additive_scores(q, k, a_q, a_k, 0 * b, u), atol=1e-12)
    assert np.abs(additive_scores(q, k, a_q, a_k, b, u)).max() <= np.abs(u).sum()


@pytest.mark.parametrize(
    "wrong",
    [
        {"q": (3, 5)},
        {"k": (5, 4)},
        {"a_k": (6, 6)},
        {"b": (1,)},
        {"u": (6,)},
        {"u": (7, 1)},
        {"q": (4,)},
        {"q": (2, 3, 4), "k": (3, 5, 6)},
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match="need|must") as error:
        additive_scores(*drawn(**wrong))
    for name in NAMES:
        assert f"{name} is {wrong.get(name, SIZES[name])}" in str(error.value)


def test_numbers_that_are_not_finite_are_refused_by_name():
    arrays = drawn()
    arrays[4][2] = np.nan
    with pytest.raises(ValueError, match="b "):
        additive_scores(*arrays)
