"""Teachers: a ResNet-50 whose features or, once it was trained on our pictures, answers guide our own network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from train.errors import CheckpointError
from train.resnet import HINT, build_features, read_kernels


def load_teacher(path: Path, stages: Sequence[int] = (3, 4)) -> keras.Model:
    """uint8-valued RGB (N, P, P, 3) -> features of the `stages`, of 1 (N, P/4, P/4, 256) to 4 (N, P/32, P/32, 2048).

    Not trainable. Raises CheckpointError for a file that is no such ResNet-50.
    """
    kernels = read_kernels(path)
    try:
        model = build_features(kernels, tuple(stages))
    except (ValueError, KeyError, IndexError) as error:
        raise CheckpointError(f"{path} holds no ResNet-50: {error}", hint=HINT) from error
    model.trainable = False
    return model


def load_tutor(path: Path, input_px: int, classes: int) -> keras.Model:
    """A finished run's network, usually a larger one: RGB of 0..255 (N, P, P, 3) -> logits (N, K).

    Raises CheckpointError for a file that holds no network for such crops and classes.
    """
    hint = "name the final.keras of a run of the same pictures and input_px, e.g. of the recipe tutor"
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"cannot read {path}: {error}", hint=hint) from error
    asked, answers = model.input_shape[1:], model.output_shape[1:]
    if asked != (input_px, input_px, 3) or answers != (classes,):
        what = f"{path} answers {answers} for crops {asked}, not {(classes,)} for {(input_px, input_px, 3)}"
        raise CheckpointError(what, hint=hint)
    return model
