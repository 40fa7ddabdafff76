"""The training loop: one page, resumable, every step a function of the run's seed and the step's number."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.contract import F32
from monitor.files import told_as_sink_error
from train.batches import Batches, plain
from train.errors import CheckpointError
from train.manifest import Prepared
from train.measure import scores, softmax
from train.model import build_vgg
from train.recipe import Recipe
from train.weights import adopt

Say = Callable[[str], None]
VAL_PICTURES = 800
"""Validation pictures looked at while training; the report of a finished model takes them all."""


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, a plateau, and a cosine fall: a longer run changes only the plateau, so a run can be extended."""
    done = step / recipe.steps
    if done < recipe.warmup:
        return recipe.learning_rate * (step + 1) / (recipe.warmup * recipe.steps + 1)
    if done < 1 - recipe.decay:
        return recipe.learning_rate
    left = (1 - done) / recipe.decay
    return recipe.learning_rate * float(0.5 - 0.5 * np.cos(np.pi * left))


def fit(
    data: Prepared, run: Path, recipe: Recipe, *, weights: str = "none", say: Say = print, every: int = 300,
    stopped: Callable[[], bool] = lambda: False,
) -> Path | None:  # fmt: skip
    """Trains in the folder `run` and returns the finished model's file; continues where a checkpoint is found.

    Writes a checkpoint and state.json (every `every` steps), log.csv and final.keras. `stopped` ends the run after the
    step in work, with a checkpoint and without a model: None. Raises CheckpointError for a folder whose recipe differs
    in more than `pictures` and `decay`, SinkError where the folder cannot be made.
    """
    with told_as_sink_error(run, "make the folder"):
        run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if recipe.bfloat16 else "float32")
    batches = Batches(
        data,
        batch=recipe.batch,
        input_px=recipe.input_px,
        margin=recipe.margin,
        class_shares=recipe.class_shares,
        augment=recipe.augment,
        seed=recipe.seed,
    )
    model, first = _open(run, recipe, data.digest, say)
    if first == 0:
        adopt(model, weights, batches.batch(0)[0], say)
    watch = _Watch(data, recipe, run / "log.csv")
    for step, rgb, onehot in batches.ahead(first, recipe.steps):
        model.optimizer.learning_rate = learning_rate(recipe, step)
        _seed_dropout(model, recipe.seed, step)
        loss, accuracy = model.train_on_batch(rgb.astype(np.float32), onehot, return_dict=False)
        model.reset_metrics()
        watch.seen(float(loss), float(accuracy))
        done = step + 1
        if done % every == 0 or done == recipe.steps or stopped():
            say(watch.report(model, done))
            _save(model, run, recipe, data.digest, done)
            if stopped() and done < recipe.steps:
                say(f"stopped after {done} of {recipe.steps} steps; the same command goes on")
                return None
    final = run / "final.keras"
    _write_model(model, run).replace(final)
    return final


def _seed_dropout(model: keras.Model, seed: int, step: int) -> None:
    """Keras does not store the state of its random generators: a resumed run would drop other units."""
    for n, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            layer.seed_generator.state.assign(np.array([seed * 1009 + n, step], np.uint32))


class _Watch:
    """Losses since the last report, and the model on validation data."""

    def __init__(self, data: Prepared, recipe: Recipe, log: Path) -> None:
        rows = data.where("val")
        self._rows = np.random.default_rng(0).permutation(rows)[:VAL_PICTURES]
        self._rgb = plain(data, self._rows, input_px=recipe.input_px, margin=recipe.margin)
        self._data, self._recipe, self._log = data, recipe, log
        self._batches: list[tuple[float, float]] = []
        self._since = time.monotonic()

    def seen(self, loss: float, accuracy: float) -> None:
        """Notes the loss and accuracy of one batch."""
        self._batches.append((loss, accuracy))

    def report(self, model: keras.Model, step: int) -> str:
        rate = len(self._batches) * self._recipe.batch / (time.monotonic() - self._since)
        loss, accuracy = np.mean(self._batches, axis=0)
        probs = softmax(predict(model, self._rgb))
        found = scores(probs, self._data.labels[self._rows], [self._data.rows[i].source for i in self._rows])
        line = {
            "step": step, "pictures": step * self._recipe.batch, "loss": round(float(loss), 4),
            "accuracy": round(float(accuracy), 4), "val_accuracy": round(found.accuracy, 4),
            "val_macro_f1": round(found.macro_f1, 4),
            "val_auc": json.dumps({source: round(area, 3) for source, area in found.auc.items()}),
            "learning_rate": round(learning_rate(self._recipe, step), 6), "pictures_per_s": round(rate, 1),
        }  # fmt: skip
        new = not self._log.exists()
        with self._log.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(line))
            if new:
                writer.writeheader()
            writer.writerow(line)
        self._batches, self._since = [], time.monotonic()
        return "  ".join(f"{key} {value}" for key, value in line.items())


def predict(model: keras.Model, rgb: Any, batch: int = 64) -> F32:
    """Logits float32 (N, K) for crops uint8 (N, P, P, 3), without dropout."""
    parts = [model.predict_on_batch(rgb[i : i + batch].astype(np.float32)) for i in range(0, len(rgb), batch)]
    return np.concatenate(parts).astype(np.float32)


def _compile(model: keras.Model, recipe: Recipe) -> keras.Model:
    optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay, clipnorm=1.0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def _open(run: Path, recipe: Recipe, digest: str, say: Say) -> tuple[keras.Model, int]:
    state_file = run / "state.json"
    if not state_file.exists():
        model = build_vgg(recipe.input_px, blocks=recipe.blocks, dense=recipe.dense, dropout=recipe.dropout)
        return _compile(model, recipe), 0
    state = json.loads(state_file.read_text(encoding="utf-8"))
    now = json.loads(json.dumps(asdict(recipe)))
    before = state["recipe"]
    differing = [key for key in now if key not in {"pictures", "decay"} and now[key] != before.get(key)]
    if differing or state["manifest_sha256"] != digest:
        what = ", ".join(differing) or "the prepared data"
        raise CheckpointError(f"{run} was begun with other settings: {what}", hint="choose another --run folder")
    say(f"going on after step {state['step']} of {recipe.steps}")
    return keras.saving.load_model(run / state["model"]), int(state["step"])


def _write_model(model: keras.Model, run: Path) -> Path:
    part = run / "part.keras"
    model.save(part)
    return part


def _save(model: keras.Model, run: Path, recipe: Recipe, digest: str, step: int) -> None:
    """The model under a new name first, then the state that names it: a kill leaves the older pair whole."""
    name = f"step-{step:07d}.keras"
    _write_model(model, run).replace(run / name)
    state = {
        "step": step,
        "model": name,
        "recipe": asdict(recipe),
        "manifest_sha256": digest,
        "backend": keras.backend.backend(),
    }
    part = run / "state.part.json"
    part.write_text(json.dumps(state, indent=1), encoding="utf-8")
    part.replace(run / "state.json")
    for old in run.glob("step-*.keras"):
        if old.name != name:
            old.unlink()
