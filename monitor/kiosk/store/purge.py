"""Old events go, from the beginning of the chain, and the chain says so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from monitor.kiosk.facts import Decision
from monitor.kiosk.store.snapshots import KEY

MOST = 20_000
"""Events that one transaction removes: about a third of a second on a slow machine."""
PAUSE_S = 0.12
"""Between two of them: SQLite lets others who wait look every 0.1 s."""
Append = Callable[[sqlite3.Connection, Decision], object]
"""Stores an event within the transaction."""


def purge_within(
    connection: sqlite3.Connection, append: Append, before_at: float, *, even_undelivered: bool
) -> tuple[int, list[str]]:
    """How many events were removed, and the ids of those with a picture; part of a transaction.

    Removed are the events before the first that is not older than `before_at`, and before the first that a current
    target still has to be told, unless `even_undelivered`; MOST at a time. The newest setting is stored once more
    where it would go.
    """
    end = _first_kept(connection, before_at, even_undelivered=even_undelivered)
    (first,) = connection.execute("SELECT ifnull(min(seq), 0) FROM events").fetchone()
    end = min(end, first + MOST)
    going = "FROM events WHERE seq < ?"
    setting = connection.execute(
        "SELECT seq, state, evidence FROM events WHERE kind = 'setting' ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    carried = setting is not None and setting[0] < end
    from_seq, to_seq, count, purges = connection.execute(
        f"SELECT min(seq), max(seq), count(*), count(*) FILTER (WHERE kind = 'purge') {going}", (end,)
    ).fetchone()
    if count == purges + carried:  # what would only be written again
        return 0, []
    (last_hash,) = connection.execute("SELECT hash FROM events WHERE seq = ?", (to_seq,)).fetchone()
    pictures = connection.execute(
        f"SELECT id {going} AND json_type(evidence, '$.{KEY}') IS NOT NULL", (end,)
    ).fetchall()
    if carried:
        evidence = {**json.loads(setting[2]), "carried_from": setting[0]}
        append(connection, Decision("setting", setting[1], evidence=evidence))
    record = {"from_seq": from_seq, "to_seq": to_seq, "count": count, "last_hash": last_hash, "before_at": before_at}
    append(connection, Decision("purge", "removed", evidence=record))
    connection.execute("DELETE FROM outbox WHERE seq < ?", (end,))
    connection.execute("DELETE FROM events WHERE seq < ?", (end,))
    connection.execute(
        "DELETE FROM targets WHERE current = 0 AND NOT EXISTS (SELECT 1 FROM outbox WHERE target = name)"
    )
    return count, [event_id for (event_id,) in pictures]


def _first_kept(connection: sqlite3.Connection, before_at: float, *, even_undelivered: bool) -> int:
    # `+at` keeps SQLite from sorting all that stays: what goes lies at the beginning.
    young = connection.execute("SELECT seq FROM events WHERE +at >= ? ORDER BY seq LIMIT 1", (before_at,)).fetchone()
    (last,) = connection.execute("SELECT ifnull(max(seq), 0) FROM events").fetchone()
    end = int(last) + 1 if young is None else int(young[0])
    if even_undelivered:
        return end
    (waiting,) = connection.execute(
        "SELECT min((SELECT min(seq) FROM outbox INDEXED BY waiting WHERE target = name AND refused = 0)) "
        "FROM targets WHERE current = 1"
    ).fetchone()
    return end if waiting is None else min(end, int(waiting))
