"""Contact sheets: some crops of a class in one picture, for the eyes of whoever asked. They show people."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from monitor.files import told_as_sink_error
from train.augment import center_crop
from train.manifest import Prepared
from train.prepare import CROP_MARGIN

COLUMNS, ROWS, SIDE_PX = 16, 10, 88


def write_sheets(data: Prepared, folder: Path) -> list[Path]:
    """One JPEG a class, readable by its owner alone: crops of all its sources in turn. Raises SinkError."""
    written = []
    for label in data.classes:
        by_source: dict[str, list[int]] = {}
        for i, row in enumerate(data.rows):
            if row.label == label and row.split in data.splits:  # else its crop is not here
                by_source.setdefault(row.source, []).append(i)
        if by_source:
            written.append(_write(data, by_source, folder / f"sheet-{label}.jpg"))
    return written


def _write(data: Prepared, by_source: dict[str, list[int]], out: Path) -> Path:
    rng = np.random.default_rng(0)
    turns = [rng.permutation(rows) for _, rows in sorted(by_source.items())]
    longest = max(len(turn) for turn in turns)
    order = [int(turn[i]) for i in range(longest) for turn in turns if i < len(turn)][: COLUMNS * ROWS]
    sheet = np.full((-(-len(order) // COLUMNS) * SIDE_PX, COLUMNS * SIDE_PX, 3), 255, np.uint8)
    for place, i in enumerate(order):
        y, x = place // COLUMNS * SIDE_PX, place % COLUMNS * SIDE_PX
        rgb = center_crop(data.crops[i], stored_margin=data.margin, margin=CROP_MARGIN, size_px=SIDE_PX - 2)
        sheet[y : y + SIDE_PX - 2, x : x + SIDE_PX - 2] = rgb[:, :, ::-1]
    write_private(out, sheet)
    return out


def write_private(out: Path, bgr: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    """A JPEG that only its owner can read. Raises SinkError."""
    with told_as_sink_error(out):
        _, data_bytes = cv2.imencode(".jpg", bgr)
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data_bytes.tobytes())
        out.chmod(0o600)  # a file that was there keeps its rights
