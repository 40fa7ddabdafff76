"""What comes of several cameras: a window, a recording, events, a summary, the terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from engines.contract import Engine
from monitor.files import check_replaceable, check_writable, write_whole
from monitor.outlets import recorder, refuse_overwriting
from monitor.settings import Settings
from monitor.several.mosaic import Mosaic
from monitor.several.rounds import ENDED, Item
from monitor.several.table import SeveralTable
from monitor.sinks.events import EventLog
from monitor.sinks.summary import Summary, as_json, facts_of
from monitor.threads import Queued
from monitor.types import Frame, Gap, Losses, Scene
from monitor.versions import versions

PICTURES_PER_S = 30.0
"""More often the picture of all is not shown and not recorded."""


class SeveralOutlets:
    """Refuses, when made, outputs that cannot be written; `open` once the engine is known; `write` round by round."""

    def __init__(self, settings: Settings, inputs: Sequence[Path], windowed: bool, stack: ExitStack) -> None:
        """Raises UsageError and SinkError. What is opened is closed by `stack`."""
        self._settings, self._windowed = settings, windowed
        output = settings.output
        refuse_overwriting(output, inputs)
        if output.summary is not None:
            check_replaceable(output.summary)
        if output.events is not None and str(output.events) != "-":
            check_writable(output.events)
        self._recorder: Any = None
        if output.record is not None:
            self._recorder = stack.enter_context(closing(recorder(output.record, inputs, live=True)))
        self._window: Any = None
        self._mosaic: Mosaic | None = None
        self._table: SeveralTable | None = None
        self._pictures, self._shown_s, self._stale = 0, float("-inf"), False

    def open(self, names: Sequence[str], engine: Engine, losses: Sequence[Losses], stack: ExitStack) -> None:
        """Opens the rest. Raises SinkError."""
        settings, classes = self._settings, engine.card.classes
        self._names, self._engine = tuple(names), engine.info
        about = list(zip(names, losses, strict=True))
        self._summaries = [Summary(None, classes, source=name, engine=engine.info, losses=lost) for name, lost in about]
        self._events: list[EventLog] = []
        events = settings.output.events
        for name in names if events is not None else ():
            assert events is not None
            log = EventLog(events, classes, camera=name, goes_on=bool(self._events))
            self._events.append(stack.enter_context(closing(log)))
        if self._windowed or self._recorder is not None:
            self._mosaic = Mosaic(names, classes, settings.show, engine.info)
        if self._windowed and self._mosaic is not None:
            from monitor.sinks.window import Window

            window = Window("monitor", self._mosaic, settings.output.snapshots)
            self._window = stack.enter_context(closing(window))
        elif settings.show.table and not settings.show.headless:
            from monitor.sinks.live_table import standard_error

            console = standard_error() if str(events) == "-" else None
            self._table = stack.enter_context(closing(SeveralTable(names, classes, console)))
        stack.callback(self._write_summary)

    def write(self, told: Sequence[Item]) -> None:
        """Hands a round on. Raises what a sink raises."""
        for number, item in told:
            if not (isinstance(item, Gap) and item.state == ENDED):
                self._summaries[number].write(item)
                if self._events:
                    self._events[number].write(item)
            if self._table is not None:
                self._table.see(number, item)
            if self._mosaic is not None:
                self._mosaic.show(number, item)
        if self._table is not None:
            self._table.refresh()
        self._stale |= bool(told)
        ended = any(isinstance(item, Gap) and item.state == ENDED for _, item in told)
        now_s = time.monotonic()
        if self._mosaic is not None and self._stale and (ended or now_s - self._shown_s >= 0.95 / PICTURES_PER_S):
            self._shown_s, self._stale = now_s, False
            self._show(self._mosaic, now_s)
        elif self._window is not None:
            self._window.poll()

    def _show(self, mosaic: Mosaic, now_s: float) -> None:
        bgr = mosaic.picture.copy()
        bgr.setflags(write=False)
        scene = Scene(Frame(self._pictures, now_s, time.time(), bgr), (), {})
        self._pictures += 1
        if self._window is not None:
            if not self._window.paused:
                mosaic.keep()
            self._window.write(scene)
        if self._recorder is not None:
            self._recorder.write(scene)

    @property
    def quit(self) -> bool:
        """The user closed the window."""
        return bool(self._window is not None and self._window.quit)

    def result(self) -> dict[str, Any]:
        """{"cameras": {name: as `Summary.result`}, "totals", "engine", "versions"}."""
        cameras = {name: one.result() for name, one in zip(self._names, self._summaries, strict=True)}
        for one in cameras.values():
            del one["engine"], one["versions"]
        totals = {key: sum(one[key] for one in cameras.values()) for key in ("frames", "dropped", "tracks_seen")}
        return {
            "cameras": cameras, "totals": totals,
            "engine": facts_of(self._engine),
            "versions": dict(versions()),
        }  # fmt: skip

    def told(self) -> str:
        """The run in a few lines."""
        lines = [_line(name, one) for name, one in self.result()["cameras"].items()]
        output = self._settings.output
        paths = [path for path in (output.record, output.events, output.summary) if path is not None]
        lines += [f"wrote {path}" for path in paths if str(path) != "-" and path.exists()]
        missing = self._recorder.dropped if isinstance(self._recorder, Queued) else 0
        lines += [f"the recording misses {missing} pictures: it could not keep up"] if missing else []
        return "\n".join(lines)

    def _write_summary(self) -> None:
        path = self._settings.output.summary
        if path is not None:
            write_whole(path, as_json(self.result()))


def _line(name: str, one: dict[str, Any]) -> str:
    """A camera's part of the run."""
    if not one["frames"]:
        return f"{name}: no picture"
    people = "1 person" if one["tracks_seen"] == 1 else f"{one['tracks_seen']} people"
    rate = f"{one['fps']:.1f} a second, " if one["fps"] else ""
    gaps = {state: count for state, count in one["gaps"].items() if state != "connecting"}
    lost = [f"{state} {'once' if count == 1 else f'{count} times'}" for state, count in gaps.items()]
    return "; ".join([f"{name}: {one['frames']} frames ({rate}{one['dropped']} dropped), {people} seen", *lost])
