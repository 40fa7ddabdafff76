"""Prepared crops in pieces that travel: WebP instead of raw pixels, a sixteenth of the size, checked by sha256.

For training on another machine. The crops lose a little (quality 95): training spoils pictures far more, and
`prepare.json` says that it happened. The manifest stays the same, so numbers still name the same pictures, also where
only some splits travel.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.contract import U8
from monitor.files import told_as_sink_error, write_whole
from train.crops_file import CROPS, crops_part
from train.errors import DataError
from train.manifest import Prepared, Row, crops_sample, read_rows, write_rows

QUALITY = 95
INDEX = "index.json"
_HOW = [cv2.IMWRITE_WEBP_QUALITY, QUALITY]


def pack(data: Prepared, out: Path, *, piece_bytes: int, splits: Sequence[str] = ()) -> list[Path]:
    """The files written to `out`: pieces of about `piece_bytes` with the crops of `splits`, an index that names them.

    No `splits` = all there are. Raises SinkError, DataError for a split that is named and has no pictures.
    """
    for split in splits:
        data.where(split)  # has pictures, and they are here
    chosen = tuple(split for split in data.splits if split in splits or not splits)
    rows = _rows(data.rows, chosen)
    with told_as_sink_error(out, "make the folder"):
        out.mkdir(parents=True, exist_ok=True)
    pieces, names = [], {}
    for number, piece in enumerate(_pieces((data.crops[row] for row in rows), piece_bytes)):
        file = out / f"crops-{number:03}.npz"
        write_whole(file, piece)
        pieces.append(file)
        names[file.name] = hashlib.sha256(piece).hexdigest()
    with told_as_sink_error(out / "manifest.csv"):
        write_rows(out / "manifest.csv", data.rows)
        manifest = (out / "manifest.csv").read_bytes()
    index = {
        "pieces": names, "shape": list(data.crops.shape), "margin": data.margin, "webp_quality": QUALITY,
        "splits": list(chosen), "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }  # fmt: skip
    write_whole(out / INDEX, json.dumps(index, indent=1).encode())
    return [*pieces, out / "manifest.csv", out / INDEX]


def _rows(rows: Sequence[Row], splits: Sequence[str]) -> list[int]:
    return [i for i, row in enumerate(rows) if row.split in splits]


def _pieces(crops: Iterable[U8], piece_bytes: int) -> Iterator[bytes]:
    coded: list[bytes] = []
    size = 0
    for crop in crops:
        data = cv2.imencode(".webp", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), _HOW)[1].tobytes()
        if coded and size + len(data) > piece_bytes:
            yield _piece(coded)
            coded, size = [], 0
        coded.append(data)
        size += len(data)
    if coded:
        yield _piece(coded)


def _piece(coded: list[bytes]) -> bytes:
    out = io.BytesIO()
    sizes = np.array([len(data) for data in coded], np.uint32)
    np.savez(out, sizes=sizes, data=np.frombuffer(b"".join(coded), np.uint8))
    return out.getvalue()


def unpack(folder: Path, out: Path) -> dict[str, Any]:
    """The prepared data of a packed folder, written to `out`; returns what its prepare.json says.

    What was in `out` stays whole until all pieces are checked. Raises DataError for pieces that are missing or not what
    the index names, SinkError.
    """
    index, hint = _index(folder), f"copy the whole folder again, with {INDEX}"
    with told_as_sink_error(out, "make the folder"):
        out.mkdir(parents=True, exist_ok=True)
    text = _checked(folder / "manifest.csv", index["manifest_sha256"], hint)
    rows = _rows(read_rows(text), index["splits"])
    with crops_part(out, tuple(index["shape"])) as (part, crops):
        count = 0
        for coded in _coded(folder, index["pieces"], hint):
            if count < len(rows):
                bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR)
                crops[rows[count]] = cv2.cvtColor(np.asarray(bgr), cv2.COLOR_BGR2RGB)
            count += 1
        if count != len(rows):
            what = f"{folder} holds {count} crops, its manifest names {len(rows)} in {', '.join(index['splits'])}"
            raise DataError(what, hint="pack them again")
        crops.flush()
        (out / "prepare.json").unlink(missing_ok=True)
        part.replace(out / CROPS)
    write_whole(out / "manifest.csv", text)
    facts = {
        "margin": index["margin"], "manifest_sha256": index["manifest_sha256"], "pictures": count,
        "crops_sample_sha256": crops_sample(crops), "packed_webp_quality": index["webp_quality"],
        "splits": index["splits"],
    }  # fmt: skip
    write_whole(out / "prepare.json", json.dumps(facts, indent=1).encode())
    return facts


def _coded(folder: Path, pieces: Mapping[str, str], hint: str) -> Iterator[U8]:
    for name, digest in pieces.items():
        with np.load(io.BytesIO(_checked(folder / name, digest, hint)), allow_pickle=False) as piece:
            sizes, data = piece["sizes"].astype(np.int64), piece["data"]
        for end, size in zip(np.cumsum(sizes), sizes, strict=True):
            yield data[end - size : end]


def _index(folder: Path) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if missing := {"pieces", "shape", "margin", "webp_quality", "splits", "manifest_sha256"} - index.keys():
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        return index
    except (OSError, ValueError, AttributeError) as error:
        hint = "make them with: monitor train pack"
        raise DataError(f"{folder} holds no packed crops: {error}", hint=hint) from error


def _checked(path: Path, digest: str, hint: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint=hint) from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise DataError(f"{path} is not what {INDEX} names", hint=hint)
    return data
