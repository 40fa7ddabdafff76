"""Where a run starts from: nothing, ImageNet, a checkpoint of ours, or a shipped bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from engines.contract import F32, U8
from train.errors import CheckpointError
from train.mobilenet import imagenet_into
from train.model import Convs, Denses, folded
from train.resnet import HINT, read_kernels, set_kernels


def adopt(
    model: keras.Model, weights: str, rgb: U8, say: Callable[[str], None], *, width: float = 1.0, head: bool = True
) -> None:
    """Sets the layers of `model` from `weights`: none, imagenet, a .keras file, for VGG16 a bundle, for ResNet-50 .npz.

    Dense layers are taken where they fit, too: those of ImageNet, of another input size or of other classes do not;
    without `head` none are, as for convolutions that are about to learn something else.
    `rgb` uint8 (N, P, P, 3) is a batch of training pictures: the normalisation after each layer is set to what it sees
    there, so that the network answers as before. Raises CheckpointError.
    """
    if weights == "none":
        return
    if model.name == "resnet50" and weights.endswith(".npz"):
        _adopt_kernels(model, Path(weights))
        say(f"started from {weights}")
        return
    if model.name != "vgg16":
        _adopt_other(model, weights, width)
        say(f"started from {weights}")
        return
    convs, denses = (_imagenet(), []) if weights == "imagenet" else _ours(weights)
    have = [[conv.shape for conv, _ in block] for block in convs]
    want = [[tuple(layer.kernel.shape) for layer in block] for block in _blocks(model)]
    if have != want:
        raise CheckpointError(
            f"the weights {weights} are of another network: {have} instead of {want}", hint="use none"
        )
    hidden = _settle_convs(model, convs, rgb)
    fits = head and [k.shape for k, _ in denses] == [tuple(model.get_layer(n).kernel.shape) for n in DENSES]
    if fits:
        _settle_denses(model, denses, hidden)
    say(f"started from {'all layers' if fits else 'the convolutions'} of {weights}")


def _adopt_kernels(model: keras.Model, file: Path) -> None:
    try:
        set_kernels(model, read_kernels(file))
    except (ValueError, KeyError, IndexError) as error:
        raise CheckpointError(f"{file} does not fit a {model.name}: {error}", hint=HINT) from error


def _adopt_other(model: keras.Model, weights: str, width: float) -> None:
    if weights == "imagenet" and model.name == "mobilenetv2":
        imagenet_into(model, width)
        return
    if not weights.endswith(".keras"):
        what = f"a {model.name} cannot start from {weights}"
        raise CheckpointError(
            what, hint=f"use none, {IMAGENET[model.name]} or the .keras file of a run of the same recipe"
        )
    try:
        model.set_weights(keras.saving.load_model(weights, compile=False).get_weights())
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{weights} does not fit a {model.name}: {error}"
        raise CheckpointError(what, hint="name a .keras file of a run of the same recipe") from error


IMAGENET = {"mobilenetv2": "imagenet", "resnet50": "an .npz file (train/resnet.py)"}
"""Where a network's weights of ImageNet come from."""
DENSES = ("dense1", "dense2", "logits")


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


def _ours(weights: str) -> tuple[Convs, Denses]:
    if weights.endswith(".keras"):
        try:
            return folded(keras.saving.load_model(weights, compile=False))
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"{weights} cannot be read as a VGG16 of ours: {error}"
            raise CheckpointError(what, hint="name the .keras file of a run of vgg16") from error
    from engines.bundle import load_bundle

    model = load_bundle(weights).read_model()
    try:
        return read_convs(model), read_denses(model)
    except (KeyError, IndexError, ValueError) as error:
        what = f"the bundle {weights} holds no VGG16 as `monitor train export` writes it"
        raise CheckpointError(what, hint="name a bundle of vgg16, a .keras file or none") from error


def _arrays(model: onnx.ModelProto) -> dict[str, F32]:
    return {w.name: onnx.numpy_helper.to_array(w).astype(np.float32) for w in model.graph.initializer}


def read_convs(onnx_bytes: bytes) -> Convs:
    """The convolutions of a graph that `train.graph.vgg_graph` wrote, float32, kernels HWIO, by block."""
    model = onnx.load_from_string(onnx_bytes)
    arrays, convs = _arrays(model), Convs()
    for node in model.graph.node:
        if node.op_type == "Conv":
            name = node.name.removesuffix(".sum")
            if name.endswith("_1"):
                convs.append([])
            convs[-1].append((arrays[f"{name}.kernel.f16"].transpose(2, 3, 1, 0), arrays[f"{name}.bias"]))
    return convs


def read_denses(onnx_bytes: bytes) -> Denses:
    """The dense layers of such a graph, float32, kernels (in, out), rows as a channels-last Flatten has them."""
    model = onnx.load_from_string(onnx_bytes)
    arrays = _arrays(model)
    names = [node.name.removesuffix(".sum") for node in model.graph.node if node.op_type == "Gemm"]
    denses = [(arrays[f"{name}.kernel.f16"], arrays[f"{name}.bias"]) for name in names]
    last = [node.name.removesuffix(".sum") for node in model.graph.node if node.op_type == "Conv"][-1]
    (kernel, bias), channels = denses[0], arrays[f"{last}.bias"].size
    side = round((kernel.shape[0] / channels) ** 0.5)
    rows = kernel.reshape(channels, side, side, -1).transpose(1, 2, 0, 3).reshape(kernel.shape)
    return [(rows, bias), *denses[1:]]


def _settle_convs(model: keras.Model, convs: Convs, rgb: U8) -> F32:
    """Sets blocks and their normalisation; what comes out of the last one, flat."""
    x: F32 = rgb.astype(np.float32) / 127.5 - 1
    for layers, block in zip(_blocks(model), convs, strict=True):
        for layer, (kernel, bias) in zip(layers, block, strict=True):
            layer.kernel.assign(kernel)
            y = np.asarray(keras.ops.convert_to_numpy(keras.ops.conv(x, kernel, padding="same")), np.float32)
            _settle(model.get_layer(layer.name.replace("conv", "norm")), y, bias)
            x = np.maximum(y + bias, 0)
        x = np.asarray(keras.ops.convert_to_numpy(keras.ops.max_pool(x, 2)), np.float32)
    return x.reshape(len(x), -1)


def _settle_denses(model: keras.Model, denses: Sequence[tuple[F32, F32]], x: F32) -> None:
    for name, (kernel, bias) in zip(DENSES, denses, strict=True):
        model.get_layer(name).kernel.assign(kernel)
        if name == "logits":
            model.get_layer(name).bias.assign(bias)
            return
        y = np.asarray(x @ kernel, np.float32)
        _settle(model.get_layer(name.replace("dense", "norm")), y, bias)
        x = np.maximum(y + bias, 0)


def _settle(norm: Any, y: F32, bias: F32) -> None:
    """Gamma and beta such that normalised `y` is `y` + bias on this batch."""
    over = tuple(range(y.ndim - 1))
    mean, variance = y.mean(axis=over), y.var(axis=over)
    norm.gamma.assign(np.sqrt(variance + norm.epsilon))
    norm.beta.assign(mean + bias)
    norm.moving_mean.assign(mean)
    norm.moving_variance.assign(variance)
