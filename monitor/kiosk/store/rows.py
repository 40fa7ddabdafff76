"""Events as rows of the table, and which of them are asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.kiosk.facts import Event
from monitor.kiosk.store.chain import Row
from monitor.kiosk.store.database import Database

COLUMNS = ("seq", "id", "at", "kind", "state", "person", "evidence", "hash")
ROW_COLUMNS = ", ".join(Row._fields)
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Query:
    """Which events; all of them by default, newest first."""

    since: float | None = None
    """Seconds since 1970 UTC, this moment included."""
    until: float | None = None
    """Seconds since 1970 UTC, this moment not included."""
    kind: str | None = None
    person: str | None = None
    before_seq: int | None = None
    after_seq: int | None = None
    limit: int | None = None
    oldest_first: bool = False

    def where(self) -> tuple[str, list[Any]]:
        """The condition in SQL, and its values."""
        asked = {
            "at >= ?": self.since,
            "at < ?": self.until,
            "kind = ?": self.kind,
            "person = ?": self.person,
            "seq < ?": self.before_seq,
            "seq > ?": self.after_seq,
        }
        given = {condition: value for condition, value in asked.items() if value is not None}
        return " AND ".join(given) or "1", list(given.values())


def event_of(row: Sequence[Any]) -> Event:
    """From the values of COLUMNS."""
    seq, event_id, at, kind, state, person, evidence, digest = row
    return Event(seq, event_id, at, kind, state, person, json.loads(evidence), digest)


def as_json(event: Event) -> dict[str, Any]:
    """As events are exported and delivered."""
    return {
        "seq": event.seq,
        "id": event.id,
        "at": event.at,
        "kind": event.kind,
        "state": event.state,
        "person": event.person,
        "evidence": event.evidence,
        "hash": event.hash,
    }


def select(connection: sqlite3.Connection, query: Query) -> list[Event]:
    where, values = query.where()
    order = "ASC" if query.oldest_first else "DESC"
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM events WHERE {where} ORDER BY seq {order} LIMIT ?",
        [*values, -1 if query.limit is None else query.limit],
    )
    return [event_of(row) for row in rows]


def walk(database: Database, query: Query) -> Iterator[Event]:
    """Every event that fits, read in pages: a slow reader never keeps the store from tidying up. Raises StoreError."""
    left = query.limit
    while left is None or left > 0:
        page = replace(query, limit=PAGE if left is None else min(PAGE, left))
        with database.lent() as connection:
            events = select(connection, page)
        yield from events
        if len(events) < (page.limit or 0):
            return
        left = None if left is None else left - len(events)
        last = events[-1].seq
        query = replace(query, after_seq=last) if query.oldest_first else replace(query, before_seq=last)


def walk_rows(connection: sqlite3.Connection) -> Iterator[Row]:
    """The whole table as it lies there, oldest first; text that is not UTF-8 is kept as it is."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        for row in connection.execute(f"SELECT {ROW_COLUMNS} FROM events ORDER BY seq"):
            yield Row(*row)
    finally:
        connection.text_factory = str
