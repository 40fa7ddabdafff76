"""Which pictures of a recording people should look at: few, everybody in them, the doubtful ones first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from monitor.analysis.schema import parquet_batches, rows_of
from monitor.corrections.facts import Face, Shot
from monitor.corrections.results import Result, plain
from monitor.errors import MediaError
from monitor.types import UNDECIDED, Box

_COLUMNS = ("t", "person", "x0", "y0", "x1", "y1", "found", "label", "reason", "picture")


@dataclass(frozen=True, slots=True)
class Wish:
    """How pictures are chosen."""

    every_s: float = 2.0
    """A picture is taken where somebody was in none for so many seconds."""
    only_label: str | None = None
    """Only pictures in which somebody has this label."""
    doubtful_first: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class _Sight:
    """Everybody in one picture."""

    t: float
    picture: str | None
    faces: tuple[Face, ...]
    strangers: tuple[Box, ...]
    wanted: frozenset[int]
    """Persons a picture is looked for."""
    worth: float
    """Of two that show as many of them, the one worth more is taken."""


def shots_of(result: Result, wish: Wish, name_for: Callable[[str], str]) -> list[Shot]:
    """The pictures of one recording, by time, with the names that `name_for` gives. Memory: `every_s` of rows."""
    shots = []
    for sight in _chosen(_sights(result, wish), wish.every_s):
        name = name_for(_name(result.recording, sight))
        shots.append(
            Shot(f"{name}.jpg", result.recording, sight.t, sight.picture, sight.faces, sight.strangers,
                 result.clock(sight.t), result.size_px)
        )  # fmt: skip
    return shots


def limited(shots: Sequence[Shot], wish: Wish) -> list[Shot]:
    """In the order in which people should see them; at most `wish.most`: the doubtful, or evenly spread ones."""
    most = len(shots) if wish.most is None else min(wish.most, len(shots))
    if wish.doubtful_first:
        return sorted(shots, key=lambda shot: -shot.doubt)[:most]
    return [shots[i * len(shots) // most] for i in range(most)]


def _chosen(sights: Iterable[_Sight], every_s: float) -> Iterator[_Sight]:
    """Somebody who was in none for `every_s` is due; the picture is looked for within half as long again."""
    last: dict[int, float] = {}
    window: list[_Sight] = []

    def taken() -> Iterator[_Sight]:
        for sight in _fewest(window):
            last.update((face.person, sight.t) for face in sight.faces)
            yield sight
        window.clear()

    for sight in sights:
        if window and (sight.picture is not None or sight.t >= window[0].t + every_s / 2):
            yield from taken()
        due = frozenset(i for i in sight.wanted if sight.t >= last.get(i, -math.inf) + every_s - 1e-9)
        if due:
            window.append(replace(sight, wanted=due))
    yield from taken()


def _name(recording: str, sight: _Sight) -> str:
    what = f"{round(sight.t * 1000):d}" if sight.picture is None else plain(Path(sight.picture).stem)
    return f"{recording}_{what}"


def _fewest(sights: Sequence[_Sight]) -> Iterator[_Sight]:
    """Pictures that together show everybody who is looked for, each as often as need be."""
    missing = frozenset[int]().union(*(sight.wanted for sight in sights))
    chosen = []
    while missing:
        best = max(sights, key=lambda sight: (len(sight.wanted & missing), sight.worth, -sight.t))
        missing -= best.wanted
        chosen.append(best)
    yield from sorted(chosen, key=lambda sight: sight.t)


def _sights(result: Result, wish: Wish) -> Iterator[_Sight]:
    for (t, picture), rows in groupby(_rows(result), key=lambda row: (row["t"], row["picture"])):
        faces, strangers = [], []
        for row in rows:
            box = _inside(row, result)
            if not row["found"] or box is None:  # only expected: perhaps nobody is there
                continue
            if row["person"] is None:
                strangers.append(box)
            else:
                faces.append(_face(row, box, result.classes))
        wanted = frozenset(face.person for face in faces if wish.only_label in (None, face.label))
        if wanted:
            if wish.doubtful_first:
                worth = max(face.doubt for face in faces if face.person in wanted)
            else:
                worth = sum(face.size_px for face in faces)
            yield _Sight(t, picture, tuple(faces), tuple(strangers), wanted, worth)


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    columns = (*_COLUMNS, *(f"p_{name}" for name in result.classes))
    try:
        for piece in parquet_batches(result.table, columns):
            if missing := set(columns) - set(piece.column_names):
                raise ValueError(f"without {', '.join(sorted(missing))}")
            yield from rows_of(piece)
    except (OSError, ValueError) as error:  # pyarrow's own are among them
        raise MediaError(f"{result.table} cannot be read: {error}", hint="analyse the recording again") from error


def _inside(row: dict[str, Any], result: Result) -> Box | None:
    """The box to 0.1 px, cut at the picture's edges; pictures of a folder have sizes of their own."""
    width, height = result.size_px if result.kind == "video" else (float("inf"), float("inf"))
    x0, y0, x1, y1 = (max(0.0, round(row[side], 1)) for side in ("x0", "y0", "x1", "y1"))
    box = Box(x0, y0, min(x1, width), min(y1, height))
    return box if box.width >= 1 and box.height >= 1 else None


def _face(row: dict[str, Any], box: Box, classes: Sequence[str]) -> Face:
    label = row["label"] or UNDECIDED
    probs = {name: row[f"p_{name}"] for name in classes if row[f"p_{name}"] is not None}
    p = round(probs.get(label, max(probs.values())), 4) if probs else None
    return Face(row["person"], box, label, row["reason"], p, max(box.width, box.height))
