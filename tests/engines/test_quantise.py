"""Int8 graphs: near the float answer, really integer, and the same whatever the batch."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.calibrate import calibrate
from engines.contract import BuildError
from engines.machine import cpu
from engines.quantise import qdq_graph
from tests.bundles import tiny_crops, tiny_weights
from train.graph import vgg_graph


@pytest.fixture(scope="module")
def model():
    convs, denses = tiny_weights(32, filters=16)
    return vgg_graph(convs, denses, input_px=32)


@pytest.fixture(scope="module")
def ranges(model):
    return calibrate(model.SerializeToString(), [tiny_crops(24, seed=2), tiny_crops(8, seed=3)])


def session(model, optimised_path=None, *, by_the_graph=False):
    options = ort.SessionOptions()
    if by_the_graph:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    if optimised_path:
        options.optimized_model_filepath = str(optimised_path)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def answers(model, rgb, *, by_the_graph=False):
    """`by_the_graph`: as the graph says, in float; in integers a processor without VNNI adds up in 16 bits, which full
    weights overflow."""
    return session(model, by_the_graph=by_the_graph).run(None, {"rgb": rgb})[0]


DIALECTS = {
    "vnni": {"unsigned": True, "reduce_range": False},
    "avx2": {"unsigned": True, "reduce_range": True},
    "arm": {"unsigned": False, "reduce_range": False},
    "tensorrt": {"unsigned": False, "reduce_range": False, "symmetric": True},
}


def fits_here(dialect):
    """Whether this processor's integers are those of the graph."""
    here = cpu()
    return {"unsigned": here.unsigned, "reduce_range": here.reduce_range} == dialect


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_int8_is_near_float(model, ranges, dialect):
    rgb = tiny_crops(64, seed=9)
    exact = answers(model, rgb)
    near = answers(qdq_graph(model, ranges, **dialect), rgb, by_the_graph=not fits_here(dialect))
    assert np.abs(exact - near).mean() < 0.015
    assert np.abs(exact - near).max() < 0.2
    assert np.ptp(exact, axis=0).max() > 0.2, "answers must differ for nearness to mean anything"
    sure = np.sort(exact, axis=1)[:, -1] - np.sort(exact, axis=1)[:, -2] > 0.1
    assert (exact.argmax(1) == near.argmax(1))[sure].all()


def test_reduced_range_keeps_weights_within_seven_bits(model, ranges):
    for reduce_range, most in ((True, 64), (False, 127)):
        graph = qdq_graph(model, ranges, unsigned=True, reduce_range=reduce_range).graph
        kernels = [numpy_helper.to_array(w) for w in graph.initializer if w.name.endswith(".kernel.q")]
        assert len(kernels) == 14
        assert {int(np.abs(kernel.astype(int)).max()) for kernel in kernels} == {most}


def test_tensorrt_gets_signed_steps_around_zero_and_float_biases(model, ranges):
    graph = qdq_graph(model, ranges, **DIALECTS["tensorrt"]).graph
    stored = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    zeros = [values for name, values in stored.items() if name.endswith(".zero")]
    assert {values.dtype for values in zeros} == {np.dtype(np.int8)}
    assert not any(values.any() for values in zeros)
    assert not [name for name, values in stored.items() if values.dtype == np.int32]
    assert stored["conv1_1.bias"].dtype == np.float32


def test_convolutions_really_run_in_integers(model, ranges, tmp_path):
    session(qdq_graph(model, ranges, unsigned=True, reduce_range=False), tmp_path / "optimised.onnx")
    ops = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert ops.count("QLinearConv") == 13
    assert ops.count("QGemm") == 1
    assert not [op for op in ops if op in ("Conv", "FusedConv")]


