"""The real program at a door: `monitor kiosk` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 90.0


@dataclass
class Kiosk:
    """A running one; `said` is what it has written to its standard error so far."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10, trust_env=False, **options)

    def wait_for(self, what: str, condition: Any) -> Any:
        """What `condition()` gives once it is true."""
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                raise AssertionError(f"the kiosk ended with {self.process.returncode}: {self.said}")
            try:
                if found := condition():
                    return found
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"no {what} in {PATIENCE_S:.0f} s: {self.said}")

    def state(self) -> str:
        return str(self.get("/state").json()["state"])

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(30)


def command(folder: Path, *options: object, before: str = "") -> list[str]:
    """The command line: store and secrets in `folder`, any free port; `before`: Python to be run first."""
    own = ("--store", folder / "kiosk.db", "--credentials", folder / "credentials.json")
    port = () if "--port" in options else ("--port", 0)
    program = (
        ["-c", f"{before}\nimport sys\nfrom monitor.cli import main\nsys.exit(main())"] if before else ["-m", "monitor"]
    )
    return [sys.executable, *program, "kiosk", *map(str, (*own, *port, *options))]


@contextmanager
def kiosk(folder: Path, *options: object, before: str = "") -> Iterator[Kiosk]:
    """A kiosk whose server answers; killed at the end where it still runs. `before`: as for `command`."""
    log = folder / "kiosk.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(folder, *options, before=before),
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    made = Kiosk(process, log)
    try:
        found = made.wait_for("address", lambda: re.search(r"the screen: (\S+)/ ", made.said))
        made.url = found[1]
        yield made
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def refused(folder: Path, *options: object) -> tuple[int, str]:
    """Exit status and words of a kiosk that does not start."""
    done = subprocess.run(command(folder, *options), capture_output=True, timeout=PATIENCE_S, check=False, text=True)
    return done.returncode, done.stderr
