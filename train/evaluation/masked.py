"""Fake faces behind masks: what the classifier says of portraits, real and fake, before and after a mask is drawn on.

The mask is drawn by the detector's six points, with a look that differs from picture to picture. A drawn mask is no
photograph of one: what is measured is how much of what betrays a fake lies where a mask is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from engines import open_engine
from engines.contract import F32, U8
from engines.crop import crop_face
from monitor.mask_drawing import MaskLook, draw_mask
from monitor.types import Face
from train.batches import Rows
from train.errors import DataError
from train.evaluation.bootstrap import intervals
from train.evaluation.gather import same_classes
from train.manifest import Prepared, Row
from train.measure import auc, suspicion
from train.prepare import Find
from train.spec import CLASSES

LEAST_FACE_PX = 48.0
"""Smaller faces are left out: the detector's points are too coarse there for a mask to sit."""
COLOURS_BGR = ((205, 186, 150), (235, 232, 228), (60, 58, 56), (150, 120, 90), (170, 160, 210), (120, 150, 110))
"""Surgical blue, white, black, navy, pink, green."""


@dataclass(frozen=True)
class Pair:
    """Crops of one face as the engine takes them, bare and with a mask."""

    row: Row
    bare_rgb: U8
    masked_rgb: U8


def look_of(sha256: str) -> MaskLook:
    """The look of a picture's mask: a function of its hash."""
    rng = np.random.default_rng(int(sha256[:16], 16))
    colour = COLOURS_BGR[int(rng.integers(len(COLOURS_BGR)))]
    return MaskLook(
        colour, light=float(rng.uniform(0.6, 1.0)), pleats=int(rng.integers(0, 4)),
        bridge=float(rng.uniform(0.28, 0.5)), chin=float(rng.uniform(1.75, 2.0)),
    )  # fmt: skip


def masked_pairs(rows: Iterable[Row], root: Path, find: Find, *, margin: float, input_px: int) -> Iterator[Pair | None]:
    """For each row its pair; None where the picture, a face that is large enough, or a place for a mask is missing."""
    for row in rows:
        bgr = cv2.imread(str(root / row.path), cv2.IMREAD_COLOR)
        faces = find(np.asarray(bgr, np.uint8)) if bgr is not None else ()
        yield _pair(row, np.asarray(bgr, np.uint8), faces, margin, input_px) if faces else None


def _pair(row: Row, bgr: U8, faces: Sequence[Face], margin: float, input_px: int) -> Pair | None:
    face = max(faces, key=lambda f: f.score * f.box.area)
    box = (face.box.x0, face.box.y0, face.box.x1, face.box.y1)
    if max(face.box.width, face.box.height) < LEAST_FACE_PX:
        return None
    try:
        masked = draw_mask(bgr, face.points, look_of(row.sha256))
    except ValueError:  # the points show no face from the front
        return None
    if not _sits(bgr, masked, box):
        return None
    bare, hidden = (crop_face(picture, box, margin=margin, size_px=input_px) for picture in (bgr, masked))
    return Pair(row, bare, hidden)


def _sits(bgr: U8, masked: U8, box: tuple[float, float, float, float]) -> bool:
    """Whether the mask covers a fifth to two thirds of the face's box: else the points were wrong."""
    x0, y0, x1, y1 = (max(0, round(v)) for v in box)
    changed = (bgr[y0:y1, x0:x1] != masked[y0:y1, x0:x1]).any(axis=2)
    return changed.size > 0 and 0.2 <= float(changed.mean()) <= 0.67


