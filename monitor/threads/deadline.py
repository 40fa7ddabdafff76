"""A limit for what has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer


@contextmanager
def deadline(after_s: float, late: Callable[[], None]) -> Iterator[None]:
    """Calls `late` from another thread where the block is not over after `after_s`: it should make the block fail."""
    timer = Timer(after_s, late)
    timer.name, timer.daemon = "deadline", True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
