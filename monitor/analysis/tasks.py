"""What a worker is asked to do, and how it does it: the same wherever the worker is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

from engines.contract import Engine
from monitor.analysis.facts import EVERY, READ_S, Segment
from monitor.analysis.render import (
    Look,
    Pick,
    join_parts,
    on_the_way,
    render_part,
    render_pictures,
    rows_wanted,
    thumbnails,
)
from monitor.analysis.schema import frames_between, pack, unpack
from monitor.analysis.watch import Watch
from monitor.app import engine_of
from monitor.detect import FaceDetector
from monitor.settings import Settings
from monitor.sources.recordings import Recording, scan, scan_pictures
from monitor.threads import Ahead, Caller
from monitor.types import Frame, Losses, Media, Span

Tell: TypeAlias = Callable[[str, Any], None]
"""Called with ("frames", how many more were done) and ("segment", (index, bytes)) while a task is at work."""


class Tools:
    """What a worker opens once and uses for all its tasks, until it is closed; a later task opens it again."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: dict[Any, tuple[Engine, FaceDetector, Caller]] = {}

    def close(self) -> None:
        self._open.clear()
        self._stack.close()

    def of(self, settings: Settings) -> tuple[Engine, FaceDetector, Caller]:
        """Engine, detector and thread for these settings. Raises EngineError and DetectorError."""
        key = settings.engine, settings.detector
        if key not in self._open:
            engine = self._stack.enter_context(closing(engine_of(settings)))
            detector = self._stack.enter_context(closing(FaceDetector(settings.detector)))
            self._open[key] = engine, detector, self._stack.enter_context(closing(Caller(name="judge", depth=2)))
        return self._open[key]


@dataclass(frozen=True)
class Scan:
    """What is in a file, or which of several pictures there are; gives a Media."""

    uri: str
    pictures: tuple[str, ...] = ()
    patience_s: float = 900.0

    def perform(self, tools: Tools, tell: Tell) -> Media:
        del tools, tell
        return scan_pictures(self.pictures, self.uri) if self.pictures else scan(self.uri)


@dataclass(frozen=True)
class Analyse:
    """Segments that lie one after another, in one reading; each is told as soon as it is done."""

    media: Media
    segments: tuple[Segment, ...]
    settings: Settings
    patience_s: float = 180.0
    """More where the file cannot be entered anywhere, see `footage.Footage.todo`."""

    def perform(self, tools: Tools, tell: Tell) -> None:
        engine, detector, later = tools.of(self.settings)
        losses = Losses()
        waiting, watching = list(self.segments), list[Watch]()
        with closing(_frames(self.media, self._span(), losses, tell)) as frames:
            for frame in frames:
                still, t = frame.still, frame.t
                while waiting and (still or t >= waiting[0].from_s - waiting[0].run_in_s):
                    watching.append(Watch(waiting.pop(0), self.settings, engine, detector, later, self.media.fps))
                over = [watch for watch in watching if not still and t >= self._end_s(watch.segment)]
                watching = [watch for watch in watching if watch not in over]
                for watch in over:
                    tell("segment", (watch.segment.index, watch.finish(self._damaged(watch.segment, losses))))
                for watch in watching:
                    watch.feed(frame)
        watching += [Watch(segment, self.settings, engine, detector, later, self.media.fps) for segment in waiting]
        skipped = [f"{path.name}: {why}" for path, why in losses.skipped.items()]
        for watch in watching:
            tell("segment", (watch.segment.index, watch.finish(self._damaged(watch.segment, losses), skipped)))

    def _damaged(self, segment: Segment, losses: Losses) -> int:
        """Damages of the segment alone: those of its run-in are the one's before, and more are read ahead meanwhile."""
        return sum(segment.from_s <= t < self._end_s(segment) for t in tuple(losses.damaged_at))

    def _end_s(self, segment: Segment) -> float:
        """A file may go on a little after the length that its packets promise: the last segment takes that in."""
        return float("inf") if segment.to_s >= self.media.length_s else segment.to_s

    def _span(self) -> Span:
        return Span(self.segments[0].from_s - self.segments[0].run_in_s, self.segments[-1].to_s)


def _frames(media: Media, span: Span, losses: Losses, tell: Tell) -> Generator[Frame, None, None]:
    """The pictures, decoded ahead; progress is told, also on the way to the first one."""
    count = 0
    passed = on_the_way(lambda n: tell("frames", n))
    with closing(Ahead(Recording(media, span, losses, passed))) as source:
        while (frame := source.read(READ_S)) is not None:
            assert isinstance(frame, Frame)
            yield frame
            count += 1
            if count % EVERY == 0:
                tell("frames", EVERY)
    tell("frames", count % EVERY)


@dataclass(frozen=True)
class Render:
    """One part of the annotated video; gives its bytes where there is no `out`: the worker is on another machine."""

    media: Media
    span: Span
    table: Path
    """frames.parquet, where the task is given out."""
    look: Look
    out: Path | None
    rows: bytes = b""
    patience_s: float = 180.0

    def prepared(self) -> Render:
        """The task with the rows it needs, which are read only when it is given out."""
        wanted = rows_wanted(self.media, self.span, self.look)
        rows = frames_between(self.table, wanted.from_s, wanted.to_s)
        return replace(self, rows=pack({"frames": rows}))

    def perform(self, tools: Tools, tell: Tell) -> bytes | None:
        del tools
        rows = unpack(self.rows)["frames"]
        with ExitStack() as stack:
            out = self.out or Path(stack.enter_context(TemporaryDirectory())) / "part.mp4"
            render_part(self.media, self.span, rows, self.look, out, lambda n: tell("frames", n))
            return out.read_bytes() if self.out is None else None


@dataclass(frozen=True)
class RenderPictures:
    """Annotated copies of pictures."""

    media: Media
    table: Path
    look: Look
    folder: Path
    patience_s: float = 180.0

    def perform(self, tools: Tools, tell: Tell) -> None:
        del tools
        render_pictures(self.media, frames_between(self.table), self.look, self.folder, lambda n: tell("frames", n))


@dataclass(frozen=True)
class Join:
    """The parts of a video made one, with the sound of the recording."""

    parts: tuple[Path, ...]
    media: Media
    span: Span
    out: Path
    patience_s: float = 3600.0

    def perform(self, tools: Tools, tell: Tell) -> None:
        del tools, tell
        join_parts(self.parts, self.media, self.span, self.out)


@dataclass(frozen=True)
class Thumbnails:
    """Small pictures of people; gives {person: JPEG}."""

    media: Media
    picks: tuple[Pick, ...]
    style: Literal["blurred", "clear"]
    patience_s: float = 3600.0

    def perform(self, tools: Tools, tell: Tell) -> dict[int, bytes]:
        del tools, tell
        return thumbnails(self.media, self.picks, self.style)


Task: TypeAlias = Any
"""One of these, or another with `perform(tools, tell)` and `patience_s`: how long it may be silent."""
