"""Notices a loop that hangs in a camera's driver, an engine or the disk. It does nothing else, so it cannot hang."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from monitor.threads import Ticker

log = logging.getLogger("monitor.kiosk")
START_S = 300.0
"""The first step may take so long: an engine may have to be built."""
EXIT_STUCK = 70
"""EX_SOFTWARE of sysexits.h: whoever supervises the process starts it again."""


def end_process() -> None:
    """At once: a thread that hangs in a driver would keep an orderly end waiting. What was decided is stored."""
    os._exit(EXIT_STUCK)


class Watchdog:
    """Ends the process where the loop does not come round for `patience_s`."""

    def __init__(self, patience_s: float, end: Callable[[], None] = end_process) -> None:
        self._patience_s, self._end = patience_s, end
        self._beaten_s: float | None = None
        self._began_s = time.monotonic()
        self._ticker = Ticker(self._look, "watchdog")

    def beat(self) -> None:
        """The loop has come round."""
        self._beaten_s = time.monotonic()

    @property
    def silent_s(self) -> float:
        """Since the last beat; 0 before the first."""
        beaten_s = self._beaten_s
        return 0.0 if beaten_s is None else time.monotonic() - beaten_s

    def raise_error(self) -> None:
        """Nothing while it watches; RuntimeError once it does not."""
        self._ticker.raise_error()

    def close(self) -> None:
        self._ticker.close()

    def _look(self) -> None:
        late_s = time.monotonic() - self._began_s if self._beaten_s is None else self.silent_s
        allowed_s = max(START_S, self._patience_s) if self._beaten_s is None else self._patience_s
        if late_s > allowed_s:
            log.critical("the loop has not come round for %.0f s: camera, engine or disk is stuck; ending", late_s)
            self._end()
