"""Everything the evaluation report says, as plain values: one dict that is the JSON and what the page is made of."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from engines import Card, load_bundle, open_engine
from engines.contract import F32
from train.batches import Rows, plain
from train.errors import DataError
from train.evaluation.bootstrap import ROUNDS, intervals
from train.evaluation.measures import (
    calibrated_by,
    equal_error_rate,
    precision_recall,
    reliability,
    risk_coverage,
    roc,
    unscaled,
)
from train.evaluation.robustness import robustness, sample
from train.manifest import Prepared
from train.measure import Scores, scores, suspicion
from train.report import limit_told, split_rule
from train.spec import CLASSES

PRECISIONS = ("fp32", "fp16", "int8")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What to measure."""

    bundle: str | None
    split: str = "test"
    precisions: tuple[str, ...] = PRECISIONS
    robustness_pictures: int = 0
    """Of each source and class; 0 = no curves."""
    rounds: int = ROUNDS
    """Of the bootstrap."""


def gather(data: Prepared, asked: Asked, say: Say = print) -> tuple[dict[str, Any], F32]:
    """The report's values, and the probabilities (N, K) of the first precision for the rows of the split.

    Raises DataError for a bundle of other classes and a split without pictures, EngineError.
    """
    bundle = load_bundle(asked.bundle)
    card, rows = bundle.card, data.where(asked.split)
    same_classes(card)
    probs = {}
    for precision in asked.precisions:
        say(f"{asked.split}: {len(rows)} pictures in {precision}")
        probs[precision] = _answers(data, rows, asked.bundle, precision)
    first = asked.precisions[0]
    labels, sources = data.labels[rows], [data.rows[i].source for i in rows]
    groups = [data.rows[i].group for i in rows]
    rule = split_rule(data, asked.split, card.metrics)
    report = {
        "about": {**_about(data, asked, rule, len(rows), len(set(groups))),
                  "bundle": card.name, "version": card.version,
                  "architecture": card.architecture, "sha256": bundle.sha256},
        "precisions": {p: _numbers(found, probs[first], labels, sources) for p, found in probs.items()},
        "intervals": intervals(lambda drawn: _single_numbers(probs[first], labels, sources, drawn), groups,
                               rounds=asked.rounds),
        **_curves(probs[first], labels, sources, card),
    }  # fmt: skip
    if asked.split != "val":
        report["risk_coverage"]["val"] = _validation(data, asked, card)
    if asked.robustness_pictures:
        say("robustness")
        report["robustness"] = _robust(data, asked, card)
    return report, probs[first]


def same_classes(card: Card) -> None:
    """Raises DataError for a bundle that answers for other classes than the pictures are of."""
    if card.classes != CLASSES:
        what = f"{card.name} answers for {', '.join(card.classes)}, the pictures are {', '.join(CLASSES)}"
        raise DataError(what, hint="name a bundle of these classes, in this order")


def _answers(data: Prepared, rows: Rows, bundle: str | None, precision: str) -> F32:
    with closing(open_engine(bundle, runtime="onnxruntime", precision=precision)) as engine:
        card = engine.card
        return np.concatenate([
            engine.infer(plain(data, rows[i : i + 64], input_px=card.input_px, margin=card.crop_margin))
            for i in range(0, len(rows), 64)
        ])  # fmt: skip


def _about(data: Prepared, asked: Asked, rule: str, pictures: int, groups: int) -> dict[str, Any]:
    return {
        "split": asked.split, "split_rule": rule, "pictures": pictures, "groups": groups,
        "manifest_sha256": data.digest, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "versions": {name: version(name) for name in ("face-monitor", "onnxruntime", "numpy")},
    }  # fmt: skip


def _numbers(probs: F32, exact: F32, labels: Rows, sources: Sequence[str]) -> dict[str, Any]:
    found: Scores = scores(probs, labels, sources)
    apart = np.abs(probs - exact)
    return {
        **asdict(found), "agreement": round(float((probs.argmax(1) == exact.argmax(1)).mean()), 4),
        "max_dp": round(float(apart.max()), 4), "mean_dp": round(float(apart.mean()), 5),
    }  # fmt: skip


def _single_numbers(probs: F32, labels: Rows, sources: Sequence[str], drawn: Rows) -> Mapping[str, float]:
    """What gets an interval, by name."""
    found = scores(probs[drawn], labels[drawn], [sources[int(i)] for i in drawn])
    return {
        "accuracy": found.accuracy, "macro_f1": found.macro_f1, "ece": found.ece,
        **{f"f1 {name}": row["f1"] for k, (name, row) in enumerate(found.by_class.items()) if _there(found, k)},
        **{f"auc {name}": area for name, area in found.auc.items()},
    }  # fmt: skip


def _there(found: Scores, k: int) -> bool:
    """Whether a drawing has a picture of the class, or an answer: else it says nothing about it."""
    return sum(found.confusion[k]) + sum(row[k] for row in found.confusion) > 0


def _curves(probs: F32, labels: Rows, sources: Sequence[str], card: Card) -> dict[str, Any]:
    temperature, shift = calibrated_by(card.metrics)
    before = unscaled(probs, temperature, shift)
    by_class = {
        name: {
            "roc": roc(probs[:, k], labels == k), "precision_recall": precision_recall(probs[:, k], labels == k),
            "eer": _rounded(equal_error_rate(probs[:, k], labels == k)),
        }
        for k, name in enumerate(card.classes)
    }  # fmt: skip
    return {
        "curves": by_class, "fakes": _fakes(probs, labels, np.array(sources)),
        "reliability": {"before": reliability(before, labels), "after": reliability(probs, labels)},
        "temperature": temperature, "shift": card.metrics.get("shift"),
        "limit": limit_told(card.confidence),
        "risk_coverage": {"here": risk_coverage(probs, labels, card.confidence)},
    }  # fmt: skip


def _fakes(probs: F32, labels: Rows, sources: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Real against fake for every source with both: ROC and EER."""
    real, fake = CLASSES.index("real"), CLASSES.index("fake")
    found = {}
    for name in sorted(set(sources.tolist())):
        mine = (sources == name) & np.isin(labels, (real, fake))
        score, positive = suspicion(probs[mine]), labels[mine] == fake
        if curve := roc(score, positive):
            found[name] = {"roc": curve, "eer": _rounded(equal_error_rate(score, positive))}
    return found


def _validation(data: Prepared, asked: Asked, card: Card) -> dict[str, Any] | None:
    """Of the split on which confidences are chosen, in the precision of the report's first numbers; None without it."""
    if "val" not in data.splits or not any(row.split == "val" for row in data.rows):
        return None
    rows = data.where("val")
    return risk_coverage(_answers(data, rows, asked.bundle, asked.precisions[0]), data.labels[rows], card.confidence)


def _robust(data: Prepared, asked: Asked, card: Card) -> dict[str, Any]:
    rows = sample(data, asked.split, asked.robustness_pictures)
    with closing(open_engine(asked.bundle, runtime="onnxruntime", precision="int8")) as engine:
        curves = robustness(data, rows, engine.infer, input_px=card.input_px, margin=card.crop_margin)
    return {"pictures": len(rows), "precision": "int8", "kinds": curves}


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
