"""VGG16 (Simonyan & Zisserman 2014, configuration D) with a three-class head, as it trains and as it is deployed.

While training every convolution and hidden dense layer is followed by batch normalisation; `folded` puts the
normalisation into kernels and biases, so that the deployed network is exactly 13 convolutions, 5 poolings and 3 dense
layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from engines.contract import F32
from train.backend import FusedBatchNorm
from train.recipe import VGG16
from train.spec import CLASSES

Convs = list[list[tuple[F32, F32]]]
Dense = tuple[F32, F32]
Denses = list[Dense]


def build_vgg(
    input_px: int,
    *,
    blocks: Sequence[Sequence[int]] = VGG16,
    dense: int = 256,
    dropout: float = 0.5,
    classes: int = len(CLASSES),
    frozen_blocks: int = 0,
) -> keras.Model:
    """A Keras model: uint8-valued RGB (N, input_px, input_px, 3) in, float32 logits (N, classes) out.

    The first `frozen_blocks` blocks do not train: they are for weights that are put in afterwards.
    """
    layers = keras.layers
    x = inputs = keras.Input((input_px, input_px, 3), name="rgb")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(x)
    for b, filters in enumerate(blocks, 1):
        for c, n in enumerate(filters, 1):
            train = {"trainable": b > frozen_blocks}
            x = layers.Conv2D(
                n, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"conv{b}_{c}", **train
            )(x)
            x = FusedBatchNorm(name=f"norm{b}_{c}", **train)(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D(name=f"pool{b}")(x)
    x = layers.Flatten()(x)
    for d in (1, 2):
        x = layers.Dense(dense, use_bias=False, kernel_initializer="he_normal", name=f"dense{d}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{d}")(x)
        x = layers.ReLU()(x)
        x = layers.Dropout(dropout, name=f"drop{d}")(x)
    # Zeros: a run begins by knowing nothing, instead of unlearning random answers through two dropouts.
    outputs = layers.Dense(classes, dtype="float32", kernel_initializer="zeros", name="logits")(x)
    return keras.Model(inputs, outputs, name="vgg16")


def folded(model: keras.Model) -> tuple[Convs, Denses]:
    """The deployed weights, float32: convolutions (kernel HWIO, bias) by block, dense layers (kernel (in, out), bias).

    y = gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta is itself a convolution with a bias.
    """
    convs: Convs = []
    by_name = {layer.name: layer for layer in model.layers}
    for block in range(1, 1 + sum(name.startswith("pool") for name in by_name)):
        convs.append([])
        step = 1
        while (conv := by_name.get(f"conv{block}_{step}")) is not None:
            convs[-1].append(_fold(conv, by_name[f"norm{block}_{step}"]))
            step += 1
    denses = [_fold(by_name[f"dense{d}"], by_name[f"norm{d}"]) for d in (1, 2)]
    return convs, [*denses, (_array(by_name["logits"].kernel), _array(by_name["logits"].bias))]


def _fold(layer: Any, norm: Any) -> tuple[F32, F32]:
    scale = _array(norm.gamma) / np.sqrt(_array(norm.moving_variance) + norm.epsilon)
    return _array(layer.kernel) * scale, _array(norm.beta) - _array(norm.moving_mean) * scale


def _array(variable: Any) -> F32:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float32)
