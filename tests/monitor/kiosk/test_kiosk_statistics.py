"""Visits in numbers, for a day and for bars of hours and days in local time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.kiosk.facts import Decision
from monitor.kiosk.store import Bar, Store, bars, day_span, first_midnight
from monitor.kiosk.store.statistics import quantile

BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "kiosk.db") as opened:
        yield opened


def left(store: Store, when: str, last: str, first: str | None = None, waited_s: float | None = None) -> None:
    evidence = {"track": 1, "here_s": 9.0, "last": last, "first": first, "waited_s": waited_s}
    store.add(Decision("person", "left", when, evidence), at=at(when))


def test_a_day_in_numbers(store: Store) -> None:
    left(store, "2026-11-26T23:59:59", "welcome", "welcome", 100.0)  # the day before
    for number in range(1, 21):
        left(store, f"2026-11-27T08:{number:02}", "welcome", "put_on", float(number))
    left(store, "2026-11-27T09:00", "put_on", "put_on")
    left(store, "2026-11-27T09:01", "take_off", "welcome")
    left(store, "2026-11-27T09:02", "look", "staff")  # turned the head before going
    left(store, "2026-11-27T09:03", "look")
    left(store, "2026-11-27T23:59:59", "closer")
    left(store, "2026-11-28T00:00", "welcome", "welcome", 100.0)  # the day after
    store.add(Decision("person", "welcome", "p", {"last": "welcome"}), at=at("2026-11-27T10:00"))  # still here
    store.add(Decision("override", "admit", None, {"seconds": 10}), at=at("2026-11-27T10:00"))
    found = store.summary(*day_span(at("2026-11-27T12:34"), BERLIN))
    assert (found.persons, found.welcome, found.refused, found.staff) == (23, 20, 2, 1)
    assert (found.left_undecided, found.overrides) == (2, 1)
    assert found.welcome_share == pytest.approx(20 / 23)
    assert (found.median_wait_s, found.p95_wait_s) == (10.0, 19.0)


def test_a_day_without_anybody_has_no_share_and_no_wait(store: Store) -> None:
    found = store.summary(0.0, 1e12)
    assert (found.persons, found.welcome_share, found.median_wait_s, found.p95_wait_s) == (0, None, None, None)


def test_bars_of_hours_have_the_empty_ones_too(store: Store) -> None:
    left(store, "2026-11-26T23:59", "welcome")
    left(store, "2026-11-27T08:00", "welcome")
    left(store, "2026-11-27T08:59", "staff")
    left(store, "2026-11-27T08:59:30", "look")
    left(store, "2026-11-27T10:10", "put_on")
    now = at("2026-11-27T10:15")
    since = first_midnight(now, 1, BERLIN)
    found = bars(store.visits(since, now), "hour", since, now, BERLIN)
    assert [bar.start for bar in found] == [f"2026-11-27T{hour:02}:00" for hour in range(11)]
    assert found[8] == Bar("2026-11-27T08:00", 2, 1, 0, 1)
    assert found[10] == Bar("2026-11-27T10:00", 1, 0, 1, 0)
    assert sum(bar.persons for bar in found) == 3


def test_bars_of_days(store: Store) -> None:
    for day in ("2026-11-20", "2026-11-25", "2026-11-27"):
        left(store, f"{day}T00:00", "welcome")
        left(store, f"{day}T23:45", "welcome")
    now = at("2026-11-27T23:50")
    since = first_midnight(now, 7, BERLIN)
    found = bars(store.visits(since, now), "day", since, now, BERLIN)
    assert {bar.start: bar.welcome for bar in found} == {
        "2026-11-21": 0, "2026-11-22": 0, "2026-11-23": 0, "2026-11-24": 0, "2026-11-25": 2, "2026-11-26": 0,
        "2026-11-27": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 24), ("2026-06-01", 24)])
def test_days_that_are_shorter_or_longer(store: Store, day: str, hours: int) -> None:
    """The hour that comes twice in autumn is one bar with the visits of both."""
    start, end = day_span(at(f"{day}T12:00"), BERLIN)
    moments = [start + hour * 3600 + 60 for hour in range(round((end - start) / 3600))]
    for moment in moments:
        store.add(Decision("person", "left", "p", {"last": "welcome"}), at=moment)
    found = bars(store.visits(start, end), "hour", start, end - 1, BERLIN)
    assert len(found) == hours
    assert sum(bar.persons for bar in found) == len(moments)


def test_hours_of_a_zone_that_is_not_whole_hours_away(store: Store) -> None:
    store.add(Decision("person", "left", "p", {"last": "welcome"}), at=at("2026-11-27T07:59", KATHMANDU))
    store.add(Decision("person", "left", "q", {"last": "staff"}), at=at("2026-11-27T08:00", KATHMANDU))
    now = at("2026-11-27T08:30", KATHMANDU)
    since = first_midnight(now, 1, KATHMANDU)
    found = {bar.start[-5:]: bar for bar in bars(store.visits(since, now), "hour", since, now, KATHMANDU)}
    assert (found["07:00"].welcome, found["08:00"].staff) == (1, 1)


def test_quantiles() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0], 0.95) == 3.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([float(value) for value in range(1, 101)], 0.95) == 95.0
