"""One picture of all cameras: a tile for each, drawn at its own size, so that text can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from engines.contract import EngineInfo
from monitor.ink import DARK, Ink
from monitor.overlay import Overlay, text_px
from monitor.panels import note_block
from monitor.settings import ShowSettings
from monitor.several.rounds import ENDED
from monitor.types import U8, Box, Face, Frame, Gap, Scene, Track

ASPECT = 16 / 9
"""Of the pictures that tiles are made for."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A place in the picture, px, half-open."""

    x0: int
    y0: int
    x1: int
    y1: int


def tiles(count: int, width_px: int, height_px: int) -> tuple[Tile, ...]:
    """So many places, row by row, in the grid that shows 16:9 pictures largest; the last row is centred."""
    columns = max(range(1, count + 1), key=lambda n: (min(width_px / n, ASPECT * height_px / math.ceil(count / n)), n))
    rows = math.ceil(count / columns)
    across, down = width_px / columns, height_px / rows
    places = []
    for n in range(count):
        row, column = divmod(n, columns)
        left = (column + (columns - min(columns, count - row * columns)) / 2) * across
        places.append(Tile(round(left), round(row * down), round(left + across), round((row + 1) * down)))
    return tuple(places)


class Mosaic:
    """`show` what each camera has; `picture` is all of them. It also draws what a window wants: help, notes."""

    def __init__(
        self, names: Sequence[str], classes: Sequence[str], settings: ShowSettings, engine: EngineInfo | None
    ) -> None:
        self.picture: U8 = np.full((settings.mosaic_height_px, settings.mosaic_width_px, 3), DARK, np.uint8)
        """(H, W, 3) BGR; it goes on changing: copy what must stay."""
        self._names = tuple(names)
        self._tiles = tiles(len(names), settings.mosaic_width_px, settings.mosaic_height_px)
        self._overlays = [Overlay(classes, settings, engine) for _ in names]
        self._last: dict[int, Scene] = {}
        self._ink = Ink()

    @property
    def details(self) -> bool:
        """Probabilities, stages and the detector's points, in all tiles."""
        return self._overlays[0].details

    @details.setter
    def details(self, wanted: bool) -> None:
        for overlay in self._overlays:
            overlay.details = wanted

    def show(self, number: int, item: Scene | Gap) -> None:
        """Draws what a camera has into its tile."""
        tile, overlay = self._tiles[number], self._overlays[number]
        if isinstance(item, Scene):
            small = _shrunk(item, tile)
            self._last[number] = small
            name = note_block(self._ink, self._names[number], max(9, round(text_px(small.frame.bgr) * 0.86)))
            canvas = overlay.draw(small, name).canvas
            assert canvas is not None
        else:
            why = " · ".join(part for part in (self._names[number], item.why) if part)
            last = self._last.get(number) or _nothing(tile)
            canvas = overlay.draw_gap(replace(item, why=why), last)
            if item.state == ENDED:
                canvas = overlay.draw_note(_grey(last.frame.bgr), f"{self._names[number]} · ended")
        self._place(tile, canvas)

    def redraw(self, scene: Scene) -> Scene:
        """The picture again, as `details` asks now."""
        for number, small in self._last.items():
            canvas = self._overlays[number].redraw(small).canvas
            assert canvas is not None
            self._place(self._tiles[number], canvas)
        return replace(scene, canvas=self.picture.copy())

    def draw_gap(self, gap: Gap, last: Scene | None) -> U8:
        """All cameras have nothing."""
        return self._overlays[0].draw_gap(gap, last)

    def draw_help(self, canvas: U8) -> U8:
        """A copy of `canvas` with the keys and the signs explained."""
        return self._overlays[0].draw_help(canvas)

    def draw_note(self, canvas: U8, text: str) -> U8:
        """A copy of `canvas` with one line near its lower edge."""
        return self._overlays[0].draw_note(canvas, text)

    def _place(self, tile: Tile, canvas: U8) -> None:
        """Into the middle of its tile."""
        part = self.picture[tile.y0 : tile.y1, tile.x0 : tile.x1]
        height, width = canvas.shape[:2]
        y, x = (part.shape[0] - height) // 2, (part.shape[1] - width) // 2
        if (height, width) != part.shape[:2]:
            part[:] = DARK
        part[y : y + height, x : x + width] = canvas


def _shrunk(scene: Scene, tile: Tile) -> Scene:
    """The scene at the size of its tile, less a rim of a pixel."""
    bgr = scene.frame.bgr
    height, width = bgr.shape[:2]
    scale = min((tile.x1 - tile.x0 - 2) / width, (tile.y1 - tile.y0 - 2) / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(bgr, size, interpolation=interpolation), np.uint8)
    return replace(
        scene, frame=replace(scene.frame, bgr=small), tracks=tuple(_scaled(track, scale) for track in scene.tracks)
    )


def _scaled(track: Track, scale: float) -> Track:
    box = track.face.box
    small = Box(*(scale * side for side in (box.x0, box.y0, box.x1, box.y1)))
    return replace(track, face=Face(small, track.face.score, np.asarray(track.face.points * scale, np.float32)))


def _nothing(tile: Tile) -> Scene:
    """What a camera shows before its first picture."""
    dark = np.full((tile.y1 - tile.y0 - 2, tile.x1 - tile.x0 - 2, 3), 3 * DARK[0], np.uint8)
    return Scene(Frame(0, 0.0, None, dark), (), {})


def _grey(bgr: U8) -> U8:
    dimmed = cv2.convertScaleAbs(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), alpha=0.5)
    return np.asarray(cv2.cvtColor(dimmed, cv2.COLOR_GRAY2BGR), np.uint8)
