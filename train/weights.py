"""Where a run starts from: nothing, ImageNet, a checkpoint of ours, or a shipped bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnx

from engines.contract import F32, U8
from train.errors import CheckpointError
from train.model import Convs, folded


def adopt(model: keras.Model, weights: str, rgb: U8, say: Callable[[str], None]) -> None:
    """Sets the convolutions of `model` from `weights`: none, imagenet, a .keras file or a bundle's name or folder.

    `rgb` uint8 (N, P, P, 3) is a batch of training pictures: the normalisation after each convolution is set to what it
    sees there, so that the network answers as before. Raises CheckpointError.
    """
    if weights == "none":
        return
    convs = _imagenet() if weights == "imagenet" else _ours(weights)
    have = [[conv.shape for conv, _ in block] for block in convs]
    want = [[tuple(layer.kernel.shape) for layer in block] for block in _blocks(model)]
    if have != want:
        raise CheckpointError(
            f"the weights {weights} are of another network: {have} instead of {want}", hint="use none"
        )
    _settle(model, convs, rgb)
    say(f"started from the convolutions of {weights}")


def _blocks(model: keras.Model) -> list[list[Any]]:
    blocks: dict[str, list[Any]] = {}
    for layer in model.layers:
        if layer.name.startswith("conv"):
            blocks.setdefault(layer.name.split("_")[0], []).append(layer)
    return list(blocks.values())


def _imagenet() -> Convs:
    """Keras' ImageNet VGG16, rewritten for RGB in -1..1 instead of BGR minus its means."""
    try:
        source = keras.applications.VGG16(include_top=False, weights="imagenet")
    except Exception as error:  # Keras wraps every kind of network failure in a bare Exception.
        raise CheckpointError(f"the ImageNet weights cannot be had: {error}", hint="use --weights none") from error
    convs: Convs = [[] for _ in range(5)]
    for layer in source.layers:
        if "_conv" in layer.name:
            kernel, bias = (np.asarray(keras.ops.convert_to_numpy(w), np.float32) for w in layer.weights)
            convs[int(layer.name[5]) - 1].append((kernel, bias))
    kernel, bias = convs[0][0]
    offset = np.array([127.5 - 103.939, 127.5 - 116.779, 127.5 - 123.68], np.float32)
    convs[0][0] = (kernel[:, :, ::-1] * 127.5, bias + (kernel * offset[:, None]).sum(axis=(0, 1, 2)))
    return convs


def _ours(weights: str) -> Convs:
    if weights.endswith(".keras"):
        try:
            return folded(keras.saving.load_model(weights, compile=False))[0]
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot read {weights}: {error}", hint="name a .keras file of a run") from error
    from engines.bundle import load_bundle

    return read_convs(load_bundle(weights).read_model())


def read_convs(onnx_bytes: bytes) -> Convs:
    """The convolutions of a graph that `train.graph.vgg_graph` wrote, float32, kernels HWIO, by block."""
    model = onnx.load_from_string(onnx_bytes)
    arrays = {w.name: onnx.numpy_helper.to_array(w).astype(np.float32) for w in model.graph.initializer}
    convs: Convs = []
    for node in model.graph.node:
        if node.op_type == "Conv":
            name = node.name.removesuffix(".sum")
            if name.endswith("_1"):
                convs.append([])
            convs[-1].append((arrays[f"{name}.kernel.f16"].transpose(2, 3, 1, 0), arrays[f"{name}.bias"]))
    return convs


def _settle(model: keras.Model, convs: Convs, rgb: U8) -> None:
    """Kernels as they are; gamma and beta such that the normalised output is the biased output on this batch."""
    x: F32 = rgb.astype(np.float32) / 127.5 - 1
    for layers, block in zip(_blocks(model), convs, strict=True):
        for layer, (kernel, bias) in zip(layers, block, strict=True):
            norm = model.get_layer(layer.name.replace("conv", "norm"))
            layer.kernel.assign(kernel)
            y = np.asarray(keras.ops.convert_to_numpy(keras.ops.conv(x, kernel, padding="same")), np.float32)
            mean, variance = y.mean(axis=(0, 1, 2)), y.var(axis=(0, 1, 2))
            norm.gamma.assign(np.sqrt(variance + norm.epsilon))
            norm.beta.assign(mean + bias)
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(variance)
            x = np.maximum(y + bias, 0)
        x = np.asarray(keras.ops.convert_to_numpy(keras.ops.max_pool(x, 2)), np.float32)
