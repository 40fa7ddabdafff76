"""Tiny training runs for tests: crops of noise, recipes of two filters, a teacher of few channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from engines.bundle import Bundle, write_bundle
from engines.contract import Card
from tests.bundles import tiny_weights
from train.architectures import architecture
from train.fit import fit
from train.graph import vgg_graph
from train.manifest import Prepared, Row
from train.recipe import Recipe

FIVE = ((2,), (2,), (2,), (2,), (2,))
TINY = Recipe(
    pictures=48, batch=8, input_px=32, blocks=((2,), (2,)), dense=4, bfloat16=False, learning_rate=3e-3, augment=None,
    dropout=0,
)  # fmt: skip
SHORT = (1, 1, 1, 1)
"""Bottlenecks of each stage of the tests' teacher: the real one's 16 take seconds to build, many times over."""
FEW_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 1, 2))
"""A MobileNetV2 of four blocks instead of seventeen, one of each kind: without expansion, with a stride, with a sum."""


def noise(**counts: int) -> Prepared:
    """So many crops a class in each split, noise of three brightnesses: enough to learn from. Every real picture has a
    fake in its group."""
    rng = np.random.default_rng(0)
    rows, crops = [], []
    for split, n in counts.items():
        for level, label in enumerate(("real", "fake", "mask")):
            for i in range(n):
                group = f"{split}{i}" if label != "mask" else f"m{split}{i}"
                rows.append(Row(f"{len(rows)}", f"{len(rows)}.jpg", "noise", label, group, split, "whole", 30.0))
                crops.append(np.clip(rng.normal(60 + 60 * level, 30, (44, 44, 3)), 0, 255).astype(np.uint8))
    return Prepared(tuple(rows), np.stack(crops), 0.5, "digest")


def write_teacher(path: Path, stages: tuple[int, ...] = SHORT) -> Path:
    """A ResNet of few channels, in the form of the real file."""
    rng, arrays = np.random.default_rng(1), {}

    def conv(name: str, outputs: int, inputs: int, side: int) -> None:
        kernel = rng.normal(0, np.sqrt(2 / (inputs * side * side)), (outputs, inputs, side, side))
        arrays[f"1.{name}.weight"] = kernel.astype(np.float16)
        arrays[f"1.{name}.bias"] = np.zeros(outputs, np.float32)

    conv("conv1", 4, 3, 7)
    inputs = 4
    for stage, blocks in enumerate(stages, 1):
        wide = 8 * stage
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            conv(f"{name}.conv1", 4, inputs, 1)
            conv(f"{name}.conv2", 4, 4, 3)
            conv(f"{name}.conv3", wide, 4, 1)
            if block == 0:
                conv(f"{name}.downsample.0", wide, inputs, 1)
            inputs = wide
    np.savez(path, **arrays)
    return path


def tiny_vgg_bundle(folder: Path) -> Bundle:
    """As TINY has it: two blocks of two filters."""
    convs, denses = tiny_weights(32, filters=2, blocks=(1, 1))
    card = Card("tiny", "1", "vgg16", ("real", "fake", "mask"), 32, 0.15, (0.4, 0.4, 0.2), 0.6, 20.0)
    return write_bundle(folder, vgg_graph(convs, denses, input_px=32).SerializeToString(), card, "tiny", "tests")


def run(data: Prepared, folder: Path, recipe: Recipe, **more: Any) -> Path | None:
    """`fit` without a word."""
    return fit(data, folder, recipe, say=more.pop("say", lambda _: None), **more)


def weights(file: Path) -> list[Any]:
    """Of a stored model."""
    return list(keras.saving.load_model(file, compile=False).get_weights())


def assert_same(one: Path, other: Path) -> None:
    """Two stored models have the same weights, but for rounding."""
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def write_kernels(path: Path, recipe: Recipe) -> Path:
    """Random kernels that fit the ResNet of the recipe, in the form of the real file."""
    arrays = {}
    for layer in architecture("resnet50").build(recipe, 3).layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            arrays[f"1.{layer.name.replace('_', '.')}.weight"] = kernel.transpose(3, 2, 0, 1).astype(np.float16)
            arrays[f"1.{layer.name.replace('_', '.')}.bias"] = bias
    np.savez(path, **arrays)
    return path
