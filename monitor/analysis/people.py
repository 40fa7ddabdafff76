"""What is told of each person: gathered row by row, in memory that grows with the people and not with the footage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.types import UNDECIDED

PATH_POINTS = 32


@dataclass(slots=True)
class Run:
    """A stretch of time with one label."""

    from_s: float
    to_s: float
    label: str
    p_sum: float = 0.0
    p_count: int = 0

    def as_json(self) -> list[Any]:
        mean = round(self.p_sum / self.p_count, 3) if self.p_count else None
        return [round(self.from_s, 3), round(self.to_s, 3), self.label, mean]


@dataclass(slots=True)
class Sight:
    """One row of one person."""

    t: float
    look: int
    """How many pictures of the recording were looked at before this one."""
    box: tuple[float, float, float, float]
    found: bool
    label: str
    reason: str | None
    probs: dict[str, float] | None
    was_fake: bool
    picture: str | None


@dataclass(slots=True)
class Person:
    """see, see, see; the totals are those so far."""

    number: int
    first_s: float
    last_s: float
    picture: str | None
    last_look: int = -1
    found_s: float = 0.0
    """When the face was last found, not only expected."""
    seconds: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    sure: dict[str, tuple[float, int]] = field(default_factory=dict)
    """{label: (sum of its probability, count)} while it was held."""
    peak_fake: tuple[float, float] = (-1.0, 0.0)
    was_fake: bool = False
    """Ever decided to be fake."""
    finds: int = 0
    judgements: int = 0
    sizes: tuple[float, float, float, int] = (float("inf"), 0.0, 0.0, 0)
    """least, most, sum, count"""
    path: list[tuple[float, float, float, float]] = field(default_factory=list)
    path_step: int = 1
    last_reason: str | None = None

    def see(self, sight: Sight) -> tuple[str, float]:
        """Adds a row; (label, seconds) that passed since the row before, under the label that was held then.

        None passed where he was not there in the picture that was looked at before.
        """
        passed = (UNDECIDED, 0.0)
        gone = sight.look - self.last_look != 1
        if self.runs and not gone:
            passed = self.runs[-1].label, max(0.0, sight.t - self.last_s)
            self.seconds[passed[0]] = self.seconds.get(passed[0], 0.0) + passed[1]
            if passed[0] == UNDECIDED and self.last_reason:
                self.reasons[self.last_reason] = self.reasons.get(self.last_reason, 0.0) + passed[1]
            self.runs[-1].to_s = sight.t
        if not self.runs or self.runs[-1].label != sight.label or gone:
            self.runs.append(Run(sight.t, sight.t, sight.label))
        self.last_s, self.last_look, self.last_reason = sight.t, sight.look, sight.reason
        self._weigh(sight)
        self._place(sight)
        return passed

    def _weigh(self, sight: Sight) -> None:
        self.was_fake |= sight.was_fake
        if sight.found:
            self.finds, self.found_s = self.finds + 1, sight.t
        if sight.probs is None:
            return
        if (p := sight.probs.get(sight.label)) is not None:
            self.runs[-1].p_sum, self.runs[-1].p_count = self.runs[-1].p_sum + p, self.runs[-1].p_count + 1
            total, count = self.sure.get(sight.label, (0.0, 0))
            self.sure[sight.label] = total + p, count + 1
        fake = sight.probs.get("fake", -1.0)
        if fake > self.peak_fake[0]:
            self.peak_fake = fake, sight.t

    def _place(self, sight: Sight) -> None:
        x0, y0, x1, y1 = sight.box
        size = max(x1 - x0, y1 - y0)
        least, most, total, count = self.sizes
        if count % self.path_step == 0:
            self.path.append((round(sight.t, 3), round((x0 + x1) / 2, 1), round((y0 + y1) / 2, 1), round(size, 1)))
            if len(self.path) > 2 * PATH_POINTS:
                self.path, self.path_step = self.path[::2], 2 * self.path_step
        self.sizes = min(least, size), max(most, size), total + size, count + 1

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())

    @property
    def label(self) -> str:
        """The label held longest, undecided only where no other ever was; of a still picture, its own."""
        held = {label: s for label, s in self.seconds.items() if label != UNDECIDED}
        decided = [run.label for run in self.runs if run.label != UNDECIDED]
        return max(held, key=lambda label: held[label]) if held else decided[0] if decided else UNDECIDED

    @property
    def confidence(self) -> float | None:
        total, count = self.sure.get(self.label, (0.0, 0))
        return round(total / count, 4) if count else None

    def as_row(self, classes: Sequence[str], clock: Any) -> dict[str, Any]:
        """The row of tracks.parquet; `clock` turns media time into a time of day."""
        least, most, total, count = self.sizes
        step = -(-len(self.path) // PATH_POINTS)
        row = {
            "person": self.number, "first_s": self.first_s, "last_s": self.last_s,
            "first_clock": clock(self.first_s), "last_clock": clock(self.last_s), "seconds": round(self.total_s, 4),
            "label": self.label, "confidence": self.confidence, "was_fake": self.was_fake,
            "peak_fake": None if self.peak_fake[0] < 0 else self.peak_fake[0],
            "peak_fake_s": None if self.peak_fake[0] < 0 else self.peak_fake[1],
            "finds": self.finds, "judgements": self.judgements,
            "size_px_least": least, "size_px_mean": round(total / count, 1), "size_px_most": most,
            "path": json.dumps(self.path[::step]), "picture": self.picture,
        }  # fmt: skip
        return row | {f"seconds_{name}": round(self.seconds.get(name, 0.0), 4) for name in (*classes, UNDECIDED)}

    def as_json(self) -> dict[str, Any]:
        """The person in analysis.json."""
        return {
            "person": self.number, "first_s": round(self.first_s, 3), "last_s": round(self.last_s, 3),
            "seconds": round(self.total_s, 3), "label": self.label, "confidence": self.confidence,
            "was_fake": self.was_fake, "judgements": self.judgements, "picture": self.picture,
            "seconds_by_label": {label: round(s, 3) for label, s in self.seconds.items()},
            "size_px_mean": round(self.sizes[2] / self.sizes[3], 1), "runs": [run.as_json() for run in self.runs],
        }  # fmt: skip
