"""A video written in parts by several, put together as one: the same packets, each at its time, and the sound."""

from __future__ import annotations

import contextlib
import heapq
import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from monitor.errors import MediaError, SinkError
from monitor.files import claim, told_as_sink_error
from monitor.sinks.encoding import ENCODERS, TICKS, add_video, built_in, encode, even, pick_encoder
from monitor.types import F32, Gap, Scene, Span

log = logging.getLogger(__name__)
COPIED = frozenset({"aac", "mp3", "opus", "flac"})
"""Sound that an MP4 may hold and browsers play; all other is encoded anew, and so is a telephone's."""
_LEAST_HZ = 16000
_RATES_HZ = frozenset({16000, 22050, 24000, 32000, 44100, 48000})
_Timed: TypeAlias = "tuple[float, Packet[Any]]"
"""A packet and its second."""


class SoundTrack(Protocol):
    """The sound of a span, its times counted from the span's start."""

    codec: str
    stream: Any
    """Its stream, the template of a copy."""

    def packets(self) -> Iterator[Packet[Any]]: ...

    def samples(self, rate_hz: int, layout: str) -> Iterator[F32]: ...


class PartRecorder:
    """Writes canvases as one part for `join`: at their own media time, in a container that keeps it to the tick.

    What lies at `path` is whole only after `close`; whoever asked for it gives it its name then.
    """

    def __init__(self, path: Path, width_px: int, height_px: int) -> None:
        """The size is that of the recording, the same for all its parts. Raises SinkError."""
        self._path = path
        self._stream: VideoStream | None = None
        self._last_tick = -1
        self._failed = self._closed = False
        width, height = even(width_px, height_px)
        encoder, why = pick_encoder(built_in(tuple(ENCODERS)), width, height)
        if why:
            log.warning("drawing with %s (%s)", encoder, why)
        with _told(path):
            self._container = av.open(str(path), "w", format="nut")
            self._stream = add_video(self._container, encoder, width, height)

    def write(self, item: Scene | Gap) -> None:
        """Adds the scene's canvas, or its plain picture where it has none. Raises SinkError."""
        if isinstance(item, Gap) or self._stream is None:
            return
        picture = item.frame.bgr if item.canvas is None else item.canvas
        self._failed = True  # until it is in
        with _told(self._path):
            self._last_tick = max(round(item.frame.t * TICKS), self._last_tick + 1)
            self._container.mux(encode(self._stream, picture, self._last_tick))
        self._failed = False

    def close(self) -> None:
        """Finishes the part. Raises SinkError, but not again after `write` did."""
        if self._closed:
            return
        self._closed = True
        if self._failed:
            with contextlib.suppress(av.FFmpegError, OSError):
                self._container.close()
            return
        with _told(self._path):
            try:
                if self._stream is not None and self._last_tick >= 0:
                    self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()


def join(parts: Sequence[Path], out: Path, span: Span, sound: SoundTrack | None = None) -> None:
    """One MP4, its index first, of parts in the order of time; parts without bytes are passed over.

    The video's second 0 is `span.from_s` of media time; the first picture stands from there on, the last one to
    `span.to_s`. Sound that cannot be written is left out with a warning. Raises SinkError, MediaError
    where no part holds a picture; `out` is whole or untouched.
    """
    part = claim(out)
    try:
        with _told(out):
            full = [path for path in parts if path.stat().st_size]
            if not full:
                raise MediaError(
                    f"no picture for {out.name}", hint="Look whether the recording has pictures in this span."
                )
            try:
                _write(full, part, span, sound)
            except (av.FFmpegError, ValueError) as error:
                if sound is None or isinstance(error, OSError):
                    raise
                log.warning("%s: without sound, its %s cannot be written: %s", out.name, sound.codec, error)
                _write(full, part, span, None)
            part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(parts: Sequence[Path], out: Path, span: Span, sound: SoundTrack | None) -> None:
    with contextlib.ExitStack() as stack:
        whole = stack.enter_context(av.open(str(out), "w", format="mp4", options={"movflags": "faststart"}))
        with av.open(str(parts[0]), format="nut") as first:
            template = first.streams.video[0]
            video = whole.add_stream_from_template(template)
            header = template.codec_context.extradata, template.width, template.height
        video.time_base = Fraction(1, TICKS)
        streams = [_pictures(parts, header, video, span)]
        if sound is not None:
            copied = sound.codec in COPIED and sound.stream.codec_context.sample_rate >= _LEAST_HZ
            streams.append(_copied(whole, sound) if copied else _encoded(whole, sound))
        for _, packet in heapq.merge(*streams, key=lambda timed: timed[0]):
            whole.mux(packet)


def _pictures(parts: Sequence[Path], header: tuple[Any, ...], video: Any, span: Span) -> Iterator[_Timed]:
    """The packets of all parts for the stream `video`; each stands until the next one, the last one to the end."""
    end = round((span.to_s - span.from_s) * TICKS)
    tick = -1
    step = TICKS // 30
    for packet, after in pairwise((*_chained(parts, header), None)):
        assert packet is not None
        at = Fraction(packet.pts or 0) * packet.time_base
        moment = 0 if tick < 0 else round(at * TICKS) - round(span.from_s * TICKS)
        tick = max(moment, tick + 1)
        packet.stream, packet.time_base = video, Fraction(1, TICKS)
        packet.pts = packet.dts = tick
        if after is None:
            packet.duration = end - tick if end > tick else step
        yield tick / TICKS, packet


def _chained(parts: Sequence[Path], header: tuple[Any, ...]) -> Iterator[Packet[Any]]:
    for path in parts:
        with av.open(str(path), format="nut") as container:
            stream = container.streams.video[0]
            if (stream.codec_context.extradata, stream.width, stream.height) != header:
                raise SinkError(
                    f"{path.name} was encoded in another way than the parts before it",
                    hint="Make all parts anew: they come from machines or versions that do not encode alike.",
                )
            yield from (packet for packet in container.demux(stream) if packet.pts is not None)


def _copied(whole: OutputContainer, sound: SoundTrack) -> Iterator[_Timed]:
    stream = whole.add_stream_from_template(sound.stream)

    def packets() -> Iterator[_Timed]:
        for packet in sound.packets():
            at_s = float((packet.dts or 0) * packet.time_base)
            packet.stream = stream
            yield at_s, packet

    return packets()


def _encoded(whole: OutputContainer, sound: SoundTrack) -> Iterator[_Timed]:
    """The sound as AAC, mono or stereo."""
    context = sound.stream.codec_context
    rate_hz = context.sample_rate if context.sample_rate in _RATES_HZ else 48000
    layout = "mono" if context.channels == 1 else "stereo"
    stream = whole.add_stream("aac", rate=rate_hz, options={"b": "96000" if layout == "mono" else "160000"})
    stream.codec_context.layout = layout

    def packets() -> Iterator[_Timed]:
        at = 0
        for samples in sound.samples(rate_hz, layout):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
            at += samples.shape[1]
            yield from _timed(stream.encode(frame))
        yield from _timed(stream.encode(None) if at else [])

    return packets()


def _timed(packets: Sequence[Packet[Any]]) -> Iterator[_Timed]:
    for packet in packets:
        yield float((packet.dts or 0) * packet.time_base), packet


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns what FFmpeg and the system say into a SinkError."""
    with told_as_sink_error(path):
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror) from error
            raise SinkError(
                f"cannot write {path}: {error}", hint="Make it anew; what it is made of is damaged."
            ) from error
