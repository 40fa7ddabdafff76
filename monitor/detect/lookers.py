"""Threads that look at parts of one picture at the same time, each off the network and with models of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from monitor.detect.egress import GuardState, guard_this_thread, tell_unguarded
from monitor.detect.finder import Finder
from monitor.detect.models import Model
from monitor.detect.passes import Find, Window
from monitor.errors import DetectorError
from monitor.threads import Answer, Caller
from monitor.types import U8

T = TypeVar("T")
log = logging.getLogger(__name__)
OPEN_S, CLOSE_S = 120.0, 5.0


class Lookers:
    """`count` threads; what one is asked after another it does in that order."""

    def __init__(self, count: int, keep_score: float, folder: Path, patience_s: float) -> None:
        """Loads the models from `folder`, `count` times. Raises DetectorError."""
        self.guard = GuardState(False, "not started")
        """Whether the threads are kept off the network; of several the first that is not."""
        self._patience_s = patience_s
        self._broken = ""
        self._guards: list[GuardState] = []
        self._callers = [Caller(self._prepare, name="face detector", depth=2) for _ in range(count)]
        self._finders: list[Finder] = []
        try:
            for caller in self._callers:  # one after another: they share the library's start
                self._finders.append(self._answer(caller.ask(Finder, keep_score, folder), OPEN_S, OPEN_S))
        except DetectorError:
            for caller in self._callers:
                caller.close()
            raise
        self.guard = next((guard for guard in self._guards if not guard.active), self._guards[0])
        if not self.guard.active:
            tell_unguarded(self.guard.why)

    def _prepare(self) -> None:
        self._guards.append(guard_this_thread())

    def find(self, bgr: U8, looks: Sequence[tuple[Window, Model]]) -> list[Find]:
        """What all `looks` show, in their order; look i is made by thread i, round and round. Raises DetectorError.

        A search that takes longer than the patience given is given up, and all threads with it.
        """
        if self._broken:
            raise DetectorError(f"the face detector {self._broken}", hint="Make a new FaceDetector.")
        n, end_s = len(self._callers), time.monotonic() + self._patience_s
        answers = [self._callers[i].ask(self._finders[i].find, bgr, looks[i::n]) for i in range(min(n, len(looks)))]
        shown = [self._answer(answer, end_s - time.monotonic(), self._patience_s) for answer in answers]
        return [find for i in range(len(looks)) for find in shown[i % n][i // n]]

    def _answer(self, answer: Answer[T], left_s: float, patience_s: float) -> T:
        try:
            return answer.get(max(0.0, left_s))
        except TimeoutError as error:
            self._broken = f"did not answer within {patience_s:g} s"
            raise DetectorError(
                f"the face detector {self._broken}", hint="The machine may be overloaded; run `monitor doctor`."
            ) from error

    def close(self) -> None:
        """Gives the models back; afterwards every question raises DetectorError."""
        if self._broken == "is closed":
            return
        self._broken = "is closed"
        for caller, finder in zip(self._callers, self._finders, strict=True):
            try:
                caller.call(finder.close, timeout_s=CLOSE_S)
            except TimeoutError:
                log.warning("the face detector hangs; its memory is given back when the program ends")
            finally:
                caller.close()
