"""The device: which one is picked, and what is said of the machine.

There is no GPU where most of these tests run. So the questions that the module asks PyTorch get
planted answers; the card's real name and memory are compared where there is a card.
"""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from attn_helpers import device

ROWS = ["processor", "cores", "memory", "Python", "PyTorch", "threads", "GPU"]


@pytest.fixture
def plant(monkeypatch):
    """Say which GPUs PyTorch finds; the memory figures are a real T4's and an 8 GB Mac's."""

    def answer(*, cuda, mps):
        card = SimpleNamespace(name="Tesla T4", total_memory=15_828_320_256)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 5_726_623_061)

    return answer


@pytest.mark.parametrize(
    "cuda, mps, kind, gpu",
    [
        (False, False, "cpu", "none"),
        (True, False, "cuda", "Tesla T4, 14.7 GiB"),
        (False, True, "mps", "Apple, up to 5.3 GiB of the memory"),
        (True, True, "cuda", "Tesla T4, 14.7 GiB"),
    ],
)
def test_the_fastest_device_is_picked_and_named(plant, cuda, mps, kind, gpu):
    plant(cuda=cuda, mps=mps)
    assert device.pick_device() == torch.device(kind)
    assert device.describe()["GPU"] == gpu


def test_the_picked_device_computes():
    x = torch.ones(2, 3, device=device.pick_device())
    assert (x @ x.mT).cpu().tolist() == [[3.0, 3.0], [3.0, 3.0]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_real_card_is_named():
    assert device.describe()["GPU"].startswith(torch.cuda.get_device_name(0))


def test_every_row_is_a_line_of_text():
    rows = device.describe()
    if sys.platform != "win32":
        assert list(rows) == ROWS
    for value in rows.values():
        assert isinstance(value, str) and value.strip() and "\n" not in value
    assert rows["PyTorch"] == torch.__version__


def test_threads_are_those_of_now():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert device.describe()["threads"] == "3"
    finally:
        torch.set_num_threads(before)


def test_cores_are_those_this_process_may_use():
    code = "from attn_helpers import device; print(device.describe()['cores'])"
    if hasattr(os, "sched_setaffinity"):
        core = min(os.sched_getaffinity(0))
        code = f"import os; os.sched_setaffinity(0, {{{core}}}); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("1" if "affinity" in code else str(os.cpu_count()))


def test_the_processor_is_read_from_linux(monkeypatch, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("model\t\t: 79\nmodel name\t: Xeon(R) @ 2.20GHz\n\nmodel name\t: another\n")
    monkeypatch.setattr(device, "CPU_INFO", info)
    assert device.describe()["processor"] == "Xeon(R) @ 2.20GHz"


def test_the_processor_is_asked_of_a_mac(monkeypatch, tmp_path):
    def run(command, **named):
        assert command == ["sysctl", "-n", "machdep.cpu.brand_string"]
        return SimpleNamespace(stdout="Apple M2\n")

    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    assert device.describe()["processor"] == "Apple M2"


def test_elsewhere_the_architecture_stands_for_a_name(monkeypatch, tmp_path):
    """Linux on ARM has no line "model name", and `platform.processor` may be empty."""
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nBogoMIPS\t: 243.75\n")
    monkeypatch.setattr(device, "CPU_INFO", info)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert device.describe()["processor"] == "aarch64"


@pytest.mark.parametrize("limit, memory", [("2147483648\n", "2.0 GiB"), ("max\n", "7.5 GiB")])
def test_a_containers_memory_is_its_share(monkeypatch, tmp_path, limit, memory):
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(device, "MEMORY_LIMIT", tmp_path / "memory.max")
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1_966_080}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert device.describe()["memory"] == memory


def test_what_the_system_does_not_tell_is_left_out(monkeypatch):
    """Windows has no `os.sysconf`."""
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert list(device.describe()) == [row for row in ROWS if row != "memory"]


def test_the_module_loads_without_torch():
    code = "import sys, attn_helpers; attn_helpers.device; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
