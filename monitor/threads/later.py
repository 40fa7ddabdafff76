"""Calls that one thread makes for us while we go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from monitor.threads.caller import Job
from monitor.threads.channel import Channel, finish, start

T = TypeVar("T")
PATIENCE_S = 120.0
"""A call that takes longer is given up."""


class Answer(Generic[T]):
    """What a call will give."""

    def __init__(self, job: Job, name: str) -> None:
        self._job, self._name = job, name

    def get(self, timeout_s: float = PATIENCE_S) -> T:
        """The value, waited for; raises what the call raised, or TimeoutError."""
        found = self._job.answer.get(timeout_s)
        if found is None:
            self._job.cancel()
            raise TimeoutError(f"{self._name}: no answer within {timeout_s:g} s")
        value, error = found
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]


class Later:
    """One thread; calls are made in the order they were asked for, at most two wait."""

    def __init__(self, *, name: str = "later") -> None:
        self._jobs: Channel[Job] = Channel(2)
        self._thread = start(lambda: self._jobs.serve(Job.run), self._jobs.die, name)

    def ask(self, fn: Callable[..., T], *args: Any) -> Answer[T]:
        """`fn(*args)`, to be made on the thread. Raises TimeoutError where those before it do not end; after close."""
        job = Job(fn, args)
        if not self._jobs.put(job, timeout_s=PATIENCE_S):
            raise TimeoutError(f"{self._thread.name} takes no more calls")
        return Answer(job, self._thread.name)

    def close(self) -> None:
        """What waits is not made; a call in progress is waited for a little while."""
        self._jobs.stop()
        finish(self._thread, lambda: None)
