"""One picture of all cameras: a tile for each, drawn at its own size, so that text can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engines.contract import EngineInfo
from monitor.ink import DARK, Block, Ink
from monitor.overlay import Overlay, stamp_corner, text_px
from monitor.panels import note_block
from monitor.settings import ShowSettings
from monitor.several.rounds import ENDED
from monitor.several.tiles import Tile, grey, nothing, shorter, shrunk, tiles
from monitor.types import U8, Gap, Scene


class Mosaic:
    """`show` what each camera has; `picture` is all of them. It also draws what a window wants."""

    def __init__(
        self, names: Sequence[str], classes: Sequence[str], settings: ShowSettings, engine: EngineInfo | None
    ) -> None:
        self.picture: U8 = np.full((settings.mosaic_height_px, settings.mosaic_width_px, 3), DARK, np.uint8)
        """(H, W, 3) BGR; it goes on changing: copy what must stay."""
        self._names = tuple(names)
        self._ink = Ink()
        self._overlays = [Overlay(classes, settings, engine, ink=self._ink) for _ in names]
        self._last: dict[int, Scene] = {}
        self._small: dict[int, Scene] = {}
        self._gaps: dict[int, Gap] = {}
        self._kept: dict[int, Scene] = {}
        self._named: dict[tuple[int, str], tuple[tuple[int, ...], Block]] = {}
        self._tiles: tuple[Tile, ...] = ()
        self._arrange()

    def _arrange(self) -> None:
        """Gives each camera its place, as the pictures known by now are best seen."""
        height, width = self.picture.shape[:2]
        aspects = [bgr.shape[1] / bgr.shape[0] for bgr in (scene.frame.bgr for scene in self._last.values())]
        arranged = tiles(len(self._names), width, height, aspects)
        if arranged == self._tiles:
            return
        self._tiles = arranged
        self.picture[:] = DARK
        self._small = {number: shrunk(scene, arranged[number]) for number, scene in self._last.items()}
        self._kept = {}
        for number in range(len(self._names)):
            self._place(number, self._again(number))

    def _again(self, number: int) -> U8:
        if number in self._gaps or number not in self._small:
            return self._gap(number, self._gaps.get(number, Gap("connecting", 0.0)))
        return canvas_of(self._overlays[number].redraw(self._small[number], self._name(number, self._small[number])))

    @property
    def details(self) -> bool:
        """Probabilities, stages and the detector's points, in all tiles."""
        return self._overlays[0].details

    @details.setter
    def details(self, wanted: bool) -> None:
        for overlay in self._overlays:
            overlay.details = wanted

    def show(self, number: int, item: Scene | Gap) -> None:
        """Draws what a camera has into its tile; a gap only where it says something else than before."""
        if isinstance(item, Gap):
            before = self._gaps.get(number)
            if before is None or _said(before) != _said(item):
                self._gaps[number] = item
                self._place(number, self._gap(number, item))
            return
        before_shape = self._last[number].frame.bgr.shape if number in self._last else None
        self._last[number] = item
        self._gaps.pop(number, None)
        if item.frame.bgr.shape != before_shape:
            self._arrange()
        small = self._small[number] = shrunk(item, self._tiles[number])
        self._place(number, canvas_of(self._overlays[number].draw(small, self._name(number, small))))

    def _gap(self, number: int, gap: Gap) -> U8:
        last = self._small.get(number) or nothing(self._tiles[number])
        if gap.state == ENDED:
            canvas, name = grey(last.frame.bgr), self._name(number, last, f" · {ENDED}")
        else:
            canvas, name = self._overlays[number].draw_gap(gap, last), self._name(number, last)
        stamp_corner(canvas, name)
        return canvas

    def keep(self) -> None:
        """What is shown now is what `redraw` draws."""
        self._kept = {number: small for number, small in self._small.items() if number not in self._gaps}

    def redraw(self, scene: Scene) -> Scene:
        """`scene`, the picture of what was kept, as `details` asks now."""
        canvas = scene.frame.bgr.copy()
        for number, small in self._kept.items():
            self._put(canvas, number, canvas_of(self._overlays[number].redraw(small, self._name(number, small))))
        return replace(scene, canvas=canvas)

    def draw_gap(self, gap: Gap, last: Scene | None) -> U8:
        """All cameras have nothing."""
        return self._overlays[0].draw_gap(gap, last)

    def draw_help(self, canvas: U8) -> U8:
        """A copy of `canvas` with the keys and the signs explained."""
        return self._overlays[0].draw_help(canvas)

    def draw_note(self, canvas: U8, text: str) -> U8:
        """A copy of `canvas` with one line near its lower edge."""
        return self._overlays[0].draw_note(canvas, text)

    def _name(self, number: int, small: Scene, more: str = "") -> Block:
        """The camera's name, as much of it as fits."""
        bgr = small.frame.bgr
        shape, block = self._named.get((number, more), (None, None))
        if block is None or shape != bgr.shape:
            px = max(9, round(0.86 * text_px(bgr)))
            for name in shorter(self._names[number]):
                block = note_block(self._ink, name + more, px)
                if block.width_px <= bgr.shape[1] - 2 * px:
                    break
            assert block is not None
            self._named[number, more] = bgr.shape, block
        return block

    def _place(self, number: int, canvas: U8) -> None:
        self._put(self.picture, number, canvas)

    def _put(self, picture: U8, number: int, canvas: U8) -> None:
        """Into the middle of its tile, with a dark rim."""
        tile = self._tiles[number]
        part = picture[tile.y0 : tile.y1, tile.x0 : tile.x1]
        height, width = canvas.shape[:2]
        y, x = (part.shape[0] - height) // 2, (part.shape[1] - width) // 2
        if (height, width) != part.shape[:2]:
            part[:] = DARK
        part[y + 1 : y + height - 1, x + 1 : x + width - 1] = canvas[1:-1, 1:-1]
        part[[0, -1]] = part[:, [0, -1]] = DARK


def canvas_of(drawn: Scene) -> U8:
    """What was drawn."""
    assert drawn.canvas is not None
    return drawn.canvas


def _said(gap: Gap) -> tuple[str, str, int]:
    """What people read of it."""
    return gap.state, gap.why, int(gap.since_s)
