"""The tables of the event store, and whether a file holds them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from monitor.kiosk.store.errors import StoreError

APPLICATION_ID = 0x4D4F4E4B
VERSION = 1

# `by_visit` holds what the statistics read, so that they never touch the events themselves. `by_kind` and `by_person`
# end in seq, as every index of SQLite does, which is the order events are asked for. The columns after `hash` follow
# from the evidence, cannot be written, and so need not be part of the chain.
TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    person TEXT,
    evidence TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    outcome TEXT GENERATED ALWAYS AS (
        CASE WHEN json_extract(evidence, '$.last') IN ('welcome', 'put_on', 'take_off', 'staff')
        THEN json_extract(evidence, '$.last') ELSE json_extract(evidence, '$.first') END
    ) VIRTUAL,
    waited_s REAL GENERATED ALWAYS AS (json_extract(evidence, '$.waited_s')) VIRTUAL
) STRICT;
CREATE INDEX by_at ON events (at);
CREATE INDEX by_kind ON events (kind);
CREATE INDEX by_person ON events (person) WHERE person IS NOT NULL;
CREATE INDEX by_visit ON events (at, outcome, waited_s) WHERE state = 'left';
CREATE TABLE targets (
    name TEXT PRIMARY KEY,
    current INTEGER NOT NULL,
    last_error TEXT NOT NULL DEFAULT '',
    last_ok_at REAL
) STRICT;
CREATE TABLE outbox (
    target TEXT NOT NULL,
    seq INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    refused INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (target, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting ON outbox (target, seq) WHERE refused = 0;
CREATE INDEX refused ON outbox (target, seq) WHERE refused = 1;
"""


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables where the file is empty, all or none. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    if _is_empty(connection):
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Nothing; raises StoreError where the file is another program's, or a newer monitor's."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        what = "is empty" if _is_empty(connection) else "is the database of another program"
        raise StoreError(
            f"{path} is not an event store: it {what}", hint="name another file: this one is left as it is"
        )
    if version != VERSION:
        raise StoreError(
            f"the event store {path} was made by another version of the monitor (form {version}, known is {VERSION})",
            hint="use the monitor that made it, or name another file",
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    """True where nothing was ever made in this file."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(tables == 0 and application == 0)
