"""A teacher beside the labels, and what is none."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from tests.runs import FIVE, SHORT, TINY, run, write_teacher
from train.batches import plain
from train.errors import CheckpointError, TrainError
from train.resnet import BLOCKS
from train.start import Start
from train.student import Teacher
from train.teacher import load_teacher


def test_the_teacher_is_a_resnet_50(tmp_path):
    """16 bottlenecks (He et al. 2015, table 1) with strides of 4 to 32; a file with fewer is refused."""
    assert BLOCKS == (3, 4, 6, 3)
    model = load_teacher(write_teacher(tmp_path / "whole.npz", BLOCKS), stages=(1, 2, 3, 4))
    assert [y.shape[-1] for y in model.outputs] == [8, 16, 24, 32]
    crops = np.zeros((1, 64, 64, 3), np.float32)
    assert [y.shape[1] for y in model.predict_on_batch(crops)] == [16, 8, 4, 2]
    with pytest.raises(CheckpointError, match="holds no ResNet-50"):
        load_teacher(write_teacher(tmp_path / "short.npz", SHORT))


def test_a_teacher_teaches(waves, teacher, tmp_path):
    """Features of the student come nearer to the teacher's, also of pictures not trained on; it is exported alone."""
    recipe = replace(TINY, blocks=((8,),) * 5, pictures=8 * 80, teacher_weight=20.0, learning_rate=1e-2)
    rgb = plain(waves, waves.where("val"), input_px=32, margin=TINY.margin)
    targets = Teacher(teacher, rgb).targets(rgb)

    def distances(named, recipe):
        folder = tmp_path / named
        final = run(waves, folder, recipe, start=Start(teacher=teacher))
        assert len(keras.saving.load_model(final, compile=False).outputs) == 1
        student = keras.saving.load_model(folder / json.loads((folder / "state.json").read_text())["model"])
        answers = student.predict_on_batch(rgb.astype(np.float32))[1:]
        return [float(((np.asarray(a) - t) ** 2).mean()) for a, t in zip(answers, targets, strict=True)]

    begun = distances("begun", replace(recipe, pictures=8, learning_rate=1e-12))
    taught = distances("taught", recipe)
    assert len(taught) == 2
    assert all(after < 0.97 * before for before, after in zip(begun, taught, strict=True)), (begun, taught)


@pytest.mark.parametrize(
    ("changes", "with_teacher", "says"),
    [
        ({}, True, "teacher_weight and imitate are 0"),
        ({"teacher_weight": 1.0}, False, "wants a teacher"),
        ({"imitate": 4}, False, "wants a teacher"),
        ({"imitate": 4}, True, "only vgg16 with five blocks"),
        ({"frozen_blocks": 1}, False, "of no use"),
    ],
)
def test_a_start_and_a_recipe_must_agree(noisy, teacher, tmp_path, changes, with_teacher, says):
    start = Start(teacher=teacher if with_teacher else None)
    with pytest.raises(TrainError, match=says) as caught:
        run(noisy, tmp_path, replace(TINY, **changes), start=start)
    assert caught.value.hint


def test_what_is_no_teacher_is_refused(noisy, tmp_path):
    recipe = replace(TINY, blocks=FIVE, teacher_weight=1.0)
    np.savez(tmp_path / "other.npz", conv1=np.zeros(3))
    for name in ("missing.npz", "other.npz"):
        with pytest.raises(CheckpointError, match="holds no ResNet-50") as caught:
            run(noisy, tmp_path / "run", recipe, start=Start(teacher=tmp_path / name))
        assert caught.value.hint
