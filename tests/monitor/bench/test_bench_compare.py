"""Does the comparison find what is there, and nothing else?"""

from dataclasses import replace

import pytest

from monitor.bench.compare import compare, read_report
from monitor.bench.history import as_bytes
from monitor.errors import UsageError
from tests.monitor.bench.reports import LIVE, MACHINE, MADE, RECORDED, measured, report, run_of

TRIALS = 200


def test_an_unchanged_program_is_no_regression():
    cries = sum(compare(run_of(seed), run_of(1000 + seed), 0.05).regressed for seed in range(TRIALS))
    assert cries == 0


def test_a_slowdown_of_15_percent_is_found():
    found = sum(compare(run_of(seed, 1 / 1.15), run_of(1000 + seed), 0.05).regressed for seed in range(TRIALS))
    assert found >= 0.9 * TRIALS


def test_a_slow_minute_of_the_machine_is_taken_out():
    before = report(measured(RECORDED, [100, 101, 99, 100], reference_ms=3.0))
    slow_minute = report(measured(RECORDED, [70, 70.7, 69.3, 70], reference_ms=3.0 / 0.7))
    slow_program = report(measured(RECORDED, [70, 70.7, 69.3, 70], reference_ms=3.0))
    assert compare(slow_minute, before, 0.05).rows[0].verdict == "no difference"
    assert compare(slow_program, before, 0.05).rows[0].verdict == "regression"
    assert compare(before, slow_program, 0.05).rows[0].verdict == "faster"


def test_live_points_are_compared_by_what_a_frame_takes():
    before, after = (report(measured(LIVE, [fps, 1.01 * fps, 0.99 * fps, fps])) for fps in (100, 80))
    (row,) = compare(after, before, 0.05).rows
    assert (row.unit, row.old, row.new) == ("ms", pytest.approx(10), pytest.approx(12.5))
    assert row.ratio == pytest.approx(0.8)
    assert row.verdict == "regression"


def test_within_the_tolerance_it_is_told_but_is_no_regression():
    before, after = (report(measured(RECORDED, [fps, 1.001 * fps, 0.999 * fps, fps])) for fps in (100, 90))
    told = compare(after, before, 0.2)
    assert told.rows[0].verdict == "slower"
    assert not told.regressed
    assert compare(after, before, 0.05).regressed


def test_few_rounds_say_little():
    before, after = (report(measured(RECORDED, [fps])) for fps in (100, 90))
    assert compare(after, before, 0.05).rows[0].verdict == "no difference"
    assert compare(report(measured(RECORDED, [80])), before, 0.05).regressed


def test_what_differs_otherwise_is_told():
    other = replace(
        report(), machine={**MACHINE, "cpu": "Another"}, provenance={**MADE, "sha256": "00"}, notes=("hot",)
    )
    told = compare(other, report(), 0.05)
    assert [word in " ".join(told.warnings) for word in ("Another", "sha256", "hot")] == [True] * 3
    alone = compare(report(measured(RECORDED, [1, 1])), report(measured(LIVE, [1, 1])), 0.05)
    assert (alone.rows, alone.only_new, alone.only_old) == ((), (RECORDED.key,), (LIVE.key,))


def test_results_are_read_back_and_others_refused(tmp_path):
    (tmp_path / "good.json").write_bytes(as_bytes(report()))
    assert read_report(tmp_path / "good.json") == report()
    for name, content in (
        ("a", b"no"),
        ("b", b"[]"),
        ("c", b'{"format": 1}'),
        ("d", b"\xff\xfe"),
        ("e", b'{"format": 7}'),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="is no result"):
            read_report(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read"):
        read_report(tmp_path / "missing.json")
