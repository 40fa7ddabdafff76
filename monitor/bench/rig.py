"""The program as it runs, put together for measuring: real film, real decoder, detector, engine, overlay, encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from engines.contract import Engine
from monitor.app import Say, engine_of, thinking
from monitor.bench import hardware
from monitor.bench.baseline import Baseline
from monitor.bench.cameras import several_round
from monitor.bench.clocks import Clock, TimedSink
from monitor.bench.facts import Point, Sample
from monitor.bench.films import Film, played, settings_of
from monitor.bench.reference import Reference
from monitor.bench.tally import Tally
from monitor.detect import FaceDetector
from monitor.loop import scenes
from monitor.overlay import Overlay
from monitor.ports import Sink
from monitor.settings import Settings
from monitor.sinks.summary import Summary
from monitor.sinks.window import Window
from monitor.threads import Queued
from monitor.types import Gap, Scene

OWN = ("detect", "match", "crop", "draw")
"""What a frame of a recording keeps the loop; its judgements are made while the next one is searched."""
WARM_UP_S = 1.0
LEAST_FRAMES = 100
SOAK_STEP_S = 60.0
PATIENCE = 10.0
"""A round may take so many times the seconds it was given before it makes do with fewer frames."""


@dataclass(frozen=True, slots=True)
class Playing:
    """A film that plays."""

    items: Iterator[Scene | Gap]
    outlets: list[Sink]
    tally: Tally
    live: bool


class Rig:
    """Rounds of points; engines and detectors are opened once and closed together."""

    def __init__(self, settings: Settings, say: Say, stack: ExitStack) -> None:
        self._settings, self._say, self._stack = settings, say, stack
        self._open: dict[Any, Any] = {}
        self._folder = Path(stack.enter_context(TemporaryDirectory(prefix="monitor-bench-")))
        self._reference = Reference()
        self._window: Window | None = None
        self.baseline: Baseline | None = None
        """Plays the points of the plain loop."""

    @property
    def quit(self) -> bool:
        """The user closed the window, or pressed q in it."""
        return self._window is not None and self._window.quit

    def engine(self, point: Point) -> Engine:
        """The engine of a point. Raises EngineError."""
        live = point.mode == "live"
        key = "engine", point.runtime, point.precision, live
        if key not in self._open:
            opened = engine_of(settings_of(self._settings, point), self._say, live=live)
            self._open[key] = self._stack.enter_context(closing(opened))
        engine: Engine = self._open[key]
        return engine

    def detector(self, point: Point) -> FaceDetector:
        """The detector of a point. Raises DetectorError."""
        key = "detector", point.tiles
        if key not in self._open:
            opened = FaceDetector(settings_of(self._settings, point).detector)
            self._open[key] = self._stack.enter_context(closing(opened))
        detector: FaceDetector = self._open[key]
        return detector

    def round(self, point: Point, film: Film, seconds: float, rounds: int) -> Sample:
        """One of `rounds` rounds, after a warm-up: at least `seconds` and LEAST_FRAMES frames.

        Of the plain loop's frames as many over all rounds together. Raises MonitorError, EngineError and OSError.
        """
        if point.program != "monitor":
            assert self.baseline is not None
            out = self._folder / "plain.mp4" if point.encoded else None
            frames = math.ceil(LEAST_FRAMES / rounds)
            return self.baseline.round(film, out, self._reference, WARM_UP_S, seconds, frames)
        before = self._reference.time_ms()
        if point.cameras > 1:
            sample = several_round(settings_of(self._settings, point), self.engine(point), point, film, seconds)
        else:
            with self._playing(point, film) as playing:
                _play(playing, WARM_UP_S, 1)
                playing.tally.begin()
                _play(playing, seconds, LEAST_FRAMES)
                sample = playing.tally.sample(before)
        return replace(sample, reference_ms=round((before + self._reference.time_ms()) / 2, 4))

    def soak(
        self, point: Point, film: Film, seconds: float, say: Say, stopped: Callable[[], bool]
    ) -> Iterator[dict[str, float]]:
        """Plays on end; {s, fps, frame_p95_ms, memory_mb, and what the sensors tell} by the minute."""
        with self._playing(point, film) as playing:
            begun = perf_counter()
            while (left_s := begun + seconds - perf_counter()) > 0 and not stopped():
                playing.tally.begin()
                _play(playing, min(SOAK_STEP_S, left_s), 1, stopped)
                sample = playing.tally.sample(0.0)
                row = {
                    "s": round(perf_counter() - begun, 1), "fps": round(sample.fps, 2),
                    "frame_p95_ms": sample.frame_ms.p95, "memory_mb": sample.memory_mb, **hardware.readings(),
                }  # fmt: skip
                say(", ".join(f"{name} {value:g}" for name, value in row.items()))
                yield row

    @contextmanager
    def _playing(self, point: Point, film: Film) -> Iterator[Playing]:
        settings, live = settings_of(self._settings, point), point.mode == "live"
        engine, detector = self.engine(point), self.detector(point)
        with ExitStack() as stack:
            clocks = {"decode": Clock()}
            source = stack.enter_context(closing(played(film, point.pace_fps, clocks["decode"])))
            overlay = Overlay(engine.card.classes, settings.show, engine.info)
            outlets: list[Sink] = [stack.enter_context(closing(Summary(None, engine.card.classes)))]
            if point.encoded:
                clocks["encode"] = Clock()
                outlets.append(stack.enter_context(closing(self._recorder(live, clocks["encode"]))))
            if point.shown:
                clocks["display"] = Clock()
                self._window = stack.enter_context(closing(Window("bench", overlay)))
                outlets.append(TimedSink(self._window, clocks["display"]))
            thought = stack.enter_context(thinking(settings, engine, live=live))
            drawn = (
                overlay.draw(item) if isinstance(item, Scene) else item for item in scenes(source, detector, *thought)
            )
            yield Playing(drawn, outlets, Tally(live=live, beside=clocks, due_fps=point.pace_fps), live)

    def _recorder(self, live: bool, clock: Clock) -> Queued:
        from monitor.sinks.video import VideoRecorder

        recorder = VideoRecorder(self._folder / "bench.mp4")
        return Queued(TimedSink(recorder, clock), when_full="drop" if live else "wait")


def _play(playing: Playing, seconds: float, frames: int, stopped: Callable[[], bool] = lambda: False) -> None:
    """Plays for `seconds` and at least so many frames, within PATIENCE, or until it is stopped."""
    tally = playing.tally
    first, end_s = tally.frames, tally.seconds + seconds
    while (now_s := tally.seconds) < end_s or (tally.frames - first < frames and now_s < PATIENCE * end_s):
        begun = perf_counter()
        item = next(playing.items)
        came = perf_counter()
        for outlet in playing.outlets:
            outlet.write(item)
        if isinstance(item, Scene):
            took_ms = 1e3 * (came - begun) - item.ms["read"] if playing.live else sum(item.ms.get(s, 0.0) for s in OWN)
            tally.see(item, took_ms + 1e3 * (perf_counter() - came))
        if stopped():
            return
