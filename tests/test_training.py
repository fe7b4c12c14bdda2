"""The training loop: that it learns, and what it must survive."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from attn_helpers.training import History, cosine, fit

TRUTH = torch.tensor([[1.0, -2.0, 3.0]])


def small(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


def loss_for(model):
    def loss_of(rng):
        x = torch.from_numpy(rng.standard_normal((16, 3), dtype=np.float32))
        return (model(x) - x @ TRUTH.mT).square().mean()

    return loss_of


def held_out(model):
    x = torch.from_numpy(np.random.default_rng(99).standard_normal((64, 3), dtype=np.float32))
    return lambda: (model(x) - x @ TRUTH.mT).square().mean()


def test_it_learns():
    model = small()
    before = held_out(model)().item()
    history = fit(model, loss_for(model), 300, rate=0.03, progress=False)
    assert len(history.losses) == 300
    assert held_out(model)().item() < before / 50
    assert history.scores == {} and history.best is None and not history.interrupted


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    def run(seed):
        model = small(dropout=0.5)
        return fit(model, loss_for(model), 20, seed=seed, progress=False).losses

    torch.manual_seed(5)
    first = run(1)
    torch.manual_seed(6)
    assert first == run(1) != run(2)


def test_a_step_is_that_of_the_five_lines():
    model, twin = small(), small()
    fit(model, loss_for(model), 3, rate=0.01, clip=None, schedule=lambda *_: 1, progress=False)
    optimiser = torch.optim.AdamW(twin.parameters(), lr=0.01)
    for step in range(3):
        optimiser.zero_grad()
        loss_for(twin)(np.random.default_rng([0, step])).backward()
        optimiser.step()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("clip", [0.1, 1e6])
def test_long_gradients_are_cut(clip):
    model = nn.Linear(3, 1)
    before = [p.clone() for p in model.parameters()]
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    loss_of = loss_for(model)
    gradient = torch.autograd.grad(loss_of(np.random.default_rng([0, 0])), model.parameters())
    length = torch.cat([g.flatten() for g in gradient]).norm().item()
    fit(model, loss_of, 1, optimiser=sgd, clip=clip, schedule=lambda *_: 1, progress=False)
    moved = torch.cat([(a - b).flatten() for a, b in zip(model.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(min(clip, length), rel=1e-4)


def test_the_rate_follows_the_schedule_in_every_group_of_every_optimiser():
    model, seen = small(), []
    first = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.2}], lr=1.0)
    second = torch.optim.AdamW(model[3].parameters(), lr=0.05)

    def schedule(step, steps):
        seen.append([g["lr"] for o in (first, second) for g in o.param_groups])
        return (step + 1) / steps

    fit(model, loss_for(model), 4, optimiser=[first, second], schedule=schedule, progress=False)
    seen.append([g["lr"] for o in (first, second) for g in o.param_groups])
    shares = np.array([0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(seen[1:], shares[:, None] * [0.2, 0.05])


def test_cosine_goes_up_then_down():
    rates = [cosine(step, 100, warmup=10, last=0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1
    assert np.all(np.diff(rates[:10]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[55] == pytest.approx(0.55) and 0.1 < rates[-1] < 0.102
    assert cosine(0, 1) == 1


def test_the_model_keeps_the_weights_of_the_best_score():
    model, scores = small(), iter([3.0, 1.0, 2.0])
    kept = {}

    def evaluate():
        assert not model.training and not torch.is_grad_enabled()
        score = next(scores)
        kept[score] = [p.clone() for p in model.parameters()]
        return score

    history = fit(model, loss_for(model), 25, evaluate=evaluate, every=10, progress=False)
    assert history.scores == {10: 3.0, 20: 1.0, 25: 2.0} and history.best == 20
    assert all(map(torch.equal, model.parameters(), kept[1.0]))
    assert not model.training and all(p.grad is None for p in model.parameters())


def test_the_model_is_in_training_mode_at_each_step():
    model, modes = small(), []

    def loss_of(rng):
        modes.append(model.training)
        return loss_for(model)(rng)

    fit(model, loss_of, 6, evaluate=held_out(model), every=2, progress=False)
    assert modes == [True] * 6


def test_a_stopped_run_keeps_the_best_weights_and_what_it_has_seen():
    model, best = small(), []

    def loss_of(rng):
        if len(best) == 2:
            raise KeyboardInterrupt
        return loss_for(model)(rng)

    def evaluate():
        best.append([p.clone() for p in model.parameters()])
        return float(len(best))  # the first stays the best

    history = fit(model, loss_of, 100, evaluate=evaluate, every=10, progress=False)
    assert history.interrupted and len(history.losses) == 20 and history.best == 10
    assert all(map(torch.equal, model.parameters(), best[0]))
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("stop", [7, 10, 23])
def test_a_run_that_goes_on_ends_as_if_it_had_not_been_stopped(stop, tmp_path):
    def run(path, stop=None):
        model = small(dropout=0.3)

        def loss_of(rng):
            if stop is not None and len(seen) == stop:
                raise KeyboardInterrupt
            seen.append(1)
            return loss_for(model)(rng)

        seen = []
        options = {"evaluate": held_out(model), "every": 5, "rate": 0.01, "checkpoint": path}
        return model, fit(model, loss_of, 30, progress=False, **options)

    whole, expected = run(tmp_path / "whole.pt")
    _, first = run(tmp_path / "cut.pt", stop)
    assert first.interrupted and len(first.losses) == stop
    model, history = run(tmp_path / "cut.pt")
    assert history.losses == expected.losses and history.scores == expected.scores
    assert not history.interrupted
    assert all(map(torch.equal, model.parameters(), whole.parameters()))


KILLED = """
    import os, signal, sys
    import numpy as np
    import torch
    from attn_helpers.training import fit

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
    path, kill = sys.argv[1], int(sys.argv[2])
    calls = 0

    def loss_of(rng):
        global calls
        calls += 1
        if calls == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        x = torch.from_numpy(rng.standard_normal((16, 3), dtype=np.float32))
        return (model(x) - x.sum(1, keepdim=True)).square().mean()

    losses = fit(model, loss_of, 24, every=4, checkpoint=path, progress=False).losses
    print(len(losses), losses[-1].hex())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_process_loses_nothing(tmp_path):
    def run(name, kill=0):
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / name), str(kill)]
        return subprocess.run(command, capture_output=True, text=True)

    expected = run("whole.pt").stdout
    assert expected.startswith("24 ")
    for kill in (6, 4, 9):  # each time it goes on from the last checkpoint: 4, 4 and 12 steps
        assert run("cut.pt", kill).returncode == -signal.SIGKILL
    assert run("cut.pt").stdout == expected
    assert sorted(os.listdir(tmp_path)) == ["cut.pt", "whole.pt"]


