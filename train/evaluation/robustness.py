"""How the answers change when pictures get worse, one thing at a time, on the same sample of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from engines.contract import F32, U8
from train.augment import center_crop
from train.batches import Rows
from train.manifest import Prepared
from train.measure import scores

Infer = Callable[[U8], F32]


@dataclass(frozen=True)
class _Kind:
    """One way of getting worse: its unit, the degrees, and what it does to a network's crop (P, P, 3)."""

    unit: str
    degrees: tuple[float, ...]
    change: Callable[[U8, float], U8]


def _resolution(rgb: U8, px: float) -> U8:
    small = cv2.resize(rgb, (round(px), round(px)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _jpeg(rgb: U8, quality: float) -> U8:
    _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _blur(rgb: U8, sigma: float) -> U8:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8) if sigma > 0 else rgb


def _brightness(rgb: U8, factor: float) -> U8:
    return np.asarray(np.clip(rgb * factor, 0, 255), np.uint8)


def _same(rgb: U8, _: float) -> U8:
    return rgb


KINDS: Mapping[str, _Kind] = {
    "resolution": _Kind("px of the crop's side", (24, 32, 48, 64, 96, 128, 160), _resolution),
    "JPEG quality": _Kind("", (10, 20, 35, 50, 75, 95), _jpeg),
    "blur": _Kind("px, deviation", (0, 0.5, 1, 1.5, 2, 3), _blur),
    "brightness": _Kind("times", (0.25, 0.5, 0.75, 1, 1.4, 2), _brightness),
    "rotation": _Kind("degrees", (-45, -30, -15, 0, 15, 30, 45), _same),
    "crop margin": _Kind("of the box's side", (0, 0.08, 0.15, 0.22, 0.3, 0.4), _same),
}


def sample(data: Prepared, split: str, per_cell: int) -> Rows:
    """At most so many rows of each source and class of a split, always the same ones."""
    cells: dict[tuple[str, str], list[int]] = {}
    for i in data.where(split):
        cells.setdefault((data.rows[i].source, data.rows[i].label), []).append(int(i))
    rng = np.random.default_rng(0)
    return np.sort(np.concatenate([rng.permutation(cell)[:per_cell] for _, cell in sorted(cells.items())]))


def robustness(data: Prepared, rows: Rows, infer: Infer, *, input_px: int, margin: float) -> dict[str, Any]:
    """{kind: {"unit", "points": [{"at", "macro_f1", "mean_auc"}]}}; the AUC is the mean over sources with fakes."""
    found: dict[str, Any] = {}
    for name, kind in KINDS.items():
        points = []
        for degree in kind.degrees:
            rgb = np.stack([_worse(data, int(row), name, degree, input_px, margin) for row in rows])
            told = scores(infer(rgb), data.labels[rows], [data.rows[i].source for i in rows])
            mean = float(np.mean(list(told.auc.values()))) if told.auc else None
            points.append({"at": degree, "macro_f1": round(told.macro_f1, 4), "mean_auc": mean and round(mean, 4)})
        found[name] = {"unit": kind.unit, "points": points}
    return found


def _worse(data: Prepared, row: int, name: str, degree: float, input_px: int, margin: float) -> U8:
    stored = data.crops[row]
    if name == "rotation":
        side = stored.shape[0]
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degree, 1.0)
        stored = np.asarray(cv2.warpAffine(stored, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    wide = degree if name == "crop margin" else margin
    rgb = center_crop(stored, stored_margin=data.margin, margin=wide, size_px=input_px)
    return KINDS[name].change(rgb, degree)
