"""An analysis made by hand: a real video of three people, and the rows that say where and what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from monitor.analysis.schema import frames_schema, from_rows, parquet_writer
from monitor.types import U8
from tests.people import COLLINS, HOPPER, person
from tests.videos import write_video

CLASSES = ("real", "fake", "mask")
SIZE_PX = (660, 240)
FRAMES = 126
BOXES = {1: (93.0, 54.0, 156.0, 117.0), 2: (287.0, 66.0, 369.0, 148.0), 3: (514.0, 69.0, 588.0, 144.0)}
"""Where the detector finds them."""
STRANGER = (10.0, 200.0, 30.0, 220.0)


def picture(number: int) -> U8:
    """Collins, Hopper, and Hopper with a mask; a bar on top is 4 px longer in each picture."""
    bgr = np.full((SIZE_PX[1], SIZE_PX[0], 3), 110, np.uint8)
    for i, (who, masked) in enumerate(((COLLINS, False), (HOPPER, False), (HOPPER, True))):
        one = person(who, masked=masked)
        bgr[20:220, 5 + 220 * i : 5 + 220 * i + one.shape[1]] = one
    bgr[:12] = 0
    bgr[:12, : 4 * number + 4] = 255
    return bgr


def number_of(bgr: U8) -> int:
    return round(float((bgr[2:8].mean(axis=(0, 2)) > 128).sum()) / 4) - 1


def row(t: float, who: int | None, label: str | None, p: float = 0.9, **more: Any) -> dict[str, Any]:
    box = BOXES[who] if who else STRANGER
    likely = {"undecided": "mask"}.get(label or "", label)
    probs = {f"p_{name}": None if who is None else p if name == likely else (1 - p) / 2 for name in CLASSES}
    reason = "unsure" if label == "undecided" else None
    return {
        "t": t, "frame": 0, "person": who, **dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)), "score": 0.9,
        "found": True, "label": label, "reason": reason, **probs, "was_fake": False if who else None, "picture": None,
        **more,
    }  # fmt: skip


def rows() -> Iterator[dict[str, Any]]:
    """1 and 3 all the time, 2 from 1 s on; 3 is undecided from 3 s to 4 s; at 3 s there is a find of nobody."""
    for i in range(FRAMES):
        t = round(i / 25, 6)
        if i == 75:
            yield row(t, None, None)
        yield row(t, 1, "real")
        if t >= 1:
            yield row(t, 2, "real", 0.7)
        yield row(t, 3, "undecided", 0.5) if 3 <= t < 4 else row(t, 3, "mask")


def write_results(
    folder: Path, source: Path, told: Sequence[dict[str, Any]], *, kind: str = "video", begins: float | None = None
) -> Path:
    """The folder that an analysis of `source` leaves, as far as corrections read it."""
    folder.mkdir(parents=True)
    files = source.iterdir() if source.is_dir() else (source,)
    with parquet_writer(folder / "frames.parquet", frames_schema(CLASSES)) as writer:
        for first in range(0, len(told), 100):
            writer.write_table(from_rows(told[first : first + 100], frames_schema(CLASSES)))
    facts = {
        "version": 1, "name": source.name, "uri": str(source), "kind": kind, "begins": begins, "classes": CLASSES,
        "media": {"width_px": SIZE_PX[0], "height_px": SIZE_PX[1], "bytes": sum(file.stat().st_size for file in files)},
        "made": {"engine": {"bundle": "vgg16-128 1"}},
    }  # fmt: skip
    (folder / "analysis.json").write_text(json.dumps(facts))
    return folder


def write_film(path: Path) -> Path:
    return write_video(path, [picture(i) for i in range(FRAMES)], options={"crf": "12", "g": "25"})


def read_bgr(path: Path) -> U8:
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.asarray(bgr, np.uint8)
