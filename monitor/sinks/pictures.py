"""Annotated pictures: one for each picture of the source, under the same name."""

from __future__ import annotations

import re
from pathlib import Path

import cv2

from monitor.errors import SinkError
from monitor.files import told_as_sink_error, write_whole
from monitor.types import Frame, Gap, Scene

_NUMBERED = re.compile(r"(.+)-\d{6,}\.jpg")
SUFFIXES = (".jpg", ".jpeg", ".png")
"""Endings of a single picture's name."""


class PictureRecorder:
    """Writes canvases to `folder`, named after the file they come from; PNG stays PNG, all else becomes JPEG.

    Two sources of the same name in different folders get different files: `a.jpg`, `a-2.jpg`. The frames of a video
    are numbered.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        """`name` for every picture, ending in one of SUFFIXES. Raises SinkError where the folder cannot be written."""
        self._folder, self._only = folder, name
        self._names: dict[Path, str] = {}
        """Of each still picture its file's name, of each video or camera the stem of its frames' names."""
        self._taken: set[str] = set()
        self._stems: set[str] = set()
        """Of videos and cameras."""
        self._kept: set[str] = set()
        """Stems that videos cannot have, as pictures are called like their frames."""
        self._tried: dict[str, int] = {}
        """Of each first choice, how many numbers were tried: not all of them once more for every picture."""
        with told_as_sink_error(folder, "write to"):
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".monitor-was-here"
            probe.touch()
            probe.unlink()

    def write(self, item: Scene | Gap) -> None:
        """Stores the scene's canvas, or its plain picture where it has none. Raises SinkError."""
        if isinstance(item, Gap):
            return
        path = self._folder / (self._only or self._name(item.frame))
        picture = item.frame.bgr if item.canvas is None else item.canvas
        done, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix != ".png" else [])
        if not done:
            raise SinkError(f"cannot encode {path}", hint="choose .png or .jpg pictures")
        write_whole(path, data.tobytes())

    def close(self) -> None:
        """Nothing is open between two pictures."""

    def _name(self, frame: Frame) -> str:
        """The file name for a frame: always the same for the same picture, never that of another."""
        origin = frame.origin or Path("frame")
        if origin not in self._names:
            self._names[origin] = self._new_name(origin, still=frame.still)
        name = self._names[origin]
        return name if frame.still else f"{name}-{frame.index:06d}.jpg"

    def _new_name(self, origin: Path, *, still: bool) -> str:
        """A name that nothing has: of a still picture; of a video or camera, the stem that its frames will have."""
        end = "" if not still else ".png" if origin.suffix.lower() == ".png" else ".jpg"
        first = f"{origin.stem}{end}"
        n = self._tried.get(first, 0) + 1
        while not self._free(name := first if n == 1 else f"{origin.stem}-{n}{end}", still=still):
            n += 1
        self._tried[first] = n
        self._taken.add(name)
        if not still:
            self._stems.add(name)
        elif number := _NUMBERED.fullmatch(name):
            self._kept.add(number[1])
        return name

    def _free(self, name: str, *, still: bool) -> bool:
        """Whether nothing has this name, and no frame of a video may get it."""
        if name in self._taken:
            return False
        number = _NUMBERED.fullmatch(name)
        return (number is None or number[1] not in self._stems) if still else name not in self._kept
