"""Versions of a crop: position, pose and light vary as in life, and what betrays the source is hidden.

Sources differ in resolution, compression, sharpness and framing; a network that sees each picture at random resolution,
quality and framing cannot use them. Every function draws from the given generator alone, so a version is a function
of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.contract import U8
from train.errors import DataError, TrainError

Rng = np.random.Generator
SEE = "see docs/training.md for the keys"


@dataclass(frozen=True)
class Augment:
    """How strong; shares are probabilities."""

    shift: float = 0.06
    """Share of the crop's side."""
    zoom: float = 0.15
    turn_deg: float = 15.0
    tight_share: float = 0.35
    """Some sides cut off and replaced by repeated edge pixels, as for faces at the border or tight portraits."""
    erase_share: float = 0.3
    """A patch covered by a colour or noise: something before the face is not a mask."""
    rescale_share: float = 0.5
    least_px: int = 32
    jpeg_share: float = 0.5
    jpeg_least: int = 25
    blur_share: float = 0.25
    noise_share: float = 0.25
    colour_share: float = 0.8
    grey_share: float = 0.08

    def __post_init__(self) -> None:
        shares = {name: value for name, value in vars(self).items() if name.endswith("_share")}
        if wrong := [name for name, value in shares.items() if not 0 <= value <= 1]:
            raise TrainError(f"augment: {', '.join(wrong)} must be in 0..1", hint=SEE)
        if not (0 <= self.shift < 1 and 0 <= self.zoom < 2 and 0 <= self.turn_deg <= 360):
            raise TrainError("augment: shift must be in 0..1, zoom in 0..2, turn_deg in 0..360", hint=SEE)
        if self.least_px < 8 or not 1 <= self.jpeg_least <= 95:
            raise TrainError("augment: least_px must be 8 or more, jpeg_least in 1..95", hint=SEE)


def center_crop(stored: U8, *, stored_margin: float, margin: float, size_px: int) -> U8:
    """The network's crop out of a stored one: uint8 RGB (size_px, size_px, 3), as `crop_face` would cut it.

    Raises DataError for a margin that the stored crop does not show.
    """
    side = stored.shape[0]
    n = round(side * (1 + 2 * margin) / (1 + 2 * stored_margin))
    if not 0 < n <= side:
        what = f"crops with a margin of {margin:g} cannot be cut out of those prepared with {stored_margin:g}"
        raise DataError(what, hint="take a margin from 0 to the prepared one")
    edge = (side - n) // 2
    inner = stored[edge : edge + n, edge : edge + n]
    return np.asarray(
        cv2.resize(inner, (size_px, size_px), interpolation=cv2.INTER_AREA if n > size_px else cv2.INTER_LINEAR),
        np.uint8,
    )


def augmented(stored: U8, rng: Rng, a: Augment, *, stored_margin: float, margin: float, size_px: int) -> U8:
    """One random version of a stored crop: uint8 RGB (size_px, size_px, 3)."""
    rgb = _place(stored, rng, a, (1 + 2 * margin) / (1 + 2 * stored_margin), size_px)
    if rng.random() < a.tight_share:
        rgb = _tight(rgb, rng)
    if rng.random() < a.erase_share:
        rgb = _erase(rgb, rng)
    if rng.random() < a.colour_share:
        rgb = _colour(rgb, rng)
    if rng.random() < a.grey_share:
        rgb = np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    return _camera(rgb, rng, a)


def _place(stored: U8, rng: Rng, a: Augment, share: float, size_px: int) -> U8:
    side = stored.shape[0]
    scale = size_px / (side * share) * np.exp(rng.uniform(-a.zoom, a.zoom))
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.normal(0, a.turn_deg / 2)), scale)
    matrix[:, 2] += size_px / 2 - side / 2 + rng.uniform(-a.shift, a.shift, 2) * size_px
    if rng.random() < 0.5:
        matrix[0] = (0, 0, size_px - 1) - matrix[0]
    flags = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC]))
    return np.asarray(
        cv2.warpAffine(stored, matrix, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _tight(rgb: U8, rng: Rng) -> U8:
    size = rgb.shape[0]
    top, bottom, left, right = (int(v) for v in rng.integers(0, round(size * 0.17), 4) * (rng.random(4) < 0.6))
    inner = rgb[top : size - bottom, left : size - right]
    return np.asarray(cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE), np.uint8)


def _erase(rgb: U8, rng: Rng) -> U8:
    size = rgb.shape[0]
    h, w = (int(v) for v in rng.integers(size // 10, size * 2 // 5, 2))
    y, x = int(rng.integers(0, size - h)), int(rng.integers(0, size - w))
    rgb = rgb.copy()
    colour = rng.integers(0, 256, 3)
    patch = np.broadcast_to(colour, (h, w, 3)) if rng.random() < 0.7 else rng.integers(0, 256, (h, w, 3))
    rgb[y : y + h, x : x + w] = patch
    return rgb


def _colour(rgb: U8, rng: Rng) -> U8:
    gain = np.exp(rng.normal(0, 0.14)) * np.exp(rng.normal(0, 0.06, 3))
    gamma = np.exp(rng.normal(0, 0.15))
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    table = 255 * np.clip((levels**gamma - 0.5) * np.exp(rng.normal(0, 0.15)) + 0.5, 0, 1) * gain + rng.normal(0, 6)
    rgb = cv2.LUT(rgb, np.clip(table, 0, 255).astype(np.uint8).reshape(1, 256, 3))  # type: ignore[assignment]
    keep = float(np.clip(rng.normal(1, 0.25), 0, 2))
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(rgb, keep, grey, 1 - keep, 0), np.uint8)


def _camera(rgb: U8, rng: Rng, a: Augment) -> U8:
    """Resolution, blur, noise and compression, in the order in which a camera applies them."""
    size = rgb.shape[0]
    if rng.random() < a.rescale_share:
        n = round(float(np.exp(rng.uniform(np.log(min(a.least_px, size)), np.log(size)))))
        down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        small = _spoil(cv2.resize(rgb, (n, n), interpolation=down), rng, a)  # type: ignore[arg-type]
        up = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        return np.asarray(cv2.resize(small, (size, size), interpolation=up), np.uint8)
    return _spoil(rgb, rng, a)


def _spoil(rgb: U8, rng: Rng, a: Augment) -> U8:
    if rng.random() < a.blur_share:
        rgb = cv2.GaussianBlur(rgb, (0, 0), float(rng.uniform(0.3, 1.8)))  # type: ignore[assignment]
    if rng.random() < a.noise_share:
        noise = rng.normal(0, rng.uniform(2, 14), (*rgb.shape[:2], 3 if rng.random() < 0.5 else 1))
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < a.jpeg_share:
        quality = int(rng.integers(a.jpeg_least, 96))
        _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
        rgb = cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[assignment]
    return rgb
