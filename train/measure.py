"""Numbers for a classifier: by class, by source, and how sure it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.stats import rankdata

from engines.contract import F32
from train.spec import CLASSES

MOST_SHIFT = 4.0
"""Of a logit: where validation pictures leave a class's shift open, it stays small."""
MOST_CONFIDENCE = 0.9
"""Above it nearly everything would be undecided."""
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Scores:
    accuracy: float
    macro_f1: float
    """Of the classes that have a picture or an answer."""
    by_class: dict[str, dict[str, float]]
    """class -> precision, recall, f1, n"""
    by_source: dict[str, dict[str, float]]
    """source/class -> recall, n"""
    auc: dict[str, float]
    """Real against fake, by source: P(fake) / (P(real) + P(fake)) of the source's own real and fake pictures."""
    ece: float
    confusion: list[list[int]]
    """[truth][answer]"""


def softmax(logits: F32, temperature: float = 1.0) -> F32:
    """Probabilities (N, K) of logits (N, K)."""
    z = logits.astype(np.float64) / temperature
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True), np.float32)


def auc(score: F32, positive: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney U); nan where one side is empty."""
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n0 == 0 or n1 == 0:
        return float("nan")
    return float((rankdata(score)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def ece(probs: F32, labels: Labels, bins: int = 15, weights: F32 | None = None) -> float:
    """Expected calibration error of the top answer, equal-width bins (Guo et al. 2017); weights have the sum 1."""
    top, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    w = np.full(len(labels), 1 / len(labels)) if weights is None else weights
    which = np.minimum((top * bins).astype(int), bins - 1)
    return float(sum(abs((w * (top - right.astype(np.float64)))[which == b].sum()) for b in range(bins)))


def class_weights(labels: Labels, shares: Sequence[float]) -> F32:
    """Weights (N,) with the sum 1 that give the classes these shares. Every class must be there."""
    counts = np.bincount(labels, minlength=len(shares))
    return np.asarray(np.asarray(shares)[labels] / counts[labels] / sum(shares), np.float32)


def _equal(weights: F32) -> float:
    """So many pictures of equal weight say as much (effective sample size, Kish 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def fit_calibration(logits: F32, labels: Labels, weights: F32) -> tuple[float, F32]:
    """The temperature T and shift (K,) with which softmax((logits + shift) / T) has the least weighted negative
    log-likelihood (bias-corrected temperature scaling: Alexandari et al. 2020); the shift's mean is 0.

    It answers for the mix of classes that the weights give. The temperature alone leaves what training's mix of sources
    made too likely. Beforehand log T and the shift are normal with deviation 1, which weighs as much as one picture: so
    a few pictures that are all answered rightly do not make a network sure of everything.
    """
    k, rows = logits.shape[1], np.arange(len(labels))
    pictures = _equal(weights)

    def parts(x: F32) -> tuple[float, F32]:
        return float(np.exp(x[0])), np.asarray(x[1:] - x[1:].mean(), np.float32)

    def loss(x: F32) -> float:
        temperature, shift = parts(x)
        probs = softmax(np.asarray(logits + shift, np.float32), temperature)
        unlikely = (np.log(temperature) ** 2 + (shift**2).sum()) / 2 / pictures
        return float(unlikely - (weights * np.log(np.maximum(probs[rows, labels], 1e-12))).sum())

    bounds = [(-2.0, 2.5)] + [(-MOST_SHIFT, MOST_SHIFT)] * k
    return parts(optimize.minimize(loss, np.zeros(1 + k), method="Powell", bounds=bounds).x)


def coverage_confidence(probs: F32, labels: Labels, weights: F32, *, risk: float = 0.05) -> float:
    """The lowest confidence from 0.5 on at which the weighted share of wrong answers is at most `risk`, with one wrong
    answer more than were seen: few pictures without a mistake promise little. Where there is none, MOST_CONFIDENCE."""
    top, wrong = probs.max(axis=1), probs.argmax(axis=1) != labels
    one_more = weights.sum() / _equal(weights)
    for confidence in np.arange(0.5, MOST_CONFIDENCE, 0.01):
        kept = top >= confidence
        if (weights * wrong)[kept].sum() + one_more <= risk * weights[kept].sum():
            return float(round(confidence, 2))
    return MOST_CONFIDENCE


def suspicion(probs: F32, classes: Sequence[str] = CLASSES) -> F32:
    """P(fake) / (P(real) + P(fake)), float32 (N,): how fake a face is, whatever is thought of masks."""
    real, fake = probs[:, classes.index("real")], probs[:, classes.index("fake")]
    return np.asarray(fake / np.maximum(real + fake, 1e-12), np.float32)


def auc_by_source(
    probs: F32, labels: Labels, sources: Sequence[str], classes: Sequence[str] = CLASSES
) -> dict[str, float]:
    """Real against fake for every source that has both; none where the classes are others."""
    if not {"real", "fake"} <= set(classes):
        return {}
    source, fakes, areas = np.array(sources), labels == classes.index("fake"), {}
    pair = fakes | (labels == classes.index("real"))
    score = suspicion(probs, classes)
    for name in sorted(set(sources)):
        mine = pair & (source == name)
        if not np.isnan(area := auc(score[mine], fakes[mine])):
            areas[name] = area
    return areas


def scores(probs: F32, labels: Labels, sources: Sequence[str], classes: Sequence[str] = CLASSES) -> Scores:
    """All numbers for probabilities (N, K), labels (N,) and the source of each picture."""
    answer, source = probs.argmax(axis=1), np.array(sources)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (labels, answer), 1)
    by_class = {}
    for k, name in enumerate(classes):
        hit, said, true = confusion[k, k], confusion[:, k].sum(), confusion[k].sum()
        precision, recall = hit / max(said, 1), hit / max(true, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        by_class[name] = {"precision": float(precision), "recall": float(recall), "f1": float(f1), "n": int(true)}
    by_source = {}
    for name in sorted(set(sources)):
        mine = source == name
        for k in sorted(set(labels[mine].tolist())):
            cell = mine & (labels == k)
            by_source[f"{name}/{classes[k]}"] = {"recall": float((answer[cell] == k).mean()), "n": int(cell.sum())}
    there = [name for k, name in enumerate(classes) if confusion[k].any() or confusion[:, k].any()]
    macro = float(np.mean([by_class[name]["f1"] for name in there]))
    aucs = auc_by_source(probs, labels, sources, classes)
    return Scores(
        float((answer == labels).mean()), macro, by_class, by_source, aucs, ece(probs, labels), confusion.tolist()
    )
