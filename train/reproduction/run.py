"""One run of an experiment: trained, folded, and measured on its test pictures through the deployed graph."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines import open_engine, write_bundle
from engines.contract import F32, Card
from monitor.files import write_whole
from train.architectures import architecture
from train.errors import TrainError
from train.fit import Say, fit
from train.manifest import Prepared
from train.measure import scores
from train.recipe import Recipe
from train.reproduction.pictures import crossing
from train.start import NOTHING, Start

REPORTS = 12
"""Points of the curves of a run."""


@dataclass(frozen=True)
class Job:
    """What is run: `e-honest`, say."""

    name: str
    data: Prepared
    recipe: Recipe
    weights: str = "none"
    schedule: str = ""
    """Of which this is a run; for the tables."""


def finish(job: Job, folder: Path, *, say: Say, stopped: Callable[[], bool]) -> dict[str, Any] | None:
    """The result, also written to result.json; at once where that is there already. None where it was stopped.

    Raises TrainError for weights that have seen pictures.
    """
    if job.weights not in NOTHING:
        raise TrainError(f"a reproduction cannot start from {job.weights}", hint="use --weights none or imagenet")
    asked = {"recipe": json.loads(json.dumps(asdict(job.recipe))), "data_sha256": job.data.digest,
             "weights": job.weights}  # fmt: skip
    file = folder / "result.json"
    if file.is_file():
        stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if {key: stored.get(key) for key in asked} == asked:
            say(f"{job.name}: was finished before")
            return stored
    say(f"{job.name}: {job.recipe.steps} steps of {job.recipe.batch} pictures at {job.recipe.input_px} px")
    began = time.monotonic()
    every = max(1, job.recipe.steps // REPORTS)
    final = fit(job.data, folder, job.recipe, start=Start(job.weights), say=say, every=every, stopped=stopped)
    if final is None:
        return None
    result = {**asked, "schedule": job.schedule, **_measured(job, final), "seconds": round(time.monotonic() - began)}
    write_whole(file, json.dumps(result, indent=1).encode())
    say(f"{job.name}: accuracy {result['accuracy']:.4f}, macro F1 {result['macro_f1']:.4f}")
    return result


def _measured(job: Job, final: Path) -> dict[str, Any]:
    rows = job.data.where("test")
    probs = _deployed(job, final, rows)
    labels = job.data.labels[rows]
    found = scores(probs, labels, [job.data.rows[i].source for i in rows], job.data.classes)
    recalls = [found.by_class[name]["recall"] for name in job.data.classes]
    return {
        "accuracy": round(found.accuracy, 4), "macro_f1": round(found.macro_f1, 4),
        "balanced_accuracy": round(float(np.mean(recalls)), 4), "by_class": found.by_class,
        "confusion": found.confusion, "classes": list(job.data.classes), "pictures": job.recipe.pictures,
        "input_px": job.recipe.input_px, "split": dict(Counter(row.split for row in job.data.rows)),
        "test_pictures_with_a_version_in_training": crossing(job.data),
    }  # fmt: skip


def _deployed(job: Job, final: Path, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> F32:
    """Probabilities of the folded network, as a bundle would answer."""
    model = keras.saving.load_model(final, compile=False)
    network, classes = architecture(job.recipe.arch), job.data.classes
    graph = network.deployed(model, job.recipe, 1.0, np.zeros(len(classes), np.float32)).SerializeToString()
    even = (1 / len(classes),) * len(classes)
    card = Card(job.name, "0", job.recipe.arch, classes, job.recipe.input_px, 0.0, even, 0.5, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = write_bundle(Path(scratch) / "bundle", graph, card, job.name, "measured, not kept")
        with closing(open_engine(bundle.folder, runtime="onnxruntime", precision="fp32")) as engine:
            return engine.infer(np.ascontiguousarray(job.data.crops[rows]))
