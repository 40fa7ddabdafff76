"""Whether a face still looks as it did when it was last judged: far cheaper than to judge it again."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from monitor.types import F32, Box, Face, Frame

LOOK_PX = 12
"""Side of the small picture that is compared."""
CHANGED = 0.35
"""A mean difference of so much of the picture's own contrast is another look: a mask put on, a head turned away."""

SETTLED_S = 1.0
"""Who looked otherwise counts as changing for so long: one judgement of a new look is not enough."""


class Glance:
    """Remembers how each track looked when it was last judged; forgets tracks that are not asked about."""

    def __init__(self, changed: float = CHANGED) -> None:
        self._changed = changed
        self._known: dict[int, F32] = {}
        self._changed_t: dict[int, float] = {}
        self._now: dict[int, F32] = {}

    def calm(self, frame: Frame, faces: Iterable[tuple[int, Face]]) -> frozenset[int]:
        """Of the (id, face) in this frame, the ids that look as they did when `judged` was last told of them.

        Nobody who looked otherwise within the last SETTLED_S.
        """
        self._now = {i: look(frame, face.box) for i, face in faces}
        self._known = {i: known for i, known in self._known.items() if i in self._now}
        self._changed_t = {i: t for i, t in self._changed_t.items() if i in self._now}
        for i, known in self._known.items():
            if _apart(known, self._now[i]) >= self._changed:
                self._changed_t[i] = frame.t
        return frozenset(i for i in self._known if frame.t - self._changed_t.get(i, -np.inf) >= SETTLED_S)

    def judged(self, ids: Iterable[int]) -> None:
        """These are judged as they look in the frame that `calm` was asked about."""
        self._known.update({i: self._now[i] for i in ids if i in self._now})


def look(frame: Frame, box: Box) -> F32:
    """(LOOK_PX, LOOK_PX, 3) of the face without its brightness and contrast: a lamp or a cloud changes little."""
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    x1, y1 = max(x0 + 1, int(box.x1)), max(y0 + 1, int(box.y1))
    step = max(1, min(x1 - x0, y1 - y0) // (4 * LOOK_PX))
    small = cv2.resize(frame.bgr[y0:y1:step, x0:x1:step], (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA)
    bgr = small.astype(np.float32)
    bgr -= bgr.mean()
    return np.asarray(bgr / max(float(bgr.std()), 4.0), np.float32)


def _apart(a: F32, b: F32) -> float:
    return float(np.abs(a - b).mean())
