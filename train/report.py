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


def tables(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown tables of test results by precision: classes, sources, real against fake, confusion."""
    names = list(results)
    first = results[names[0]]
    parts = [f"{first['n']} pictures of the {first['split']} split. {SPLIT_RULE}", ""]
    parts += _table(
        ["", *names],
        [
            [title, *(f"{results[name][key]:.3f}" for name in names)]
            for title, key in (("accuracy", "accuracy"), ("macro F1", "macro_f1"), ("ECE", "ece"))
        ],
    )
    parts += _table(
        ["class", "pictures", *(f"{what} {name}" for name in names for what in ("precision", "recall", "F1"))],
        [
            [
                k,
                str(first["by_class"][k]["n"]),
                *(
                    f"{results[name]['by_class'][k][what]:.3f}"
                    for name in names
                    for what in ("precision", "recall", "f1")
                ),
            ]
            for k in CLASSES
        ],
    )
    parts += _table(
        ["source / class", "pictures", *(f"recall {name}" for name in names)],
        [
            [cell, str(int(row["n"])), *(f"{results[name]['by_source'][cell]['recall']:.3f}" for name in names)]
            for cell, row in first["by_source"].items()
        ],
    )
    parts += _table(
        ["real against fake, AUC", *names],
        [[source, *(f"{results[name]['auc'][source]:.3f}" for name in names)] for source in first["auc"]],
    )
    for name in names:
        parts += _table(
            [f"truth \\ answer ({name})", *CLASSES],
            [[k, *map(str, row)] for k, row in zip(CLASSES, results[name]["confusion"], strict=True)],
        )
    return "\n".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def model_card(card: Card, data: Prepared) -> str:
    """MODEL_CARD.md: what the model is, what it saw, how well it does, and what it cannot do."""
    counts = Counter((data.rows[i].source, data.rows[i].label) for i in data.where("train"))
    seen = _table(["source", "class", "training pictures"], [[s, k, str(n)] for (s, k), n in sorted(counts.items())])
    return (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8").format(
        name=card.name, version=card.version, architecture=card.architecture, input_px=card.input_px,
        crop_margin=card.crop_margin, classes=", ".join(card.classes), seen="\n".join(seen), digest=data.digest,
        tables=tables(card.metrics["test"]), temperature=card.metrics["temperature"], confidence=card.confidence,
        priors=", ".join(f"{name} {share:.2f}" for name, share in zip(card.classes, card.priors, strict=True)),
        min_face_px=card.min_face_px, licence=card.licence,
    )  # fmt: skip
