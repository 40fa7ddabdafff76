"""A camera that hangs may go on giving its last picture: then nothing in it changes any more, not even noise."""

from __future__ import annotations

import zlib

from monitor.types import Frame

EVERY_PX = 8
"""Looking at one pixel in 64 is enough: noise is everywhere."""


class Stillness:
    """For how long the picture has been the same to the last bit."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._since_t = 0.0

    def see(self, frame: Frame) -> float:
        """Seconds up to this frame."""
        seen = zlib.crc32(frame.bgr[::EVERY_PX, ::EVERY_PX].tobytes())
        if seen != self._seen:
            self._seen, self._since_t = seen, frame.t
        return frame.t - self._since_t
