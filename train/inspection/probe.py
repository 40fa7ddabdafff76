"""The source probe: how well a small model tells from a crop where it comes from, before and after equalising.

Where classes come from different sources, a network that can tell the source can tell the class without looking at the
face. The probe is an alarm for such shortcuts: it should do little better than chance on what the network is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engines.contract import U8
from train.augment import Augment, augmented, center_crop
from train.batches import Rows
from train.manifest import Prepared
from train.prepare import CROP_MARGIN

PER_CELL = 240
"""Pictures of each source and class at most."""
LEAST, FOLDS = 8, 4
"""Pictures of a source and class, and groups of a source, below which nothing can be said of it."""
PROBE_PX = 96
ALARM = 1.5
"""Times chance: above it, the report warns."""


@dataclass(frozen=True)
class Told:
    """How often the source was told rightly, in groups the model did not see."""

    accuracy: float
    chance: float
    """The same for every source: 1 / number of sources, as all weigh the same."""
    recall: dict[str, float]
    pictures: int


def features(rgb: U8) -> npt.NDArray[np.float64]:
    """A crop (P, P, 3) as 247 numbers: small picture, frequency bands, noise, colour."""
    small = cv2.resize(rgb, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float64).ravel() / 255
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float64)
    spectrum = np.log(np.abs(np.fft.fftshift(np.fft.fft2(grey - grey.mean()))) ** 2 + 1)
    y, x = np.indices(grey.shape) - grey.shape[0] // 2
    ring = np.minimum(np.hypot(y, x) * 2 * 24 / grey.shape[0], 31).astype(int)
    bands = np.bincount(ring.ravel(), spectrum.ravel(), 32) / np.maximum(np.bincount(ring.ravel(), minlength=32), 1)
    blocks = [np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis) for axis in (0, 1)]
    grid = [float(b[n::8].mean()) for b in blocks for n in range(8)]  # JPEG's blocks, where they still lie on a grid
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float64)
    noise = float(np.median(np.abs(cv2.Laplacian(grey, cv2.CV_64F))))
    return np.concatenate([small, bands, grid, lab.mean(axis=0), lab.std(axis=0), [noise]])


def probe(data: Prepared, augment: Augment | None, *, label: str | None = None, seed: int = 0) -> Told | None:
    """How well the source is told of crops as they are (`augment` None) or as the network sees them.

    `label` real: only of real faces, which every source should have alike. Groups are not divided between learning and
    asking; sources weigh the same. None where fewer than two sources have pictures enough, of FOLDS groups or more.
    """
    rows = _chosen(data, label, seed)
    sources = [data.rows[i].source for i in rows]
    if len(set(sources)) < 2:
        return None
    shown = [_shown(data, int(row), augment, np.random.default_rng((seed, int(row)))) for row in rows]
    found = _cross_validated(np.stack([features(rgb) for rgb in shown]), sources, [data.rows[i].group for i in rows])
    names, right = sorted(set(sources)), np.array(found) == np.array(sources)
    recall = {name: float(right[np.array(sources) == name].mean()) for name in names}
    rounded = {name: round(value, 3) for name, value in recall.items()}
    return Told(round(float(np.mean(list(recall.values()))), 3), round(1 / len(names), 3), rounded, len(rows))


def _chosen(data: Prepared, label: str | None, seed: int) -> Rows:
    cells: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(data.rows):
        if row.split in data.splits and row.split != "test" and label in (None, row.label):
            cells.setdefault((row.source, row.label), []).append(i)
    rng = np.random.default_rng(seed)
    groups: dict[str, set[str]] = {}
    for (source, _), rows in cells.items():
        groups.setdefault(source, set()).update(data.rows[i].group for i in rows)
    kept = [
        rng.permutation(rows)[:PER_CELL]
        for (source, _), rows in sorted(cells.items()) if len(rows) >= LEAST and len(groups[source]) >= FOLDS
    ]  # fmt: skip
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)


def _shown(data: Prepared, row: int, augment: Augment | None, rng: np.random.Generator) -> U8:
    size: dict[str, Any] = {"stored_margin": data.margin, "margin": CROP_MARGIN, "size_px": PROBE_PX}
    stored = data.crops[row]
    return center_crop(stored, **size) if augment is None else augmented(stored, rng, augment, **size)


def _cross_validated(values: npt.NDArray[np.float64], sources: Sequence[str], groups: Sequence[str]) -> list[str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=400, class_weight="balanced"))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return [str(name) for name in cross_val_predict(model, values, np.array(sources), groups=groups, cv=folds)]


def both(data: Prepared, augment: Augment, say: Callable[[str], None]) -> dict[str, Any]:
    """{"real faces" | "all faces": {"before", "after", "alarm"}}: the probe on crops as stored, and as trained on."""
    found: dict[str, Any] = {}
    for name, label in (("real faces", "real"), ("all faces", None)):
        say(f"source probe, {name}")
        before, after = probe(data, None, label=label), probe(data, augment, label=label)
        if before is None or after is None:
            continue
        alarm = after.accuracy > ALARM * after.chance
        found[name] = {"before": vars(before), "after": vars(after), "alarm": alarm}
    return found
