"""Recording: H.264 in MP4 that browsers play, with every picture at its own time."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from monitor.errors import SinkError
from monitor.files import claim, part_of, told_as_sink_error
from monitor.types import U8, Gap, Scene

log = logging.getLogger(__name__)

_TICKS = 90_000
"""Time base of the recording, per second: every common frame rate falls on whole ticks."""
SUFFIXES = (".mp4", ".m4v", ".mov")
_SPEED = {"preset": "veryfast", "crf": "20", "bf": "0", "g": "60"}
ENCODERS: Mapping[str, Mapping[str, str]] = {
    # No B-frames: times need no shift, and a killed run loses little.
    "libx264": _SPEED,
    "libopenh264": {"b": "6000000", "g": "60"},
    "h264_videotoolbox": {"b": "6000000", "g": "60"},
    "h264_mf": {"b": "6000000", "g": "60"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0", "row-mt": "1", "g": "60"},
}


class VideoRecorder:
    """Writes canvases to a video; gaps leave the last picture standing.

    Until closed the recording is `<name>.part`, a fragmented MP4 that plays up to its last second even when the
    program is killed. `close` copies it into an ordinary MP4 with its index first and gives that its name.
    """

    def __init__(self, path: Path, encoders: Sequence[str] = tuple(ENCODERS)) -> None:
        """Raises SinkError where the file cannot be written or no encoder is there."""
        if path.suffix.lower() not in SUFFIXES:
            raise SinkError(f"{path} is no video name", hint=f"end it in {', '.join(SUFFIXES)}")
        self._path = path
        self._encoders = [name for name in encoders if name in av.codecs_available]
        if not self._encoders:
            raise SinkError(f"no encoder for video: none of {', '.join(encoders)}", hint="pip install --upgrade av")
        self.encoder = ""
        """The encoder at work; empty before the first picture."""
        self.why = ""
        """Why it is not libx264, where it is not."""
        self._part = claim(path)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._first_t, self._last_tick = 0.0, -1
        self._step = _TICKS // 30
        self._failed = False
        self._closed = False

    def write(self, item: Scene | Gap) -> None:
        """Adds the scene's canvas, or its plain picture where it has none. Raises SinkError."""
        if isinstance(item, Gap):
            return
        picture = item.frame.bgr if item.canvas is None else item.canvas
        with self._told():
            if self._stream is None:
                self._first_t = item.frame.t
                self._stream = self._open(picture)
            tick = max(round((item.frame.t - self._first_t) * _TICKS), self._last_tick + 1)
            if self._last_tick >= 0:
                self._step = tick - self._last_tick
            self._last_tick = tick
            self._encode(self._stream, _fit(picture, self._stream.width, self._stream.height), tick)

    def close(self) -> None:
        """Finishes the video; without a single picture nothing is left. Raises SinkError."""
        if self._closed:
            return
        self._closed = True
        if self._container is None or self._stream is None:
            self._part.unlink(missing_ok=True)
            return
        if self._failed:  # told already; what was written stays as .part
            with contextlib.suppress(OSError, av.FFmpegError):
                self._container.close()
            return
        with self._told():
            self._mux(self._stream.encode(None))
            self._container.close()
            whole = part_of(self._part)
            try:
                _copy_with_index_first(self._part, whole, self._step)
                whole.replace(self._path)
            except BaseException:
                whole.unlink(missing_ok=True)
                raise
            self._part.unlink()

    def _open(self, picture: U8) -> VideoStream:
        height, width = (n + n % 2 for n in picture.shape[:2])
        troubles = []
        for name in self._encoders:
            if problem := _problem(name, width, height):
                troubles.append(f"{name}: {problem}")
                continue
            flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
            self._container = av.open(str(self._part), "w", format="mp4", options={**flags, "flush_packets": "1"})
            self.encoder = name
            if name != "libx264":
                self.why = "; ".join(troubles) or "libx264 is not in this build of FFmpeg"
                log.warning("recording with %s (%s)", name, self.why)
            stream = self._container.add_stream(name, rate=30, options=dict(ENCODERS.get(name, {})))
            assert isinstance(stream, VideoStream)
            _configure(stream, width, height)
            return stream
        raise SinkError(f"no encoder takes {width} x {height}: {'; '.join(troubles)}", hint="pip install --upgrade av")

    def _encode(self, stream: VideoStream, picture: U8, tick: int) -> None:
        yuv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, _TICKS)
        self._mux(stream.encode(frame))

    def _mux(self, packets: Sequence[av.Packet[VideoStream]]) -> None:
        assert self._container is not None
        for packet in packets:
            packet.duration = self._step  # counts for the last one only: without it players leave that out
            self._container.mux(packet)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what FFmpeg and the system say into a SinkError that names what is left."""
        try:
            with told_as_sink_error(self._path, "record"):
                try:
                    yield
                except av.FFmpegError as error:
                    raise OSError(error.errno, error.strerror) from error
        except SinkError as error:
            self._failed = True
            error.hint += f"; what was recorded until then is in {self._part}"
            raise


def _configure(stream: VideoStream, width: int, height: int) -> None:
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = stream.time_base = Fraction(1, _TICKS)
    # What cv2's conversion makes: BT.601, 16..235. Said so, or players guess by the size.
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 6, 6, 6


def _problem(encoder: str, width: int, height: int) -> str:
    """Why `encoder` does not work here; empty when it does. Being built in is not enough: its device may be missing."""
    try:
        context = av.CodecContext.create(encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, _TICKS), Fraction(30)
        context.open()
    except (av.FFmpegError, ValueError) as error:
        return str(error)
    return ""


def _fit(picture: U8, width: int, height: int) -> U8:
    """`picture` at the size of the video: an odd edge repeated, another size scaled and framed in black."""
    h, w = picture.shape[:2]
    if (w, h) == (width, height):
        return picture
    if (w + w % 2, h + h % 2) == (width, height):
        return np.asarray(cv2.copyMakeBorder(picture, 0, h % 2, 0, w % 2, cv2.BORDER_REPLICATE), np.uint8)
    scale = min(width / w, height / h)
    size = max(1, round(w * scale)), max(1, round(h * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    framed = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    framed[y : y + size[1], x : x + size[0]] = small
    return framed


def _copy_with_index_first(source: Path, target: Path, last_ticks: int) -> None:
    """The same packets in an ordinary MP4 whose index comes first, so that browsers start at once.

    `last_ticks` is how long the last picture stands, where its packet does not say it.
    """
    with (
        av.open(str(source)) as old,
        av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as new,
    ):
        copy = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                packet.duration = packet.duration or last_ticks
                new.mux(packet)
