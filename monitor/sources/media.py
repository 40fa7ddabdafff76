"""What files and streams share of PyAV: which formats are let in, which stream is the video, pixels as we want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from monitor.errors import MediaError
from monitor.types import U8

FILE_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,gif,apng,asf,ogg,ivf,nut,mxf,dv,rm,vob,wtv,h264,hevc,"
    "vvc,av1,obu,m4v,mjpeg,mpjpeg,yuv4mpegpipe,3gp,swf,webp_pipe,mp3,wav,flac,aac,w64"
)
"""Formats that hold their media themselves. Playlists (hls, dash, concat, sdp, image2, ...) would open other files and
URLs; `tty` makes a film of any text. Sound formats are let in so that the error can name them."""

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream to watch; cover pictures of music files do not count. Raises MediaError where there is none."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else next(iter(streams), None)
    if stream is None:
        sound = "only sound" if container.streams.audio else "no video"
        raise MediaError(f"{name} holds {sound}", hint="Name a file with pictures, for example an .mp4 or .mkv video.")
    if stream.codec_context is None:
        raise MediaError(
            f"{name}: no decoder for its video", hint="Convert it first: ffmpeg -i IN -c:v libx264 OUT.mp4"
        )
    return stream


def pictures_of(
    container: InputContainer, stream: VideoStream, nothing: Callable[[bool], None]
) -> Iterator[VideoFrame]:
    """The decoded pictures of one stream until the container ends.

    `nothing(damaged)` is told of each packet that is no picture of ours, and whether it should have been one: it may
    raise to end a wait. A damaged packet ends nothing. Raises FFmpegError where the container itself fails.
    """
    for packet in container.demux():
        if packet.stream is not stream:
            nothing(False)
            continue
        try:
            decoded = stream.decode(packet)
        except EOFError:
            return
        except FFmpegError:
            nothing(True)
            continue
        if not decoded:
            nothing(False)
        yield from decoded


def bgr_of(frame: VideoFrame) -> U8:
    """The picture upright as people are meant to see it: uint8 BGR (H, W, 3), contiguous, read-only."""
    bgr = frame.to_ndarray(format="bgr24")
    turn = _TURNS.get(round(frame.rotation / 90) * 90 % 360)
    upright: U8 = np.ascontiguousarray(bgr if turn is None else cv2.rotate(bgr, turn), dtype=np.uint8)
    upright.setflags(write=False)
    return upright


def times_are_numbers(container: InputContainer, stream: VideoStream) -> bool:
    """True for AVI with pictures that wait for others: it numbers packets as they are decoded, at a constant rate.

    Taken for times these numbers jump to and fro; counting the pictures as they come out gives their times.
    """
    codec = stream.codec_context.codec
    return container.format.name == "avi" and not codec.intra_only


class Clock:
    """Presentation times that start at 0 and rise, whatever the file says."""

    def __init__(self, step_s: float, *, counted: bool = False) -> None:
        """`counted`: the file's own times are not believed, see `times_are_numbers`."""
        self._step_s, self._counted = step_s, counted
        self._first_s: float | None = None
        self._last_s = -step_s

    @property
    def last_s(self) -> float:
        """The time given last; 0 before the first."""
        return max(0.0, self._last_s)

    def time_of(self, stamp_s: float | None) -> float:
        """Seconds since the first picture; one nominal step after the last where the file gives none or goes back."""
        if self._counted:
            stamp_s = None
        if stamp_s is not None and self._first_s is None:
            self._first_s = stamp_s - (self._last_s + self._step_s)
        t = stamp_s - self._first_s if stamp_s is not None and self._first_s is not None else None
        self._last_s = t if t is not None and t > self._last_s else self._last_s + self._step_s
        return self._last_s
