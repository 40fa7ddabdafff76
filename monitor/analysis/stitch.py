"""Knowing people again across the cut between two segments, by one rule, whoever analysed them.

The second segment was watched from RUN_IN_S before the cut, so both have seen those seconds: who stood at the same
place in both is one person. Somebody who was lost before the cut and found after it is taken for the same where a
track within a segment would have been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from monitor.motion import GATE, GATE_PER_S, pair
from monitor.types import Box, Face

SAME_PLACE = 0.5
"""Boxes of one person in both segments share so much of the smaller one, on average."""
_NO_POINTS = np.zeros((0, 2), np.float32)


@dataclass(frozen=True, slots=True)
class Seen:
    """One face at one time, under the number that its segment gave it."""

    number: int
    t: float
    box: Box
    found: bool


def same_people(before: Iterable[Seen], after: Iterable[Seen], cut_s: float, lost_s: float) -> dict[int, int]:
    """{number after the cut: number before it} of those who are the same.

    `before` are the last RUN_IN_S before the cut as the first segment saw them; `after` the same time and at least
    `lost_s` more as the second one did. `lost_s` is how long a track outlives its last find.
    """
    old, new = _by_number(before), _by_number(after)
    shared = {
        (i, j): total
        for i, seen in old.items()
        for j, again in new.items()
        if (total := _shared(seen, again)) > 0
    }  # fmt: skip
    same = _best_pairs(shared)
    left_old = {i: seen for i, seen in old.items() if i not in same.values()}
    arrived = {j: seen[0] for j, seen in new.items() if j not in same and seen[0].t >= cut_s}
    return same | _returned(left_old, arrived, lost_s)


def _by_number(seen: Iterable[Seen]) -> dict[int, list[Seen]]:
    found: dict[int, list[Seen]] = defaultdict(list)
    for one in seen:
        found[one.number].append(one)
    return dict(sorted(found.items()))


def _shared(seen: list[Seen], again: list[Seen]) -> float:
    """Sum over the common times of what the boxes share; 0 where they are not at one place on average."""
    places = {one.t: one.box for one in seen}
    shares = [one.box.shared(places[one.t]) for one in again if one.t in places]
    return sum(shares) if shares and sum(shares) / len(shares) >= SAME_PLACE else 0.0


def _best_pairs(shared: Mapping[tuple[int, int], float]) -> dict[int, int]:
    """{second: first} with the greatest total."""
    if not shared:
        return {}
    from scipy.optimize import linear_sum_assignment  # half of the start-up, so only where somebody crosses a cut

    first, second = sorted({i for i, _ in shared}), sorted({j for _, j in shared})
    gain = np.array([[shared.get((i, j), 0.0) for j in second] for i in first])
    rows, columns = linear_sum_assignment(-gain)
    return {second[c]: first[r] for r, c in zip(rows, columns, strict=True) if gain[r, c] > 0}


def _returned(lost: Mapping[int, list[Seen]], arrived: Mapping[int, Seen], lost_s: float) -> dict[int, int]:
    """Who was lost before the cut and came back after it, by the rule that continues a track."""
    last = {i: found for i, seen in lost.items() if (found := _last_found(seen)) is not None}
    same: dict[int, int] = {}
    for j, face in sorted(arrived.items(), key=lambda item: (item[1].t, item[0])):
        patient = {i: one for i, one in last.items() if face.t - one.t <= lost_s and i not in same.values()}
        gates = [GATE + GATE_PER_S * (face.t - one.t) for one in patient.values()]
        pairs, _ = pair([one.box for one in patient.values()], gates, [Face(face.box, 1.0, _NO_POINTS)])
        if pairs:
            same[j] = list(patient)[pairs[0][0]]
    return same


def _last_found(seen: list[Seen]) -> Seen | None:
    return next((one for one in reversed(seen) if one.found), None)
