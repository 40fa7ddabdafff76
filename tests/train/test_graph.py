"""The graph writer against plain numpy: same topology, same flatten order, same softmax."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.bundles import tiny_crops, tiny_weights
from train.graph import vgg_graph


def relu(x):
    return np.maximum(x, 0)


def conv(x, kernel, bias):
    """Channels last, same padding, written from the definition."""
    n, h, w, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.broadcast_to(bias, (n, h, w, bias.size)).copy()
    for dy in range(3):
        for dx in range(3):
            out += padded[:, dy : dy + h, dx : dx + w] @ kernel[dy, dx]
    return out


def reference(rgb, convs, denses, temperature):
    x = rgb.astype(np.float64) / 127.5 - 1
    for block in convs:
        for kernel, bias in block:
            x = relu(conv(x, kernel.astype(np.float16).astype(np.float64), bias))
        n, h, w, c = x.shape
        x = x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
    x = x.reshape(len(x), -1)
    for i, (kernel, bias) in enumerate(denses):
        x = x @ kernel.astype(np.float16).astype(np.float64) + bias
        x = x if i == len(denses) - 1 else relu(x)
    e = np.exp(x / temperature - (x / temperature).max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def run(model, rgb):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"rgb": rgb})[0]


@pytest.mark.parametrize(
    ("input_px", "blocks", "filters"), [(32, (2, 2, 3, 3, 3), 8), (64, (2, 2, 3, 3, 3), 6), (16, (1, 2), 4)]
)
def test_answers_as_the_definition_says(input_px, blocks, filters):
    convs, denses = tiny_weights(input_px, filters=filters, blocks=blocks)
    rgb = tiny_crops(3, input_px)
    probs = run(vgg_graph(convs, denses, input_px=input_px, temperature=1.7), rgb)
    assert probs.dtype == np.float32
    assert probs.shape == (3, 3)
    np.testing.assert_allclose(probs, reference(rgb, convs, denses, 1.7), atol=2e-5)
    assert np.ptp(probs, axis=0).max() > 1e-3, "the answer must depend on the picture for this test to mean anything"


def test_is_vgg16_with_stable_names_and_half_size_weights():
    convs, denses = tiny_weights(32)
    model = vgg_graph(convs, denses, input_px=32)
    made = {name: node.op_type for node in model.graph.node for name in node.output}
    assert sum(op == "Conv" for op in made.values()) == 13
    assert [name for name, op in made.items() if op == "Relu"][:3] == ["conv1_1", "conv1_2", "conv2_1"]
    assert [name for name, op in made.items() if op == "MaxPool"] == [f"pool{i}" for i in range(1, 6)]
    assert made["logits"] == "Gemm"
    stored = {w.name: w.data_type for w in model.graph.initializer}
    assert all(t == onnx.TensorProto.FLOAT16 for name, t in stored.items() if name.endswith(".kernel.f16"))
    assert sum(name.endswith(".kernel.f16") for name in stored) == 16


def test_same_weights_give_the_same_bytes():
    convs, denses = tiny_weights(32)
    one, two = (vgg_graph(convs, denses, input_px=32).SerializeToString(deterministic=True) for _ in range(2))
    assert one == two


def test_temperature_softens_and_keeps_the_order():
    convs, denses = tiny_weights(32)
    sharp, soft = (run(vgg_graph(convs, denses, input_px=32, temperature=t), tiny_crops(4, 32)) for t in (1.0, 3.0))
    assert (sharp.argmax(1) == soft.argmax(1)).all()
    assert (soft.max(1) < sharp.max(1)).all()


def test_refuses_what_does_not_fit():
    convs, denses = tiny_weights(32)
    with pytest.raises(ValueError, match="halved"):
        vgg_graph(convs, denses, input_px=40)
    with pytest.raises(ValueError, match=r"fc1 wants \(32, n\)"):
        vgg_graph(convs, denses, input_px=64)
    with pytest.raises(ValueError, match="temperature"):
        vgg_graph(convs, denses, input_px=32, temperature=0)
    broken = [[(kernel * np.float32(1e6), bias) for kernel, bias in block] for block in convs]
    with pytest.raises(ValueError, match="conv1_1 holds numbers"):
        vgg_graph(broken, denses, input_px=32)
    with pytest.raises(ValueError, match=r"conv1_1 wants \(3, 3, 3, n\)"):
        vgg_graph(convs[1:], denses, input_px=32)
