"""The sinks of a run: which it needs, that none destroys what is there, and the drawing that some of them want."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from engines.contract import Engine
from monitor.errors import UsageError
from monitor.files import check_replaceable, check_writable, part_of, told_as_sink_error
from monitor.overlay import Overlay
from monitor.ports import Sink, Source
from monitor.settings import OutputSettings, Settings
from monitor.sinks.summary import Summary
from monitor.sources import input_files
from monitor.threads import Queued
from monitor.told import as_text
from monitor.types import Frame, Gap, Losses, Scene
from monitor.versions import versions


class Outlets:
    """The sinks of a run, and the drawing that some of them need."""

    def __init__(self, settings: Settings, source: Source, windowed: bool, losses: Losses, stack: ExitStack) -> None:
        """Refuses here, before the models are loaded, every output that cannot be written or would destroy something.

        Raises UsageError and SinkError. What is opened is closed by `stack`.
        """
        self._settings, self._source, self._windowed, self._losses = settings, source, windowed, losses
        output, inputs = settings.output, input_files(settings.source)
        refuse_overwriting(output, inputs)
        if output.summary is not None:
            check_replaceable(output.summary)
        if output.events is not None and str(output.events) != "-":
            check_writable(output.events)
        self._recorder: Any = None
        if output.record is not None:
            self._recorder = stack.enter_context(closing(recorder(output.record, inputs, source.live)))
        self._sinks: list[Sink] = []
        self._overlay: Overlay | None = None
        self._window: Any = None
        self._started: tuple[float, float] | None = None

    def open(self, engine: Engine, stack: ExitStack) -> None:
        """Opens the rest, now that the classes and the engine are known. Raises SinkError."""
        settings, classes, name = self._settings, engine.card.classes, self._source.name

        def add(sink: Any) -> Any:
            self._sinks.append(stack.enter_context(closing(sink)))
            return sink

        self._summary = Summary(
            settings.output.summary, classes, source=name, engine=engine.info, versions=versions(), losses=self._losses
        )
        add(self._summary)
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
            add(LiveTable(name, classes, engine.info, console))

    def write(self, item: Scene | Gap) -> None:
        """Draws where somebody looks, and hands the item to every sink. Raises what a sink raises."""
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


def refuse_overwriting(output: OutputSettings, inputs: Sequence[Path]) -> None:
    """Nothing; raises UsageError where an output would replace a file of the source or another output.

    Links are looked through, and the name a file has while it is written counts too.
    """
    owners: dict[Hashable, str] = {_identity(path): "the source" for path in inputs}
    asked = {"--record": output.record, "--events": output.events, "--summary": output.summary}
    for option, path in asked.items():
        if path is None or (str(path) == "-" and option == "--events"):
            continue
        if str(path) == "-":
            raise UsageError(f"{option} -: only --events can go to the standard output", hint="name a file")
        written = {_identity(path), _identity(part_of(path))}
        owner = next((owners[file] for file in written if file in owners), None)
        if owner is not None:
            raise UsageError(f"{option} {path} would overwrite {owner}", hint="name another file")
        owners |= dict.fromkeys(written, f"what {option} writes")
    if output.record is not None and _identity(output.record) in {_identity(path.parent) for path in inputs}:
        what = f"--record {output.record} would write among the source's own files"
        raise UsageError(what, hint="name another folder")


def _identity(path: Path) -> Hashable:
    """Equal for two names of one file."""
    try:
        there = path.stat()
    except OSError:  # not there, or not to be looked at
        return os.path.realpath(path)
    return there.st_dev, there.st_ino


def recorder(path: Path, inputs: Sequence[Path], live: bool) -> Any:
    """The sink for `--record`: a video, one picture, or a folder of them. Raises UsageError and SinkError."""
    from monitor.sinks import pictures, video
    from monitor.sources.pictures import is_picture

    suffix = path.suffix.lower()
    with told_as_sink_error(path):
        folder = path.is_dir() or not suffix
    if not folder and suffix in video.SUFFIXES:
        # A live picture must not wait for the disk; a file's recording must not lose a frame.
        return Queued(video.VideoRecorder(path), when_full="drop" if live else "wait")
    if not folder and suffix not in pictures.SUFFIXES:
        hint = f"end a video in {', '.join(video.SUFFIXES)}; a folder with a dot in its name must be there already"
        raise UsageError(f"--record {path} names no video, picture or folder", hint=hint)
    if not folder and (len(inputs) != 1 or not is_picture(inputs[0])):
        what = f"--record {path} is one picture, and the source gives many"
        raise UsageError(what, hint="name a folder, or a video ending in .mp4")
    sink = pictures.PictureRecorder(path) if folder else pictures.PictureRecorder(path.parent, path.name)
    return Queued(sink, when_full="drop") if live else sink
