"""Half-precision graphs: typed where it counts, close to the float graph, refused where float16 cannot hold it."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, shape_inference

from engines import BuildError, open_engine
from engines.bundle import load_bundle
from engines.halve import half_graph
from tests.bundles import tiny_bundle, tiny_crops, tiny_weights
from train.graph import vgg_graph


@pytest.fixture(scope="module")
def graph():
    convs, denses = tiny_weights(32)
    return vgg_graph(convs, denses, input_px=32, temperature=1.5)


def test_everything_between_pixels_and_logits_is_half(graph):
    made = shape_inference.infer_shapes(half_graph(graph), strict_mode=True)
    types = {value.name: value.type.tensor_type.elem_type for value in made.graph.value_info}
    for node in made.graph.node:
        if node.op_type in {"Conv", "Gemm", "Relu", "MaxPool", "Flatten", "Transpose"}:
            assert types[node.output[0]] == TensorProto.FLOAT16, node.name
    assert types["normalised"] == types["calibrated"] == TensorProto.FLOAT
    assert made.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert made.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    for weight in made.graph.initializer:
        if weight.name.endswith((".f16", ".bias")):
            assert weight.data_type == TensorProto.FLOAT16, weight.name


def test_it_answers_like_the_float_engine(tmp_path):
    bundle, crops = tiny_bundle(tmp_path / "tiny"), tiny_crops(40)
    exact, half = (
        open_engine(bundle.folder, precision=precision, cache_dir=tmp_path / "cache") for precision in ("fp32", "fp16")
    )
    difference = np.abs(exact.infer(crops) - half.infer(crops))
    assert 0 < difference.max() < 0.03
    assert half.info.precision == "fp16"
    assert half.info.fingerprint != exact.info.fingerprint
    again = open_engine(bundle.folder, precision="fp16", cache_dir=tmp_path / "cache", say=pytest.fail)
    np.testing.assert_array_equal(again.infer(crops), half.infer(crops))


def test_the_shipped_bundle_can_be_halved():
    made = half_graph(onnx.load_from_string(load_bundle().read_model()))
    assert len([node for node in made.graph.node if node.op_type == "Conv"]) == 13


def test_what_cannot_be_halved_is_refused(graph):
    large = onnx.ModelProto()
    large.CopyFrom(graph)
    bias = next(w for w in large.graph.initializer if w.name == "conv1_1.bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(8, 1e6, np.float32), bias.name))
    with pytest.raises(BuildError, match=r"conv1_1\.bias holds numbers that are too large"):
        half_graph(large)
    other = onnx.ModelProto()
    other.CopyFrom(graph)
    for node in other.graph.node:
        for names in (node.input, node.output):
            names[:] = ["elsewhere" if name == "normalised" else name for name in names]
    with pytest.raises(BuildError, match="no tensors normalised and calibrated"):
        half_graph(other)
