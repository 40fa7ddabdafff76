"""Pictures -> face crops: the monitor's own detector and crop, so that training sees what the program will see."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.contract import U8
from engines.crop import crop_face
from monitor.types import Face
from train.errors import DataError
from train.manifest import Row, read_splits, split_of, write_rows
from train.spec import CLASSES, Item

CROP_MARGIN = 0.15
"""The network's crop. More would show the edge of a print or a phone, but also, for the tight pictures of which the
mask class consists, mostly repeated edge pixels, which the network would learn instead of masks."""
STORED_MARGIN = 0.5
"""Stored crops show more than the network's, so that training can shift, turn and zoom without inventing pixels."""
STORED_PX = 176
PAD_SHARE = 0.5
"""A tight crop in which no face is found is padded by this share of its longer side, and tried again."""

Find = Callable[[U8], tuple[Face, ...]]


@dataclass(frozen=True)
class Task:
    item: Item
    sha256: str
    split: str


def plan(items: Iterable[Item], root: Path, splits: Path | None) -> list[Task]:
    """Each picture with its split: from a `splits` file where one is given, else by a hash of its group.

    Raises DataError where a file is not the one the splits file means, or a class is empty.
    """
    given = read_splits(splits) if splits else None
    tasks = []
    for item in items:
        sha256 = hashlib.sha256((root / item.path).read_bytes()).hexdigest()
        split = split_of(item.group)
        if given is not None:
            if item.path not in given:
                continue
            want, source, label, group, split = given[item.path]
            if (want, label) != (sha256, item.label):
                raise DataError(f"{item.path} is not the picture that {splits} names", hint="fetch the data again")
            item = Item(item.path, source, label, group)
        tasks.append(Task(item, sha256, split))
    missing = [label for label in CLASSES if not any(task.item.label == label for task in tasks)]
    if missing:
        raise DataError(
            f"no picture of class {', '.join(missing)}", hint="check the folders in the spec and splits file"
        )
    return tasks


def cut(bgr: U8, find: Find) -> tuple[U8, str, float]:
    """The stored crop of the main face, how it was found (whole, padded, none), the longer side of its box in px."""
    height, width = bgr.shape[:2]
    if (faces := find(bgr)) != ():
        box = _main(faces)
        return _crop(bgr, box), "whole", _longer(box)
    pad = round(PAD_SHARE * max(height, width))
    padded = np.asarray(cv2.copyMakeBorder(bgr, pad, pad, pad, pad, cv2.BORDER_REPLICATE), np.uint8)
    if (faces := find(padded)) != ():
        x0, y0, x1, y1 = _main(faces)
        box = (x0 - pad, y0 - pad, x1 - pad, y1 - pad)
        if 0 < (x0 + x1) / 2 - pad < width and 0 < (y0 + y1) / 2 - pad < height:
            return _crop(bgr, box), "padded", _longer(box)
    half = max(height, width) / (1 + 2 * CROP_MARGIN) / 2
    box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    return _crop(bgr, box), "none", _longer(box)


def _main(faces: tuple[Face, ...]) -> tuple[float, float, float, float]:
    box = max(faces, key=lambda face: face.score * face.box.area).box
    return box.x0, box.y0, box.x1, box.y1


def _longer(box: tuple[float, float, float, float]) -> float:
    return round(max(box[2] - box[0], box[3] - box[1]), 1)


def _crop(bgr: U8, box: tuple[float, float, float, float]) -> U8:
    return crop_face(bgr, box, margin=STORED_MARGIN, size_px=STORED_PX)


def prepare(
    tasks: list[Task], root: Path, out: Path, find: Find, *, progress: Callable[[Iterable[Task]], Iterable[Task]] = iter
) -> dict[str, object]:
    """Writes crops.npy, manifest.csv, unreadable.txt and prepare.json into `out`; returns what prepare.json holds.

    prepare.json is written last: a folder without it is unfinished. Raises DataError where nothing could be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "prepare.json").unlink(missing_ok=True)
    part = out / "crops.part.npy"
    crops = np.lib.format.open_memmap(part, "w+", np.uint8, (len(tasks), STORED_PX, STORED_PX, 3))
    rows: list[Row] = []
    unreadable: list[str] = []
    for task, crop, found, face_px in _crops(progress(tasks), root, find, unreadable):
        crops[len(rows)] = crop
        rows.append(
            Row(
                task.sha256,
                task.item.path,
                task.item.source,
                task.item.label,
                task.item.group,
                task.split,
                found,
                face_px,
            )
        )
    if not rows:
        raise DataError(f"none of {len(tasks)} pictures could be read", hint=f"see {out / 'unreadable.txt'}")
    crops.flush()
    _shorten(crops, len(rows), part, out / "crops.npy")
    write_rows(out / "manifest.csv", rows)
    (out / "unreadable.txt").write_text("".join(f"{path}\n" for path in unreadable), encoding="utf-8")
    facts = _facts(rows, unreadable, hashlib.sha256((out / "manifest.csv").read_bytes()).hexdigest())
    (out / "prepare.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return facts


def _crops(
    tasks: Iterable[Task], root: Path, find: Find, unreadable: list[str]
) -> Iterator[tuple[Task, U8, str, float]]:
    for task in tasks:
        bgr = cv2.imread(str(root / task.item.path), cv2.IMREAD_COLOR)
        if bgr is None:
            unreadable.append(task.item.path)
        else:
            yield task, *cut(np.asarray(bgr, np.uint8), find)


def _shorten(crops: U8, n: int, part: Path, final: Path) -> None:
    """Unreadable pictures leave empty rows at the end: written again without them, where there are any."""
    if n < len(crops):
        shorter = part.with_name("crops.short.npy")
        target = np.lib.format.open_memmap(shorter, "w+", np.uint8, (n, *crops.shape[1:]))
        target[:] = crops[:n]
        target.flush()
        part.unlink()
        part = shorter
    part.replace(final)


def _facts(rows: list[Row], unreadable: list[str], manifest_sha256: str) -> dict[str, object]:
    counts = Counter(f"{row.source}/{row.label}/{row.split}" for row in rows)
    found = Counter(f"{row.source}/{row.label}/{row.found}" for row in rows)
    return {
        "margin": STORED_MARGIN,
        "crop_px": STORED_PX,
        "classes": CLASSES,
        "pictures": len(rows),
        "unreadable": len(unreadable),
        "manifest_sha256": manifest_sha256,
        "counts": dict(sorted(counts.items())),
        "found": dict(sorted(found.items())),
    }
