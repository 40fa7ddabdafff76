"""Workers as processes of this machine: one that crashes or hangs costs its task, never the run.

They are started anew, not forked. They end with the process that started them, however that ends: what they say then
reaches nobody, and that ends them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from engines.contract import EngineError
from monitor.analysis.tasks import Task, Tools
from monitor.errors import MonitorError
from monitor.processes import without_ctrl_c

TOOLS_FAILED = 4
"""Exit code of errors of the detector and the engine."""
START_S = 120.0
"""A worker must say something within so long after its start: it loads its libraries."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task was not done."""

    what: str
    hint: str
    code: int
    """The exit code of its kind; 1 = a bug, or a worker that died."""
    died: bool = False
    """The worker died or hung, or its tools failed: another try may do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker said of a task."""

    key: Any
    kind: str
    """frames, segment (while at work), done, failed"""
    value: Any


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection[Any, Any]
    key: Any = None
    patience_s: float = START_S
    heard_s: float = 0.0


class Pool:
    """At most `jobs` workers, started when they are needed. `submit` only while `idle`."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._workers: list[_Worker] = []

    @property
    def idle(self) -> int:
        """How many tasks can be taken now."""
        return self.jobs - sum(worker.key is not None for worker in self._workers)

    def submit(self, key: Any, task: Task) -> None:
        """Gives a task to a free worker; reports carry its `key`."""
        worker = next((w for w in self._workers if w.key is None), None) or self._start()
        worker.key, worker.patience_s = key, max(START_S, task.patience_s)
        worker.heard_s = time.monotonic()
        try:
            worker.pipe.send(task)
        except OSError:  # it died while it was idle; the next `wait` tells
            return

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True, name="monitor worker")
        with without_ctrl_c():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def wait(self, timeout_s: float) -> list[Report]:
        """What was said meanwhile, at least one thing or after `timeout_s` nothing."""
        busy = {worker.pipe: worker for worker in self._workers if worker.key is not None}
        reports = []
        for pipe in wait(list(busy), timeout_s) if busy else ():
            assert isinstance(pipe, Connection)
            reports.append(self._hear(busy[pipe]))
        now_s = time.monotonic()
        for worker in busy.values():
            if worker.key is not None and now_s - worker.heard_s > worker.patience_s:
                reports.append(self._give_up(worker, f"said nothing for {worker.patience_s:.0f} s"))
        return reports

    def _hear(self, worker: _Worker) -> Report:
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(5)
            code = worker.process.exitcode
            told = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
            return self._give_up(worker, f"ended {told}")
        worker.heard_s = time.monotonic()
        report = Report(worker.key, kind, value)
        if kind in ("done", "failed"):
            worker.key = None
        return report

    def _give_up(self, worker: _Worker, why: str) -> Report:
        report = Report(worker.key, "failed", Failure(f"its worker {why}", "run it again with --verbose", 1, died=True))
        self._end(worker)
        return report

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join(5)
        worker.pipe.close()

    def close(self) -> None:
        """Ends all workers at once, whatever they do."""
        for worker in list(self._workers):
            self._end(worker)


def _work(pipe: Connection[Any, Any]) -> None:
    """A worker's life: tasks in, reports out, until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with closing(Tools()) as tools:
        while True:
            try:
                task = pipe.recv()
                pipe.send(perform(task, tools, lambda kind, value: pipe.send((kind, value))))
            except (EOFError, OSError):
                os._exit(0)  # whoever started us is gone; threads of libraries must not keep us


def perform(task: Task, tools: Tools, tell: Any) -> tuple[str, Any]:
    """("done", its result) or ("failed", a Failure). Raises only where nobody can be told."""
    try:
        return "done", task.perform(tools, tell)
    except (MonitorError, EngineError) as error:
        broken = error.exit_code == TOOLS_FAILED
        if broken:
            tools.close()  # a detector that did not answer once never does again
        return "failed", Failure(str(error), error.hint, error.exit_code, died=broken)
    except (BrokenPipeError, EOFError):
        raise
    except MemoryError:
        return "failed", Failure("memory ran out", "use fewer --jobs", 1, died=True)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return "failed", Failure(f"{type(error).__name__}: {error}", "report this: it is a bug of ours", 1)
