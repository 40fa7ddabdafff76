"""A run with several cameras put together: who is opened here is closed here, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from engines.contract import Engine
from monitor.app import Say, cropper_for, engine_of, rule_for
from monitor.classify import Classifier
from monitor.judging import Beside
from monitor.ports import Source
from monitor.settings import Settings
from monitor.several.outlets import SeveralOutlets
from monitor.several.rounds import Item, rounds
from monitor.several.search import Search
from monitor.several.sources import Named, Reviving, named_sources, reviving, watched
from monitor.sinks.display import display_problem
from monitor.smooth import smoothly
from monitor.sources import input_files
from monitor.threads import Bell
from monitor.track import Tracker
from monitor.types import Losses, Scene


def run(settings: Settings, *, say: Say, stopped: Callable[[], bool] = lambda: False) -> int:
    """Watches all until each has ended, the user quits or `stopped()`; 0. What can be read comes and goes by itself.

    Raises SourceError where not one source can be opened, UsageError, SinkError and EngineError; whatever was written
    before is whole.
    """
    named = named_sources(settings.source)
    with ExitStack() as stack:
        outlets = SeveralOutlets(settings, _inputs(named), _windowed(settings, say), stack)
        losses = [Losses() for _ in named]
        engine = stack.enter_context(closing(engine_of(settings, say, live=True)))
        search = stack.enter_context(closing(Search(settings.detector, len(named))))
        outlets.open([one.name for one in named], engine, losses, stack)
        names = ", ".join(one.name for one in named)
        say(f"watching {names} with {engine.info.runtime} {engine.info.precision} ({engine.info.why})")
        if not search.guard.active:
            say(f"the face detector is not kept off the network here: {search.guard.why}")
        sources = [reviving(one, lost) for one, lost in zip(named, losses, strict=True)]
        bell = Bell()
        opened = {
            number: stack.enter_context(closing(watched(source, bell, settings.source.stall_s)))
            for number, source in enumerate(sources)
        }
        told = stack.enter_context(watching(settings, engine, search, opened, bell.wait))
        _watch(told, outlets, sources, settings, stopped)
    say(outlets.told())
    return 0


@contextmanager
def watching(
    settings: Settings, engine: Engine, search: Search, sources: Mapping[int, Source], wait: Callable[[float], object]
) -> Iterator[Iterator[list[Item]]]:
    """The rounds of several live sources, with one judge beside them for all; closes that."""
    card = engine.card
    trackers = {
        number: Tracker(settings.track, rule_for(settings, card), new_score=settings.detector.new_score)
        for number in sources
    }
    with closing(Beside(engine, yields=True)) as infer, smoothly():
        judge = Classifier(infer, card, cropper_for(settings, card))
        yield rounds(sources, wait, search, judge, trackers, settings.track.classify_share)


def _watch(
    told: Iterator[list[Item]], outlets: SeveralOutlets, sources: Sequence[Reviving], settings: Settings,
    stopped: Callable[[], bool],
) -> None:  # fmt: skip
    """Hands every round on, until there is nothing more, or it is told to stop."""
    duration_s, most = settings.source.duration_s or float("inf"), settings.source.max_frames or float("inf")
    begun, frames = time.monotonic(), 0
    for items in told:
        outlets.write(items)
        frames += sum(isinstance(item, Scene) for _, item in items)
        errors = [source.error for source in sources]
        if not any(source.opened for source in sources) and (first := errors[0]) is not None and None not in errors:
            raise first
        if stopped() or outlets.quit or frames >= most or time.monotonic() - begun >= duration_s:
            return


def _inputs(named: Sequence[Named]) -> list[Path]:
    """The files that are read. Nothing of one that is not there: it may come."""
    files: list[Path] = []
    for one in named:
        uri = one.settings.uri
        if uri is not None and Path(uri).exists():
            files += input_files(one.settings)
    return files


def _windowed(settings: Settings, say: Say) -> bool:
    if settings.show.headless:
        return False
    problem = display_problem()
    if problem:
        say(f"no window: {problem}; the summary is shown here instead")
    return problem is None