def measure_masked(
    data: Prepared, root: Path, find: Find, bundle: str | None, *, split: str = "val", per_cell: int = 60,
    precision: str = "fp32", progress: Callable[[Sequence[Row]], Iterable[Row]] = iter,
) -> dict[str, Any]:  # fmt: skip
    """{"sources": {source: {"real" | "fake": {"bare", "masked"}, "auc": {...}, "auc_95": {...}}}, "left_out": n, ...}.

    Shares of the answers, and the AUC of P(fake) / (P(real) + P(fake)) between a source's real and fake faces, bare,
    masked, and what the mask takes ("lost"), with intervals by drawing groups. Raises DataError where no source has
    pictures of both, EngineError.
    """
    rows = _chosen(data, split, per_cell)
    with closing(open_engine(bundle, runtime="onnxruntime", precision=precision)) as engine:
        card = engine.card
        same_classes(card)
        made = list(masked_pairs(progress(rows), root, find, margin=card.crop_margin, input_px=card.input_px))
        pairs = [pair for pair in made if pair is not None]
        if not pairs:
            raise DataError(f"on none of {len(rows)} faces a mask could be drawn", hint="check --data")
        bare = engine.infer(np.stack([pair.bare_rgb for pair in pairs]))
        masked = engine.infer(np.stack([pair.masked_rgb for pair in pairs]))
    found = {}
    for source in sorted({pair.row.source for pair in pairs}):
        mine = np.array([pair.row.source == source for pair in pairs])
        fake = np.array([pair.row.label == "fake" for pair in pairs])
        groups = [pair.row.group for pair, here in zip(pairs, mine, strict=True) if here]
        found[source] = _source(bare[mine], masked[mine], fake[mine], groups)
    whole = {"bundle": card.name, "version": card.version, "split": split, "faces": len(pairs)}
    return {**whole, "left_out": len(made) - len(pairs), "sources": found}


Flags: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _source(bare: F32, masked: F32, fake: Flags, groups: Sequence[str]) -> dict[str, Any]:
    def shares(probs: F32) -> dict[str, float]:
        counts = np.bincount(probs.argmax(axis=1), minlength=len(CLASSES))
        return {name: round(float(n / max(len(probs), 1)), 3) for name, n in zip(CLASSES, counts, strict=True)}

    def areas(rows: Rows) -> dict[str, float]:
        found = {name: auc(suspicion(probs[rows]), fake[rows]) for name, probs in (("bare", bare), ("masked", masked))}
        return {**found, "lost": found["bare"] - found["masked"]}

    row: dict[str, Any] = {
        label: {"faces": int(which.sum()), "bare": shares(bare[which]), "masked": shares(masked[which])}
        for label, which in (("real", ~fake), ("fake", fake))
    }
    whole = areas(np.arange(len(fake)))
    row["auc"] = {name: None if np.isnan(area) else round(area, 3) for name, area in whole.items()}
    row["auc_95"] = intervals(areas, groups)
    return row


def _chosen(data: Prepared, split: str, per_cell: int) -> list[Row]:
    cells: dict[tuple[str, str], list[Row]] = {}
    for row in data.rows:
        if row.split == split and row.label in ("real", "fake") and row.found == "whole":
            cells.setdefault((row.source, row.label), []).append(row)
    both = [s for s, label in cells if label == "fake" and (s, "real") in cells]
    if not both:
        raise DataError(f"no source has real and fake faces in the split {split}", hint="prepare such a source")
    rng = np.random.default_rng(0)
    return [
        cells[source, label][int(i)]
        for source in sorted(both) for label in ("real", "fake")
        for i in rng.permutation(len(cells[source, label]))[:per_cell]
    ]  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Markdown: a line a source and class, then the areas."""
    lines = ["| source / class | faces | bare: real, fake, mask | masked: real, fake, mask |", "|---|---|---|---|"]
    for source, row in found["sources"].items():
        for label in ("real", "fake"):
            cell = row[label]
            shares = [", ".join(f"{cell[look][name]:.0%}" for name in CLASSES) for look in ("bare", "masked")]
            lines.append(f"| {source} / {label} | {cell['faces']} | {shares[0]} | {shares[1]} |")
    lines += ["", "| real against fake, AUC | bare | masked | lost |", "|---|---|---|---|"]
    for source, row in found["sources"].items():
        lines.append(f"| {source} | " + " | ".join(_area(row, name) for name in ("bare", "masked", "lost")) + " |")
    return "\n".join(lines) + "\n"


def _area(row: dict[str, Any], name: str) -> str:
    """As 0.751 (0.62 to 0.85), nothing where there is none."""
    if row["auc"][name] is None:
        return ""
    low, high = row["auc_95"][name]
    return f"{row['auc'][name]:.3f} ({low:.2f} to {high:.2f})"
