"""The two bricks: a FIFO that either side's end wakes, and a thread that hands its exception back."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)
POLL_S = 0.25
"""How long a thread's own read may take before it looks whether it should end."""
JOIN_S, RELEASED_JOIN_S = 0.5, 6.0
"""Patience with a thread before and after its device is released; opening a stream may take 5 s."""


class Channel(Generic[T]):
    """A bounded FIFO between two threads; either side's end wakes the other.

    Full at `depth` items, or where one more would make them heavier than `most_bytes`; one item always fits.
    """

    def __init__(
        self, depth: int, *, most_bytes: float = float("inf"), bytes_of: Callable[[T], int] = lambda _: 0
    ) -> None:
        self._items: deque[T] = deque()
        self._depth = depth
        self._most_bytes, self._bytes_of = most_bytes, bytes_of
        self._changed = Condition()
        self._ended = False  # nothing more will be put
        self.stopped = False  # nothing more is wanted
        self.error: BaseException | None = None

    def put(self, item: T, *, timeout_s: float) -> bool:
        """True when taken; False when still full after `timeout_s`, or when nothing is wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._fits(item), timeout_s)
            if self.stopped or not self._fits(item):
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def _fits(self, item: T) -> bool:
        if not self._items:
            return True
        held_bytes = sum(map(self._bytes_of, self._items))
        return len(self._items) < self._depth and held_bytes + self._bytes_of(item) <= self._most_bytes

    def push(self, item: T) -> int:
        """Take `item` at once, at the cost of the oldest; how many were lost."""
        with self._changed:
            lost = 0
            while not self._fits(item):
                self._items.popleft()
                lost += 1
            self._items.append(item)
            self._changed.notify_all()
            return lost

    def get(self, timeout_s: float) -> T | None:
        """The oldest item; None where there is none within `timeout_s` or the channel is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self._ended or self._items, max(0.0, timeout_s))
            if self.stopped or not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    @property
    def over(self) -> bool:
        """True when `get` will never answer again."""
        with self._changed:
            return self.stopped or (self._ended and not self._items)

    @property
    def filled(self) -> bool:
        """`get` gives an item at once."""
        with self._changed:
            return bool(self._items)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes; what is inside can still be taken."""
        with self._changed:
            self._ended = True
            self.error = self.error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing more is wanted; what is inside is forgotten."""
        with self._changed:
            self.stopped = True
            self._items.clear()
            self._changed.notify_all()

    def raise_error(self) -> None:
        """Nothing, or what the other side's thread died of is raised here."""
        if self.error is not None:
            raise self.error

    def die(self, error: BaseException | None) -> None:
        """The taking side has ended, with or without an error: nothing more is wanted."""
        self.end(error)
        self.stop()

    def serve(self, handle: Callable[[T], None]) -> None:
        """Give each item to `handle`, until the channel is over."""
        while not self.over:
            item = self.get(POLL_S)
            if item is not None:
                handle(item)


def start(work: Callable[[], None], end: Callable[[BaseException | None], None], name: str) -> Thread:
    """A started daemon thread that hands the outcome of `work`, an exception or None, to `end`."""

    def run() -> None:
        try:
            work()
        except BaseException as error:  # belongs to whoever reads or writes: it is raised there
            end(error)
        else:
            end(None)

    thread = Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def finish(thread: Thread, release: Callable[[], None], patience_s: float = JOIN_S) -> None:
    """Wait for the thread, release its device in any case, wait again, warn."""
    thread.join(patience_s)
    try:
        release()
    finally:
        thread.join(RELEASED_JOIN_S)
        if thread.is_alive():
            log.warning("%s did not stop in time; it is left to end with the program", thread.name)
