"""The owner's own program as a target: what it is told, and what becomes of one that fails or hangs."""

from __future__ import annotations

import json
import shlex
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from monitor.errors import ConfigError
from monitor.kiosk.delivery import Deliveries
from monitor.kiosk.delivery.target import body_of
from monitor.kiosk.facts import Decision
from tests.monitor.kiosk.deliveries import SAID, backlog, opened, running
from tests.monitor.kiosk.receivers import until


def program(folder: Path, body: str) -> str:
    """The line that runs `body`; what it writes goes to the folder."""
    file = folder / "program with a blank.py"
    file.write_text(f"import os, sys, time, json\nfrom pathlib import Path\nhere = Path({str(folder)!r})\n{body}\n")
    return shlex.join([sys.executable, "-I", str(file), "an argument", "$HOME; echo >no-shell"])


def test_a_program_gets_the_event(path: Path, tmp_path: Path) -> None:
    line = program(
        tmp_path,
        "seen = {name: value for name, value in os.environ.items() if name.startswith('MONITOR_EVENT_')}\n"
        "(here / 'part').write_text(json.dumps([json.load(sys.stdin), seen, sys.argv[1:]]))\n"
        "(here / 'part').replace(here / 'seen.json')",
    )
    settings = running(line)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        event = store.add(SAID, at=2.5)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
    told, environment, arguments = json.loads((tmp_path / "seen.json").read_text())
    assert told == json.loads(body_of(event))
    assert environment == {
        "MONITOR_EVENT_ID": event.id, "MONITOR_EVENT_SEQ": "1", "MONITOR_EVENT_AT": "2.5",
        "MONITOR_EVENT_KIND": "person", "MONITOR_EVENT_STATE": "put_on", "MONITOR_EVENT_PERSON": "a1",
    }  # fmt: skip
    assert arguments == ["an argument", "$HOME; echo >no-shell"], "no shell has seen this"


def test_a_program_that_fails_is_started_again(path: Path, tmp_path: Path, fast: None) -> None:
    line = program(
        tmp_path,
        "with (here / 'log').open('a') as log: log.write(os.environ['MONITOR_EVENT_SEQ'])\n"
        "sys.exit(3 if len((here / 'log').read_text()) < 3 else 0)",
    )
    settings = running(line)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        store.add(SAID, at=2.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).last_error.endswith("exit status 3"))
        until(lambda: backlog(deliveries).waiting == 0)
    assert (tmp_path / "log").read_text() == "1112"


def test_a_program_that_hangs_is_ended_with_all_it_has_started(path: Path, tmp_path: Path) -> None:
    line = program(
        tmp_path,
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "(here / 'part').write_text(str(child.pid)); (here / 'part').replace(here / 'child')\n"
        "time.sleep(300)",
    )
    child = tmp_path / "child"
    with opened(path, running(line)) as store:
        store.add(SAID, at=1.0)
        with closing(Deliveries(running(line, 1.5), path)) as deliveries:
            until(lambda: "took more than 1.5 s" in backlog(deliveries).last_error)
            assert _is_gone(int(child.read_text()))
        child.unlink()
        deliveries = Deliveries(running(line, 300.0), path)
        until(child.exists)
        started = time.monotonic()
        deliveries.close()
        assert time.monotonic() - started < 3
        assert _is_gone(int(child.read_text()))
        assert store.outbox.backlogs()[0].waiting == 1


def _is_gone(pid: int) -> bool:
    """Within a moment: its number is free, or it only waits for its parent to look."""

    def gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(gone)
    return True


def test_a_program_that_does_not_read_is_no_trouble(path: Path) -> None:
    settings = running("true")
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(Decision("person", "look", "p", {"note": "x" * 300_000}), at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)


@pytest.mark.parametrize("line", ["", "no-such-program-anywhere --now", "'unclosed", "/etc"])
def test_a_program_that_cannot_be_right(path: Path, line: str) -> None:
    with opened(path, running(line)), pytest.raises(ConfigError, match=r"kiosk\.command\.run") as caught:
        Deliveries(running(line), path)
    assert caught.value.hint
