"""ResNet-50 (He et al. 2015), never deployed: what it knows from other pictures guides our own network.

The weights are a file of float16 kernels OIHW and float32 biases, batch normalisation folded in, stride on the first
1x1 convolution of a stage, and a 3x3 pooling padded to the right and below.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.contract import F32
from train.errors import CheckpointError

BLOCKS = (3, 4, 6, 3)
"""Bottlenecks of each stage."""
ENLARGED = 2
"""A network that answers sees crops so many times as large: it halves them twice before its first stage, and learned
from larger pictures."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, in RGB of 0..1."""
HINT = "name a file with the kernels conv1, layer1.0.conv1, ..."

Kernels = Mapping[str, F32]
"""Name -> kernel OIHW or bias: conv1.weight, conv1.bias, layer1.0.conv1.weight, ..."""
Size = Callable[[str], tuple[int, int]]
"""The name of a convolution -> its filters and their side."""


def read_kernels(path: Path) -> dict[str, F32]:
    """What a file of weights holds, float32. Raises CheckpointError."""
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it is one array, not an .npz file of several")
        with stored:
            return {name.removeprefix("1."): stored[name].astype(np.float32) for name in stored.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} holds no ResNet-50: {error}", hint=HINT) from error


def build_features(kernels: Kernels, stages: tuple[int, ...]) -> keras.Model:
    """RGB of 0..255 (N, P, P, 3) -> what the `stages` 1 to 4 give, strides 4 to 32.

    Raises KeyError and ValueError for kernels that are no ResNet-50.
    """
    inputs = keras.Input((None, None, 3), name="rgb")

    def size(name: str) -> tuple[int, int]:
        kernel = kernels[f"{name}.weight"]
        return kernel.shape[0], kernel.shape[2]

    outputs = _stages(_normalised(inputs), size)
    model = keras.Model(inputs, [outputs[stage] for stage in stages], name="teacher")
    set_kernels(model, kernels)
    return model


def build_resnet(input_px: int, *, width: float, dropout: float, classes: int) -> keras.Model:
    """RGB of 0..255 (N, input_px, input_px, 3) -> float32 logits (N, classes), from random weights."""
    inputs = keras.Input((input_px, input_px, 3), name="rgb")
    x = keras.layers.UpSampling2D(ENLARGED, interpolation="bilinear", name="enlarge")(_normalised(inputs))

    def size(name: str) -> tuple[int, int]:
        if name == "conv1":
            return round(64 * width), 7
        narrow = round(64 * width) * 2 ** (int(name[len("layer")]) - 1)
        return (narrow, 3) if name.endswith("conv2") else (narrow, 1) if name.endswith("conv1") else (4 * narrow, 1)

    x = keras.layers.GlobalAveragePooling2D(name="mean")(_stages(x, size)[4])
    x = keras.layers.Dropout(dropout, name="drop")(x)
    outputs = keras.layers.Dense(classes, dtype="float32", kernel_initializer="zeros", name="logits")(x)
    return keras.Model(inputs, outputs, name="resnet50")


def set_kernels(model: keras.Model, kernels: Kernels) -> None:
    """Every convolution of the model. Raises KeyError for one without a kernel, ValueError for one of another form."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            name = layer.name.replace("_", ".")
            layer.set_weights([kernels[f"{name}.weight"].transpose(2, 3, 1, 0), kernels[f"{name}.bias"]])


def _normalised(rgb: Any) -> Any:
    scale = [1 / (255 * d) for d in _DEVIATION]
    offset = [-m / d for m, d in zip(_MEAN, _DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, name="normalise")(rgb)


def _stages(x: Any, size: Size) -> dict[int, Any]:
    layers = keras.layers

    def conv(x: Any, name: str, stride: int = 1, pad: int = 0) -> Any:
        filters, side = size(name)
        x = layers.ZeroPadding2D(pad)(x) if pad else x
        return layers.Conv2D(filters, side, strides=stride, name=name.replace(".", "_"))(x)

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
    return outputs
