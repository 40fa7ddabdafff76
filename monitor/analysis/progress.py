"""How far a run is: bars for people, lines of JSON for programs, nothing for those who asked for quiet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from monitor.analysis.job import Job
from monitor.redact import redact


class Silent:
    """Says nothing."""

    def begin(self, job: Job) -> None:
        del job

    def advance(self, job: Job, frames: int) -> None:
        del job, frames

    def end(self, job: Job) -> None:
        del job


class Lines:
    """JSON objects, one a line: "event" is begin, progress (at most once in `every_s`) or end."""

    def __init__(self, write: Callable[[str], None], every_s: float = 1.0) -> None:
        self._write, self._every_s = write, every_s
        self._done: dict[str, int] = {}
        self._told_s = 0.0

    def begin(self, job: Job) -> None:
        if job.media is not None:
            self._done[job.item.uri] = job.again
            self._tell("begin", job, frames=job.frames, again=job.again)

    def advance(self, job: Job, frames: int) -> None:
        self._done[job.item.uri] = self._done.get(job.item.uri, 0) + frames
        now_s = time.monotonic()
        if now_s - self._told_s >= self._every_s:
            self._told_s = now_s
            self._tell("progress", job, frames=self._done[job.item.uri], of=job.frames)

    def end(self, job: Job) -> None:
        why = None if job.failure is None else job.failure.what
        self._done.pop(job.item.uri, None)
        self._tell("end", job, status=job.status, folder=str(job.folder), why=why)

    def _tell(self, event: str, job: Job, **more: Any) -> None:
        self._write(json.dumps({"event": event, "name": redact(job.item.uri), **more}))


class RichBars:
    """A bar for each recording that is at work, and one over all, with pictures a second and the time left."""

    def __init__(self, console: Console, files: int) -> None:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        self._console = console
        self._progress = Progress(*columns, console=console, transient=True)
        self._all = self._progress.add_task("all files", total=files, rate="")
        self._bars: dict[str, TaskID] = {}
        self._begun_s, self._frames = time.monotonic(), 0

    def __enter__(self) -> RichBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, job: Job) -> None:
        if job.media is None:
            return
        bar = self._bars.get(job.item.uri)
        if bar is None:
            bar = self._progress.add_task(_short(job.item.stem), total=None, rate="")
            self._bars[job.item.uri] = bar
        self._progress.update(bar, total=job.frames or None, completed=job.again)

    def advance(self, job: Job, frames: int) -> None:
        self._frames += frames
        rate = f"{self._frames / max(1e-6, time.monotonic() - self._begun_s):.0f} fps"
        self._progress.update(self._all, rate=rate)
        if job.item.uri in self._bars:
            self._progress.update(self._bars[job.item.uri], advance=frames)

    def end(self, job: Job) -> None:
        self._progress.advance(self._all, 1)
        if (bar := self._bars.pop(job.item.uri, None)) is not None:
            self._progress.remove_task(bar)
        if job.failure is not None:
            self._console.print(f"failed: {job.item.stem}: {job.failure.what}", markup=False, highlight=False)


def summary(index: Mapping[str, Any]) -> Table:
    """The results as a table for the terminal."""
    rows: Sequence[Mapping[str, Any]] = index["results"]
    labels = list(index["totals"]["seconds"])
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="ellipsis", no_wrap=True, min_width=12, max_width=26)
    for name in ("length", "people", *(f"{label}, s" for label in labels), "masked", "warnings"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        totals = row["totals"]
        if totals is None:
            table.add_row(row["name"], row["status"])  # why, is told below with what to do
            continue
        seconds = [f"{totals['seconds'].get(label, 0.0):.1f}" for label in labels]
        table.add_row(
            row["name"], _clock(row["length_s"]), str(totals["people"]), *seconds,
            _share(totals["compliance"]), str(row["warnings"] or ""),
        )  # fmt: skip
    totals = index["totals"]
    if len(rows) > 1:
        seconds = [f"{totals['seconds'][label]:.1f}" for label in labels]
        done = f"{totals['done']} of {totals['files']} files"
        table.add_section()
        table.add_row(
            done, _clock(totals["length_s"]), str(totals["people"]), *seconds, _share(totals["compliance"]), ""
        )
    return table


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
