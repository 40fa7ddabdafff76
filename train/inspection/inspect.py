"""What prepared data is like, source by source, and what in it could mislead a network or its measurement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.augment import Augment
from train.errors import DataError
from train.inspection.facts import Facts, facts_of
from train.inspection.probe import both
from train.manifest import Prepared, Row
from train.near_duplicates import clusters

Say = Callable[[str], None]
Progress = Callable[[Sequence[Row]], Iterable[Row]]


def inspect(
    data: Prepared, root: Path, augment: Augment, *, say: Say = print, progress: Progress = iter
) -> dict[str, Any]:
    """The report's values: cells by source and class, duplicates, the source probe, alarms in words.

    Raises DataError where none of the pictures is below `root`.
    """
    found = [(row, facts_of(root / row.path)) for row in progress(data.rows)]
    read = [(row, facts) for row, facts in found if facts is not None]
    if not read:
        raise DataError(f"none of the prepared pictures is below {root}", hint="name the folder given to prepare")
    report = {
        "manifest_sha256": data.digest, "pictures": len(data.rows), "not_found_again": len(found) - len(read),
        "cells": _cells(read), "duplicates": _duplicates(read), "probe": both(data, augment, say),
    }  # fmt: skip
    return {**report, "alarms": alarms(report)}


def _cells(read: Sequence[tuple[Row, Facts]]) -> dict[str, Any]:
    members: dict[str, list[tuple[Row, Facts]]] = {}
    for row, facts in read:
        members.setdefault(f"{row.source}/{row.label}", []).append((row, facts))
    return {name: _cell(cell) for name, cell in sorted(members.items())}


def _cell(cell: Sequence[tuple[Row, Facts]]) -> dict[str, Any]:
    facts = [f for _, f in cell]
    longer = [max(f.width_px, f.height_px) for f in facts]
    qualities = [f.jpeg_quality for f in facts if f.jpeg_quality is not None]
    return {
        "pictures": len(cell), "groups": len({row.group for row, _ in cell}),
        "split": dict(sorted(Counter(row.split for row, _ in cell).items())),
        "longer_side_px": _spread(longer), "face_px": _spread([row.face_px for row, _ in cell]),
        "formats": dict(Counter(f.format for f in facts).most_common()),
        "jpeg_quality": _spread(qualities) if qualities else None,
        "sharpness": _spread([f.sharpness for f in facts]), "brightness": _spread([f.brightness for f in facts]),
        "face": dict(Counter(row.found for row, _ in cell).most_common()),
    }  # fmt: skip


def _spread(values: Sequence[float]) -> list[float]:
    """[least, 10 %, median, 90 %, most]"""
    return [round(float(v), 1) for v in np.percentile(values, (0, 10, 50, 90, 100))]


def _duplicates(read: Sequence[tuple[Row, Facts]]) -> dict[str, Any]:
    """How many pictures have a near-duplicate (or an equal file) within their source, in another, across splits."""
    roots = clusters([f.hash for _, f in read])
    members: dict[int, list[Row]] = {}
    for (row, _), root in zip(read, roots, strict=True):
        members.setdefault(root, []).append(row)
    several = [rows for rows in members.values() if len(rows) > 1]
    within: Counter[str] = Counter()
    across: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    splits = 0
    for rows in several:
        sources = Counter(row.source for row in rows)
        within.update({source: n for source, n in sources.items() if n > 1})
        if len(sources) > 1:
            across[" + ".join(sorted(sources))] += len(rows)
        if len(kinds := {row.label for row in rows}) > 1:
            labels[" + ".join(sorted(kinds))] += len(rows)
        splits += len(rows) if len({row.split for row in rows}) > 1 else 0
    equal = Counter(row.sha256 for row, _ in read)
    return {
        "clusters": len(several), "within": dict(sorted(within.items())), "across_sources": dict(across),
        "across_classes": dict(labels), "across_splits": splits,
        "equal_files": sum(n for n in equal.values() if n > 1),
        "groups_across_splits": _crossing_groups([row for row, _ in read]),
    }  # fmt: skip


def _crossing_groups(rows: Sequence[Row]) -> int:
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.group, set()).add(row.split)
    return sum(len(found) > 1 for found in splits.values())


def alarms(report: Mapping[str, Any]) -> list[str]:
    """What somebody should look at before training, in words."""
    told = []
    duplicates = report["duplicates"]
    if n := duplicates["groups_across_splits"]:
        told.append(f"{n} groups are in more than one split: every test number is too good.")
    if n := duplicates["across_splits"]:
        told.append(
            f"{n} pictures are in clusters of near-duplicates that reach over two splits. Hashes also join pictures "
            "that only look alike; if they are copies, test numbers are too good."
        )
    if duplicates["across_classes"]:
        pairs = ", ".join(f"{kinds}: {n}" for kinds, n in duplicates["across_classes"].items())
        told.append(f"Near-duplicates have different labels ({pairs}): right for originals and their fakes only.")
    classes: dict[str, set[str]] = {}
    for cell in report["cells"]:
        source, label = cell.rsplit("/", 1)
        classes.setdefault(label, set()).add(source)
    told += [
        f"Class {label} comes from one source, {next(iter(sources))}: what is measured may be the source."
        for label, sources in sorted(classes.items()) if len(sources) == 1 and len(classes) > 1
    ]  # fmt: skip
    told += [
        f"The source of {name} can be told after equalising, too ({found['after']['accuracy']:.0%} against "
        f"{found['after']['chance']:.0%} by chance): a network can use it."
        for name, found in report["probe"].items() if found["alarm"]
    ]  # fmt: skip
    return told
