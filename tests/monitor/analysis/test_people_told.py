"""What is told of a person, of counts over time, of the quality of footage: numbers to be worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis.counts import MOST_BINS, Counts
from monitor.analysis.people import PATH_POINTS, Person, Sight
from monitor.analysis.quality import Eye, Quality
from monitor.analysis.schema import rows_of, table, tracks_schema, write_csv

CLASSES = ("real", "fake", "mask")


def sight(i: int, label: str = "real", *, p: float = 0.9, fake: float = 0.05, **more: Any) -> Sight:
    """Ten pictures a second; somebody walks to the right and grows."""
    rest = (1 - p - fake) if label != "fake" else 0.0
    probs = {"real": rest, "fake": fake, "mask": rest} | ({label: p} if label != "undecided" else {})
    values = {
        "t": i / 10, "look": i, "box": (10.0 + i, 20.0, 50.0 + 2 * i, 60.0), "found": True, "label": label,
        "reason": None, "probs": probs, "was_fake": label == "fake", "picture": None,
    }  # fmt: skip
    return Sight(**(values | more))


def person(*sights: Sight) -> Person:
    one = Person(7, sights[0].t, sights[0].t, None)
    for each in sights:
        one.see(each)
    return one


def test_time_counts_for_the_label_held_since_the_picture_before() -> None:
    one = person(*[sight(i) for i in range(11)], *[sight(i, "mask", p=0.8) for i in range(11, 16)])
    assert one.seconds == {"real": pytest.approx(1.1), "mask": pytest.approx(0.4)}
    assert one.total_s == pytest.approx(1.5)
    assert one.label == "real"
    assert one.confidence == pytest.approx(0.9)
    assert [run.as_json() for run in one.runs] == [[0.0, 1.1, "real", 0.9], [1.1, 1.5, "mask", 0.8]]


def test_time_in_which_nobody_was_seen_does_not_count() -> None:
    one = person(*[sight(i) for i in range(6)], *[sight(i) for i in range(20, 26)])
    assert one.total_s == pytest.approx(1.0)
    assert [run.as_json()[:2] for run in one.runs] == [[0.0, 0.5], [2.0, 2.5]]
    assert (one.first_s, one.last_s) == (0.0, 2.5)


def test_with_a_stride_the_pictures_between_count() -> None:
    assert person(*[sight(i, look=i // 5) for i in range(0, 31, 5)]).total_s == pytest.approx(3.0)


def test_undecided_counts_by_its_reason_and_wins_only_where_nothing_was_decided() -> None:
    unsure = [sight(i, "undecided", reason="unsure") for i in range(10)]
    small = [sight(i, "undecided", reason="small", probs=None) for i in range(10, 16)]
    one = person(*unsure, *small)
    assert one.reasons == {"unsure": pytest.approx(1.0), "small": pytest.approx(0.5)}
    assert (one.label, one.confidence) == ("undecided", None)
    assert person(*unsure, sight(10, "mask"), sight(11, "mask")).label == "mask"


def test_the_strongest_moment_of_a_suspicion_is_kept() -> None:
    one = person(sight(0), sight(1, fake=0.7, label="undecided"), sight(2, fake=0.6, label="undecided"))
    row = one.as_row(CLASSES, lambda t: None)
    assert (row["peak_fake"], row["peak_fake_s"], row["was_fake"]) == (0.7, 0.1, False)
    assert person(sight(0, "fake", fake=0.9), sight(1, "mask")).was_fake


def test_a_path_of_any_length_has_few_points_from_beginning_to_end() -> None:
    for count in (1, 31, 33, 500, 5000):
        path = json.loads(person(*[sight(i) for i in range(count)]).as_row(CLASSES, lambda t: None)["path"])
        assert 1 <= len(path) <= PATH_POINTS
        assert path[0] == [0.0, 30.0, 40.0, 40.0]
        assert path[-1][0] >= 0.85 * (count - 1) / 10


def test_tables_for_spreadsheets_hold_no_formulas(tmp_path: Any) -> None:
    rows = [person(sight(0)).as_row(CLASSES, lambda t: None) | {"picture": "=cmd|' /C calc'!A0"}]
    schema = tracks_schema(CLASSES)
    one = table({name: [row[name] for row in rows] for name in schema.names}, schema)
    write_csv(one, tmp_path / "t.csv")
    assert "'=cmd" in (tmp_path / "t.csv").read_text()
    assert next(iter(rows_of(one)))["person"] == 7


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 20)), max_size=20), st.floats(0.04, 100_000))
def test_counts_lose_no_second(spans: list[tuple[float, float]], length_s: float) -> None:
    counts = Counts(0.0, length_s, CLASSES)
    inside = [(min(at_s, length_s), min(at_s + seconds, length_s)) for at_s, seconds in spans]
    for at_s, end_s in inside:
        counts.add("mask", at_s, end_s - at_s)
    told = counts.as_json()
    count, step_s = len(told["mean"]["mask"]), told["bin_s"]
    widths = [*[step_s] * (count - 1), length_s - (count - 1) * step_s]
    assert all(len(bins) <= MOST_BINS for bins in told["mean"].values())
    total = sum(mean * width for mean, width in zip(told["mean"]["mask"], widths, strict=True))
    assert total == pytest.approx(sum(end - at for at, end in inside), abs=0.01 + 0.001 * length_s)


def test_counts_fall_into_their_time() -> None:
    counts = Counts(10.0, 4.0, CLASSES)
    counts.add("real", 11.0, 0.5)
    counts.add("real", 10.95, 0.1)
    told = counts.as_json()
    step = told["bin_s"]
    mean = told["mean"]["real"]
    assert sum(mean[: round(1 / step)]) * step == pytest.approx(0.05, abs=0.01)
    assert sum(mean) * step == pytest.approx(0.6, abs=0.01)
    for frame, faces in ((0, 2), (1, 3), (2, 1)):
        for _ in range(faces):
            counts.in_view(frame)
    assert counts.most == 3


@pytest.mark.parametrize("until_s", [10.0, 10.1, 12.5])
def test_somebody_seen_after_the_promised_end_is_one_person(until_s: float) -> None:
    counts = Counts(0.0, 10.001, CLASSES)
    counts.add("real", 0.0, 10.0)
    counts.add("real", 10.0, until_s - 10)
    assert max(counts.as_json()["mean"]["real"]) == 1.0


def test_a_cut_is_one_and_motion_is_none() -> None:
    rng = np.random.default_rng(0)
    here, there = (
        np.repeat(np.repeat(rng.integers(0, 256, (9, 16, 3)), 40, 0), 40, 1).astype(np.uint8) for _ in range(2)
    )
    eye = Eye()
    for i in range(20):
        shot = here if i < 10 else there
        eye.see(np.roll(shot, 8 * i, axis=1), i / 10, still=False, told=True)
    assert eye.quality.cuts == [1.0]


def test_warnings_say_what_is_wrong() -> None:
    quality = Quality(looked_at=100, dark=50, brightness_sum=20.0, cuts=[1.0])
    told = quality.told({"real": 1.0, "undecided": 1.0}, {"small": 0.8}, damaged=2, most_cuts=10)
    text = " ".join(told["warnings"])
    for word in ("too dark", "too small", "undecided", "cut", "damaged"):
        assert word in text
    assert Quality(looked_at=100, brightness_sum=50.0).told({"real": 1.0}, {}, 0, 10)["warnings"] == []
