"""The file of prepared crops while it is written: beside the old one, with its space taken beforehand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np

from engines.contract import U8
from monitor.errors import SinkError
from monitor.files import told_as_sink_error

CROPS = "crops.npy"
Crops: TypeAlias = "np.memmap[tuple[int, ...], np.dtype[np.uint8]]"


@contextmanager
def crops_part(out: Path, shape: tuple[int, ...]) -> Iterator[tuple[Path, Crops]]:
    """A file in `out` to write new crops into, and its array; gone at the end unless it was renamed to CROPS.

    Raises SinkError where there is no room.
    """
    part = out / "crops.part.npy"
    try:
        yield part, _with_room(part, shape)
    finally:
        part.unlink(missing_ok=True)
        _shorter(part).unlink(missing_ok=True)


def shortened(crops: U8, n: int, part: Path) -> Path:
    """Unreadable pictures leave empty rows at the end: written again without them, where there are any; the file."""
    if n == len(crops):
        return part
    target = _with_room(_shorter(part), (n, *crops.shape[1:]))
    target[:] = crops[:n]
    target.flush()
    return _shorter(part)


def _shorter(part: Path) -> Path:
    return part.with_name("crops.short.npy")


def _with_room(file: Path, shape: tuple[int, ...]) -> Crops:
    """An array in a file whose space is taken: a disk that fills later would kill the program outright."""
    try:
        with told_as_sink_error(file, "make room for the crops in"):
            crops = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
            if hasattr(os, "posix_fallocate") and crops.size:
                with file.open("r+b") as opened:
                    os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except SinkError:
        file.unlink(missing_ok=True)
        raise
    return crops
