"""The training loop: one page, resumable, every step a function of the run's seed and the step's number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.contract import F32, U8
from train.architectures import architecture
from train.averaging import renormalise
from train.backend import dtype_policy, seed_dropout
from train.batches import Batches
from train.checkpoints import RunFolder
from train.errors import CheckpointError, MakersEnded
from train.imitation import imitate
from train.manifest import Prepared
from train.measure import softmax
from train.recipe import Recipe
from train.start import Start
from train.student import Teacher, with_projections, without_projections
from train.teacher import load_tutor
from train.watch import Best, Watch, told
from train.weights import adopt

Say = Callable[[str], None]
TEACHER_CROPS = 256
"""Training pictures from which the scales of the teacher's channels and the first projections are taken."""


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
    data: Prepared, run: Path, recipe: Recipe, *, start: Start | None = None, say: Say = print, every: int = 300,
    workers: int = 0, stopped: Callable[[], bool] = lambda: False,
) -> Path | None:  # fmt: skip
    """Trains in the folder `run` and returns the finished model's file; continues where a checkpoint is found.

    Writes a checkpoint and state.json (every `every` steps), log.csv and final.keras. `stopped` ends the run after the
    step in work, with a checkpoint and without a model: None. So many `workers`, processes, make the batches; 0 is for
    a processor that trains, too: a thread. Raises CheckpointError for a folder whose recipe differs in more than
    `pictures` and `decay` or that has gone further, and for a run that diverges; MakersEnded where a worker ends
    unasked, SinkError where a file cannot be written: the checkpoint before stays whole.
    """
    start = start or Start()
    start.check(recipe)
    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy(_policy(recipe, say))
    folder = RunFolder(run, recipe, data, start.named)
    if (final := folder.finished(recipe.steps)) is not None:
        return final
    batches = Batches(data, recipe, workers=workers)
    tutor = load_tutor(start.tutor, recipe.input_px, len(data.classes)) if start.tutor else None
    teacher = _teacher(start, recipe, batches)
    opened = _open(folder, data, recipe, start, batches, teacher, say, stopped)
    if opened is None:
        return None
    model, first, best = opened
    watch = Watch(data, recipe, run / "log.csv")
    done, last = first, first if best.waited(recipe.patience) else recipe.steps
    try:
        for step, rgb, onehot in batches.ahead(first, last):
            taught = onehot if tutor is None else _with_answers(onehot, tutor, rgb, recipe.tutor_weight)
            watch.seen(*_finite(step, *_train(model, recipe, step, rgb, taught, teacher)))
            done = step + 1
            asked = stopped()
            if done % every and done < recipe.steps and not asked:
                continue
            row = watch.report(lambda crops: predict(model, crops), done, learning_rate(recipe, step))
            say(told(row))
            if recipe.patience:
                best = best.after(row, lambda: folder.keep(_alone(model), "best"))
            folder.save(model, done, best=best.loss, since=best.since)
            if best.waited(recipe.patience):
                say(f"no better validation loss for {best.since} reports: ends with the best, of {best.loss:.4f}")
                break
            if asked and done < recipe.steps:
                say(f"stopped after {done} of {recipe.steps} steps; the same command goes on")
                return None
    except MakersEnded:  # as they do when the whole group is told to end
        if not stopped():
            raise
        if done > first:
            folder.save(model, done, best=best.loss, since=best.since)
        say(f"stopped after {done} of {recipe.steps} steps; the same command goes on")
        return None
    return _finish(folder, model, recipe, batches)


def _policy(recipe: Recipe, say: Say) -> str:
    policy = dtype_policy(recipe.bfloat16)
    if recipe.bfloat16 and policy == "float32":
        say("a new run computes in float32: this machine has no units for bfloat16")
    return policy


def _teacher(start: Start, recipe: Recipe, batches: Batches) -> Teacher | None:
    if recipe.teacher_weight == 0:
        return None
    assert start.teacher is not None
    return Teacher(start.teacher, _teaching_crops(batches, recipe))


