"""Files that are whole or not there: written under another name, renamed when complete."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from monitor.errors import SinkError

_HINTS = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EFBIG: "the file may not grow further here; choose another place, or look at `ulimit -f`",
    errno.EDQUOT: "your quota is used up; free some space, or choose another place",
    errno.EACCES: "choose a folder you may write to, or change its rights with chmod",
    errno.EPERM: "choose a folder you may write to, or change its rights with chmod",
    errno.EROFS: "this file system is read-only; choose another place",
    errno.EISDIR: "this is a folder; name a file in it",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another path",
    errno.EEXIST: "a file has this name; choose another one for the folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextlib.contextmanager
def told_as_sink_error(path: Path | str, doing: str = "write") -> Iterator[None]:
    """Turns an OSError inside the block into a SinkError that names the file and says what helps."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        hint = _HINTS.get(error.errno or 0, "choose another place for this file")
        raise SinkError(f"cannot {doing} {path}: {why}", hint=hint) from error


def part_of(path: Path) -> Path:
    """The name a file has while it is being written, in the same folder."""
    return path.with_name(f"{path.name}.part")


def claim(path: Path) -> Path:
    """Makes the folder and an empty `.part` beside `path`, and gives the part's path. Raises SinkError."""
    part = part_of(path)
    with told_as_sink_error(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"")
    return part


def check_writable(path: Path) -> None:
    """Nothing, and nothing is left behind; raises SinkError where a file cannot be written at `path`."""
    with told_as_sink_error(path):
        if path.is_file() or path.is_dir():
            os.close(os.open(path, os.O_WRONLY))
        elif not path.exists():  # a device or pipe is not opened for a try: whoever reads it would see an end
            claim(path).unlink()


def check_replaceable(path: Path) -> None:
    """Nothing, and nothing is left behind; raises SinkError where `write_whole` could not write at `path`."""
    if not _is_stream(path):
        claim(Path(os.path.realpath(path))).unlink()


def _is_stream(path: Path) -> bool:
    """A device or a pipe, also one that only the system has a name for."""
    return path.exists() and not path.is_file() and not path.is_dir()


def write_whole(path: Path, data: bytes) -> None:
    """Writes `data` under the `.part` name and renames it, in a folder that is made where it is missing.

    A failure leaves `path` as it was. A link stays one: the file it names is replaced. A device or pipe is written to.
    Raises SinkError.
    """
    asked, path = path, Path(os.path.realpath(path))
    part = part_of(path)
    try:
        with told_as_sink_error(asked):
            if _is_stream(asked):
                asked.write_bytes(data)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
    except SinkError:
        part.unlink(missing_ok=True)
        raise
