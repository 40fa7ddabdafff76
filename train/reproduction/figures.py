"""The paper's figures: curves of accuracy and loss, confusion matrices; no picture of anybody."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from monitor.files import told_as_sink_error


def curves(log: Path, title: str, out: Path) -> None:
    """Training and validation, accuracy and loss, by pictures seen, as PNG. Raises SinkError."""
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    seen = [int(row["pictures"]) for row in rows]
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
        axis.plot(seen, [float(row[name]) for row in rows], marker=".", label="training")
        axis.plot(seen, [float(row[f"val_{name}"]) for row in rows], marker=".", label="validation")
        axis.set_xlabel("pictures seen")
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
        axis.legend()
    axes[1].set_ylim(0, 1.1 * max(float(row["loss"]) for row in rows) + 0.5)
    figure.suptitle(title)
    _save(figure, out)


def confusion(result: Mapping[str, Any], title: str, out: Path) -> None:
    """The confusion matrix as a heat map with counts, shaded by the share of the true class, as PNG."""
    counts, names = np.array(result["confusion"]), result["classes"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axis = pyplot.subplots(figsize=(4, 3.6), layout="constrained")
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), n in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, f"{n}\n{shares[row, column]:.0%}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("answer")
    axis.set_ylabel("truth")
    axis.set_title(title, fontsize=10)
    _save(figure, out)


def _save(figure: Any, out: Path) -> None:
    try:
        with told_as_sink_error(out):
            figure.savefig(out, dpi=80, metadata={"Software": ""})
    finally:
        pyplot.close(figure)
