"""Whether a face still looks as it did when it was last judged: far cheaper than to judge it again."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from monitor.types import F32, Box, Face, Frame

LOOK_PX = 12
"""Side of the small grey picture that is compared."""
CHANGED = 0.45
"""A mean difference of so much of the picture's own contrast is another look: a mask put on, a head turned away."""


class Glance:
    """Remembers how each track looked when it was last judged; forgets tracks that are not asked about."""

    def __init__(self, changed: float = CHANGED) -> None:
        self._changed = changed
        self._known: dict[int, F32] = {}
        self._now: dict[int, F32] = {}

    def calm(self, frame: Frame, faces: Iterable[tuple[int, Face]]) -> frozenset[int]:
        """Of the (id, face) in this frame, the ids that look as they did when `judged` was last told of them."""
        self._now = {i: look(frame, face.box) for i, face in faces}
        self._known = {i: known for i, known in self._known.items() if i in self._now}
        return frozenset(i for i, known in self._known.items() if _apart(known, self._now[i]) < self._changed)

    def judged(self, ids: Iterable[int]) -> None:
        """These are judged as they look in the frame that `calm` was asked about."""
        self._known.update({i: self._now[i] for i in ids if i in self._now})


def look(frame: Frame, box: Box) -> F32:
    """(LOOK_PX, LOOK_PX) grey of the face without its brightness and contrast: a lamp or a cloud changes little."""
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    x1, y1 = max(x0 + 1, int(box.x1)), max(y0 + 1, int(box.y1))
    step = max(1, min(x1 - x0, y1 - y0) // (4 * LOOK_PX))
    small = cv2.resize(frame.bgr[y0:y1:step, x0:x1:step], (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA)
    grey = small.astype(np.float32).mean(axis=2)
    grey -= grey.mean()
    return np.asarray(grey / max(float(grey.std()), 4.0), np.float32)


def _apart(a: F32, b: F32) -> float:
    return float(np.abs(a - b).mean())
