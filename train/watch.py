"""What a run tells while it trains: losses since the last report, the model on validation pictures, a CSV log."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract import F32, U8
from monitor.files import told_as_sink_error
from train.batches import Rows, plain
from train.manifest import Prepared
from train.measure import scores, softmax
from train.recipe import Recipe

VAL_PICTURES = 800
"""Validation pictures looked at while training, as many of each source and class as there are; the report of a finished
model takes them all."""

Predict = Callable[[U8], F32]
"""uint8 RGB (N, P, P, 3) -> logits float32 (N, K)."""


class Watch:
    """Collects the losses of batches; `report` measures, logs a row and gives it."""

    def __init__(self, data: Prepared, recipe: Recipe, log: Path) -> None:
        self._rows = _even_sample(data, VAL_PICTURES)
        self._rgb = plain(data, self._rows, input_px=recipe.input_px, margin=recipe.margin)
        self._labels = data.labels[self._rows]
        self._data, self._recipe, self._log = data, recipe, log
        self._batches: list[tuple[float, float]] = []
        self._since = time.monotonic()

    def seen(self, loss: float, accuracy: float) -> None:
        """Notes the loss and accuracy of one batch."""
        self._batches.append((loss, accuracy))

    def report(self, predict: Predict, step: int, rate: float) -> dict[str, Any]:
        """The row added to log.csv; `val_loss` is the mean negative log-likelihood. Raises SinkError."""
        loss, accuracy = np.mean(self._batches, axis=0)
        speed = len(self._batches) * self._recipe.batch / (time.monotonic() - self._since)
        probs = softmax(predict(self._rgb))
        found = scores(probs, self._labels, [self._data.rows[i].source for i in self._rows], self._data.classes)
        likely = np.maximum(probs[np.arange(len(probs)), self._labels], 1e-12)
        row = {
            "step": step, "pictures": step * self._recipe.batch, "loss": round(float(loss), 4),
            "accuracy": round(float(accuracy), 4), "val_loss": round(float(-np.log(likely).mean()), 4),
            "val_accuracy": round(found.accuracy, 4), "val_macro_f1": round(found.macro_f1, 4),
            "val_auc": json.dumps({source: round(area, 3) for source, area in found.auc.items()}),
            "learning_rate": round(rate, 7), "pictures_per_s": round(speed, 1),
        }  # fmt: skip
        self._write(row)
        self._batches, self._since = [], time.monotonic()
        return row

    def _write(self, row: dict[str, Any]) -> None:
        new = not self._log.exists()
        with told_as_sink_error(self._log), self._log.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


@dataclass(frozen=True)
class Best:
    """The lowest validation loss so far, and how many reports ago it was."""

    loss: float = float("inf")
    since: int = 0

    def waited(self, patience: int) -> bool:
        """Whether it is time to stop."""
        return 0 < patience <= self.since

    def after(self, row: Mapping[str, Any], keep: Callable[[], object]) -> Best:
        if row["val_loss"] < self.loss:
            keep()
            return Best(row["val_loss"])
        return Best(self.loss, self.since + 1)


def _even_sample(data: Prepared, most: int) -> Rows:
    """Validation rows, alike many of every source and class: drawn evenly, small sources would be told by a dozen."""
    cells: dict[tuple[str, str], list[int]] = {}
    for i in data.where("val"):
        cells.setdefault((data.rows[i].source, data.rows[i].label), []).append(int(i))
    rng, each = np.random.default_rng(0), max(1, most // len(cells))
    return np.sort(np.concatenate([rng.permutation(rows)[:each] for rows in cells.values()]))


def told(row: dict[str, Any]) -> str:
    """A row of the log as one line for people."""
    return "  ".join(f"{key} {value}" for key, value in row.items())
