"""Plans that TensorRT-RTX really builds, without a GPU: in the precision of the graph, or with the reason why not."""

import json

import onnx
import pytest

from engines import plans
from engines.calibrate import calibrate
from engines.contract import BuildError, RuntimeMissing
from engines.halve import half_graph
from engines.quantise import qdq_graph
from engines.trt.layers import UNKNOWN, precision_asked, precision_of, read_inspector, read_layers
from engines.trt.library import Library, load_library
from engines.trt.plan import PlanOptions, build_plan, known_capabilities
from tests.bundles import tiny_bundle, tiny_crops, tiny_weights
from train.graph import vgg_graph

pytest.importorskip("tensorrt_rtx")


@pytest.fixture(scope="module")
def library():
    return load_library("tensorrt-rtx")


@pytest.fixture(scope="module")
def graphs():
    convs, denses = tiny_weights(32, filters=16)
    model = vgg_graph(convs, denses, input_px=32)
    ranges = calibrate(model.SerializeToString(), [tiny_crops(24, seed=2)])
    symmetric = qdq_graph(model, ranges, unsigned=False, reduce_range=False, symmetric=True)
    unsigned = qdq_graph(model, ranges, unsigned=True, reduce_range=False)
    return {"fp32": model, "fp16": half_graph(model), "int8": symmetric, "for a CPU": unsigned}


@pytest.mark.parametrize(
    ("precision", "counts"),
    [("fp32", {"Float": 16}), ("fp16", {"Half": 16}), ("int8", {"Int8": 14, "Float": 2})],
)
def test_every_product_runs_in_the_precision_of_the_graph(library, graphs, precision, counts):
    plan = build_plan(library, graphs[precision].SerializeToString(), PlanOptions(), input_px=32)
    asked = precision_asked(graphs[precision])
    assert {kind: list(asked.values()).count(kind) for kind in set(asked.values())} == counts
    assert precision_of(plan.layers, asked) == asked
    assert len(plan.data) > 10_000
    assert plan.seconds > 0


def test_progress_is_told(library, graphs):
    told = []
    build_plan(
        library,
        graphs["fp16"].SerializeToString(),
        PlanOptions(),
        input_px=32,
        progress=lambda *step: told.append(step),
    )
    assert told[0][1] == 0
    assert all(0 <= done <= steps for _, done, steps in told)
    assert ("Building engine", told[0][2], told[0][2]) in told


@pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops:DeprecationWarning")
def test_what_tensorrt_measured_is_kept_for_the_next_build(graphs, tmp_path, monkeypatch):
    """TensorRT's part is played by TensorRT-RTX, which has the same timing cache."""
    rtx = load_library("tensorrt-rtx")
    library = Library("tensorrt", rtx.trt, rtx.version)
    bundle, given, honest = tiny_bundle(tmp_path / "tiny"), [], plans.build_plan

    def build(*args, timings, **more):
        given.append(timings)
        return honest(*args, timings=timings, **more)

    monkeypatch.setattr(plans, "load_library", lambda _: library)
    monkeypatch.setattr(plans, "build_plan", build)
    for batch in (4, 8):
        plans.plan_artefact(bundle, "tensorrt", "fp32", PlanOptions(max_batch=batch), cache_dir=tmp_path / "cache")
    (kept,) = (tmp_path / "cache/engines").glob("*.timings")
    assert given == [b"", kept.read_bytes()]
    assert len(given[1]) > 100
    kept.write_bytes(b"damaged")
    plans.plan_artefact(bundle, "tensorrt", "fp32", PlanOptions(max_batch=2), cache_dir=tmp_path / "cache")
    assert given[2] == b""
    assert not build_plan(rtx, graphs["fp32"].SerializeToString(), PlanOptions(), input_px=32).timings


def test_a_plan_can_be_for_one_kind_of_gpu(library, graphs):
    known = known_capabilities(library)
    assert {"SM75", "SM86", "SM89"} <= set(known)
    assert list(known) == sorted(known, key=lambda name: int(name[2:]))
    graph = graphs["int8"].SerializeToString()
    one = build_plan(library, graph, PlanOptions(capabilities=("SM89",)), input_px=32)
    assert one.layers


