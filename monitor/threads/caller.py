"""Calls made by one guarded thread for the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from monitor.threads.channel import POLL_S, Channel, finish, start

T = TypeVar("T")


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


class Caller:
    """One thread that makes calls for others: `prepare` runs first on it, then every `call`, one after another."""

    def __init__(self, prepare: Callable[[], None] | None = None, *, name: str = "caller") -> None:
        self._jobs: Channel[Job] = Channel(1)
        self._prepare = prepare
        self._thread = start(self._work, self._jobs.die, name)

    def _work(self) -> None:
        if self._prepare is not None:
            self._prepare()
        self._jobs.serve(Job.run)

    def call(self, fn: Callable[..., T], *args: Any, timeout_s: float) -> T:
        """`fn(*args)`, made on the thread; raises what it raises, or what `prepare` raised.

        TimeoutError when there is no answer in time (the call may still be running, later ones wait for it);
        RuntimeError after close.
        """
        start_s = time.monotonic()
        job = Job(fn, args)
        answer = None
        if self._jobs.put(job, timeout_s=timeout_s):
            while answer is None and not self._jobs.stopped and (left_s := start_s + timeout_s - time.monotonic()) > 0:
                answer = job.answer.get(min(POLL_S, left_s))
            answer = answer or job.answer.get(0)
        job.cancel()
        job.answer.stop()
        if answer is not None:
            value, error = answer
            if error is not None:
                raise error
            return value  # type: ignore[no-any-return]
        self._jobs.raise_error()
        if self._jobs.stopped:
            raise RuntimeError(f"{self._thread.name} is closed")
        raise TimeoutError(f"{self._thread.name}: no answer within {timeout_s:g} s")

    def close(self) -> None:
        self._jobs.stop()
        finish(self._thread, lambda: None)
