"""Workers as processes of a Ray cluster: many machines, of which any may be lost at any time.

Every machine has the same installation, and sees recordings under the same names. What needs the folders of the
results is done by a process of this machine.
"""

from __future__ import annotations

import faulthandler
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from monitor.analysis.cluster_link import QUIET, Link
from monitor.analysis.pool import START_S, Failure, Pool, Report, perform
from monitor.analysis.tasks import Analyse, Join, Render, RenderPictures, Task, Thumbnails, Tools
from monitor.errors import SourceError, UsageError
from monitor.versions import versions

LOCAL = (Join, RenderPictures, Thumbnails)
"""They write or read where the results lie."""
RETRIES = 3
"""So often Ray gives out a task again whose machine or process was lost; then the run decides."""
LOOK_S = 5.0
"""Between two looks how large the cluster is."""
AT_ONCE = 32
"""Results taken in before new tasks are given out."""
GET_S = 60.0
LOCAL_S = 0.05


class Cluster:
    """As `Pool`, over all machines of a Ray cluster. What tasks report comes together with their results."""

    def __init__(self, address: str, jobs: int | None, *, say: Callable[[str], None]) -> None:
        """`address`: HOST:PORT, or auto = the cluster that runs here, else one of our own. Raises UsageError."""
        self._link = Link(address, jobs, say)
        ray = self._ray = self._link.ray
        self._remote = ray.remote(num_cpus=1, max_retries=RETRIES, runtime_env={"env_vars": QUIET})(_perform)
        self._ours = ray.put(versions())
        self._jobs, self._room, self._looked_s = jobs, 0, 0.0
        self._flying: dict[Any, Any] = {}
        self._local, self._queue = Pool(1), deque[tuple[Any, Task]]()

    @property
    def idle(self) -> int:
        """How many tasks can be taken now: some more than there are processors, so that none waits for us."""
        now_s = time.monotonic()
        if not self._room or now_s - self._looked_s > LOOK_S:
            processors = self._link.processors
            ahead = processors + max(1, processors // 4)  # 1 where there are none: it makes a cluster grow
            self._room, self._looked_s = min(self._jobs or ahead, ahead), now_s
        return self._room - len(self._flying)

    def submit(self, key: Any, task: Task) -> None:
        """Gives a task to the cluster, or to the worker of this machine; reports carry its `key`."""
        if isinstance(task, LOCAL):
            self._queue.append((key, task))
            return
        self._flying[self._remote.remote(_to_send(task), self._ours)] = key

    def wait(self, timeout_s: float) -> list[Report]:
        """What came in meanwhile; after `timeout_s`, or earlier, perhaps nothing.

        Raises UsageError where a machine of the cluster has other versions than this one.
        """
        while self._queue and self._local.idle:
            self._local.submit(*self._queue.popleft())
        working = self._local.idle < self._local.jobs
        reports = self._local.wait(0.0 if self._flying else timeout_s) if working else []
        if self._flying:
            patience_s = 0.0 if reports else min(timeout_s, LOCAL_S) if working else timeout_s
            first, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=patience_s)
            if first:
                many = min(AT_ONCE, len(self._flying))
                landed, _ = self._ray.wait(list(self._flying), num_returns=many, timeout=0)
                reports += [report for ref in landed for report in self._take(ref)]
        return reports

    def _take(self, ref: Any) -> list[Report]:
        key = self._flying[ref]
        errors = self._ray.exceptions
        try:
            told = self._ray.get(ref, timeout=GET_S)
        except errors.GetTimeoutError:  # lost on the way, and made again
            return []
        except errors.RayTaskError as error:
            what = " ".join(str(error).split()).rpartition("Error: ")[2][-300:]
            told = [("failed", Failure(what, "every machine of the cluster needs the same installation", 1))]
        except errors.RayError as error:
            what = f"its worker was lost {RETRIES + 1} times: {' '.join(str(error).split())[:200]}"
            told = [("failed", Failure(what, "look at the machines of the cluster: ray status", 1, died=True))]
        del self._flying[ref]
        if told[-1][0] == "stranger":
            raise UsageError(told[-1][1], hint="install the same versions on every machine of the cluster")
        return [Report(key, kind, value) for kind, value in told]

    def close(self) -> None:
        """Ends all tasks at once, and a cluster that was started for them."""
        self._local.close()
        for ref in self._flying:
            self._ray.cancel(ref, force=True)
        self._flying.clear()
        self._link.close()


def _to_send(task: Task) -> Task:
    """What is stored here comes back as bytes; a task has one processor, and engines would take all they see."""
    if isinstance(task, Render):
        return replace(task, out=None)
    if isinstance(task, Analyse) and task.settings.engine.threads is None:
        settings = task.settings
        return replace(task, settings=replace(settings, engine=replace(settings.engine, threads=1)))
    return task


@cache
def _tools() -> Tools:
    """This process's own, for all its tasks."""
    return Tools()


def _perform(task: Task, theirs: Mapping[str, str]) -> list[tuple[str, Any]]:
    """In a process of the cluster: everything the task reported, its end last; `theirs`: versions of who asks."""
    mine = versions()
    if other := [f"{part} {mine[part]}, not {theirs.get(part)}" for part in mine if mine[part] != theirs.get(part)]:
        return [("stranger", f"the machine {socket.gethostname()} of the cluster has {', '.join(other)}")]
    told: list[tuple[str, Any]] = []
    patience_s = max(START_S, task.patience_s)

    def tell(kind: str, value: Any) -> None:
        faulthandler.dump_traceback_later(patience_s, exit=True, file=sys.__stderr__ or sys.stderr)
        told.append((kind, value))

    # A process that hangs is ended by this, and Ray gives its task out again.
    faulthandler.dump_traceback_later(patience_s, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        kind, value = perform(task, _tools(), tell)
    finally:
        faulthandler.cancel_dump_traceback_later()
    if kind == "failed" and value.code == SourceError.exit_code and not _seen(task):
        hint = f"{socket.gethostname()} does not see it: put recordings where all machines see them, or name a URL"
        value = replace(value, hint=hint)
    return [*told, (kind, value)]


def _seen(task: Task) -> bool:
    uri = task.media.uri if isinstance(task, Analyse | Render) else getattr(task, "uri", "://")
    return "://" in uri or Path(uri).exists()
