"""The paper's pictures, whole and resized, with its copies: before the split as it did, or after it as one should."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from engines.contract import U8
from train.errors import DataError
from train.manifest import SPLITS, Prepared, Row
from train.near_duplicates import PictureHash, clusters, picture_hash
from train.reproduction.experiment import Experiment
from train.spec import PICTURES

SEED = 2024
LEAST = 10
"""Pictures of a class below which three splits make no sense."""


@dataclass(frozen=True)
class Picture:
    """One picture as it was found, resized; never a copy."""

    path: str
    label: str
    rgb: U8
    hash: PictureHash


def read(experiment: Experiment, root: Path, px: int) -> list[Picture]:
    """All pictures of an experiment in a fixed order. Raises DataError for a class without enough of them."""
    found = []
    for label in experiment.names():
        folders = experiment.classes[label]
        paths = [
            path
            for folder in ((folders,) if isinstance(folders, str) else folders)
            for path in sorted((root / folder).rglob("*"))
            if path.suffix.lower() in PICTURES and path.is_file()
        ]
        mine = []
        for path in paths:
            bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if bgr is not None:
                mine.append(_picture(path.relative_to(root).as_posix(), label, np.asarray(bgr, np.uint8), px))
        if len(mine) < LEAST:
            what = f"{len(mine)} pictures of class {label} can be read below {root} in {folders}"
            raise DataError(what, hint="see docs/data.md for where the pictures come from and how they are laid out")
        found += mine
    return found


def _picture(path: str, label: str, bgr: U8, px: int) -> Picture:
    how = cv2.INTER_AREA if min(bgr.shape[:2]) > px else cv2.INTER_LINEAR
    rgb = cv2.cvtColor(cv2.resize(bgr, (px, px), interpolation=how), cv2.COLOR_BGR2RGB)
    return Picture(path, label, np.asarray(rgb, np.uint8), picture_hash(bgr))


def drawn(pictures: Sequence[Picture], experiment: Experiment) -> list[Picture]:
    """At most `pictures_per_class` of each class, by chance."""
    if (most := experiment.pictures_per_class) is None:
        return list(pictures)
    kept: list[Picture] = []
    for label in experiment.names():
        mine = [picture for picture in pictures if picture.label == label]
        chosen = np.random.default_rng(SEED).permutation(len(mine))[:most]
        kept += [mine[i] for i in sorted(chosen)]
    return kept


def groups_of(pictures: Sequence[Picture], known: Mapping[str, str] | None) -> list[str]:
    """What must not be divided by a split: the groups of a splits file (path -> group), or near-duplicates."""
    if known is not None:
        return [known.get(picture.path, picture.path) for picture in pictures]
    firsts = clusters([p.hash for p in pictures])
    return [pictures[i].path for i in firsts]


def as_paper(pictures: Sequence[Picture], experiment: Experiment, known: Mapping[str, str] | None) -> Prepared:
    """Copies first, then a split of all that there is by chance: versions of one picture are on both sides.

    The groups are only told, so that it can be counted how many.
    """
    group_of = dict(zip((p.path for p in pictures), groups_of(pictures, known), strict=True))
    everything = _grown(list(pictures), experiment, experiment.pictures_per_class)
    order = np.random.default_rng(SEED + 1).permutation(len(everything))
    splits = _cut(len(everything), experiment.split)
    split_of = {int(i): splits[place] for place, i in enumerate(order)}
    return _prepared([(p, group_of[p.path], split_of[i]) for i, p in enumerate(everything)], experiment)


def honest(pictures: Sequence[Picture], experiment: Experiment, known: Mapping[str, str] | None) -> Prepared:
    """Whole groups are split by chance within each class, then training pictures alone are copied."""
    groups = groups_of(pictures, known)
    label_of = {group: p.label for p, group in zip(reversed(pictures), reversed(groups), strict=True)}
    split_of: dict[str, str] = {}
    for label in experiment.names():  # within each class, so that a rare one is in every split
        names = sorted(group for group, its in label_of.items() if its == label)
        order = np.random.default_rng(SEED + 1).permutation(len(names))
        split_of |= {names[i]: split for i, split in zip(order, _cut(len(names), experiment.split), strict=True)}
    group_of = {picture.path: group for picture, group in zip(pictures, groups, strict=True)}
    kept = [(p, group_of[p.path], split_of[group_of[p.path]]) for p in pictures]
    train = [p for p, _, split in kept if split == "train"]
    most = experiment.pictures_per_class
    grown = _grown(train, experiment, None if most is None else round(most * experiment.split[0] / 100))
    copies = [(p, group_of[p.path], "train") for p in grown[len(train) :]]
    return _prepared(kept + copies, experiment)


def _cut(n: int, shares: Sequence[float]) -> list[str]:
    edges = np.round(np.cumsum(shares) / sum(shares) * n).astype(int)
    return [SPLITS[int(np.searchsorted(edges, i, side="right"))] for i in range(n)]


def _grown(pictures: list[Picture], experiment: Experiment, most: int | None) -> list[Picture]:
    """With changed copies behind, so that every class has `most`: each picture in turn, each change in turn."""
    if most is None:
        return pictures
    copies = []
    for label in experiment.names():
        mine = [picture for picture in pictures if picture.label == label]
        for n in range(most - len(mine)) if mine else ():
            original = mine[n % len(mine)]
            change = CHANGES[n // len(mine) % len(CHANGES)]
            copies.append(replace(original, rgb=change(original.rgb, np.random.default_rng((SEED, n)))))
    return pictures + copies


def _turned(rgb: U8, degrees: float) -> U8:
    side = rgb.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(rgb, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)


CHANGES: tuple[Callable[[U8, np.random.Generator], U8], ...] = (
    lambda rgb, rng: _turned(rgb, float(rng.uniform(5, 25))),
    lambda rgb, rng: _turned(rgb, -float(rng.uniform(5, 25))),
    lambda rgb, rng: np.ascontiguousarray(rgb[:, ::-1]),
    lambda rgb, rng: np.clip(rgb + rng.normal(0, 12, rgb.shape), 0, 255).astype(np.uint8),
    lambda rgb, rng: np.asarray(cv2.GaussianBlur(rgb, (0, 0), rgb.shape[0] / 90), np.uint8),
)
"""The paper's: turned one way, the other way, flipped, noisy, blurred."""


