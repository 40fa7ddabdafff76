"""What a measurement says of itself, and that its JSON says the same."""

import json
from dataclasses import replace

import pytest

from monitor.bench.facts import Spread, from_json
from tests.monitor.bench.reports import LIVE, RECORDED, measured, report


def test_the_json_gives_an_equal_report_back():
    told = report(
        measured(RECORDED, [50, 60, 55]), measured(replace(RECORDED, program="tutorial"), [5, 6]), measured(LIVE, [90]),
        left_out=(("tensorrt fp16", "not here"),), label_agreement={"share": 0.99}, ratio_to_baseline={"x": 9.5},
        soak=({"s": 60.0, "fps": 50.0},), notes=("on battery",),
    )  # fmt: skip
    text = json.dumps(told.as_json(), allow_nan=False)
    assert from_json(json.loads(text)) == told
    flat = json.loads(text)
    assert flat["end_to_end"]["fps"] == 55
    assert flat["stage_ms"]["detect"]["p50"] == pytest.approx(1e3 / 55)
    assert flat["label_agreement"] == {"share": 0.99}
    assert flat["provenance"]["sha256"] == "ff"


def test_the_main_point_is_our_first_recorded_one():
    tutorial = measured(replace(RECORDED, program="tutorial"), [5])
    assert report(tutorial, measured(LIVE, [90]), measured(RECORDED, [50])).main.point == RECORDED
    assert report(tutorial, measured(LIVE, [90])).main.point == LIVE


def test_medians_losses_and_spread():
    one = measured(LIVE, [90, 100, 80])
    assert one.fps == pytest.approx(90)
    assert one.spread == pytest.approx(20 / 90)
    assert one.dropped_share == pytest.approx(6 / (3 * 342))
    assert one.age_ms is not None
    assert one.age_ms.p50 == pytest.approx(1e3 / 90 + 1)
    assert list(one.stage_ms) == ["decode", "read", "detect", "draw"]


def test_stages_are_told_by_whoever_has_them():
    encoded = measured(replace(RECORDED, encoded=True), [80])
    encoded = replace(encoded, rounds=tuple(replace(s, stage_ms={"encode": Spread(5, 6, 7)}) for s in encoded.rounds))
    told = report(measured(RECORDED, [100]), encoded)
    assert told.stage_ms["encode"] == Spread(5, 6, 7)
    assert told.stage_ms["detect"].p50 == pytest.approx(10), "the main point's own"
    assert list(told.as_json()["stage_ms"]) == ["decode", "read", "detect", "draw", "encode"]


def test_points_are_told_apart_by_their_keys():
    points = [
        RECORDED, LIVE, replace(LIVE, pace_fps=60.0), replace(RECORDED, encoded=True),
        replace(RECORDED, precision="fp32"), replace(RECORDED, tiles="off"), replace(RECORDED, program="tutorial"),
        replace(RECORDED, scene="crowd", faces=4),
        replace(LIVE, shown=True), replace(LIVE, cameras=3), replace(RECORDED, every_face=True),
        replace(RECORDED, width_px=640),
    ]  # fmt: skip
    assert len({point.key for point in points}) == len(points)


@pytest.mark.parametrize(
    "spoil", [lambda d: d.update(format=99), lambda d: d.pop("points"), lambda d: d.update(points=[]),
              lambda d: d["points"][0].update(rounds=[]), lambda d: d.update(machine={}),
              lambda d: d["provenance"].pop("threads"), lambda d: d["points"][0]["rounds"][0].update(seconds=0),
              lambda d: d["points"][0]["rounds"][0]["frame_ms"].update(p50=0),
              lambda d: d["points"][0]["point"].update(more=1)],
)  # fmt: skip
def test_what_is_no_result_is_refused(spoil):
    told = json.loads(json.dumps(report().as_json()))
    spoil(told)
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(told)
