"""Averaged weights need a normalisation of their own."""

from __future__ import annotations

import keras
import numpy as np

from train.backend import seed_dropout
from train.batches import Batches

NORMALISED_ON = 40
"""Batches that set the normalisation of averaged weights."""


def renormalise(model: keras.Model, batches: Batches, first: int, count: int = NORMALISED_ON) -> None:
    """Sets the means and variances of the normalisation to those of `count` batches from step `first` on.

    While training they were followed for other weights than the averaged ones (Izmailov et al. 2018).
    """
    norms = [layer for layer in model.layers if layer.trainable and hasattr(layer, "moving_variance")]
    if not norms:
        return
    usual = [norm.momentum for norm in norms]
    for seen in range(count):
        for norm in norms:
            norm.momentum = seen / (seen + 1)
        seed_dropout(model, 0, seen)
        model(batches.batch(first + seen)[0].astype(np.float32), training=True)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
