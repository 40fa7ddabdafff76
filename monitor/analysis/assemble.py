"""Segments put together in their order: people known again, tables written, totals kept, in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.analysis.counts import Counts
from monitor.analysis.facts import RUN_IN_S, Segment
from monitor.analysis.people import Person, Sight
from monitor.analysis.quality import Quality
from monitor.analysis.rows import unpacked
from monitor.analysis.schema import (
    frames_schema,
    judgements_schema,
    parquet_writer,
    renumbered,
    rows_of,
    table,
    tracks_schema,
    write_csv,
)
from monitor.analysis.stitch import Seen, same_people
from monitor.settings import Settings
from monitor.types import Box, Media

SHOWN_PEOPLE, SUSPICIONS, CUTS = 200, 20, 100
"""At most so many are in analysis.json; the tables hold everybody."""
SUSPECT = 0.5
"""A smoothed probability of `fake` from which somebody is a suspicion."""
VISIBLE_S = 0.3
"""A face found so recently is in view."""


class Assembler:
    """add, add, finish. The tables are whole files under their final names only after `finish`."""

    def __init__(self, folder: Path, media: Media, settings: Settings, classes: tuple[str, ...], begins: float | None,
                 length_s: float, stack: ExitStack) -> None:  # fmt: skip
        """Raises SinkError. What is opened is closed by `stack`; left before `finish`, nothing is written."""
        self._folder, self._media, self._settings, self._classes, self._begins = (
            folder,
            media,
            settings,
            classes,
            begins,
        )
        self._stride = settings.analysis.stride if media.kind == "video" else 0
        self._files = stack.enter_context(ExitStack())
        self._frames = self._files.enter_context(parquet_writer(folder / "frames.parquet", frames_schema(classes)))
        self._judgements = self._files.enter_context(
            parquet_writer(folder / "judgements.parquet", judgements_schema(classes))
        )
        self._people: dict[int, Person] = {}
        self._gone: list[dict[str, Any]] = []
        self._longest: list[tuple[float, int, dict[str, Any]]] = []
        self._suspicions: list[tuple[float, float, int, dict[str, Any]]] = []
        self._totals: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._tail: list[Seen] = []
        self._next, self._offset, self._judged, self._finds, self._damaged = 1, 0, 0, 0, 0
        self._quality = Quality()
        self._counts = Counts(settings.analysis.from_s, length_s, (*classes, "undecided"))

    def add(self, segment: Segment, data: bytes) -> None:
        """The next segment, as `Watch.finish` gave it. Raises ValueError where `data` is damaged, SinkError."""
        frames, judgements, stats = unpacked(data)
        rows = list(rows_of(frames))
        names = self._names(segment, rows)
        carried = {p.number for p in self._people.values() if p.runs and p.was_fake_last}
        told = [row for row in rows if row["frame"] is not None]
        fakes = self._follow(told, names, carried)
        self._frames.write_table(renumbered(frames, names, self._offset, was_fake=fakes))
        self._judgements.write_table(renumbered(judgements, names, self._offset, clock=self._clock))
        for number in judgements["person"].to_pylist():
            self._people[names[number]].judgements += 1
        self._judged += len(judgements)
        self._tail = [
            Seen(names[one.number], one.t, one.box, one.found) for one in _seen(told, segment.to_s - RUN_IN_S)
        ]
        self._let_go()
        self._offset += stats["decoded"]
        self._damaged += stats["damaged"]
        self._quality.add(stats)

    def _names(self, segment: Segment, rows: list[dict[str, Any]]) -> dict[int, int]:
        """{number in the segment: number of the person} of all who are told of, and of those known again."""
        names: dict[int, int] = {}
        if self._tail and self._media.kind == "video":
            lost_s = self._settings.track.lost_s
            near = _seen(rows, segment.from_s - RUN_IN_S, segment.from_s + 2 * lost_s)
            names = same_people(self._tail, near, segment.from_s, lost_s)
        for row in rows:
            if row["person"] is not None and row["frame"] is not None and row["person"] not in names:
                names[row["person"]] = self._next
                self._next += 1
        return names

    def _follow(self, told: list[dict[str, Any]], names: dict[int, int], carried: set[int]) -> list[bool | None]:
        """Adds the rows to the people; what `was_fake` is in each row, once what was known before is carried on."""
        fakes: list[bool | None] = []
        frame, in_view = -1, 0
        for row in told:
            if row["frame"] != frame:
                frame, in_view = row["frame"], 0
            self._finds += row["found"]
            if row["person"] is None:
                fakes.append(None)
                continue
            number = names[row["person"]]
            if row["label"] == "real":
                carried.discard(number)
            sight = _sight(row, self._offset, self._classes, row["was_fake"] or number in carried)
            fakes.append(sight.was_fake)
            person = self._people.get(number)
            if person is None:
                person = self._people[number] = Person(number, row["t"], row["t"], row["picture"])
            label, passed_s = person.see(sight, self._stride)
            self._counts.add(label, row["t"] - passed_s, passed_s)
            in_view += row["t"] - person.found_s <= VISIBLE_S
            self._counts.most = max(self._counts.most, in_view)
        return fakes

    def _let_go(self) -> None:
        """Who was not seen at the end of this segment will not be known again: only what is told of him is kept."""
        here = {one.number for one in self._tail}
        for number in [i for i in self._people if i not in here]:
            self._retire(self._people.pop(number))

    def _retire(self, person: Person) -> None:
        self._gone.append(person.as_row(self._classes, self._clock))
        self._totals.update(person.seconds)
        self._reasons.update(person.reasons)
        self._labels[person.label] += 1
        told = person.as_json()
        _keep(self._longest, SHOWN_PEOPLE, (person.total_s, -person.number, told))
        peak, at = person.peak_fake
        if peak >= SUSPECT:
            run = next((r for r in person.runs if r.from_s <= at <= r.to_s), person.runs[0])
            suspicion = {
                "person": person.number, "t": round(at, 3), "p_fake": round(peak, 4), "label": run.label,
                "seconds_fake": round(person.seconds.get("fake", 0.0), 3), "from_s": round(run.from_s, 3),
                "to_s": round(run.to_s, 3), "picture": person.picture,
            }  # fmt: skip
            _keep(self._suspicions, SUSPICIONS, (peak, person.seconds.get("fake", 0.0), -person.number, suspicion))

    def finish(self) -> dict[str, Any]:
        """Writes the tables; what analysis.json tells of the footage. Raises SinkError."""
        for person in self._people.values():
            self._retire(person)
        self._people = {}
        self._files.close()
        self._gone.sort(key=lambda row: row["person"])
        schema = tracks_schema(self._classes)
        tracks = table({name: [row[name] for row in self._gone] for name in schema.names}, schema)
        with parquet_writer(self._folder / "tracks.parquet", schema) as writer:
            writer.write_table(tracks)
        write_csv(tracks, self._folder / "tracks.csv")
        return self._told()

    def _told(self) -> dict[str, Any]:
        seconds = {name: round(self._totals[name], 3) for name in (*self._classes, "undecided")}
        decided = sum(seconds[name] for name in self._classes)
        shown = sorted((told for _, _, told in self._longest), key=lambda told: told["person"])
        ranked = sorted(self._suspicions, key=lambda one: one[:3], reverse=True)
        return {
            "frames": {"decoded": self._offset, "looked_at": self._quality.looked_at, "damaged": self._damaged},
            "classes": list(self._classes),
            "totals": {
                "people": self._next - 1, "most_at_once": self._counts.most,
                "person_seconds": round(sum(seconds.values()), 3), "seconds": seconds,
                "people_by_label": dict(self._labels),
                "reasons": {why: round(s, 3) for why, s in self._reasons.most_common()},
                "compliance": round(seconds["mask"] / decided, 4) if decided and "mask" in seconds else None,
                "judgements": self._judged, "finds": self._finds,
            },
            "people": shown, "people_left_out": self._next - 1 - len(shown), "counts": self._counts.as_json(),
            "suspicions": [told for *_, told in ranked],
            "quality": self._quality.told(seconds, self._reasons, self._damaged, CUTS),
        }  # fmt: skip

    def _clock(self, t: float) -> datetime | None:
        return None if self._begins is None else datetime.fromtimestamp(self._begins + t, UTC)


def _keep(heap: list[Any], most: int, item: Any) -> None:
    """Keeps the `most` greatest."""
    heapq.heappush(heap, item)
    if len(heap) > most:
        heapq.heappop(heap)


def _seen(rows: list[dict[str, Any]], from_s: float, to_s: float = float("inf")) -> list[Seen]:
    return [
        Seen(row["person"], row["t"], Box(row["x0"], row["y0"], row["x1"], row["y1"]), row["found"])
        for row in rows
        if row["person"] is not None and from_s <= row["t"] < to_s
    ]


def _sight(row: dict[str, Any], offset: int, classes: tuple[str, ...], was_fake: bool) -> Sight:
    probs = None if row[f"p_{classes[0]}"] is None else {name: round(row[f"p_{name}"], 4) for name in classes}
    box = (row["x0"], row["y0"], row["x1"], row["y1"])
    return Sight(
        row["t"], offset + row["frame"], box, row["found"], row["label"], row["reason"], probs, was_fake, row["picture"]
    )
