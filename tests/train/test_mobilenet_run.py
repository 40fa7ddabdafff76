"""MobileNetV2 trained, exported and run; with four blocks instead of seventeen, which takes seconds."""

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from engines import open_engine
from tests.runs import FEW_STAGES, noise
from train.architectures import architecture
from train.errors import CheckpointError
from train.export import export
from train.fit import fit, predict
from train.measure import softmax
from train.recipe import Recipe
from train.weights import adopt

SMALL = Recipe(
    arch="mobilenetv2", pictures=480, batch=16, input_px=32, width=0.25, bfloat16=False, learning_rate=5e-3,
    augment=None, dropout=0.1, average=0.5,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _four_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.mobilenet.STAGES", FEW_STAGES)
        yield


@pytest.fixture(scope="module")
def data():
    return noise(train=16, val=8, test=8)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The folder of a run."""
    run = tmp_path_factory.mktemp("mobilenet")
    fit(data, run, SMALL, say=lambda _: None)
    return run


def test_trained_exported_and_run(data, finished, tmp_path):
    bundle, results = export(data, finished, tmp_path / "bundle", name=None, version="0")
    assert bundle.card.name == "mobilenetv2-32"
    assert bundle.card.architecture.startswith("MobileNetV2")
    model = keras.saving.load_model(finished / "final.keras", compile=False)
    rgb = np.ascontiguousarray(data.crops[::7, 6:38, 6:38])
    shift = np.array(bundle.card.metrics["shift"], np.float32)
    want = softmax(predict(model, rgb) + shift, bundle.card.metrics["temperature"])
    with closing(open_engine(bundle.folder, precision="fp32")) as engine:
        difference = np.abs(engine.infer(rgb) - want)
    assert difference.mean() < 5e-3  # weights are stored in half precision
    assert difference.max() < 0.1
    assert results["fp32"]["accuracy"] > 0.9
    assert abs(results["int8"]["accuracy"] - results["fp32"]["accuracy"]) <= 0.1
    vgg = architecture("vgg16").build(Recipe(input_px=32), 3)
    with pytest.raises(CheckpointError, match="holds no VGG16 as `monitor train export` writes it"):
        adopt(vgg, str(bundle.folder), data.crops[:4, 6:38, 6:38], lambda _: None)


def test_a_run_can_start_from_a_run(data, finished):
    model = architecture("mobilenetv2").build(SMALL, 3)
    adopt(model, str(finished / "final.keras"), data.crops[:4], lambda _: None)
    for one, two in zip(
        model.get_weights(), keras.saving.load_model(finished / "final.keras").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)
