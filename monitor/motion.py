"""Where a face will be, and whether two finds are the same face: geometry in pixels and seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.types import Box, Face

VELOCITY_MEMORY_S = 0.25
COAST_S = 0.4
"""A face that is not found is expected to go on moving for so long, then to stay."""
STEADY = 0.35
"""Share of the expected box in the box shown: the detector's jitter is about a twentieth of a face."""
GATE = 0.8
"""Farther apart than this (in face sizes, see `distance`) is another face."""
GATE_PER_S = 1.5
"""The gate grows while a face is not found."""
FAINT_GATE = 0.5
"""The gate of faint finds: a person's neck or a thing beside them scores little, too."""


@dataclass(frozen=True, slots=True)
class Motion:
    """A face's box at a time, and its centre's velocity in px/s."""

    box: Box
    t: float
    velocity: tuple[float, float] = (0.0, 0.0)

    def at(self, t: float) -> Box:
        """The box expected at `t`."""
        dt = min(max(0.0, t - self.t), COAST_S)
        return shifted(self.box, self.velocity[0] * dt, self.velocity[1] * dt)

    def found(self, box: Box, t: float) -> Motion:
        """The motion after a find: position and velocity corrected."""
        dt = t - self.t
        if dt <= 0:
            return Motion(box, t, self.velocity)
        expected = self.at(t)
        (x, y), (x0, y0) = box.center, self.box.center
        keep = math.exp(-dt / VELOCITY_MEMORY_S)
        velocity = (
            keep * self.velocity[0] + (1 - keep) * (x - x0) / dt,
            keep * self.velocity[1] + (1 - keep) * (y - y0) / dt,
        )
        return Motion(_mixed(box, expected, STEADY), t, velocity)


def shifted(box: Box, dx: float, dy: float) -> Box:
    """The box moved by (dx, dy) px."""
    return Box(box.x0 + dx, box.y0 + dy, box.x1 + dx, box.y1 + dy)


def _mixed(found: Box, expected: Box, share: float) -> Box:
    pairs = ((found.x0, expected.x0), (found.y0, expected.y0), (found.x1, expected.x1), (found.y1, expected.y1))
    return Box(*((1 - share) * a + share * b for a, b in pairs))


def clipped(box: Box, width_px: int, height_px: int) -> Box:
    """The part of the box inside the frame; at least one pixel at the nearest edge."""
    x0, y0 = min(max(box.x0, 0.0), width_px - 1.0), min(max(box.y0, 0.0), height_px - 1.0)
    return Box(x0, y0, max(min(box.x1, float(width_px)), x0 + 1), max(min(box.y1, float(height_px)), y0 + 1))


def distance(expected: Sequence[Box], found: Sequence[Box]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(n, m): centres' distance in face sizes plus the difference of sizes in octaves."""
    a, b = _table(expected), _table(found)
    size = (a[:, None, 2] + b[None, :, 2]) / 2
    apart = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1]) / size
    return np.asarray(apart + 0.5 * np.abs(np.log2(a[:, None, 2] / b[None, :, 2])), np.float64)


def _table(boxes: Sequence[Box]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([(*box.center, max(box.width, box.height, 1.0)) for box in boxes], np.float64).reshape(-1, 3)


def prepare() -> None:
    """Loads what `pair` needs once people come close; else it is loaded then, which takes longer than a frame."""
    import scipy.optimize  # noqa: F401


def pair(
    expected: Sequence[Box], gates: Sequence[float], faces: Sequence[Face]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Pairs (expected, face) with the least total distance inside the gates, and the faces left over."""
    if not expected or not faces:
        return [], list(range(len(faces)))
    cost = distance(expected, [face.box for face in faces])
    allowed = cost <= np.asarray(gates)[:, None]
    if allowed.sum(axis=0).max() <= 1 and allowed.sum(axis=1).max() <= 1:  # nobody is near anybody else
        rows, columns = np.nonzero(allowed)
    else:
        from scipy.optimize import linear_sum_assignment  # half of the start-up, so only where people come close

        rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e6))
    pairs = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if allowed[i, j]]
    taken = {j for _, j in pairs}
    return pairs, [j for j in range(len(faces)) if j not in taken]
