"""Annotated copies: the pictures decoded once more, faces hidden where asked for, and what is known drawn in."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.analysis.facts import EVERY, READ_S, picture_name
from monitor.analysis.hiding import Hiding, Places, hidden
from monitor.analysis.schema import Table, rows_of
from monitor.analysis.sights import Sights, sights_of
from monitor.analysis.thumbnails import Pick, thumbnails
from monitor.analysis.timecode import TimeCode
from monitor.errors import SourceError
from monitor.files import claim, told_as_sink_error
from monitor.ink import Ink
from monitor.overlay import Overlay, text_px
from monitor.ports import Source
from monitor.settings import ShowSettings
from monitor.sinks.parts import PartRecorder, join
from monitor.sinks.pictures import PictureRecorder
from monitor.sources.recordings import Recording
from monitor.sources.sound import Sound
from monitor.threads import Ahead, Queued
from monitor.types import Frame, Media, Scene, Span

__all__ = ["Look", "Pick", "join_parts", "render_part", "render_pictures", "rows_wanted", "thumbnails"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """How annotated pictures look."""

    classes: tuple[str, ...]
    anonymize: Hiding = "off"
    begins: float | None = None
    """Seconds since 1970 UTC at media time 0; None where nobody knows."""
    stride: int = 1
    """Every so many-th picture was looked at."""


def rows_wanted(media: Media, span: Span, look: Look) -> Span:
    """The time whose rows `render_part` must have to draw and to hide in `span`."""
    more_s = max(1.0, 1.5 * _apart_s(media, look))
    return Span(span.from_s - more_s, span.to_s + more_s)


def render_part(media: Media, span: Span, rows: Table, look: Look, out: Path, progress: Callable[[int], None]) -> int:
    """Writes the annotated pictures of `span` as a part for `join_parts`; how many there are.

    `rows` are those of `rows_wanted`. `progress` is told how many more are done, none on the way to the first. A
    span without pictures leaves a file without bytes. Raises SourceError and SinkError; `out` is whole or not there.
    """
    part = claim(out)
    try:
        count = _draw(media, span, rows, look, part, progress)
        with told_as_sink_error(out):
            if not count:
                part.write_bytes(b"")
            part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return count


def _draw(media: Media, span: Span, rows: Table, look: Look, out: Path, progress: Callable[[int], None]) -> int:
    """Three threads: one decodes ahead, this one draws, one encodes."""
    sights, apart_s = sights_of(rows, look.classes), _apart_s(media, look)
    places, painter = Places(sights, apart_s), _Painter(look)
    count = 0
    with ExitStack() as stack:
        source = stack.enter_context(closing(Ahead(Recording(media, span, passed=on_the_way(progress)))))
        sink = stack.enter_context(closing(Queued(PartRecorder(out, media.width_px, media.height_px), depth=8)))
        for frame in _frames(source):
            clear = frame.bgr if look.anonymize == "off" else hidden(frame.bgr, places.at(frame.t), look.anonymize)
            tracks = sights.tracks(frame.t, apart_s)
            sink.write(painter.paint(Scene(replace(frame, bgr=clear), tracks, {})))
            count += 1
            if count % EVERY == 0:
                progress(EVERY)
    progress(count % EVERY)
    return count


def on_the_way(progress: Callable[[int], None]) -> Callable[[], None]:
    """For `Recording`: tells of none more at every EVERY pictures before the span, which else looks like hanging.

    Called by the thread that decodes ahead, but only before it gives the first picture: whoever waits for that says
    nothing meanwhile.
    """
    passed = itertools.count(1)
    return lambda: progress(0) if next(passed) % EVERY == 0 else None


def _frames(source: Source) -> Iterator[Frame]:
    while (frame := source.read(READ_S)) is not None:
        assert isinstance(frame, Frame)
        yield frame


def _apart_s(media: Media, look: Look) -> float:
    """Seconds between two pictures that were looked at; 0 where each one was."""
    return look.stride / media.fps if look.stride > 1 and media.fps > 0 else 0.0


class _Painter:
    """Draws boxes, labels and the time onto scenes."""

    def __init__(self, look: Look) -> None:
        self._overlay = Overlay(look.classes, ShowSettings(hud=False), None)
        self._time = TimeCode(Ink(), look.begins)

    def paint(self, scene: Scene) -> Scene:
        """`scene` with a canvas; its frame's own picture is not touched."""
        frame = scene.frame
        if frame.still:
            return self._overlay.draw(scene)
        time = self._time.block(frame.t, text_px(frame.bgr), frame.width_px, frame.height_px)
        return self._overlay.draw(scene, time)


def join_parts(parts: Sequence[Path], media: Media, span: Span, out: Path) -> None:
    """One MP4 of all parts of `span`, in order, with the recording's sound; its second 0 is `span.from_s`.

    Sound that is damaged ends there, one that cannot be had at all is left out, both with a warning. Raises SinkError.
    """
    span = Span(span.from_s, min(span.to_s, media.length_s))
    if media.audio is None:
        return join(parts, out, span)
    try:
        sound = Sound(media, span)
    except SourceError as error:
        log.warning("%s: without sound: %s", out.name, error)
        return join(parts, out, span)
    with closing(sound):
        return join(parts, out, span, sound)


def render_pictures(media: Media, rows: Table, look: Look, folder: Path, progress: Callable[[int], None]) -> int:
    """Annotated copies of all pictures in `folder`, under their names; how many there are.

    A picture that cannot be read is left out. Raises SinkError.
    """
    by_picture: dict[str, list[dict[str, object]]] = {}
    for row in rows_of(rows):
        by_picture.setdefault(str(row["picture"]), []).append(row)
    painter, recorder, count = _Painter(look), PictureRecorder(folder), 0
    with closing(Recording(media, Span(0, len(media.pictures)))) as source:
        for frame in _frames(source):
            sights = Sights(_rows_of(frame, by_picture), look.classes)
            clear = hidden(frame.bgr, Places(sights).at(frame.t), look.anonymize)
            recorder.write(painter.paint(Scene(replace(frame, bgr=clear), sights.tracks(frame.t), {})))
            count += 1
            progress(1)
    return count


def _rows_of(frame: Frame, by_picture: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    """Rows that name the picture by its whole path, or by its name."""
    assert frame.origin is not None
    return [*by_picture.get(picture_name(frame.origin), ()), *by_picture.get(picture_name(frame.origin.name), ())]
