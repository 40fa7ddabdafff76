"""The SQLite file: private, durable, and one connection for each thread that uses it at a time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from monitor.kiosk.store import schema
from monitor.kiosk.store.errors import StoreError, told_as_store_error

BUSY_S = 10.0
"""Patience with another writer."""
FORGET_S = 0.1
"""Patience with readers where the log is to be emptied: whoever wants to write waits as long."""


class Database:
    """Lends connections, each to one thread at a time; as many are opened as are in use at once.

    A connection on which something failed is closed, not lent again.
    """

    def __init__(self, path: Path, *, mode: Literal["create", "write", "read"], busy_s: float = BUSY_S) -> None:
        """`mode`: "create" makes the file where there is none, "write" and "read" need it. Raises StoreError."""
        self.path = path.absolute()
        self._writes = mode != "read"
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed, self._busy_s = False, busy_s
        with told_as_store_error(self.path):
            if mode == "create":
                _make_sure_of(self.path)
            elif not self.path.exists():
                raise StoreError(
                    f"there is no event store {self.path}", hint="`monitor kiosk` makes it; name another with --store"
                )
            with contextlib.closing(self._connect(check=False)) as connection:
                if mode == "create":
                    schema.create(connection)
                schema.check(connection, self.path)
                if self._writes:  # only now: it might have been another program's
                    _make_private(self.path)
                    connection.execute("PRAGMA journal_mode = WAL")

    def _connect(self, *, check: bool = True) -> sqlite3.Connection:
        how = "rw" if self._writes else "ro"
        if not self._writes and not os.access(self.path.parent, os.W_OK) and not _wal_of(self.path).exists():
            how = "ro&immutable=1"  # a copy on a read-only disk: SQLite could not make its files beside it
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={how}",
            uri=True,
            timeout=self._busy_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            if check:
                schema.check(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """A connection for the block. Raises StoreError for whatever SQLite reports inside."""
        if self._closed:
            raise StoreError(f"the event store {self.path} is closed", hint="open it again")
        with told_as_store_error(self.path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()  # takes back what was begun
                raise
            self._take_back(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the store, however many queries the block makes."""
        with self.lent() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block is on the disk after it, or nothing where it raised."""
        with self.lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def forget_deleted(self) -> None:
        """What was deleted is no longer in the log beside the file either, unless somebody is reading just now.

        Then it goes with the next purge, or when the last one closes the store.
        """
        with self.lent() as connection:
            _set_patience(connection, min(FORGET_S, self._busy_s))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            _set_patience(connection, self._busy_s)

    def close(self) -> None:
        """May be called twice; a connection in use is closed when it comes back."""
        self._closed = True
        self._close_idle()

    def _take_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()


def _set_patience(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {round(1e3 * seconds)}")


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _make_sure_of(path: Path) -> None:
    """An empty file of the owner's only, where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _make_private(path: Path) -> None:
    """Nobody but its owner may read it from now on."""
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
