"""The sources of a run with several: each is live, is opened in its own thread, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.errors import SourceError, UsageError
from monitor.ports import Source
from monitor.redact import redact
from monitor.settings import SourceSettings
from monitor.sources import open_source
from monitor.sources.base import Pauses
from monitor.sources.wrappers import Paced
from monitor.threads import Bell, Freshest
from monitor.types import Frame, Gap, Losses

MOST = 64


@dataclass(frozen=True, slots=True)
class Named:
    """One source as the settings name it."""

    name: str
    """What people call it; never holds a password."""
    settings: SourceSettings


def named_sources(settings: SourceSettings) -> list[Named]:
    """The first source and the others, in order. Raises UsageError where two are one, or names do not fit."""
    first = settings.camera if settings.camera is not None else settings.uri
    places = [place for place in (first, *settings.others) if place is not None]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(f"{redact(twice)} is named twice", hint="name each source once")
    if len(places) > MOST:
        raise UsageError(f"{len(places)} sources at once are too many", hint=f"name {MOST} at most")
    if settings.names and (len(settings.names) != len(places) or len(set(settings.names)) != len(places)):
        raise UsageError(
            f"{len(places)} sources, and {len(settings.names)} names for them",
            hint="give each source a name of its own",
        )
    names = settings.names or _told_apart([_short(place) for place in places])
    return [Named(name, _one(settings, place)) for name, place in zip(names, places, strict=True)]


def _one(settings: SourceSettings, place: str) -> SourceSettings:
    """What is asked of a camera goes to cameras, what is asked of a recording to recordings."""
    alone = replace(settings, camera=None, uri=None, others=(), names=())
    if is_camera(place):
        return replace(alone, camera=place, loop=False, pace_fps=None)
    alone = replace(alone, uri=place, mirror=False, width_px=None, height_px=None, fps=None)
    recorded = place.lower().startswith("demo:") or "://" not in place
    return alone if recorded else replace(alone, loop=False, pace_fps=None)


def is_camera(place: str) -> bool:
    """Whether it names a camera (`0`, `/dev/video2`) and no file or address."""
    return place.strip().isdigit() or place.strip().startswith("/dev/")


def _short(place: str) -> str:
    shown = redact(place)
    if is_camera(place):
        return f"camera {shown.strip()}"
    return shown if "://" in place or place.lower().startswith("demo:") else Path(shown).name or shown


def _told_apart(names: list[str]) -> list[str]:
    """Equal names with a number."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


class Reviving:
    """A live source that is opened when it is first read, and again after it failed; errors become gaps."""

    live = True

    def __init__(self, name: str, opener: Callable[[], Source]) -> None:
        self.name = name
        self._opener, self._pauses = opener, Pauses()
        self._source: Source | None = None
        self._since_s = time.monotonic()
        self._closed = False
        self.opened = False
        """It could be opened once."""
        self.error: SourceError | None = None
        """What kept it from being opened or read last; None while all is well."""

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame; a Gap, with the reason, while it cannot be read; None at its end and after close."""
        try:
            if self._source is None and not self._open(timeout_s):
                return None if self._closed else self._gap()
            assert self._source is not None
            item = self._source.read(timeout_s)
        except SourceError as error:
            self._fail(error)
            return self._gap()
        if isinstance(item, Frame):
            self.error, self._since_s = None, time.monotonic()
            self._pauses.reset()
        return item

    def _open(self, timeout_s: float) -> bool:
        if not self._pauses.over_within(timeout_s) or self._closed:
            return False
        self._source, self.opened = self._opener(), True
        if self._closed:
            self._source.close()  # type: ignore[unreachable]  # closed by another thread meanwhile
        return True

    def _fail(self, error: SourceError) -> None:
        self.error = error
        self._pauses.failed()
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _gap(self) -> Gap:
        return Gap("lost", time.monotonic() - self._since_s, redact(str(self.error)) if self.error else "")

    def close(self) -> None:
        """Also while another thread reads."""
        self._closed = True
        if self._source is not None:
            self._source.close()


def reviving(named: Named, losses: Losses) -> Reviving:
    """The source behind a name; a recording is played as if it were live, at its own times unless a pace is set."""

    def opener() -> Source:
        source = open_source(named.settings, losses)
        return source if source.live else Paced(source, None)

    return Reviving(named.name, opener)


def watched(source: Reviving, bell: Bell, stall_s: float) -> Freshest:
    """The newest frame of a source, read in a thread of its own; `bell` rings with each."""
    return Freshest(source, stall_s=stall_s, bell=bell)
