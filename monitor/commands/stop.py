"""Being asked to stop: Ctrl-C and SIGTERM set one plain value, which the loop looks at between frames."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130


class StopFlag:
    """True once somebody asked to stop."""

    def __init__(self) -> None:
        self._signum = 0

    def __call__(self) -> bool:
        return self._signum != 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within this block the first SIGINT or SIGTERM only sets the flag; a second one acts as usual."""
        usual: dict[signal.Signals, Callable[[int, FrameType | None], Any] | signal.Handlers] = {
            signal.SIGINT: signal.default_int_handler,
            signal.SIGTERM: signal.SIG_DFL,
        }

        def ask(signum: int, _frame: FrameType | None) -> None:
            self._signum = signum
            signal.signal(signum, usual[signal.Signals(signum)])

        for signum in usual:
            signal.signal(signum, ask)
        try:
            yield
        finally:
            for signum, handler in usual.items():
                signal.signal(signum, handler)

    def status(self, status: int) -> int:
        """The exit status, where a job that was interrupted before it was complete says by which signal."""
        return 128 + self._signum if status == INTERRUPTED and self._signum else status
