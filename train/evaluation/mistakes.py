"""The surest wrong answers as one picture, for the eyes of whoever asked: it shows people, so only they can read it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from engines.contract import F32
from train.augment import center_crop
from train.batches import Rows
from train.inspection.sheet import write_private
from train.manifest import Prepared

COLUMNS, SIDE_PX, LINE_PX = 8, 128, 18


def write_mistakes(data: Prepared, rows: Rows, probs: F32, most: int, margin: float, out: Path) -> int:
    """How many wrong answers `out` (JPEG, readable by its owner alone) shows, surest first. Raises SinkError."""
    labels = data.labels[rows]
    wrong = np.nonzero(probs.argmax(axis=1) != labels)[0]
    chosen = wrong[np.argsort(-probs[wrong].max(axis=1), kind="stable")][:most]
    lines = -(-max(len(chosen), 1) // COLUMNS)
    sheet = np.full((lines * (SIDE_PX + 2 * LINE_PX), COLUMNS * SIDE_PX, 3), 255, np.uint8)
    for place, i in enumerate(chosen):
        row, y, x = data.rows[int(rows[i])], place // COLUMNS * (SIDE_PX + 2 * LINE_PX), place % COLUMNS * SIDE_PX
        crop = center_crop(data.crops[int(rows[i])], stored_margin=data.margin, margin=margin, size_px=SIDE_PX)
        sheet[y : y + SIDE_PX, x : x + SIDE_PX] = crop[:, :, ::-1]
        answer = data.classes[int(probs[i].argmax())]
        for n, text in enumerate((f"{row.source}: {row.label}", f"said {answer} {probs[i].max():.0%}")):
            at = (x + 3, y + SIDE_PX + (n + 1) * LINE_PX - 5)
            cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    write_private(out, sheet)
    return len(chosen)
