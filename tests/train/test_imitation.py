"""Blocks that imitate the stages of a teacher before any label."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from tests.runs import FIVE, TINY, assert_same, run
from train.architectures import architecture
from train.batches import plain
from train.imitation import imitate
from train.start import Start
from train.student import Teacher, projected

IMITATING = replace(TINY, blocks=FIVE, imitate=4 * 5, frozen_blocks=2, pictures=16)


def explained(model, block, teacher, rgb):
    """Share of the variance of the teacher's stage that the best linear map of the block's features explains."""
    guide = Teacher(teacher, rgb, stages=(block - 2,))
    pupil = projected(keras.Model(model.input, model.get_layer(f"pool{block}").input), guide, rgb)
    (target,) = guide.targets(rgb)
    answer = np.asarray(pupil.predict_on_batch(rgb.astype(np.float32)))
    return 1 - ((answer - target) ** 2).mean() / target.var(axis=(0, 1, 2)).mean()


def test_blocks_imitate_one_after_another(waves, teacher):
    """Each explains more of its stage than before, and what a run then trains is what its recipe says."""
    keras.utils.set_random_seed(1)
    recipe, finished = replace(IMITATING, blocks=((8,),) * 5, imitate=4 * 200), []
    model = architecture("vgg16").build(recipe, 3)
    rgb = plain(waves, waves.where("val"), input_px=32, margin=TINY.margin)
    before = {block: explained(model, block, teacher, rgb) for block in (3, 4)}
    assert imitate(
        model, teacher, waves, recipe, done=0, save=finished.append, say=lambda _: None, stopped=lambda: False
    )
    assert finished == [3, 4, 5]
    after = {block: explained(model, block, teacher, rgb) for block in (3, 4)}
    assert after[3] > before[3]
    assert after[4] > 1.1 * before[4], (before, after)
    assert [model.get_layer(f"conv{block}_1").trainable for block in range(1, 6)] == [False, False, True, True, True]


@pytest.mark.usefixtures("eager")
def test_a_resumed_imitation_repeats_the_unbroken_one(noisy, teacher, tmp_path):
    stop_at = 7  # in the second block
    start, steps = Start(teacher=teacher), iter(range(1000))
    whole = run(noisy, tmp_path / "whole", IMITATING, start=start)
    stopped = run(noisy, tmp_path / "broken", IMITATING, start=start, stopped=lambda: next(steps) >= stop_at)
    assert stopped is None
    said = []
    assert_same(whole, run(noisy, tmp_path / "broken", IMITATING, start=start, say=said.append))
    again = sum("imitates" in line for line in said)
    assert again == 3 - stop_at // 5  # finished blocks are not taught again
