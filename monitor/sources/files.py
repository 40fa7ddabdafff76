"""Video files: every frame, at its presentation time, the same on every machine."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from monitor.errors import MediaError, SourceError, SourceNotFound
from monitor.sources.base import Guarded
from monitor.sources.media import FILE_FORMATS, Clock, bgr_of, pictures_of, times_are_numbers, video_stream
from monitor.types import Frame, Losses

log = logging.getLogger(__name__)
MAX_BROKEN_READS = 100
"""So many failures of the container in a row are an error; broken packets between good ones are only counted."""


def check_file(path: Path) -> None:
    """Nothing; raises SourceNotFound, SourceError (not allowed) or MediaError (empty, not a file), each with a hint."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "is a folder" if stat.S_ISDIR(mode) else "is not a file"
            device = f"A camera is named with --camera {path}." if stat.S_ISCHR(mode) else "Name a video or a picture."
            raise MediaError(f"{path} {what}", hint=device)
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError(f"{path} is empty", hint="Copy or download it again: it has no bytes.")
    except PermissionError as error:
        raise SourceError(f"{path} may not be read", hint=f"Allow it: chmod u+r '{path}'") from error
    except FileNotFoundError as error:
        raise SourceNotFound(f"{path} does not exist", hint=f"Look for it: ls '{path.parent}'") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint="Look whether its disk answers.") from error


class VideoFile(Guarded):
    """Every frame of a video file, `t` from 0 at its first picture.

    `corrupt` counts packets that could not be decoded and pictures marked as damaged; a file goes on over them.
    """

    live = False

    def __init__(self, path: str | Path, losses: Losses | None = None) -> None:
        super().__init__()
        self._losses = losses or Losses()
        self.path = Path(path)
        self.name = self.path.name
        self.corrupt = 0
        check_file(self.path)
        container = open_container(self.path)
        self._hold(container.close)
        try:
            stream = video_stream(container, self.name)
            stream.thread_type = "AUTO"
            rate = stream.average_rate or stream.guessed_rate
            self._clock = Clock(1 / float(rate) if rate else 1 / 25, counted=times_are_numbers(container, stream))
            self._frames = self._decode(container, stream)
            self._ready = next(self._frames, None)  # a file that opens but holds no picture is found here
            if self._ready is None:
                raise MediaError(
                    f"{self.name} holds no picture that can be decoded",
                    hint=f"Look what is in it: ffprobe '{self.path}'",
                )
        except BaseException:
            self.close()
            raise
        self._index = -1

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Every picture. A file that was cut off just ends; MediaError where its disk or its bytes do not go on."""
        broken_in_a_row, any_picture = 0, False
        while broken_in_a_row < MAX_BROKEN_READS:
            try:
                for decoded in pictures_of(container, stream, self._damaged):
                    broken_in_a_row, any_picture = 0, True
                    yield decoded
                return
            except FFmpegError:
                self._damaged(1)
                broken_in_a_row += 1
        if any_picture:
            raise MediaError(
                f"{self.name} cannot be read further after {self._clock.last_s:.1f} s",
                hint="Look whether its disk answers, or copy it again; what was seen so far is complete.",
            )

    def _damaged(self, count: int) -> None:
        self.corrupt += count
        self._losses.damaged += count

    def _read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a file is read as fast as it decodes
        decoded, self._ready = self._ready, None
        decoded = decoded or next(self._frames, None)
        if decoded is None:
            self._end()
            return None
        self._damaged(decoded.is_corrupt)
        self._index += 1
        return Frame(self._index, self._clock.time_of(decoded.time), None, bgr_of(decoded), origin=self.path)

    def _end(self) -> None:
        if self.corrupt and not self._closed:
            log.warning("%s: %d damaged packets or pictures", self.name, self.corrupt)
        self.close()


def open_container(path: Path) -> InputContainer:
    """The file as PyAV sees it; no playlist, no other file and no network is followed. Raises MediaError."""
    options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    try:
        return av.open(f"file:{path.absolute()}", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise MediaError(
            f"{path.name} is not a video or picture that can be read",
            hint=f"Look what it is: file '{path}' (playlists are not followed; name the media itself).",
        ) from error
