"""Interleaved timing: contenders take turns, so that a busy moment hits all of them."""

import statistics
import time


def interleaved(contenders, *, rounds=15, clock=time.perf_counter):
    """Time functions in turns.

    Parameters
    ----------
    contenders : dict of str to function
        Called without arguments; each is called once before the clock runs.
    rounds : int, default 15
        Calls of each.
    clock : function, default `time.perf_counter`
        `time.process_time` leaves out what other processes take of a busy machine.

    Returns
    -------
    dict of str to list of float
        Seconds of every call.
    """
    seconds = {name: [] for name in contenders}
    for function in contenders.values():
        function()
    for _ in range(rounds):
        for name, function in contenders.items():
            start = clock()
            function()
            seconds[name].append(clock() - start)
    return seconds


def ratio(seconds, name, base):
    """Return the ratio of medians, and the quartiles of the round-by-round ratios."""
    pairs = [a / b for a, b in zip(seconds[name], seconds[base], strict=True)]
    low, _, high = statistics.quantiles(pairs, n=4)
    return statistics.median(seconds[name]) / statistics.median(seconds[base]), low, high
