"""The rows of one segment, gathered while it is watched: each face in each picture, and each judgement."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.analysis.facts import picture_name
from monitor.analysis.schema import frames_schema, judgements_schema, pack, stats_table, table, unpack
from monitor.types import F32, UNDECIDED, Box, Face, Judgement, Track

_PX, _P = 1, 4
"""Decimals of pixels and of probabilities: what a machine's arithmetic may do differently lies below them."""


class Rows:
    """add, add, pack. Rows of the run-in have no `frame`: they serve to know the people again."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._frames: dict[str, list[Any]] = defaultdict(list)
        self._judgements: dict[str, list[Any]] = defaultdict(list)

    def add(
        self, t: float, number: int | None, origin: Path | None, tracks: Sequence[Track], strangers: Sequence[Face],
        judgements: Sequence[tuple[Box, Judgement]],
    ) -> None:  # fmt: skip
        """One picture: who was there, which finds were nobody's, who was judged."""
        where = {"t": t, "frame": number, "picture": None if origin is None else picture_name(origin)}
        for face in strangers:
            nobody = {"person": None, "found": True, "label": None, "reason": None, "was_fake": None}
            self._row(self._frames, where | nobody, face.box, None, score=round(face.score, _P))
        for track in tracks:
            person = {
                "person": track.id, "found": track.seen_t == t, "reason": track.reason, "was_fake": track.was_fake,
                "label": UNDECIDED if track.label is None else self._classes[track.label],
            }  # fmt: skip
            self._row(self._frames, where | person, track.face.box, track.probs, score=round(track.face.score, _P))
        if number is not None:
            for box, judgement in judgements:
                said = {"person": judgement.track, "reason": judgement.reason, "clock": None}
                self._row(self._judgements, where | said, box, judgement.probs)

    def _row(
        self, columns: dict[str, list[Any]], values: Mapping[str, Any], box: Box, probs: F32 | None, **more: Any
    ) -> None:
        for name, value in {**values, **more}.items():
            columns[name].append(value)
        for side in ("x0", "y0", "x1", "y1"):
            columns[side].append(round(getattr(box, side), _PX))
        for i, name in enumerate(self._classes):
            columns[f"p_{name}"].append(None if probs is None else round(float(probs[i]), _P))

    def pack(self, stats: Mapping[str, Any]) -> bytes:
        """The tables "frames" and "judgements" with the tracks' own numbers, and `stats`, as bytes."""
        return pack({
            "frames": table(self._frames, frames_schema(self._classes)),
            "judgements": table(self._judgements, judgements_schema(self._classes)),
            "stats": stats_table(json.dumps(stats)),
        })  # fmt: skip


def unpacked(data: bytes) -> tuple[Any, Any, dict[str, Any]]:
    """(frames, judgements, stats) of what `Rows.pack` gave. Raises ValueError where it is damaged."""
    tables = unpack(data)
    try:
        stats: dict[str, Any] = json.loads(tables["stats"]["json"][0].as_py())
        return tables["frames"], tables["judgements"], stats
    except (KeyError, IndexError) as error:
        raise ValueError("not a segment's tables") from error
