"""How much arithmetic a model asks for, and how much this machine does at best: a speed means nothing without both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.contract import BuildError

if TYPE_CHECKING:
    import onnx

_EDGE = 2048
"""Of the product: 8.6 thousand million multiplications, so that what surrounds them does not count."""
_CONVOLUTIONS = ((128, 128), (256, 64), (512, 32))
"""Channels and side of the 3x3 convolutions, 2.4 thousand million each; which is best differs between processors."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The best rate that any kernel at hand reached."""

    per_s: float
    """Multiplications with addition a second."""
    kernel: str
    """Which one it was."""


def multiplications(model: onnx.ModelProto) -> int:
    """Multiplications (each with an addition) of all Conv and Gemm nodes for one crop. Raises BuildError."""
    from onnx import shape_inference

    shapes = {w.name: tuple(w.dims) for w in model.graph.initializer}
    whole = shape_inference.infer_shapes(model)
    made = {node.output[0]: node for node in model.graph.node}
    spread = {v.name: v.type.tensor_type.shape.dim for v in whole.graph.value_info}
    total = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        kernel = node.input[1]
        if kernel not in shapes and kernel in made:  # behind a Cast or a DequantizeLinear
            kernel = made[kernel].input[0]
        if kernel not in shapes or (node.op_type == "Conv" and node.output[0] not in spread):
            raise BuildError(f"the size of {node.name} is not known")
        places = 1
        if node.op_type == "Conv":
            places = int(np.prod([dim.dim_value for dim in spread[node.output[0]][2:]]))
        total += places * int(np.prod(shapes[kernel]))
    return total


def peak(precision: str, threads: int, rounds: int = 5) -> Peak:
    """The best rate of large products and convolutions in `precision` (fp32 or int8), of the kernels at hand."""
    rates = {name: amount / quickest(run, rounds) for name, (run, amount) in _kernels(precision, threads).items()}
    best = max(rates, key=lambda name: rates[name])
    return Peak(rates[best], best)


def summing(a: Any, threads: int) -> Callable[[], Any]:
    """A call that adds an array to itself with so many threads: it is read and as much is written."""
    return _session("Add", {"a": a}, {}, threads)


def quickest(run: Callable[[], Any], rounds: int) -> float:
    """Seconds of the quickest of so many calls, after one that does not count."""
    run()
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return min(found)


def _kernels(precision: str, threads: int) -> Mapping[str, tuple[Callable[[], Any], int]]:
    """{name: (a call, its multiplications)}."""
    rng = np.random.default_rng(0)
    square = rng.integers(-127, 128, (_EDGE, _EDGE))
    int8 = precision == "int8"
    kernels: dict[str, tuple[Callable[[], Any], int]] = {}
    if int8:
        a, b = np.abs(square).astype(np.uint8), square.astype(np.int8)
        kernels["ONNX Runtime MatMulInteger"] = _session("MatMulInteger", {"a": a}, {"b": b}, threads), _EDGE**3
    else:
        single = square.astype(np.float32)
        kernels["numpy matmul"] = (lambda: single @ single), _EDGE**3
        kernels["ONNX Runtime MatMul"] = _session("MatMul", {"a": single}, {"b": single}, threads), _EDGE**3
    for channels, side in _CONVOLUTIONS:
        picture = rng.integers(0, 256, (1, channels, side, side))
        kernel = rng.integers(-127, 128, (channels, channels, 3, 3))
        name, amount = f"of {channels} channels at {side} px", side**2 * kernel.size
        if int8:
            stored = _grid(kernel.astype(np.int8))
            run = _session("QLinearConv", {"a": picture.astype(np.uint8)}, stored, threads)
            kernels[f"ONNX Runtime QLinearConv {name}"] = run, amount
        else:
            run = _session("Conv", {"a": picture.astype(np.float32)}, {"b": kernel.astype(np.float32)}, threads)
            kernels[f"ONNX Runtime Conv {name}"] = run, amount
    return kernels


def _grid(w: Any) -> dict[str, Any]:
    """The inputs of a QLinearConv after its first."""
    one = np.asarray(0.01, np.float32)
    return {
        "a_scale": one, "a_zero": np.asarray(0, np.uint8), "b": w, "b_scale": one, "b_zero": np.asarray(0, np.int8),
        "y_scale": np.asarray(10, np.float32), "y_zero": np.asarray(0, np.uint8),
    }  # fmt: skip


def _session(kind: str, fed: Mapping[str, Any], stored: Mapping[str, Any], threads: int) -> Callable[[], Any]:
    import onnxruntime as ort
    from onnx import helper, numpy_helper

    (name, value), inputs = next(iter(fed.items())), [*fed, *stored]
    inputs = inputs if len(inputs) > 1 else 2 * inputs
    more = {"pads": [1, 1, 1, 1]} if "Conv" in kind else {}
    node = helper.make_node(kind, inputs, ["y"], **more)
    of = helper.np_dtype_to_tensor_dtype
    answer = {"MatMulInteger": np.dtype(np.int32), "QLinearConv": np.dtype(np.uint8)}.get(kind, np.dtype(np.float32))
    graph = helper.make_graph(
        [node], kind, [helper.make_tensor_value_info(name, of(value.dtype), value.shape)],
        [helper.make_tensor_value_info("y", of(answer), None)],
        [numpy_helper.from_array(array, key) for key, array in stored.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {name: value})
