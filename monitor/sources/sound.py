"""The sound of a recording: its packets or samples within a span of media time, counted from the span's start."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.packet import Packet

from monitor.errors import MediaError, SourceError
from monitor.sources.opening import Opened
from monitor.types import F32, Media, Span

log = logging.getLogger(__name__)
SEEK_FROM_S, EARLY_S = 10.0, 2.0
"""Spans that begin later are sought, from so long before: what a decoder needs to come in."""
APART_S = 0.02
"""Sound that comes so much earlier or later than the sound before it ends is moved to its place."""
_PATIENCE = 50
"""Packets that may be passed over before the first one that can be decoded."""


class Sound:
    """packets or samples, once, then close. Damage ends the sound there, with a warning: the pictures go on."""

    def __init__(self, media: Media, span: Span) -> None:
        """Raises SourceError, MediaError where the recording has no sound that can be decoded."""
        self._media, self._span = media, span
        self._zero_s = _first_picture_s(media) + span.from_s
        """What the container calls the span's start."""
        self._opened, self.stream = self._open()
        self._first: Packet[AudioStream] | None = None
        try:
            if media.splittable and span.from_s >= SEEK_FROM_S:
                self._seek()
        except BaseException:
            self.close()
            raise
        self.codec = self.stream.codec_context.codec.canonical_name
        """mp3, aac, opus, ..."""

    def _open(self) -> tuple[Opened, AudioStream]:
        opened = Opened(self._media.uri, self._media.name, self._media.bytes, threads=False)
        stream = opened.container.streams.best("audio")
        if not isinstance(stream, AudioStream) or stream.codec_context is None:
            opened.close()
            raise MediaError(f"{self._media.name} has no sound that can be decoded")
        return opened, stream

    def _seek(self) -> None:
        """Goes to shortly before the span; back to the start where the container lands too late."""
        try:
            self._opened.container.seek(round((self._zero_s - EARLY_S) * av.time_base))
            self._first = next((p for p in self._opened.container.demux(self.stream) if p.pts is not None), None)
        except FFmpegError:
            self._first = None
        if self._first is None or self._time_of(self._first) > 0:
            self._first = None
            self._opened.close()
            self._opened, self.stream = self._open()

    def close(self) -> None:
        self._opened.close()

    def packets(self) -> Iterator[Packet[AudioStream]]:
        """As they are, whole ones that begin within the span; their times count from its start."""
        last = None
        length_s = self._span.to_s - self._span.from_s
        for packet, _ in self._decoded():
            start_s = self._time_of(packet)
            if start_s >= length_s:
                return
            stamp = round(start_s / packet.time_base)
            if start_s >= 0 and (last is None or stamp > last):
                last = packet.pts = packet.dts = stamp
                yield packet

    def samples(self, rate_hz: int, layout: str) -> Iterator[F32]:
        """(channels, n) without a gap, from the span's start to its end: silence where the recording has none."""
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
        end, at = round((self._span.to_s - self._span.from_s) * rate_hz), 0
        for _, frames in self._decoded():
            for frame in frames:
                start = None if frame.time is None else round((frame.time - self._zero_s) * rate_hz)
                for part in resampler.resample(frame):
                    samples = np.asarray(part.to_ndarray(), np.float32)
                    late = 0 if start is None else start - at
                    if at == 0 or abs(late) > APART_S * rate_hz:
                        for silence in _silence(samples.shape[0], min(late, end - at), rate_hz):
                            at += silence.shape[1]
                            yield silence
                        samples = samples[:, max(0, -late) :]
                    start = None
                    samples = samples[:, : end - at]
                    at += samples.shape[1]
                    if samples.shape[1]:
                        yield samples
                    if at >= end:
                        return

    def _decoded(self) -> Iterator[tuple[Packet[AudioStream], list[AudioFrame]]]:
        """Packets that a decoder takes, and what it made of them, until the sound ends or breaks."""
        any_sound, failures, at_s = False, 0, self._span.from_s
        try:
            for packet in self._packets():
                if packet.pts is not None:
                    at_s = self._span.from_s + self._time_of(packet)
                try:
                    frames = packet.decode() if packet.size else []
                except FFmpegError:
                    failures += 1
                    if any_sound or failures > _PATIENCE:
                        raise
                    continue
                any_sound |= bool(frames)
                if packet.pts is not None:
                    yield packet, frames
        except (FFmpegError, SourceError) as error:
            log.warning("%s: its sound is damaged from second %.1f on: %s", self._media.name, at_s, error)

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        if self._first is not None:
            yield self._first
        yield from self._opened.container.demux(self.stream)

    def _time_of(self, packet: Packet[AudioStream]) -> float:
        """Seconds since the span's start."""
        assert packet.pts is not None
        return float(packet.pts * packet.time_base) - self._zero_s


def _silence(channels: int, length: int, rate_hz: int) -> Iterator[F32]:
    """So many samples of it (none where `length` is negative), a second at a time: a clock may jump by hours."""
    for begin in range(0, length, rate_hz):
        yield np.zeros((channels, min(rate_hz, length - begin)), np.float32)


def _first_picture_s(media: Media) -> float:
    """The time that the container gives the first picture: media time 0."""
    opened = Opened(media.uri, media.name, media.bytes, threads=False)
    try:
        for packet in opened.packets():
            for picture in opened.decode(packet, lambda: None):
                return picture.time or 0.0
        for picture in opened.decode(None, lambda: None):
            return picture.time or 0.0
    finally:
        opened.close()
    raise MediaError(f"{media.name} holds no picture that can be decoded")
