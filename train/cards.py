"""MODEL_CARD.md: what a model is, what it saw, how well it does, and what it cannot do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.contract import Card
from train.licences import is_public
from train.manifest import Prepared
from train.public import PUBLIC
from train.report import limit_told, table, tables

MASKS = "`mask` comes from one source, scraped from the web."
OWNERS = (
    "The pictures were published for research, or without a licence that covers them: the weights may be used for "
    "research and evaluation. For any other use, train on pictures you have the rights to: `docs/training.md`."
)


def pictures_seen(data: Prepared) -> list[list[str | int]]:
    """[source, class, training pictures], sorted; of the manifest, whether their crops are here or not."""
    counts = Counter((row.source, row.label) for row in data.rows if row.split == "train")
    return [[source, label, n] for (source, label), n in sorted(counts.items())]


def model_card(card: Card) -> str:
    """Its text, from what its card says."""
    metrics = card.metrics
    return (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8").format(
        training=_training(metrics), intervals=_intervals(metrics), undecided=_undecided(metrics),
        left_out=_left_out(metrics), owners=OWNERS if is_public(metrics) else "",
        kinds=_kinds(metrics), limit=limit_told(card.confidence), people=_people(metrics),
        name=card.name, version=card.version, architecture=card.architecture, input_px=card.input_px,
        crop_margin=card.crop_margin, classes=", ".join(card.classes), seen=_seen(metrics), manifests=_manifests(card),
        temperature=metrics["temperature"], shifted=_shifted(metrics), confidence=card.confidence,
        tables=tables(metrics["test"]),
        min_face_px=card.min_face_px, licence=card.licence,
    )  # fmt: skip


def _training(metrics: Mapping[str, Any]) -> str:
    """Where it started, what guided it, how long."""
    if (found := metrics.get("training")) is None:
        return ""
    start = "random weights" if found["weights"] == "none" else f"`{found['weights']}`"
    runs = f" in {found['runs']} runs" if found.get("runs", 1) > 1 else ""
    return f"It started from {start} and saw {found['pictures']} pictures{runs}, versions counted each."


def _own(metrics: Mapping[str, Any]) -> bool:
    """Measured on the pictures it was trained for."""
    return bool(metrics["trained_on"] == metrics["measured_on"])


def _sources(metrics: Mapping[str, Any], label: str = "") -> list[str]:
    """Of the training pictures, or of those of a class; empty where they are not on record."""
    return sorted({source for source, of, _ in metrics.get("seen", ()) if not label or of == label})


def _kinds(metrics: Mapping[str, Any]) -> str:
    """What the fakes were, source by source."""
    if not (sources := _sources(metrics, "fake")):
        return "What its training pictures showed is not on record."
    kinds = {name: PUBLIC[name].fakes if name in PUBLIC else "" for name in sources}
    lines = [f"- {name}: {kind or 'whatever was given to `prepare` under this name'}" for name, kind in kinds.items()]
    told = "the table above says how well each is told from real pictures of the same source"
    if not _own(metrics):
        told = "the table above is of others"
    return "\n".join([f"A picture of one of these kinds; {told}.", "", *lines])


def _shifted(metrics: Mapping[str, Any]) -> str:
    return " and shifted by class, both fitted" if metrics.get("shift") else ", fitted"


def _people(metrics: Mapping[str, Any]) -> str:
    """Who is in the training pictures, as far as it is known."""
    sources = _sources(metrics)
    masks = [f"- {MASKS}"] if _sources(metrics, "mask") == ["mask12k"] else []
    known = "; ".join(PUBLIC[name].people for name in sources if name in PUBLIC and PUBLIC[name].people)
    who = "- The people in the training pictures are no fair sample of anybody's visitors."
    if known:
        who += f" {known[0].upper()}{known[1:]}."
        who += " Children, old people and people with darker skin are few in such collections."
    if set(sources) <= set(PUBLIC):
        who += " No source says who its people are, so errors by group could not be measured."
    return "\n".join([*masks, who, ""])


def _seen(metrics: Mapping[str, Any]) -> str:
    if (found := metrics.get("seen")) is None:
        return "How many pictures of which sources that were is not on record.\n"
    return "\n".join(table(["source", "class", "training pictures"], [[s, k, str(n)] for s, k, n in found]))


def _intervals(metrics: Mapping[str, Any]) -> str:
    if not (found := metrics.get("intervals")):
        return ""
    rows = [[name, f"{low:.3f}", f"{high:.3f}"] for name, (low, high) in found.items()]
    text = "95 % intervals (bootstrap over groups: a person, a pair, a cluster of near-duplicates):"
    return "\n".join([text, "", *table(["", "from", "to"], rows)])


def _undecided(metrics: Mapping[str, Any]) -> str:
    if (decided := metrics.get("decided")) is None:
        return ""
    wrong = metrics["wrong_of_decided"]
    told = "" if wrong is None else f", and {wrong:.1%} of its decided answers were wrong"
    return f"On the test split it was undecided about {1 - decided:.1%} of the pictures{told}."


def _left_out(metrics: Mapping[str, Any]) -> str:
    """What the recipe earns on sources it never saw."""
    intro = "The numbers above are for sources the network has seen; within a source it mostly recognises the source."
    if not _own(metrics):
        intro = "Within a source that it was trained on, a network mostly recognises the source."
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
    return "\n".join([text, "", *table(["recipe", "pictures", *sources, "mean"], rows)]).rstrip()


def _manifests(card: Card) -> str:
    """Which pictures the numbers are about: what it was trained on is not always what was given to `export`."""
    trained, measured = card.metrics["trained_on"], card.metrics["measured_on"]
    if _own(card.metrics):
        return f"Manifest of the prepared pictures: sha256 `{trained}`."
    return (
        f"Trained on pictures whose manifest has the sha256 `{trained}`.\n"
        f"The table above, the calibration and the measurements are of others, sha256 `{measured}`."
    )
