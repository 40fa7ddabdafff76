"""The best an NVIDIA GPU does: a plan of large convolutions and nothing else, and memory copied where it lies."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.calibrate import calibrate
from engines.contract import Card, EngineError, EngineInfo
from engines.halve import half_graph
from engines.quantise import qdq_graph
from engines.runtimes.trt import TrtEngine
from engines.trt.cuda import Cuda
from engines.trt.library import Library
from engines.trt.plan import Plan, PlanOptions, build_plan
from engines.work import Peak, multiplications, quickest

if TYPE_CHECKING:
    import onnx

BATCH, SIDE_PX, CHANNELS, LAYERS = 32, 56, 256, 6
"""The widest stage of VGG16 at 224 px, where its arithmetic is densest."""
CALIBRATED_WITH = 2
COPIED_BYTES = 1 << 28
"""256 MB there and back: more than the second cache of any GPU."""
ROUNDS = 20


def gpu_peak(
    library: Library, cuda: Cuda, precision: str, *, batch: int = BATCH, channels: int = CHANNELS, rounds: int = ROUNDS
) -> Peak:
    """The rate of 3x3 convolutions in `precision` (int8, fp16 or fp32), the pictures' way to the GPU and back included.

    Raises BuildError where no plan can be made, InferenceError where it does not run.
    """
    model = tower(channels)
    plan = peak_plan(library, model, precision, batch)
    name = f"{library.runtime} {precision}, {LAYERS} convolutions of {channels} channels at {SIDE_PX} px, batch {batch}"
    info = EngineInfo(library.runtime, precision, "GPU", "to measure its peak", "")
    rgb = _pictures(batch)
    with closing(TrtEngine(library, cuda, plan.data, _card(), info, max_batch=batch, say=lambda _: None)) as engine:
        seconds = quickest(lambda: engine.infer(rgb), rounds)
    return Peak(batch * multiplications(model) / seconds, name)


def gpu_bandwidth(cuda: Cuda, *, n_bytes: int = COPIED_BYTES, rounds: int = ROUNDS) -> float:
    """Bytes a second that are read and written by a copy within the GPU's memory. Raises InferenceError."""
    held: list[tuple[str, Any]] = []
    try:
        stream = cuda.stream()
        held.append(("cudaStreamDestroy", stream))
        for _ in range(2):
            held.append(("cudaFree", cuda.call("cudaMalloc", n_bytes)))
        a, b = (what for _, what in held[1:])

        def copy() -> None:
            cuda.move(b, a, n_bytes, stream)
            cuda.call("cudaStreamSynchronize", stream)

        return 2 * n_bytes / quickest(copy, rounds)
    finally:
        for free, what in reversed(held):
            with suppress(EngineError):  # a lost GPU frees nothing
                cuda.call(free, what)


def tower(channels: int = CHANNELS) -> onnx.ModelProto:
    """The float graph: rgb uint8 (N, SIDE_PX, SIDE_PX, 3) -> LAYERS convolutions -> probs (N, 3)."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights: dict[str, Any] = {"scale": np.asarray(127.5, np.float32), "temperature": np.ones(1, np.float32)}
    node = helper.make_node
    nodes = [
        node("Cast", ["rgb"], ["pixels"], to=TensorProto.FLOAT),
        node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        node("Div", ["planes", "scale"], ["normalised"]),
    ]
    name, width = "normalised", 3
    for i in range(LAYERS):
        deviation = np.sqrt(2 / (9 * width))
        weights[f"k{i}"] = rng.normal(0, deviation, (channels, width, 3, 3)).astype(np.float32)
        weights[f"b{i}"] = np.zeros(channels, np.float32)
        nodes.append(node("Conv", [name, f"k{i}", f"b{i}"], [f"c{i}"], name=f"conv{i}", pads=[1, 1, 1, 1]))
        nodes.append(node("Relu", [f"c{i}"], [f"r{i}"]))
        name, width = f"r{i}", channels
    weights["kernel"] = rng.normal(0, 0.1, (3, channels)).astype(np.float32)
    weights["bias"] = np.zeros(3, np.float32)
    nodes += [
        node("GlobalAveragePool", [name], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("Gemm", ["flat", "kernel", "bias"], ["logits"], name="dense", transB=1),
        node("Div", ["logits", "temperature"], ["calibrated"]),
        node("Softmax", ["calibrated"], ["probs"]),
    ]
    graph = helper.make_graph(
        nodes, "peak",
        [helper.make_tensor_value_info("rgb", TensorProto.UINT8, ["N", SIDE_PX, SIDE_PX, 3])],
        [helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def peak_plan(library: Library, model: onnx.ModelProto, precision: str, batch: int) -> Plan:
    """A plan of `tower` in a precision. Raises BuildError."""
    if precision == "fp16":
        model = half_graph(model)
    if precision == "int8":
        ranges = calibrate(model.SerializeToString(), [_pictures(CALIBRATED_WITH)])
        model = qdq_graph(model, ranges, unsigned=False, reduce_range=False, symmetric=True)
    return build_plan(library, model.SerializeToString(), PlanOptions(max_batch=batch), input_px=SIDE_PX)


def _pictures(n: int) -> Any:
    return np.random.default_rng(1).integers(0, 256, (n, SIDE_PX, SIDE_PX, 3), np.uint8)


def _card() -> Card:
    classes = ("a", "b", "c")
    return Card("peak", "1", "convolutions", classes, SIDE_PX, 0.0, (1 / 3,) * 3, 0.0, 0.0)
