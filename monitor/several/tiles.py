"""Places in one picture for many, and what is put there: pictures at that size, names that fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import cv2
import numpy as np

from monitor.ink import DARK
from monitor.types import U8, Box, Face, Frame, Scene, Track

ASPECT = 16 / 9
"""Of pictures that are not known yet."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A place in the picture, px, half-open."""

    x0: int
    y0: int
    x1: int
    y1: int


def tiles(count: int, width_px: int, height_px: int, aspects: Sequence[float] = ()) -> tuple[Tile, ...]:
    """So many places, row by row, in the grid that shows pictures of these aspects largest; all in the middle.

    No place is higher than the tallest picture needs.
    """
    usual = median(aspects) if aspects else ASPECT
    columns = max(range(1, count + 1), key=lambda n: (min(width_px / n, usual * height_px / math.ceil(count / n)), n))
    rows = math.ceil(count / columns)
    across = width_px / columns
    down = min(height_px / rows, across / min(aspects, default=ASPECT))
    top = (height_px - rows * down) / 2
    places = []
    for n in range(count):
        row, column = divmod(n, columns)
        left, y = (column + (columns - min(columns, count - row * columns)) / 2) * across, top + row * down
        places.append(Tile(round(left), round(y), round(left + across), round(y + down)))
    return tuple(places)


def shorter(name: str) -> Iterator[str]:
    """The name, then with more and more left out of its middle: both ends tell addresses apart."""
    yield name
    for kept in range(len(name) - 2, 0, -1):
        head = (kept + 1) // 2
        yield f"{name[:head]}…{name[len(name) - kept + head :]}"


def shrunk(scene: Scene, tile: Tile) -> Scene:
    """The scene at the size of its tile."""
    height, width = scene.frame.bgr.shape[:2]
    scale = min((tile.x1 - tile.x0) / width, (tile.y1 - tile.y0) / height)
    small = _resized(scene.frame.bgr, max(1, round(width * scale)), max(1, round(height * scale)))
    return replace(
        scene, frame=replace(scene.frame, bgr=small), tracks=tuple(_scaled(track, scale) for track in scene.tracks)
    )


def _resized(bgr: U8, width: int, height: int) -> U8:
    """Halved as often as that goes, then stretched: as smooth as averaging in one step, in a tenth of its time."""
    while bgr.shape[1] >= 2 * width and bgr.shape[0] >= 2 * height:
        half = bgr.shape[1] // 2, bgr.shape[0] // 2
        even = bgr[: 2 * half[1], : 2 * half[0]]
        bgr = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    if bgr.shape[:2] == (height, width):
        return bgr
    return np.asarray(cv2.resize(bgr, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _scaled(track: Track, scale: float) -> Track:
    box = track.face.box
    small = Box(*(scale * side for side in (box.x0, box.y0, box.x1, box.y1)))
    return replace(track, face=Face(small, track.face.score, np.asarray(track.face.points * scale, np.float32)))


def nothing(tile: Tile) -> Scene:
    """What a camera shows before its first picture."""
    width = tile.x1 - tile.x0
    height = min(tile.y1 - tile.y0, round(width / ASPECT))
    return Scene(Frame(0, 0.0, None, np.full((height, width, 3), 3 * DARK[0], np.uint8)), (), {})


def grey(bgr: U8) -> U8:
    dimmed = cv2.convertScaleAbs(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), alpha=0.5)
    return np.asarray(cv2.cvtColor(dimmed, cv2.COLOR_GRAY2BGR), np.uint8)
