"""How many judgements a frame may have."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

from monitor.settings import TrackSettings
from monitor.types import Frame

CARRY_S = 0.25
"""Unused allowance is kept for so long, so that a group walking in is judged at once."""
ALWAYS_S, ALWAYS_PER_S = 1e-3, 1e9


def every_face(track: TrackSettings) -> TrackSettings:
    """The settings with each face that is found due in each picture, and room for all of them."""
    always = replace(track, judge_every_s=ALWAYS_S, judgements_per_s=ALWAYS_PER_S)
    return replace(always, stable_every_s=None, changing_every_s=None)


class Budget(Protocol):
    def allow(self, frame: Frame) -> int:
        """Judgements that the frame may have."""
        ...

    def spent(self, n: int, seconds: float) -> None:
        """Reports that `n` judgements were made and what they cost."""
        ...


class MediaBudget:
    """For files: from media time alone, so that results do not depend on the machine's speed."""

    def __init__(self, judgements_per_s: float) -> None:
        self._rate = judgements_per_s
        self._left = max(1.0, judgements_per_s * CARRY_S)
        self._t: float | None = None

    def allow(self, frame: Frame) -> int:
        t = frame.t
        if self._t is not None:
            self._left = min(self._left + self._rate * max(0.0, t - self._t), max(1.0, self._rate * CARRY_S))
        self._t = t
        # Times come from sums of fractions: 0.9999999 of a judgement is one.
        return math.floor(self._left + 1e-6)

    def spent(self, n: int, seconds: float) -> None:
        del seconds  # what it cost this machine must not matter
        self._left -= n


class LiveBudget:
    """For live sources: as many as fit into `share` of the time between the camera's frames, at least one.

    The camera's, not ours: where frames are lost there is less time, not more.
    """

    def __init__(self, share: float, *, memory: float = 0.9) -> None:
        self._share, self._memory = share, memory
        self._cost_s: float | None = None
        self._interval_s: float | None = None
        self._last: tuple[int, float] | None = None

    def allow(self, frame: Frame) -> int:
        if self._last is not None and frame.t > self._last[1] and frame.index > self._last[0]:
            every_s = (frame.t - self._last[1]) / (frame.index - self._last[0])
            self._interval_s = self._mix(self._interval_s, min(every_s, 0.5))
        self._last = frame.index, frame.t
        if self._cost_s is None or self._interval_s is None:
            return 1
        return max(1, math.floor(self._share * self._interval_s / self._cost_s))

    def spent(self, n: int, seconds: float) -> None:
        if n > 0:
            self._cost_s = self._mix(self._cost_s, seconds / n)

    def _mix(self, old: float | None, new: float) -> float:
        return new if old is None else self._memory * old + (1 - self._memory) * new