def _prepared(kept: Sequence[tuple[Picture, str, str]], experiment: Experiment) -> Prepared:
    """Rows and crops; the digest names pictures, copies and split. Raises DataError for a class without pictures."""
    rows, names = [], Counter[str]()
    for picture, group, split in kept:
        copy = names[picture.path]
        names[picture.path] += 1
        sha256 = hashlib.sha256(picture.rgb.tobytes()).hexdigest()
        path = f"{picture.path}#{copy}" if copy else picture.path
        rows.append(Row(sha256, path, picture.path.split("/")[0], picture.label, group, split, "whole", 0.0))
    here = {(row.label, row.split) for row in rows}
    if gone := [
        f"{label} in {split}" for label in experiment.names() for split in SPLITS if (label, split) not in here
    ]:
        raise DataError(f"no picture of {', '.join(gone)}", hint="more pictures are needed")
    digest = hashlib.sha256("".join(f"{r.sha256} {r.path} {r.split}\n" for r in rows).encode()).hexdigest()
    return Prepared(tuple(rows), np.stack([p.rgb for p, _, _ in kept]), 0.0, digest, experiment.names())


def crossing(data: Prepared) -> int:
    """How many test pictures have a version of themselves, or of a picture of their group, among the training ones."""
    trained = {row.group for row in data.rows if row.split == "train"}
    return sum(row.split == "test" and row.group in trained for row in data.rows)
