"""Golden pictures: the demo scene's two public-domain portraits in many lights, bare and with a mask drawn on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.contract import Card
from engines.crop import crop_face
from monitor.errors import SourceNotFound
from monitor.mask_drawing import MaskLook, draw_mask
from monitor.sources.demo import portraits
from monitor.sources.pictures import PICTURES
from monitor.types import U8, Face

VERSIONS = 24
"""Of each portrait, and as many with a mask."""
_COLOURS_BGR = ((205, 186, 150), (60, 58, 56), (235, 232, 228), (150, 120, 90))


def golden_pictures() -> Iterator[U8]:
    """BGR pictures (H, W, 3), always the same: light, colour, sharpness, size and compression differ."""
    rng = np.random.default_rng(0)
    for bgr, points in portraits():
        for n in range(2 * VERSIONS):
            look = MaskLook(_COLOURS_BGR[n // 2 % len(_COLOURS_BGR)], light=float(rng.uniform(0.7, 1)))
            yield _version(draw_mask(bgr, points, look) if n % 2 else bgr, rng)


def _version(bgr: U8, rng: np.random.Generator) -> U8:
    scale = float(rng.uniform(0.35, 1.0))
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    seen: np.ndarray[Any, Any] = (small - 128.0) * rng.uniform(0.7, 1.2) + 128 + rng.normal(0, 15) + rng.normal(0, 6, 3)
    if rng.random() < 0.4:
        seen = cv2.GaussianBlur(seen, (0, 0), float(rng.uniform(0.4, 1.6)))
    if rng.random() < 0.5:
        seen = seen[:, ::-1]
    whole = np.clip(seen + rng.normal(0, rng.uniform(0, 8), seen.shape), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def pictures_in(folder: Path) -> Iterator[U8]:
    """The readable pictures of a folder and its subfolders, BGR (H, W, 3), by name. Raises SourceNotFound."""
    if not folder.is_dir():
        raise SourceNotFound(f"no folder {folder}", hint="name a folder with pictures of faces")
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and (bgr := cv2.imread(str(path), cv2.IMREAD_COLOR)) is not None:
            yield np.asarray(bgr, np.uint8)


def crops_of(pictures: Iterable[U8], detect: Callable[[U8], Sequence[Face]], card: Card, at_most: int) -> U8:
    """The largest face of each picture as the engine takes it: uint8 RGB (N, P, P, 3), N of 0 to `at_most`."""
    crops: list[U8] = []
    for bgr in pictures:
        if len(crops) == at_most:
            break
        if faces := detect(bgr):
            box = max((face.box for face in faces), key=lambda box: box.area)
            corners = (box.x0, box.y0, box.x1, box.y1)
            crops.append(crop_face(bgr, corners, margin=card.crop_margin, size_px=card.input_px))
    shape = (0, card.input_px, card.input_px, 3)
    return np.stack(crops) if crops else np.empty(shape, np.uint8)
