"""A run: recordings handed to workers piece by piece, in their order, until all are told of."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from engines.contract import EngineInfo
from monitor.analysis.inputs import Item, folders_of
from monitor.analysis.job import Job, Order
from monitor.analysis.pages import index_page
from monitor.analysis.plan import fingerprint, finished
from monitor.analysis.pool import Failure, Report
from monitor.analysis.tasks import Task
from monitor.app import engine_of
from monitor.errors import MonitorError, UsageError
from monitor.files import told_as_sink_error, write_whole
from monitor.redact import redact
from monitor.settings import Settings
from monitor.types import UNDECIDED

FINISHED, FAILED, INTERRUPTED = 0, 3, 130
POLL_S = 0.25


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Within this block nobody else writes results to `out`. Raises UsageError where somebody does, SinkError."""
    with told_as_sink_error(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            what = f"another analysis is writing to {out}"
            raise UsageError(what, hint="wait until it is done, or name another folder with --out") from error
    try:
        yield
    finally:
        lock.release()  # the file stays: who waits for it may hold it open


class Workers(Protocol):
    """Who performs tasks: processes of this machine, or a cluster."""

    @property
    def idle(self) -> int: ...

    def submit(self, key: Any, task: Task) -> None: ...

    def wait(self, timeout_s: float) -> list[Report]: ...

    def close(self) -> None: ...


class Bars(Protocol):
    """Who wants to know how far it is."""

    def begin(self, job: Job) -> None: ...

    def advance(self, job: Job, frames: int) -> None: ...

    def end(self, job: Job) -> None: ...


class Run:
    """The jobs of one call."""

    def __init__(
        self,
        items: Sequence[Item],
        out: Path,
        settings: Settings,
        *,
        begins: float | None = None,
        overwrite: bool = False,
        say: Callable[[str], None],
    ) -> None:
        """`begins`: seconds since 1970 at media time 0, where it is known better than by the file.

        Raises EngineError and SinkError.
        """
        self._out = out
        with closing(engine_of(settings, say)) as engine:
            order = Order(_pinned(settings, engine.info), engine.card, engine.info, begins)
        folders = folders_of(items, out)
        marks = [fingerprint(item, settings, order.engine) for item in items]
        self.jobs = [Job(*one, order, overwrite=overwrite) for one in zip(items, folders, marks, strict=True)]
        self._rows: dict[int, dict[str, Any]] = {}

    def go(self, workers: Workers, bars: Bars, stopped: Callable[[], bool]) -> int:
        """0 finished, 3 some recording failed, 130 stopped before all was done. Raises SinkError."""
        try:
            while not stopped() and any(not job.over for job in self.jobs):
                self._hand_out(workers, bars)
                for report in workers.wait(POLL_S):
                    self._take(report, bars)
        finally:
            for job in self.jobs:
                job.close()
            self.write_index()
        if any(not job.over for job in self.jobs):
            return INTERRUPTED
        return FAILED if any(job.status == "failed" for job in self.jobs) else FINISHED

    def _hand_out(self, workers: Workers, bars: Bars) -> None:
        """Tasks of the earliest recordings first; as many recordings are begun as keep everybody busy."""
        for number, job in enumerate(self.jobs):
            if workers.idle <= 0:
                return
            if job.status == "queued":
                job.start()
                bars.begin(job)
                self._end_if_over(number, bars)
            while workers.idle > 0 and (given := job.next_task()) is not None:
                name, task = given
                workers.submit((number, name), task)

    def _take(self, report: Report, bars: Bars) -> None:
        number, name = report.key
        job = self.jobs[number]
        if job.over:  # another of its tasks failed
            return
        if report.kind == "frames":
            bars.advance(job, report.value)
            return
        try:
            job.take(name, report.kind, report.value)
        except MonitorError:
            raise
        except Exception as error:  # a bug of ours costs one recording, not the others
            traceback.print_exc(file=sys.stderr)
            job.fail(Failure(f"{type(error).__name__}: {error}", "report this: it is a bug of ours", 1))
        if name == "scan" or job.over:
            bars.begin(job)
        self._end_if_over(number, bars)

    def _end_if_over(self, number: int, bars: Bars) -> None:
        """Of a recording that is through, only its row in the index is kept."""
        job = self.jobs[number]
        if job.over:
            self._rows[number] = _row_of(job)
            bars.end(job)
            job.facts = None

    def write_index(self) -> dict[str, Any]:
        """index.json and index.html over everything that lies in the folder. Raises SinkError."""
        rows = {job.folder.name: self._rows.get(number) or _row_of(job) for number, job in enumerate(self.jobs)}
        for facts in sorted(self._out.glob("*/analysis.json")):
            if facts.parent.name not in rows and (row := _row_there(facts.parent)) is not None:
                rows[facts.parent.name] = row
        index = {"version": 1, "results": list(rows.values()), "totals": _totals(list(rows.values()))}
        write_whole(self._out / "index.json", (json.dumps(index, indent=1) + "\n").encode())
        write_whole(self._out / "index.html", index_page(index).encode())
        return index


def _pinned(settings: Settings, engine: EngineInfo) -> Settings:
    """Every worker shall judge with what was found here: machines of a cluster may differ, results may not."""
    found: dict[str, Any] = {"runtime": engine.runtime, "precision": engine.precision}
    return replace(settings, engine=replace(settings.engine, **found))


def _row_of(job: Job) -> dict[str, Any]:
    if job.status == "done" and job.facts is not None:
        return _row(job.folder.name, job.facts)
    failure: Failure | None = job.failure
    status = "failed" if job.status == "failed" else "unfinished"
    return {
        "name": job.media.name if job.media else redact(Path(job.item.uri).name), "folder": job.folder.name,
        "kind": "pictures" if job.item.pictures else "video", "status": status,
        "why": failure.what if failure else None, "length_s": job.media.length_s if job.media else None,
        "totals": None, "begins": None, "warnings": 0, "video": False,
    }  # fmt: skip


def _row_there(folder: Path) -> dict[str, Any] | None:
    """The row of results that an earlier call left; None where the file of their name is not ours."""
    if (told := finished(folder)) is None:
        return None
    try:
        row = _row(folder.name, told)
        _totals([row])
        json.dumps(row, allow_nan=False)
        fit = isinstance(row["name"], str) and isinstance(row["begins"], int | float | None)
        return row if fit and row["totals"].keys() >= {"compliance", "most_at_once"} else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _row(folder: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": told["name"], "folder": folder, "kind": told["kind"], "status": "done", "why": None,
        "length_s": told["media"]["length_s"], "totals": told["totals"], "begins": told["begins"],
        "warnings": len(told["quality"]["warnings"]), "video": told["files"]["video"] is not None,
    }  # fmt: skip


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    done = [row["totals"] for row in rows if row["totals"] is not None]
    labels = sorted({label for totals in done for label in totals["seconds"]})
    seconds = {label: round(sum(totals["seconds"].get(label, 0.0) for totals in done), 3) for label in labels}
    decided = sum(s for label, s in seconds.items() if label != UNDECIDED)
    return {
        "files": len(rows), "done": len(done), "failed": sum(row["status"] == "failed" for row in rows),
        "length_s": round(sum(row["length_s"] or 0.0 for row in rows), 3),
        "people": sum(totals["people"] for totals in done), "seconds": seconds,
        "compliance": round(seconds["mask"] / decided, 4) if decided and "mask" in seconds else None,
        "judgements": sum(totals["judgements"] for totals in done),
    }  # fmt: skip
