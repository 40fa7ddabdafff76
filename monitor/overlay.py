"""Draws what is known of everybody onto a copy of the picture: boxes, labels, numbers, and the state of the source."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from engines.contract import EngineInfo
from monitor.ink import DARK, Bgr, Block, Ink, faint, stamp
from monitor.labels import Labels, Rect, place
from monitor.panels import Hud, gap_block, help_block, note_block
from monitor.settings import ShowSettings
from monitor.types import U8, Box, Gap, Scene, Track

_SHIFT = 4
"""Lines are placed to 1/16 px, so that a slowly moving box glides instead of hopping."""
_MANY = 8
"""From so many tracks on, labels are short: long ones would hide the people."""
_LEAST_HUD_PX = 120
"""Lower pictures have no room for the line of numbers."""
_ARC = np.array([(1 - np.cos(a), 1 - np.sin(a)) for a in np.linspace(0, np.pi / 2, 4)])
"""A quarter of a circle from (0, 1) to (1, 0)."""
_INWARD = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])[:, None]
"""Which way a mark goes from each corner: upper left, lower left, upper right, lower right."""


class Overlay:
    """Draws scenes. One at a time: it keeps a drawing kit and counts for the line of numbers."""

    def __init__(
        self,
        classes: Sequence[str],
        settings: ShowSettings,
        engine: EngineInfo | None = None,
        clock: Callable[[], float] = time.monotonic,
        ink: Ink | None = None,
    ) -> None:
        """`ink` may be shared: what one overlay has drawn costs the next one nothing."""
        self.details = settings.details
        """Probabilities, stages and the detector's points; may be changed at any time."""
        self._with_hud = settings.hud
        self._ink = ink or Ink()
        self._labels = Labels(self._ink, classes)
        self._hud = Hud(self._ink, engine, clock)

    def draw(self, scene: Scene, corner: Block | None = None) -> Scene:
        """`scene` with a canvas and its stage `draw`; the frame's own picture is not touched.

        `corner` is drawn in the lower left one, and no label over it.
        """
        start = time.perf_counter()
        self._hud.see(scene)
        canvas = self._paint(scene, corner)
        return replace(scene, canvas=canvas, ms={**scene.ms, "draw": (time.perf_counter() - start) * 1e3})

    def redraw(self, scene: Scene, corner: Block | None = None) -> Scene:
        """`scene` drawn again as `details` asks now, without counting it a second time."""
        return replace(scene, canvas=self._paint(scene, corner))

    def draw_gap(self, gap: Gap, last: Scene | None) -> U8:
        """The last picture, darkened, with what is known of the gap; a dark 1280 x 720 one where there was none."""
        if last is None:
            canvas = np.full((720, 1280, 3), DARK, np.uint8)
        else:
            grey = cv2.cvtColor(last.frame.bgr, cv2.COLOR_BGR2GRAY)
            canvas = np.asarray(cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=0.35), cv2.COLOR_GRAY2BGR), np.uint8)
        return _centred(canvas, lambda px: gap_block(self._ink, gap, px), text_px(canvas) * 1.25)

    def draw_help(self, canvas: U8) -> U8:
        """A copy of `canvas` with the keys and the signs explained."""
        return _centred(canvas.copy(), lambda px: help_block(self._ink, self._labels.looks, px), text_px(canvas))

    def draw_note(self, canvas: U8, text: str) -> U8:
        """A copy of `canvas` with one line near its lower edge."""
        return _centred(canvas.copy(), lambda px: note_block(self._ink, text, px), text_px(canvas), at=0.95)

    def _paint(self, scene: Scene, corner: Block | None = None) -> U8:
        canvas = scene.frame.bgr.copy()
        px = text_px(canvas)
        for track in scene.tracks:
            self._paint_box(canvas, track, px, coasting=not track.in_view(scene.frame.t))
        taken = self._paint_hud(canvas, scene, px)  # over the boxes: no mark covers the numbers
        if corner is not None:
            taken.append(stamp_corner(canvas, corner))
        faces = [_rect(track.face.box) for track in scene.tracks]
        crowd = len(scene.tracks) >= _MANY
        for i, track in enumerate(scene.tracks):
            coasting = not track.in_view(scene.frame.t)
            size = min(px, max(round(track.face.box.width * 0.28), least_px(canvas))) if crowd else px
            variants = self._labels.variants(
                track, size, coasting=coasting, details=self.details and not crowd, brief=crowd
            )
            block, x, y = place(variants, faces[i], taken, faces[:i] + faces[i + 1 :], canvas.shape)
            stamp(canvas, block, x, y)
            taken.append((x, y, x + block.width_px, y + block.height_px))
        return canvas

    def _paint_hud(self, canvas: U8, scene: Scene, px: int) -> list[Rect]:
        """Draws the numbers; the places taken by them."""
        height, width = canvas.shape[:2]
        if not self._with_hud or height < _LEAST_HUD_PX:
            return []
        live, edge = scene.frame.wall is not None, round(px * 0.5)
        taken: list[Rect] = []
        y = edge
        for block in self._hud.blocks(live, width, max(10, round(px * 0.86)), self.details):
            if block and y + block.height_px < height:
                stamp(canvas, block, edge, y)
                taken.append((edge, y, edge + block.width_px, y + block.height_px))
                y += block.height_px + edge
        return taken

    def _paint_box(self, canvas: U8, track: Track, px: int, coasting: bool) -> None:
        look, box = self._labels.look(track), track.face.box
        bgr = faint(look.bgr) if coasting else look.bgr
        thick = max(1, round(px * 0.15))
        if coasting:
            _strokes(canvas, dashes(box, px * 0.45), bgr, max(1, round(thick * 0.6)))
        else:
            _corners(canvas, box, px, bgr, thick)
        if self.details:
            for x, y in np.round(track.face.points).astype(int).tolist():
                cv2.circle(canvas, (x, y), thick + 1, DARK, -1, cv2.LINE_AA)
                cv2.circle(canvas, (x, y), thick, bgr, -1, cv2.LINE_AA)


