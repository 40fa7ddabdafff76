"""Everything that can go wrong in the monitor, by exit code.

MonitorError                 1   our bug, unless a subclass says otherwise
 ├─ UsageError               2   a wrong option or argument
 │   └─ ConfigError          2   a configuration file or --set that does not hold
 ├─ SourceError              3   no frames: missing, unreadable, busy, unreachable
 │   ├─ SourceNotFound       3   (also FileNotFoundError)
 │   ├─ MediaError           3   there, but not pictures or video
 │   └─ CameraError          3   busy, absent, refused
 ├─ DetectorError            4   the face detector or its model
 ├─ SinkError                5   what was made cannot be shown, sent or stored
 │   └─ StoreError           5   the kiosk's event store (monitor.kiosk.store)
 └─ CheckFailed              6   doctor, verify, compare

`engines.contract` holds the second tree (exit code 4). Both carry `hint`: one sentence with what to do about it.
"""

from __future__ import annotations


class MonitorError(Exception):
    """An error people see as two lines: what happened, and what to do (`hint`)."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class UsageError(MonitorError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class SourceError(MonitorError):
    exit_code = 3


class SourceNotFound(SourceError, FileNotFoundError):
    pass


class MediaError(SourceError):
    pass


class CameraError(SourceError):
    pass


class DetectorError(MonitorError):
    exit_code = 4


class SinkError(MonitorError):
    exit_code = 5


class CheckFailed(MonitorError):
    exit_code = 6
