"""From numbers that each segment gives to persons of the whole recording, segment after segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.analysis.facts import RUN_IN_S, Segment
from monitor.analysis.schema import Table, rows_of
from monitor.analysis.stitch import Seen, same_people
from monitor.types import Box

Row = dict[str, Any]


class Names:
    """told, told, ...: in the order of the segments."""

    def __init__(self, kind: str, lost_s: float) -> None:
        """`lost_s`: how long a track outlives its last find; pictures (`kind`) have nobody in common."""
        self._kind, self._lost_s = kind, lost_s
        self._next, self._offset = 1, 0
        self._tail: list[Seen] = []
        self._fakes: set[int] = set()
        self.by_number: dict[int, int] = {}
        """{number in the last segment: person}"""

    @property
    def count(self) -> int:
        """Persons so far."""
        return self._next - 1

    @property
    def here(self) -> frozenset[int]:
        """Who was there at the end of the last segment: nobody else can be known again."""
        return frozenset(one.number for one in self._tail)

    def told(self, segment: Segment, frames: Table, decoded: int) -> tuple[list[Row], int]:
        """(rows of the segment itself, with persons and `frame` from the beginning; pictures before it).

        `was_fake` is carried on: who was decided to be fake before the cut stays so until decided to be real.
        """
        rows = list(rows_of(frames))
        self.by_number = self._known_again(segment, rows)
        told = [row for row in rows if row["frame"] is not None]
        offset, self._offset = self._offset, self._offset + decoded
        for row in told:
            row["frame"] += offset
            if row["person"] is not None:
                row["person"] = self._person(row["person"])
                self._carry(row)
        self._tail = _seen(told, segment.to_s - max(RUN_IN_S, self._lost_s)) if self._kind == "video" else []
        self._fakes &= self.here
        return told, offset

    def _known_again(self, segment: Segment, rows: Sequence[Row]) -> dict[int, int]:
        if not self._tail:
            return {}
        near = _seen(rows, segment.from_s - RUN_IN_S, segment.from_s + 2 * self._lost_s)
        return same_people(self._tail, near, segment.from_s, self._lost_s)

    def _person(self, number: int) -> int:
        if number not in self.by_number:
            self.by_number[number] = self._next
            self._next += 1
        return self.by_number[number]

    def _carry(self, row: Row) -> None:
        person = row["person"]
        if row["label"] == "real":
            self._fakes.discard(person)
        row["was_fake"] = row["was_fake"] or person in self._fakes
        if row["was_fake"]:
            self._fakes.add(person)


def _seen(rows: Sequence[Row], from_s: float, to_s: float = float("inf")) -> list[Seen]:
    return [
        Seen(row["person"], row["t"], Box(row["x0"], row["y0"], row["x1"], row["y1"]), row["found"])
        for row in rows
        if row["person"] is not None and from_s <= row["t"] < to_s
    ]
