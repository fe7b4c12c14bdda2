"""Several processes take the steps of one, and a killed one loses nothing.

Each launch is a torchrun of its own on a free local port; whatever happens, it is ended with its
processes.
"""

import math
import os
import re
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from attn_helpers.data import documentation
from attn_helpers.distributed import Settings, draw_batch, main, my_share, process_group, train
from attn_helpers.reference.gpt import GPT
from attn_helpers.training import cosine

SMALL = Settings(steps=12, batch=5, seq=11, d_model=16, n_heads=2, n_layers=2, rate=3e-3, clip=0.7)
OPTIONS = [f"--{name}={value}" for name, value in asdict(SMALL).items()] + ["--every=4"]
WAYS = ["ddp", "fsdp"]
CPU = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def torchrun(n_processes, *options, restarts=0):
    """Run the script; return its exit code and what it printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--local-addr=localhost", f"--nproc-per-node={n_processes}"]
    command += [f"--max-restarts={restarts}", "-m", "attn_helpers.distributed", *OPTIONS]
    environment = os.environ | CPU | {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    with subprocess.Popen(
        [*command, *map(str, options)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as launched:
        try:
            out, _ = launched.communicate(timeout=150)
        finally:
            launched.terminate()  # torchrun ends its processes, whose groups are their own
            try:
                launched.wait(10)
            except subprocess.TimeoutExpired:
                launched.kill()
    return launched.returncode, out


def alone(settings=SMALL, **options):
    """Train in this process."""
    with process_group() as device:
        return train(settings, device, every=4, **options)


def losses_of(path):
    return torch.load(path, weights_only=True)["losses"]


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The losses of two processes left in peace, and what they printed, by way: run once each."""
    folder, runs = tmp_path_factory.mktemp("undisturbed"), {}

    def run(way):
        if way not in runs:
            path = folder / f"{way}.pt"
            code, out = torchrun(2, "--way", way, "--checkpoint", path)
            assert code == 0, out
            runs[way] = losses_of(path), out
        return runs[way]

    return run


