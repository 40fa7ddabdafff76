"""Does the comparison find what is there, and nothing else?"""

from dataclasses import replace

import pytest

from monitor.bench.compare import compare, read_report
from monitor.bench.facts import Measured, Spread
from monitor.bench.history import as_bytes
from monitor.bench.tables import compared
from monitor.errors import UsageError
from tests.monitor.bench.reports import LIVE, MACHINE, MADE, RECORDED, measured, report, run_of, sample

TRIALS = 200


def test_an_unchanged_program_is_no_regression():
    cries = sum(compare(run_of(seed), run_of(1000 + seed), 0.05).regressed for seed in range(TRIALS))
    assert cries <= 0.01 * TRIALS


@pytest.mark.parametrize(("rounds", "share"), [(6, 0.8), (9, 0.95)])
def test_a_slowdown_of_15_percent_is_found(rounds, share):
    pairs = ((run_of(seed, 1 / 1.15, rounds=rounds), run_of(1000 + seed, rounds=rounds)) for seed in range(TRIALS))
    assert sum(compare(slowed, before, 0.05).regressed for slowed, before in pairs) >= share * TRIALS


def test_a_slow_minute_of_the_machine_is_taken_out():
    before = report(measured(RECORDED, [100, 101, 99, 100], reference_ms=3.0))
    slow_minute = report(measured(RECORDED, [70, 70.7, 69.3, 70], reference_ms=3.0 / 0.7))
    slow_program = report(measured(RECORDED, [70, 70.7, 69.3, 70], reference_ms=3.0))
    assert compare(slow_minute, before, 0.05).rows[0].verdict == "no difference"
    assert compare(slow_program, before, 0.05).rows[0].verdict == "regression"
    assert compare(before, slow_program, 0.05).rows[0].verdict == "faster"


def test_live_points_are_compared_by_what_a_frame_takes():
    before, after = (report(measured(LIVE, [fps, 1.01 * fps, 0.99 * fps, fps])) for fps in (100, 80))
    row, age, lost = compare(after, before, 0.05).rows
    assert (row.unit, row.old, row.new) == ("ms", pytest.approx(10, rel=0.01), pytest.approx(12.5, rel=0.01))
    assert row.ratio == pytest.approx(0.8)
    assert row.verdict == "regression"
    assert age.key.endswith("age p95")
    assert (lost.old, lost.verdict) == (pytest.approx(2 / 342), "no difference")


def test_pictures_that_get_old_or_lost_are_regressions_though_the_median_frame_is_as_fast():
    def live(lost=2, age=12.0):
        rounds = [replace(sample(fps, live=True, dropped=lost), age_ms=Spread(11, age, 20)) for fps in (99, 100, 101)]
        return report(Measured(LIVE, tuple(rounds)))

    assert not compare(live(), live(), 0.05).regressed
    assert [row.verdict for row in compare(live(age=15.0), live(), 0.05).rows] == [
        "no difference", "regression", "no difference"
    ]  # fmt: skip
    assert [row.verdict for row in compare(live(lost=12), live(), 0.05).rows] == [
        "no difference", "no difference", "regression"
    ]  # fmt: skip


def test_a_point_that_fails_now_is_a_regression_and_nothing_in_common_no_result():
    both = report(measured(RECORDED, [100, 100, 100]), measured(LIVE, [90, 90, 90]))
    fails = report(measured(RECORDED, [100, 100, 100]), left_out=((LIVE.key, "no decoder"),))
    told = compare(fails, both, 0.05)
    assert told.regressed
    assert told.failed == ((LIVE.key, "no decoder"),)
    assert "no decoder" in str(compared(told))
    with pytest.raises(UsageError, match="in common"):
        compare(report(measured(RECORDED, [1, 1])), report(measured(LIVE, [1, 1])), 0.05)


def test_an_engine_that_stopped_working_is_a_regression_and_one_that_never_did_is_not():
    usual, half = measured(RECORDED, [100, 100, 100]), measured(replace(RECORDED, precision="fp16"), [50, 50, 50])
    fails = report(usual, left_out=(("onnxruntime fp16", "not finite"), ("tensorrt fp16", "no GPU")))
    told = compare(fails, report(usual, half), 0.05)
    assert told.regressed
    assert told.failed == ((half.point.key, "not finite"),)
    assert told.only_old == ()
    assert not compare(fails, report(usual), 0.05).regressed


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
    encoded = replace(RECORDED, encoded=True)
    more = report(measured(RECORDED, [1, 1]), measured(encoded, [1, 1]))
    assert compare(more, report(measured(RECORDED, [1, 1]), measured(LIVE, [1, 1])), 0.05).only_new == (encoded.key,)
    assert compare(report(measured(RECORDED, [1, 1])), more, 0.05).only_old == (encoded.key,)
    versions = replace(report(), provenance={**MADE, "versions": {"numpy": "3"}})
    assert compare(versions, report(), 0.05).warnings == ("other versions: numpy was 2, is 3",)
    slow = report(measured(RECORDED, [99, 100, 100], reference_ms=3.6))
    assert "1.20 times as long" in compare(slow, report(measured(RECORDED, [99, 100, 100])), 0.05).warnings[0]


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