@pytest.mark.parametrize(
    ("graph", "input_px", "says"),
    [
        ("for a CPU", 32, "cannot read the graph: .*Non-zero zero point"),
        ("fp32", 64, "built nothing: .*Dimension mismatch"),
        (b"xx", 32, "finds nothing to build"),
    ],
)
def test_what_cannot_be_built_says_why(library, graphs, graph, input_px, says):
    data = graph if isinstance(graph, bytes) else graphs[graph].SerializeToString()
    with pytest.raises(BuildError, match=says) as caught:
        build_plan(library, data, PlanOptions(), input_px=input_px)
    assert caught.value.hint


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    with pytest.raises(RuntimeMissing, match="tensorrt cannot be loaded") as caught:
        load_library("tensorrt")
    assert caught.value.hint == 'pip install "face-monitor[tensorrt]"'


def test_layers_are_read_from_a_report():
    report = (
        "Layers:\n"
        "Name: a_U1, LayerType: correlation, Inputs: [ { Name: x, Datatype: Half, Format: (NHWC) }], "
        "Constants: [ { Name: w, Datatype: Int8 }, { Name: s, Datatype: Float }], "
        "Outputs: [ { Name: y, Datatype: Half }], "
        "TacticName: t, StreamId: 0, Metadata: [ONNX Layer: a][ONNX Layer: a.bias]\n"
        "Name: b, LayerType: kgen, Inputs: [], Constants: [ { Name: c, Datatype: Float }], Outputs: [], TacticName: , "
        "StreamId: 0, Metadata: [ONNX Layer: b]\n\nI/O Tensors:\n Name: rgb, DataType: UInt8\n"
    )
    first, second = read_layers(report)
    assert (first.name, first.kind, first.nodes) == ("a_U1", "correlation", ("a", "a.bias"))
    assert (first.inputs, first.constants, first.outputs) == (("Half",), ("Int8", "Float"), ("Half",))
    assert (second.kind, second.inputs, second.nodes) == ("kgen", (), ("b",))
    assert precision_of([first, second], ["a", "b", "c"]) == {"a": "Int8", "b": UNKNOWN, "c": UNKNOWN}
    assert read_layers("") == ()


def test_layers_are_read_from_an_inspector():
    """The form of TensorRT (its issue 4020 shows such layers), that of TensorRT-RTX, and names only."""
    conv = {
        "Name": "conv + relu", "LayerType": "CaskConvolution",
        "Inputs": [{"Name": "x", "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"}],
        "Outputs": [{"Name": "y", "Format/Datatype": "Channel major FP16 format where channel % 8 == 0"}],
        "Weights": {"Type": "Int8", "Count": 294912}, "Bias": {"Type": "Float", "Count": 256},
        "Metadata": "[ONNX Layer: conv]\x1e[ONNX Layer: relu]",
    }  # fmt: skip
    rtx = {
        "Name": "fc_U1", "LayerType": "correlation", "Inputs": [{"Name": "x", "Datatype": "Half", "Format": "(NC)"}],
        "Constants": [{"Name": "w", "Datatype": "Half"}, {"Name": "b", "Datatype": "Float"}], "Outputs": [],
        "Metadata": "[ONNX Layer: fc]",
    }  # fmt: skip
    layers = read_inspector(json.dumps({"Layers": [conv, rtx, "pool", {}]}))
    assert [(x.inputs, x.constants, x.outputs) for x in layers[:2]] == [
        (("Int8",), ("Int8",), ("Half",)),
        (("Half",), ("Half", "Float"), ()),
    ]
    assert precision_of(layers, ["conv", "relu", "fc", "pool"]) == {
        "conv": "Int8", "relu": "Int8", "fc": "Half", "pool": UNKNOWN,
    }  # fmt: skip
    for nothing in ("", "{}", "[]", '{"Layers": null}', "Layers:\nName: a"):
        assert read_inspector(nothing) == ()


def test_asked_is_what_stands_in_the_graph(graphs):
    assert set(precision_asked(graphs["fp32"]).values()) == {"Float"}
    assert set(precision_asked(graphs["fp16"]).values()) == {"Half"}
    assert len(precision_asked(graphs["int8"])) == sum(
        node.op_type in ("Conv", "Gemm") for node in graphs["int8"].graph.node
    )
    assert precision_asked(onnx.ModelProto()) == {}
