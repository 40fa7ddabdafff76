"""Points and polygons."""

from __future__ import annotations

from collections.abc import Sequence


def inside(x: float, y: float, corners: Sequence[tuple[float, float]]) -> bool:
    """Whether the point lies in the polygon, by the even-odd rule (a ray to the right crosses its sides)."""
    crossed = False
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossed = not crossed
    return crossed
