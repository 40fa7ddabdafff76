"""Behaviour by wrapping: again and again, as if live, not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from monitor.errors import MediaError
from monitor.ports import Source
from monitor.sources.base import Wrapper
from monitor.types import Frame, Gap


class Loop:
    """A source opened again at its end; `index` and `t` go on rising."""

    def __init__(self, opener: Callable[[], Source], *, step_s: float = 0.04) -> None:
        """`step_s` separates the last frame of a round from the first of the next, where one frame is all there is."""
        self._opener = opener
        self._source = opener()
        self.name = self._source.name
        self.live = self._source.live
        self._step_s = step_s
        self._last: Frame | None = None
        self._index0, self._t0 = 0, 0.0
        self._closed = False

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame, for ever; None only after close. Raises MediaError where a round gives no frame."""
        item = None if self._closed else self._source.read(timeout_s)
        if item is None and not self._closed:
            self._rewind()
            item = self._source.read(timeout_s)
            if item is None and not self._closed:
                raise MediaError(
                    f"{self.name} gave no frame when it was opened again", hint="Look whether it is still there."
                )
        if not isinstance(item, Frame):
            return item
        frame = replace(item, index=self._index0 + item.index, t=self._t0 + item.t)
        if self._last is not None and frame.t > self._last.t:
            self._step_s = frame.t - self._last.t
        self._last = replace(frame, bgr=frame.bgr[:0])
        return frame

    def _rewind(self) -> None:
        self._source.close()
        self._source = self._opener()
        if self._last is not None:
            self._index0, self._t0 = self._last.index + 1, self._last.t + self._step_s

    def close(self) -> None:
        self._closed = True
        self._source.close()


class Paced(Wrapper):
    """A file played as if it were live: frame n is due n / fps after the first; times are the clock's.

    Without `fps` each frame is due when its own time says so.
    """

    def __init__(self, source: Source, fps: float | None) -> None:
        super().__init__(source)
        self.live = True
        self._fps = fps
        self._start_s: float | None = None
        self._count = 0
        self._first_t = 0.0
        self._ready: Frame | None = None
        self._closed = False

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame when it is due, or at once when it is late; a Gap where that takes longer than `timeout_s`."""
        if self._ready is None:
            item = self._source.read(timeout_s)
            if not isinstance(item, Frame):
                return item
            self._ready = item
        now_s = time.monotonic()
        if self._start_s is None:
            self._start_s, self._first_t = now_s, self._ready.t
        after_s = self._ready.t - self._first_t if self._fps is None else self._count / self._fps
        wait_s = self._start_s + after_s - now_s
        time.sleep(max(0.0, min(wait_s, timeout_s)))
        if self._closed:
            return None
        if wait_s > timeout_s:
            return Gap("live", timeout_s, "the next frame is not due yet")
        frame, self._ready = self._ready, None
        self._count += 1
        return replace(frame, t=time.monotonic(), wall=time.time())

    def close(self) -> None:
        self._closed = True
        super().close()


class Limited(Wrapper):
    """The beginning of a source: at most `max_frames` frames, and those less than `duration_s` after the first."""

    def __init__(self, source: Source, *, duration_s: float | None = None, max_frames: int | None = None) -> None:
        super().__init__(source)
        self._duration_s = duration_s if duration_s is not None else float("inf")
        self._frames_left = max_frames if max_frames is not None else float("inf")
        self._start_t: float | None = None

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame or Gap of the source; None once a limit is reached."""
        if self._frames_left <= 0:
            return None
        if self.live and self._start_t is None:
            self._start_t = time.monotonic()  # a live source's time runs also while it has no frame
        item = self._source.read(timeout_s)
        if isinstance(item, Frame):
            self._start_t = item.t if self._start_t is None else self._start_t
            self._frames_left -= 1
        t = item.t if isinstance(item, Frame) else time.monotonic() if self.live else None
        if t is not None and self._start_t is not None and t - self._start_t >= self._duration_s:
            self._frames_left = 0
            return None
        return item
