"""MobileNetV2: the published network, in eight bits, and what it may begin with."""

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from tests.bundles import tiny_crops
from train.architectures import architecture
from train.errors import CheckpointError
from train.fit import fit
from train.mobilenet import STAGES, build_mobilenet, imagenet_into
from train.recipe import Recipe
from train.start import Start

SMALL = Recipe(arch="mobilenetv2", pictures=16, batch=16, input_px=32, width=0.25, bfloat16=False)


def test_it_is_the_published_network():
    """3.4 million parameters with the 1000-class head (table 4 of the paper), so 2.22 million without it."""
    model = build_mobilenet(128, classes=3)
    convs = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]
    assert len(convs) == 1 + sum(n * 3 for _, _, n, _ in STAGES) - 1 + 1
    theirs = keras.applications.MobileNetV2((128, 128, 3), include_top=False, weights=None)
    head = 1280 * 3 + 3
    assert model.count_params() - head == theirs.count_params()


def test_every_convolution_runs_in_eight_bits(tmp_path):
    """The eight-bit graph quantises all of them, the depthwise ones and those before a sum, and answers alike."""
    import onnx

    from engines.calibrate import calibrate
    from engines.quantise import qdq_graph

    keras.utils.set_random_seed(3)
    model = build_mobilenet(32, width=0.25)
    model.get_layer("logits").set_weights([np.random.default_rng(1).normal(0, 0.3, (1280, 3)), np.zeros(3)])
    graph = architecture("mobilenetv2").graph(model, SMALL, 1.0, np.zeros(3, np.float32))
    ranges = calibrate(graph.SerializeToString(), [tiny_crops(32)])
    for unsigned in (True, False):
        made = qdq_graph(graph, ranges, unsigned=unsigned, reduce_range=False)
        producers = {node.output[0]: node.op_type for node in made.graph.node}
        convs = [node for node in made.graph.node if node.op_type == "Conv"]
        assert len(convs) == 52
        assert all(producers[name] == "DequantizeLinear" for node in convs for name in node.input)
        session = _session(made.SerializeToString())
        exact = _session(graph.SerializeToString())
        crops = tiny_crops(24, seed=9)
        difference = np.abs(session.run(None, {"rgb": crops})[0] - exact.run(None, {"rgb": crops})[0])
        assert difference.mean() < 0.03
    assert onnx.checker.check_model(made) is None


def _session(graph):
    import onnxruntime

    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def test_imagenet_weights_answer_as_keras_own_network(monkeypatch):
    """A stand-in without a download: the same network with random weights and statistics."""
    theirs = keras.applications.MobileNetV2((32, 32, 3), include_top=False, weights=None, alpha=0.35)
    rng = np.random.default_rng(2)
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    asked = {}

    def stand_in(**options):
        asked.update(options)
        return theirs

    monkeypatch.setattr(keras.applications, "MobileNetV2", stand_in)
    model = build_mobilenet(32, width=0.35)
    imagenet_into(model, 0.35)
    assert asked == {"include_top": False, "weights": "imagenet", "alpha": 0.35}
    rgb = tiny_crops(4).astype(np.float32)
    ours = keras.Model(model.input, model.get_layer("pooled").input)
    want = theirs.predict_on_batch(rgb / 127.5 - 1)
    np.testing.assert_allclose(ours.predict_on_batch(rgb), want, atol=1e-3 * np.abs(want).max())


def test_imagenet_weights_that_cannot_be_had_are_told(noisy, tmp_path, monkeypatch):
    def broken(**options):
        raise Exception("no network")  # as Keras does

    monkeypatch.setattr(keras.applications, "MobileNetV2", broken)
    with pytest.raises(CheckpointError, match="ImageNet weights cannot be had: no network"):
        fit(noisy, tmp_path, SMALL, start=Start("imagenet"), say=lambda _: None)


def test_weights_of_a_vgg_are_refused(noisy, tmp_path):
    with pytest.raises(CheckpointError, match="mobilenetv2"):
        fit(noisy, tmp_path, SMALL, start=Start("vgg16-128"), say=lambda _: None)
