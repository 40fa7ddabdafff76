"""The door's pictures: visitors framed for the screen, everything known for the manager, faces hidden for the store."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.contract import EngineInfo
from monitor.kiosk.facts import Standing, State, Visitor
from monitor.overlay import Overlay
from monitor.settings import ShowSettings
from monitor.types import U8, Box, Scene

SCREEN_PX = 1280
"""Longer side of the pictures in the browser."""
JPEG_QUALITY = 80
MOSAIC = 8
"""A hidden face is so many patches wide: nobody is recognised by 8 x 8."""
WIDER = 0.35
"""A face is hidden, and kept, with so much around it: hair and ears tell, too."""
BGR: dict[State, tuple[int, int, int]] = {
    State.WELCOME: (149, 194, 44), State.CLOSER: (238, 193, 110), State.LOOK: (92, 227, 242),
    State.PUT_ON: (45, 174, 246), State.TAKE_OFF: (194, 154, 221), State.STAFF: (6, 58, 178),
}  # fmt: skip
"""As in static/screen.css."""
VISIBLE_S = 0.3
"""Who was not found for so long is not framed: the place is a guess by then."""
DASHED = (State.LOOK, State.CLOSER)
"""Not decided yet: told by the line, not by colour alone."""


def framed(scene: Scene, standing: Standing) -> U8:
    """The picture for the screen, every visitor framed in the state's colour; at most SCREEN_PX long."""
    canvas = smaller(scene.frame.bgr)
    height, width = canvas.shape[:2]
    for visitor in standing.visitors:
        if visitor.unseen_s <= VISIBLE_S:
            _frame(canvas, visitor, width, height)
    return canvas


def _frame(canvas: U8, visitor: Visitor, width: int, height: int) -> None:
    x0, y0, x1, y1 = (
        round(share * size) for share, size in zip(visitor.box, (width, height, width, height), strict=True)
    )
    bgr, thick = BGR.get(visitor.state, (200, 200, 200)), max(2, round(height / 180))
    side = max(x1 - x0, y1 - y0)
    for wide, colour in ((thick + 2, (20, 20, 20)), (thick, bgr)):
        if visitor.state in DASHED:
            _corners(canvas, (x0, y0, x1, y1), side // 4, colour, wide)
        else:
            cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, wide, cv2.LINE_AA)


def _corners(canvas: U8, box: tuple[int, int, int, int], arm: int, bgr: Sequence[int], thick: int) -> None:
    x0, y0, x1, y1 = box
    for x, y, dx, dy in ((x0, y0, arm, arm), (x1, y0, -arm, arm), (x0, y1, arm, -arm), (x1, y1, -arm, -arm)):
        cv2.line(canvas, (x, y), (x + dx, y), bgr, thick, cv2.LINE_AA)
        cv2.line(canvas, (x, y), (x, y + dy), bgr, thick, cv2.LINE_AA)


def smaller(bgr: U8) -> U8:
    """A copy, at most SCREEN_PX long."""
    scale = SCREEN_PX / max(bgr.shape[:2])
    if scale >= 1:
        return bgr.copy()
    return np.asarray(cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(bgr: U8) -> bytes:
    """The picture as JPEG, with nothing but pixels in it."""
    return bytes(cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))[1])


class Details:
    """Pictures with everything that is known drawn on, for people who are signed in."""

    def __init__(self, classes: Sequence[str], engine: EngineInfo) -> None:
        self._overlay = Overlay(classes, ShowSettings(details=True, hud=False), engine)

    def drawn(self, scene: Scene) -> U8:
        canvas = self._overlay.draw(scene).canvas
        assert canvas is not None
        return smaller(canvas)


def kept(scene: Scene, track: int, *, blurred: bool) -> U8:
    """What is stored with a decision about `track`: the face and what is around it; `blurred` hides every face."""
    bgr = scene.frame.bgr
    if blurred:
        bgr = bgr.copy()
        for other in scene.tracks:
            _hide(bgr, other.face.box)
    box = next(one.face.box for one in scene.tracks if one.id == track)
    x0, y0, x1, y1 = _around(box, bgr, 3 * WIDER)
    return smaller(bgr[y0:y1, x0:x1])


def _hide(bgr: U8, box: Box) -> None:
    """Averages the face over MOSAIC x MOSAIC patches, in place: what is gone cannot be sharpened back."""
    x0, y0, x1, y1 = _around(box, bgr, WIDER)
    part = bgr[y0:y1, x0:x1]
    few = cv2.resize(part, (MOSAIC, MOSAIC), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(few, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)


def _around(box: Box, bgr: U8, share: float) -> tuple[int, int, int, int]:
    height, width = bgr.shape[:2]
    dx, dy = share * box.width, share * box.height
    x0, y0 = max(0, int(box.x0 - dx)), max(0, int(box.y0 - dy))
    return x0, y0, max(x0 + 1, min(width, int(box.x1 + dx))), max(y0 + 1, min(height, int(box.y1 + dy)))
