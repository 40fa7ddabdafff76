"""Events as a table or as JSON, in a file that is whole or not there."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from monitor.errors import UsageError
from monitor.files import claim, told_as_sink_error
from monitor.kiosk.facts import Event
from monitor.kiosk.store.rows import as_json
from monitor.spreadsheets import harmless

COLUMNS = ("seq", "id", "at", "time", "kind", "state", "person", "evidence", "hash")
"""Of the tables: `time` is `at` for people (UTC), evidence is JSON."""
BATCH = 10_000


def export(events: Iterator[Event], path: Path, *, overwrite: bool = False) -> int:
    """How many events are in `path` now; its ending says in which form.

    Raises UsageError for an unknown ending or a file that is there already, SinkError where it cannot be written.
    """
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise UsageError(f"{path}: what shall this be?", hint=f"give the file one of the endings {', '.join(WRITERS)}")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already", hint="name another file, or add --overwrite")
    part = claim(path)
    try:
        part.chmod(0o600)
        with told_as_sink_error(path):
            count = write(events, part)
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return count


def _write_csv(events: Iterator[Event], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for event in events:
            table.writerow([harmless(value) for value in _values(event)])
            count += 1
    return count


def _write_lines(events: Iterator[Event], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for event in events:
            file.write(json.dumps(as_json(event)) + "\n")
            count += 1
    return count


def _write_json(events: Iterator[Event], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for event in events:
            file.write((",\n " if count else "\n ") + json.dumps(as_json(event)))
            count += 1
        file.write("\n]\n")
    return count


def _write_parquet(events: Iterator[Event], path: Path) -> int:
    import pyarrow
    import pyarrow.parquet

    text, moment = pyarrow.string(), pyarrow.timestamp("us", tz="UTC")
    types = (pyarrow.int64(), text, pyarrow.float64(), moment, text, text, text, text, text)
    schema = pyarrow.schema(list(zip(COLUMNS, types, strict=True)))
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(events, BATCH)):
            columns = list(zip(*(_values(event, time=_moment(event)) for event in batch), strict=True))
            arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            writer.write_table(pyarrow.table(arrays, schema=schema))
            count += len(batch)
    return count


def _moment(event: Event) -> datetime:
    return datetime.fromtimestamp(event.at, UTC)


def _values(event: Event, time: object = None) -> list[object]:
    when = time or _moment(event).isoformat(timespec="milliseconds")
    evidence = json.dumps(event.evidence, sort_keys=True)
    return [event.seq, event.id, event.at, when, event.kind, event.state, event.person, evidence, event.hash]


WRITERS: dict[str, Callable[[Iterator[Event], Path], int]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".jsonl": _write_lines,
    ".parquet": _write_parquet,
}