def test_one_crop_alone_is_judged_as_in_a_batch(model, ranges):
    quantised = qdq_graph(model, ranges, unsigned=True, reduce_range=False)
    rgb = tiny_crops(9)
    together = answers(quantised, rgb)
    alone = np.concatenate([answers(quantised, rgb[i : i + 1]) for i in range(len(rgb))])
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_same_ranges_same_bytes(model, ranges):
    one, two = (
        qdq_graph(model, dict(ranges), unsigned=True, reduce_range=False).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert one == two


def test_last_hidden_layer_and_logits_stay_float(model, ranges):
    assert "fc1" in ranges
    assert "fc2" not in ranges
    stored = {w.name for w in qdq_graph(model, ranges, unsigned=True, reduce_range=False).graph.initializer}
    assert {"logits.kernel.f16", "fc2.kernel.f16", "fc1.kernel.q"} <= stored
    assert "fc1.kernel.f16" not in stored


def test_ranges_of_another_model_are_refused(model, ranges):
    with pytest.raises(BuildError, match="conv9_9"):
        qdq_graph(model, {**ranges, "conv9_9": (0.0, 1.0)}, unsigned=True, reduce_range=False)
    with pytest.raises(BuildError, match="there are none"):
        qdq_graph(model, {}, unsigned=True, reduce_range=False)


def of_others(rng):
    """A graph as others export it: a convolution without bias, a dense layer whose kernel is (outputs, inputs)."""
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["felt"], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["felt"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "bias"], ["sum"], transB=1),
    ]
    shapes = {"kernel": (2, 3, 3, 3), "dense": (5, 2 * 8 * 8), "bias": (5,)}
    kernels = {name: rng.normal(0, 0.1, size).astype(np.float32) for name, size in shapes.items()}
    stored = [numpy_helper.from_array(values, name) for name, values in kernels.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, 8, 8])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["rgb"], ["x"]), *nodes],
        "others",
        [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, [None, 3, 8, 8])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [None, 5])],
        stored,
        value_info=[x],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_a_product_needs_no_bias_and_its_kernel_may_be_transposed(dialect):
    rng = np.random.default_rng(5)
    model, pictures = of_others(rng), rng.normal(0, 0.3, (16, 3, 8, 8)).astype(np.float32)
    near = qdq_graph(model, {"x": (-1.5, 1.5), "felt": (-2.0, 2.0), "sum": (-4.0, 4.0)}, **dialect)
    exact, quantised = answers(model, pictures), answers(near, pictures, by_the_graph=True)
    assert 0 < np.abs(exact - quantised).max() < 0.05
    assert np.ptp(exact) > 0.5


def test_weights_that_are_not_in_the_model_are_named():
    model = of_others(np.random.default_rng(5))
    for i, name in ((2, "bias"), (1, "dense")):
        del model.graph.initializer[i]
        with pytest.raises(BuildError, match=f"{name}, a weight of sum, is not stored in the model"):
            qdq_graph(model, {"x": (-1, 1), "felt": (-2, 2), "sum": (-4, 4)}, unsigned=True, reduce_range=False)


def test_ranges_do_not_hang_on_how_crops_are_batched(model):
    crops = tiny_crops(13)
    whole = calibrate(model.SerializeToString(), [crops])
    pieces = calibrate(model.SerializeToString(), (crops[i : i + 1] for i in range(13)))
    assert whole.keys() == pieces.keys()
    for name in whole:
        np.testing.assert_allclose(whole[name], pieces[name], rtol=1e-3)
    assert whole["input"][0] >= -1
    assert whole["input"][1] <= 1


def test_a_rare_outlier_does_not_set_the_range():
    from engines.calibrate import _Spread

    spread = _Spread()
    values = np.abs(np.random.default_rng(0).normal(0, 1, 1_000_000)).astype(np.float32)
    values[0] = 50
    spread.add(values)
    low, high = spread.range()
    assert low == 0
    assert 3 < high < 30


def test_no_crops_no_ranges(model):
    with pytest.raises(BuildError, match="no crops"):
        calibrate(model.SerializeToString(), [])
