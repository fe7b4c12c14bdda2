"""Records of other machines: those that the package has, and a planted one."""

import json

from attn_helpers.data import as_text, measurements


def test_a_planted_record_is_found(tmp_path):
    made = {"date": "2026-01-02", "machine": {"GPU": "a card"}, "versions": {}, "suites": []}
    (tmp_path / "gpu_card.json").write_text(json.dumps(made), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no record", encoding="utf-8")
    assert measurements(tmp_path) == {"gpu_card": made}


def test_a_folder_that_is_not_there_holds_no_records(tmp_path):
    assert measurements(tmp_path / "nowhere") == {}


def test_the_records_of_the_package_say_when_where_and_with_what():
    for name, found in measurements().items():
        assert name == "cpu" or name.startswith("gpu_")
        assert found["device"] == ("cpu" if name == "cpu" else "cuda")
        assert found["date"] and found["machine"] and found["versions"] and found["suites"]
        for suite in found["suites"]:
            assert suite["base"] in [row["name"] for row in suite["rows"]]


def test_a_record_as_text_keeps_titles_together_and_says_what_was_left_out():
    def suite(title, unit, n, value, **more):
        rows = [{"name": "a", "value": value, "times": 1.0}]
        return {"title": title, "setting": f"n = {n}", "unit": unit, "rows": rows} | more

    made = {
        "date": "2026-01-02",
        "device": "cuda",
        "machine": {"GPU": "a card", "processor": "a processor"},
        "versions": {"torch": "9.9", "CUDA": "99"},
        "suites": [
            suite("Time", "ms", 1, 0.12345, left_out={"b": "out of memory"}),
            suite("Memory", "MiB", 1, 70.0, left_out={}),
            suite("Time", "ms", 2, 1234.5),
        ],
    }
    assert as_text(made).splitlines() == [
        "a card, 2026-01-02: torch 9.9, CUDA 99",
        "",
        "Time, ms",
        "  n = 1: a 0.123",
        "    left out: b (out of memory)",
        "  n = 2: a 1234",
        "",
        "Memory, MiB",
        "  n = 1: a 70",
    ]
    without = made | {"device": "cpu", "suites": []}  # a card is there, and was not measured
    assert as_text(without) == "a processor, 2026-01-02: torch 9.9, CUDA 99"
