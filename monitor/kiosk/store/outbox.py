"""What every target still has to be told: rows that are made with the event and go when it is delivered."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.kiosk.facts import Event
from monitor.kiosk.store.database import Database
from monitor.kiosk.store.rows import COLUMNS, event_of

MOST_ERROR_CHARS = 300


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest event that a target has not taken."""

    event: Event
    tries: int
    """So many times in vain."""
    next_at: float
    """Not to be tried again before, in seconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How things stand with a target."""

    target: str
    waiting: int
    refused: int
    """Events that it will never take, since they were last purged."""
    last_error: str
    """Empty again once something was delivered."""
    last_ok_at: float | None
    """Seconds since 1970 UTC."""


def make_current(connection: sqlite3.Connection, targets: Sequence[str]) -> None:
    """From now on events are for these targets; what waits for others stays, uncounted, until it is purged."""
    connection.execute("UPDATE targets SET current = 0")
    connection.executemany(
        "INSERT INTO targets (name, current) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET current = 1",
        [(name,) for name in targets],
    )


def enqueue(connection: sqlite3.Connection, seq: int) -> None:
    """The event waits for every current target; part of the transaction that stores it."""
    connection.execute(
        "INSERT INTO outbox (target, seq) SELECT name, ? FROM targets WHERE current = 1", (seq,)
    )  # fmt: skip


class Outbox:
    """Safe from any thread; every answer is on the disk when the method returns. All raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def oldest(self, target: str) -> Waiting | None:
        """What `target` is to be told next; None where nothing waits."""
        with self._database.lent() as connection:
            row = connection.execute(
                f"SELECT {', '.join(f'events.{name}' for name in COLUMNS)}, tries, next_at "
                "FROM outbox INDEXED BY waiting JOIN events USING (seq) "
                "WHERE target = ? AND refused = 0 ORDER BY outbox.seq LIMIT 1",
                (target,),
            ).fetchone()
        return None if row is None else Waiting(event_of(row[:-2]), row[-2], row[-1])

    def delivered(self, target: str, seq: int, at: float) -> None:
        with self._database.writing() as connection:
            connection.execute("DELETE FROM outbox WHERE target = ? AND seq = ?", (target, seq))
            connection.execute("UPDATE targets SET last_ok_at = ?, last_error = '' WHERE name = ?", (at, target))

    def failed(self, target: str, seq: int, error: str, next_at: float) -> None:
        """It stays the oldest, not to be tried before `next_at`."""
        self._miss(target, seq, error, "next_at = ?", next_at)

    def refused(self, target: str, seq: int, error: str) -> None:
        """`target` will never take this one: it is kept, counted and passed over."""
        self._miss(target, seq, error, "refused = ?", 1)

    def _miss(self, target: str, seq: int, error: str, change: str, value: float) -> None:
        error = error[:MOST_ERROR_CHARS]
        with self._database.writing() as connection:
            connection.execute(
                f"UPDATE outbox SET tries = tries + 1, last_error = ?, {change} WHERE target = ? AND seq = ?",
                (error, value, target, seq),
            )
            connection.execute("UPDATE targets SET last_error = ? WHERE name = ?", (error, target))

    def backlogs(self) -> list[Backlog]:
        """Of every current target, by name."""
        with self._database.lent() as connection:
            rows = connection.execute(
                "SELECT name, (SELECT count(*) FROM outbox INDEXED BY waiting WHERE target = name AND refused = 0), "
                "(SELECT count(*) FROM outbox INDEXED BY refused WHERE target = name AND refused = 1), "
                "last_error, last_ok_at "
                "FROM targets WHERE current = 1 ORDER BY name"
            ).fetchall()
        return [Backlog(*row) for row in rows]
