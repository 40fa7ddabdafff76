"""A ResNet-50 (He et al. 2015) as a teacher: its features, never its answers, guide the training of our own network.

The weights are a file of float16 kernels OIHW and float32 biases, batch normalisation folded in, stride on the first
1x1 convolution of a stage, and a 3x3 pooling padded to the right and below. It is no part of what is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from train.errors import CheckpointError

BLOCKS = (3, 4, 6, 3)
"""Bottlenecks of each stage."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, in RGB of 0..1."""


def load_teacher(path: Path, stages: Sequence[int] = (3, 4)) -> keras.Model:
    """uint8-valued RGB (N, P, P, 3) -> features of the `stages`, of 1 (N, P/4, P/4, 256) to 4 (N, P/32, P/32, 2048).

    Not trainable. Raises CheckpointError for a file that is no such ResNet-50.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name.removeprefix("1."): stored[name].astype(np.float32) for name in stored.files}
        model = _resnet(arrays, stages)
    except (OSError, ValueError, KeyError) as error:
        what = f"{path} holds no ResNet-50: {error}"
        raise CheckpointError(what, hint="name a file with the kernels conv1, layer1.0.conv1, ...") from error
    model.trainable = False
    return model


def _resnet(arrays: dict[str, Any], wanted: Sequence[int]) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input((None, None, 3), name="rgb")
    scale = [1 / (255 * d) for d in _DEVIATION]
    offset = [-m / d for m, d in zip(_MEAN, _DEVIATION, strict=True)]
    x = layers.Rescaling(scale, offset=offset, name="normalise")(inputs)
    todo: list[tuple[Any, str]] = []

    def conv(x: Any, name: str, stride: int = 1, pad: int = 0) -> Any:
        kernel = arrays[f"{name}.weight"]
        layer = layers.Conv2D(kernel.shape[0], kernel.shape[2], strides=stride, name=name.replace(".", "_"))
        todo.append((layer, name))
        return layer(layers.ZeroPadding2D(pad)(x) if pad else x)

    x = layers.ReLU()(conv(x, "conv1", stride=2, pad=3))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))  # all values are 0 or more
    outputs = {}
    for stage, blocks in enumerate(BLOCKS, 1):
        for block in range(blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = layers.ReLU()(conv(x, f"{name}.conv1", stride))
            y = conv(layers.ReLU()(conv(y, f"{name}.conv2", pad=1)), f"{name}.conv3")
            short = conv(x, f"{name}.downsample.0", stride) if block == 0 else x
            x = layers.ReLU()(layers.Add()([y, short]))
        outputs[stage] = x
    for layer, name in todo:
        layer.set_weights([arrays[f"{name}.weight"].transpose(2, 3, 1, 0), arrays[f"{name}.bias"]])
    return keras.Model(inputs, [outputs[stage] for stage in wanted], name="teacher")
