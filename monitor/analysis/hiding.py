"""Hides faces for good: of what is under a face's place a few coarse patches stay, and nothing of them can be undone.

Every find is hidden, also one that became nobody, and everybody also shortly before they are first found and after
they are last found: the analysis knows what is yet to come.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from monitor.analysis.sights import Sights, us_of
from monitor.types import F32, U8, Box

Hiding: TypeAlias = Literal["off", "blur", "pixelate"]
EDGE = 0.25
"""So much of its width and height is hidden around a face's box as well, on each side."""
PERSON_S, FIND_S = 0.5, 0.3
"""So long before and after a person's, and a single find's, time their places are hidden."""
GAP_S = 1.0
"""Somebody who is not seen for less is hidden all along."""
PATCHES = 4
"""Patches of one colour across a face; blurred, they have soft steps between. With eight a smile can still be read, and
the detector is as sure as before; with four it would not begin to follow anybody there."""
_LEAST_PX = 4
"""No patch is smaller."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is hidden: the boxes a face was in, or is on its way between."""

    box: Box
    """Around all of them, enlarged."""
    face_px: float
    """The largest face's longer side: how coarse it must be."""


def place_of(*boxes: Box) -> Place:
    """One place for a face that is at all of `boxes`, or between them."""
    wide = [Box(b.x0 - EDGE * b.width, b.y0 - EDGE * b.height, b.x1 + EDGE * b.width, b.y1 + EDGE * b.height)
            for b in boxes]  # fmt: skip
    around = Box(min(b.x0 for b in wide), min(b.y0 for b in wide), max(b.x1 for b in wide), max(b.y1 for b in wide))
    return Place(around, max(max(b.width, b.height) for b in boxes))


class Places:
    """What must be hidden at a moment."""

    def __init__(self, sights: Sights, apart_s: float = 0.0) -> None:
        """`apart_s` is the time between two pictures that were looked at, where not every one was."""
        self._sights = sights
        self._person_us, self._find_us = (1e6 * max(s, apart_s) for s in (PERSON_S, FIND_S))
        self._gap_us = 1e6 * max(GAP_S, 1.5 * apart_s)
        self._finds = [us for us, _ in sights.strangers]

    def at(self, t: float) -> list[Place]:
        """The places at `t`; overlapping ones are all given."""
        us = us_of(t)
        first = bisect_left(self._finds, us - self._find_us - 1)
        last = bisect_right(self._finds, us + self._find_us + 1)
        single = {box: None for _, box in self._sights.strangers[first:last]}
        return [*self._people(us), *(place_of(box) for box in single)]

    def _people(self, us: int) -> Iterator[Place]:
        for person in self._sights.people:
            before, after = self._sights.around(person, us)
            if before is not None and after is not None and after.us - before.us <= self._gap_us:
                yield place_of(before.track.face.box, after.track.face.box)
                continue
            for sight in (before, after):
                if sight is not None and abs(sight.us - us) <= self._person_us + 1:
                    yield place_of(sight.track.face.box)


def hidden(bgr: U8, places: Sequence[Place], how: Hiding) -> U8:
    """A copy in which nothing can be seen of what lies at `places`; `bgr` itself where nothing is to be hidden."""
    if how == "off" or not places:
        return bgr
    canvas = bgr.copy()
    for place in places:
        _hide(canvas, place, smooth=how == "blur")
    return canvas


def _hide(canvas: U8, place: Place, *, smooth: bool) -> None:
    patch_px = max(place.face_px / PATCHES, _LEAST_PX)
    # Blurred, what is around the place fades in, outside of it.
    fade_px = round(patch_px / 2) if smooth else 0
    x0, x1 = math.floor(place.box.x0), math.ceil(place.box.x1)
    y0, y1 = math.floor(place.box.y0), math.ceil(place.box.y1)
    area = canvas[max(0, y0 - fade_px) : max(0, y1 + fade_px), max(0, x0 - fade_px) : max(0, x1 + fade_px)]
    if not area.size:
        return
    height, width = area.shape[:2]
    grid = max(1, int(width / patch_px)), max(1, int(height / patch_px))
    few = cv2.resize(area, grid, interpolation=cv2.INTER_AREA)
    if not smooth:
        area[:] = cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST)
        return
    many = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
    down = _ramp(y0 - max(0, y0 - fade_px), y1 - max(0, y0 - fade_px), height, fade_px)
    right = _ramp(x0 - max(0, x0 - fade_px), x1 - max(0, x0 - fade_px), width, fade_px)
    share = down[:, None] * right
    area[:] = cv2.blendLinear(many, area, share, 1 - share)


def _ramp(start: int, end: int, size: int, fade_px: int) -> F32:
    """1 from start to end, falling to 0 over `fade_px` on each side."""
    at = np.arange(size, dtype=np.float32)
    away = np.maximum(np.maximum(start - at, at - (end - 1)), 0)
    return np.asarray(np.maximum(0, 1 - away / (fade_px + 1)), np.float32)
