"""A recording that is open, wherever it lies: its packets one after another, and the pictures in them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from monitor.errors import MediaError, SourceError
from monitor.redact import redact
from monitor.sources.files import MAX_BROKEN_READS, check_file, open_container
from monitor.sources.media import FILE_FORMATS, video_stream
from monitor.sources.object_stores import StoredFile, is_url, size_of
from monitor.sources.pictures import MAX_BYTES, MAX_PIXELS, decoded_bgr, read_picture_bgr
from monitor.types import U8

READ_BYTES = 1 << 18
"""So much is asked of an object store at once."""
_DISK_ERRORS = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT})


def state_of(uri: str) -> tuple[int, float | None]:
    """(bytes, seconds since 1970 UTC when it was written last) of a file; the latter is None for a URL.

    Raises SourceNotFound, SourceError or MediaError (empty, not a file).
    """
    if is_url(uri):
        return size_of(uri), None
    path = Path(uri)
    check_file(path)
    try:
        found = path.stat()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint="Look whether its disk answers.") from error
    return found.st_size, found.st_mtime


THREADS = 4
"""Of a decoder."""


class Opened:
    """The container and the video stream of a recording. Raises the errors of `state_of`, and MediaError.

    `close` may be called twice; the one who opens it closes it.
    """

    def __init__(self, uri: str, name: str, size: int, *, threads: bool) -> None:
        self.name = name
        self._size = size
        self._stored: StoredFile | None = None
        self.container = self._open(uri)
        try:
            self.stream = video_stream(self.container, name)
        except BaseException:
            self.close()
            raise
        self.stream.thread_type = "AUTO" if threads else "NONE"
        # The same wherever it is decoded: a decoder tells of a damaged packet as many packets later as it has threads.
        self.stream.codec_context.thread_count = THREADS if threads else 1
        self.stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self.unit = self.stream.time_base or Fraction(1, 1_000_000)
        """Seconds in one unit of the stream's times."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        self.step_s = 1 / float(rate) if rate else 1 / 25

    def _open(self, uri: str) -> InputContainer:
        if not is_url(uri):
            check_file(Path(uri))
            return open_container(Path(uri))
        self._stored = StoredFile(uri)
        options = {"protocol_whitelist": "none", "format_whitelist": FILE_FORMATS}
        try:
            return av.open(self._stored, "r", options=options, metadata_errors="replace", buffer_size=READ_BYTES)
        except (FFmpegError, ValueError) as error:
            failure = self._stored.failure
            self._stored.close()
            raise failure or MediaError(
                f"{redact(uri)} is not a video or picture that can be read",
                hint="Look what it is (playlists are not followed; name the media itself).",
            ) from error
        except BaseException:
            self._stored.close()
            raise

    def close(self) -> None:
        self.container.close()
        if self._stored is not None:
            self._stored.close()

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Every packet of the video from here on that holds something. A file that was cut off just ends.

        Raises MediaError where its disk or its store does not go on, and where packets never end.
        """
        broken_in_a_row, count = 0, 0
        last: FFmpegError | None = None
        while broken_in_a_row < MAX_BROKEN_READS:
            try:
                for packet in self.container.demux(self.stream):
                    broken_in_a_row, count = 0, count + 1
                    if count > self._size + 1000:  # a header may promise billions of pictures of no bytes
                        raise MediaError(f"{self.name} promises more pictures than it has bytes", hint=_COPY)
                    if packet.size:
                        yield packet
                last = None
                break
            except FFmpegError as error:
                broken_in_a_row, last = broken_in_a_row + 1, error
        if self._stored is not None and self._stored.failure is not None:
            raise self._stored.failure
        if last is not None and last.errno in _DISK_ERRORS:
            raise MediaError(f"{self.name} cannot be read further", hint=_COPY) from last

    def decode(self, packet: Packet[VideoStream] | None, damaged: Callable[[], None]) -> list[VideoFrame]:
        """The pictures that `packet` brings out; None brings out the last ones. `damaged` is told of a bad packet."""
        try:
            return self.stream.decode(packet)
        except FFmpegError:
            damaged()
            return []


_COPY = "Look whether its disk answers, or copy it again."


def picture_bgr(uri: str, name: str) -> U8:
    """The still picture at a path or URL, upright: uint8 BGR (H, W, 3). Raises the errors of `read_picture_bgr`."""
    if not is_url(uri):
        return read_picture_bgr(Path(uri))
    if size_of(uri) > MAX_BYTES:
        raise MediaError(f"{name} has more than {MAX_BYTES // 10**6} MB", hint="Shrink the picture first.")
    file = StoredFile(uri)
    try:
        return decoded_bgr(file.read(), name)
    finally:
        file.close()
