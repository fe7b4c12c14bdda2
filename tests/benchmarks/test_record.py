"""Tables, bars and the record of the benchmarks; the clock and the memory gauge they stand on."""

import json
from types import SimpleNamespace

import benchmark_page
import numpy as np
import pytest

from benchmarks import __main__ as every
from benchmarks import attention
from benchmarks.memory import RESET, peak_mib
from benchmarks.record import Bar, Row, Suite, finish, record, timed
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


@pytest.mark.skipif(not RESET.exists(), reason="this system does not count peaks")
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
    kept = json.loads(json.dumps(record([suite(), memory, suite()], {})))
    page = benchmark_page.page(kept)
    assert "| theirs | 4.00 | 2.00 | 1.00 to 4.00 |" in page
    assert "- theirs: 2.00; the bar is at least 2.5: **missed**" in page
    assert "| | MiB | times ours |\n|---|---:|---:|\n| ours | 5.00 | 1.00 |\n" in page
    assert page.count("## Title") == 1 and page.count("| theirs |") == 2  # a heading for both
    assert kept["date"] in page and kept["machine"]["Python"] in page


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where a run of two planted suites is kept: the second one misses its bar."""
    planted = {"one": lambda: iter([suite(1.0)]), "other": lambda: iter([suite(9.0)])}
    monkeypatch.setattr(every, "SUITES", tuple(planted))
    monkeypatch.setattr(every, "DRAFT", tmp_path / "draft.json")
    find = SimpleNamespace(
        import_module=lambda name: SimpleNamespace(measure=planted[name.partition(".")[2]])
    )
    monkeypatch.setattr(every, "importlib", find)
    (tmp_path / "kept.json").write_text("old")
    return tmp_path, planted


def suites_in(path):
    return len(json.loads(path.read_text())["suites"])


def test_a_whole_run_becomes_the_record_with_its_missed_bars(folder):
    path = folder[0] / "kept.json"
    with pytest.raises(SystemExit) as end:
        every.main(["--json", str(path)])
    assert end.value.code == 1 and suites_in(path) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, ImportError])
def test_a_run_that_breaks_off_leaves_the_record(folder, error):
    def broken():
        yield suite(1.0)
        raise error

    path, planted = folder
    planted["other"] = broken
    with pytest.raises(error):
        every.main(["--json", str(path / "kept.json")])
    assert (path / "kept.json").read_text() == "old" and suites_in(path / "draft.json") == 2


def test_a_part_of_the_suites_is_no_record(folder):
    path, _ = folder
    with pytest.raises(SystemExit):
        every.main(["one", "--json", str(path / "kept.json")])
    with pytest.raises(SystemExit) as end:
        every.main(["one"])
    assert end.value.code == 0 and suites_in(path / "draft.json") == 1
    assert (path / "kept.json").read_text() == "old"


def test_forms_that_compute_something_else_are_not_timed():
    right = np.ones((2, 3))
    attention.close("ours", (right, "weights"), right)
    attention.close("ours", (right, right, right), (right, right, right))
    with pytest.raises(AssertionError, match="ours is off by 0.1"):
        attention.close("ours", (right, right + 0.1, right), (right, right, right))


def test_page_in_the_book_is_of_the_record(monkeypatch, tmp_path):
    benchmark_page.main(["--check"])
    stale = tmp_path / "page.md"
    stale.write_text(benchmark_page.PAGE.read_text(encoding="utf-8").replace("1.00", "0.99"))
    monkeypatch.setattr(benchmark_page, "PAGE", stale)
    with pytest.raises(SystemExit, match="make record"):
        benchmark_page.main(["--check"])
