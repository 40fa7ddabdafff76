"""What has to be done now and then beside the loop: old events removed, the chain looked at, a silent loop told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from monitor.kiosk.facts import Decision, State
from monitor.kiosk.shown import STUCK_S
from monitor.kiosk.store import Store
from monitor.kiosk.watchdog import Watchdog
from monitor.kiosk.web.desk import Desk
from monitor.threads import Ticker

log = logging.getLogger("monitor.kiosk")
PURGE_EVERY_S = 3600.0
VERIFY_EVERY_S = 24 * 3600.0
JUMP_S = 3600.0
"""A clock on the wall that goes so much faster or slower than the steady one was set, rightly or wrongly."""
MISTRUST_S = 24 * 3600.0
"""Nothing is removed by a clock that was set less than so long ago."""


def close_the_door(store: Store, state: State, why: str) -> None:
    """Stores that the door is closed, where that is not what was stored last: targets act on it. Raises StoreError."""
    last = store.latest("door")
    if last is not None and last.state != state.value:
        evidence = {"before": last.state, "persons": [], "why": why}
        store.add(Decision("door", state.value, None, evidence), at=time.time())


class Clock:
    """Whether the clock on the wall may be trusted with removing things."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._apart_s = wall() - steady()
        self._trusted_s = steady()

    def trusted(self) -> bool:
        """False for MISTRUST_S after it was set."""
        apart_s = self._wall() - self._steady()
        if abs(apart_s - self._apart_s) > JUMP_S:
            log.error("the clock was set by %+.0f s: nothing is removed for a day", apart_s - self._apart_s)
            self._apart_s, self._trusted_s = apart_s, self._steady() + MISTRUST_S
        return self._steady() >= self._trusted_s


class Upkeep:
    """A thread of its own, which may wait for the disk."""

    def __init__(self, desk: Desk, watchdog: Watchdog, tell: Callable[[], None]) -> None:
        """`tell` wakes the deliveries."""
        self._desk, self._watchdog, self._tell = desk, watchdog, tell
        self._clock = Clock()
        self._due_s = {self._purge: 0.0, self._verify: 0.0}
        self._told = False
        self._ticker = Ticker(self._look, "upkeep")

    def raise_error(self) -> None:
        """Nothing while it works; RuntimeError once it does not."""
        self._ticker.raise_error()

    def close(self) -> None:
        self._ticker.close()

    def _look(self) -> None:
        try:
            self._tell_silence()
            for job, due_s in self._due_s.items():
                if time.monotonic() >= due_s:
                    self._due_s[job] = time.monotonic() + (PURGE_EVERY_S if job == self._purge else VERIFY_EVERY_S)
                    job()
        except Exception as error:  # the next round may go better, and the door does not wait for it
            log.error("upkeep: %s", error, exc_info=not hasattr(error, "hint"))

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
            return
        removed = self._desk.store.purge(time.time() - 86400 * self._desk.settings.store.keep_days)
        if removed:
            log.info("%d events older than %g days removed", removed, self._desk.settings.store.keep_days)

    def _verify(self) -> None:
        verdict = self._desk.store.verify()
        self._desk.verified = verdict.holds
        if not verdict.holds:
            log.error("the chain of events does not hold: %s", verdict.first_break)
