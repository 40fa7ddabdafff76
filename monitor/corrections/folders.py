"""Folders for pictures of people: readable by their owner alone, and never half of one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.errors import UsageError
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

    What was there is replaced: see `check_free`. Raises SinkError.
    """
    with told_as_sink_error(folder, "make the folder"):
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        part = Path(
            tempfile.mkdtemp(prefix=f".{folder.absolute().name}.", suffix=".part", dir=folder.absolute().parent)
        )
    try:
        yield part
        with told_as_sink_error(folder):
            if folder.exists():
                shutil.rmtree(folder)
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
