"""Numbers as text: tables for a terminal and for MODEL_CARD.md, always from the measurements themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.contract import Card
from train.manifest import Prepared
from train.spec import CLASSES

SPLIT_RULE = (
    "Split by group (a person, a pair of original and fake, or a cluster of near-duplicates): no group is on both "
    "sides, and no version of the model has seen a test picture."
)


Results = Mapping[str, Mapping[str, Any]]
"""Precision -> what `train.evaluate.evaluate_engine` returned."""


def tables(results: Results) -> str:
    """Markdown tables of test results by precision: classes, sources, real against fake, confusion."""
    first = next(iter(results.values()))
    intro = [f"{first['n']} pictures of the {first['split']} split. {SPLIT_RULE}", ""]
    return "\n".join(intro + _totals(results) + _classes(results) + _sources(results) + _confusions(results))


def _totals(results: Results) -> list[str]:
    titles = {"accuracy": "accuracy", "macro F1": "macro_f1", "ECE": "ece"}
    rows = [[title, *(f"{found[key]:.3f}" for found in results.values())] for title, key in titles.items()]
    return _table(["", *results], rows)


def _classes(results: Results) -> list[str]:
    kinds, first = ("precision", "recall", "F1"), next(iter(results.values()))
    rows = [
        [k, str(first["by_class"][k]["n"])]
        + [f"{found['by_class'][k][kind.lower()]:.3f}" for found in results.values() for kind in kinds]
        for k in CLASSES
    ]
    return _table(["class", "pictures", *(f"{kind} {name}" for name in results for kind in kinds)], rows)


def _sources(results: Results) -> list[str]:
    first = next(iter(results.values()))
    recalls = [
        [cell, str(int(row["n"])), *(f"{found['by_source'][cell]['recall']:.3f}" for found in results.values())]
        for cell, row in first["by_source"].items()
    ]
    areas = [[source, *(f"{found['auc'][source]:.3f}" for found in results.values())] for source in first["auc"]]
    return [
        *_table(["source / class", "pictures", *(f"recall {name}" for name in results)], recalls),
        *_table(["real against fake, AUC", *results], areas),
    ]


def _confusions(results: Results) -> list[str]:
    lines: list[str] = []
    for name, found in results.items():
        rows = [[k, *map(str, row)] for k, row in zip(CLASSES, found["confusion"], strict=True)]
        lines += _table([f"truth \\ answer ({name})", *CLASSES], rows)
    return lines


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def pictures_seen(data: Prepared) -> list[list[str | int]]:
    """[source, class, training pictures], sorted."""
    counts = Counter((data.rows[i].source, data.rows[i].label) for i in data.where("train"))
    return [[source, label, n] for (source, label), n in sorted(counts.items())]


def model_card(card: Card) -> str:
    """MODEL_CARD.md: what the model is, what it saw, how well it does, and what it cannot do."""
    metrics = card.metrics
    return (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8").format(
        training=_training(metrics), intervals=_intervals(metrics), undecided=_undecided(metrics),
        left_out=_left_out(metrics),
        name=card.name, version=card.version, architecture=card.architecture, input_px=card.input_px,
        crop_margin=card.crop_margin, classes=", ".join(card.classes), seen=_seen(metrics), manifests=_manifests(card),
        tables=tables(card.metrics["test"]), temperature=card.metrics["temperature"], confidence=card.confidence,
        min_face_px=card.min_face_px, licence=card.licence,
    )  # fmt: skip


def _training(metrics: Mapping[str, Any]) -> str:
    """Where it started, what guided it, how long."""
    if (found := metrics.get("training")) is None:
        return ""
    start = "random weights" if found["weights"] == "none" else f"`{found['weights']}`"
    return f"It started from {start} and saw {found['pictures']} pictures, versions counted each."


def _seen(metrics: Mapping[str, Any]) -> str:
    if (found := metrics.get("seen")) is None:
        return "How many pictures of which sources that were is not on record.\n"
    return "\n".join(_table(["source", "class", "training pictures"], [[s, k, str(n)] for s, k, n in found]))


def _intervals(metrics: Mapping[str, Any]) -> str:
    if not (found := metrics.get("intervals")):
        return ""
    rows = [[name, f"{low:.3f}", f"{high:.3f}"] for name, (low, high) in found.items()]
    text = "95 % intervals (bootstrap over groups: a person, a pair, a cluster of near-duplicates):"
    return "\n".join([text, "", *_table(["", "from", "to"], rows)])


def _undecided(metrics: Mapping[str, Any]) -> str:
    if (decided := metrics.get("decided")) is None:
        return ""
    wrong = metrics["wrong_of_decided"]
    told = "" if wrong is None else f", and {wrong:.1%} of its decided answers were wrong"
    return f"On the test split it was undecided about {1 - decided:.1%} of the pictures{told}."


def _left_out(metrics: Mapping[str, Any]) -> str:
    """What the recipe earns on sources it never saw."""
    intro = "The numbers above are for sources the network has seen; within a source it mostly recognises the source."
    if not (found := metrics.get("leave_one_out")):
        return f"{intro} How recipes do on sources never seen was not measured for this bundle."
    sources = [row["source"] for row in next(iter(found.values()))["sources"]]
    rows = [
        [name, f"{row['pictures']} at {row['input_px']} px", *(f"{r['auc']:.3f}" for r in row["sources"]),
         f"{row['mean_auc']:.3f}"]
        for name, row in found.items()
    ]  # fmt: skip
    text = (
        f"{intro} Real against fake, AUC on a source that was left out of the training (0.5 is chance), in runs "
        "made for this comparison:"
    )
    return "\n".join([text, "", *_table(["recipe", "pictures", *sources, "mean"], rows)]).rstrip()


def _manifests(card: Card) -> str:
    """Which pictures the numbers are about: what it was trained on is not always what was given to `export`."""
    trained, measured = card.metrics["trained_on"], card.metrics["measured_on"]
    if trained == measured:
        return f"Manifest of the prepared pictures: sha256 `{trained}`."
    return (
        f"Trained on pictures whose manifest has the sha256 `{trained}`.\n"
        f"The table above, the calibration and the measurements are of others, sha256 `{measured}`."
    )
