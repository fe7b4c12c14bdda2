"""Fast weights against loops, least squares, and what their inventors proved."""

import numpy as np
import pytest

from attn_helpers.reference.fast_weights import (
    equiangular_keys,
    fast_weight_attention,
    fast_weight_write,
)


def looped(k, v, rule, rate):
    """Every memory on the way, entry by entry."""
    (n, d_k), d_v = k.shape, v.shape[1]
    memory = [[0.0] * d_v for _ in range(d_k)]
    states = []
    for i in range(n):
        held = [sum(k[i, r] * memory[r][c] for r in range(d_k)) for c in range(d_v)]
        for r in range(d_k):
            for c in range(d_v):
                wanted = v[i, c] - (held[c] if rule == "delta" else 0)
                memory[r][c] += rate * k[i, r] * wanted
        states.append(np.array(memory))
    return states


def written(k, v, *, sweeps=1, **how):
    memory = np.zeros((k.shape[1], v.shape[1]))
    for _ in range(sweeps):
        for key, value in zip(k, v, strict=True):
            memory = fast_weight_write(memory, key, value, **how)
    return memory


@pytest.mark.parametrize("rule", ["hebbian", "delta"])
@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_memory_and_attention_equal_loops(rule, rate):
    rng = np.random.default_rng(5)
    q, k, v = rng.normal(size=(7, 3)), rng.normal(size=(7, 3)) / 2, rng.normal(size=(7, 5))
    states = looped(k, v, rule, rate)
    np.testing.assert_allclose(written(k, v, rule=rule, rate=rate), states[-1], atol=1e-12)
    out = fast_weight_attention(q, k, v, rule=rule, rate=rate)
    expected = [query @ memory for query, memory in zip(q, states, strict=True)]
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


def test_hebbian_attention_is_causal_attention_without_softmax():
    rng = np.random.default_rng(6)
    q, k, v = (rng.normal(size=(2, 5, 11, d)) for d in (3, 3, 4))
    expected = np.tril(q @ k.swapaxes(-1, -2)) @ v
    np.testing.assert_allclose(fast_weight_attention(q, k, v), expected, rtol=0, atol=1e-11)


def test_a_column_of_ones_gives_the_normaliser_of_linear_attention():
    rng = np.random.default_rng(7)
    q, k = (np.exp(rng.normal(size=(9, 3))) for _ in "qk")  # positive features
    v = rng.normal(size=(9, 2))
    out = fast_weight_attention(q, k, np.c_[v, np.ones(9)])
    weights = np.tril(q @ k.T)
    weights /= weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(out[:, :2] / out[:, 2:], weights @ v, rtol=0, atol=1e-12)


