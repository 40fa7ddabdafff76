"""Any piece of a recording, decoded on its own, with the same pictures and the same times as in the whole.

`scan` says what a recording holds, `Recording` gives its pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from monitor.errors import MediaError, SourceError
from monitor.sources.base import Guarded
from monitor.sources.media import Clock, bgr_of, times_are_numbers
from monitor.sources.object_stores import is_url, name_of
from monitor.sources.opening import Opened, picture_bgr, state_of
from monitor.sources.scanning import scan, scan_pictures
from monitor.types import Frame, Losses, Media, Span

__all__ = ["Recording", "scan", "scan_pictures"]
SEEKS = 8
"""So often an earlier keyframe is looked for before the file is decoded from its start."""


class Recording(Guarded):
    """The frames of `media` with `span.from_s <= t < span.to_s`; index counts those given, from 0.

    `t` is the time since the file's first picture, to the microsecond, the same in every span. The last span of a
    recording that cannot be split has no end: where such a file ends is known only when it was decoded.

    Of the kind pictures, a span names numbers: those with from_s <= i < to_s are given, at t = 0, index i - from_s; one
    that cannot be read is noted in `losses.skipped` and passed over.

    Raises SourceNotFound, SourceError or MediaError, also at the end where the file is no longer what was scanned.
    """

    live = False

    def __init__(
        self, media: Media, span: Span, losses: Losses | None = None, passed: Callable[[], None] = lambda: None
    ) -> None:
        """`passed` is called with each picture before the span that had to be decoded, where the reading goes on."""
        super().__init__()
        self.name = media.name
        self._media = media
        self._from_s, self._to_s = span.from_s, span.to_s
        self._losses, self._passed = losses or Losses(), passed
        self._zero: int | None = None  # the first picture's time, in units of the stream
        if media.kind == "pictures":
            self._frames = self._pictures()
            return
        if not media.splittable and span.to_s >= media.length_s - 1e-6:
            self._to_s = math.inf
        opened = self._open()
        self._clock = Clock(opened.step_s, counted=times_are_numbers(opened.container, opened.stream))
        self._unit = opened.unit
        self._last_s = -1.0
        self._frames = self._within(self._from_keyframe(opened))

    def _open(self) -> Opened:
        self._check_unchanged()
        opened = Opened(self._media.uri, self.name, self._media.bytes, threads=True)
        self._hold(opened.close)
        return opened

    def _check_unchanged(self) -> None:
        size, modified = state_of(self._media.uri)
        if (size, modified) != (self._media.bytes, self._media.modified):
            raise SourceError(
                f"{self.name} has changed since it was looked at: {self._media.bytes} bytes then, {size} now",
                hint="Wait until it is complete, then start again.",
            )

    def _read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a file is read as fast as it decodes
        try:
            frame = next(self._frames, None)
        except SourceError:
            self.close()
            self._check_unchanged()  # then this is why
            raise
        except BaseException:
            self.close()
            raise
        if frame is None and not self._closed:
            self.close()
            if self._media.kind == "video":
                self._check_unchanged()
        return frame

    def _pictures(self) -> Iterator[Frame]:
        first = max(0, math.ceil(self._from_s))
        for number in range(first, min(len(self._media.pictures), max(first, math.ceil(self._to_s)))):
            uri = self._media.pictures[number]
            origin = Path(name_of(uri)) if is_url(uri) else Path(uri)
            try:
                bgr = picture_bgr(uri, origin.name)
            except SourceError as error:
                self._losses.skipped[origin] = str(error)
                continue
            yield Frame(number - first, 0.0, None, bgr, still=True, origin=origin)

    def _within(self, pictures: Iterator[VideoFrame]) -> Iterator[Frame]:
        index = 0
        for picture in pictures:
            t = self._time_of(picture)
            if t is None or t <= self._last_s:  # no time of its own: where it belongs cannot be known
                self._damaged(None)
                continue
            self._last_s = t
            if t >= self._to_s:
                return
            if t < self._from_s:
                self._passed()
                continue
            if picture.is_corrupt:
                self._lost(t)
            try:
                bgr = bgr_of(picture)
            except (FFmpegError, ValueError):
                self._damaged(None)
                continue
            yield Frame(index, t, None, bgr)
            index += 1

    def _time_of(self, picture: VideoFrame) -> float | None:
        if not self._media.splittable:
            return max(round(self._clock.time_of(picture.time), 6), round(self._last_s + 1e-6, 6))
        if self._zero is None:
            self._zero = picture.pts
        return self._seconds(picture.pts)

    def _seconds(self, pts: int | None) -> float | None:
        if pts is None or self._zero is None:
            return None
        return round((pts - self._zero) * self._unit.numerator / self._unit.denominator, 6)

    def _damaged(self, packet: Packet[VideoStream] | None) -> None:
        """Counts one; not where it belongs to a time outside the span, which another one counts."""
        t = None
        if packet is not None and self._media.splittable:
            t = self._seconds(packet.pts)
        t = max(0.0, self._last_s) if t is None else t
        if self._from_s <= t < self._to_s:
            self._lost(t)

    def _lost(self, t: float) -> None:
        self._losses.damaged += 1
        self._losses.damaged_at.append(t)

    def _from_keyframe(self, opened: Opened) -> Iterator[VideoFrame]:
        """The pictures from the keyframe at or before the span on; from the start where that cannot be had.

        Pictures shown before their keyframe may need what was before it, so they are left out; and the keyframe must be
        the first to come out, or else decoding did not really begin there.
        """
        if self._media.splittable and self._from_s > 0:
            self._zero = self._first_pts(opened)
            found = self._seek(opened, self._zero)
            if found is not None:
                key, packets = found
                pictures = (p for p in self._decoded(opened, packets) if p.pts is not None and p.pts >= key)
                first = next(pictures, None)
                if first is not None and first.pts == key:
                    yield first
                    yield from pictures
                    return
            opened.close()
            opened = self._open()
        yield from self._decoded(opened, opened.packets())

    def _first_pts(self, opened: Opened) -> int:
        for packet in chain(opened.packets(), (None,)):
            for picture in opened.decode(packet, lambda: None):
                if picture.pts is not None:
                    return picture.pts
        raise MediaError(f"{self.name} holds no picture that can be decoded", hint="Copy it again.")

    def _seek(self, opened: Opened, zero: int) -> tuple[int, Iterator[Packet[VideoStream]]] | None:
        """(time of the keyframe at or before the span, packets from it on); None where the file does not lead there."""
        target = zero + math.floor((self._from_s + 5e-7) / self._unit)
        for _ in range(SEEKS):
            try:
                opened.container.seek(target, stream=opened.stream, backward=True, any_frame=False)
            except FFmpegError:
                return None
            packets = opened.packets()
            key = next(packets, None)
            if key is None or key.pts is None or not key.is_keyframe or key.pts < zero:
                return None
            if (self._seconds(key.pts) or 0.0) <= self._from_s:
                return key.pts, chain((key,), packets)
            target = min(target, key.pts, key.pts if key.dts is None else key.dts) - 1
        return None

    def _decoded(self, opened: Opened, packets: Iterator[Packet[VideoStream]]) -> Iterator[VideoFrame]:
        for packet in chain(packets, (None,)):
            yield from opened.decode(packet, partial(self._damaged, packet))
