"""The pictures of events: a private file each, whole before its event is stored, gone with it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from monitor.files import part_of
from monitor.kiosk.facts import Event
from monitor.kiosk.store.chain import Break
from monitor.kiosk.store.errors import told_as_store_error

KEY = "snapshot"
"""In an event's evidence: SHA-256 of its picture, so that the chain vouches for the picture too."""
_ID = re.compile(r"[0-9a-f]{32}")


def fingerprint(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()


class Snapshots:
    """The folder beside the store; it is made with the first picture. All raise StoreError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, event_id: str) -> Path:
        """Where an event's picture lies, if it has one. Raises ValueError for what is no event's id."""
        if not _ID.fullmatch(event_id):
            raise ValueError(f"not the id of an event: {event_id!r}")
        return self.folder / f"{event_id}.jpg"

    def write(self, event_id: str, jpeg: bytes) -> None:
        """The picture is on the disk, whole, or not there."""
        path = self.path(event_id)
        part = part_of(path)
        with told_as_store_error(path):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            try:
                with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                    file.write(jpeg)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
                _sync(self.folder)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

    def read(self, event_id: str) -> bytes | None:
        """The picture; None where there is none."""
        with told_as_store_error(self.path(event_id)):
            try:
                return self.path(event_id).read_bytes()
            except FileNotFoundError:
                return None

    def remove(self, event_ids: Iterable[str]) -> None:
        with told_as_store_error(self.folder):
            for event_id in event_ids:
                self.path(event_id).unlink(missing_ok=True)

    def remove_orphans(self, known: Callable[[str], bool]) -> int:
        """Removes what no event refers to, left by a crash between picture and event; how many."""
        removed = 0
        with told_as_store_error(self.folder), contextlib.suppress(FileNotFoundError):
            for entry in list(os.scandir(self.folder)):
                event_id, _, ending = entry.name.partition(".")
                if _ID.fullmatch(event_id) and (ending == "jpg.part" or (ending == "jpg" and not known(event_id))):
                    Path(entry.path).unlink(missing_ok=True)
                    removed += 1
        return removed

    def broken(self, event: Event) -> Break | None:
        """What is wrong with the picture that `event` refers to."""
        jpeg = self.read(event.id)
        if jpeg is None:
            return Break(event.seq, "snapshot", "its picture is not there")
        same = fingerprint(jpeg) == event.evidence[KEY]
        return None if same else Break(event.seq, "snapshot", "its picture was changed")


def _sync(folder: Path) -> None:
    """The folder's list of names is on the disk too, where the system can do that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
