"""The one place that knows which Keras backend runs: everything else in `train` is plain Keras.

Keras' own BatchNormalization computes moments in float32 with unfused kernels; on a CPU with bfloat16 units it takes
more than half of a VGG16 training step (18 against 36 pictures a second on 2 cores, TensorFlow 2.21).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from engines.machine import cpu, usable_threads


def fused_batch_norm(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Normalised x (N, H, W, C) in its own dtype, batch mean and variance (C,) float32."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tuple(
            tf.compat.v1.nn.fused_batch_norm(
                x, tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta), epsilon=epsilon, is_training=True
            )
        )
    if backend == "torch":
        import torch

        channels_first = x.permute(0, 3, 1, 2)
        mean, variance = torch.zeros_like(beta), torch.ones_like(gamma)
        y = torch.nn.functional.batch_norm(
            channels_first, mean, variance, gamma.to(torch.float32), beta, training=True, momentum=1.0, eps=epsilon
        )
        return y.permute(0, 2, 3, 1), mean, variance
    raise RuntimeError(f"training runs on the Keras backends tensorflow and torch, not {backend}")


def has_gpu() -> bool:
    """Whether the backend trains on a GPU."""
    if keras.backend.backend() == "torch":
        import torch

        return bool(torch.cuda.is_available())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def chosen_workers(asked: int | None) -> int:
    """Processes that make batches: as asked for, else by what trains.

    Where a GPU does, all but two of the cores that this process may use; where they do themselves, none.
    """
    if asked is not None:
        return asked
    return max(1, usable_threads() - 2) if has_gpu() else 0


def dtype_policy(bfloat16: bool) -> str:
    """The Keras policy of a new network: mixed_bfloat16 where it is asked for and the hardware multiplies it.

    Emulated it is much slower: VGG16 at 64 px saw 0.9 pictures a second, 10.8 in float32 (2 cores of Zen 3).
    """
    return "mixed_bfloat16" if bfloat16 and (has_gpu() or cpu().bfloat16) else "float32"


def seed_dropout(model: keras.Model, seed: int, step: int) -> None:
    """What the step's dropouts leave out follows from (seed, step).

    Keras does not store the state of its random generators: a resumed run would drop other units. On torch, a layer
    without a seed of its own draws from torch's generator.
    """
    for n, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:
            layer.seed_generator.state.assign(np.array([(seed * 1009 + n) % 2**32, step], np.uint32))
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed((seed * 1_000_003 + step) % 2**63)


@keras.saving.register_keras_serializable("face_monitor")
class FusedBatchNorm(keras.layers.Layer):  # type: ignore[misc]
    """Batch normalisation over the last axis; the same arithmetic as Keras' layer, in the backend's fused kernel.

    The moving statistics follow faster than Keras' usual 0.99 lets them: after a hundred steps those still belong to
    other weights, and a network that has learned answers by chance.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape: tuple[int, ...]) -> None:
        shape = (input_shape[-1],)
        plain = {"shape": shape, "dtype": "float32", "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **plain)
        self.beta = self.add_weight(name="beta", initializer="zeros", **plain)
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", trainable=False, **plain)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", trainable=False, **plain)

    def call(self, x: Any, training: bool = False) -> Any:
        """x normalised, of its own shape and dtype; by its own statistics while training."""
        if training and self.trainable:
            y, mean, variance = fused_batch_norm(x, self.gamma.value, self.beta.value, self.epsilon)
            keep = self.momentum
            self.moving_mean.assign(keep * self.moving_mean + (1 - keep) * mean)
            self.moving_variance.assign(keep * self.moving_variance + (1 - keep) * variance)
            return y
        scale = self.gamma * keras.ops.rsqrt(self.moving_variance + self.epsilon)
        shift = self.beta - self.moving_mean * scale
        return x * keras.ops.cast(scale, x.dtype) + keras.ops.cast(shift, x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
