"""Half-precision graphs from float graphs: float16 weights and arithmetic between uint8 pixels and float32 answers.

Strongly typed: what a tensor is stands in the graph, so that every runtime computes the same. The pixel arithmetic
stays float32 (a pixel over 127.5 has no exact half), and so does everything from the division by the temperature on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engines.contract import BuildError

if TYPE_CHECKING:
    import onnx

VERSION = 1
"""Part of every engine's fingerprint: raise it when the same model gives another graph."""

_FIRST, _LAST = "normalised", "calibrated"
"""The tensor that is halved, and the one before which the answer becomes float32 again: see train.graph."""


def half_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` with everything between its normalised pixels and its logits in float16.

    Raises BuildError for a graph without these two places, and for weights that float16 cannot hold.
    """
    from onnx import TensorProto, helper, numpy_helper

    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    stored = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Cast" and n.input[0] in weights}
    inside, nodes = False, []
    used: dict[str, np.ndarray[Any, Any]] = {}
    for node in model.graph.node:
        if node.output[0] in stored:
            continue  # the kernel is in half precision already
        if node.output[0] == _LAST:
            nodes.append(_cast(node.input[0], f"{node.input[0]}.single", TensorProto.FLOAT))
            nodes.append(_with_inputs(node, [f"{node.input[0]}.single", *node.input[1:]]))
            inside = False
        elif inside:
            renamed = {_FIRST: f"{_FIRST}.half"} | {name: stored[name] for name in node.input if name in stored}
            nodes.append(_with_inputs(node, [renamed.get(name, name) for name in node.input]))
            used |= {name: _halved(name, weights[name]) for name in nodes[-1].input if name in weights}
        else:
            nodes.append(node)
        if node.output[0] == _FIRST:
            nodes.append(_cast(_FIRST, f"{_FIRST}.half", TensorProto.FLOAT16))
            inside = True
    if inside or not used:
        raise BuildError(f"the model has no tensors {_FIRST} and {_LAST}, between which it could be halved")
    read = {name for node in nodes for name in node.input}
    kept = [numpy_helper.from_array(used.get(name, values), name) for name, values in weights.items() if name in read]
    graph = helper.make_graph(nodes, model.graph.name, list(model.graph.input), list(model.graph.output), kept)
    return _checked(helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version))


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnx import checker

    checker.check_model(model, full_check=True)
    return model


def _cast(name: str, output: str, to: int) -> onnx.NodeProto:
    from onnx import helper

    return helper.make_node("Cast", [name], [output], name=output, to=to)


def _with_inputs(node: onnx.NodeProto, inputs: list[str]) -> onnx.NodeProto:
    copy = type(node)()
    copy.CopyFrom(node)
    copy.input[:] = inputs
    return copy


def _halved(name: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore"):  # said below
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise BuildError(f"{name} holds numbers that are too large for half precision", hint="use --precision fp32")
    return half
