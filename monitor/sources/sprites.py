"""Cut-out pictures pasted into a bigger one: what the demo scene is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from monitor.errors import MediaError
from monitor.types import F32, U8, freeze


@dataclass(frozen=True, slots=True)
class Sprite:
    """A picture with soft edges, ready to be pasted."""

    bgra: U8 = field(repr=False)
    """(H, W, 4), colours already multiplied by alpha; read-only."""
    anchor: tuple[float, float]
    """The point (x, y) px of the sprite that `paste` puts where it is told."""


def sprite(bgr: U8, alpha: U8, anchor: tuple[float, float]) -> Sprite:
    """A sprite of colours (H, W, 3) and their coverage (H, W)."""
    weighted = (bgr.astype(np.float32) * (alpha[..., None] / np.float32(255)) + 0.5).astype(np.uint8)
    bgra = np.dstack([weighted, alpha])
    freeze(bgra)
    return Sprite(bgra, anchor)


def load_cutout(folder: Path, name: str) -> tuple[U8, U8]:
    """Colours (H, W, 3) BGR and coverage (H, W) of `name`.jpg and `name`_alpha.png. Raises MediaError."""
    bgr = cv2.imread(str(folder / f"{name}.jpg"), cv2.IMREAD_COLOR)
    alpha = cv2.imread(str(folder / f"{name}_alpha.png"), cv2.IMREAD_GRAYSCALE)
    if bgr is None or alpha is None or bgr.shape[:2] != alpha.shape:
        raise MediaError(
            f"the demo's picture {name} is missing or damaged in {folder}",
            hint="install face-monitor again: pip install --force-reinstall --no-deps face-monitor",
        )
    return bgr.astype(np.uint8, copy=False), alpha.astype(np.uint8, copy=False)


def paste(canvas: U8, what: Sprite, at: tuple[float, float], *, scale: float = 1.0, turn_deg: float = 0.0) -> None:
    """Draws the sprite into `canvas` (H, W, 3), its anchor at the pixel `at`, grown by `scale` and turned about it."""
    height, width = what.bgra.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D(what.anchor, turn_deg, scale), np.float32)
    matrix[:, 2] += np.subtract(at, what.anchor, dtype=np.float32)
    corners: F32 = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float32) @ matrix.T
    limits = canvas.shape[1::-1]
    x0, y0 = np.clip(np.floor(corners.min(0)), 0, limits).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(0)), 0, limits).astype(int).tolist()
    if x1 <= x0 or y1 <= y0:
        return
    matrix[:, 2] -= (x0, y0)
    placed = cv2.warpAffine(what.bgra, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    blend(canvas[y0:y1, x0:x1], placed.astype(np.uint8, copy=False))


def blend(under: U8, bgra: U8) -> None:
    """Lays premultiplied colours (H, W, 4) over `under` (H, W, 3), in place."""
    uncovered = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(bgra, 3)), cv2.COLOR_GRAY2BGR)
    dimmed = cv2.multiply(under, uncovered, scale=1 / 255)
    under[:] = cv2.add(dimmed, cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR))
