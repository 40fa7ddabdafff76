"""A run with several cameras put together: who is opened here is closed here, whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from engines.contract import Engine
from monitor.app import Say, cropper_for, engine_of, rule_for, windowed
from monitor.classify import Classifier
from monitor.errors import SourceError
from monitor.judging import Beside
from monitor.motion import prepare
from monitor.ports import Source
from monitor.settings import Settings
from monitor.several.outlets import SeveralOutlets
from monitor.several.rounds import ENDED, Item, rounds
from monitor.several.search import Search
from monitor.several.sources import Named, Reviving, named_sources, reviving, watched
from monitor.smooth import smoothly
from monitor.sources import input_files
from monitor.threads import Bell
from monitor.track import Tracker
from monitor.types import Gap, Losses, Scene


def run(settings: Settings, *, say: Say, stopped: Callable[[], bool] = lambda: False) -> int:
    """Watches all until each has ended, the user quits or `stopped()`; 0. A camera comes and goes by itself.

    Raises SourceError where not one source could be opened, and, once the others have ended, for a recording that could
    not be read; UsageError, SinkError and EngineError. Whatever was written before is whole.
    """
    named = named_sources(settings)
    with ExitStack() as stack:
        outlets = SeveralOutlets(settings, _inputs(named), windowed(settings, say), stack)
        losses = [Losses() for _ in named]
        engine = stack.enter_context(closing(engine_of(settings, say, live=True)))
        search = stack.enter_context(closing(Search(settings.detector, len(named))))
        prepare()  # here, too: what recordings show while something is loaded is lost
        outlets.open([one.name for one in named], engine, losses, stack)
        names = ", ".join(one.name for one in named)
        say(f"watching {names} with {engine.info.runtime} {engine.info.precision} ({engine.info.why})")
        sources = [reviving(one, lost) for one, lost in zip(named, losses, strict=True)]
        bell = Bell()
        opened = {
            number: stack.enter_context(closing(watched(source, bell, named[number].settings.stall_s)))
            for number, source in enumerate(sources)
        }
        stack.callback(_let_go, sources)
        told = stack.enter_context(watching(settings, engine, search, opened, bell.wait))
        error = _watch(told, outlets, sources, settings, stopped)
    if error is None or any(source.answered for source in sources):
        say(outlets.told())
    if error is not None:
        raise error
    return 0


def _let_go(sources: Sequence[Reviving]) -> None:
    """All are told at once, so that nobody waits for one after another."""
    for source in sources:
        source.close()


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
) -> SourceError | None:  # fmt: skip
    """Hands every round on, until there is nothing more, or it is told to stop. The error that ends it, if one does."""
    duration_s, most = settings.source.duration_s or float("inf"), settings.source.max_frames or float("inf")
    begun, frames, left = time.monotonic(), 0, dict(enumerate(sources))
    for items in told:
        outlets.write(items)
        for number, item in items:
            frames += isinstance(item, Scene)
            if isinstance(item, Gap) and item.state == ENDED:
                del left[number]
        if stopped() or outlets.quit or frames >= most or time.monotonic() - begun >= duration_s:
            return None
        errors = [source.error for source in sources]
        if None not in errors and not any(source.answered for source in sources):
            return errors[0]
        if all(source.recorded and source.error is not None for source in left.values()):
            return next((source.error for source in sources if source.recorded and source.error is not None), None)
    return None


def _inputs(named: Sequence[Named]) -> list[Path]:
    """The files that are read. Nothing of one that is not there: it may come."""
    files: list[Path] = []
    for one in named:
        with suppress(SourceError):
            files += input_files(one.settings)
    return files
