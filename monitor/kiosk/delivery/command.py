"""Events to a program of the owner's."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess

from monitor.errors import ConfigError
from monitor.kiosk.delivery.target import NotDelivered
from monitor.kiosk.facts import Event
from monitor.kiosk_settings import CommandSettings


class Command:
    """Starts the program for each event, with no shell in between; exit status 0 means taken."""

    def __init__(self, settings: CommandSettings) -> None:
        """Raises ConfigError for a line that cannot be split or a program that is not there."""
        try:
            self._argv = shlex.split(settings.run or "")
        except ValueError as error:
            raise ConfigError(f"kiosk.command.run: {error}", hint="close every quote; no shell reads this") from error
        if not self._argv or shutil.which(self._argv[0]) is None:
            raise ConfigError(
                f"kiosk.command.run: {self._argv[0] if self._argv else 'nothing'} is no program",
                hint="give the full path of a file that may be executed",
            )
        self._timeout_s = settings.timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def send(self, event: Event, body: bytes) -> None:
        """Raises NotDelivered where it cannot be started, takes too long or does not exit with 0."""
        program = self._argv[0]
        try:
            self._process = process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,  # its stderr is ours: what it complains of is in our journal
                env={**os.environ, **_environment(event)},
                start_new_session=True,
            )
        except OSError as error:
            raise NotDelivered(f"{program} cannot be started: {error.strerror}") from error
        try:
            if self._closed:  # `close` came before it was known
                _kill(process)
            process.communicate(body, timeout=self._timeout_s)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise NotDelivered(f"{program} was ended: it took more than {self._timeout_s:g} s") from error
        finally:
            self._process = None
            _reap(process)
        if process.returncode != 0:
            how = f"exit status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
            raise NotDelivered(f"{program} ended with {how}")

    def close(self) -> None:
        """Ends the program where it runs: the event is told again at the next start."""
        self._closed = True
        process = self._process
        if process is not None:
            _kill(process)


def _environment(event: Event) -> dict[str, str]:
    """For programs that need no more than this."""
    return {
        "MONITOR_EVENT_ID": event.id,
        "MONITOR_EVENT_SEQ": str(event.seq),
        "MONITOR_EVENT_AT": repr(event.at),
        "MONITOR_EVENT_KIND": event.kind,
        "MONITOR_EVENT_STATE": event.state,
        "MONITOR_EVENT_PERSON": event.person or "",
    }


def _reap(process: subprocess.Popen[bytes]) -> None:
    """It has ended, or ends now, and nothing of it is left open."""
    _kill(process)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):  # the kernel holds it: its number stays taken
        process.wait(1.0)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends it and what it has started; once it was waited for, its number may be somebody else's."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
