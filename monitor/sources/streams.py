"""Network streams: RTSP and HTTP, newest pictures, reconnected for ever once they have answered.

Network = live, also where the server sends a finite file: its pictures come at the pace of its clock, and the end of
a video that says how long it is ends the source. Where the answer is one JPEG the server is asked again. What never
answered within `first_timeout_s` is an error.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator

import av
from av.video.frame import VideoFrame

from monitor.errors import SourceError
from monitor.redact import redact
from monitor.sources.base import Guarded, Pauses
from monitor.sources.media import bgr_of, pictures_of, video_stream
from monitor.sources.network import (
    CONNECT_S,
    FAILURES,
    SNAPSHOT,
    SNAPSHOT_EVERY_S,
    Pace,
    format_for,
    options_for,
    reason,
)
from monitor.threads import gap
from monitor.types import Frame, Gap, Losses

log = logging.getLogger(__name__)


class Stream(Guarded):
    """Pictures of an RTSP or HTTP(S) address; `name` holds no credentials.

    A read may block up to `stall_s`; `Freshest` around it stays responsive.
    """

    live = True

    def __init__(
        self, uri: str, *, stall_s: float = 5.0, first_timeout_s: float = 10.0, losses: Losses | None = None
    ) -> None:
        super().__init__()
        self.name = redact(uri)
        self._uri, self._stall_s, self._first_timeout_s = uri, stall_s, first_timeout_s
        self._pauses = Pauses()
        self._frames: Iterator[VideoFrame] | None = None
        self._early: VideoFrame | None = None
        self._pace: Pace | None = None
        self._losses = losses or Losses()
        self._packet_s = 0.0
        self._snapshot, self._pictures, self._asked_s = False, 0, 0.0  # of this connection
        self._index = -1
        self._start_s = self._last_s = math.inf  # until the first read: whoever opens it may have models to load
        self._why = ""

    def _read(self, timeout_s: float) -> Frame | Gap | None:
        start_s, failure = time.monotonic(), None
        self._start_s, self._last_s = min(self._start_s, start_s), min(self._last_s, start_s)
        decoded = None
        try:
            if self._frames is None and not self._connect(timeout_s):
                return self._gap()
            decoded = self._next()
        except FAILURES as error:
            failure = reason(error, self._uri, time.monotonic() - start_s)
        # Outside the handler: an error raised in it would carry the vendor's, whose text holds the address.
        if self._closed or (decoded is None and self._pace is not None and self._pace.complete):
            return None
        if decoded is None:
            if failure is None and self._snapshot and self._pictures == 1:
                return self._asks_again()
            return self._failed(*(failure or ("the server ended the stream", False)))
        early_s = self._pace.early_s(decoded) if self._pace is not None else 0.0
        time.sleep(max(0.0, min(early_s, timeout_s)))
        if early_s > timeout_s:
            self._early = decoded
            return self._gap()
        return self._frame(decoded)

    def _connect(self, timeout_s: float) -> bool:
        """True when connected; False while the pause after a failure lasts. Raises what PyAV raises."""
        if not self._pauses.over_within(timeout_s) or self._closed:
            return False
        self._packet_s = time.monotonic()
        container = av.open(
            self._uri,
            format=format_for(self._uri),
            timeout=(CONNECT_S, self._stall_s),
            options=options_for(self._uri, self._stall_s),
        )
        self._hold(container.close)
        self._snapshot, self._pictures, self._asked_s = container.format.name == SNAPSHOT, 0, self._packet_s
        stream = video_stream(container, self.name)
        stream.thread_type = "SLICE"  # frame threads hold back one picture each
        self._pace = Pace(container) if Pace.needed(container) else None
        self._frames = pictures_of(container, stream, self._nothing)
        return True

    def _next(self) -> VideoFrame | None:
        """The next decoded picture, or the one that came too early; None at the end of the connection."""
        early, self._early = self._early, None
        if early is None and self._frames is not None:
            self._packet_s = time.monotonic()
            return next(self._frames, None)
        return early

    def _nothing(self, damaged: bool) -> None:
        """Sound and damage keep the connection busy but are no pictures: after `stall_s` of them it is given up."""
        self._losses.damaged += damaged
        if self._closed or time.monotonic() - self._packet_s > self._stall_s:
            raise TimeoutError("packets, but no pictures")

    def _frame(self, decoded: VideoFrame) -> Frame:
        if self._index < 0 or self._why:
            level = logging.WARNING if self._why else logging.INFO  # who read that it was lost wants to read this
            log.log(level, "%s is live, %dx%d", self.name, decoded.width, decoded.height)
        self._pauses.reset()
        self._why = ""
        self._last_s, wall = time.monotonic(), time.time()
        self._losses.damaged += decoded.is_corrupt
        self._index += 1
        self._pictures += 1
        return Frame(self._index, self._last_s, wall, bgr_of(decoded))

    def _asks_again(self) -> Gap:
        """The server has answered with its one picture, as it should: no failure, no pause."""
        self._frames = None
        self._release()
        time.sleep(max(0.0, self._asked_s + SNAPSHOT_EVERY_S - time.monotonic()))
        return self._gap()

    def _failed(self, why: str, final: bool) -> Gap:
        """Drop the connection and start a pause. Raises SourceError where there never was a picture and time is up."""
        self._frames = self._early = None
        self._release()
        if why != self._why:
            log.warning("%s: %s", self.name, why)
        self._why = why
        self._pauses.failed()
        if final and self._index < 0:
            raise self._never()
        return self._gap()

    def _gap(self) -> Gap:
        now_s = time.monotonic()
        if self._index < 0 and now_s - self._start_s >= self._first_timeout_s:
            raise self._never()
        return gap(now_s - self._last_s, ever=self._index >= 0, stall_s=self._stall_s, why=self._why)

    def _never(self) -> SourceError:
        return SourceError(
            f"{self.name}: {self._why or 'no picture came'}",
            hint="Look at the address, the user name and password, and that the camera is switched on and reachable.",
        )
