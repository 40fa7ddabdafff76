"""Where everybody is at any moment, from the rows of an analysis: what is drawn, and what is hidden."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from monitor.analysis.schema import Table, rows_of
from monitor.types import Box, Face, Track

HOLD_S = 1.0
"""A box is shown at most so long after the picture it was seen in."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One person in one picture that was looked at."""

    us: int
    """Microseconds of media time."""
    track: Track
    found: bool


def us_of(t: float) -> int:
    """Times as whole numbers, which are equal where they are the same."""
    return round(t * 1e6)


class Sights:
    """The rows of a stretch of footage, by person and time."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> None:
        """`rows` by time."""
        self.people: dict[int, list[Sight]] = defaultdict(list)
        self.strangers: list[tuple[int, Box]] = []
        """(time, place) of every find that became nobody."""
        for row in rows:
            us, box = us_of(row["t"]), Box(*(float(row[side]) for side in ("x0", "y0", "x1", "y1")))
            if row["person"] is None:
                self.strangers.append((us, box))
            else:
                self.people[row["person"]].append(_sight(us, box, row, classes))
        for seen in self.people.values():
            seen.sort(key=lambda sight: sight.us)
        self.strangers.sort(key=lambda find: find[0])
        self._times = {person: [sight.us for sight in seen] for person, seen in self.people.items()}

    def around(self, person: int, us: int) -> tuple[Sight | None, Sight | None]:
        """The person's sights last before and first after the moment; twice the same where it is that moment."""
        seen, times = self.people[person], self._times[person]
        after = bisect_left(times, us)
        before = bisect_right(times, us) - 1
        return seen[before] if before >= 0 else None, seen[after] if after < len(seen) else None

    def tracks(self, t: float, apart_s: float = 0.0) -> tuple[Track, ...]:
        """Who is drawn at `t`, by number.

        Where not every picture was looked at, `apart_s` is the time between two that were: between two sights of
        somebody the box is moved from one to the other; after the last it stays for so long, at most HOLD_S.
        """
        us, found = us_of(t), list[Track]()
        for person in sorted(self.people):
            before, after = self.around(person, us)
            if before is None:
                continue
            if before is after:
                found.append(_at(before, before.track.face.box, t))
            elif after is not None and apart_s and after.us - before.us <= max(HOLD_S, 1.5 * apart_s) * 1e6:
                share = (us - before.us) / (after.us - before.us)
                found.append(_at(before, _between(before.track.face.box, after.track.face.box, share), t))
            elif apart_s and us - before.us < min(HOLD_S, apart_s) * 1e6 - 1000:
                found.append(_at(before, before.track.face.box, t))
        return tuple(found)


def sights_of(rows: Table, classes: Sequence[str]) -> Sights:
    """Those of a table of frames."""
    return Sights(list(rows_of(rows)), classes)


def _sight(us: int, box: Box, row: Mapping[str, Any], classes: Sequence[str]) -> Sight:
    probs = [row[f"p_{name}"] for name in classes]
    known = None if any(p is None for p in probs) else np.array(probs, np.float32)
    label = classes.index(row["label"]) if row["label"] in classes else None
    face = Face(box, float(row["score"] or 0.0), np.zeros((6, 2), np.float32))
    t = us / 1e6
    track = Track(row["person"], face, t, t, t, int(known is not None), known, label,
                  None if label is not None else row["reason"], bool(row["was_fake"]))  # fmt: skip
    return Sight(us, track, bool(row["found"]))


def _at(sight: Sight, box: Box, t: float) -> Track:
    return replace(sight.track, face=replace(sight.track.face, box=box), seen_t=t if sight.found else float("-inf"))


def _between(a: Box, b: Box, share: float) -> Box:
    """From `a` at 0 to `b` at 1."""
    return Box(*(p + (q - p) * share for p, q in zip((a.x0, a.y0, a.x1, a.y1), (b.x0, b.y0, b.x1, b.y1), strict=True)))
