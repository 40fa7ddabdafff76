"""Sources read in a thread of their own: the newest frame of a camera, the next frames of a file."""

from __future__ import annotations

import time
from dataclasses import replace

from monitor.errors import SourceError
from monitor.ports import Source
from monitor.threads.bell import Bell
from monitor.threads.channel import POLL_S, Channel, finish, start
from monitor.types import Frame, Gap

PATIENCE_S = 60.0
"""A file that gives nothing for so long is an error."""
SLOW_S = 1.0
"""A live source silent for less is slow, not stalled."""
MOST_BYTES = 64 << 20
"""Of pictures decoded ahead: ten in Full HD."""


def gap(since_s: float, *, ever: bool, stall_s: float, why: str = "") -> Gap:
    """The Gap of a live source silent for `since_s`.

    Before its first frame it is connecting; then live, as long as it may only be slow, stalled, and lost.
    """
    if since_s >= stall_s:
        return Gap("lost", since_s, why or f"no picture for {stall_s:g} s")
    if not ever:
        return Gap("connecting", since_s, why)
    return Gap("live" if since_s < SLOW_S else "stalled", since_s, why)


def _bytes_of(item: Frame | Gap) -> int:
    return item.bgr.nbytes if isinstance(item, Frame) else 0


class Freshest:
    """A live source's newest frame: a capture thread reads all of them, one slot keeps the last.

    Stays responsive while the inner read blocks: the state of a Gap comes from the time since the last frame, unless
    the source itself says that it is lost.
    """

    live = True

    def __init__(self, source: Source, *, stall_s: float = 5.0, bell: Bell | None = None) -> None:
        """`bell` rings with each frame and at the end."""
        self.name = source.name
        self._bell = bell
        self._source = source
        self._stall_s = stall_s
        self._slot: Channel[Frame] = Channel(1)
        self._last_s = time.monotonic()
        self._ever = self._lost = False
        self._why = ""
        self._thread = start(self._capture, self._end, f"capture {self.name}")

    def _capture(self) -> None:
        while not self._slot.stopped:
            item = self._source.read(POLL_S)
            if item is None:
                return
            if isinstance(item, Gap):
                self._why, self._lost = item.why, item.state == "lost"
                continue
            self._last_s, self._ever, self._why, self._lost = time.monotonic(), True, "", False
            self._slot.push(item)
            if self._bell is not None:
                self._bell.ring()

    def _end(self, error: BaseException | None) -> None:
        self._slot.end(error)
        if self._bell is not None:
            self._bell.ring()

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The newest frame not yet read; a Gap where none comes in time; None at the end. Raises the source's error."""
        frame = self._slot.get(timeout_s)
        if frame is not None:
            return frame
        if not self._slot.over:
            told = gap(time.monotonic() - self._last_s, ever=self._ever, stall_s=self._stall_s, why=self._why)
            return replace(told, state="lost") if self._lost else told
        self._slot.raise_error()
        return None

    def close(self) -> None:
        self._slot.stop()
        finish(self._thread, self._source.close)


class Ahead:
    """A recorded source decoded ahead in its own thread: every frame, in order, up to `depth` and MOST_BYTES early."""

    live = False

    def __init__(self, source: Source, depth: int = 8) -> None:
        self.name = source.name
        self._source = source
        self._ready: Channel[Frame | Gap] = Channel(depth, most_bytes=MOST_BYTES, bytes_of=_bytes_of)
        self._thread = start(self._decode, self._ready.end, f"decode {self.name}")

    def _decode(self) -> None:
        while not self._ready.stopped:
            item = self._source.read(POLL_S)
            if item is None:
                return
            taken = False
            while not taken and not self._ready.stopped:
                taken = self._ready.put(item, timeout_s=POLL_S)

    def read(self, timeout_s: float) -> Frame | Gap | None:
        """The next frame, None at the end; raises the source's error.

        Recorded sources have no gaps, however busy the machine: SourceError after PATIENCE_S without a frame.
        """
        item = self._ready.get(max(timeout_s, PATIENCE_S))
        if item is not None:
            return item
        if not self._ready.over:
            raise SourceError(
                f"{self.name} gave no frame for {PATIENCE_S:.0f} s", hint="Look whether the disk it lies on answers."
            )
        self._ready.raise_error()
        return None

    def close(self) -> None:
        self._ready.stop()
        finish(self._thread, self._source.close)
