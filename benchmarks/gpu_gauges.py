"""Gauges of a device: a clock that waits for it, and the most memory that a call holds."""

import time

import torch

from benchmarks import memory

__all__ = ["clock", "peak_mib"]


def clock(device):
    """Return a clock that waits until the device is done."""

    def now():
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def peak_mib(function, device):
    """Return how many MiB a call holds at most, beside what was there; None if nobody counts."""
    if device.type != "cuda":
        return memory.peak_mib(function)
    function()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    function()
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / 2**20
