"""Workers as processes: what they say, what happens when one dies, hangs, or is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from monitor.analysis.pool import Failure, Pool, Report, perform
from monitor.errors import DetectorError, MediaError

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Does:
    """A task that a test writes."""

    what: str
    value: Any = None
    patience_s: float = 60.0

    def perform(self, tools: Any, tell: Any) -> Any:  # noqa: ARG002
        if self.what == "answer":
            tell("frames", 3)
            return self.value, os.getpid()
        if self.what == "refuse":
            raise MediaError("it is empty", hint="fill it")
        if self.what == "bug":
            raise ZeroDivisionError("oh")
        if self.what == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(self.value)
        return None


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with closing(Pool(2)) as opened:
        yield opened


def until_over(pool: Pool, count: int, limit_s: float = 60.0) -> list[Report]:
    """All reports until so many tasks were done or failed."""
    reports: list[Report] = []
    end_s = time.monotonic() + limit_s
    while sum(report.kind in ("done", "failed") for report in reports) < count and time.monotonic() < end_s:
        reports += pool.wait(0.5)
    return reports


def test_tasks_are_done_side_by_side_and_workers_are_used_again(pool: Pool) -> None:
    pool.submit("a", Does("answer", 1))
    pool.submit("b", Does("answer", 2))
    assert pool.idle == 0
    reports = until_over(pool, 2)
    assert pool.idle == 2
    assert {(report.key, report.kind) for report in reports} == {
        ("a", "frames"), ("a", "done"), ("b", "frames"), ("b", "done"),
    }  # fmt: skip
    pids = {report.value[1] for report in reports if report.kind == "done"}
    pool.submit("c", Does("answer", 3))
    last = until_over(pool, 1)[-1]
    assert last.value[0] == 3
    assert len(pids) == 2
    assert last.value[1] in pids


def test_errors_arrive_with_their_hints_and_codes(pool: Pool) -> None:
    pool.submit("known", Does("refuse"))
    assert until_over(pool, 1)[-1].value == Failure("it is empty", "fill it", 3)
    pool.submit("bug", Does("bug"))
    failure = until_over(pool, 1)[-1].value
    assert (failure.code, failure.died) == (1, False)
    assert "ZeroDivisionError" in failure.what


def test_a_worker_that_crashes_costs_its_task_only(pool: Pool) -> None:
    pool.submit("bad", Does("die"))
    pool.submit("good", Does("answer", 1))
    over = {report.key: report for report in until_over(pool, 2) if report.kind in ("done", "failed")}
    assert over["bad"].value.died
    assert "signal 11" in over["bad"].value.what
    assert over["good"].kind == "done"
    pool.submit("next", Does("answer", 2))
    assert until_over(pool, 1)[-1].value[0] == 2


def test_a_worker_that_hangs_is_ended(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.analysis.pool.START_S", 0.0)
    pool.submit("first", Does("answer", 1))
    until_over(pool, 1)
    pool.submit("slow", Does("sleep", 600, patience_s=0.5))
    failure = until_over(pool, 1)[-1].value
    assert failure.died
    assert "said nothing" in failure.what
    assert pool.idle == 2


def test_tools_that_failed_are_opened_again() -> None:
    """A detector that did not answer in time stays silent: the next recording must not be its victim, too."""

    class Shelf:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    class Hangs:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def perform(self, tools: Any, tell: Any) -> None:  # noqa: ARG002
            raise self.error

    shelf: Any = Shelf()
    kind, failure = perform(Hangs(DetectorError("did not answer", hint="wait")), shelf, None)
    assert (kind, failure.code, failure.died, shelf.closed) == ("failed", 4, True, 1)
    _, failure = perform(Hangs(MediaError("it is empty", hint="fill it")), shelf, None)
    assert (failure.died, shelf.closed) == (False, 1)


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_workers_end_with_whoever_started_them() -> None:
    code = (
        "import sys, time; from monitor.analysis.pool import Pool; from tests.monitor.analysis.test_pool import Does\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(1); pool.submit('a', Does('answer', 1))\n"
        "    while not any(r.kind == 'done' for r in pool.wait(1)): pass\n"
        "    print('there', flush=True); time.sleep(600)"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "there"
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        _, alive = psutil.wait_procs(workers, timeout=20)
    assert workers
    assert not alive
