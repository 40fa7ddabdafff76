"""MobileNetV2 (Sandler et al. 2018) as it trains and as an ONNX graph, for devices where VGG16 is too heavy.

Every convolution is followed by batch normalisation while it trains; the graph has it folded into kernels and biases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import onnx

from engines.contract import F32
from train.backend import FusedBatchNorm
from train.errors import CheckpointError
from train.graph import Graph, answer, finished, normalise

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first block: table 2 of the paper."""
STEM, LAST = 32, 1280


@dataclass(frozen=True)
class _Conv:
    """One convolution. `depthwise`: a kernel of its own for every channel."""

    name: str
    channels: int
    side: int = 1
    stride: int = 1
    depthwise: bool = False
    relu6: bool = True


@dataclass(frozen=True)
class _Block:
    """Expand, filter each channel, project; with the input added where shapes allow."""

    convs: tuple[_Conv, ...]
    residual: bool


def _channels(n: float, width: float) -> int:
    """n * width as a multiple of 8, at most 10 % less (the rule of the paper's own code)."""
    rounded = max(8, int(n * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * n * width else rounded


def _blocks(width: float) -> Iterator[_Block]:
    yield _Block((_Conv("stem", _channels(STEM, width), 3, 2),), residual=False)
    inputs, number = _channels(STEM, width), 0
    for expansion, channels, repeats, first_stride in STAGES:
        outputs = _channels(channels, width)
        for i in range(repeats):
            number += 1
            stride, name, inner = first_stride if i == 0 else 1, f"block{number}", inputs * expansion
            expand = (_Conv(f"{name}_expand", inner),) if expansion > 1 else ()
            depth = _Conv(f"{name}_depth", inner, 3, stride, depthwise=True)
            project = _Conv(f"{name}_project", outputs, relu6=False)
            yield _Block((*expand, depth, project), residual=stride == 1 and inputs == outputs)
            inputs = outputs
    yield _Block((_Conv("last", _channels(LAST, max(1.0, width))),), residual=False)


def build_mobilenet(input_px: int, *, width: float = 1.0, dropout: float = 0.2, classes: int = 3) -> keras.Model:
    """A Keras model: uint8-valued RGB (N, input_px, input_px, 3) in, float32 logits (N, classes) out."""
    layers = keras.layers
    x = inputs = keras.Input((input_px, input_px, 3), name="rgb")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalise")(x)
    for block in _blocks(width):
        before = x
        for conv in block.convs:
            settings = {"strides": conv.stride, "padding": "same", "use_bias": False, "name": conv.name}
            if conv.depthwise:
                x = layers.DepthwiseConv2D(conv.side, depthwise_initializer="he_normal", **settings)(x)
            else:
                x = layers.Conv2D(conv.channels, conv.side, kernel_initializer="he_normal", **settings)(x)
            x = FusedBatchNorm(name=f"{conv.name}_norm")(x)
            x = layers.ReLU(6.0)(x) if conv.relu6 else x
        x = layers.Add()([before, x]) if block.residual else x
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    x = layers.Dropout(dropout, name="drop")(x)
    outputs = layers.Dense(classes, dtype="float32", kernel_initializer="zeros", name="logits")(x)
    return keras.Model(inputs, outputs, name="mobilenetv2")


def mobilenet_graph(model: keras.Model, width: float, input_px: int, temperature: float, shift: F32) -> onnx.ModelProto:
    """The deployed graph of a model of this width: probabilities of (logits + shift) / temperature."""
    graph = Graph()
    x, zero, six = normalise(graph), graph.scalar("zero", 0.0), graph.scalar("six", 6.0)
    for block in _blocks(width):
        before = x
        for conv in block.convs:
            x = _conv(graph, x, conv, *_folded(model, conv))
            x = graph.add("Clip", [x, zero, six], conv.name) if conv.relu6 else x
        x = graph.add("Add", [before, x], f"{block.convs[0].name.split('_')[0]}.sum") if block.residual else x
    x = graph.add("GlobalAveragePool", [x], "pooled")
    x = graph.add("Flatten", [x], "flat", axis=1)
    kernel, bias = (_array(w) for w in model.get_layer("logits").weights)
    x = graph.add("Gemm", [x, graph.kernel("logits", kernel), graph.bias("logits", bias + shift)], "logits")
    answer(graph, x, temperature)
    return finished(graph, "mobilenetv2", input_px, classes=bias.size)


def _conv(graph: Graph, x: str, conv: _Conv, kernel: F32, bias: F32) -> str:
    """Keras pads a strided convolution of an even picture to the right and below only."""
    pads = [0, 0, 0, 0] if conv.side == 1 else [0, 0, 1, 1] if conv.stride == 2 else [1, 1, 1, 1]
    return graph.add(
        "Conv", [x, graph.kernel(conv.name, kernel), graph.bias(conv.name, bias)], f"{conv.name}.conv",
        kernel_shape=[conv.side] * 2, strides=[conv.stride] * 2, pads=pads,
        group=kernel.shape[0] if conv.depthwise else 1,
    )  # fmt: skip


def _folded(model: keras.Model, conv: _Conv) -> tuple[F32, F32]:
    """Kernel (out, in, side, side) and bias (out,) with the normalisation in them."""
    norm = model.get_layer(f"{conv.name}_norm")
    scale = _array(norm.gamma) / np.sqrt(_array(norm.moving_variance) + norm.epsilon)
    kernel = _array(model.get_layer(conv.name).weights[0])
    order = (2, 3, 0, 1) if conv.depthwise else (3, 2, 0, 1)
    bias = _array(norm.beta) - _array(norm.moving_mean) * scale
    return np.asarray(kernel.transpose(order) * scale[:, None, None, None], np.float32), np.asarray(bias, np.float32)


def _array(variable: Any) -> F32:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float32)


def imagenet_into(model: keras.Model, width: float = 1.0) -> None:
    """Sets the convolutions and their normalisation from Keras' ImageNet weights. Raises CheckpointError."""
    try:
        source = keras.applications.MobileNetV2(include_top=False, weights="imagenet", alpha=width)
    except Exception as error:  # Keras wraps every kind of network failure in a bare Exception.
        raise CheckpointError(f"the ImageNet weights cannot be had: {error}", hint="use --weights none") from error
    theirs = [layer for layer in source.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]
    norms = [layer for layer in source.layers if isinstance(layer, keras.layers.BatchNormalization)]
    ours = [conv.name for block in _blocks(width) for conv in block.convs]
    for name, conv, norm in zip(ours, theirs, norms, strict=True):
        model.get_layer(name).set_weights(conv.get_weights())
        mine = model.get_layer(f"{name}_norm")
        gamma, beta, mean, variance = norm.get_weights()
        # Their epsilon is the same 1e-3 as ours; the pictures are scaled to -1..1 in both.
        for variable, value in zip((mine.gamma, mine.beta, mine.moving_mean, mine.moving_variance),
                                   (gamma, beta, mean, variance), strict=True):  # fmt: skip
            variable.assign(value)
