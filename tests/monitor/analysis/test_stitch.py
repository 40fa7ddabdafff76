"""Knowing people again across a cut, and numbering them through."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from monitor.analysis.facts import RUN_IN_S, SEGMENT_S, Segment, segments_of
from monitor.analysis.names import Names
from monitor.analysis.schema import frames_schema, from_rows
from monitor.analysis.stitch import Seen, same_people
from monitor.types import Box, Span

CUT = 60.0
CLASSES = ("real", "fake", "mask")


def seen(number: int, x: float, *times: float, found: bool = True, speed: float = 0.0) -> list[Seen]:
    return [Seen(number, t, box(x + speed * (t - CUT)), found) for t in times]


def box(x: float) -> Box:
    return Box(x, 100, x + 60, 160)


def test_who_stands_at_one_place_on_both_sides_is_one_person() -> None:
    before = [*seen(3, 100, 58, 59), *seen(7, 300, 58, 59)]
    after = [*seen(1, 302, 58, 59, 60), *seen(2, 101, 58, 59, 60)]
    assert same_people(before, after, CUT, 1.0) == {1: 7, 2: 3}


def test_two_who_stand_close_are_told_apart_by_what_fits_best() -> None:
    before = [*seen(1, 100, 58, 59), *seen(2, 130, 58, 59)]
    after = [*seen(5, 128, 58, 59), *seen(6, 102, 58, 59)]
    assert same_people(before, after, CUT, 1.0) == {5: 2, 6: 1}


def test_strangers_stay_strangers() -> None:
    assert same_people(seen(1, 100, 58, 59), seen(1, 300, 58, 59), CUT, 1.0) == {}
    assert same_people([], seen(1, 300, 58, 59), CUT, 1.0) == {}


@pytest.mark.parametrize(("back_at", "known"), [(60.4, True), (61.5, False)])
def test_who_was_lost_before_the_cut_is_known_again_as_long_as_a_track_would_wait(back_at: float, known: bool) -> None:
    before = [*seen(4, 100, 58, 59, 59.8), *seen(4, 100, 59.9, found=False)]
    assert same_people(before, seen(1, 110, back_at), CUT, 1.0) == ({1: 4} if known else {})


def test_who_arrives_far_from_where_somebody_was_lost_is_new() -> None:
    assert same_people(seen(4, 100, 59.8), seen(1, 400, 60.2), CUT, 1.0) == {}


def row(
    t: float, person: int | None, *, frame: int | None, label: str | None = "real", was_fake: bool = False
) -> dict[str, Any]:
    place = box(100 if person is None else 100 + 200 * (person % 2))
    told = dict.fromkeys(frames_schema(CLASSES).names)
    corners = {"x0": place.x0, "y0": place.y0, "x1": place.x1, "y1": place.y1}
    return told | corners | {
        "t": t, "frame": frame, "person": person, "score": 0.9, "found": True,
        "label": None if person is None else label, "was_fake": None if person is None else was_fake,
    }  # fmt: skip


def told(names: Names, segment: Segment, rows: list[dict[str, Any]], decoded: int) -> list[dict[str, Any]]:
    return names.told(segment, from_rows(rows, frames_schema(CLASSES)), decoded)[0]


FIRST, SECOND = Segment(0, 0, CUT, 0), Segment(1, CUT, 2 * CUT, RUN_IN_S)


def test_persons_are_numbered_through_and_pictures_counted_through() -> None:
    names = Names("video", 1.0)
    assert [one["person"] for one in told(names, FIRST, [row(59, 8, frame=10), row(59.5, 8, frame=11)], 12)] == [1, 1]
    again = told(names, SECOND, [
        row(59, 2, frame=None), row(59.5, 2, frame=None),
        row(60, None, frame=0), row(60, 2, frame=0), row(70, 5, frame=9),
    ], 20)  # fmt: skip
    assert [(one["person"], one["frame"]) for one in again] == [(None, 12), (1, 12), (2, 21)]
    assert names.count == 2


def test_a_fake_stays_a_fake_over_the_cut_until_it_is_decided_to_be_real() -> None:
    names = Names("video", 1.0)
    told(
        names,
        FIRST,
        [row(59, 2, frame=0, label="fake", was_fake=True), row(59.5, 2, frame=1, label="mask", was_fake=True)],
        2,
    )
    run_in = [row(59, 4, frame=None, label="mask"), row(59.5, 4, frame=None, label="mask")]
    later = [row(60, 4, frame=0, label="mask"), row(61, 4, frame=1, label="real"), row(62, 4, frame=2, label="mask")]
    assert [one["was_fake"] for one in told(names, SECOND, run_in + later, 3)] == [True, False, False]


def test_pictures_have_nobody_in_common() -> None:
    names = Names("pictures", 1.0)
    first, second = Segment(0, 0, 64, 0), Segment(1, 64, 70, 0)
    assert [one["person"] for one in told(names, first, [row(0, 1, frame=63)], 64)] == [1]
    assert [one["person"] for one in told(names, second, [row(0, 1, frame=0)], 6)] == [2]


@pytest.mark.parametrize(
    "span", [Span(0, 0.04), Span(0, 60), Span(0, 60.04), Span(59.9, 61), Span(61, 299.5), Span(0.1, 36_000)]
)
def test_segments_cover_the_span_without_gaps_and_cut_at_whole_minutes(span: Span) -> None:
    found = segments_of(span)
    assert (found[0].from_s, found[-1].to_s) == (span.from_s, span.to_s)
    for one, after in itertools.pairwise(found):
        assert one.to_s == after.from_s
        assert one.to_s % SEGMENT_S == 0
    assert [one.index for one in found] == list(range(len(found)))
    assert found[0].run_in_s == 0
    assert all(one.run_in_s == min(RUN_IN_S, one.from_s - span.from_s) for one in found)
