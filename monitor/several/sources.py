"""The sources of a run with several: each is live, is opened in its own thread, and comes back by itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.config_sources import FOR_CAMERAS, FOR_FILES, source_of
from monitor.errors import SourceError, UsageError
from monitor.ports import Source
from monitor.redact import redact
from monitor.settings import Settings, SourceSettings
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

    @property
    def recorded(self) -> bool:
        """A file or the demo: it ends, and is not seen twice."""
        return self.settings.uri is not None and "://" not in self.settings.uri


def named_sources(settings: Settings) -> list[Named]:
    """The sources, in order. Raises UsageError where two are one, or what is asked fits none of them."""
    listed = settings.sources
    each = [source_of(settings.source, one) for one in listed]
    places = [_place(one) for one in each]
    twice = next((one for one, place in zip(each, places, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(f"{_short(twice)} is named twice", hint="name each source once")
    if len(each) > MOST:
        raise UsageError(f"{len(each)} sources at once are too many", hint=f"name {MOST} at most")
    given = [one.name for one in listed if one.name is not None]
    same = next((name for name in given if given.count(name) > 1), None)
    if same is not None:
        raise UsageError(f"two sources are called {same}", hint="give each source a name of its own")
    names = _told_apart([one.name or _short(source) for one, source in zip(listed, each, strict=True)])
    named = [Named(name, source) for name, source in zip(names, each, strict=True)]
    _check_wishes(settings.source, named)
    return named


def _check_wishes(common: SourceSettings, named: Sequence[Named]) -> None:
    """What is asked of all must suit one at least."""
    cameras, recordings = any(one.settings.camera for one in named), any(one.recorded for one in named)
    for keys, kind, there in ((FOR_CAMERAS, "cameras", cameras), (FOR_FILES, "files and the demo", recordings)):
        asked = [name for key in keys if getattr(common, name := key.removeprefix("source."))]
        if asked and not there:
            raise UsageError(f"{', '.join(asked)} is for {kind}, and there are none", hint="leave it away")


def _place(source: SourceSettings) -> str:
    """The same for two names of one source."""
    if source.camera is not None:
        device = source.camera.strip()
        return f"/dev/video{device}" if device.isdecimal() else device
    uri = (source.uri or "").strip()
    if "://" in uri or uri.lower().startswith("demo:"):
        return uri
    return os.path.realpath(os.path.expanduser(uri))  # noqa: PTH111 - a name that cannot be is told when it is opened


def _short(source: SourceSettings) -> str:
    if source.camera is not None:
        return f"camera {redact(source.camera.strip())}"
    shown = redact(source.uri or "")
    return shown if "://" in shown or shown.lower().startswith("demo:") else Path(shown).name or shown


def _told_apart(names: list[str]) -> list[str]:
    """Equal names with a number."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


class Reviving:
    """A live source that is opened when it is first read, and again after it failed; errors become gaps.

    A recording that fails after it has begun has ended: from its beginning, people would be counted twice.
    """

    live = True

    def __init__(self, name: str, opener: Callable[[], Source], *, recorded: bool = False) -> None:
        self.name, self.recorded = name, recorded
        self._opener, self._pauses = opener, Pauses()
        self._source: Source | None = None
        self._since_s = time.monotonic()
        self._closed = False
        self.answered = False
        """It has given a frame."""
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
            return None if self.recorded and self.answered else self._gap()
        if isinstance(item, Frame):
            self.answered, self.error, self._since_s = True, None, time.monotonic()
            self._pauses.reset()
        return item

    def _open(self, timeout_s: float) -> bool:
        if not self._pauses.over_within(timeout_s) or self._closed:
            return False
        self._source = self._opener()
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
        source = self._source
        if source is not None:
            source.close()


def reviving(named: Named, losses: Losses) -> Reviving:
    """The source behind a name; a recording is played as if it were live, at its own times unless a pace is set."""

    def opener() -> Source:
        source = open_source(named.settings, losses)
        return source if source.live else Paced(source, None)

    return Reviving(named.name, opener, recorded=named.recorded)


def watched(source: Reviving, bell: Bell, stall_s: float) -> Freshest:
    """The newest frame of a source, read in a thread of its own; `bell` rings with each."""
    return Freshest(source, stall_s=stall_s, bell=bell)
