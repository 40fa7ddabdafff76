"""A surgical mask drawn on a face, from the detector's six points: for the demo scene, tests and training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from monitor.types import F32, U8

Floats: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class MaskLook:
    """What a drawn mask looks like; lengths in units of the distance from the eyes to the mouth."""

    colour_bgr: tuple[int, int, int] = (205, 186, 150)
    light: float = 1.0
    """Brightness of the place: 1 = full."""
    pleats: int = 3
    bridge: float = 0.36
    """Where the top edge crosses the nose, from the eyes down."""
    chin: float = 1.9
    """Where the bottom edge ends, from the eyes down."""


DEFAULT = MaskLook()


@dataclass(frozen=True, slots=True)
class _FaceAxes:
    """A face's own coordinates: `across` from its right eye to its left, `down` from the eyes to the mouth."""

    eyes: F32
    across: F32
    down: F32
    nose: float
    """Where the nose is across: turns the mask with the head."""
    right: float
    left: float
    """Where the cheeks end across, just inside the ears."""

    def at(self, across: float, down: float) -> F32:
        """The pixel (x, y) of a place on the face."""
        place: F32 = self.eyes + np.float32(across) * self.across + np.float32(down) * self.down
        return place

    def grid(self, height: int, width: int) -> tuple[F32, F32]:
        """Coordinates (across, down) of every pixel, each (height, width)."""
        inverse = np.linalg.inv(np.stack([self.across, self.down], axis=1)).astype(np.float32)
        x = np.arange(width, dtype=np.float32)[None] - self.eyes[0]
        y = np.arange(height, dtype=np.float32)[:, None] - self.eyes[1]
        return inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y


def _axes(points: F32) -> _FaceAxes:
    right_eye, left_eye, nose, mouth, right_ear, left_ear = np.asarray(points, np.float32)
    eyes = (right_eye + left_eye) / 2
    across = left_eye - right_eye
    length2 = float(across @ across)
    if length2 < 1 or abs(float(np.linalg.det(np.stack([across, mouth - eyes])))) < 1:
        raise ValueError(f"no face to draw on in points {np.asarray(points).tolist()}")

    def along(point: F32) -> float:
        return float((point - eyes) @ across) / length2

    nose_at = along(nose)
    return _FaceAxes(
        eyes, across, mouth - eyes, nose_at, min(0.93 * along(right_ear), nose_at - 0.2),
        max(0.93 * along(left_ear), nose_at + 0.2),
    )  # fmt: skip


def mask_layer(height: int, width: int, points: F32, look: MaskLook = DEFAULT) -> U8:
    """The mask alone: BGRA uint8 (height, width, 4), straight alpha, soft at its edges.

    `points` are the detector's six (6, 2) px, in the order of `Face.points`. Raises ValueError where they show no face.
    """
    axes = _axes(points)
    unit_px = float(np.linalg.norm(axes.down))
    across, down = axes.grid(height, width)
    side = np.where(across < axes.nose, axes.nose - axes.right, axes.left - axes.nose).astype(np.float32)
    q = (across - axes.nose) / side  # -1 at the right ear's side, 0 on the nose, 1 at the left
    q2 = np.minimum(q * q, 1)
    top = look.bridge + 0.22 * (1 - np.exp(-q2 / 0.09))
    bottom = 1.12 + (look.chin - 1.12) * np.power(1 - q2, 0.6)
    place = (down - top) / np.maximum(bottom - top, 1e-3)  # 0 at the top edge, 1 at the bottom edge

    def inside(distance: Floats) -> Floats:
        return np.clip(distance * unit_px + 0.5, 0, 1)

    side_px = side * float(np.linalg.norm(axes.across)) / unit_px
    cover = inside(down - top) * inside(bottom - down) * inside((1 - np.abs(q)) * side_px)
    shadow = 0.35 * np.exp(-np.square(np.maximum(down - bottom, 0) / 0.09)) * (np.abs(q) < 1) * (down > 1)
    shade = look.light * _fabric(place, q, q2, look.pleats)

    layer = np.empty((height, width, 4), np.float32)
    layer[..., :3] = np.asarray(look.colour_bgr, np.float32) * shade[..., None]
    alpha = np.maximum(cover, _ear_loops(height, width, axes, np.asarray(points, np.float32), unit_px))
    total = alpha + (1 - alpha) * shadow
    layer[..., :3] *= (alpha / np.maximum(total, 1e-6))[..., None]  # the shadow is black
    layer[..., 3] = 255 * total
    finished: U8 = np.clip(layer + 0.5, 0, 255).astype(np.uint8)
    return finished


