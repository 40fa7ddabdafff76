"""Which points a run measures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from monitor.app import Say
from monitor.bench.crowd import demo_film, film
from monitor.bench.facts import Point
from monitor.bench.films import Film, film_at
from monitor.errors import UsageError
from monitor.redact import redact

RATES_FPS = (30.0, 60.0)
FACES = (1, 4, 16, 28)
SIZES = ((854, 480), (1280, 720), (1920, 1080), (3840, 2160))
TILES = ("off", "2x2", "3x2")
USUAL_FACES = 4
"""Of the points that differ in something else."""


@dataclass(frozen=True, slots=True)
class Task:
    """A point and what is played for it."""

    point: Point
    film: Film


def main_film(source: str | None, folder: Path, say: Say) -> Film:
    """What the run is about: a video file, or the built-in scene. Raises SourceError and UsageError."""
    if source is None or source.lower() == "demo:faces":
        return film_at(demo_film(folder, say=say), "demo")
    if "://" in source:
        raise UsageError(
            f"{redact(source)} is no recording to measure with", hint="name a video file; record one first"
        )
    return film_at(Path(source))


def point_of(film: Film, mode: Literal["recorded", "live"], engine: tuple[str, str], tiles: str) -> Point:
    """The point that plays a film."""
    return Point(mode, film.name, film.width_px, film.height_px, film.faces, *engine, tiles)


def main_tasks(film: Film, engine: tuple[str, str], tiles: str, *, shown: bool) -> Iterator[Task]:
    """As fast as it goes, without and with a video written, and as if live at two rates."""
    recorded = point_of(film, "recorded", engine, tiles)
    yield Task(recorded, film)
    yield Task(replace(recorded, encoded=True), film)
    for rate_fps in RATES_FPS:
        yield Task(replace(recorded, mode="live", pace_fps=rate_fps, shown=shown), film)


def sweep_tasks(
    folder: Path, engine: tuple[str, str], others: tuple[tuple[str, str], ...], tiles: str, say: Say
) -> Iterator[Task]:
    """Faces a picture, sizes of the picture, runtimes and precisions, tiles: one thing changes at a time."""
    width, height = SIZES[1]

    def crowd(faces: int, width_px: int, height_px: int) -> Film:
        path = film(folder, faces=faces, width_px=width_px, height_px=height_px, say=say)
        return Film(path, "crowd", width_px, height_px, faces)

    films = {(faces, width, height): crowd(faces, width, height) for faces in FACES}
    films |= {(USUAL_FACES, *size): crowd(USUAL_FACES, *size) for size in SIZES}
    for played in films.values():
        recorded = point_of(played, "recorded", engine, tiles)
        yield Task(recorded, played)
        yield Task(replace(recorded, mode="live", pace_fps=RATES_FPS[0]), played)
    usual = films[USUAL_FACES, width, height]
    for other in others:
        yield Task(point_of(usual, "recorded", other, tiles), usual)
    for grid in TILES:
        if grid != tiles:
            yield Task(point_of(usual, "recorded", engine, grid), usual)
