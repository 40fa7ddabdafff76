"""How sure a network may be: fitted on the validation split, measured on the test split, for the card."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines import open_engine
from engines.bundle import Bundle
from engines.contract import F32
from train.batches import plain
from train.errors import DataError
from train.evaluation.gather import Asked, gather, same_classes
from train.manifest import Prepared
from train.measure import class_weights, coverage_confidence, fit_calibration, softmax
from train.spec import CLASSES

EVEN_MIX = (1 / len(CLASSES),) * len(CLASSES)


@dataclass(frozen=True)
class Calibration:
    """softmax((z + shift) / temperature) for what a network answers; undecided below the confidence."""

    temperature: float
    shift: F32
    """(K,), with the mean 0."""
    confidence: float


def calibration(data: Prepared, bundle: Bundle) -> Calibration:
    """What calibrates the bundle's answers on the validation split, as if all classes were equally many.

    z are the logarithms of its probabilities. Raises DataError for a bundle of other classes and where the split lacks
    one.
    """
    same_classes(bundle.card)
    rows, card = data.where("val"), bundle.card
    labels = data.labels[rows]
    if missing := [name for k, name in enumerate(CLASSES) if k not in labels]:
        what = f"no picture of {', '.join(missing)} is in the split val"
        raise DataError(what, hint="prepare more people, or divide them yourself: see docs/data.md, --splits")
    with closing(open_engine(bundle.folder, runtime="onnxruntime", precision="fp32")) as engine:
        probs = engine.infer(plain(data, rows, input_px=card.input_px, margin=card.crop_margin))
    logits, weights = np.log(np.maximum(probs, 1e-12)), class_weights(labels, EVEN_MIX)
    temperature, shift = fit_calibration(logits, labels, weights)
    even = softmax(np.asarray(logits + shift, np.float32), temperature)
    return Calibration(temperature, shift, coverage_confidence(even, labels, weights))


def measured(data: Prepared, bundle: Bundle) -> tuple[dict[str, Any], F32]:
    """The report on the test split in float32 and int8, and the probabilities (N, K) in float32."""
    asked = Asked(str(bundle.folder), precisions=("fp32", "int8"))  # fp16 is slow here: evaluate has it
    return gather(data, asked, say=_silent)


def metrics_of(report: Mapping[str, Any], fit: Calibration) -> dict[str, Any]:
    """What a card says of its measurements and its calibration."""
    about = report["about"]
    here = {"split": about["split"], "n": about["pictures"], "split_rule": about["split_rule"]}
    decided = report["risk_coverage"]["here"]
    return {
        "test": {precision: {**here, **row} for precision, row in report["precisions"].items()},
        "intervals": report["intervals"], "decided": decided["decided"],
        "wrong_of_decided": decided["wrong_of_decided"], "temperature": fit.temperature,
        "shift": [round(float(x), 5) for x in fit.shift], "measured_on": about["manifest_sha256"],
    }  # fmt: skip


def _silent(_: str) -> None:
    """The numbers are told at the end."""
