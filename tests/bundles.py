"""Tiny models and bundles for tests: the real graph writer and file format, seeded random weights, two filters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from engines.bundle import Bundle, write_bundle
from engines.calibrate import calibrate
from engines.contract import Card
from train.graph import vgg_graph

F32 = npt.NDArray[np.float32]
Layer = tuple[F32, F32]


def tiny_weights(
    input_px: int = 32, *, filters: int = 8, classes: int = 3, seed: int = 7, blocks: tuple[int, ...] = (2, 2, 3, 3, 3)
) -> tuple[list[list[Layer]], list[Layer]]:
    """Random VGG weights (convs, denses) with few filters, scaled so that signals neither die nor explode."""
    rng = np.random.default_rng(seed)

    def layer(*shape: int) -> Layer:
        kernel = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        return kernel.astype(np.float32), rng.normal(0, 0.1, shape[-1]).astype(np.float32)

    convs, channels = [], 3
    for count in blocks:
        convs.append([layer(3, 3, channels if i == 0 else filters, filters) for i in range(count)])
        channels = filters
    flat = filters * (input_px // 2 ** len(blocks)) ** 2
    kernel, bias = layer(16, classes)
    return convs, [layer(flat, 16), layer(16, 16), (kernel * np.float32(10), bias)]  # answers that differ clearly


def tiny_crops(n: int, input_px: int = 32, *, seed: int = 1) -> npt.NDArray[np.uint8]:
    """Pictures uint8 (n, input_px, input_px, 3) that differ in colour, gradient and grain, so that answers differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : input_px * 1j, -1 : 1 : input_px * 1j][..., None]
    colour, across, down = rng.uniform(-100, 100, (3, n, 1, 1, 3))
    grain = rng.normal(0, 1, (n, input_px, input_px, 3)) * rng.uniform(0, 60, (n, 1, 1, 1))
    return np.clip(128 + colour + across * x + down * y + grain, 0, 255).astype(np.uint8)


def tiny_bundle(folder: Path, input_px: int = 32, *, filters: int = 8, seed: int = 7) -> Bundle:
    """A whole bundle at `folder`: random weights, calibrated on tiny_crops, classes real, fake, mask."""
    convs, denses = tiny_weights(input_px, filters=filters, seed=seed)
    model = vgg_graph(convs, denses, input_px=input_px, temperature=1.5).SerializeToString(deterministic=True)
    return _bundle(folder, model, input_px, priors=(0.4, 0.35, 0.25), seed=seed)


def colour_bundle(folder: Path, input_px: int = 32) -> Bundle:
    """A bundle that a test can lead: a grey face is real, one with blue in it fake, one with green in it a mask.

    The real graph of five blocks, with weights by hand: two filters take blue and green minus red, the rest passes on.
    """
    first = np.zeros((3, 3, 3, 2), np.float32)
    first[1, 1, :, 0], first[1, 1, :, 1] = (-1, -0.5, 1.5), (-1, 1.5, -0.5)  # by channel: red, green, blue
    passed = np.zeros((3, 3, 2, 2), np.float32)
    passed[1, 1] = np.eye(2)
    nothing = np.zeros(2, np.float32)
    convs = [[(kernel, nothing)] for kernel in (first, *[passed] * 4)]
    to_classes = np.zeros((2, 3), np.float32)
    to_classes[0, 1] = to_classes[1, 2] = 30
    denses = [(np.eye(2, dtype=np.float32), nothing), (to_classes, np.array([5, 0, 0], np.float32))]
    model = vgg_graph(convs, denses, input_px=input_px).SerializeToString(deterministic=True)
    return _bundle(folder, model, input_px, priors=(0.34, 0.33, 0.33), seed=7)


def _bundle(folder: Path, model: bytes, input_px: int, *, priors: tuple[float, float, float], seed: int) -> Bundle:
    card = Card(
        name=folder.name,
        version="1",
        architecture="vgg16",
        classes=("real", "fake", "mask"),
        input_px=input_px,
        crop_margin=0.25,
        priors=priors,
        confidence=0.6,
        min_face_px=20.0,
        ranges=calibrate(model, [tiny_crops(16, input_px, seed=seed)]),
        metrics={"accuracy": 0.5},
        licence="for tests only",
    )
    return write_bundle(folder, model, card, "# A tiny model\n", "For tests only.\n")
