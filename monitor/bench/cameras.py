"""One round of several cameras: as `monitor run` watches them, with one picture of all drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from time import perf_counter

from engines.contract import Engine
from monitor.bench.clocks import Clock
from monitor.bench.facts import Point, Sample
from monitor.bench.films import Film, paced
from monitor.bench.tally import Tally
from monitor.settings import Settings
from monitor.several.mosaic import Mosaic
from monitor.several.rounds import Item
from monitor.several.run import watching
from monitor.several.search import Search
from monitor.threads import Bell, Freshest
from monitor.types import Scene

WARM_UP_S = 2.0
"""Longer than of one: each camera's first frame is searched thoroughly."""


def several_round(settings: Settings, engine: Engine, point: Point, film: Film, seconds: float) -> Sample:
    """The film on so many cameras at once; a frame's time is that of its round, waiting for frames left out.

    Raises MonitorError and EngineError.
    """
    assert point.pace_fps is not None
    waiting, decoding = _Waiting(Bell()), Clock()
    with ExitStack() as stack:
        search = stack.enter_context(closing(Search(settings.detector, point.cameras)))
        sources = {
            number: stack.enter_context(closing(Freshest(paced(film, point.pace_fps, decoding), bell=waiting.bell)))
            for number in range(point.cameras)
        }
        names = [f"camera {number}" for number in sources]
        mosaic = Mosaic(names, engine.card.classes, settings.show, engine.info)
        told = stack.enter_context(watching(settings, engine, search, sources, waiting))
        tally = Tally(live=True, beside={"decode": decoding}, due_fps=point.pace_fps, cameras=point.cameras)
        while tally.seconds < WARM_UP_S:
            _one(told, mosaic, tally, waiting)
        tally.begin()
        while tally.seconds < seconds:
            _one(told, mosaic, tally, waiting)
        return tally.sample(0.0)


class _Waiting:
    """Waits for the bell, and knows how long."""

    def __init__(self, bell: Bell) -> None:
        self.bell, self.spent_s = bell, 0.0

    def __call__(self, seconds: float) -> None:
        begun = perf_counter()
        self.bell.wait(seconds)
        self.spent_s += perf_counter() - begun


def _one(rounds: Iterator[list[Item]], mosaic: Mosaic, tally: Tally, waiting: _Waiting) -> None:
    begun, waited_s = perf_counter(), waiting.spent_s
    told = next(rounds)
    scenes = [(number, item) for number, item in told if isinstance(item, Scene)]
    for number, scene in scenes:
        mosaic.show(number, scene)
    took_ms = 1e3 * (perf_counter() - begun - (waiting.spent_s - waited_s))
    for number, scene in scenes:
        tally.see(scene, took_ms, number)