def test_a_finished_run_gives_its_model_and_history_back(tmp_path):
    model, path = small(), tmp_path / "run.pt"
    options = {"evaluate": held_out(model), "every": 4, "checkpoint": path, "progress": False}
    history = fit(model, loss_for(model), 10, **options)

    def refuse(_):
        raise AssertionError("a finished run takes no step")

    other = small(seed=1)
    again = fit(other, refuse, 10, **options | {"evaluate": held_out(other)})
    assert again == history
    assert all(map(torch.equal, other.parameters(), model.parameters()))


def test_the_best_weights_outlive_a_stop(tmp_path):
    kept = []

    def run(stop=None):
        model = small()

        def loss_of(rng):
            if stop and len(kept) == stop:
                raise KeyboardInterrupt
            return loss_for(model)(rng)

        def evaluate():
            kept.append([p.clone() for p in model.parameters()])
            return float(len(kept))  # the first stays the best

        path = tmp_path / "run.pt"
        fit(model, loss_of, 12, evaluate=evaluate, every=4, checkpoint=path, progress=False)
        return model

    run(stop=1)
    assert all(map(torch.equal, run().parameters(), kept[0]))


def test_a_checkpoint_that_breaks_off_leaves_the_last_one_whole(tmp_path, monkeypatch):
    model, path = small(), tmp_path / "run.pt"
    whole, saves = torch.save, []

    def save(parts, file):
        saves.append(file)
        if len(saves) == 2:
            file.write(b"half of it")
            raise OSError("no space left on device")
        whole(parts, file)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(OSError, match="no space left"):
        fit(model, loss_for(model), 9, every=3, checkpoint=path, progress=False)
    assert len(torch.load(path)["history"]["losses"]) == 3
    assert len(fit(model, loss_for(model), 9, every=3, checkpoint=path).losses) == 9


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    model, path = small(), tmp_path / "run.pt"
    fit(model, loss_for(model), 4, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match=r"run\.pt belongs to a run with .*'steps': 4.*'steps': 5"):
        fit(model, loss_for(model), 5, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="'seed': 0"):
        fit(model, loss_for(model), 4, seed=1, checkpoint=path, progress=False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run_before_the_weights(bad):
    model, weights = small(), []

    def loss_of(rng):
        weights.append([p.detach().clone() for p in model.parameters()])
        return loss_for(model)(rng) * (bad if len(weights) == 4 else 1)

    with pytest.raises(FloatingPointError, match=f"the loss is {bad} at step 3.*rate"):
        fit(model, loss_of, 10, progress=False)
    assert all(map(torch.equal, model.parameters(), weights[-1]))


def test_a_gradient_that_is_not_finite_ends_the_run():
    model = nn.Linear(3, 1)
    with pytest.raises(FloatingPointError, match="the gradient is nan at step 0"):
        fit(model, lambda rng: (model.weight * 0).sum().sqrt() * 0, 5, progress=False)
    assert model.weight.isfinite().all()


def test_a_score_that_is_not_finite_ends_the_run():
    model = small()
    with pytest.raises(FloatingPointError, match="the score is nan at step 3"):
        fit(model, loss_for(model), 9, evaluate=lambda: np.nan, every=3, progress=False)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"steps": 0}, "steps=0"),
        ({"every": 0}, "every=0"),
        ({"loss_of": lambda rng: torch.ones(3, requires_grad=True)}, r"one number.*\[3\]"),
        ({"loss_of": lambda rng: None}, "one number: got None"),
        ({"loss_of": lambda rng: 0.5}, "one number: got 0.5"),
    ],
)
def test_bad_arguments_are_named(change, message):
    model = small()
    given = {"loss_of": loss_for(model), "steps": 3, "progress": False} | change
    with pytest.raises(ValueError, match=message):
        fit(model, **given)


def test_frozen_parameters_stay():
    model = small()
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    fit(model, loss_for(model), 5, progress=False)
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize("steps", [1, 7, 40, 100])
def test_the_bar_has_the_same_length_whatever_the_steps(steps, capsys, tmp_path):
    model = small()
    for _ in range(2):  # as it runs, and read back
        fit(model, loss_for(model), steps, checkpoint=tmp_path / "bar.pt")
        assert capsys.readouterr().out == "█" * 40 + "\n"


def test_the_history_tells_the_best():
    assert History(scores={10: 0.5, 20: 0.25, 30: 0.25}).best == 20
