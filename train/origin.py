"""Where a network comes from: what its run began with, what those saw, and whether they knew the same split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.bundle import load_bundle
from engines.contract import EngineError
from train.start import NOTHING

MOST_RUNS = 100


def training_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says of the training: of a run's state, and of the runs before with the same pictures.

    weights: where the first of them began, files by their names, as it is nobody's business where they lie. pictures:
    seen by all of them. runs: how many. one_split: whether all that it began with or was taught by is known to have
    been trained with the same split, so that none of it has seen a test picture.
    """
    pictures: list[int] = []
    guides: list[str] = []
    run, digest = state, state["manifest_sha256"]
    while True:
        pictures.append(int(run["step"]) * int(run["recipe"]["batch"]))
        start, *more = run.get("weights", "none").split(", ")
        guides += [guide for guide in more if guide not in guides]
        before = _run_of(Path(start)) if start.endswith(".keras") else None
        if before is None or before["manifest_sha256"] != digest or len(pictures) == MOST_RUNS:
            break
        run = before
    tutored = any(guide.startswith("with the tutor") for guide in guides)
    return {
        "weights": ", ".join([Path(start).name, *guides]), "pictures": sum(pictures), "runs": len(pictures),
        "one_split": not tutored and (start in NOTHING or _has_one_split(start, state.get("split_sha256"))),
    }  # fmt: skip


def _run_of(model: Path) -> Mapping[str, Any] | None:
    """The state of the run that made it; None where it is not beside it any more."""
    try:
        state = json.loads((model.parent / "state.json").read_text(encoding="utf-8"))
        return state if state["manifest_sha256"] and state["recipe"]["batch"] and state["step"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _has_one_split(bundle: str, split: str | None) -> bool:
    """Whether a bundle is known to be trained with this split, and so what it began with."""
    if bundle.endswith((".keras", ".npz")):
        return bundle.endswith(".npz")  # kernels of ResNet-50 know none of our pictures
    try:
        metrics = load_bundle(bundle).card.metrics
    except EngineError:
        return False
    known = split is not None and metrics.get("split_sha256") == split
    return known and bool(metrics.get("training", {}).get("one_split"))
