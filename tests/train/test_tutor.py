"""A tutor: a ResNet that learns from our labels, and whose answers another network learns from."""

import hashlib
import json
import zipfile
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


@pytest.mark.usefixtures("eager")
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


@pytest.mark.usefixtures("eager")
def test_where_a_source_is_left_out_its_tutor_has_not_seen_it_either(short, many, tmp_path, monkeypatch):
    sources = ("one", "two", "three")
    rows = tuple(replace(row, source=sources[int(row.group.strip("mtrainvl")) % 3]) for row in many.rows)
    data, asked = replace(many, rows=rows), []
    monkeypatch.setattr("train.leave_out.load_recipe", lambda name: asked.append(name) or RESNET)
    start = Start(teacher=write_kernels(tmp_path / "resnet.npz", RESNET))
    recipes = {"tutored": replace(TINY, tutor_weight=0.5, pictures=16)}
    found = leave_one_out(data, tmp_path / "runs", recipes, start=start, sources=["two"], say=lambda _: None)
    assert asked == ["tutor"]
    assert found["tutored"]["tutor"] is True
    tutor, pupil = (json.loads((tmp_path / f"runs/tutored/{n}/state.json").read_text()) for n in ("two-tutor", "two"))
    assert "without two" in tutor["manifest_sha256"]
    assert "without two" in pupil["manifest_sha256"]
    digest = hashlib.sha256((tmp_path / "runs/tutored/two-tutor/final.keras").read_bytes()).hexdigest()
    assert f"with the tutor {digest[:16]}" in pupil["weights"]
    before = (tmp_path / "runs/tutored/two/log.csv").read_text()
    assert leave_one_out(data, tmp_path / "runs", recipes, start=start, sources=["two"], say=lambda _: None) == found
    assert (tmp_path / "runs/tutored/two/log.csv").read_text() == before


def test_a_recipe_that_lacks_its_teacher_is_refused_before_any_run(many, tmp_path):
    rows = tuple(replace(row, source=f"s{i % 2}") for i, row in enumerate(many.rows))
    recipes = {"plain": TINY, "tutored": replace(TINY, tutor_weight=0.5)}
    with pytest.raises(TrainError, match="begins from a ResNet-50") as caught:
        leave_one_out(replace(many, rows=rows), tmp_path / "runs", recipes, start=Start(), say=lambda _: None)
    assert "--teacher" in caught.value.hint
    assert not (tmp_path / "runs").exists()


def test_a_run_notices_another_tutor(many, contrary, tmp_path):
    recipe, other = replace(TINY, tutor_weight=0.5, pictures=8), tmp_path / "other.keras"
    assert run(many, tmp_path / "run", recipe, start=Start(tutor=contrary))
    model = keras.saving.load_model(contrary, compile=False)
    model.get_layer("logits").bias.assign_add([0.1, 0, 0])
    model.save(other)
    with pytest.raises(CheckpointError, match="begun with other settings: weights"):
        run(many, tmp_path / "run", recipe, start=Start(tutor=other))


def _cut(path, whole):
    path.write_bytes(whole.read_bytes()[:2000])


def _one_array(path, _):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize("harm", [lambda path, _: path.write_bytes(b""), _cut, _one_array])
@pytest.mark.parametrize("use", ["weights", "teacher"])
def test_a_damaged_file_of_kernels_is_told(short, noisy, tmp_path, harm, use):
    bad = tmp_path / "bad.npz"
    harm(bad, write_kernels(tmp_path / "good.npz", RESNET))
    taught = replace(TINY, blocks=((2,),) * 5, teacher_weight=1.0)
    recipe, start = (RESNET, Start(str(bad))) if use == "weights" else (taught, Start(teacher=bad))
    with pytest.raises(CheckpointError, match="holds no ResNet-50") as caught:
        run(noisy, tmp_path / "run", recipe, start=start)
    assert caught.value.hint


@pytest.mark.usefixtures("eager")
def test_a_file_that_is_no_network_is_no_tutor_and_a_tutor_is_no_beginning(short, noisy, tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as file:
        file.writestr("other.txt", "nothing")
    with pytest.raises(CheckpointError, match="cannot read") as caught:
        run(noisy, tmp_path / "run", replace(TINY, tutor_weight=0.5), start=Start(tutor=tmp_path / "empty.keras"))
    assert caught.value.hint
    tutor = run(noisy, tmp_path / "tutor", replace(RESNET, pictures=8))
    with pytest.raises(CheckpointError, match="cannot be read as a VGG16") as caught:
        run(noisy, tmp_path / "run", TINY, start=Start(str(tutor)))
    assert caught.value.hint
