"""Boxes in pixels, in percent and as shares of the picture, and which of two boxes mean the same face."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.corrections.facts import Known, Sides
from monitor.types import Box

SLACK = 0.005
"""A box may leave its picture by this share of it: what drawing tools round."""
SAME = 0.3
"""Intersection over union from which a box is one that was only moved."""


def percent_of(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """x, y, width, height of a box in px as percent of the picture."""
    return 100 * box.x0 / width, 100 * box.y0 / height, 100 * box.width / width, 100 * box.height / height


def sides_of(box: Sequence[float], width: float, height: float) -> Sides:
    """Shares of a picture `width` and `height` large, of x, y, width, height in the same unit.

    Raises ValueError where it is empty, also in the picture, or leaves the picture by more than SLACK.
    """
    x, y, w, h = box
    sides = x / width, y / height, (x + w) / width, (y + h) / height
    if not (w > 0 and h > 0):
        raise ValueError("is empty")
    if not (min(sides) >= -SLACK and max(sides) <= 1 + SLACK):
        raise ValueError("lies outside of the picture")
    x0, y0, x1, y1 = (min(max(side, 0.0), 1.0) for side in sides)
    if not (x0 < x1 and y0 < y1):
        raise ValueError("holds nothing of the picture")
    return x0, y0, x1, y1


def in_px(sides: Sides, width: int, height: int) -> Box:
    x0, y0, x1, y1 = sides
    return Box(x0 * width, y0 * height, x1 * width, y1 * height)


def overlap(one: Sides, two: Sides) -> float:
    """Intersection over union."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (_area(one) + _area(two) - shared)


def _area(sides: Sides) -> float:
    return (sides[2] - sides[0]) * (sides[3] - sides[1])


def matched(boxes: Sequence[Sides], known: Sequence[Known]) -> list[int | None]:
    """For each box the number of the known face it means, each face once, best overlaps first; None for a new one."""
    pairs = [(overlap(box, face.sides), i, j) for i, box in enumerate(boxes) for j, face in enumerate(known)]
    found: list[int | None] = [None] * len(boxes)
    taken: set[int] = set()
    for worth, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if worth >= SAME and found[i] is None and j not in taken:
            found[i] = j
            taken.add(j)
    return found
