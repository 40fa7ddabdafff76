"""The event store: what was decided at the door, kept in a chain, and what still has to be told to whom."""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from monitor.kiosk.facts import Decision, Event
from monitor.kiosk.store import chain, purge, rows, statistics
from monitor.kiosk.store.chain import NOTHING_BEFORE, Head, Row, Verdict
from monitor.kiosk.store.database import BUSY_S, Database
from monitor.kiosk.store.errors import told_as_store_error
from monitor.kiosk.store.lock import hold
from monitor.kiosk.store.outbox import Outbox, enqueue, make_current
from monitor.kiosk.store.place import snapshot_folder
from monitor.kiosk.store.rows import Query
from monitor.kiosk.store.snapshots import KEY, Snapshots, fingerprint


class Store:
    """Safe from any thread and beside other processes. Every method raises StoreError for what the disk reports."""

    def __init__(self, database: Database, lock: filelock.BaseFileLock | None = None) -> None:
        """Use `open`, `join` or `read`."""
        self.path = database.path
        self.outbox = Outbox(database)
        self.snapshots = Snapshots(snapshot_folder(database.path))
        self._database, self._lock = database, lock

    @classmethod
    def open(cls, path: Path, *, targets: Sequence[str] = ()) -> Store:
        """The kiosk's own: made where there is none, no second kiosk beside it, its events are for `targets`."""
        path = path.absolute()
        with contextlib.ExitStack() as stack:
            lock = hold(path)
            stack.callback(lock.release)
            store = cls(Database(path, mode="create"), lock)
            stack.callback(store.close)
            with store._database.writing() as connection:
                make_current(connection, targets)
            store.snapshots.remove_orphans(lambda event_id: store.get(event_id) is not None)
            stack.pop_all()
        return store

    @classmethod
    def join(cls, path: Path, *, busy_s: float = BUSY_S) -> Store:
        """One that is there, to write to it as well, also while a kiosk runs; `busy_s`: patience with other writers."""
        return cls(Database(path, mode="write", busy_s=busy_s))

    @classmethod
    def read(cls, path: Path) -> Store:
        """One that is there, only to read it, also while a kiosk runs."""
        return cls(Database(path, mode="read"))

    def close(self) -> None:
        """May be called twice."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, decision: Decision, *, at: float, snapshot: bytes | None = None) -> Event:
        """The stored event: it and its place in every target's queue are on the disk.

        A picture (JPEG) is written before, and named by its hash in the evidence.
        """
        event_id = uuid.uuid4().hex
        if snapshot is None:
            with self._database.writing() as connection:
                return _append(connection, decision, at, event_id)
        decision = Decision(
            decision.kind, decision.state, decision.person, {**decision.evidence, KEY: fingerprint(snapshot)}
        )
        self.snapshots.write(event_id, snapshot)
        try:
            with self._database.writing() as connection:
                return _append(connection, decision, at, event_id)
        except BaseException:
            with contextlib.suppress(Exception):  # an orphan is removed at the next start
                self.snapshots.remove([event_id])
            raise

    def get(self, event_id: str) -> Event | None:
        with self._database.lent() as connection:
            found = connection.execute(
                f"SELECT {', '.join(rows.COLUMNS)} FROM events WHERE id = ?", (event_id,)
            ).fetchone()
        return None if found is None else rows.event_of(found)

    def events(self, query: Query) -> list[Event]:
        """Those asked for, at once: give a limit."""
        with self._database.lent() as connection:
            return rows.select(connection, query)

    def walk(self, query: Query | None = None) -> Iterator[Event]:
        """Those asked for, one after another, however many; all by default, newest first."""
        return rows.walk(self._database, query or Query())

    def count(self, query: Query | None = None) -> int:
        where, values = (query or Query()).where()
        with self._database.lent() as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM events WHERE {where}", values).fetchone()
        return int(count)

    def latest(self, kind: str) -> Event | None:
        """The newest event of this kind; `setting` holds the zone in use."""
        return next(iter(self.events(Query(kind=kind, limit=1))), None)

    def newest(self) -> Event | None:
        """The newest event; None where the store is empty."""
        return next(iter(self.events(Query(limit=1))), None)

    def head(self) -> Head | None:
        """The newest event's place in the chain; None where the store is empty."""
        newest = self.newest()
        return None if newest is None else Head(newest.seq, newest.hash)

    def size_bytes(self) -> int:
        """Of the file and the log beside it, without pictures."""
        with told_as_store_error(self.path):
            files = [self.path, self.path.with_name(f"{self.path.name}-wal")]
            return sum(file.stat().st_size for file in files if file.exists())

    def summary(self, since: float, until: float) -> statistics.Summary:
        """The visits that ended in this time, in seconds since 1970 UTC."""
        with self._database.reading() as connection:
            return statistics.summary(connection, since, until)

    def visits(self, since: float, until: float) -> list[statistics.Visits]:
        """Visits by how they ended, for each quarter of an hour in which one did, oldest first."""
        with self._database.lent() as connection:
            return statistics.visits(connection, since, until)

    def verify(self, head: Head | None = None) -> Verdict:
        """Whether every event and picture is there and unchanged, and `head` is in the chain."""
        pictures: list[Event] = []
        with self._database.reading() as connection:
            verdict = chain.verify(_noting_pictures(rows.walk_rows(connection), pictures), head)
        if not verdict.holds:
            return verdict
        for event in pictures:
            broken = self.snapshots.broken(event)
            if broken is not None and self.get(event.id) is not None:  # else it was purged meanwhile
                return Verdict(verdict.events, verdict.head, broken)
        return verdict

    def purge(self, before_at: float, *, even_undelivered: bool = False, at: float | None = None) -> int:
        """How many events older than `before_at` (seconds since 1970 UTC) are gone, with their pictures.

        Only from the beginning: the first younger event ends it, and the first that a target still has to be told.
        Many go in steps, each with its record, so that whoever stores something meanwhile does not wait long.
        """
        now = time.time() if at is None else at

        def append(connection: sqlite3.Connection, decision: Decision) -> None:
            _append(connection, decision, now, uuid.uuid4().hex)

        removed = 0
        for step in itertools.count():
            if step:
                time.sleep(purge.PAUSE_S)
            with self._database.writing() as connection:
                count, pictures = purge.purge_within(connection, append, before_at, even_undelivered=even_undelivered)
            self.snapshots.remove(pictures)
            removed += count
            if count < purge.MOST:
                break
        self._database.forget_deleted()
        return removed


def _append(connection: sqlite3.Connection, decision: Decision, at: float, event_id: str) -> Event:
    """The event at the end of the chain, and in the queues; part of a transaction."""
    last = connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    seq, prev = (1, NOTHING_BEFORE) if last is None else (last[0] + 1, last[1])
    evidence = chain.canonical(decision.evidence)
    row = Row(seq, event_id, float(at), decision.kind, str(decision.state), decision.person, evidence, prev, "")
    row = row._replace(hash=chain.digest(prev, row))
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO events ({rows.ROW_COLUMNS}) VALUES ({marks})", row)
    enqueue(connection, seq)
    return Event(seq, row.id, row.at, row.kind, row.state, row.person, json.loads(evidence), row.hash)


def _noting_pictures(stored: Iterator[Row], pictures: list[Event]) -> Iterator[Row]:
    """The same rows; events with a picture are noted on the way."""
    for row in stored:
        if f'"{KEY}":' in row.evidence:
            with contextlib.suppress(ValueError):  # its hash tells
                evidence = json.loads(row.evidence)
                if isinstance(evidence, dict) and KEY in evidence:
                    pictures.append(Event(*row[:6], evidence, row.hash))
        yield row
