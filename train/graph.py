"""The deployed network as an ONNX graph, written from plain arrays: no framework's exporter, and names of our choice.

rgb -> normalise -> [conv{b}_{i}] * n -> pool{b} -> ... -> flat -> fc1 -> fc2 -> logits -> / temperature -> probs

`conv1_1` is the tensor behind the Relu (that is what calibration measures), `conv1_1.sum` the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Layer: TypeAlias = tuple[Array, Array]
"""A kernel and its bias."""

OPSET = 19
"""Known to ONNX Runtime from 1.15 and TensorRT from 10.0 on."""


def vgg_graph(
    convs: Sequence[Sequence[Layer]],
    denses: Sequence[Layer],
    *,
    input_px: int,
    temperature: float = 1.0,
    name: str = "vgg16",
) -> onnx.ModelProto:
    """The checked model: `rgb` uint8 (N, input_px, input_px, 3) -> `probs` float32 (N, K).

    `convs` are blocks of (kernel HWIO, bias) with normalisation folded in, each block ended by a 2x2 pool; `denses` are
    (kernel (in, out), bias), Relu between them, rows in the order of a channels-last Flatten. Kernels are stored as
    float16. Raises ValueError where shapes do not follow one another or a number does not fit float16.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if not denses or input_px % 2 ** len(convs):
        raise ValueError(f"{input_px} px cannot be halved {len(convs)} times, or there is no dense layer")
    graph = Graph()
    x = normalise(graph)
    channels = 3
    for block, layers in enumerate(convs, start=1):
        for i, (kernel, bias) in enumerate(layers, start=1):
            x = _conv(graph, x, f"conv{block}_{i}", kernel, bias, channels)
            channels = kernel.shape[3]
        x = graph.add("MaxPool", [x], f"pool{block}", kernel_shape=[2, 2], strides=[2, 2])
    x = graph.add("Flatten", [x], "flat", axis=1)
    x = _denses(graph, x, denses, channels, input_px // 2 ** len(convs))
    answer(graph, x, temperature)
    return finished(graph, name, input_px, classes=denses[-1][1].size)


class Graph:
    """Nodes and weights in the order they are added; every node is named as the tensor it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def kernel(self, name: str, values: Array) -> str:
        """Float16 in the file, float32 in the arithmetic: half the size, and ONNX Runtime folds the Cast away."""
        with np.errstate(over="ignore"):  # said by _finite
            half = _finite(name, np.ascontiguousarray(values).astype(np.float16))
        self.weights.append(numpy_helper.from_array(half, f"{name}.kernel.f16"))
        return self.add("Cast", [f"{name}.kernel.f16"], f"{name}.kernel", to=TensorProto.FLOAT)

    def bias(self, name: str, values: Array) -> str:
        single = _finite(name, np.asarray(values, np.float32))
        self.weights.append(numpy_helper.from_array(single, f"{name}.bias"))
        return f"{name}.bias"

    def scalar(self, name: str, value: float) -> str:
        self.weights.append(numpy_helper.from_array(np.float32(value), name))
        return name


def _finite(name: str, values: Array) -> Array:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds numbers that are not finite as {values.dtype}")
    return values


def normalise(graph: Graph) -> str:
    """The nodes that every network of ours begins with: pixels 0..255 to -1..1, as in training, and channels first."""
    x = graph.add("Cast", ["rgb"], "pixels", to=TensorProto.FLOAT)
    x = graph.add("Div", [x, graph.scalar("half_range", 127.5)], "ratio")
    x = graph.add("Sub", [x, graph.scalar("one", 1.0)], "normalised")
    return graph.add("Transpose", [x], "input", perm=[0, 3, 1, 2])


def _conv(graph: Graph, x: str, name: str, kernel: Array, bias: Array, channels: int) -> str:
    height, width, inputs, outputs = kernel.shape
    if (height, width, inputs) != (3, 3, channels) or bias.shape != (outputs,):
        raise ValueError(f"{name} wants (3, 3, {channels}, n) and (n,), got {kernel.shape} and {bias.shape}")
    weights = [graph.kernel(name, kernel.transpose(3, 2, 0, 1)), graph.bias(name, bias)]
    total = graph.add("Conv", [x, *weights], f"{name}.sum", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    return graph.add("Relu", [total], name)


def _denses(graph: Graph, x: str, denses: Sequence[Layer], channels: int, side: int) -> str:
    inputs = channels * side * side
    for i, (kernel, bias) in enumerate(denses, start=1):
        last = i == len(denses)
        name = "logits" if last else f"fc{i}"
        if kernel.ndim != 2 or kernel.shape[0] != inputs or bias.shape != kernel.shape[1:]:
            raise ValueError(f"{name} wants ({inputs}, n) and (n,), got {kernel.shape} and {bias.shape}")
        inputs = kernel.shape[1]
        if i == 1:
            # Rows come in the order height, width, channel; permuting them here spares a transpose at run time.
            kernel = kernel.reshape(side, side, channels, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        weights = [graph.kernel(name, kernel), graph.bias(name, bias)]
        x = graph.add("Gemm", [x, *weights], name if last else f"{name}.sum")
        x = x if last else graph.add("Relu", [x], name)
    return x


def answer(graph: Graph, logits: str, temperature: float) -> None:
    """The nodes that every network of ours ends with: `probs`, the softmax of logits / temperature."""
    x = graph.add("Div", [logits, graph.scalar("temperature", temperature)], "calibrated")
    graph.add("Softmax", [x], "probs", axis=1)


def finished(graph: Graph, name: str, input_px: int, classes: int) -> onnx.ModelProto:
    """The checked model: `rgb` uint8 (N, input_px, input_px, 3) -> `probs` float32 (N, classes)."""
    rgb = helper.make_tensor_value_info("rgb", TensorProto.UINT8, ["N", input_px, input_px, 3])
    probs = helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", classes])
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, [rgb], [probs], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
        producer_name="face-monitor",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def calibrated_anew(model_bytes: bytes, temperature: float, shift: Array) -> bytes:
    """The network that answers softmax((log p + shift) / temperature) where this one answers p; shift is (K,).

    Nothing before the logits changes, so ranges measured of it stay right. Raises ValueError for a network that does
    not end as ours do.
    """
    model = onnx.load_model_from_string(model_bytes)
    weights = {weight.name: weight for weight in model.graph.initializer}
    end = [(node.op_type, *node.input[1:]) for node in list(model.graph.node)[-3:]]
    if end != [("Gemm", "logits.kernel", "logits.bias"), ("Div", "temperature"), ("Softmax",)]:
        raise ValueError("its network does not end in `logits`, divided by a `temperature`")
    scale, bias = weights["temperature"], weights["logits.bias"]
    before, values = float(numpy_helper.to_array(scale)), numpy_helper.to_array(bias)
    bias.CopyFrom(numpy_helper.from_array(np.asarray(values + before * shift, np.float32), bias.name))
    scale.CopyFrom(numpy_helper.from_array(np.float32(before * temperature), scale.name))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