def test_delta_attention_equals_the_form_with_products_of_matrices():
    rng = np.random.default_rng(8)
    k = rng.normal(size=(6, 4))
    k /= np.linalg.norm(k, axis=1, keepdims=True)
    q, v = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    # unrolled: value j has passed through I - rate k k' of every later key
    for i, found in enumerate(fast_weight_attention(q, k, v, rule="delta", rate=0.7)):
        total = np.zeros((4, 3))
        for j in range(i + 1):
            passed = np.outer(0.7 * k[j], v[j])
            for later in range(j + 1, i + 1):
                passed = (np.eye(4) - 0.7 * np.outer(k[later], k[later])) @ passed
            total += passed
        np.testing.assert_allclose(found, q[i] @ total, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", ["hebbian", "delta"])
def test_orthonormal_keys_recall_exactly_up_to_the_capacity(rule):
    rng = np.random.default_rng(9)
    k, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    v = rng.normal(size=(8, 3))
    np.testing.assert_allclose(k @ written(k, v, rule=rule), v, rtol=0, atol=1e-12)


def test_swept_again_and_again_the_delta_rule_finds_the_least_squares_solution():
    rng = np.random.default_rng(10)
    k = rng.normal(size=(4, 6))
    k /= np.linalg.norm(k, axis=1, keepdims=True)
    v = rng.normal(size=(4, 3))
    expected = np.linalg.lstsq(k, v, rcond=None)[0]  # of smallest norm
    memory = written(k, v, sweeps=400, rule="delta")
    np.testing.assert_allclose(memory, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(k @ memory, v, rtol=0, atol=1e-9)
    assert np.abs(k @ written(k, v) - v).max() > 0.1  # Hebb's errors stay


def test_beyond_the_capacity_no_sweep_recalls_everything():
    rng = np.random.default_rng(11)
    k, v = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    k /= np.linalg.norm(k, axis=1, keepdims=True)
    best = k @ np.linalg.lstsq(k, v, rcond=None)[0] - v
    for rule in "hebbian", "delta":
        error = k @ written(k, v, sweeps=50, rule=rule) - v
        assert (error**2).sum() >= (best**2).sum() > 0.1


def test_the_last_pair_is_exact_under_delta_and_order_is_nothing_to_hebb():
    k, v = equiangular_keys(4, 0.6), np.random.default_rng(12).normal(size=(4, 3))
    memory = written(k, v, rule="delta")
    np.testing.assert_allclose(k[-1] @ memory, v[-1], rtol=0, atol=1e-12)
    assert np.abs(k[0] @ memory - v[0]).max() > 0.1
    np.testing.assert_allclose(written(k, v), written(k[::-1], v[::-1]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cosine", [0, 0.35, 0.99, 1])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_equiangular_keys_have_the_cosine_asked_for(n, cosine):
    gram = np.where(np.eye(n), 1, cosine)
    k = equiangular_keys(n, cosine)
    np.testing.assert_allclose(k @ k.T, gram, rtol=0, atol=1e-12)
    np.testing.assert_allclose(k, k.T, rtol=0, atol=0)
    assert cosine or np.array_equal(k, np.eye(n))


def test_nothing_is_written_into_and_the_type_is_kept():
    memory, key, value = np.ones((2, 3), np.float32), np.ones(2, np.float32), np.ones(3, np.float32)
    for array in memory, key, value:
        array.flags.writeable = False
    assert fast_weight_write(memory, key, value, rule="delta").dtype == np.float32
    assert fast_weight_attention(key[None], key[None], value[None]).dtype == np.float32


M, K, V = np.zeros((3, 2)), np.zeros(3), np.zeros(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fast_weight_write(M.T, K, V), ValueError, r"memory is \(2, 3\), key is \(3,\)"),
        (lambda: fast_weight_write(M, 1.0, V), ValueError, r"memory needs two axes.*key is \(\)"),
        (lambda: fast_weight_write(M[0], K, V), ValueError, r"memory needs two axes"),
        (lambda: fast_weight_write(M, [0, 0, np.nan], V), ValueError, "key must be finite"),
        (lambda: fast_weight_write(M, K, V, rule="oja"), ValueError, "hebbian, delta, not 'oja'"),
        (lambda: fast_weight_write(M, K, V, rate=0), ValueError, "rate must be a finite number"),
        (
            lambda: fast_weight_write(np.zeros((4, 3, 2)), np.zeros((5, 3)), V),
            ValueError,
            r"in front must broadcast: memory is \(4, 3, 2\), key is \(5, 3\)",
        ),
        (lambda: fast_weight_attention(M, M, np.zeros((4, 2))), ValueError, r"v is \(4, 2\)"),
        (lambda: fast_weight_attention(M[:2], M, M), ValueError, r"q is \(2, 2\), k is \(3, 2\)"),
        (lambda: fast_weight_attention(K, K, K), ValueError, r"two axes, \(n, d\): q is \(3,\)"),
        (lambda: fast_weight_attention(M, M, M, rule=1), ValueError, "rule must be one of"),
        (lambda: fast_weight_attention("ab", M, M), TypeError, "q must hold real numbers"),
        (lambda: equiangular_keys(0, 0.5), ValueError, "n=0, cosine=0.5"),
        (lambda: equiangular_keys(3, -0.1), ValueError, "n=3, cosine=-0.1"),
        (lambda: equiangular_keys(2.5, 0.1), TypeError, "integer"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
