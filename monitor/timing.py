"""Time, measured with bounded memory: percentiles and rates."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from itertools import accumulate

_GROWTH = 1.01
_LOG_GROWTH = math.log(_GROWTH)
_LOWEST = 1e-4
_BUCKETS = 2600
"""1e-4 * 1.01 ** 2600 = 1.7e7: for milliseconds that is 0.1 us to over four hours."""


class Percentiles:
    """Percentiles of any number of positive values in 2,600 counters.

    The counters grow by 1 %, so an answer is within 0.5 % of the exact one, and the same values in any order give the
    same answer.
    """

    def __init__(self) -> None:
        self.count = 0
        self._counts = [0] * _BUCKETS
        self._min = math.inf
        self._max = -math.inf

    def add(self, value: float) -> None:
        """Counts `value`; what is below 1e-4 counts as 1e-4."""
        bucket = int(math.log(max(value, _LOWEST) / _LOWEST) / _LOG_GROWTH)
        self._counts[min(bucket, _BUCKETS - 1)] += 1
        self.count += 1
        self._min = min(self._min, value)
        self._max = max(self._max, value)

    def at(self, percent: float) -> float:
        """The value that `percent` of all values do not exceed; NaN where there are none."""
        if not self.count:
            return math.nan
        wanted = max(1, math.ceil(self.count * percent / 100))
        bucket = bisect_left(list(accumulate(self._counts)), wanted)
        middle: float = _LOWEST * _GROWTH ** (bucket + 0.5)
        return min(max(middle, self._min), self._max)


class Rate:
    """How often something happens: (n - 1) / (last - first) over the last `window` ticks."""

    def __init__(self, window: int = 60) -> None:
        self._times: deque[float] = deque(maxlen=max(2, window))

    def tick(self, t: float) -> None:
        """Notes that it happened at `t` (s, monotonic)."""
        self._times.append(t)

    @property
    def per_s(self) -> float | None:
        """Times a second; None before the second tick."""
        if len(self._times) < 2 or self._times[-1] <= self._times[0]:
            return None
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])
