"""From the loop's thread into the event loop: everybody who waits for something new is woken at once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from monitor.kiosk.shown import Shown
from monitor.threads import Latest


class Pulse:
    """Beats after each step of the loop. Made and awaited in the event loop, beaten from any thread."""

    def __init__(self, latest: Latest[Shown]) -> None:
        self._latest = latest
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[None] = self._loop.create_future()
        self.closed = False
        latest.listen(self._tell)

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._beat)

    def _beat(self) -> None:
        waiting, self._next = self._next, self._loop.create_future()
        waiting.set_result(None)

    def close(self) -> None:
        """Wakes everybody for the last time."""
        self.closed = True
        self._beat()

    async def after(self, count: int, timeout_s: float) -> tuple[int, Shown] | None:
        """The newest step later than `count`; None where none comes in time, or at the end."""
        end_s = self._loop.time() + timeout_s
        while not self.closed:
            held = self._latest.newest
            if held[0] > count:
                return held
            left_s = end_s - self._loop.time()
            if left_s <= 0:
                return None
            waiting: Any = asyncio.shield(self._next)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiting, left_s)
        return None