def _centred(canvas: U8, build: Callable[[int], Block], px: float, at: float = 0.5) -> U8:
    """Draws the block at the largest size up to `px` that fits, in the middle or at another share of the height."""
    height, width = canvas.shape[:2]
    size = max(6, round(px))
    block = build(size)
    while size > 6 and (block.width_px > width or block.height_px > height):
        size -= 1
        block = build(size)
    stamp(canvas, block, (width - block.width_px) // 2, round((height - block.height_px) * at))
    return canvas


def stamp_corner(canvas: U8, block: Block) -> Rect:
    """Draws the block in the lower left corner; the place it takes."""
    edge = round(text_px(canvas) * 0.5)
    x, y = edge, canvas.shape[0] - edge - block.height_px
    stamp(canvas, block, x, y)
    return x, y, x + block.width_px, y + block.height_px


def text_px(picture: U8) -> int:
    """The size of text for a picture: 11 px at 240 lines, 19 at 720, 46 at 2160."""
    return max(least_px(picture), round(5 + 0.019 * _short_px(picture)))


def least_px(picture: U8) -> int:
    """The smallest text: 11 px, which can still be read; less only where that would fill the picture."""
    return max(5, min(11, _short_px(picture) // 8))


def _short_px(picture: U8) -> int:
    return int(min(picture.shape[:2]))


def _rect(box: Box) -> Rect:
    return box.x0, box.y0, box.x1, box.y1


def _corners(canvas: U8, box: Box, px: int, bgr: Bgr, thick: int) -> None:
    """Four rounded corner marks with a dark rim; the whole outline where the box is small."""
    side = min(box.width, box.height)
    small = side < 3 * px
    arm = min(side, max(box.width, box.height) / 2 + 0.5) if small else max(px * 0.9, side * 0.2)
    radius = min(px * 0.5, side / 4)
    at = np.array([(box.x0, box.y0), (box.x0, box.y1), (box.x1, box.y0), (box.x1, box.y1)])[:, None]
    for mark, colour in zip(_marks(math.ceil(2 * arm), round(2 * radius), thick), (DARK, bgr), strict=True):
        fixed = list(np.rint((at + mark) * (1 << _SHIFT)).astype(np.int32))
        for part in [[one] for one in fixed] if small else [fixed]:  # filled together, what they share would be a hole
            cv2.fillPoly(canvas, part, colour, cv2.LINE_AA, _SHIFT)


@lru_cache(512)
def _marks(arm_halves: int, radius_halves: int, thick: int) -> tuple[npt.NDArray[np.float64], ...]:
    """The outlines (4, 12, 2) of the four marks about their corners, of the rim and of the mark itself."""
    arm, radius = arm_halves / 2, radius_halves / 2
    marks = []
    for half, end in ((thick / 2 + 1.5, arm + 1), (thick / 2 + 0.5, arm)):
        outer = np.vstack([[(-half, end)], _ARC * (radius + half) - half, [(end, -half)]])
        inner = np.vstack([[(end, half)], (_ARC * max(0.0, radius - half) + half)[::-1], [(half, end)]])
        marks.append(_INWARD * np.vstack([outer, inner]))
    return tuple(marks)


def dashes(box: Box, dash_px: float) -> list[npt.NDArray[np.float64]]:
    """The outline of `box` in dashes of about `dash_px`, a full one at each end of a side."""
    points = [(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)]
    lines = []
    for start, end in zip(points, points[1:] + points[:1], strict=True):
        a, b = np.array(start), np.array(end)
        n = 2 * max(1, round(float(np.abs(b - a).max()) / dash_px / 2)) + 1
        lines += [np.array([a + (b - a) * i / n, a + (b - a) * (i + 1) / n]) for i in range(0, n, 2)]
    return lines


def _strokes(canvas: U8, lines: Sequence[npt.NDArray[np.float64]], bgr: Bgr, thick: int) -> None:
    """Lines of two points each, with a dark rim, so that they stand out on bright and dark."""
    fixed = list(np.rint(np.asarray(lines) * (1 << _SHIFT)).astype(np.int32))
    cv2.polylines(canvas, fixed, False, DARK, thick + 2, cv2.LINE_AA, _SHIFT)
    cv2.polylines(canvas, fixed, False, bgr, thick, cv2.LINE_AA, _SHIFT)
