"""Which pictures are looked at where not every one is, and how far apart that puts them."""

from __future__ import annotations

import math

from monitor.follow import WAITS
from monitor.settings import Settings


class Stride:
    """Chooses by media time, not by counting: in each part of a recording the same pictures are looked at.

    Time is cut into steps of `stride` pictures of the average rate, half a picture before those that are due where the
    rate is even; the first picture in each step is looked at. Where the rate is not known, each picture is.
    """

    def __init__(self, stride: int, fps: float, *, first: bool) -> None:
        """`first`: the first picture that is asked about has none before it, so it is looked at."""
        self._stride, self._fps, self._first = stride if fps > 0 else 1, fps, first
        self._step: int | None = None

    def takes(self, t: float) -> bool:
        """Whether the next picture, at `t` seconds, is looked at."""
        if self._stride == 1:
            return True
        # Of the one before the first nothing is known but the average rate.
        before = self._step_of(t - 1 / self._fps) if self._step is None else self._step
        first, self._first = self._first, False
        self._step = self._step_of(t)
        return first or self._step != before

    def _step_of(self, t: float) -> int:
        return math.floor((t * self._fps + 0.5) / self._stride)


def every_s(settings: Settings, fps: float) -> float:
    """Seconds between two pictures that are looked at, on average; 0 where that is not known."""
    return settings.analysis.stride / fps if fps > 0 else 0.0


def patience_s(settings: Settings, fps: float) -> float:
    """How long somebody who is not found any more may be known again, as the tracker waits for him."""
    return max(settings.track.lost_s, WAITS * every_s(settings, fps))
