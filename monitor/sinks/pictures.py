"""Annotated pictures: one for each picture of the source, under the same name."""

from __future__ import annotations

from pathlib import Path

import cv2

from monitor.errors import SinkError
from monitor.files import told_as_sink_error, write_whole
from monitor.types import Frame, Gap, Scene

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
        self._taken: set[str] = set()
        with told_as_sink_error(folder, "write to"):
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".monitor-was-here"
            probe.touch()
            probe.unlink()

    def write(self, item: Scene | Gap) -> None:
        """Stores the scene's canvas, or its plain picture where it has none. Raises SinkError."""
        if isinstance(item, Gap):
            return
        path = self._folder / (self._only or self._name(_origin(item.frame)))
        picture = item.frame.bgr if item.canvas is None else item.canvas
        done, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix != ".png" else [])
        if not done:
            raise SinkError(f"cannot encode {path}", hint="choose .png or .jpg pictures")
        write_whole(path, data.tobytes())

    def close(self) -> None:
        """Nothing is open between two pictures."""

    def _name(self, source: Path) -> str:
        """The file name for `source`: always the same for the same source, never that of another."""
        if source not in self._names:
            stem, suffix = source.stem, ".png" if source.suffix.lower() == ".png" else ".jpg"
            name, n = f"{stem}{suffix}", 1
            while name in self._taken:
                n += 1
                name = f"{stem}-{n}{suffix}"
            self._taken.add(name)
            self._names[source] = name
        return self._names[source]


def _origin(frame: Frame) -> Path:
    """The picture a frame is, or a name for a frame of a video."""
    path = frame.origin or Path("frame")
    return path if frame.still else path.with_name(f"{path.stem}-{frame.index:06d}.jpg")
