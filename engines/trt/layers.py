"""What an engine is made of, as the library reports it: proof of the precision that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from engines.trt.library import Library

if TYPE_CHECKING:
    import onnx

_DATATYPE = re.compile(r"Datatype: (\w+)")
_ONNX_NODE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
_KIND = re.compile(r"LayerType: (\w+)")
_PARTS = ("Inputs: [", "Constants: [", "Outputs: [", "TacticName:")
_SPOKEN = re.compile(r"\b(Float|FP32|Half|FP16|BFloat16|BF16|Int8|FP8|Int32|UInt8)\b")
_SAME = {"FP32": "Float", "FP16": "Half", "BF16": "BFloat16"}
"""Datatypes as the inspector says them, some in a sentence ("Channel major FP16 format ..."), and as reports do."""
_WITHOUT_PRODUCTS = ("kgen", "maxpool", "shape_call", "reformat")
"""Kinds that only convert, move or add: a product that is named among their origins is done elsewhere."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of the report."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    """Datatypes: Float, Half, Int8, ..."""
    constants: tuple[str, ...]
    """Likewise; the first one is the kernel."""
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]
    """ONNX nodes it came from."""


def read_layers(report: str) -> tuple[Layer, ...]:
    """The layers of a detailed report ("Layers:\\nName: ..., LayerType: ..., Inputs: [...], ..."), in order."""
    lines = report.splitlines()
    return tuple(_layer(line) for line in lines if line.startswith("Name: ") and "LayerType: " in line)


def _layer(line: str) -> Layer:
    places = [line.find(part) for part in _PARTS]
    inputs, constants, outputs = (
        tuple(_DATATYPE.findall(line[begin:end])) if 0 <= begin < end else () for begin, end in pairwise(places)
    )
    kind = _KIND.search(line)
    name = line.removeprefix("Name: ").split(", LayerType: ")[0]
    return Layer(name, kind[1] if kind else "", inputs, constants, outputs, _nodes(line))


def _nodes(metadata: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ONNX_NODE.findall(metadata)))


def inspected(library: Library, engine: Any) -> tuple[Layer, ...]:
    """The layers of a deserialised engine, as its inspector tells them; () where it tells nothing."""
    return read_inspector(
        engine.create_engine_inspector().get_engine_information(library.trt.LayerInformationFormat.JSON)
    )


def read_inspector(told: str) -> tuple[Layer, ...]:
    """The layers of an inspector's JSON; those of which only the name is told have no datatypes.

    TensorRT tells a kernel's datatype under Weights, TensorRT-RTX under Constants.
    """
    try:
        layers = list(json.loads(told)["Layers"])
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(_told(layer) for layer in layers if isinstance(layer, dict))


def _told(layer: Mapping[str, Any]) -> Layer:
    weights = layer.get("Weights")
    constants = _kinds([weights]) if weights else _kinds(layer.get("Constants", []))
    inputs, outputs = (_kinds(layer.get(key, [])) for key in ("Inputs", "Outputs"))
    kind, nodes = str(layer.get("LayerType", "")), _nodes(str(layer.get("Metadata", "")))
    return Layer(str(layer.get("Name", "")), kind, inputs, constants, outputs, nodes)


def _kinds(tensors: Any) -> tuple[str, ...]:
    said = [str(t.get("Format/Datatype") or t.get("Datatype") or t.get("Type")) for t in tensors if isinstance(t, dict)]
    found = [match[1] for text in said if (match := _SPOKEN.search(text))]
    return tuple(_SAME.get(kind, kind) for kind in found)


def precision_of(layers: Sequence[Layer], nodes: Iterable[str]) -> dict[str, str]:
    """{ONNX node: datatype of its kernel in the engine} for products (Conv, Gemm); UNKNOWN where no layer tells."""
    by_node = {
        node: layer.constants[0]
        for layer in layers
        if layer.kind not in _WITHOUT_PRODUCTS and layer.constants
        for node in layer.nodes
    }
    return {node: by_node.get(node, UNKNOWN) for node in nodes}


def precision_asked(model: onnx.ModelProto) -> dict[str, str]:
    """{ONNX node: datatype of its kernel in the graph} for every product, in the report's words: Float, Half, Int8."""
    from onnx import TensorProto

    kinds = {w.name: w.data_type for w in model.graph.initializer}
    made = {node.output[0]: node.op_type for node in model.graph.node}
    asked = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            kernel = node.input[1]
            half = kinds.get(kernel) == TensorProto.FLOAT16
            asked[node.name] = "Int8" if made.get(kernel) == "DequantizeLinear" else "Half" if half else "Float"
    return asked
