"""A tutor: a ResNet that learns from our labels, and whose answers another network learns from."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from tests.runs import SHORT, TINY, noise, run, write_kernels
from train.batches import plain
from train.errors import CheckpointError, TrainError
from train.export import export
from train.fit import predict
from train.leave_out import leave_one_out
from train.manifest import Prepared
from train.start import Start

EVEN = (1 / 3, 1 / 3, 1 / 3)
RESNET = replace(TINY, arch="resnet50", width=1 / 16, pictures=16)


@pytest.fixture
def short(monkeypatch):
    """A ResNet-50 of four bottlenecks."""
    monkeypatch.setattr("train.resnet.BLOCKS", SHORT)


@pytest.fixture(scope="module")
def many():
    return noise(train=24, val=12)


@pytest.fixture(scope="module")
def contrary(many, tmp_path_factory):
    """A network that learned that dark pictures are masks and bright ones real."""
    names = {"real": "mask", "mask": "real", "fake": "fake"}
    rows = tuple(replace(row, label=names[row.label]) for row in many.rows)
    recipe = replace(TINY, pictures=8 * 200, class_shares=EVEN)
    return run(replace(many, rows=rows), tmp_path_factory.mktemp("contrary"), recipe)


def shares_right(data: Prepared, final) -> float:
    rows = data.where("val")
    model = keras.saving.load_model(final, compile=False)
    answers = predict(model, plain(data, rows, input_px=32, margin=TINY.margin)).argmax(axis=1)
    outer = data.labels[rows] != 1
    return float((answers[outer] == data.labels[rows][outer]).mean())


def test_a_network_learns_what_its_tutor_says(many, contrary, tmp_path):
    """Told by the tutor alone it is wrong as the tutor is, though every label says otherwise; by its label, right."""
    recipe = replace(TINY, pictures=8 * 200, class_shares=EVEN, tutor_weight=1.0)
    taught = run(many, tmp_path / "taught", recipe, start=Start(tutor=contrary))
    assert shares_right(many, taught) < 0.2
    barely = run(many, tmp_path / "barely", replace(recipe, tutor_weight=0.01), start=Start(tutor=contrary))
    assert shares_right(many, barely) > 0.8


def test_a_resnet_begins_from_its_file_and_is_a_tutor(short, noisy, tmp_path):
    kernels, said = write_kernels(tmp_path / "resnet.npz", RESNET), []
    idle = replace(RESNET, learning_rate=1e-12, pictures=8)
    final = run(noisy, tmp_path / "tutor", idle, start=Start(str(kernels)), say=said.append)
    assert f"started from {kernels}" in said
    stored = np.load(kernels)
    layer = keras.saving.load_model(final, compile=False).get_layer("layer2_0_conv2")
    np.testing.assert_allclose(layer.kernel, stored["1.layer2.0.conv2.weight"].transpose(2, 3, 1, 0), atol=1e-6)
    pupil = run(noisy, tmp_path / "pupil", replace(TINY, tutor_weight=0.5), start=Start(tutor=final))
    assert pupil.is_file()
    with pytest.raises(TrainError, match="only teaches others") as caught:
        export(noisy, tmp_path / "tutor", tmp_path / "bundle", name=None, version="1")
    assert "--tutor" in caught.value.hint
    assert not (tmp_path / "bundle").exists()


def test_weights_of_another_form_are_refused(short, noisy, tmp_path):
    np.savez(tmp_path / "none.npz", conv1=np.zeros(3))
    wider = write_kernels(tmp_path / "wider.npz", replace(RESNET, width=1 / 8))
    for file, says in ((tmp_path / "none.npz", "does not fit a resnet50"), (wider, "does not fit a resnet50")):
        with pytest.raises(CheckpointError, match=says) as caught:
            run(noisy, tmp_path / "run", RESNET, start=Start(str(file)))
        assert caught.value.hint
    with pytest.raises(CheckpointError, match="cannot start from imagenet") as caught:
        run(noisy, tmp_path / "run", RESNET, start=Start("imagenet"))
    assert ".npz" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "tutor", "error", "says"),
    [
        ({"tutor_weight": 0.5}, False, TrainError, "wants a tutor"),
        ({}, True, TrainError, "tutor_weight is 0"),
        ({"tutor_weight": 0.5, "input_px": 64}, True, CheckpointError, r"crops \(32, 32, 3\), not"),
        ({"tutor_weight": 0.5}, "missing.keras", CheckpointError, "cannot read"),
    ],
)
def test_a_tutor_and_a_recipe_must_agree(noisy, contrary, tmp_path, changes, tutor, error, says):
    file = contrary if tutor is True else tmp_path / tutor if tutor else None
    with pytest.raises(error, match=says) as caught:
        run(noisy, tmp_path / "run", replace(TINY, **changes), start=Start(tutor=file))
    assert caught.value.hint


def test_where_a_source_is_left_out_its_tutor_has_not_seen_it_either(short, many, tmp_path, monkeypatch):
    sources = ("one", "two", "three")
    rows = tuple(replace(row, source=sources[int(row.group.strip("mtrainvl")) % 3]) for row in many.rows)
    data, asked = replace(many, rows=rows), []
    monkeypatch.setattr("train.leave_out.load_recipe", lambda name: asked.append(name) or RESNET)
    start = Start(teacher=write_kernels(tmp_path / "resnet.npz", RESNET))
    recipes = {"tutored": replace(TINY, tutor_weight=0.5, pictures=16)}
    found = leave_one_out(data, tmp_path / "runs", recipes, start=start, sources=["two"], say=lambda _: None)
    assert asked == ["tutor"]
    assert found["tutored"]["tutor"]
    for name in ("tutor", "tutored"):
        assert "without two" in (tmp_path / "runs" / name / "two/state.json").read_text()
    with pytest.raises(TrainError, match="begins from a ResNet-50") as caught:
        leave_one_out(data, tmp_path / "again", recipes, start=Start(), sources=["two"], say=lambda _: None)
    assert "--teacher" in caught.value.hint
