"""From a scanned recording to its tables: which segments are missing, and what those that are there amount to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from engines.contract import Card
from monitor.analysis.assemble import Assembler
from monitor.analysis.facts import PICTURES_AT_ONCE, Segment, segments_of
from monitor.analysis.inputs import FACTS
from monitor.analysis.plan import Work
from monitor.analysis.tasks import Analyse
from monitor.errors import MediaError
from monitor.files import told_as_sink_error
from monitor.settings import Settings
from monitor.types import Media, Span

UNSPLIT_PATIENCE_S = 3600.0
"""A worker that goes on in a file which cannot be entered anywhere decodes from its start, and is silent meanwhile."""


def span_of(media: Media, settings: Settings) -> Span:
    """What is analysed of a recording: seconds, or numbers of pictures. Raises MediaError where that is nothing."""
    wanted = settings.analysis
    if media.kind == "pictures":
        if wanted.from_s or wanted.to_s is not None or wanted.stride > 1:
            raise MediaError("--from, --to and --stride are for videos", hint="leave them away for pictures")
        return Span(0.0, float(len(media.pictures)))
    span = Span(wanted.from_s, media.length_s if wanted.to_s is None else min(wanted.to_s, media.length_s))
    if span.from_s >= span.to_s:
        what = f"{media.name} ends after {media.length_s:.3f} s: nothing of it lies between --from and --to"
        raise MediaError(what, hint="choose another --from and --to")
    return span


def cut(media: Media, span: Span) -> tuple[Segment, ...]:
    """The segments of the span."""
    if media.kind == "video":
        return segments_of(span)
    starts = range(0, len(media.pictures), PICTURES_AT_ONCE)
    ends = [min(start + PICTURES_AT_ONCE, len(media.pictures)) for start in starts]
    return tuple(Segment(i, float(a), float(b), 0.0) for i, (a, b) in enumerate(zip(starts, ends, strict=True)))


class Footage:
    """todo -> take, take -> ... until `facts` are there. Close it in any case."""

    def __init__(
        self, folder: Path, work: Work, media: Media, span: Span, settings: Settings, card: Card, begins: float | None
    ) -> None:
        """Raises SinkError."""
        self.media, self.work, self._folder, self._settings = media, work, folder, settings
        self.segments = cut(media, span)
        self.facts: dict[str, Any] | None = None
        """What analysis.json tells of the footage, once all of it is put together."""
        self._next = 0
        self._stack = ExitStack()
        length_s = span.to_s - span.from_s if media.kind == "video" else 1.0
        self._assembler = Assembler(folder, media, settings, card.classes, begins, length_s, self._stack)

    @property
    def done(self) -> int:
        """Segments that are there already."""
        return sum(self._there(segment) for segment in self.segments)

    def _there(self, segment: Segment) -> bool:
        return self.work.segment(segment.index).exists()

    def todo(self) -> Iterator[tuple[Any, Analyse]]:
        """(name, task) for what is missing: a segment each where the file can be entered anywhere, else one reading."""
        missing = [segment for segment in self.segments if not self._there(segment)]
        if self.media.splittable or self.media.kind == "pictures":
            for segment in missing:
                yield ("segment", segment.index), Analyse(self.media, (segment,), self._settings)
        elif missing:
            rest = self.segments[missing[0].index :]
            yield (
                ("segment", missing[0].index),
                Analyse(self.media, rest, self._settings, patience_s=UNSPLIT_PATIENCE_S),
            )

    def take(self, index: int, data: bytes) -> None:
        """Stores a segment's tables. Raises SinkError."""
        self.work.keep(index, data)

    def assemble(self) -> bool:
        """Puts together what is complete up to here; False where a stored segment was damaged: it is missing now."""
        while self._next < len(self.segments):
            segment = self.segments[self._next]
            if not self._there(segment):
                return True
            file = self.work.segment(segment.index)
            try:
                self._assembler.add(segment, file.read_bytes())
            except ValueError:  # by a crash of the machine, perhaps
                file.unlink()
                return False
            self._next += 1
        if self.facts is None:
            with told_as_sink_error(self._folder, "replace"):
                # From here on the tables are replaced: until all is written again, nothing says that it is complete.
                (self._folder / FACTS).unlink(missing_ok=True)
            self.facts = self._assembler.finish()
        return True

    def close(self) -> None:
        """What is not complete is taken away; the segments stay for the next run."""
        with suppress(_Dropped), self._stack:
            raise _Dropped  # left without an error, tables that are half-written would get their final names


class _Dropped(Exception):
    """Tells files that are being written that they will not be completed."""
