"""What was prepared: one row a picture, with the hash of its file, so that every later number names its data."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from engines.contract import U8
from train.crops_file import CROPS
from train.errors import DataError
from train.spec import CLASSES

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Row:
    sha256: str
    path: str
    source: str
    label: str
    group: str
    split: str
    found: str
    """How the face was found: whole, padded, or none (the picture is used as it is)."""
    face_px: float
    """Longer side of the face's box in the picture."""


@dataclass(frozen=True)
class Prepared:
    """A folder that `prepare` wrote: rows and, in the same order, crops uint8 RGB (N, S, S, 3), memory-mapped."""

    rows: tuple[Row, ...]
    crops: U8
    margin: float
    """Crops show the box grown by this on every side; training cuts its smaller crop out of them."""
    digest: str
    """sha256 of the manifest."""
    classes: tuple[str, ...] = CLASSES
    """What labels there are, in the order of the network's outputs."""
    splits: tuple[str, ...] = SPLITS
    """Whose crops are there: only some may have been packed."""

    def where(self, split: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Indices of a split's rows. Raises DataError where it has none, or none of their crops."""
        if split in SPLITS and split not in self.splits:
            what = f"the crops of the split {split} are not here: only {', '.join(self.splits)} was packed"
            raise DataError(what, hint=f"pack and unpack them again, with --split {split}")
        rows = [i for i, row in enumerate(self.rows) if row.split == split]
        if not rows:
            raise DataError(f"no picture is in the split {split}", hint="prepare more data")
        return np.array(rows, np.int64)

    @property
    def split_sha256(self) -> str:
        """Of which picture is in which split: the same wherever they were prepared, and with whatever detector."""
        lines = sorted(f"{row.sha256} {row.split}\n" for row in self.rows)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def labels(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([self.classes.index(row.label) for row in self.rows], np.int64)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def load_prepared(folder: Path) -> Prepared:
    """What `prepare` left in `folder`. Raises DataError where it is missing or was changed since."""
    hint = "run: monitor train prepare --data FOLDER --out " + str(folder)
    try:
        facts = json.loads((folder / "prepare.json").read_text(encoding="utf-8"))
        text = (folder / "manifest.csv").read_bytes()
        crops = np.load(folder / CROPS, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} holds no prepared data: {error}", hint=hint) from error
    digest = hashlib.sha256(text).hexdigest()
    if digest != facts["manifest_sha256"]:
        raise DataError(f"{folder / 'manifest.csv'} was changed after it was written", hint=hint)
    rows = read_rows(text)
    if len(rows) != len(crops):
        raise DataError(f"{folder}: {len(rows)} rows but {len(crops)} crops", hint=hint)
    if facts.get("crops_sample_sha256", crops_sample(crops)) != crops_sample(crops):
        raise DataError(f"{folder / CROPS} was changed after it was written", hint=hint)
    return Prepared(rows, crops, float(facts["margin"]), digest, splits=tuple(facts.get("splits", SPLITS)))


def read_rows(text: bytes) -> tuple[Row, ...]:
    """The rows of a manifest's text."""
    return tuple(_row(values) for values in csv.DictReader(text.decode("utf-8").splitlines()))


def crops_sample(crops: U8) -> str:
    """sha256 of every so-manieth crop (256 of them): cheap to check each time gigabytes are opened."""
    chosen = crops[:: max(1, len(crops) // 256)]
    return hashlib.sha256(np.ascontiguousarray(chosen).tobytes()).hexdigest()


def _row(values: dict[str, str]) -> Row:
    return Row(**{**values, "face_px": float(values["face_px"])})  # type: ignore[arg-type]


def read_splits(path: Path) -> dict[str, tuple[str, str, str, str, str]]:
    """A given split: path -> (sha256, source, label, group, split). Raises DataError naming the line that is wrong."""
    hint = f"columns: sha256,path,source,label,group,split; UTF-8; a split is one of {', '.join(SPLITS)}"
    found: dict[str, tuple[str, str, str, str, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in (rows := csv.DictReader(file)):
                name, *values = (row[key] for key in ("path", "sha256", "source", "label", "group", "split"))
                if None in (name, *values):
                    raise ValueError(f"line {rows.line_num} is too short")
                if name in found:
                    raise ValueError(f"line {rows.line_num} names {name} again")
                if values[-1] not in SPLITS:
                    raise ValueError(f"line {rows.line_num} has the split {values[-1]!r}")
                found[name] = (values[0], values[1], values[2], values[3], values[4])
    except KeyError as error:
        raise DataError(f"{path} is no split file: it has no column {error}", hint=hint) from error
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is no split file: {error}", hint=hint) from error
    return found


SHARES = (0.7, 0.15, 0.15)
"""Of training, validation and test, where nobody says otherwise."""


def split_of(group: str, shares: Sequence[float] = SHARES) -> str:
    """The split a group falls into, by a hash of its name: stable when other groups come or go."""
    point = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
    edges = np.cumsum(shares)
    return SPLITS[int(np.searchsorted(edges, point, side="right"))] if point < edges[-1] else SPLITS[-1]
