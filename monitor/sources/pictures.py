"""Single pictures, folders and globs: several files one after another as one source."""

from __future__ import annotations

import contextlib
import glob
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from monitor.errors import MediaError, SourceError, SourceNotFound
from monitor.ports import Source
from monitor.redact import redact
from monitor.sources.files import VideoFile, check_file
from monitor.types import U8, Frame, Gap, Losses

log = logging.getLogger(__name__)
PICTURES = frozenset({".avif", ".bmp", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
VIDEOS = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".mxf", ".ogv", ".ts", ".webm", ".wmv"}
)
PICTURE_FORMATS = "bmp_pipe,j2k_pipe,jpeg_pipe,png_pipe,ppm_pipe,tiff_pipe,webp_pipe,mov,mp4"
MAX_PIXELS = 100_000_000
"""A larger picture is refused before it is decoded: a few bytes can unfold to gigabytes."""
MAX_BYTES = 500_000_000
APART_S = 2.0
"""Time between the files of a folder or glob, so that nobody is followed from one file into the next."""


def is_picture(path: Path) -> bool:
    """True where the file's name says it is a still picture (an animated GIF counts as video)."""
    return path.suffix.lower() in PICTURES


def read_picture_bgr(path: Path) -> U8:
    """The picture, upright by its EXIF orientation: uint8 BGR (H, W, 3), read-only.

    Raises SourceError, SourceNotFound or MediaError (no picture, damaged, or above MAX_PIXELS).
    """
    check_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise MediaError(f"{path.name} has more than {MAX_BYTES // 10**6} MB", hint="Shrink the picture first.")
    return decoded_bgr(path.read_bytes(), path.name)


def decoded_bgr(data: bytes, name: str) -> U8:
    """The picture in `data`, upright: uint8 BGR (H, W, 3), read-only. Raises MediaError, which calls it `name`."""
    pixels = _pixels(data)
    if pixels > MAX_PIXELS:
        raise MediaError(f"{name} has more than {MAX_PIXELS // 10**6} megapixels", hint="Shrink the picture first.")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if pixels else None
    except cv2.error as error:
        raise MediaError(f"{name} cannot be decoded", hint="Save it again as JPEG or PNG.") from error
    if bgr is None:
        raise MediaError(
            f"{name} is not a picture that can be read, or has more than {MAX_PIXELS // 10**6} megapixels",
            hint="Save it again as JPEG or PNG, not too large.",
        )
    bgr.setflags(write=False)
    return bgr.astype(np.uint8, copy=False)


