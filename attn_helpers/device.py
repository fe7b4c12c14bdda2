"""What this machine is, and on which of its devices PyTorch should compute.

>>> from attn_helpers.device import pick_device
>>> pick_device()  # doctest: +SKIP
device(type='cpu')

torch loads at the first call.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

__all__ = ["describe", "pick_device"]

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container, as on Binder
GIB = 2**30


def pick_device():
    """Return the fastest device that PyTorch can use here.

    Returns
    -------
    torch.device
        "cuda" (NVIDIA, and AMD under ROCm), else "mps" (a Mac's graphics chip, which knows no
        float64), else "cpu".
    """
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe():
    """Describe this machine in a few lines, to stand beside every time that is measured on it.

    Returns
    -------
    dict of str to str
        "processor", "cores" (those this process may use), "memory", "Python", "PyTorch", "threads"
        (PyTorch's) and "GPU". What the system does not tell is left out; without a GPU that PyTorch
        can use, "GPU" is "none".
    """
    import torch

    rows = {
        "processor": _processor(),
        "cores": str(_cores()),
        "memory": _gib(_memory()),
        "Python": f"{platform.python_version()} on {platform.system()}",
        "PyTorch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "GPU": _gpu(torch),
    }
    return {name: value for name, value in rows.items() if value}


def _processor():
    if CPU_INFO.exists():
        rows = (line.partition(":") for line in CPU_INFO.read_text(encoding="utf-8").splitlines())
        names = [value.strip() for name, _, value in rows if name.strip() == "model name"]
        if names:
            return names[0]
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory():
    """Bytes of memory, or of a container's share, None where the system has no such question."""
    if not hasattr(os, "sysconf"):  # Windows
        return None
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.exists() else "max"
    return total if limit == "max" else min(total, int(limit))


def _gpu(torch):
    kind = pick_device().type
    if kind == "cuda":
        card = torch.cuda.get_device_properties(0)
        return f"{card.name}, {_gib(card.total_memory)}"
    if kind == "mps":
        return f"Apple, up to {_gib(torch.mps.recommended_max_memory())} of the memory"
    return "none"


def _gib(size):
    return size and f"{size / GIB:.1f} GiB"
