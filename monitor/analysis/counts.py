"""How many people with which label were in view, over time, in at most MOST_BINS steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_BINS = 400
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


class Counts:
    """add, in_view, add, in_view, ..."""

    def __init__(self, from_s: float, length_s: float, labels: Sequence[str]) -> None:
        self._from_s, self._length_s = from_s, length_s
        self._step_s = next((s for s in STEPS_S if length_s / s <= MOST_BINS), max(1.0, length_s / MOST_BINS))
        self._bins = {label: [0.0] * max(1, -int(-length_s // self._step_s)) for label in labels}
        self._until_s = from_s
        self.most = 0
        """Most people in one picture."""
        self._frame, self._in_view = -1, 0

    def in_view(self, frame: int) -> None:
        """One person is in view in this picture; pictures come in order."""
        if frame != self._frame:
            self._frame, self._in_view = frame, 0
        self._in_view += 1
        self.most = max(self.most, self._in_view)

    def add(self, label: str, at_s: float, seconds: float) -> None:
        """Somebody was in view with this label for `seconds` from `at_s` on."""
        bins, end_s = self._bins[label], at_s + seconds
        self._until_s = max(self._until_s, end_s)
        while seconds > 0 and at_s < end_s - 1e-9:
            index = min(max(0, int((at_s - self._from_s) / self._step_s + 1e-9)), len(bins) - 1)
            edge_s = self._from_s + (index + 1) * self._step_s
            part_s = end_s - at_s if index == len(bins) - 1 else max(1e-9, min(end_s, edge_s) - at_s)
            bins[index] += part_s
            at_s += part_s

    def as_json(self) -> dict[str, Any]:
        """Mean number of people in view, by label, in each step.

        A recording may go on after the length that was promised: the last step is as long as what was seen in it.
        """
        count = len(next(iter(self._bins.values())))
        length_s = max(self._length_s, self._until_s - self._from_s)
        last_s = max(1e-6, length_s - (count - 1) * self._step_s)
        widths = [*[self._step_s] * (count - 1), last_s]
        mean = {
            label: [round(s / width, 3) for s, width in zip(bins, widths, strict=True)]
            for label, bins in self._bins.items()
        }
        return {"bin_s": self._step_s, "from_s": self._from_s, "mean": mean}
