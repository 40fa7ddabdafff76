"""Int8 graphs from float graphs: one QDQ graph per kind of processor, from the ranges a bundle stores.

Ranges alone come from data (`engines.calibrate`); everything else is arithmetic and repeats to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engines.contract import BuildError

if TYPE_CHECKING:
    import onnx

VERSION = 1
"""Part of every engine's fingerprint: raise it when the same ranges give another graph."""

Ranges: TypeAlias = Mapping[str, tuple[float, float]]
Array: TypeAlias = npt.NDArray[Any]

_PRODUCTS = ("Conv", "Gemm")
"""What runs in int8."""

_SHARING = ("MaxPool", "Flatten")
"""Operators that move numbers about without making new ones: their output keeps the grid of their input."""


def qdq_graph(
    model: onnx.ModelProto, ranges: Ranges, *, unsigned: bool, reduce_range: bool, symmetric: bool = False
) -> onnx.ModelProto:
    """A copy of `model` in which every Conv and Gemm with ranges for its input and its output runs in int8.

    Weights: signed, symmetric, per output channel; 7 bits with `reduce_range`, for processors that add pairs of
    products in 16 bits. Activations: 8 bits asymmetric, `unsigned` or signed. `symmetric` is the only dialect that
    TensorRT takes: signed activations with zero in the middle, biases in float. What has no range stays float. Raises
    BuildError where the ranges belong to another model, or a product's weights are not stored in it.
    """
    from onnx import helper, numpy_helper

    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    kernels = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    relus = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type in ("Relu", "Clip")}
    most = 64 if reduce_range else 127
    nodes: list[Any] = []
    grids: dict[str, str] = {}  # quantised tensor -> the tensor whose scale and zero point it uses
    for node in model.graph.node:
        out, inputs = node.output[0], [f"{name}.dq" if name in grids else name for name in node.input]
        if node.op_type in _PRODUCTS and node.input[0] in grids and relus.get(out, out) in ranges:
            (x, kernel, *biases), axis = node.input, _channels_axis(node)
            weights |= _kernel_grid(kernel, _stored(weights, kernels.get(kernel, kernel), node), axis, most)
            nodes.append(_dequantise(kernel, kernel, axis=axis))
            inputs = [inputs[0], f"{kernel}.dq", *biases]
            for bias in () if symmetric else biases:  # one or none
                scale = weights[f"{kernel}.scale"] * weights[f"{grids[x]}.scale"]
                weights |= _bias_grid(bias, _stored(weights, bias, node), scale)
                nodes.append(_dequantise(bias, bias, axis=0))
                inputs[2] = f"{bias}.dq"
        nodes.append(_with_inputs(node, inputs))
        if out in ranges:
            grids[out] = out
            kind = np.uint8 if unsigned and not symmetric else np.int8
            weights |= _activation_grid(out, *ranges[out], kind, symmetric)
        elif node.op_type in _SHARING and node.input[0] in grids:
            grids[out] = grids[node.input[0]]
        if out in grids:
            quantise = [out, f"{grids[out]}.scale", f"{grids[out]}.zero"]
            nodes.append(helper.make_node("QuantizeLinear", quantise, [f"{out}.q"], name=f"{out}.q"))
            nodes.append(_dequantise(out, grids[out]))
    missing = ranges.keys() - grids.keys()
    if missing or not grids:
        raise BuildError(f"the card's ranges do not fit the model: {', '.join(sorted(missing)) or 'there are none'}")
    return _assembled(model, nodes, weights)


def _channels_axis(node: onnx.NodeProto) -> int:
    """The axis of output channels in the kernel of a product."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else 1


def _stored(weights: Mapping[str, Array], name: str, node: onnx.NodeProto) -> Array:
    if name not in weights:
        what = f"{name}, a weight of {node.name or node.output[0]}, is not stored in the model"
        raise BuildError(what, hint="use --precision fp32, or export the bundle with weights as initializers")
    return weights[name]


def _dequantise(name: str, grid: str, **axis: int) -> onnx.NodeProto:
    """`name`.q -> `name`.dq on the grid of `grid`.

    Zero points are always given: without them ONNX Runtime does not turn a Gemm into an integer one.
    """
    from onnx import helper

    inputs = [f"{name}.q", f"{grid}.scale", f"{grid}.zero"]
    return helper.make_node("DequantizeLinear", inputs, [f"{name}.dq"], name=f"{name}.dq", **axis)


def _with_inputs(node: onnx.NodeProto, inputs: list[str]) -> onnx.NodeProto:
    copy = type(node)()
    copy.CopyFrom(node)
    copy.input[:] = inputs
    return copy


def _activation_grid(
    name: str, low: float, high: float, kind: type[np.integer[Any]], symmetric: bool
) -> dict[str, Array]:
    """Scale and zero point of 256 steps that reach from low to high, zero exactly on one of them, or in the middle."""
    low, high = min(low, 0.0), max(high, 1e-6)
    if symmetric:
        return {
            f"{name}.scale": np.asarray(max(-low, high) / 127, np.float32),
            f"{name}.zero": np.asarray(0, np.int8),
        }
    below = round(255 * -low / (high - low))
    scale = max(high / max(255 - below, 1), -low / max(below, 1))
    return {
        f"{name}.scale": np.asarray(scale, np.float32),
        f"{name}.zero": np.asarray(below + int(np.iinfo(kind).min), kind),
    }


def _kernel_grid(name: str, kernel: Array, axis: int, most: int) -> dict[str, Array]:
    """Signed steps -most..most, zero in the middle, a scale for each output channel."""
    others = tuple(i for i in range(kernel.ndim) if i != axis)
    widest = np.abs(kernel.astype(np.float32)).max(axis=others, keepdims=True)
    scale = np.maximum(widest, 1e-8) / np.float32(most)
    steps = np.clip(np.rint(kernel / scale), -most, most).astype(np.int8)
    return {f"{name}.q": steps, f"{name}.scale": scale.reshape(-1), f"{name}.zero": np.zeros(scale.size, np.int8)}


def _bias_grid(name: str, bias: Array, scale: Array) -> dict[str, Array]:
    """The steps of the sums it is added to: product of the input's and the kernel's scale."""
    steps = np.clip(np.rint(bias / scale.astype(np.float64)), -(2**31), 2**31 - 1).astype(np.int32)
    return {f"{name}.q": steps, f"{name}.scale": scale, f"{name}.zero": np.zeros(scale.size, np.int32)}


def _assembled(model: onnx.ModelProto, nodes: list[Any], weights: Mapping[str, Array]) -> onnx.ModelProto:
    """The model of `nodes`, without the float kernels that nobody reads any more."""
    from onnx import checker, helper, numpy_helper

    read = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Cast" or node.output[0] in read]
    read = {name for node in nodes for name in node.input}
    stored = [numpy_helper.from_array(values, name) for name, values in weights.items() if name in read]
    graph = helper.make_graph(nodes, model.graph.name, list(model.graph.input), list(model.graph.output), stored)
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    checker.check_model(made, full_check=True)
    return made
