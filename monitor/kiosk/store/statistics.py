"""Visits in numbers. A visit is counted where it ended, by what was said last of the person that decides anything.

`outcome` is that state: welcome, put_on, take_off or staff; none where nothing was ever decided.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

QUARTER_S = 900
"""Every time zone's hours begin at a quarter of an hour UTC."""
REFUSED = ("put_on", "take_off")


@dataclass(frozen=True, slots=True)
class Summary:
    persons: int
    """Visits in which something was decided: welcome, refused and staff together."""
    welcome: int
    refused: int
    """Asked to put a mask on or take it off, and left without a welcome."""
    staff: int
    left_undecided: int
    """Visits in which nothing was decided; not among `persons`."""
    overrides: int
    welcome_share: float | None
    """Of `persons`; None without any."""
    median_wait_s: float | None
    """Until the welcome, of those who got one."""
    p95_wait_s: float | None


@dataclass(frozen=True, slots=True)
class Visits:
    """How the visits that ended within a quarter of an hour went."""

    at: float
    """Its beginning, in seconds since 1970 UTC."""
    outcome: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    start: str
    """Local time, as 2026-11-27T08:00 for an hour, 2026-11-27 for a day."""
    persons: int
    welcome: int
    refused: int
    staff: int


def summary(connection: sqlite3.Connection, since: float, until: float) -> Summary:
    """Of the visits that ended, and the decisions of the staff, from `since` to before `until`."""
    span = (since, until)
    ended = "FROM events WHERE state = 'left' AND at >= ? AND at < ?"
    counts = dict(connection.execute(f"SELECT outcome, count(*) {ended} GROUP BY outcome", span).fetchall())
    waits = sorted(wait for (wait,) in connection.execute(f"SELECT waited_s {ended} AND waited_s IS NOT NULL", span))
    (overrides,) = connection.execute(
        "SELECT count(*) FROM events WHERE kind = 'override' AND at >= ? AND at < ?", span
    ).fetchone()
    welcome, staff = counts.get("welcome", 0), counts.get("staff", 0)
    refused = sum(counts.get(state, 0) for state in REFUSED)
    persons = welcome + refused + staff
    return Summary(
        persons, welcome, refused, staff, sum(counts.values()) - persons, overrides,
        welcome / persons if persons else None, quantile(waits, 0.5), quantile(waits, 0.95),
    )  # fmt: skip


def visits(connection: sqlite3.Connection, since: float, until: float) -> list[Visits]:
    """Counted by SQLite from one index, so that a million events are a matter of their visits, not of their size."""
    rows = connection.execute(
        f"SELECT CAST(at / {QUARTER_S} AS INTEGER) AS quarter, outcome, count(*) FROM events "
        "WHERE state = 'left' AND at >= ? AND at < ? GROUP BY quarter, outcome ORDER BY quarter",
        (since, until),
    )
    return [Visits(quarter * float(QUARTER_S), outcome, count) for quarter, outcome, count in rows]


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of the values that at least `share` of them do not exceed; None without any."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


def day_span(at: float, zone: tzinfo | None = None) -> tuple[float, float]:
    """Beginning and end of the local day that holds `at`, in seconds since 1970 UTC; `zone` None is this machine's."""
    midnight = datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()


def first_midnight(now: float, days: int, zone: tzinfo | None = None) -> float:
    """When the first of the last `days` local days began, today among them."""
    midnight = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - timedelta(days=days - 1)).timestamp()


def bars(
    visits: Iterable[Visits], by: Literal["hour", "day"], since: float, now: float, zone: tzinfo | None = None
) -> list[Bar]:
    """One for every local hour or day from `since` to `now`, also where nobody came.

    The hour that a clock shows twice in autumn is one bar, and the one it leaves out in spring is none.
    """

    def label(at: float) -> str:
        local = datetime.fromtimestamp(at, zone)
        return local.strftime("%Y-%m-%dT%H:00" if by == "hour" else "%Y-%m-%d")

    quarters = range(int(since // QUARTER_S), int(now // QUARTER_S) + 1)
    counts: dict[str, dict[str | None, int]] = {label(quarter * QUARTER_S): {} for quarter in quarters}
    for visit in visits:
        found = counts.get(label(visit.at))
        if found is not None:
            found[visit.outcome] = found.get(visit.outcome, 0) + visit.count
    return [_bar(start, count) for start, count in counts.items()]


def _bar(start: str, count: dict[str | None, int]) -> Bar:
    welcome, staff = count.get("welcome", 0), count.get("staff", 0)
    refused = sum(count.get(state, 0) for state in REFUSED)
    return Bar(start, welcome + refused + staff, welcome, refused, staff)
