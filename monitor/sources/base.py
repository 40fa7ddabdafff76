"""What the sources share: closing a device that may be in use, and passing a source on in a wrapper."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from monitor.ports import Source
from monitor.types import Frame, Gap


class Guarded:
    """A source whose device is released by the side that is free to: never while a read in another thread uses it.

    A subclass implements `_read` and calls `_hold` with what must be released. `close` from another thread returns
    at once; a read in progress ends within its own limit, answers None and releases the device.
    """

    def __init__(self) -> None:
        self._held: deque[Callable[[], None]] = deque()  # pop() is atomic: every device is released once
        self._reading = False
        self._closed = False

    def _hold(self, release: Callable[[], None]) -> None:
        self._held.append(release)

    def _release(self) -> None:
        while self._held:
            try:
                release = self._held.pop()
            except IndexError:  # the other thread was faster
                return
            release()

    def _read(self, timeout_s: float) -> Frame | Gap | None:
        raise NotImplementedError

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame; a Gap where a live source has none within `timeout_s`; None at the end and after close."""
        self._reading = True
        try:
            return None if self._closed else self._read(timeout_s)
        finally:
            self._reading = False
            if self._closed:
                self._release()

    def close(self) -> None:
        self._closed = True
        if not self._reading:
            self._release()


class Wrapper:
    """A source around a source."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source

    def close(self) -> None:
        self._source.close()


class Pauses:
    """Growing pauses between attempts: 0.5 s, doubling up to 10 s; `reset` after a success."""

    FIRST_S, LONGEST_S = 0.5, 10.0

    def __init__(self) -> None:
        self._next_s = self.FIRST_S
        self._due_s = -float("inf")

    def reset(self) -> None:
        self._next_s, self._due_s = self.FIRST_S, -float("inf")

    def failed(self) -> None:
        """Start the next pause, twice as long as the last."""
        self._due_s = time.monotonic() + self._next_s
        self._next_s = min(2 * self._next_s, self.LONGEST_S)

    def over_within(self, timeout_s: float) -> bool:
        """Sleep out the pause, but at most `timeout_s`; True when it is over."""
        left_s = self._due_s - time.monotonic()
        if left_s > 0:
            time.sleep(min(left_s, max(0.0, timeout_s)))
        return left_s <= timeout_s
