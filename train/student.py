"""A network that learns features from a teacher beside its own task (FitNets: Romero et al. 2015).

The teacher's features of two stages are the targets of two linear projections of ours, at places of the same stride.
A few thousand labelled pictures say little about what a face looks like; features say something at every place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.contract import F32, U8
from train.errors import TrainError
from train.teacher import load_teacher


class Teacher:
    """The targets for a batch, each channel divided by its deviation over the pictures given first."""

    def __init__(self, path: Path, rgb: U8, stages: Sequence[int] = (3, 4)) -> None:
        """`rgb` uint8 (N, P, P, 3) are training pictures for the scales. Raises CheckpointError."""
        self._model = load_teacher(path, stages)
        self.channels: list[int] = [int(y.shape[-1]) for y in self._model.outputs]
        self._scales = [np.maximum(y.std(axis=(0, 1, 2)), 1e-2) for y in self._features(rgb)]

    def _features(self, rgb: U8) -> list[F32]:
        return _features(self._model, rgb)

    def targets(self, rgb: Any) -> list[F32]:
        """For each stage float32 (N, P/S, P/S, C) with its stride S and channels C, cut at 5 deviations."""
        return [np.minimum(y / s, 5.0) for y, s in zip(self._features(rgb), self._scales, strict=True)]


def with_projections(model: keras.Model, teacher: Teacher, rgb: U8) -> keras.Model:
    """`model` (one output, logits) with two more outputs: its features, projected to the teacher's channels.

    They share all layers with `model`. The projections begin as the best linear ones on `rgb` uint8 (N, P, P, 3): from
    random ones a run of a thousand steps learned next to nothing. Raises TrainError for a network without VGG16's
    five blocks.
    """
    if not any(layer.name == "pool5" for layer in model.layers):
        raise TrainError("a teacher guides only vgg16 with five blocks", hint="leave --teacher away")
    fine = model.get_layer("pool5").input  # behind the last ReLU, stride 16
    coarse = model.get_layer("pool5").output  # stride 32
    return projected(keras.Model(model.input, [fine, coarse]), teacher, rgb, model.outputs)


def projected(features: keras.Model, teacher: Teacher, rgb: U8, first: Sequence[Any] = ()) -> keras.Model:
    """A model with the outputs `first` and each of `features`' outputs, projected to the channels of a stage."""
    layers = keras.layers
    outputs = [
        layers.Conv2D(n, 1, name=f"teach{k}", dtype="float32")(layers.Activation("linear", dtype="float32")(x))
        for k, (x, n) in enumerate(zip(features.outputs, teacher.channels, strict=True))
    ]
    student = keras.Model(features.input, [*first, *outputs], name="student")
    for k, (x, y) in enumerate(zip(_features(features, rgb), teacher.targets(rgb), strict=True)):
        kernel, bias = _best_linear(x, y)
        student.get_layer(f"teach{k}").set_weights([kernel[None, None], bias])
    return student


def _features(model: keras.Model, rgb: Any) -> list[F32]:
    answers = model.predict_on_batch(rgb.astype(np.float32))
    return [_single(y) for y in (answers if isinstance(answers, list) else [answers])]


def _single(values: Any) -> F32:
    """As float32: numpy adds up a long row of bfloat16 wrongly."""
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(values, "float32")))


def _best_linear(x: F32, y: F32, ridge: float = 1e-2) -> tuple[F32, F32]:
    """Kernel (C, D) and bias (D,) of the ridge regression of y (..., D) on x (..., C)."""
    x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    centred = (x - x_mean).astype(np.float64)
    gram = centred.T @ centred / len(x)
    gram += ridge * max(float(np.trace(gram)) / len(gram), 1e-9) * np.eye(len(gram))
    kernel = np.linalg.solve(gram, centred.T @ (y - y_mean) / len(x))
    return np.asarray(kernel, np.float32), np.asarray(y_mean - x_mean @ kernel, np.float32)


def without_projections(student: keras.Model) -> keras.Model:
    """The network alone, as it is exported."""
    return keras.Model(student.input, student.get_layer("logits").output, name="vgg16")
