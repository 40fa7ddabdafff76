"""One wait for several producers."""

from __future__ import annotations

from threading import Event


class Bell:
    """`ring` from any thread; `wait` in one: it ends with the first ring since the last wait, or the time."""

    def __init__(self) -> None:
        self._rung = Event()

    def ring(self) -> None:
        """Ends the wait, or the next one."""
        self._rung.set()

    def wait(self, timeout_s: float) -> bool:
        """True where it rang."""
        rang = self._rung.wait(timeout_s)
        self._rung.clear()
        return rang
