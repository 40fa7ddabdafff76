"""Segments put together in their order: people known again, tables written, totals kept, in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.analysis.counts import Counts
from monitor.analysis.facts import Segment
from monitor.analysis.names import Names, Row
from monitor.analysis.people import Person, Sight
from monitor.analysis.quality import Quality
from monitor.analysis.rows import unpacked
from monitor.analysis.schema import (
    frames_schema,
    from_rows,
    judgements_schema,
    parquet_writer,
    renumbered,
    table,
    tracks_schema,
    write_csv,
)
from monitor.analysis.stride import every_s, patience_s
from monitor.follow import WAITS
from monitor.settings import Settings
from monitor.types import UNDECIDED, Media

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
        self._folder, self._classes, self._begins = folder, classes, begins
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
        self._visible_s = max(VISIBLE_S, WAITS * every_s(settings, media.fps))
        self._names = Names(media.kind, patience_s(settings, media.fps))
        self._skipped: list[str] = []
        self._decoded = self._judged = self._finds = self._damaged = 0
        self._quality = Quality()
        self._counts = Counts(settings.analysis.from_s, length_s, (*classes, UNDECIDED))

    def add(self, segment: Segment, data: bytes) -> None:
        """The next segment, as `Watch.finish` gave it. Raises ValueError where `data` is damaged, SinkError."""
        frames, judgements, stats = unpacked(data)
        told, offset = self._names.told(segment, frames, stats["decoded"])
        looks = {offset + number: look for look, number in enumerate(stats["looks"], self._quality.looked_at)}
        for row in told:
            self._finds += row["found"]
            if row["person"] is not None:
                self._follow(row, looks[row["frame"]])
        self._frames.write_table(from_rows(told, frames.schema))
        names = self._names.by_number
        self._judgements.write_table(renumbered(judgements, names, offset, self._clock))
        for number in judgements["person"].to_pylist():
            self._people[names[number]].judgements += 1
        self._judged += len(judgements)
        self._let_go()
        self._decoded += stats["decoded"]
        self._damaged += stats["damaged"]
        self._skipped += stats["skipped"]
        self._quality.add(stats)

    def _follow(self, row: Row, look: int) -> None:
        """Adds a row to its person and to the counts; `look`: pictures looked at before this one."""
        number, t = row["person"], row["t"]
        person = self._people.get(number)
        if person is None:
            person = self._people[number] = Person(number, t, t, row["picture"])
        label, passed_s = person.see(_sight(row, look, self._classes))
        self._counts.add(label, t - passed_s, passed_s)
        if t - person.found_s <= self._visible_s:
            self._counts.in_view(row["frame"])

    def _let_go(self) -> None:
        """Who was not seen at the end of this segment will not be known again: only what is told of him is kept."""
        for number in [i for i in self._people if i not in self._names.here]:
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
            # One run ends where the next begins: what was shown at that moment is the later one.
            run = next((r for r in reversed(person.runs) if r.from_s <= at <= r.to_s), person.runs[0])
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
        seconds = {name: round(self._totals[name], 3) for name in (*self._classes, UNDECIDED)}
        decided = sum(seconds[name] for name in self._classes)
        shown = sorted((told for _, _, told in self._longest), key=lambda told: told["person"])
        ranked = sorted(self._suspicions, key=lambda one: one[:3], reverse=True)
        return {
            "frames": {"decoded": self._decoded, "looked_at": self._quality.looked_at, "damaged": self._damaged},
            "classes": list(self._classes),
            "totals": {
                "people": self._names.count, "most_at_once": self._counts.most,
                "person_seconds": round(sum(seconds.values()), 3), "seconds": seconds,
                "people_by_label": dict(self._labels),
                "reasons": {why: round(s, 3) for why, s in self._reasons.most_common()},
                "compliance": round(seconds["mask"] / decided, 4) if decided and "mask" in seconds else None,
                "judgements": self._judged, "finds": self._finds,
            },
            "people": shown, "people_left_out": self._names.count - len(shown), "counts": self._counts.as_json(),
            "suspicions": [told for *_, told in ranked],
            "quality": self._quality.told(seconds, self._reasons, self._damaged, CUTS, self._skipped),
        }  # fmt: skip

    def _clock(self, t: float) -> datetime | None:
        return None if self._begins is None else datetime.fromtimestamp(self._begins + t, UTC)


def _keep(heap: list[Any], most: int, item: Any) -> None:
    """Keeps the `most` greatest."""
    heapq.heappush(heap, item)
    if len(heap) > most:
        heapq.heappop(heap)


def _sight(row: Row, look: int, classes: tuple[str, ...]) -> Sight:
    probs = None if row[f"p_{classes[0]}"] is None else {name: round(row[f"p_{name}"], 4) for name in classes}
    box = (row["x0"], row["y0"], row["x1"], row["y1"])
    return Sight(row["t"], look, box, row["found"], row["label"], row["reason"], probs, row["was_fake"], row["picture"])
