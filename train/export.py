"""A finished run -> a bundle: folded weights, calibration, temperature, the card and its numbers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.bundle import Bundle, write_bundle
from engines.calibrate import calibrate
from engines.contract import F32, U8, Card
from engines.parity import LIMITS
from monitor.files import told_as_sink_error
from train.architectures import Architecture, architecture
from train.batches import plain
from train.calibration import EVEN_MIX, calibration, measured, metrics_of
from train.cards import model_card, pictures_seen
from train.errors import CheckpointError
from train.licences import licence
from train.manifest import Prepared
from train.origin import training_of
from train.place import check_place
from train.recipe import Recipe, stored_recipe
from train.spec import CLASSES

CALIBRATION_PICTURES = 512
LEAST_FACE_PX = 24.0
"""Smaller faces than training's augmentation makes (28 px over the crop) carry too little."""


def export(
    data: Prepared, run: Path, folder: Path, *, name: str | None, version: str,
    left_out: Mapping[str, Any] | None = None, own_licence: str | None = None,
) -> tuple[Bundle, dict[str, Any]]:  # fmt: skip
    """The bundle written to `folder`, and its numbers on the test split by precision.

    `left_out` is what `train.leave_out` found of recipes, for the card; `own_licence` the text of LICENSE. Raises
    CheckpointError for a run without a finished model, SinkError where the bundle cannot be written.
    """
    model, recipe, state = _finished(run)
    check_place(folder)
    network = architecture(recipe.arch)
    name, facts = name or f"{recipe.arch}-{recipe.input_px}", _of_the_run(data, recipe, state, left_out)
    terms, licence_text = licence(facts, own_licence)
    logits_model = _deployed(network, model, recipe, 1.0, np.zeros(len(CLASSES), np.float32))
    card = _card(name, version, network.title.format(classes=len(CLASSES)), recipe.input_px, recipe.margin)
    card = replace(card, metrics=facts, licence=terms)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "bundle"
        fit = calibration(data, write_bundle(place, logits_model, card, "calibrating", licence_text))
        onnx_bytes = _deployed(network, model, recipe, fit.temperature, fit.shift)
        card = replace(card, confidence=fit.confidence, ranges=calibrate(onnx_bytes, _calibration(data, card)))
        report, _ = measured(data, write_bundle(place, onnx_bytes, card, "measuring", licence_text))
    card = replace(card, metrics=facts | metrics_of(report, fit))
    with told_as_sink_error(folder, "write the bundle"):
        return write_bundle(folder, onnx_bytes, card, model_card(card), licence_text), card.metrics["test"]


def _of_the_run(
    data: Prepared, recipe: Recipe, state: Mapping[str, Any], left_out: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What the card says of the training."""
    shares = recipe.class_shares or _shares(data)
    own = state["manifest_sha256"] == data.digest
    split = state.get("split_sha256") or (data.split_sha256 if own else None)  # runs before it was noted
    return {
        "class_shares": [round(float(share), 4) for share in shares], "trained_on": state["manifest_sha256"],
        "training": training_of({**state, "split_sha256": split}),
        **({"split_sha256": split} if split else {}), **({"seen": pictures_seen(data)} if own else {}),
        **({"leave_one_out": left_out} if left_out else {}),
    }  # fmt: skip


def _deployed(network: Architecture, model: keras.Model, recipe: Recipe, temperature: float, shift: F32) -> bytes:
    try:
        return bytes(network.deployed(model, recipe, temperature, shift).SerializeToString())
    except ValueError as error:
        raise CheckpointError(f"the model cannot be deployed: {error}", hint="train another one") from error


def _finished(run: Path) -> tuple[keras.Model, Recipe, dict[str, Any]]:
    """The model, its recipe, and the state of its run."""
    try:
        state = json.loads((run / "state.json").read_text(encoding="utf-8"))
        recipe, steps, _ = stored_recipe(state["recipe"]), int(state["step"]), state["manifest_sha256"]
        if steps < recipe.steps and state.get("finished") != recipe.steps:
            raise ValueError(f"it has gone {steps} of {recipe.steps} steps")
        model = keras.saving.load_model(run / "final.keras", compile=False)
        if (classes := model.output_shape[-1]) != len(CLASSES):
            raise ValueError(f"its model knows {classes} classes, not {', '.join(CLASSES)}")
        return model, recipe, state
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{run} holds no finished model: {error}", hint="run: monitor train fit") from error


def _shares(data: Prepared) -> tuple[float, ...]:
    """Of the classes among the training pictures."""
    counts = np.bincount(data.labels[data.where("train")], minlength=len(CLASSES))
    return tuple(counts / counts.sum())


def _card(name: str, version: str, title: str, input_px: int, margin: float) -> Card:
    return Card(
        name=name, version=version, architecture=title, classes=CLASSES,
        input_px=input_px, crop_margin=margin, priors=EVEN_MIX, confidence=0.6,
        min_face_px=LEAST_FACE_PX, limits=LIMITS,
    )  # fmt: skip


def _calibration(data: Prepared, card: Card, batch: int = 32) -> Iterator[U8]:
    """Training pictures, every class and source with the same share, as the engine will see them."""
    rng = np.random.default_rng(0)
    cells: dict[tuple[str, str], list[int]] = {}
    for i in data.where("train"):
        cells.setdefault((data.rows[i].label, data.rows[i].source), []).append(int(i))
    picked = [int(rng.choice(cell)) for cell in cells.values() for _ in range(-(-CALIBRATION_PICTURES // len(cells)))]
    for first in range(0, len(picked), batch):
        yield plain(data, np.array(picked[first : first + batch]), input_px=card.input_px, margin=card.crop_margin)