def plain():
    """Train without any of it: one model, whole batches, the mean that torch takes."""
    text = torch.tensor(list(documentation().text.encode()))
    torch.manual_seed(SMALL.seed)
    model = GPT(256, SMALL.d_model, SMALL.n_heads, SMALL.n_layers)
    optimiser = torch.optim.AdamW(model.parameters(), lr=SMALL.rate)
    losses = []
    for step in range(SMALL.steps):
        rows = draw_batch(text, step, SMALL)
        loss = F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), SMALL.clip)
        optimiser.param_groups[0]["lr"] = SMALL.rate * cosine(step, SMALL.steps, warmup=1)
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_one_process_is_a_plain_loop():
    assert alone() == pytest.approx(plain(), abs=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_take_the_steps_of_one(way, undisturbed):
    losses, out = undisturbed(way)  # of 5 texts they read 3 and 2
    assert losses == pytest.approx(plain(), abs=1e-5)
    assert losses[-1] < losses[0] - 0.2
    assert f"processes: 2, {way} over gloo on cpu" in out


def test_ddp_keeps_all_and_fsdp_half(undisturbed):
    n = 4 * sum(p.numel() for p in GPT(256, 16, 2, 2).parameters())
    for way, parts in (("ddp", 1), ("fsdp", 2)):
        _, out = undisturbed(way)
        for rank in (0, 1):
            sizes = f"{n // parts} bytes of weights, {n // parts} bytes of gradients, "
            assert f"process {rank} keeps {sizes}{2 * n // parts} bytes of moments" in out


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("way, rank", [("ddp", 1), ("fsdp", 0)])
def test_a_killed_process_loses_nothing(way, rank, undisturbed, tmp_path):
    path = tmp_path / "run.pt"
    options = ["--way", way, "--checkpoint", path, "--kill", f"{rank}:6"]
    code, out = torchrun(2, *options, restarts=1)
    assert code == 0 and "exitcode: -9" in out and "goes on after step 4" in out, out
    assert losses_of(path) == undisturbed(way)[0]  # to the last bit
    assert os.listdir(tmp_path) == ["run.pt"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_one_process_goes_on_where_two_were_killed(tmp_path, undisturbed):
    path = tmp_path / "run.pt"
    code, out = torchrun(2, "--way", "fsdp", "--checkpoint", path, "--kill", "0:9")
    assert code != 0 and "exitcode: -9" in out, out
    assert len(losses_of(path)) == 8
    found = alone(checkpoint=path, way="ddp")
    assert found == pytest.approx(undisturbed("fsdp")[0], abs=1e-5)
    assert alone(checkpoint=path) == found  # a finished run takes no step


@pytest.mark.parametrize(
    "shared, restarts, refused", [(True, 1, True), (True, 0, False), (False, 1, False)]
)
def test_restarts_on_a_shared_store_are_refused(shared, restarts, refused, monkeypatch, capsys):
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", str(shared))  # as torchrun tells
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", str(restarts))
    if not refused:
        return main(OPTIONS)
    with pytest.raises(SystemExit):
        main(OPTIONS)
    assert "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in capsys.readouterr().err


def test_a_save_that_breaks_off_leaves_the_last_one_whole(tmp_path, monkeypatch):
    path, whole, broken = tmp_path / "run.pt", torch.save, []

    def save(parts, file):
        if len(parts["losses"]) == 8 and not broken:
            broken.append(file)
            file.write(b"half of it")
            raise OSError("no space left on device")
        whole(parts, file)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(OSError, match="no space left"):
        alone(checkpoint=path)
    assert len(losses_of(path)) == 4
    assert alone(checkpoint=path) == alone()
    assert os.listdir(tmp_path) == ["run.pt"]


def test_a_loss_that_is_not_finite_ends_the_run_and_is_not_saved(tmp_path, monkeypatch):
    whole, calls = F.cross_entropy, []

    def broken(*args, **options):
        calls.append(args)
        return whole(*args, **options) * (math.nan if len(calls) == 7 else 1)

    monkeypatch.setattr(F, "cross_entropy", broken)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 6"):
        alone(checkpoint=tmp_path / "run.pt")
    assert len(losses_of(tmp_path / "run.pt")) == 4


@pytest.mark.parametrize("way", WAYS)
def test_a_gradient_that_is_not_finite_is_not_saved(way, tmp_path, monkeypatch):
    whole, calls = F.cross_entropy, []

    def steep(*args, **options):  # the fourth loss is finite, and infinitely steep
        loss = whole(*args, **options)
        calls.append(loss)
        return loss + (loss - loss.detach()).sqrt() if len(calls) == 4 else loss

    monkeypatch.setattr(F, "cross_entropy", steep)
    with pytest.raises(FloatingPointError, match=r"the loss is \d.* at step 3, .* (inf|nan):"):
        alone(checkpoint=tmp_path / "run.pt", way=way)
    assert not os.listdir(tmp_path)


def test_a_model_does_not_outlive_its_group(monkeypatch):
    """Else gloo's thread and the main one may wait for each other, in one run of some hundred."""
    monkeypatch.setattr(F, "cross_entropy", lambda *args, **options: torch.tensor(math.nan) * 0)
    with pytest.raises(RuntimeError) as caught:  # no gradient
        alone()
    frames = {entry.name: entry.frame.f_locals for entry in caught.traceback}
    assert "train" in frames and not frames["train"]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    alone(Settings(**asdict(SMALL) | {"steps": 2}), checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"run\.pt belongs to a run with .*'steps': 2.*take anot"):
        alone(checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize("n_processes", [1, 2, 3, 5])
def test_shares_are_parts_of_the_batch(n_processes, monkeypatch):
    monkeypatch.setattr(dist, "get_world_size", lambda: n_processes)
    shares = []
    for rank in range(n_processes):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        shares.append(my_share(torch.arange(7)).tolist())
    assert sorted(sum(shares, [])) == list(range(7))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    "options, message",
    [
        (["--steps=0"], "steps must be above zero, but it is 0"),
        (["--seed=-1"], "seed must be at least zero, but it is -1"),
        (["--n_heads=3"], "n_heads must divide d_model.*d_model=64, n_heads=3"),
        (["--every=0"], "every must be at least 1, but it is 0"),
        (["--kill=1:3"], r"a rank below 1 and a step below 40: \(1, 3\)"),
        (["--kill=0:40"], r"a step below 40: \(0, 40\)"),
        (["--kill=3"], "--kill: invalid _pair value: '3'"),
        (["--way=zero"], "--way: invalid choice: 'zero'"),
    ],
)
def test_bad_options_are_named(options, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert re.search(message, capsys.readouterr().err)
    assert not dist.is_initialized()


def test_each_process_needs_a_text(monkeypatch):
    with process_group() as device:
        monkeypatch.setattr(dist, "get_world_size", lambda: 9)
        with pytest.raises(ValueError, match="batch=5, and 9 processes"):
            train(SMALL, device)


def test_an_unknown_way_is_named():
    with pytest.raises(ValueError, match="way must be one of ddp, fsdp, but it is 'zero'"):
        alone(way="zero")
