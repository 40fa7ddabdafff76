"""One recording on its way from a name to a report: scanned, analysed, shown."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.contract import Card, EngineInfo
from monitor.analysis.footage import Footage, span_of
from monitor.analysis.inputs import Item
from monitor.analysis.outputs import Outputs
from monitor.analysis.plan import Work, finished, shown
from monitor.analysis.pool import Failure
from monitor.analysis.tasks import Analyse, Scan, Task
from monitor.errors import MonitorError, SinkError
from monitor.settings import Settings
from monitor.types import Media

TRIES = 2
"""A task whose worker died is given out again; then it is the recording's fault."""


@dataclass(frozen=True)
class Order:
    """What is wanted of every recording of a run."""

    settings: Settings
    card: Card
    engine: EngineInfo
    begins: float | None
    """Seconds since 1970 at media time 0, where people said so."""


@dataclass
class Job:
    """start; then tasks out by `next_task`, reports in by `take`, until `over`."""

    item: Item
    folder: Path
    mark: str
    order: Order
    status: str = "queued"
    """queued, scanning, analysing, showing, done, failed"""
    failure: Failure | None = None
    media: Media | None = None
    frames: int = 0
    """Pictures to go through, those of the annotated video too; known after the scan."""
    again: int = 0
    """Of them, those that an earlier run has been through."""
    facts: dict[str, Any] | None = None
    overwrite: bool = False
    """What is there is made anew; the old results stay until the new ones take their place."""
    _todo: deque[tuple[Any, Task]] = field(default_factory=deque)
    _given: dict[Any, Task] = field(default_factory=dict)
    """Those in work."""
    _tries: dict[Any, int] = field(default_factory=dict)
    _footage: Footage | None = None
    _outputs: Outputs | None = None
    _begun_s: float = 0.0

    @property
    def over(self) -> bool:
        return self.status in ("done", "failed")

    def start(self) -> None:
        """Looks what an earlier run left: perhaps all of it."""
        self._begun_s = time.monotonic()
        known = None if self.overwrite else finished(self.folder)
        self.status = "scanning"
        if known is not None:
            if known["made"].get("fingerprint") != self.mark:
                what = f"{self.folder} holds results made with other settings, versions or an older file"
                self.fail(Failure(what, "add --overwrite, or name another folder with --out", 2))
                return
            self.facts = known
            if known["made"].get("shown") == shown(self.order.settings):
                self.status = "done"
                return
        self._todo.append(("scan", Scan(self.item.uri, self.item.pictures)))

    def next_task(self) -> tuple[Any, Task] | None:
        """(name, task) to be given to a worker now."""
        if not self._todo:
            return None
        name, task = self._todo.popleft()
        self._given[name] = task
        return name, task.prepared() if hasattr(task, "prepared") else task

    def take(self, name: Any, kind: str, value: Any) -> None:
        """What a worker reported of one of this job's tasks. Raises SinkError: then nothing can be stored."""
        try:
            if kind == "failed":
                self._failed(name, value)
            elif kind == "segment" and self._footage is not None:
                self._footage.take(*value)
                self._assemble()
            elif kind == "done":
                self._done(name, value)
        except MonitorError as error:
            if error.exit_code != 3:
                raise
            self.fail(Failure(str(error), error.hint, error.exit_code))

    def _failed(self, name: Any, failure: Failure) -> None:
        self._tries[name] = self._tries.get(name, 0) + 1
        task = self._given.pop(name)
        if failure.died and self._tries[name] < TRIES:
            self._todo.appendleft((name, task))
        elif failure.code == 5:
            raise SinkError(failure.what, hint=failure.hint)
        else:
            self.fail(failure)

    def fail(self, failure: Failure) -> None:
        """This recording is given up; the segments that are done stay for the next run."""
        self.status, self.failure = "failed", failure
        self._todo.clear()
        self.close()

    def close(self) -> None:
        """Files that are not complete are taken away, and what was needed on the way is forgotten."""
        if self._footage is not None:
            self._footage.close()
        self._footage = self._outputs = None
        self._given.clear()

    def _done(self, name: Any, value: Any) -> None:
        self._given.pop(name, None)
        if name == "scan":
            self._scanned(value)
        elif self._outputs is not None and self.status == "showing":
            self._todo += self._outputs.take(name, value)
            self._finish_if_complete()

    def _scanned(self, media: Media) -> None:
        order, settings = self.order, self.order.settings
        span = span_of(media, settings)
        begins = media.created if order.begins is None else order.begins
        share = 1.0 if media.kind == "pictures" else (span.to_s - span.from_s) / max(media.length_s, 1e-9)
        looked = round(media.frames * min(1.0, share))
        self.media, self.frames = media, looked * (1 + settings.analysis.video)
        work = Work(self.folder, self.mark, self.item.uri)
        self._outputs = Outputs(self.folder, work, media, span, settings, order.card, begins)
        if self.facts is not None:  # the tables are there already
            self.again = looked
            self._show()
            return
        self.status = "analysing"
        self._footage = Footage(self.folder, work, media, span, settings, order.card, begins)
        self.again = round(looked * self._footage.done / len(self._footage.segments))
        self._assemble()
        self._give_out()

    def _give_out(self) -> None:
        """Puts on the list what is missing, but for segments that are on it or in work already."""
        if self._footage is None or self.status != "analysing":
            return
        known = {segment.index for task in (*self._given.values(), *(task for _, task in self._todo))
                 if isinstance(task, Analyse) for segment in task.segments}  # fmt: skip
        self._todo += [(name, task) for name, task in self._footage.todo() if task.segments[0].index not in known]

    def _assemble(self) -> None:
        assert self._footage is not None
        if not self._footage.assemble():
            self._give_out()
        elif self._footage.facts is not None and self.status == "analysing":
            self.facts = self._footage.facts
            self._show()

    def _show(self) -> None:
        assert self._outputs is not None
        assert self.facts is not None
        self.status = "showing"
        self._todo += self._outputs.begin(self.facts, anew=self._footage is not None)
        self._finish_if_complete()

    def _finish_if_complete(self) -> None:
        assert self._outputs is not None
        assert self.facts is not None
        if not self._outputs.complete:
            return
        seconds = time.monotonic() - self._begun_s
        card, engine = self.order.card, asdict(self.order.engine)
        made = {
            "fingerprint": self.mark, "shown": shown(self.order.settings),
            "engine": {**engine, "bundle": f"{card.name} {card.version}"},
        }  # fmt: skip
        run = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(seconds, 2),
            "fps": round((self.frames - self.again) / seconds, 1) if seconds > 0 else None,
        }  # fmt: skip
        self.facts = self._outputs.write(self.facts, self.item.uri, made, run)
        Work(self.folder, self.mark, self.item.uri).remove()
        self.status = "done"
        self.close()
