"""Numbers as tables, for a terminal and for MODEL_CARD.md, always from the measurements themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.manifest import Prepared
from train.measure import MOST_CONFIDENCE
from train.spec import CLASSES

SPLIT_RULE = (
    "Split by group (a person, a pair of original and fake, or a cluster of near-duplicates): no group is on both "
    "sides, and no version of the model has seen a test picture."
)
OTHER_RULE = (
    "They are others than those it was trained with; whether it has seen some of them then is not known. No group (a "
    "person, a pair of original and fake, or a cluster of near-duplicates) is in two splits."
)


UNKNOWN_RULE = (
    "It was not trained with them; whether what it began with, or was taught by, has seen some of them is not known. "
    "No group (a person, a pair of original and fake, or a cluster of near-duplicates) is in two splits."
)


def split_rule(data: Prepared, split: str, metrics: Mapping[str, Any]) -> str:
    """What numbers of a split are worth for the model of a card."""
    splits: dict[str, set[str]] = {}
    for row in data.rows:
        splits.setdefault(row.group, set()).add(row.split)
    if crossing := sum(split in found and len(found) > 1 for found in splits.values()):
        return f"{crossing} groups of the split are in another one, too: the numbers are better than they should be."
    if metrics.get("split_sha256") != data.split_sha256:
        return OTHER_RULE
    if split != "test":
        return f"The split {split} was used in training: the numbers are too good."
    return SPLIT_RULE if metrics.get("training", {}).get("one_split") else UNKNOWN_RULE


def limit_told(confidence: float) -> str:
    """What a card's limit of undecided promises: the end of a sentence about it."""
    if confidence < MOST_CONFIDENCE:
        return "that limit is the lowest at which at most one answer in twenty was wrong on the validation split"
    return "below that limit more than one answer in twenty may be wrong, and above it perhaps too"


Results = Mapping[str, Mapping[str, Any]]
"""Precision -> numbers, as in `Card.metrics[\"test\"]`."""


def tables(results: Results) -> str:
    """Markdown tables of test results by precision: classes, sources, real against fake, confusion."""
    first = next(iter(results.values()))
    rule = first.get("split_rule", SPLIT_RULE)  # cards up to version 0.2 of the shipped one were all measured by it
    intro = [f"{first['n']} pictures of the {first['split']} split. {rule}", ""]
    return "\n".join(intro + _totals(results) + _classes(results) + _sources(results) + _confusions(results))


def _totals(results: Results) -> list[str]:
    titles = {"accuracy": "accuracy", "macro F1": "macro_f1", "ECE": "ece"}
    rows = [[title, *(f"{found[key]:.3f}" for found in results.values())] for title, key in titles.items()]
    return table(["", *results], rows)


def _classes(results: Results) -> list[str]:
    kinds, first = ("precision", "recall", "F1"), next(iter(results.values()))
    rows = [
        [k, str(first["by_class"][k]["n"])]
        + [f"{found['by_class'][k][kind.lower()]:.3f}" for found in results.values() for kind in kinds]
        for k in CLASSES
    ]
    return table(["class", "pictures", *(f"{kind} {name}" for name in results for kind in kinds)], rows)


def _sources(results: Results) -> list[str]:
    first = next(iter(results.values()))
    recalls = [
        [cell, str(int(row["n"])), *(f"{found['by_source'][cell]['recall']:.3f}" for found in results.values())]
        for cell, row in first["by_source"].items()
    ]
    areas = [[source, *(f"{found['auc'][source]:.3f}" for found in results.values())] for source in first["auc"]]
    return [
        *table(["source / class", "pictures", *(f"recall {name}" for name in results)], recalls),
        *table(["real against fake, AUC", *results], areas),
    ]


def _confusions(results: Results) -> list[str]:
    lines: list[str] = []
    for name, found in results.items():
        rows = [[k, *map(str, row)] for k, row in zip(CLASSES, found["confusion"], strict=True)]
        lines += table([f"truth \\ answer ({name})", *CLASSES], rows)
    return lines


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table, and an empty one."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]
