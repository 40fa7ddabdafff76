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
        self._wall, self._steady, self._last_at, self._keep_s = wall, steady, last_at, keep_s
        self._settle()

    def _settle(self) -> None:
        """From now on the clock counts as it is, once it has gone on like that for a while."""
        self._apart_s = self._wall() - self._steady()
        # By such a clock everything is to go. That is right for a door that was closed for long, and can wait a day.
        all_old = self._last_at is not None and self._wall() - self._last_at > self._keep_s
        self._trusted_s = self._steady() + (MISTRUST_S if all_old else SETTLE_S)
        self._ever = False
        """It was trusted."""

    def trusted(self) -> bool:
        """False for SETTLE_S from the start on, and for MISTRUST_S where it was set later or jumped over all events.

        To be asked often: a machine without a clock of its own is set right soon after its start, and that is no reason
        to mistrust it for longer than it may be on.
        """
        apart_s = self._wall() - self._steady()
        if abs(apart_s - self._apart_s) > JUMP_S:
            log.warning("the clock was set by %+.0f s", apart_s - self._apart_s)
            late = self._ever
            self._settle()
            if late:
                log.error("nothing is removed for a day: the clock was set while the kiosk ran")
                self._trusted_s = self._steady() + MISTRUST_S
        self._ever |= self._steady() >= self._trusted_s
        return self._steady() >= self._trusted_s
