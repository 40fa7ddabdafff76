"""What makes footage hard to judge: darkness and cuts, measured on a coarse grid of each picture's pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from monitor.types import F32, U8

DARK = 0.16
"""A picture whose mean brightness (0 to 1) is below this counts as dark."""
CUT, CUT_RATIO = 0.16, 3.0
"""Two pictures that differ by so much of the whole range on average, and by so many times more than the two before."""
_GRID = 48


@dataclass
class Quality:
    """Counts of one stretch of footage; those of several stretches are added."""

    decoded: int = 0
    looked_at: int = 0
    dark: int = 0
    brightness_sum: float = 0.0
    cuts: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "decoded": self.decoded, "looked_at": self.looked_at, "dark": self.dark,
            "brightness_sum": round(self.brightness_sum, 4), "cuts": self.cuts,
        }  # fmt: skip

    def add(self, told: dict[str, Any]) -> None:
        """Adds what `as_json` gave of another stretch."""
        self.decoded += told["decoded"]
        self.looked_at += told["looked_at"]
        self.dark += told["dark"]
        self.brightness_sum += told["brightness_sum"]
        self.cuts += told["cuts"]


class Eye:
    """Looks at pictures in a row."""

    def __init__(self) -> None:
        self.quality = Quality()
        self._last: F32 | None = None
        self._moved: float | None = None

    def see(self, bgr: U8, t: float, *, still: bool, told: bool) -> None:
        """Measures a picture; one that is not `told` only serves to compare the next one with."""
        step = max(1, min(bgr.shape[:2]) // _GRID)
        now = bgr[step // 2 :: step, step // 2 :: step].astype(np.float32) / np.float32(255)
        moved: float | None = None
        if self._last is not None and self._last.shape == now.shape and not still:
            moved = float(np.abs(now - self._last).mean())
            if told and self._moved is not None and moved >= CUT and moved >= CUT_RATIO * self._moved:
                self.quality.cuts.append(t)
        self._last, self._moved = now, moved
        if told:
            brightness = float(now.mean())
            self.quality.looked_at += 1
            self.quality.brightness_sum += brightness
            self.quality.dark += brightness < DARK
