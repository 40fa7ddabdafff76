"""Calls made by one guarded thread for the others."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from threading import Lock, get_native_id
from typing import Any, Generic, TypeVar

from monitor.threads.channel import POLL_S, Channel, finish, start

T = TypeVar("T")
PATIENCE_S = 120.0
"""A call that takes longer is given up."""
NICE = 10
"""Of threads that yield: a tenth of a processor that somebody else wants, all of one that nobody does."""


class Job:
    """One call and its answer. It is made or cancelled, never both."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.fn, self.args = fn, args
        self.answer: Channel[tuple[Any, BaseException | None]] = Channel(1)
        self._claim = Lock()

    def cancel(self) -> bool:
        """True when the call will not be made; False when it has begun."""
        return self._claim.acquire(blocking=False)

    def run(self) -> None:
        if not self._claim.acquire(blocking=False):  # whoever asked has given up
            return
        try:
            self.answer.push((self.fn(*self.args), None))
        except BaseException as error:  # raised again by call()
            self.answer.push((None, error))


class Answer(Generic[T]):
    """What a call will give."""

    def __init__(self, job: Job, jobs: Channel[Job], name: str) -> None:
        self._job, self._jobs, self._name = job, jobs, name

    @property
    def ready(self) -> bool:
        """`get` answers at once."""
        return self._job.answer.filled or self._jobs.stopped

    def get(self, timeout_s: float = PATIENCE_S) -> T:
        """The value, waited for; raises what the call raised, or what `prepare` raised.

        TimeoutError when there is none in time (the call may still be running, later ones wait for it); RuntimeError
        after close.
        """
        end_s = time.monotonic() + timeout_s
        found = None
        while found is None and not self._jobs.stopped and (left_s := end_s - time.monotonic()) > 0:
            found = self._job.answer.get(min(POLL_S, left_s))
        found = found or self._job.answer.get(0)
        self._job.cancel()
        self._job.answer.stop()
        if found is not None:
            value, error = found
            if error is not None:
                raise error
            return value  # type: ignore[no-any-return]
        raise self._failure(timeout_s)

    def _failure(self, timeout_s: float) -> BaseException:
        if self._jobs.error is not None:
            return self._jobs.error
        if self._jobs.stopped:
            return RuntimeError(f"{self._name} is closed")
        return TimeoutError(f"{self._name}: no answer within {timeout_s:g} s")


class Caller:
    """One thread that makes calls for others: `prepare` runs first on it, then every call, one after another."""

    def __init__(
        self, prepare: Callable[[], None] | None = None, *, name: str = "caller", depth: int = 1, yields: bool = False
    ) -> None:
        """`depth` calls may wait behind the one that is made. `yields`: others go first where processors are short."""
        self._jobs: Channel[Job] = Channel(depth)
        self._prepare, self._yields = prepare, yields
        self._thread = start(self._work, self._jobs.die, name)

    def _work(self) -> None:
        if self._yields:
            step_back()
        if self._prepare is not None:
            self._prepare()
        self._jobs.serve(Job.run)

    def ask(self, fn: Callable[..., T], *args: Any, timeout_s: float = PATIENCE_S) -> Answer[T]:
        """`fn(*args)`, to be made on the thread while we go on. Raises as `Answer.get` where it takes no more calls."""
        job = Job(fn, args)
        answer: Answer[T] = Answer(job, self._jobs, self._thread.name)
        if not self._jobs.put(job, timeout_s=timeout_s):
            job.cancel()
            answer.get(0)
        return answer

    def call(self, fn: Callable[..., T], *args: Any, timeout_s: float) -> T:
        """`fn(*args)`, made on the thread and waited for; raises as `Answer.get`."""
        end_s = time.monotonic() + timeout_s
        return self.ask(fn, *args, timeout_s=timeout_s).get(max(0.0, end_s - time.monotonic()))

    def close(self) -> None:
        self._jobs.stop()
        finish(self._thread, lambda: None)


def step_back() -> None:
    """Where processors are short, others go before this thread; on Linux alone, elsewhere it would hold for all."""
    if sys.platform == "linux":
        own = get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, min(19, os.getpriority(os.PRIO_PROCESS, own) + NICE))
