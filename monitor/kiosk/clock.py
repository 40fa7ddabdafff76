"""Whether the clock on the wall may be trusted with removing things."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

log = logging.getLogger("monitor.kiosk")
JUMP_S = 3600.0
"""A clock on the wall that goes so much faster or slower than the steady one was set, rightly or wrongly."""
MISTRUST_S = 24 * 3600.0
"""Nothing is removed by a clock that was set less than so long ago."""
SETTLE_S = 3600.0
"""Nor so soon after the start: until a machine has found a network, its clock may be anything."""


def steady_s() -> float:
    """Seconds that nobody sets; they go on while the machine sleeps, where the system has such a clock."""
    if sys.platform != "linux":
        return time.monotonic()
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """The clock on the wall beside a steady one, from the start on."""

    def __init__(
        self, last_at: float | None, keep_s: float,
        wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady_s,
    ) -> None:  # fmt: skip
        """`last_at`: when the newest event before this start was stored; events older than `keep_s` are removed."""
        self._wall, self._steady = wall, steady
        self._apart_s = wall() - steady()
        # By such a clock everything is to go. That is right for a door that was closed for long, and can wait a day.
        all_old = last_at is not None and wall() - last_at > keep_s
        self._trusted_s = steady() + (MISTRUST_S if all_old else SETTLE_S)

    def trusted(self) -> bool:
        """False for SETTLE_S from the start on, and for MISTRUST_S after it was set or jumped over all events."""
        apart_s = self._wall() - self._steady()
        if abs(apart_s - self._apart_s) > JUMP_S:
            log.error("the clock was set by %+.0f s: nothing is removed for a day", apart_s - self._apart_s)
            self._apart_s, self._trusted_s = apart_s, self._steady() + MISTRUST_S
        return self._steady() >= self._trusted_s
