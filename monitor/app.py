"""Puts the parts together for one run: who is opened here is closed here, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import open_engine
from engines.contract import Engine
from monitor.budget import Budget, LiveBudget, MediaBudget
from monitor.classify import Classifier
from monitor.decide import make_rule
from monitor.detect import FaceDetector
from monitor.errors import CameraError
from monitor.loop import scenes
from monitor.overlay import Overlay
from monitor.ports import Sink, Source
from monitor.settings import Settings
from monitor.sinks.display import display_problem
from monitor.sinks.summary import Summary
from monitor.sources import open_source
from monitor.threads import Ahead, Freshest, Queued
from monitor.told import as_text
from monitor.track import Tracker
from monitor.types import Frame, Gap, Scene
from monitor.versions import versions

if TYPE_CHECKING:
    from monitor.sinks.pictures import PictureRecorder

Say = Callable[[str], None]
COMPLETE, INTERRUPTED = 0, 130
DEMO = "demo:faces"
DEMO_RECORD = Path("out/monitor.mp4")
SLOW_S = 1.0
"""A live source silent for less is slow, not stalled: nobody is told."""


def run(settings: Settings, *, say: Say, stopped: Callable[[], bool] = lambda: False) -> int:
    """Watches until the source ends, the user quits or `stopped()`; returns the exit status.

    0: the source ended, or a live or looping one was told to stop; 130: a file was interrupted. Raises MonitorError and
    EngineError; whatever was written before is whole.
    """
    with ExitStack() as stack:
        windowed, settings = _choose_screen(settings, say)
        source, settings = _open(settings, windowed, say)
        stack.enter_context(closing(source))
        outlets = _Outlets(settings, source, windowed, stack)
        engine = stack.enter_context(closing(_engine(settings, say)))
        detector = stack.enter_context(closing(FaceDetector(settings.detector)))
        # Only now: what a live source shows while models load is lost, and must not count for --duration.
        source = stack.enter_context(closing(_threaded(source, settings)))
        outlets.open(engine, source, stack)
        say(f"watching {source.name} with {engine.info.runtime} {engine.info.precision} ({engine.info.why})")
        if not detector.guard.active:
            say(f"the face detector is not kept off the network here: {detector.guard.why}")
        judge, tracker, budget = thinking(settings, engine, live=source.live)
        complete = _watch(scenes(source, detector, judge, tracker, budget), outlets, stopped)
    say(outlets.told())
    return COMPLETE if complete or source.live or settings.source.loop else INTERRUPTED


def _watch(items: Iterator[Scene | Gap], outlets: _Outlets, stopped: Callable[[], bool]) -> bool:
    """Hands everything on. True when the source ended or the user quit, False when `stopped()` came first."""
    while not stopped():
        item = next(items, None)
        if item is None:
            return True
        outlets.write(item)
        if outlets.quit(stopped):
            return True
    return False


def thinking(settings: Settings, engine: Engine, *, live: bool) -> tuple[Classifier, Tracker, Budget]:
    """What judges, follows and decides, as the settings and the model's card say."""
    card, decide = engine.card, settings.decide
    site = tuple(float(getattr(decide.priors, name)) for name in card.classes)
    rule = make_rule(decide, site, card.priors, card.confidence)
    least_px = card.min_face_px if decide.min_face_px is None else decide.min_face_px
    judge = Classifier(engine, min_face_px=least_px, min_sharpness=decide.min_sharpness)
    tracker = Tracker(settings.track, rule, new_score=settings.detector.new_score)
    budget: Budget = LiveBudget(settings.track.classify_share) if live else MediaBudget(settings.track.judgements_per_s)
    return judge, tracker, budget


def _choose_screen(settings: Settings, say: Say) -> tuple[bool, Settings]:
    if settings.show.headless:
        return False, settings
    problem = display_problem()
    if problem:
        say(f"no window: {problem}; the summary is shown here instead")
    return problem is None, settings


def _open(settings: Settings, windowed: bool, say: Say) -> tuple[Source, Settings]:
    """The source; the demo where nothing was named and no camera answers."""
    asked = settings.source
    try:
        source = open_source(asked)
    except CameraError as error:
        if asked.camera is not None or asked.uri is not None:
            raise
        say(f"{error}; playing the built-in demo scene instead")
        asked = replace(asked, uri=DEMO, loop=windowed, mirror=False, width_px=None, height_px=None, fps=None)
        source = open_source(asked)
        output = settings.output
        if not windowed and output.record is None:
            output = replace(output, record=DEMO_RECORD)
            say(f"writing it to {DEMO_RECORD}")
        settings = replace(settings, source=asked, output=output)
    return source, settings


