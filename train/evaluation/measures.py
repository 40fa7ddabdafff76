"""Curves and errors of a classifier: ROC, precision and recall, equal error rate, reliability, risk and coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from engines.contract import F32
from train.measure import Labels, ece, softmax

Points: TypeAlias = list[list[float]]
Mask: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
MOST_POINTS = 120


def _steps(score: F32, positive: Mask) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """True and false positives when everything from the k-th highest score on is said to be positive, ties together."""
    order = np.argsort(-score, kind="stable")
    hits = np.concatenate([[0], np.cumsum(positive[order])])
    false = np.concatenate([[0], np.cumsum(~positive[order])])
    sorted_scores = score[order]
    ends = np.concatenate([[True], np.append(sorted_scores[1:] != sorted_scores[:-1], True)])
    return hits[ends], false[ends]


def roc(score: F32, positive: Mask) -> Points:
    """[false positive rate, true positive rate], from (0, 0) to (1, 1); empty where one side has no picture."""
    hits, false = _steps(score, positive)
    if not hits[-1] or not false[-1]:
        return []
    return _thinned(false / false[-1], hits / hits[-1])


def precision_recall(score: F32, positive: Mask) -> Points:
    """[recall, precision] from the surest answer on; empty where nothing is positive."""
    hits, false = _steps(score, positive)
    if not hits[-1]:
        return []
    return _thinned(hits[1:] / hits[-1], hits[1:] / (hits[1:] + false[1:]))


def equal_error_rate(score: F32, positive: Mask) -> float:
    """Where misses and false alarms are equally frequent, between two thresholds; nan where one side is empty."""
    hits, false = _steps(score, positive)
    if not hits[-1] or not false[-1]:
        return float("nan")
    alarms, misses = false / false[-1], 1 - hits / hits[-1]
    after = int(np.argmax(alarms >= misses))
    before = max(after - 1, 0)
    gap_before, gap_after = misses[before] - alarms[before], alarms[after] - misses[after]
    share = gap_before / max(gap_before + gap_after, 1e-12)
    return float(alarms[before] + share * (alarms[after] - alarms[before]))


def _thinned(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Points:
    keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    return [[round(float(x[i]), 4), round(float(y[i]), 4)] for i in keep]


def unscaled(probs: F32, temperature: float, shift: Sequence[float] | F32 = (0.0,)) -> F32:
    """What the network answered before its calibration: the deployed graph gives softmax((z + shift) / T)."""
    log_p = np.log(np.maximum(probs.astype(np.float64), 1e-12))
    return softmax(np.asarray(temperature * log_p - np.asarray(shift), np.float32))


def calibrated_by(metrics: Mapping[str, Any]) -> tuple[float, F32]:
    """Temperature and shift (K,) or (1,) of a bundle, from its card's metrics.

    Where it was calibrated by a temperature alone (up to version 0.2 of the shipped one), the shift is what leaves the
    mix even without its temperature.
    """
    temperature = float(metrics.get("temperature", 1.0))
    if (found := metrics.get("shift")) is None and (shares := metrics.get("class_shares")) is not None:
        found = (1 - temperature) * np.log(np.asarray(shares) * len(shares))
    return temperature, np.asarray((0.0,) if found is None else found, np.float32)


def reliability(probs: F32, labels: Labels, bins: int = 10) -> dict[str, Any]:
    """{"ece", "bins": [[mean confidence, share right, pictures]]} of the top answer."""
    top, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    which = np.minimum((top * bins).astype(int), bins - 1)
    rows = [
        [round(float(top[which == b].mean()), 4), round(float(right[which == b].mean()), 4), int((which == b).sum())]
        for b in range(bins)
        if (which == b).any()
    ]
    return {"ece": round(ece(probs, labels), 4), "bins": rows}


def risk_coverage(probs: F32, labels: Labels, confidence: float) -> dict[str, Any]:
    """{"points": [[share decided, share wrong of those]], and both at `confidence`}."""
    top, wrong = probs.max(axis=1), probs.argmax(axis=1) != labels
    order = np.argsort(-top, kind="stable")
    covered = np.arange(1, len(top) + 1)
    kept = top >= confidence
    return {
        "points": _thinned(covered / len(top), np.cumsum(wrong[order]) / covered),
        "confidence": confidence,
        "decided": round(float(kept.mean()), 4),
        "wrong_of_decided": round(float(wrong[kept].mean()), 4) if kept.any() else None,
    }
