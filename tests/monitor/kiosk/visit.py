"""A film of one visit to the door, in which a test knows what is true when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from monitor.types import U8
from tests.people import HOPPER, person
from tests.videos import write_video

WIDTH_PX, HEIGHT_PX, FPS = 640, 360, 25
BLUE, GREEN = (90, 0, 0), (0, 90, 0)
PARTS: tuple[tuple[str, float], ...] = (
    ("nobody", 1.0), ("far", 1.6), ("bare", 2.2), ("masked", 2.2), ("fake", 2.2), ("nobody", 2.2),
)  # fmt: skip
"""What the film shows, and for how many seconds; colours stand for classes, as colour_bundle reads them."""
LENGTH_S = sum(seconds for _, seconds in PARTS)
SAID = {"nobody": "idle", "far": "closer", "bare": "put_on", "masked": "welcome", "fake": "staff"}
"""What a door that wants masks says of each part in the end."""


def causes_s() -> list[tuple[str, float]]:
    """(what the door should say, second of the film from which on) of every part."""
    found, t = [], 0.0
    for part, seconds in PARTS:
        found.append((SAID[part], t))
        t += seconds
    return found


def film(path: Path, parts: Sequence[tuple[str, float]] = PARTS) -> Path:
    """The film: somebody appears far away, is near, and turns green and blue."""
    frames = []
    for part, seconds in parts:
        frames += [_picture(part, i) for i in range(round(seconds * FPS))]
    return write_video(path, frames, options={"crf": "18", "preset": "ultrafast"})


def _picture(part: str, i: int) -> U8:
    bgr = np.full((HEIGHT_PX, WIDTH_PX, 3), 110, np.uint8)
    if part == "nobody":
        return bgr
    who = person(HOPPER, height_px=90 if part == "far" else 330)
    grey = cv2.cvtColor(cv2.cvtColor(who, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(np.int16)
    tint = {"masked": GREEN, "fake": BLUE}.get(part, (0, 0, 0))
    tinted = np.clip(grey + np.array(tint, np.int16), 0, 255).astype(np.uint8)
    height, width = tinted.shape[:2]
    x = (WIDTH_PX - width) // 2 + round(6 * np.sin(i / 6))
    bgr[HEIGHT_PX - height :, x : x + width] = tinted
    return bgr
