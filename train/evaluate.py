"""A bundle on prepared data, through the engines the program runs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engines import open_engine
from engines.contract import F32
from train.batches import plain
from train.manifest import Prepared
from train.measure import scores


def predict_split(data: Prepared, bundle: Path | str | None, *, precision: str, split: str = "test") -> F32:
    """Probabilities float32 (N, K) for the rows of a split, in their order."""
    rows = data.where(split)
    with closing(open_engine(bundle, runtime="onnxruntime", precision=precision)) as engine:
        margin, px = engine.card.crop_margin, engine.card.input_px
        parts = [
            engine.infer(plain(data, rows[i : i + 64], input_px=px, margin=margin)) for i in range(0, len(rows), 64)
        ]
    return np.concatenate(parts)


def evaluate_engine(
    data: Prepared, bundle: Path | str | None, *, precision: str, split: str = "test"
) -> dict[str, Any]:
    """The numbers of `train.measure.Scores` for one precision on one split, as plain values."""
    rows = data.where(split)
    probs = predict_split(data, bundle, precision=precision, split=split)
    found = scores(probs, data.labels[rows], [data.rows[i].source for i in rows])
    return {"split": split, "n": len(rows), **asdict(found)}