def _teaching_crops(batches: Batches, recipe: Recipe) -> U8:
    return np.concatenate([batches.batch(step)[0] for step in range(-(-TEACHER_CROPS // recipe.batch))])


def _train(
    model: keras.Model, recipe: Recipe, step: int, rgb: U8, onehot: F32, teacher: Teacher | None
) -> tuple[float, float]:
    """One step on one batch; its loss and accuracy for what is taught: labels, mixed ones, a tutor's answers beside."""
    model.optimizer.learning_rate = learning_rate(recipe, step)
    seed_dropout(model, recipe.seed, step)
    targets: Any = onehot if teacher is None else [onehot, *teacher.targets(rgb)]
    told: Mapping[str, Any] = model.train_on_batch(rgb.astype(np.float32), targets, return_dict=True)
    model.reset_metrics()
    prefix = "" if teacher is None else "logits_"
    return float(told[f"{prefix}loss"]), float(told[f"{prefix}accuracy"])


def _finite(step: int, loss: float, accuracy: float) -> tuple[float, float]:
    """Both. Raises CheckpointError where the loss is none: such a network never comes back."""
    if not np.isfinite(loss):
        hint = "begin another run with a lower learning_rate; the checkpoint before is whole"
        raise CheckpointError(f"the loss of step {step + 1} is {loss}: the run has diverged", hint=hint)
    return loss, accuracy


def _with_answers(onehot: F32, tutor: keras.Model, rgb: U8, weight: float) -> F32:
    """Cross-entropy is linear in its target: the sum of both losses is the loss of the mixed target."""
    return np.asarray((1 - weight) * onehot + weight * softmax(predict(tutor, rgb)), np.float32)


def predict(model: keras.Model, rgb: Any, batch: int = 64) -> F32:
    """Logits float32 (N, K) for crops uint8 (N, P, P, 3), without dropout."""
    parts = []
    for i in range(0, len(rgb), batch):
        answer = model.predict_on_batch(rgb[i : i + batch].astype(np.float32))
        parts.append(answer[0] if isinstance(answer, list) else answer)
    return np.concatenate(parts).astype(np.float32)


def _compile(model: keras.Model, recipe: Recipe) -> keras.Model:
    average: dict[str, Any] = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay, clipnorm=1.0, **average)
    loss: Any = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    if len(model.outputs) == 1:
        model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
        return model
    share = recipe.teacher_weight / 2
    model.compile(
        optimizer, [loss, "mse", "mse"], loss_weights=[1.0, share, share], metrics=[["accuracy"], [], []],
        jit_compile=False,
    )  # fmt: skip
    return model


def _open(
    folder: RunFolder, data: Prepared, recipe: Recipe, start: Start, batches: Batches, teacher: Teacher | None,
    say: Say, stopped: Callable[[], bool],
) -> tuple[keras.Model, int, Best] | None:  # fmt: skip
    """The model to train, the next step, and the best so far; None where it was stopped before the first step."""
    state = folder.last()
    if state is not None and state["step"] > 0:
        say(f"going on after step {state['step']} of {recipe.steps}")
        best = Best(float(state.get("best", "inf")), int(state.get("since", 0)))
        return folder.load(state), int(state["step"]), best
    if state is None:
        model = architecture(recipe.arch).build(recipe, len(data.classes))
        adopt(model, start.weights, batches.batch(0)[0], say, width=recipe.width, head=not recipe.imitate)
    else:
        model = folder.load(state)
    if recipe.imitate and start.teacher is not None:
        save, done = partial(_save_imitation, folder, model), int(state["imitated"]) if state else 0
        if not imitate(model, start.teacher, data, recipe, done=done, save=save, say=say, stopped=stopped):
            return None
    if teacher is not None:
        model = with_projections(model, teacher, _teaching_crops(batches, recipe))
    return _compile(model, recipe), 0, Best()


def _save_imitation(folder: RunFolder, model: keras.Model, block: int) -> None:
    folder.save(model, 0, imitated=block)


def _alone(model: keras.Model) -> keras.Model:
    return model if len(model.outputs) == 1 else without_projections(model)


def _finish(folder: RunFolder, model: keras.Model, recipe: Recipe, batches: Batches) -> Path:
    """final.keras: the last weights, their average, or, with patience, the best."""
    if recipe.patience:
        final, best = folder.folder / "final.keras", folder.folder / "best.keras"
        if best.exists() or not final.exists():
            best.replace(final)
        return folder.finish(recipe.steps)
    if recipe.average:
        model.optimizer.finalize_variable_values(model.trainable_variables)
        renormalise(model, batches, recipe.steps)
    folder.keep(_alone(model), "final")
    return folder.finish(recipe.steps)
