"""What makes footage hard to judge: darkness and cuts, measured on a coarse grid of each picture's pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from monitor.types import F32, U8, UNDECIDED

DARK = 0.16
"""A picture whose mean brightness (0 to 1) is below this counts as dark."""
CUT, CUT_RATIO = 0.16, 3.0
"""Two pictures that differ by so much of the whole range on average, and by so many times more than the two before."""
MUCH = 0.1
"""A share from which people are warned."""
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

    def told(
        self,
        seconds: Mapping[str, float],
        reasons: Mapping[str, float],
        damaged: int,
        most_cuts: int,
        skipped: Sequence[str] = (),
    ) -> dict[str, Any]:
        """What analysis.json says; `seconds` of people by label, `reasons` of the undecided ones."""
        looked, total_s = max(1, self.looked_at), max(1e-9, sum(seconds.values()))
        shares = {f"{why}_share": round(reasons.get(why, 0.0) / total_s, 4) for why in ("small", "blurred", "unclear")}
        dark_share = round(self.dark / looked, 4)
        checks = (
            (dark_share >= MUCH, f"{dark_share:.0%} of the pictures are too dark to judge faces well"),
            (
                shares["small_share"] >= MUCH,
                f"{shares['small_share']:.0%} of the time faces are too small to be judged",
            ),
            (shares["blurred_share"] >= MUCH, f"{shares['blurred_share']:.0%} of the time faces are too blurred"),
            (shares["unclear_share"] >= MUCH, f"{shares['unclear_share']:.0%} of the time faces are hardly faces"),
            (seconds.get(UNDECIDED, 0.0) >= 0.3 * total_s, "more than 30% of the time people are undecided"),
            (len(self.cuts) > 0, f"{len(self.cuts)} cuts: people are followed across them only where they stand"),
            (damaged > 0, f"{damaged} packets or pictures are damaged: what they showed was not seen"),
            (len(skipped) > 0, f"{len(skipped)} pictures could not be read: {'; '.join(skipped[:5])}"),
            (self.looked_at == 0, "no picture could be decoded"),
        )
        return {
            "brightness": round(self.brightness_sum / looked, 3), "dark_share": dark_share, **shares,
            "cuts": [round(t, 3) for t in self.cuts[:most_cuts]], "cuts_total": len(self.cuts),
            "warnings": [text for holds, text in checks if holds],
        }  # fmt: skip


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
