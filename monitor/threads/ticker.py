"""Something looked at again and again, beside everything else."""

from __future__ import annotations

from collections.abc import Callable

from monitor.threads.channel import POLL_S, Channel, finish, start


class Ticker:
    """Calls `look` every POLL_S in a thread of its own, until it raises or is closed."""

    def __init__(self, look: Callable[[], None], name: str) -> None:
        self._look = look
        self._over: Channel[None] = Channel(1)
        self._error: BaseException | None = None
        self._thread = start(self._work, self._ended, name)

    def _work(self) -> None:
        while not self._over.stopped:
            self._over.get(POLL_S)
            if not self._over.stopped:
                self._look()

    def _ended(self, error: BaseException | None) -> None:
        self._error = error

    def raise_error(self) -> None:
        """Nothing while it goes on; RuntimeError once it does not."""
        if not self._thread.is_alive():
            raise RuntimeError(f"the {self._thread.name} has ended") from self._error

    def close(self) -> None:
        self._over.stop()
        finish(self._thread, lambda: None)
