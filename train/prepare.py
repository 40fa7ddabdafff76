"""Pictures -> face crops: the monitor's own detector and crop, so that training sees what the program will see."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from engines.contract import U8
from engines.crop import crop_face
from monitor.files import told_as_sink_error, write_whole
from monitor.types import Face
from train.crops_file import CROPS, crops_part, shortened
from train.errors import DataError
from train.manifest import SHARES, Row, crops_sample, read_splits, split_of, write_rows
from train.near_duplicates import PictureHash, clusters, picture_hash
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


@dataclass(frozen=True)
class Plan:
    """What there is to prepare, and what there is not."""

    tasks: tuple[Task, ...]
    unreadable: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Pictures the splits file names for these sources, whose files are not there."""


def plan(items: Iterable[Item], root: Path, splits: Path | None, *, shares: Sequence[float] = SHARES) -> Plan:
    """Each picture with its split: from a `splits` file where one is given, else by a hash of its group.

    Without a splits file near-duplicates become one group, whatever the spec says, so that no copy crosses a split.
    Raises DataError where a file is not the one the splits file means, a class is empty, or all is gone that the
    splits file names for a class in a split.
    """
    given = read_splits(splits) if splits else None
    tasks, unreadable, absent = [], [], dict(given or {})
    sources = set()
    for item in items:
        sources.add(item.source)
        if given is not None and item.path not in given:
            continue
        absent.pop(item.path, None)
        try:
            sha256 = hashlib.sha256((root / item.path).read_bytes()).hexdigest()
        except OSError:  # listed: one bad file among thousands should not end the work
            unreadable.append(item.path)
            continue
        split = ""
        if given is not None:
            want, source, label, group, split = given[item.path]
            if (want, label) != (sha256, item.label):
                raise DataError(f"{item.path} is not the picture that {splits} names", hint="fetch the data again")
            item = Item(item.path, source, label, group)
        tasks.append(Task(item, sha256, split))
    if given is None:
        tasks = _split(tasks, root, shares)
    _check_whole(tasks, [(row[2], row[4]) for row in (given or {}).values() if row[1] in sources])
    return Plan(tuple(tasks), tuple(unreadable), tuple(path for path, row in absent.items() if row[1] in sources))


def _split(tasks: Sequence[Task], root: Path, shares: Sequence[float]) -> list[Task]:
    """The tasks with groups joined where they hold near-duplicates, and the split each group falls into."""
    alike = clusters([_hash(root / task.item.path) for task in tasks])
    leader: dict[str, str] = {}

    def root_of(group: str) -> str:
        while leader.setdefault(group, group) != group:
            group = leader[group]
        return group

    for task, first in zip(tasks, alike, strict=True):
        one, two = sorted((root_of(task.item.group), root_of(tasks[first].item.group)))
        leader[two] = one
    joined = [replace(task.item, group=root_of(task.item.group)) for task in tasks]
    return [Task(item, task.sha256, split_of(item.group, shares)) for item, task in zip(joined, tasks, strict=True)]


def _hash(path: Path) -> PictureHash:
    """Of a picture; of one that cannot be read, of its own name, so that it is like no other."""
    try:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # it claims to be larger than OpenCV takes
        bgr = None
    if bgr is not None:
        return picture_hash(np.asarray(bgr, np.uint8))
    own = hashlib.sha512(str(path).encode()).digest()
    return PictureHash(int.from_bytes(own[:8], "big"), int.from_bytes(own[8:16], "big"), own[:32], own[32:])


def _check_whole(tasks: Iterable[Task], named: Iterable[tuple[str, str]]) -> None:
    """Raises DataError where a class has no picture, or none in a split that has some of it in `named`."""
    here = {(task.item.label, task.split) for task in tasks}
    hint = "check the folders in the spec and splits file"
    if empty := [label for label in CLASSES if label not in {label for label, _ in here}]:
        raise DataError(f"no picture of class {', '.join(empty)}", hint=hint)
    if gone := sorted(set(named) - here):
        what = ", ".join(f"class {label} in split {split}" for label, split in gone)
        raise DataError(f"no picture is left of {what}, though the splits file names some", hint=hint)


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
    todo: Plan, root: Path, out: Path, find: Find, *, progress: Callable[[Iterable[Task]], Iterable[Task]] = iter,
    rule: str = "", stopped: Callable[[], bool] = lambda: False,
) -> dict[str, object] | None:  # fmt: skip
    """Writes crops.npy, manifest.csv, unreadable.txt, missing.txt, prepare.json into `out`; returns what the last says.

    `rule` says how the split came about. None where it was stopped. What was in `out` stays whole until all is done;
    prepare.json is written last: a folder without it is unfinished. Raises DataError where nothing could be read, and
    SinkError where the folder cannot be made or the crops have no room: that is known before the work.
    """
    with told_as_sink_error(out, "make the folder"):
        out.mkdir(parents=True, exist_ok=True)
    with crops_part(out, (len(todo.tasks), STORED_PX, STORED_PX, 3)) as (part, crops):
        rows: list[Row] = []
        unreadable = list(todo.unreadable)
        for task, crop, found, face_px in _crops(progress(todo.tasks), root, find, unreadable):
            if stopped():
                return None
            crops[len(rows)] = crop
            item = task.item
            rows.append(Row(task.sha256, item.path, item.source, item.label, item.group, task.split, found, face_px))
        if not rows:
            what = f"none of {len(todo.tasks)} pictures could be read"
            raise DataError(what, hint=f"the first is {unreadable[0]}")
        crops.flush()
        whole = shortened(crops, len(rows), part)
        (out / "prepare.json").unlink(missing_ok=True)
        whole.replace(out / CROPS)
    with told_as_sink_error(out, "write the lists of the pictures in"):
        _write_list(out / "unreadable.txt", unreadable)
        _write_list(out / "missing.txt", todo.missing)
        write_rows(out / "manifest.csv", rows)
        digest = hashlib.sha256((out / "manifest.csv").read_bytes()).hexdigest()
    facts = _facts(rows, unreadable=len(unreadable), missing=len(todo.missing), manifest_sha256=digest,
                   crops_sample_sha256=crops_sample(crops[: len(rows)]), split_rule=rule)  # fmt: skip
    write_whole(out / "prepare.json", json.dumps(facts, indent=1).encode())
    return facts


def _write_list(path: Path, names: Iterable[str]) -> None:
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _crops(
    tasks: Iterable[Task], root: Path, find: Find, unreadable: list[str]
) -> Iterator[tuple[Task, U8, str, float]]:
    for task in tasks:
        try:
            bgr = cv2.imread(str(root / task.item.path), cv2.IMREAD_COLOR)
        except cv2.error:  # it claims to be larger than OpenCV takes
            bgr = None
        if bgr is None:
            unreadable.append(task.item.path)
        else:
            yield task, *cut(np.asarray(bgr, np.uint8), find)


def _facts(rows: list[Row], **more: object) -> dict[str, object]:
    counts = Counter(f"{row.source}/{row.label}/{row.split}" for row in rows)
    found = Counter(f"{row.source}/{row.label}/{row.found}" for row in rows)
    return {
        "margin": STORED_MARGIN,
        "crop_px": STORED_PX,
        "classes": CLASSES,
        "pictures": len(rows),
        **more,
        "counts": dict(sorted(counts.items())),
        "found": dict(sorted(found.items())),
    }
