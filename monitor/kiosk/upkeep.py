"""What has to be done now and then beside the loop: old events removed, the chain looked at, a silent loop told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from monitor.kiosk.clock import Clock
from monitor.kiosk.facts import Decision, State
from monitor.kiosk.shown import STUCK_S
from monitor.kiosk.store import Store, StoreError
from monitor.kiosk.watchdog import Watchdog
from monitor.kiosk.web.desk import Desk
from monitor.threads import Ticker

log = logging.getLogger("monitor.kiosk")
PURGE_EVERY_S = 3600.0
VERIFY_EVERY_S = 24 * 3600.0
SOON_S = 60.0
"""Where the clock is not to be trusted yet."""


def close_the_door(store: Store, state: State, why: str) -> None:
    """Stores that the door is closed, where that is not what was stored last: targets act on it. Raises StoreError."""
    last = store.latest("door")
    if last is not None and last.state != state.value:
        evidence = {"before": last.state, "persons": [], "why": why}
        store.add(Decision("door", state.value, None, evidence), at=time.time())


class Upkeep:
    """Two threads: one may look through the store for minutes, the other tells a silent loop meanwhile."""

    def __init__(self, desk: Desk, watchdog: Watchdog, tell: Callable[[], None], clock: Clock) -> None:
        """`tell` wakes the deliveries."""
        self._desk, self._watchdog, self._tell, self._clock = desk, watchdog, tell, clock
        self._due_s = {self._purge: 0.0, self._verify: 0.0}
        self._told = False
        self._tickers = (
            Ticker(lambda: _tried(self._tell_silence), "silence"),
            Ticker(lambda: _tried(self._look_after), "upkeep"),
        )

    def raise_error(self) -> None:
        """Nothing while they work; RuntimeError once one does not."""
        for ticker in self._tickers:
            ticker.raise_error()

    def close(self) -> None:
        for ticker in self._tickers:
            ticker.close()

    def _look_after(self) -> None:
        self._clock.trusted()  # each time, so that it knows when it was set
        for job, due_s in self._due_s.items():
            if time.monotonic() >= due_s:
                self._due_s[job] = time.monotonic() + (PURGE_EVERY_S if job == self._purge else VERIFY_EVERY_S)
                job()

    def _tell_silence(self) -> None:
        """Who acts on the door's state must not go on with a welcome while the loop hangs."""
        silent, entrance = self._watchdog.silent_s > STUCK_S, self._desk.entrance
        if silent and not self._told and entrance is not None:
            entrance.pause()
            close_the_door(self._desk.store, State.FAULT, "the loop hangs")
            entrance.pause()  # it may have come round meanwhile, and opened again
            self._tell()
        self._told = silent

    def _purge(self) -> None:
        if not self._clock.trusted():
            self._due_s[self._purge] = time.monotonic() + SOON_S
            return
        removed = self._desk.store.purge(time.time() - 86400 * self._desk.settings.store.keep_days)
        if removed:
            log.info("%d events older than %g days removed", removed, self._desk.settings.store.keep_days)

    def _verify(self) -> None:
        self._desk.verified = None
        try:
            verdict = self._desk.store.verify()
        except StoreError:
            self._desk.verified = False  # what cannot be read does not hold; asked again soon, it may
            self._due_s[self._verify] = time.monotonic() + PURGE_EVERY_S
            raise
        self._desk.verified = verdict.holds
        if not verdict.holds:
            log.error("the chain of events does not hold: %s", verdict.first_break)


def _tried(job: Callable[[], None]) -> None:
    """The next round may go better, and the door does not wait for it."""
    try:
        job()
    except Exception as error:
        log.error("upkeep: %s", error, exc_info=not hasattr(error, "hint"))
