"""The most memory that a call holds at once, beside what was there before (Linux)."""

import ctypes
import gc
from pathlib import Path

__all__ = ["can_measure", "peak_mib"]

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def can_measure():
    """Tell whether this system counts peaks."""
    return RESET.exists()


def peak_mib(function):
    """Return by how many MiB the memory of this process grew at most while a function ran."""
    function()  # what is loaded or compiled once does not count
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back to the system, or it would hide
    RESET.write_text("5")  # the peak begins anew
    before = _kib("VmRSS")
    function()
    return (_kib("VmHWM") - before) / 1024


def _kib(name):
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])
