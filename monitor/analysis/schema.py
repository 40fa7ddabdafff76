"""The tables of an analysis: their columns, and how they are read and written. pyarrow is known here only."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet

from monitor.files import claim, told_as_sink_error, write_whole
from monitor.spreadsheets import harmless
from monitor.types import UNDECIDED

Table: TypeAlias = Any
"""A pyarrow.Table."""
Columns: TypeAlias = Mapping[str, Sequence[Any]]

_F32, _F64, _I32, _TEXT, _BOOL = (
    pyarrow.float32(), pyarrow.float64(), pyarrow.int32(), pyarrow.string(), pyarrow.bool_(),
)  # fmt: skip
_CLOCK = pyarrow.timestamp("ms", tz="UTC")
_LABEL = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
_BOX = [(side, _F32) for side in ("x0", "y0", "x1", "y1")]
"""px in the upright picture, half-open, to 0.1 px."""


def _probs(classes: Sequence[str]) -> list[tuple[str, Any]]:
    return [(f"p_{name}", _F32) for name in classes]


def frames_schema(classes: Sequence[str]) -> Any:
    """One row for each face in each frame that was looked at, by time, then person (finds of nobody first).

    `t` s of media time; `frame` counts the pictures decoded before this one in the part analysed; `person` is null for
    a find that became nobody; `found` is false where the face is only expected; `label` is a class or "undecided"
    (null where `person` is), `reason` says why undecided; `p_*` are smoothed and corrected to the priors, to 1e-4;
    `picture` names the file in a folder of pictures.
    """
    return pyarrow.schema([
        ("t", _F64), ("frame", _I32), ("person", _I32), *_BOX, ("score", _F32), ("found", _BOOL),
        ("label", _LABEL), ("reason", _LABEL), *_probs(classes), ("was_fake", _BOOL), ("picture", _TEXT),
    ])  # fmt: skip


def judgements_schema(classes: Sequence[str]) -> Any:
    """One row for each judgement: `p_*` as the engine gave them, to 1e-4; null, with the `reason`, where not asked."""
    return pyarrow.schema([
        ("t", _F64), ("clock", _CLOCK), ("frame", _I32), ("person", _I32), *_BOX, *_probs(classes),
        ("reason", _LABEL), ("picture", _TEXT),
    ])  # fmt: skip


def tracks_schema(classes: Sequence[str]) -> Any:
    """One row for each person, by first appearance.

    `label` is the one held longest (undecided only where no other ever was), `confidence` its mean smoothed
    probability while held; `path` is JSON, at most 32 points [t, x, y, size] of the box's centre, px.
    """
    seconds = [(f"seconds_{name}", _F64) for name in (*classes, UNDECIDED)]
    return pyarrow.schema([
        ("person", _I32), ("first_s", _F64), ("last_s", _F64), ("first_clock", _CLOCK), ("last_clock", _CLOCK),
        ("seconds", _F64), *seconds, ("label", _LABEL), ("confidence", _F32), ("was_fake", _BOOL),
        ("peak_fake", _F32), ("peak_fake_s", _F64), ("finds", _I32), ("judgements", _I32),
        ("size_px_least", _F32), ("size_px_mean", _F32), ("size_px_most", _F32), ("path", _TEXT), ("picture", _TEXT),
    ])  # fmt: skip


def table(columns: Columns, schema: Any) -> Table:
    """A table of these columns, in the order of the schema."""
    return pyarrow.table({name: columns.get(name, []) for name in schema.names}, schema=schema)


def stats_table(text: str) -> Table:
    """A table that only carries a text, so that it travels with the others."""
    return pyarrow.table({"json": [text]})


def rows_of(one: Table) -> Iterator[dict[str, Any]]:
    """The rows as mappings, without holding all of them twice."""
    for batch in one.to_batches(max_chunksize=4096):
        yield from batch.to_pylist()


def from_rows(rows: Sequence[Mapping[str, Any]], schema: Any) -> Table:
    """A table of these rows."""
    return pyarrow.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema)


def renumbered(one: Table, names: Mapping[int, int], offset: int, clock: Callable[[float], datetime | None]) -> Table:
    """Judgements with persons by their final numbers, pictures counted from the start, and the time of day."""
    changed = {
        "person": [names[number] for number in one["person"].to_pylist()],
        "frame": [offset + number for number in one["frame"].to_pylist()],
        "clock": [clock(t) for t in one["t"].to_pylist()],
    }
    columns = [
        pyarrow.array(changed[field.name], field.type) if field.name in changed else one[field.name].combine_chunks()
        for field in one.schema
    ]
    return pyarrow.table(columns, schema=one.schema)


def write_csv(one: Table, path: Path) -> None:
    """The table for spreadsheets; text that one would take for a formula begins with '. Raises SinkError."""
    text = io.StringIO(newline="")
    table_ = csv.writer(text)
    table_.writerow(one.column_names)
    for row in rows_of(one):
        table_.writerow([_cell(value) for value in row.values()])
    write_whole(path, text.getvalue().encode("utf-8", "replace"))


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, float):
        return float(f"{value:.7g}")  # a float32 as it was rounded
    return harmless(value)


def pack(tables: Mapping[str, Table]) -> bytes:
    """Several tables as bytes: each an Arrow stream, behind its name and length; before all of them their SHA-256."""
    out = io.BytesIO()
    for name, one in tables.items():
        stream = io.BytesIO()
        with pyarrow.ipc.new_stream(stream, one.schema, options=pyarrow.ipc.IpcWriteOptions(compression="zstd")) as w:
            w.write_table(one)
        data = stream.getvalue()
        out.write(len(name).to_bytes(2, "big") + name.encode() + len(data).to_bytes(8, "big") + data)
    return hashlib.sha256(out.getbuffer()).digest() + out.getvalue()


def unpack(data: bytes) -> dict[str, Table]:
    """The tables that `pack` put into bytes. Raises ValueError where one byte is another."""
    found, at = {}, hashlib.sha256().digest_size
    # Arrow itself notices less than half of what a crash of the machine leaves, and reads wrong numbers from the rest.
    if hashlib.sha256(data[at:]).digest() != data[:at]:
        raise ValueError("damaged")
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        name = data[at + 2 : end].decode("ascii")
        size = int.from_bytes(data[end : end + 8], "big")
        at = end + 8 + size
        found[name] = pyarrow.ipc.open_stream(data[end + 8 : at]).read_all()
    return found


@contextmanager
def parquet_writer(path: Path, schema: Any) -> Iterator[Any]:
    """A ParquetWriter of a file that is whole or not there. Raises SinkError."""
    part = claim(path)
    try:
        with told_as_sink_error(path):
            # Opened here: a path that is not UTF-8 cannot be named to Arrow.
            with part.open("wb") as file, pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                yield writer
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def parquet_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[Table]:
    """The file in pieces, one row group after another."""
    with path.open("rb") as opened, pyarrow.parquet.ParquetFile(opened) as file:
        for index in range(file.num_row_groups):
            yield file.read_row_group(index, columns=list(columns) if columns else None)


def frames_between(path: Path, from_s: float = float("-inf"), to_s: float = float("inf")) -> Table:
    """The rows of frames.parquet with from_s <= t < to_s; only the row groups that hold some are read."""
    t = pyarrow.compute.field("t")
    with path.open("rb") as file:
        return pyarrow.parquet.read_table(file, filters=(t >= from_s) & (t < to_s))
