"""Analysis as a library: `for moment in monitor.analyze_video("clip.mp4"): ...`, with the command's own results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from monitor.analysis.facts import Segment
from monitor.analysis.footage import cut, span_of
from monitor.analysis.names import Names, Row
from monitor.analysis.rows import unpacked
from monitor.analysis.stride import patience_s
from monitor.analysis.tasks import Analyse, Tools
from monitor.config import load_settings
from monitor.settings import Settings
from monitor.sources.recordings import scan
from monitor.types import Box, Media

PRESET = "analysis"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person in one picture."""

    person: int
    """The same number as long as somebody is followed, from 1 on."""
    box: Box
    """px in the upright picture."""
    found: bool
    """False where the face is only expected."""
    label: str
    """real, fake, mask or undecided."""
    reason: str | None
    """Why undecided."""
    probs: Mapping[str, float] | None
    """Smoothed probability of each class; None before the first judgement."""
    was_fake: bool

    @property
    def confidence(self) -> float | None:
        """Probability of the label; None where undecided."""
        return None if self.probs is None else self.probs.get(self.label)


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture that was looked at."""

    t: float
    """Seconds since the file's first picture."""
    frame: int
    """Pictures decoded before it."""
    people: tuple[Sighting, ...]
    strangers: tuple[Box, ...]
    """Finds that became nobody: too few, too vague."""


def analyze_video(
    path: str | Path,
    *,
    settings: Settings | None = None,
    every_face: bool | None = None,
    stride: int | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
) -> Iterator[Moment]:
    """The pictures with somebody in them, in order, as `monitor analyze` puts them into frames.parquet.

    `settings` None = the preset "analysis"; the other arguments change it. Works in this process, a segment (a minute)
    ahead; breaking out is safe. Raises MonitorError and EngineError, when the first moment is asked for.
    """
    settings = load_settings(PRESET) if settings is None else settings
    wishes = {"every_face": every_face, "stride": stride, "from_s": from_s, "to_s": to_s}
    given: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    settings = replace(settings, analysis=replace(settings.analysis, **given))
    uri = str(path) if "://" in str(path) else str(Path(path).expanduser().absolute())
    media = scan(uri)
    names = Names(media.kind, patience_s(settings, media.fps))
    with closing(Tools()) as tools:
        for segment, data in _segments(media, settings, tools):
            frames, _, stats = unpacked(data)
            rows, _ = names.told(segment, frames, stats["decoded"])
            for frame, group in groupby(rows, key=lambda row: int(row["frame"])):
                yield _moment(frame, list(group))


def _segments(media: Media, settings: Settings, tools: Tools) -> Iterator[tuple[Segment, bytes]]:
    """Each segment with its tables; a file that cannot be entered anywhere is read once, in one go."""
    segments = cut(media, span_of(media, settings))
    runs = [(segment,) for segment in segments] if media.splittable else [segments]
    for run in runs:
        told: list[tuple[str, Any]] = []
        Analyse(media, run, settings).perform(tools, partial(_note, told))
        yield from ((segments[value[0]], value[1]) for kind, value in told if kind == "segment")


def _note(told: list[tuple[str, Any]], kind: str, value: Any) -> None:
    told.append((kind, value))


def _moment(frame: int, rows: list[Row]) -> Moment:
    people = tuple(_sighting(row) for row in rows if row["person"] is not None)
    strangers = tuple(_box(row) for row in rows if row["person"] is None)
    return Moment(rows[0]["t"], frame, people, strangers)


def _sighting(row: Row) -> Sighting:
    probs = {name[2:]: round(p, 4) for name, p in row.items() if name.startswith("p_") and p is not None}
    return Sighting(row["person"], _box(row), row["found"], row["label"], row["reason"], probs or None, row["was_fake"])


def _box(row: Row) -> Box:
    return Box(*(round(row[side], 1) for side in ("x0", "y0", "x1", "y1")))
