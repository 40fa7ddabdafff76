"""Processes that work for this one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Processes that start in this block never see Ctrl-C: it is for the one that started them, which ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: they have to ignore it themselves, a little later
        yield
        return
    resource_tracker.ensure_running()  # started by the first process, it would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
