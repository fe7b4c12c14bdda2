"""Interleaved timing: contenders take turns, so that a busy moment hits all of them."""

import statistics
import time


def interleaved(contenders, *, rounds=15):
    """Time functions in turns.

    Parameters
    ----------
    contenders : dict of str to function
        Called without arguments; each is called once before the clock runs.
    rounds : int, default 15
        Calls of each.

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
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds, name, base):
    """Return the ratio of medians, and the quartiles of the round-by-round ratios."""
    pairs = [a / b for a, b in zip(seconds[name], seconds[base], strict=True)]
    low, _, high = statistics.quantiles(pairs, n=4)
    return statistics.median(seconds[name]) / statistics.median(seconds[base]), low, high
