"""The plain loop from tutorials, measured like our program: the same film, the same machine, turn about."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from time import perf_counter
from typing import Protocol

import psutil

from engines.machine import usable_processors
from monitor.bench.clocks import Clock
from monitor.bench.facts import Sample
from monitor.bench.films import Film
from monitor.bench.reference import Reference
from monitor.detect.egress import guard_this_thread
from monitor.threads import Caller

MB = 1e6
OPEN_S, ROUND_S = 300.0, 300.0
"""Keras takes its time to load; a picture takes it as long as it takes."""


class Plain(Protocol):
    """A loop of somebody else's."""

    def play(self, film: Path, out: Path | None) -> Generator[int, None, None]:
        """The film for ever; yields the number of faces after each picture."""
        ...

    def close(self) -> None: ...


class Baseline:
    """Rounds of a plain loop, in a thread that has no network: MediaPipe would use it."""

    def __init__(self, make: Callable[[], Plain]) -> None:
        """Raises what `make` raises."""
        self._caller = Caller(_off_the_network, name="plain loop")
        try:
            self._loop = self._caller.call(make, timeout_s=OPEN_S)
        except BaseException:
            self._caller.close()
            raise

    def round(
        self, film: Film, out: Path | None, reference: Reference, warm_up_s: float, seconds: float, frames: int
    ) -> Sample:
        """One round after a warm-up: at least so many seconds and frames. Raises OSError where the film is not read."""
        return self._caller.call(self._round, film, out, reference, warm_up_s, seconds, frames, timeout_s=ROUND_S)

    def _round(
        self, film: Film, out: Path | None, reference: Reference, warm_up_s: float, seconds: float, frames: int
    ) -> Sample:
        before, process = reference.time_ms(), psutil.Process()
        played = self._loop.play(film.path, out)
        end_s = perf_counter() + warm_up_s
        while perf_counter() < end_s:
            next(played)
        ms, found, count = Clock(), 0, 0
        begun, cpu = perf_counter(), process.cpu_times()
        while (asked := perf_counter()) - begun < seconds or count < frames:
            found, count = found + next(played), count + 1
            ms.add(1e3 * (perf_counter() - asked))
        took_s, now = perf_counter() - begun, process.cpu_times()
        played.close()
        assert ms.spread is not None
        return Sample(
            frames=count, seconds=round(took_s, 4), dropped=0, stage_ms={}, frame_ms=ms.spread, age_ms=None,
            cpu_share=round((now.user + now.system - cpu.user - cpu.system) / took_s / usable_processors(), 4),
            judgements_per_s=round(found / took_s, 2), askings_per_s=round(found / took_s, 2),
            faces=round(found / count, 2), longest_unjudged_s=None,
            reference_ms=round((before + reference.time_ms()) / 2, 4),
            memory_mb=round(process.memory_info().rss / MB, 1),
        )  # fmt: skip

    def close(self) -> None:
        """Gives everything back."""
        self._caller.call(self._loop.close, timeout_s=OPEN_S)
        self._caller.close()


def _off_the_network() -> None:
    guard_this_thread()