def _pixels(data: bytes) -> int:
    """Width times height from the header; 0 where it is no picture, or a too large one that must be decoded to know."""
    options = {"format_whitelist": PICTURE_FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        with av.open(io.BytesIO(data), options=options) as container:
            context = container.streams.video[0].codec_context if container.streams.video else None
            return context.width * context.height if context is not None else 0
    except (FFmpegError, ValueError):
        return 0


class Picture:
    """One still picture: one frame at t = 0."""

    live = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._frame: Frame | None = Frame(0, 0.0, None, read_picture_bgr(self.path), still=True, origin=self.path)

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - it is in memory already
        """The picture, then None."""
        frame, self._frame = self._frame, None
        return frame

    def close(self) -> None:
        self._frame = None


def open_file(path: Path, losses: Losses | None = None) -> Source:
    """The still picture or video at `path`. Raises the errors of `Picture` and `VideoFile`."""
    return Picture(path) if is_picture(path) else VideoFile(path, losses)


class Playlist:
    """Several files in a row; `index` and `t` go on rising.

    A file that cannot be read is logged, listed in `losses.skipped` and passed over; MediaError when that leaves
    nothing at all.
    """

    live = False

    def __init__(self, paths: Sequence[Path], name: str, losses: Losses | None = None) -> None:
        self.name = name
        self._losses = losses or Losses()
        self._first_error: SourceError | None = None
        self._paths = list(reversed(paths))
        self._path = Path()  # of the file at hand
        self._source: Source | None = None
        self._last: Frame | None = None
        self._index0, self._t0 = 0, 0.0
        self._open_next()
        if self._source is None:
            raise MediaError(
                f"none of the {len(paths)} files of {name} can be read; the first: {self._first_error}",
                hint=self._first_error.hint if self._first_error else "",
            )

    def _open_next(self) -> None:
        """Open the next readable file; without one left, `_source` is None."""
        self.close()
        while self._paths and self._source is None:
            self._path = self._paths.pop()
            try:
                self._source = open_file(self._path, self._losses)
            except SourceError as error:
                self._pass_over(error)

    def _pass_over(self, error: SourceError) -> None:
        log.warning("skipped: %s", error)
        self._losses.skipped[self._path] = str(error)
        self._first_error = self._first_error or error

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame of the file at hand or of the next one; None after the last."""
        while self._source is not None:
            try:
                item = self._source.read(timeout_s)
            except SourceError as error:  # in mid-file: the rest of it is passed over
                self._pass_over(error)
                item = None
            if isinstance(item, Frame):
                self._last = replace(item, index=self._index0 + item.index, t=self._t0 + item.t)
                return self._last
            if item is not None:
                return item
            if self._last is not None:
                self._index0, self._t0 = self._last.index + 1, self._last.t + APART_S
            self._open_next()
        return None

    def close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """A sort key by which `face2` comes before `face10`."""
    parts = re.findall(r"\d+|\D+", str(path).casefold())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def files_of(uri: str) -> list[Path]:
    """The files that a file's name, a folder or a pattern stands for, in natural order.

    Raises SourceNotFound, SourceError or MediaError where a folder or pattern gives none.
    """
    path = _place(uri)
    with _told(path):
        if path.is_dir():
            return sorted(_media_in(path), key=natural_key)
        if any(c in uri for c in "*?[") and not path.exists():
            return sorted(_matching(str(path)), key=natural_key)
    return [path]


def open_files(uri: str, losses: Losses | None = None) -> Source:
    """The file, folder or pattern as one source. Raises the errors of `files_of`, `Picture` and `VideoFile`."""
    path, files = _place(uri), files_of(uri)
    return open_file(path, losses) if files == [path] else Playlist(files, str(path), losses)


def is_there(uri: str) -> bool:
    """Whether a file or folder has this name. Raises SourceError where that cannot be known."""
    path = _place(uri)
    with _told(path):
        return path.exists()


def _place(uri: str) -> Path:
    """The path meant by a name that may begin with ~. Raises SourceNotFound where nobody has that home."""
    try:
        return Path(uri).expanduser()
    except RuntimeError as error:
        raise SourceNotFound(f"{redact(uri)}: {error}", hint="Write the folder's whole name.") from error


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns what the system says about a name into a SourceError."""
    try:
        yield
    except SourceError:  # some are OSErrors, too
        raise
    except PermissionError as error:
        raise SourceError(f"{path} may not be read", hint="Allow it: chmod u+rx the folders on the way") from error
    except OSError as error:
        raise SourceNotFound(f"{redact(str(path))[:120]}: {error.strerror}", hint="Check the name with ls.") from error


def _media_in(folder: Path) -> list[Path]:
    """All pictures and videos of a folder, not of those inside it."""
    try:
        files = [p for p in folder.iterdir() if p.suffix.lower() in PICTURES | VIDEOS and p.is_file()]
    except PermissionError as error:
        raise SourceError(f"{folder} may not be read", hint=f"Allow it: chmod u+rx '{folder}'") from error
    files = [p for p in files if not p.name.startswith(".")]
    if not files:
        raise MediaError(
            f"{folder} holds no pictures or videos",
            hint="Name a folder with media files, or a pattern like 'DIR/**/*.mp4'.",
        )
    return files


def _matching(pattern: str) -> list[Path]:
    files = [Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file()]  # noqa: PTH207 - absolute too
    if not files:
        raise SourceNotFound(f"no file matches {pattern}", hint="Put the pattern in quotes and look for it with ls.")
    return files
