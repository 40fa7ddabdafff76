"""Calls that other threads ask the owner of some state to make."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from monitor.threads.caller import Job
from monitor.threads.channel import Channel

T = TypeVar("T")
DEPTH = 16
PATIENCE_S = 15.0
"""With a call that has begun; the owner may be waiting for its disk."""


class StillRunning(RuntimeError):
    """Whether the call was made is not known yet."""


class Inbox:
    """`call` from any thread; `serve`, by the owner, makes what is waiting, in its own thread and time."""

    def __init__(self) -> None:
        self._jobs: Channel[Job] = Channel(DEPTH)

    def call(self, fn: Callable[[], T], timeout_s: float) -> T:
        """`fn()`, made by the owner; raises what it raises.

        TimeoutError where the owner does not come to it: then it is not made afterwards either. StillRunning where it
        has begun, and its end is not known after PATIENCE_S more.
        """
        job = Job(fn, ())
        end_s = time.monotonic() + timeout_s
        answer = None
        if self._jobs.put(job, timeout_s=timeout_s):
            answer = job.answer.get(end_s - time.monotonic())
        if answer is None and not job.cancel():
            answer = job.answer.get(PATIENCE_S)
            if answer is None:
                raise StillRunning(f"it was begun, and there is no answer within {timeout_s + PATIENCE_S:g} s")
        if answer is None:
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        value, error = answer
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def serve(self) -> None:
        """Makes the calls that wait now. Never waits itself."""
        while (job := self._jobs.get(0)) is not None:
            job.run()