def _fabric(place: F32, q: F32, q2: F32, pleats: int) -> F32:
    """Brightness of the cloth, about 1: round like a cheek, folded, stitched at its edges."""
    shade = 1.06 - 0.30 * q2 - 0.10 * np.square(np.clip(place, 0, 1) - 0.35) + 0.03 * q
    for fold in range(1, pleats + 1):
        # Folds are open in the middle and pressed together at the sides.
        at = place - fold / (pleats + 1) - 0.05 * (1 - q2)
        shade -= (0.16 + 0.08 * q2) * np.exp(-np.square(at / 0.022))
        shade += 0.07 * np.exp(-np.square((at - 0.05) / 0.03))
    for edge in (0.055, 0.955):
        shade -= 0.08 * np.exp(-np.square((place - edge) / 0.012))
    cloth: F32 = shade.astype(np.float32)
    return cloth


def _ear_loops(height: int, width: int, axes: _FaceAxes, points: F32, unit_px: float) -> F32:
    """Coverage 0..1 (height, width) of the two strings that go behind each ear."""
    plane = np.zeros((height, width), np.uint8)
    thick = max(1, round(0.03 * unit_px))
    for side, ear in ((axes.right, points[4]), (axes.left, points[5])):
        for down in (0.62, 1.06):
            start = axes.at(0.98 * side, down)
            bend = (start + ear) / 2 + (0.05 if down > 1 else -0.03) * axes.down
            steps = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
            curve = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * bend + steps**2 * ear
            cv2.polylines(plane, [np.round(curve * 16).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)
    return np.divide(plane, 255, dtype=np.float32)


def draw_mask(bgr: U8, points: F32, look: MaskLook | None = None) -> U8:
    """A copy of `bgr` (H, W, 3) with a surgical mask on the face of these six points (6, 2) px.

    Without a `look` the mask takes the brightness of the cheeks. Raises ValueError where the points show no face.
    """
    points = np.asarray(points, np.float32)
    if look is None:
        look = MaskLook(light=_cheek_light(bgr, points))
    x0, y0, x1, y1 = mask_reach(points, bgr.shape[1], bgr.shape[0], look)
    drawn = bgr.copy()
    if x0 == x1 or y0 == y1:
        return drawn  # the face is outside the picture
    face = drawn[y0:y1, x0:x1]
    layer = mask_layer(y1 - y0, x1 - x0, points - np.array((x0, y0), np.float32), look).astype(np.float32)
    face[:] = (face + (layer[..., :3] - face) * (layer[..., 3:] / 255) + 0.5).astype(np.uint8)
    return drawn


def mask_reach(points: F32, width: int, height: int, look: MaskLook = DEFAULT) -> tuple[int, int, int, int]:
    """The part (x0, y0, x1, y1) px of a picture that a mask on this face can cover; half-open, inside the picture."""
    axes = _axes(points)
    corners = [axes.at(a, d) for a in (axes.right, axes.left) for d in (0.1, look.chin + 0.4)] + [points[4], points[5]]
    string_px = 3 + 0.03 * float(np.linalg.norm(axes.down))
    low = np.floor(np.min(corners, 0) - string_px).astype(int)
    high = np.ceil(np.max(corners, 0) + string_px).astype(int)
    (x0, y0), (x1, y1) = np.clip(low, 0, (width, height)), np.clip(high, 0, (width, height))
    return int(x0), int(y0), int(x1), int(y1)


def _cheek_light(bgr: U8, points: F32) -> float:
    """Brightness of the lower face, so that a mask in a dark picture is dark: 0.25 to 1.05."""
    axes = _axes(points)
    corners = np.array([axes.at(a, d) for a, d in ((-0.5, 0.4), (0.5, 0.4), (0.5, 0.9), (-0.5, 0.9))])
    x0, y0 = np.maximum(corners.min(0), 0).astype(int)
    x1, y1 = np.maximum(corners.max(0), 0).astype(int) + 1
    patch = bgr[y0:y1, x0:x1]
    if patch.size == 0:
        return 1.0
    return float(np.clip(np.percentile(patch.max(axis=2), 75) / 215, 0.25, 1.05))
