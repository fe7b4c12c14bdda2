"""The most memory that a call holds at once, beside what was there before."""

import ctypes
import gc
from pathlib import Path

from benchmarks.record import Row, Suite

__all__ = ["peak_mib", "peaks"]

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_mib(function):
    """Return by how many MiB this process grew at most while a function ran; None but on Linux."""
    if not RESET.exists():
        return None
    function()  # what is loaded or compiled once does not count
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back to the system, or it would hide
    RESET.write_text("5")  # the peak begins anew
    before = _kib("VmRSS")
    function()
    return (_kib("VmHWM") - before) / 1024


def peaks(title, setting, calls, base, gauge=peak_mib):
    """Yield a suite of the memory that calls hold, if the gauge can tell."""
    mib = {name: gauge(call) for name, call in calls.items()}
    if mib[base]:
        rows = [Row(name, peak, peak / mib[base]) for name, peak in mib.items()]
        yield Suite(title, setting, base, rows, unit="MiB")


def _kib(name):
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])
