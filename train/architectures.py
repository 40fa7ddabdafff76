"""Networks that can be trained and exported, by name: uint8 RGB in, probabilities out, under one contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from engines.contract import F32
from train.errors import TrainError
from train.graph import vgg_graph
from train.mobilenet import build_mobilenet, mobilenet_graph
from train.model import build_vgg, folded
from train.resnet import build_resnet

if TYPE_CHECKING:
    from train.recipe import Recipe


@dataclass(frozen=True)
class Architecture:
    title: str
    """For cards and reports."""
    build: Callable[[Recipe, int], Any]
    """(recipe, number of classes) -> Keras model: uint8-valued RGB (N, P, P, 3) -> float32 logits (N, K)."""
    graph: Callable[[Any, Recipe, float, F32], onnx.ModelProto] | None
    """(model, recipe, temperature, shift (K,)) -> deployed graph: probabilities of (logits + shift) / temperature.
    None: a network that only teaches others."""

    def deployed(self, model: Any, recipe: Recipe, temperature: float, shift: F32) -> onnx.ModelProto:
        """What `graph` gives. Raises TrainError for a network that only teaches others."""
        if self.graph is None:
            what = f"{self.title.split(',')[0]} is not exported: it only teaches others"
            raise TrainError(what, hint="train another network with its answers: monitor train fit --tutor final.keras")
        return self.graph(model, recipe, temperature, shift)


def _vgg(recipe: Recipe, classes: int) -> Any:
    return build_vgg(
        recipe.input_px, blocks=recipe.blocks, dense=recipe.dense, dropout=recipe.dropout, classes=classes,
        frozen_blocks=recipe.frozen_blocks,
    )  # fmt: skip


def _vgg_graph(model: Any, recipe: Recipe, temperature: float, shift: F32) -> onnx.ModelProto:
    convs, denses = folded(model)
    kernel, bias = denses[-1]
    denses[-1] = kernel, np.asarray(bias + shift, np.float32)
    return vgg_graph(convs, denses, input_px=recipe.input_px, temperature=temperature)


def _mobilenet(recipe: Recipe, classes: int) -> Any:
    return build_mobilenet(recipe.input_px, width=recipe.width, dropout=recipe.dropout, classes=classes)


def _mobilenet_graph(model: Any, recipe: Recipe, temperature: float, shift: F32) -> onnx.ModelProto:
    return mobilenet_graph(model, recipe.width, recipe.input_px, temperature, shift)


def _resnet(recipe: Recipe, classes: int) -> Any:
    return build_resnet(recipe.input_px, width=recipe.width, dropout=recipe.dropout, classes=classes)


ARCHITECTURES = {
    "vgg16": Architecture("VGG16: 13 convolutions, dense 256, 256, {classes}", _vgg, _vgg_graph),
    "resnet50": Architecture("ResNet-50, a tutor: 53 convolutions, dense {classes}", _resnet, None),
    "mobilenetv2": Architecture("MobileNetV2: 52 convolutions, dense {classes}", _mobilenet, _mobilenet_graph),
}


def architecture(name: str) -> Architecture:
    """The network of this name. Raises TrainError naming those there are."""
    if name not in ARCHITECTURES:
        raise TrainError(f"no architecture {name!r}", hint=f"choose one of: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
