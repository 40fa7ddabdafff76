"""One slot between a producer that never waits and any number of readers."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """The newest item wins; readers see it as often as they look."""

    def __init__(self, item: T) -> None:
        self._held = (0, item)
        self._changed = Condition()
        self._listeners: list[Callable[[], None]] = []

    def put(self, item: T) -> None:
        """Replaces the item and calls the listeners, in the producer's thread."""
        with self._changed:
            self._held = (self._held[0] + 1, item)
            self._changed.notify_all()
        for listener in tuple(self._listeners):
            listener()

    @property
    def newest(self) -> tuple[int, T]:
        """(how many were put before it, the item)."""
        return self._held

    def after(self, count: int, timeout_s: float) -> tuple[int, T] | None:
        """The newest item that is later than `count`; None where none comes in time."""
        with self._changed:
            return self._held if self._changed.wait_for(lambda: self._held[0] > count, timeout_s) else None

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls `listener` after every put. It must not block, and must not raise."""
        self._listeners.append(listener)
