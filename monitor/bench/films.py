"""The films that are played, and the settings with which a point plays them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monitor.bench.clocks import Clock, TimedSource
from monitor.bench.facts import Point
from monitor.budget import every_face
from monitor.errors import UsageError
from monitor.ports import Source
from monitor.settings import Settings
from monitor.sources.pictures import open_files
from monitor.sources.wrappers import Loop, Paced
from monitor.threads import Ahead, Freshest
from monitor.types import Frame, Losses


@dataclass(frozen=True, slots=True)
class Film:
    """What is played."""

    path: Path
    name: str
    width_px: int
    height_px: int
    faces: int | None = None
    """Known where the film was made for it."""


def film_at(path: Path, name: str = "", faces: int | None = None) -> Film:
    """The film in a file, with the size of its pictures. Raises SourceError, and UsageError where it is none."""
    source = open_files(str(path), Losses())
    try:
        frame = source.read(10.0)
    finally:
        source.close()
    if not isinstance(frame, Frame) or frame.still:
        raise UsageError(f"{path} is no recording to measure with", hint="name a video file, or leave --source away")
    return Film(path, name or path.name, frame.width_px, frame.height_px, faces)


def opened(film: Film) -> Source:
    """Each picture once, in order, decoded ahead. Raises SourceError."""
    return Ahead(open_files(str(film.path), Losses()))


def played(film: Film, pace_fps: float | None, clock: Clock) -> Source:
    """The film again and again, in the thread that suits it: as if live at `pace_fps`, else as fast as it is taken.

    `clock` tells what decoding takes. Raises SourceError.
    """
    return Ahead(_looped(film, clock)) if pace_fps is None else Freshest(paced(film, pace_fps, clock))


def paced(film: Film, pace_fps: float, clock: Clock) -> Source:
    """The film again and again as if it were a camera, decoded ahead: its end is no pause. Raises SourceError."""
    return Paced(Ahead(_looped(film, clock)), pace_fps)


def _looped(film: Film, clock: Clock) -> Source:
    return Loop(lambda: TimedSource(open_files(str(film.path), Losses()), clock))


def settings_of(settings: Settings, point: Point) -> Settings:
    """The settings as the point asks."""
    track = every_face(settings.track) if point.every_face else settings.track
    engine: Any = replace(settings.engine, runtime=point.runtime, precision=point.precision)  # type: ignore[arg-type]
    detector: Any = replace(settings.detector, tiles=point.tiles)  # type: ignore[arg-type]
    return replace(settings, track=track, engine=engine, detector=detector)
