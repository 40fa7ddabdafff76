"""What is timed beside the loop, where it happens: decoding in its thread, writing in another."""

from __future__ import annotations

from time import perf_counter

from monitor.bench.facts import Spread
from monitor.ports import Sink, Source
from monitor.timing import Percentiles
from monitor.types import Frame, Gap, Scene


class Clock:
    """Milliseconds of one stage; begun again after the warm-up."""

    def __init__(self) -> None:
        self._ms = Percentiles()

    def begin(self) -> None:
        """Forgets what was counted."""
        self._ms = Percentiles()

    def add(self, ms: float) -> None:
        self._ms.add(ms)

    @property
    def spread(self) -> Spread | None:
        """None where nothing was counted."""
        ms = self._ms
        return Spread(*(round(ms.at(q), 4) for q in (50, 95, 99))) if ms.count else None


class TimedSource:
    """A source whose reads are timed."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.live, self.name = source.live, source.name
        self._source, self._clock = source, clock

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """What the source gives; only frames count."""
        begun = perf_counter()
        item = self._source.read(timeout_s)
        if isinstance(item, Frame):
            self._clock.add(1e3 * (perf_counter() - begun))
        return item

    def close(self) -> None:
        self._source.close()


class TimedSink:
    """A sink whose writes are timed."""

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink, self._clock = sink, clock

    def write(self, item: Scene | Gap) -> None:
        begun = perf_counter()
        self._sink.write(item)
        self._clock.add(1e3 * (perf_counter() - begun))

    def close(self) -> None:
        self._sink.close()
