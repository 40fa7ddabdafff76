"""What can be read off a picture file: size, format, compression, sharpness, brightness, hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from engines.contract import U8
from train.near_duplicates import PictureHash, picture_hash

SHARP_PX = 160
"""Longer side at which sharpness is measured, so that it does not depend on the size."""
LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Quantisation at quality 50: ITU-T T.81, annex K, table K.1."""


@dataclass(frozen=True)
class Facts:
    """Of one picture."""

    width_px: int
    height_px: int
    format: str
    jpeg_quality: int | None
    """Estimated from the quantisation table; None for other formats."""
    sharpness: float
    """Variance of the Laplacian of the grey picture, longer side SHARP_PX."""
    brightness: float
    """Mean grey, 0 to 255."""
    hash: PictureHash


def facts_of(path: Path) -> Facts | None:
    """The facts; None where the file is no readable picture."""
    try:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        with Image.open(path) as picture:
            kind, tables = picture.format or path.suffix[1:], getattr(picture, "quantization", None)
    except (OSError, cv2.error, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    if bgr is None:
        return None
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    scale = SHARP_PX / max(height, width)
    same = cv2.resize(grey, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    return Facts(
        width, height, kind, jpeg_quality(tables[0]) if tables else None, _sharpness(np.asarray(same, np.uint8)),
        round(float(grey.mean()), 1), picture_hash(np.asarray(bgr, np.uint8)),
    )  # fmt: skip


def _sharpness(grey: U8) -> float:
    return round(float(cv2.Laplacian(grey, cv2.CV_64F).var()), 1)


def jpeg_quality(table: list[int]) -> int:
    """The quality (1 to 100) whose table in libjpeg's scale is nearest to this luminance table."""
    wanted = np.sort(np.array(table, float))
    standard = np.sort(np.array(LUMINANCE, float))
    qualities = np.arange(1, 101)
    scale = np.where(qualities < 50, 5000 / qualities, 200 - 2 * qualities)
    tables = np.clip(np.floor((standard[None] * scale[:, None] + 50) / 100), 1, 255)
    return int(qualities[np.argmin(np.abs(tables - wanted).sum(axis=1))])
