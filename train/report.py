"""Numbers as text: tables for a terminal and for MODEL_CARD.md, always from the measurements themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.contract import Card
from train.manifest import Prepared
from train.spec import CLASSES

SPLIT_RULE = (
    "Split by group (a person, a pair of original and fake, or a cluster of near-duplicates): no group is on both sides, "
    "and no version of the model has seen a test picture."
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
    train = data.where("train")
    counts: dict[tuple[str, str], int] = {}
    for i in train:
        key = (data.rows[i].source, data.rows[i].label)
        counts[key] = counts.get(key, 0) + 1
    seen = "\n".join(
        _table(["source", "class", "training pictures"], [[s, k, str(n)] for (s, k), n in sorted(counts.items())])
    )
    return f"""# {card.name}, version {card.version}

{card.architecture}; input {card.input_px} px, uint8 RGB; crop margin {card.crop_margin} of the face box on every side;
classes {", ".join(card.classes)}. Trained from random weights by this project's own code (`monitor train`).

## What it saw
{seen}
Manifest of the prepared pictures: sha256 `{data.digest}`.

## How well it does
{tables(card.metrics["test"])}
Probabilities are scaled by one temperature ({card.metrics["temperature"]:.3f}) fitted on the validation split, every class with
the same weight. Below a probability of {card.confidence:.2f} the program says `undecided`; that limit is the lowest at which at
most one answer in twenty was wrong on the validation split.

## What "fake" means here
A picture of one of five kinds: hand-made composites (ciplab), StyleGAN portraits (stylegan), prints and tablet replays
(casia), printed photographs (nuaa), face swaps (dfdc). The table above says how well each kind is told from real pictures
of the same source; other kinds, cameras and places will do worse. It is no certified liveness check and no proof of
forgery. At a camera the program expects fakes to be rare (`decide.priors`) and therefore calls a face fake only on
strong evidence.

## Limits
- `mask` comes from one source; hands, scarves, beards and printed masks may be taken for masks, or masks be missed.
- Small (below {card.min_face_px:.0f} px), blurred and strongly turned faces are not judged reliably; the program says `undecided`.
- The people in the training pictures are not a fair sample of anybody's visitors.

## Licence
{card.licence}
"""
