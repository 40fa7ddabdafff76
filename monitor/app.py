"""Puts the parts together for one run: who is opened here is closed here, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from engines import open_engine
from engines.contract import Card, Engine
from engines.machine import usable_threads
from monitor.budget import Budget, LiveBudget, MediaBudget
from monitor.classify import Classifier, Cropper
from monitor.decide import Rule, make_rule
from monitor.detect import LOOKERS, FaceDetector
from monitor.errors import CameraError
from monitor.judging import Beside
from monitor.loop import scenes
from monitor.outlets import Outlets
from monitor.ports import Source
from monitor.settings import Settings
from monitor.sinks.display import display_problem
from monitor.smooth import smoothly
from monitor.sources import open_source
from monitor.sources.wrappers import Limited
from monitor.threads import Ahead, Freshest
from monitor.track import Tracker
from monitor.types import Gap, Losses, Scene

Say = Callable[[str], None]
COMPLETE, INTERRUPTED = 0, 130
DEMO = "demo:faces"
DEMO_RECORD = Path("out/monitor.mp4")


def run(settings: Settings, *, say: Say, stopped: Callable[[], bool] = lambda: False) -> int:
    """Watches until the source ends, the user quits or `stopped()`; returns the exit status.

    0: the source ended, or a live or looping one was told to stop; 130: a file was interrupted. Raises MonitorError and
    EngineError; whatever was written before is whole.
    """
    with ExitStack() as stack:
        losses, shown = Losses(), windowed(settings, say)
        source, settings = _open(settings, shown, losses, say)
        stack.enter_context(closing(source))
        outlets = Outlets(settings, source, shown, losses, stack)
        engine = stack.enter_context(closing(engine_of(settings, say, live=source.live)))
        detector = stack.enter_context(closing(FaceDetector(settings.detector)))
        thought = stack.enter_context(thinking(settings, engine, live=source.live))
        # Only now: what a live source shows while models load is lost, and must not count for --duration.
        source = stack.enter_context(closing(_threaded(source, settings)))
        outlets.open(engine, stack)
        say(f"watching {source.name} with {engine.info.runtime} {engine.info.precision} ({engine.info.why})")
        complete = _watch(scenes(source, detector, *thought), outlets, stopped)
    say(outlets.told())
    return COMPLETE if complete or source.live or settings.source.loop else INTERRUPTED


@contextmanager
def watched(settings: Settings, *, say: Say) -> Iterator[tuple[Engine, Iterator[Scene | Gap]]]:
    """The engine and the scenes of a source, for users of the loop that have outputs of their own; closes everything.

    Raises MonitorError and EngineError, also while the scenes are taken.
    """
    with ExitStack() as stack:
        source = open_source(settings.source, Losses())
        stack.enter_context(closing(source))
        engine = stack.enter_context(closing(engine_of(settings, say, live=source.live)))
        detector = stack.enter_context(closing(FaceDetector(settings.detector)))
        thought = stack.enter_context(thinking(settings, engine, live=source.live))
        source = stack.enter_context(closing(_threaded(source, settings)))
        yield engine, scenes(source, detector, *thought)


def _watch(items: Iterator[Scene | Gap], outlets: Outlets, stopped: Callable[[], bool]) -> bool:
    """Hands everything on. True when the source ended or the user quit, False when `stopped()` came first."""
    while not stopped():
        item = next(items, None)
        if item is None:
            return True
        outlets.write(item)
        if outlets.quit(stopped):
            return True
    return False


@contextmanager
def thinking(settings: Settings, engine: Engine, *, live: bool) -> Iterator[tuple[Classifier, Tracker, Budget]]:
    """What judges, follows and decides, as the settings and the model's card say.

    Judgements are made beside the loop; live, so that no number of faces keeps the picture.
    """
    card, track = engine.card, settings.track
    with closing(Beside(engine, yields=live)) as infer, smoothly() if live else nullcontext():
        judge = Classifier(infer, card, cropper_for(settings, card))
        tracker = Tracker(track, rule_for(settings, card), new_score=settings.detector.new_score)
        budget: Budget = LiveBudget(track.classify_share) if live else MediaBudget(track.judgements_per_s)
        yield judge, tracker, budget


def rule_for(settings: Settings, card: Card) -> Rule:
    """How judgements become labels, as the settings and the model's card say.

    Classes that have no setting of their own are expected as often as in the card.
    """
    decide = settings.decide
    site = tuple(
        float(getattr(decide.priors, name, prior)) for name, prior in zip(card.classes, card.priors, strict=True)
    )
    return make_rule(decide, site, card.priors, card.confidence, card.classes)


def cropper_for(settings: Settings, card: Card) -> Cropper:
    """What cuts faces for the model, and refuses those that are not worth a judgement."""
    decide = settings.decide
    least_px = card.min_face_px if decide.min_face_px is None else decide.min_face_px
    return Cropper(card, min_face_px=least_px, min_sharpness=decide.min_sharpness)


def windowed(settings: Settings, say: Say) -> bool:
    """Whether a window is shown; says why not where one was wished."""
    if settings.show.headless:
        return False
    problem = display_problem()
    if problem:
        say(f"no window: {problem}; the summary is shown here instead")
    return problem is None


def _open(settings: Settings, windowed: bool, losses: Losses, say: Say) -> tuple[Source, Settings]:
    """The source; the demo where nothing was named and no camera answers."""
    asked = settings.source
    try:
        source = open_source(asked, losses)
    except CameraError as error:
        if asked.camera is not None or asked.uri is not None:
            raise
        say(f"{error}; playing the built-in demo scene instead")
        say(f"hint: {error.hint}")
        asked = replace(asked, uri=DEMO, loop=windowed, mirror=False, width_px=None, height_px=None, fps=None)
        source = open_source(asked, losses)
        output = settings.output
        if not windowed and output.record is None:
            output = replace(output, record=DEMO_RECORD)
            say(f"writing it to {DEMO_RECORD}")
        settings = replace(settings, source=asked, output=output)
    return source, settings


def _threaded(source: Source, settings: Settings) -> Source:
    """The source behind the thread that suits it, and as much of it as is wanted: what is dropped does not count."""
    threaded = Freshest(source, stall_s=settings.source.stall_s) if source.live else Ahead(source)
    return Limited(threaded, duration_s=settings.source.duration_s, max_frames=settings.source.max_frames)


def engine_of(settings: Settings, say: Say | None = None, *, live: bool = False) -> Engine:
    """The engine that the settings ask for; `say` gets a line when something is built. Raises EngineError.

    `live`: see `live_threads`.
    """
    want = settings.engine
    threads = live_threads(settings) if live else want.threads
    return open_engine(
        want.bundle, runtime=want.runtime, precision=want.precision, threads=threads,
        require_gpu=want.require_gpu, say=say,
    )  # fmt: skip


def live_threads(settings: Settings) -> int:
    """Threads of a CPU engine beside a live picture: the detector, which every frame needs, keeps its processors."""
    return settings.engine.threads or max(1, usable_threads() - LOOKERS)
