"""Recording: H.264 in MP4 that browsers play, with every picture at its own time."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from monitor.errors import SinkError
from monitor.files import claim, part_of, told_as_sink_error
from monitor.sinks.encoding import ENCODERS, TICKS, add_video, built_in, encode, even, pick_encoder
from monitor.types import U8, Gap, Scene

log = logging.getLogger(__name__)

SUFFIXES = (".mp4", ".m4v", ".mov")


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
        self._encoders = built_in(encoders)
        self.encoder = ""
        """The encoder at work; empty before the first picture."""
        self.why = ""
        """Why it is not libx264, where it is not."""
        _rescue(path)
        self._part = claim(path)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._first_t, self._last_tick = 0.0, -1
        self._step = TICKS // 30
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
            tick = max(round((item.frame.t - self._first_t) * TICKS), self._last_tick + 1)
            if self._last_tick >= 0:
                self._step = tick - self._last_tick
            self._last_tick = tick
            self._mux(encode(self._stream, picture, tick))

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
        width, height = even(picture.shape[1], picture.shape[0])
        self.encoder, self.why = pick_encoder(self._encoders, width, height)
        if self.why:
            log.warning("recording with %s (%s)", self.encoder, self.why)
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
        self._container = av.open(str(self._part), "w", format="mp4", options={**flags, "flush_packets": "1"})
        return add_video(self._container, self.encoder, width, height)

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


def _rescue(path: Path) -> None:
    """Keeps what a run that was killed has left of a recording of this name: it plays up to its last second."""
    part = part_of(path)
    with told_as_sink_error(path):
        if not part.is_file() or part.stat().st_size == 0:
            return
        names = (path.with_stem(f"{path.stem}-rescued" + (f"-{n}" if n > 1 else "")) for n in count(1))
        kept = next(name for name in names if not name.exists())
        part.rename(kept)
    log.warning("what a run that was killed had recorded is kept as %s", kept)


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
