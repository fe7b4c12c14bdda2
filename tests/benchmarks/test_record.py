"""Tables, bars and the record of the benchmarks; the clock and the memory gauge they stand on."""

import json

import benchmark_page
import numpy as np
import pytest

from benchmarks.__main__ import record
from benchmarks.memory import can_measure, peak_mib
from benchmarks.record import Bar, Row, Suite, finish, timed
from benchmarks.timing import interleaved, ratio

SECONDS = {"theirs": [0.004, 0.002, 0.006], "ours": [0.001, 0.002, 0.003]}


def suite(limit=2.5):
    made = timed("Title", "small", SECONDS, "ours")
    return made._replace(bars=[Bar("theirs", made.times("theirs"), "at least", limit)])


def test_contenders_take_turns():
    calls, ticks = [], iter(range(100))
    contenders = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = interleaved(contenders, rounds=3, clock=lambda: next(ticks))
    assert calls == ["a", "b"] * 4  # once before the clock runs
    assert seconds == {"a": [1, 1, 1], "b": [1, 1, 1]}


def test_ratio_is_of_medians_and_its_quartiles_of_turns():
    times, low, high = ratio(SECONDS, "theirs", "ours")
    assert times == pytest.approx(2)  # 4 ms over 2 ms
    assert (low, high) == pytest.approx((1, 4))  # of 4, 1 and 2


def test_suite_begins_with_the_base_in_milliseconds():
    rows = suite().rows
    assert [row.name for row in rows] == ["ours", "theirs"]
    assert [row.value for row in rows] == pytest.approx([2, 4])
    assert "theirs        4.0  2.00 (1.00-4.00)" in str(suite())


@pytest.mark.parametrize(
    "measured, sense, limit, met",
    [(1.0, "at most", 1.05, True), (1.06, "at most", 1.05, False), (3.0, "at least", 2.5, True),
     (2.4, "at least", 2.5, False), (float("nan"), "at most", 1.0, False)],
)  # fmt: skip
def test_bars(measured, sense, limit, met):
    bar = Bar("x", measured, sense, limit)
    assert bar.met is met
    assert str(bar).endswith(": met" if met else ": MISSED")


@pytest.mark.parametrize("limit, code", [(1.9, 0), (2.1, 1)])
def test_a_missed_bar_ends_with_1(limit, code, capsys):
    with pytest.raises(SystemExit) as end:
        finish([suite(1.0), suite(limit)])
    assert end.value.code == code
    assert capsys.readouterr().out.count("Title (small)") == 2


@pytest.mark.skipif(not can_measure(), reason="this system does not count peaks")
def test_peak_is_what_a_call_holds_at_once():
    def one_after_the_other():
        for _ in range(3):
            np.ones(20 * 2**17)  # 20 MiB

    def at_once():
        return [np.ones(20 * 2**17) for _ in range(3)]

    assert peak_mib(one_after_the_other) == pytest.approx(20, abs=4)
    assert peak_mib(at_once) == pytest.approx(60, abs=4)


def test_page_shows_every_row_and_bar():
    memory = Suite("Memory", "small", "ours", [Row("ours", 5.0, 1.0)], unit="MiB")
    kept = json.loads(json.dumps(record([suite(), memory])))
    page = benchmark_page.page(kept)
    assert "| theirs | 4.00 | 2.00 | 1.00 to 4.00 |" in page
    assert "- theirs: 2.00; the bar is at least 2.5: **missed**" in page
    assert "| | MiB | times ours | quartiles |" in page
    assert kept["date"] in page and kept["machine"]["Python"] in page


def test_page_in_the_book_is_of_the_record(monkeypatch, tmp_path):
    benchmark_page.main(["--check"])
    stale = tmp_path / "page.md"
    stale.write_text(benchmark_page.PAGE.read_text(encoding="utf-8").replace("1.00", "0.99"))
    monkeypatch.setattr(benchmark_page, "PAGE", stale)
    with pytest.raises(SystemExit, match="make record"):
        benchmark_page.main(["--check"])