def _threaded(source: Source, settings: Settings) -> Source:
    """The source behind the thread that suits it."""
    return Freshest(source, stall_s=settings.source.stall_s) if source.live else Ahead(source)


def _engine(settings: Settings, say: Say) -> Engine:
    want = settings.engine
    return open_engine(want.bundle, runtime=want.runtime, precision=want.precision, threads=want.threads, say=say)


class _Outlets:
    """The sinks of a run, and the drawing that some of them need."""

    def __init__(self, settings: Settings, source: Source, windowed: bool, stack: ExitStack) -> None:
        """Files that cannot be written are refused here, before the models are loaded."""
        self._settings, self._source, self._windowed = settings, source, windowed
        self._recorder = self._open_recorder(stack)
        self._sinks: list[Sink] = []
        self._overlay: Overlay | None = None
        self._window: Any = None
        self._started: tuple[float, float] | None = None

    def open(self, engine: Engine, source: Source, stack: ExitStack) -> None:
        """Opens the rest, now that the classes, the engine and what is really read from are known."""
        settings, classes = self._settings, engine.card.classes
        self._source = source

        def add(sink: Any) -> Any:
            self._sinks.append(stack.enter_context(closing(sink)))
            return sink

        self._summary: Summary = add(
            Summary(settings.output.summary, classes, source=self._source.name, engine=engine.info, versions=versions())
        )
        if settings.output.events is not None:
            from monitor.sinks.events import EventLog

            add(EventLog(settings.output.events, classes))
        if self._recorder is not None:
            self._sinks.append(self._recorder)
        if self._windowed or self._recorder is not None:
            self._overlay = Overlay(classes, settings.show, engine.info)
        if self._windowed and self._overlay is not None:
            from monitor.sinks.window import Window

            self._window = add(Window("monitor", self._overlay, settings.output.snapshots))
        elif settings.show.table and not settings.show.headless:
            from monitor.sinks.live_table import LiveTable, standard_error

            console = standard_error() if str(settings.output.events) == "-" else None
            add(LiveTable(self._source.name, classes, engine.info, console))

    def _open_recorder(self, stack: ExitStack) -> Queued | PictureRecorder | None:
        path, live = self._settings.output.record, self._source.live
        if path is None:
            return None
        sink: Queued | PictureRecorder
        if path.suffix:
            from monitor.sinks.video import VideoRecorder

            # A live picture must not wait for the disk; a file's recording must not lose a frame.
            sink = Queued(VideoRecorder(path), when_full="drop" if live else "wait")
        else:
            from monitor.sinks.pictures import PictureRecorder

            sink = PictureRecorder(path, self._name_of)  # asks the source for its path: before the next frame is read
            sink = Queued(sink, when_full="drop") if live else sink
        return stack.enter_context(closing(sink))

    def _name_of(self, scene: Scene) -> str:
        """The picture a scene was made from, or a name for a frame of a video."""
        path: Path = getattr(self._source, "path", None) or Path("frame")
        return str(path if scene.frame.still else path.with_name(f"{path.stem}-{scene.frame.index:06d}.jpg"))

    def write(self, item: Scene | Gap) -> None:
        """Draws where somebody looks, and hands the item to every sink. Raises what a sink raises."""
        if isinstance(item, Gap) and item.state == "stalled" and item.since_s < SLOW_S:
            if self._window is not None:
                self._window.poll()
            return
        if isinstance(item, Scene) and self._overlay is not None:
            if self._window is not None and not self._source.live:
                self._pace(item.frame)
            item = self._overlay.draw(item)
        for sink in self._sinks:
            sink.write(item)

    def _pace(self, frame: Frame) -> None:
        """A file in a window is shown no faster than it was filmed."""
        now = time.monotonic()
        if self._started is None:
            self._started = (now, frame.t)
        early_s = self._started[0] + frame.t - self._started[1] - now
        if early_s > 0:
            time.sleep(min(early_s, 0.5))
        elif early_s < -0.5:
            self._started = (now, frame.t)

    def quit(self, stopped: Callable[[], bool]) -> bool:
        """True when the user closed the window; waits here while the picture is paused."""
        if self._window is None:
            return False
        while self._window.paused and not self._source.live and not self._window.quit and not stopped():
            self._window.poll(0.1)
        return bool(self._window.quit)

    def told(self) -> str:
        """The run in a few lines, for the terminal."""
        text = as_text(self._summary.result(), self._settings.output)
        missing = self._recorder.dropped if isinstance(self._recorder, Queued) else 0
        return f"{text}\nthe recording misses {missing} pictures: it could not keep up" if missing else text
