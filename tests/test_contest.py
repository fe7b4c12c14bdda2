"""The four networks: against the package and PyTorch's own layers, sizes, causality, training."""

import numpy as np
import pytest
import torch

from attn_helpers import contest, program, reference
from attn_helpers.data import lamp, look_up, wiring

WIDTHS = {"attention": 12, "convolution": 5, "RNN": 7, "MLP": 3}
each = pytest.mark.parametrize("kind", contest.NETWORKS)


def tokens(count=2, n=16):
    return torch.from_numpy(np.random.default_rng(6).standard_normal((contest.RUNS, count, n, 9)))


def one_run(kind, run=1):
    p = contest.start(kind, WIDTHS[kind])
    return p, {name: numbers[run, 0].detach().numpy() for name, numbers in p.items()}


def difference(ours, theirs):
    return float(abs(ours.detach().numpy() - np.asarray(theirs)).max())


@pytest.mark.parametrize("rule", [None, program("j >= 3"), program("s - abs(i - j)")])
def test_attention_is_the_packages(rule):
    x = tokens(n=20)
    p, a = one_run("attention")
    embedded = x[1, 0].numpy() @ a["in"]
    embedded[:16] += a["place"]
    back = a["back"][:, np.abs(np.arange(20)[:, None] - np.arange(20)).clip(0, 15)]
    causal = program("j <= i") & program("s + back[h, i, j]", back=back)
    whole = causal if rule is None else causal >> rule if rule.score else causal & rule
    heads, _ = reference.multi_head_attention(
        embedded, embedded, a["q"], a["k"], a["v"], np.eye(12), n_heads=4, program=whole
    )
    theirs = np.maximum(np.hstack([heads, embedded]) @ a["mix"], 0) @ a["read"]
    ours = contest.outputs("attention", p, x, rule)[1, 0]
    assert difference(ours, theirs) < 1e-12  # "j >= 3" leaves three queries without a key


def test_convolution_is_torchs():
    x = tokens(n=13)
    p, a = one_run("convolution")
    y = x[1].mT
    for name in ("first", "second"):
        kernel = torch.tensor(a[name]).unflatten(0, (-1, 5)).permute(2, 0, 1)
        y = torch.conv1d(torch.nn.functional.pad(y, (4, 0)), kernel).relu()
    theirs = y.mT.numpy() @ a["read"]
    assert difference(contest.outputs("convolution", p, x)[1], theirs) < 1e-12


def test_rnn_is_torchs():
    x = tokens(n=13)
    p, a = one_run("RNN")
    layer = torch.nn.RNN(9, 7, bias=False, batch_first=True, dtype=torch.float64)
    layer.weight_ih_l0.data = torch.tensor(a["in"].T)
    layer.weight_hh_l0.data = torch.tensor(a["again"].T)
    theirs = layer(x[1])[0].detach().numpy() @ a["read"]
    assert difference(contest.outputs("RNN", p, x)[1], theirs) < 1e-12


def test_mlp_is_two_matrices():
    x = tokens()
    p, a = one_run("MLP")
    theirs = np.maximum(x[1].numpy().reshape(2, -1) @ a["in"], 0) @ a["read"]
    assert difference(contest.outputs("MLP", p, x)[1], theirs.reshape(2, 16, 2)) < 1e-12


@each
def test_size_counts_the_arrays_of_one_run(kind):
    p = contest.start(kind, WIDTHS[kind])
    assert contest.size(kind, WIDTHS[kind]) == sum(numbers[0].numel() for numbers in p.values())
    assert all(len(numbers) == contest.RUNS for numbers in p.values())


def test_the_four_are_equally_large():
    sizes = [contest.size(kind, width) for kind, width in contest.WIDTH.items()]
    assert max(sizes) < 1.05 * min(sizes)


@pytest.mark.parametrize("kind", ["attention", "convolution", "RNN"])
def test_no_network_but_the_mlp_looks_ahead(kind):
    x = tokens(n=18)
    p = contest.start(kind, WIDTHS[kind])
    before = contest.outputs(kind, p, x)
    x[:, :, 11] += 1
    moved = abs(contest.outputs(kind, p, x) - before).detach().amax((0, 1, 3)) > 1e-12
    assert not moved[:11].any() and moved[11]


@each
def test_runs_do_not_mix(kind):
    x = tokens()
    p = contest.start(kind, WIDTHS[kind])
    before = contest.outputs(kind, p, x)
    x[2] += 1
    moved = abs(contest.outputs(kind, p, x) - before).detach().amax((1, 2, 3)) > 1e-12
    assert moved.tolist() == [False, False, True]


def test_training_learns_repeats_and_leaves_no_gradient():
    first, again = (contest.train("MLP", wiring, width=16, steps=150) for _ in range(2))
    start = contest.start("MLP", 16)
    assert not any(numbers.requires_grad for numbers in first.values())
    assert all(torch.equal(first[name], again[name]) for name in first)
    before, after = (np.nanmean(contest.right_answers("MLP", p, wiring)) for p in (start, first))
    assert before < 0.65 and after > 0.85


def test_each_run_cuts_its_own_gradient(monkeypatch):
    seen, norms, step = [], [], torch.optim.Adam.step

    def noted(adam, *given, **kinds):
        seen.extend(z.grad.clone() for z in adam.param_groups[0]["params"])
        return step(adam, *given, **kinds)

    def loud(rng, count, n):
        x, y = lamp(rng, count, n)
        x[-16:] *= 50  # the last run
        return x, y

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    contest.train("MLP", loud, 3, steps=1)
    x, y = (
        torch.from_numpy(z).unflatten(0, (3, 16)) for z in loud(np.random.default_rng(0), 48, 16)
    )
    for run in range(3):
        p = {name: z[run, None].detach() for name, z in contest.start("MLP", 3).items()}
        p = {name: z.requires_grad_() for name, z in p.items()}
        said = contest.outputs("MLP", p, x[run, None])[0].mT
        torch.nn.functional.cross_entropy(said, y[run]).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(p.values(), 1.0)))
        for ours, theirs in zip(seen, p.values(), strict=True):
            assert difference(ours[run], theirs.grad[0]) < 1e-5
    assert norms[0] < 1 < norms[2]


def test_right_answers_are_counted_place_by_place():
    p = contest.start("RNN", 7)
    rng = np.random.default_rng(99)
    x, y = look_up(rng, contest.RUNS * 200, 20, shifted=True)
    x = torch.from_numpy(x).unflatten(0, (contest.RUNS, 200))
    said = contest.outputs("RNN", p, x).argmax(-1).flatten(0, 1).numpy()
    shares = contest.right_answers("RNN", p, look_up, 20, shifted=True)
    assert shares.shape == (20,) and np.isnan(shares[:10]).all()
    np.testing.assert_allclose(shares[10:], (said == y)[:, 10:].mean(axis=0), atol=1e-12)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: contest.start("GRU", 8), "'GRU'"),
        (lambda: contest.start("attention", 10), "multiple of 4"),
        (lambda: contest.size("RNN", 0), "it is 0"),
        (lambda: contest.train("RNN", lamp, 0), "it is 0"),
        (lambda: contest.train("GRU", lamp), "'GRU'"),
        (lambda: contest.outputs("GRU", {}, tokens()), "'GRU'"),
        (lambda: contest.outputs("MLP", contest.start("MLP", 3), tokens(n=17)), "16 tokens"),
        (lambda: contest.right_answers("RNN", contest.start("RNN", 3), lamp,
                                       program=program("j == i")), "this is RNN"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
