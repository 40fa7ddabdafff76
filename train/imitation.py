"""Before any label: VGG16's blocks 3, 4 and 5 learn, one after another, what the stages of a teacher give.

From random weights a few thousand labelled pictures teach the lower layers next to nothing: a linear classifier on a
teacher's first stage tells prints from faces better than a whole network trained that way. Block b + 2 has the stride
of stage b, so it can be taught by itself (the first step of FitNets, Romero et al. 2015): every place of a picture is
an example, and no gradient passes the blocks that already stand. The labels come afterwards, in `train.fit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.contract import U8
from train.averaging import renormalise
from train.batches import Batches
from train.errors import TrainError
from train.manifest import Prepared
from train.recipe import Recipe
from train.student import Teacher, projected

FIRST = 3
"""Blocks 1 to 3 learn together: stage 1 is the finest there is."""
BATCH = 4
"""A step of 4 pictures has a thousand places: many small steps go further. Of stage 1, 1,600 pictures in fours explain
53 %, 2,400 in thirty-twos 9 %."""
RATE = 1e-3
WARMUP = 20
"""Steps in which the rate rises."""
CROPS = 256
"""Training pictures from which the scales of the teacher's channels and the first projection are taken."""

Say = Callable[[str], None]


def imitate(
    model: keras.Model, teacher: Path, data: Prepared, recipe: Recipe, *, done: int, save: Callable[[int], None],
    say: Say, stopped: Callable[[], bool],
) -> bool:  # fmt: skip
    """Teaches the blocks above `done` with `recipe.imitate` pictures each; whether all were finished before `stopped`.

    `save` is called with each finished block. Raises TrainError for a network without five blocks, CheckpointError.
    """
    last = len(recipe.blocks)
    if model.name != "vgg16" or last != 5:
        raise TrainError("only vgg16 with five blocks can imitate a teacher", hint="set imitate: 0")
    batches = Batches(data, replace(recipe, batch=BATCH, paired=0.0, mixup=0.0))
    for block in range(max(FIRST, done + 1), last + 1):
        learning = range(1, FIRST + 1) if block == FIRST else (block,)
        _train_only(model, learning)
        finished = _teach(
            model, block, Teacher(teacher, _crops(batches), stages=(block - 2,)), batches, recipe, say, stopped
        )
        _train_only(model, range(recipe.frozen_blocks + 1, last + 1))
        if not finished:
            return False
        save(block)
    return True


def _crops(batches: Batches) -> U8:
    return np.concatenate([batches.batch(step)[0] for step in range(CROPS // BATCH)])


def _train_only(model: keras.Model, blocks: Any) -> None:
    for layer in model.layers:
        if layer.name.startswith(("conv", "norm")) and "_" in layer.name:
            layer.trainable = int(layer.name[len("conv") :].split("_")[0]) in blocks


def _teach(
    model: keras.Model, block: int, teacher: Teacher, batches: Batches, recipe: Recipe, say: Say,
    stopped: Callable[[], bool],
) -> bool:  # fmt: skip
    """One block, from its features to the stage's; False where it was stopped."""
    pupil = projected(keras.Model(model.input, model.get_layer(f"pool{block}").input), teacher, _crops(batches))
    pupil.compile(keras.optimizers.AdamW(RATE, weight_decay=1e-4, clipnorm=1.0), "mse", jit_compile=False)
    steps, begin = max(1, recipe.imitate // BATCH), block * 1_000_000  # other pictures than those of the labels' steps
    losses: list[float] = []
    for step, rgb, _ in batches.ahead(begin, begin + steps):
        done = step - begin
        if stopped():
            say(f"stopped while block {block} imitated; the same command begins that block again")
            return False
        pupil.optimizer.learning_rate = RATE * min(1, (done + 1) / WARMUP) * (0.5 + 0.5 * np.cos(np.pi * done / steps))
        (target,) = teacher.targets(rgb)
        losses.append(
            float(pupil.train_on_batch(rgb.astype(np.float32), target)) / float(target.var(axis=(0, 1, 2)).mean())
        )
    renormalise(pupil, batches, begin + steps)
    say(f"block {block} imitates: {1 - np.mean(losses[-50:]):.0%} of the teacher's stage {block - 2} explained")
    return True
