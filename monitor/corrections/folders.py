"""Folders for pictures of people: readable by their owner alone, and never half of one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import SinkError, UsageError
from monitor.files import told_as_sink_error


def check_free(folder: Path, ours: Callable[[Path], bool], *, overwrite: bool) -> None:
    """Nothing; UsageError where `folder` holds something, unless it may be overwritten and is one of `ours`."""
    with told_as_sink_error(folder, "look into"):
        if not folder.exists():
            return
        if not folder.is_dir():
            raise UsageError(f"{folder} is a file", hint="name a folder")
        if not any(folder.iterdir()):
            return
        if not overwrite:
            raise UsageError(f"{folder} is not empty", hint="name another folder, or add --overwrite")
        if not ours(folder):
            raise UsageError(f"{folder} holds other things than such an export", hint="name another folder")


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """A private folder that takes the place of `folder` when the block ends well, and is gone when it does not.

    What was there is deleted when the new is in its place, not before: see `check_free`. Raises SinkError.
    """
    place = Path(os.path.realpath(folder))  # where a link leads to is replaced, not the link
    with told_as_sink_error(folder, "make the folder"):
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    try:
        yield part
        with told_as_sink_error(folder):
            old = _exchanged(place, part)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if old is not None:
        _delete(old, folder)


def _exchanged(place: Path, part: Path) -> Path | None:
    """Renames `part` to `place`; where what was there lies now. Raises OSError, and all is as it was."""
    old = part.with_suffix(".old") if place.exists() else None
    if old is not None:
        place.rename(old)
    try:
        part.rename(place)
    except OSError:
        if old is not None:
            old.rename(place)
        raise
    return old


def _delete(old: Path, folder: Path) -> None:
    try:
        shutil.rmtree(old)
    except OSError as error:
        what = f"{folder} is new and whole, but what was there before cannot be deleted: {error.strerror}"
        raise SinkError(what, hint=f"delete it yourself, for it may show people: {old}") from error
