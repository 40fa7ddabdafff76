"""Scenes made by hand, for what comes after the loop."""

from __future__ import annotations

import numpy as np

from monitor.types import Box, Face, Frame, Scene, Track

CLASSES = ("real", "fake", "mask")


def frame(
    index: int, t: float, *, width_px: int = 64, height_px: int = 48, grey: int = 90, wall: float | None = None
) -> Frame:
    bgr = np.full((height_px, width_px, 3), grey, np.uint8)
    bgr.setflags(write=False)
    return Frame(index, t, wall, bgr)


def track(
    track_id: int,
    label: str | None = None,
    *,
    box: tuple[float, float, float, float] = (10, 10, 30, 34),
    p: float = 0.9,
    seen_t: float = 1e9,
    judged_t: float | None = None,
    judgements: int = 4,
    reason: str | None = None,
) -> Track:
    """Seen, and judged, when the test says; by default now, whenever that is."""
    probs = None
    if judgements:
        probs = np.full(3, (1 - p) / 2, np.float32)
        probs[0 if label is None else CLASSES.index(label)] = p
    index = None if label is None else CLASSES.index(label)
    reason = reason or ("few judgements" if label is None else None)
    x0, y0, x1, y1 = box
    points = np.array([[x0 + (x1 - x0) * fx, y0 + (y1 - y0) * fy] for fx, fy in ((0.3, 0.4), (0.7, 0.4))], np.float32)
    judged_t = seen_t if judged_t is None else judged_t
    return Track(track_id, Face(Box(*box), 0.9, points), 0.0, seen_t, judged_t, judgements, probs, index, reason)


def scene(index: int, t: float, *tracks: Track, ms: dict[str, float] | None = None, **look: float | None) -> Scene:
    return Scene(frame(index, t, **look), tracks, ms or {})  # type: ignore[arg-type]
