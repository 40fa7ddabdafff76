"""What has to be done now and then beside the loop: old events removed, the chain looked at, a stuck loop noticed."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from monitor.errors import MonitorError
from monitor.kiosk.web.desk import Desk
from monitor.threads.channel import POLL_S, Channel, finish, start

log = logging.getLogger("monitor.kiosk")
PURGE_EVERY_S = 3600.0
VERIFY_EVERY_S = 24 * 3600.0
EXIT_STUCK = 70
"""EX_SOFTWARE of sysexits.h: whoever supervises the process starts it again."""


def end_process() -> None:
    """At once: a thread that hangs in a driver would keep an orderly end waiting. What was decided is stored."""
    os._exit(EXIT_STUCK)


class Upkeep:
    """A thread of its own. `beat` says that the loop came round; without it for `watchdog_s` the process ends."""

    def __init__(self, desk: Desk, end: Callable[[], None] = end_process) -> None:
        self._desk, self._end = desk, end
        self._beaten_s: float | None = None
        self._purged_s = self._verified_s = -1e9
        self._over: Channel[None] = Channel(1)
        self._thread = start(self._work, lambda _: None, "upkeep")

    def beat(self) -> None:
        self._beaten_s = time.monotonic()

    def close(self) -> None:
        self._beaten_s = None
        self._over.stop()
        finish(self._thread, lambda: None)

    def _work(self) -> None:
        while not self._over.stopped:
            self._over.get(POLL_S)
            self._watch()
            now_s = time.monotonic()
            try:
                if now_s - self._purged_s >= PURGE_EVERY_S:
                    self._purged_s = now_s
                    self._purge()
                if now_s - self._verified_s >= VERIFY_EVERY_S:
                    self._verified_s = now_s
                    self._verify()
            except MonitorError as error:
                log.error("upkeep: %s", error)

    def _watch(self) -> None:
        beaten_s, patience_s = self._beaten_s, self._desk.settings.watchdog_s
        if beaten_s is not None and time.monotonic() - beaten_s > patience_s:
            log.critical("the loop has not come round for %.0f s: camera or engine is stuck; ending", patience_s)
            self._end()
            self._beaten_s = None

    def _purge(self) -> None:
        removed = self._desk.store.purge(time.time() - 86400 * self._desk.settings.store.keep_days)
        if removed:
            log.info("%d events older than %g days removed", removed, self._desk.settings.store.keep_days)

    def _verify(self) -> None:
        verdict = self._desk.store.verify()
        self._desk.verified = verdict.holds
        if not verdict.holds:
            log.error("the chain of events does not hold: %s", verdict.first_break)
