"""A bundle -> the same network, calibrated on other pictures: another camera, another mix of sources, no training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.bundle import Bundle, load_bundle, write_bundle
from engines.contract import F32
from monitor.files import told_as_sink_error
from train.calibration import EVEN_MIX, Calibration, calibration, measured, metrics_of
from train.cards import model_card, pictures_seen
from train.errors import CheckpointError
from train.evaluation.measures import calibrated_by, unscaled
from train.graph import calibrated_anew
from train.manifest import Prepared
from train.measure import Labels, class_weights, ece
from train.place import check_place
from train.spec import CLASSES

ANEW = "-calibrated"
FEW = 50
"""Pictures of a class below which a calibration is rough."""


@dataclass(frozen=True)
class Change:
    """What a new calibration did, before and now: on the test split in float32, as if all classes were equally many."""

    confidence: tuple[float, float]
    """Below it the program says undecided."""
    undecided: tuple[float, float]
    """Share of the answers."""
    wrong: tuple[float, float]
    """Share of the decided answers; nan where none is."""
    ece: tuple[float, float]
    accuracy: tuple[float, float]


def recalibrate(
    data: Prepared, bundle_name: str | None, folder: Path, *, name: str | None, version: str | None,
    say: Callable[[str], None] = print,
) -> tuple[Bundle, Change]:  # fmt: skip
    """The bundle written to `folder`, fitted on the validation split and measured on the test split of `data`.

    Raises DataError for a bundle of other classes and pictures that lack one, CheckpointError for a network that does
    not end as ours do, BundleError, SinkError where the bundle cannot be written.
    """
    old = load_bundle(bundle_name)
    check_place(folder)
    say(_counts(data))
    fit = calibration(data, old)
    try:
        onnx_bytes = calibrated_anew(old.read_model(), fit.temperature, fit.shift)
    except ValueError as error:
        hint = "bundles of `monitor train export` can be calibrated anew"
        raise CheckpointError(f"{old.card.name} cannot be calibrated: {error}", hint=hint) from error
    licence = (old.folder / "LICENSE").read_text(encoding="utf-8", errors="replace")
    card = replace(
        old.card, name=name or old.card.name, version=version or f"{old.card.version.removesuffix(ANEW)}{ANEW}",
        confidence=fit.confidence, priors=EVEN_MIX, metrics=_of_both(old, data),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        report, probs = measured(data, write_bundle(Path(scratch) / "bundle", onnx_bytes, card, "measuring", licence))
    card = replace(card, metrics=dict(card.metrics) | metrics_of(report, _whole(old, fit)))
    with told_as_sink_error(folder, "write the bundle"):
        bundle = write_bundle(folder, onnx_bytes, card, model_card(card), licence)
    rows = data.where("test")
    return bundle, _change(old, fit, probs, data.labels[rows])


def _counts(data: Prepared) -> str:
    """What it will be fitted on, and where that is little."""
    counts = np.bincount(data.labels[data.where("val")], minlength=len(CLASSES))
    found = ", ".join(f"{n} {name}" for name, n in zip(CLASSES, counts, strict=True))
    rough = f" (rough: fewer than {FEW} of a class)" if counts.min() < FEW else ""
    return f"fitting on {found} of the split val{rough}"


def _whole(old: Bundle, fit: Calibration) -> Calibration:
    """What takes the network's own answers to the new ones: the old calibration, and the new one after it."""
    temperature, shift = calibrated_by(old.card.metrics)
    both = np.asarray(shift + temperature * fit.shift, np.float32)
    return replace(fit, temperature=temperature * fit.temperature, shift=both)


def _of_both(old: Bundle, data: Prepared) -> dict[str, Any]:
    """What the old card says of the training."""
    known: dict[str, Any] = {"trained_on": "unknown", **old.card.metrics}
    if "seen" not in known and known["trained_on"] == data.digest:
        known["seen"] = pictures_seen(data)
    return known


def _change(old: Bundle, fit: Calibration, probs: F32, labels: Labels) -> Change:
    weights = class_weights(labels, EVEN_MIX)
    before = _measures(unscaled(probs, fit.temperature, fit.shift), labels, weights, old.card.confidence)
    return Change(*zip(before, _measures(probs, labels, weights, fit.confidence), strict=True))


def _measures(probs: F32, labels: Labels, weights: F32, confidence: float) -> tuple[float, ...]:
    """The numbers of Change."""
    right, decided = probs.argmax(axis=1) == labels, probs.max(axis=1) >= confidence
    share = float(weights[decided].sum())
    wrong = float(weights[decided & ~right].sum()) / share if share else float("nan")
    return confidence, 1 - share, wrong, ece(probs, labels, weights=weights), float(weights[right].sum())
