"""What can go wrong with the event store, told so that people can mend it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from monitor.errors import SinkError


class StoreError(SinkError):
    """The event store cannot be opened, read or written; nothing in it was overwritten."""


_DAMAGED = "keep a copy of it for inspection, then put a backup back or name another file"
_TOLD = {
    sqlite3.SQLITE_NOTADB: ("is not an event store", "name another file: this one is left as it is"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", _DAMAGED),
    sqlite3.SQLITE_FULL: ("cannot grow: no space left", "free some space on this disk, or purge old events"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "change its rights, or choose a file you may write to"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "look whether its folder exists and is yours to read and write"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "look whether it is yours to read and write"),
    sqlite3.SQLITE_BUSY: ("is in use by another program", "wait until that is done, then try again"),
    sqlite3.SQLITE_LOCKED: ("is in use by another program", "wait until that is done, then try again"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk reports an error", "look after the disk it lies on"),
    sqlite3.SQLITE_SCHEMA: ("was changed by another program", "let only the monitor write to it"),
}


@contextlib.contextmanager
def told_as_store_error(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system report inside the block into a StoreError that says what helps."""
    try:
        yield
    except sqlite3.ProgrammingError:  # a bug of ours
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        # Text that is not UTF-8 comes without a code.
        what, hint = _TOLD.get((code or sqlite3.SQLITE_CORRUPT) & 0xFF, ("cannot be used", _DAMAGED))
        raise StoreError(f"the event store {path} {what} ({error})", hint=hint) from error
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        hint = "choose a place you may write to, with room left (--store FILE or kiosk.store.file)"
        raise StoreError(f"the event store {path} cannot be used: {why}", hint=hint) from error
