"""What the packets of a recording add up to: how many, how long, and whether it may be cut anywhere."""

from __future__ import annotations

from array import array

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from monitor.sources.media import Clock

LONGEST_PICTURE_S = 10.0
"""The last picture of a recording counts no longer, whatever the file says."""


class PacketCount:
    """What the packets tell. Times are kept as machine numbers: ten hours are some megabytes."""

    def __init__(self, step_s: float) -> None:
        self.zero: int | None = None
        """The time of the first decoded picture, in units of the stream; None where it has none."""
        self.frames = 0
        self._step_s = step_s
        self._times = array("q")  # of the pictures that are shown
        self._latest, self._last_duration = 0, 0
        self._begins_with_key: bool | None = None
        self._whole = True  # every packet has its time
        self._newest: int | None = None
        self._rising = True
        self._clock = Clock(step_s)

    def add(self, packet: Packet[VideoStream]) -> None:
        if self._begins_with_key is None:
            self._begins_with_key = packet.is_keyframe
        if packet.is_discard:  # before the edit of a cut clip: decoded, but never shown
            return
        self.frames += 1
        stamp = packet.pts if packet.dts is None else packet.dts  # dts rises even where pictures wait for others
        self._clock.time_of(None if stamp is None else float(stamp * packet.time_base))
        if packet.pts is None:
            self._whole = False
            self._last_duration = packet.duration or 0
            return
        if not self._times or packet.pts >= self._latest:
            self._latest, self._last_duration = packet.pts, packet.duration or 0
        self._times.append(packet.pts)

    def comes_out(self, pts: int | None) -> None:
        """The first pictures, as they are decoded. Times that only number packets go back."""
        if self.zero is None:
            self.zero = pts
        self._rising = self._rising and pts is not None and (self._newest is None or pts > self._newest)
        self._newest = pts

    def splittable(self) -> bool:
        """Every picture has its own time, none is before the first one decoded, and the file begins with a keyframe."""
        times = np.sort(np.frombuffer(self._times, np.int64))
        own = self._whole and len(times) > 0 and bool(np.all(times[1:] != times[:-1]))
        return bool(self._begins_with_key) and self._rising and own and self.zero == int(times[0])

    def length_s(self, unit_s: float) -> float:
        """From the first picture's time to the end of the last one."""
        last_s = self._last_duration * unit_s
        last_s = min(last_s, LONGEST_PICTURE_S) if last_s > 0 else self._step_s
        if self._whole and self._times and self.zero == min(self._times):
            return round((self._latest - self.zero) * unit_s + last_s, 6)
        return round(self._clock.last_s + last_s, 6)
