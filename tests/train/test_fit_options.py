"""What a run can be told: to average, to stop early, to keep blocks, to listen to a teacher. And full disks."""

import csv
import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from engines.bundle import write_bundle
from engines.contract import Card
from monitor.errors import SinkError
from tests.bundles import tiny_weights
from train.architectures import architecture
from train.batches import plain
from train.errors import CheckpointError, TrainError
from train.fit import fit
from train.graph import vgg_graph
from train.imitation import imitate
from train.manifest import Prepared, Row
from train.recipe import Recipe
from train.start import Start
from train.student import Teacher, projected
from train.teacher import BLOCKS as RESNET_50
from train.teacher import load_teacher

FIVE = ((2,), (2,), (2,), (2,), (2,))
TINY = Recipe(
    pictures=48,
    batch=8,
    input_px=32,
    blocks=((2,), (2,)),
    dense=4,
    bfloat16=False,
    learning_rate=3e-3,
    augment=None,
    dropout=0,
)


@pytest.fixture(scope="module")
def data():
    """Noise of three brightnesses: enough to learn from, and a fake for every real picture."""
    rng = np.random.default_rng(0)
    rows, crops = [], []
    for split, n in (("train", 8), ("val", 4)):
        for level, label in enumerate(("real", "fake", "mask")):
            for i in range(n):
                group = f"{split}{i}" if label != "mask" else f"m{split}{i}"
                rows.append(Row(f"{len(rows)}", f"{len(rows)}.jpg", "noise", label, group, split, "whole", 30.0))
                crops.append(np.clip(rng.normal(60 + 60 * level, 30, (44, 44, 3)), 0, 255).astype(np.uint8))
    return Prepared(tuple(rows), np.stack(crops), 0.5, "digest")


SHORT = (1, 1, 1, 1)
"""Bottlenecks of each stage of the tests' teacher: the real one's 16 take seconds to build, many times over."""


@pytest.fixture(autouse=True)
def _short_teacher(monkeypatch):
    monkeypatch.setattr("train.teacher.BLOCKS", SHORT)


def write_teacher(path, stages):
    """A ResNet of few channels, in the form of the real file."""
    rng, arrays = np.random.default_rng(1), {}

    def conv(name, outputs, inputs, side):
        kernel = rng.normal(0, np.sqrt(2 / (inputs * side * side)), (outputs, inputs, side, side))
        arrays[f"1.{name}.weight"] = kernel.astype(np.float16)
        arrays[f"1.{name}.bias"] = np.zeros(outputs, np.float32)

    conv("conv1", 4, 3, 7)
    inputs = 4
    for stage, blocks in enumerate(stages, 1):
        wide = 8 * stage
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            conv(f"{name}.conv1", 4, inputs, 1)
            conv(f"{name}.conv2", 4, 4, 3)
            conv(f"{name}.conv3", wide, 4, 1)
            if block == 0:
                conv(f"{name}.downsample.0", wide, inputs, 1)
            inputs = wide
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return write_teacher(tmp_path_factory.mktemp("teacher") / "resnet.npz", SHORT)


def test_the_teacher_is_a_resnet_50(tmp_path, monkeypatch):
    """16 bottlenecks (He et al. 2015, table 1) with strides of 4 to 32; a file with fewer is refused."""
    monkeypatch.setattr("train.teacher.BLOCKS", RESNET_50)
    assert RESNET_50 == (3, 4, 6, 3)
    model = load_teacher(write_teacher(tmp_path / "whole.npz", RESNET_50), stages=(1, 2, 3, 4))
    assert [y.shape[-1] for y in model.outputs] == [8, 16, 24, 32]
    crops = np.zeros((1, 64, 64, 3), np.float32)
    assert [y.shape[1] for y in model.predict_on_batch(crops)] == [16, 8, 4, 2]
    with pytest.raises(CheckpointError, match="holds no ResNet-50"):
        load_teacher(write_teacher(tmp_path / "short.npz", SHORT))


def run(data, folder, recipe, **more):
    return fit(data, folder, recipe, say=more.pop("say", lambda _: None), **more)


def weights(file):
    return keras.saving.load_model(file, compile=False).get_weights()


def assert_same(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"average": 0.8}, {"mixup": 0.3, "paired": 1.0, "dropout": 0.4}, {"teacher_weight": 1.0}, {"patience": 9}],
    ids=lambda changes: "-".join(changes),
)
def test_a_resumed_run_repeats_the_unbroken_one(data, teacher, tmp_path, changes):
    recipe = replace(TINY, **changes)
    if recipe.teacher_weight:
        recipe = replace(recipe, blocks=FIVE)
    start = Start(teacher=teacher if recipe.teacher_weight else None)
    whole = run(data, tmp_path / "whole", recipe, start=start, every=2)
    steps = iter(range(100))
    assert run(data, tmp_path / "broken", recipe, start=start, every=2, stopped=lambda: next(steps) > 1) is None
    assert_same(whole, run(data, tmp_path / "broken", recipe, start=start, every=2))
    with (tmp_path / "whole/log.csv").open() as one, (tmp_path / "broken/log.csv").open() as two:
        last, resumed = list(csv.DictReader(one))[-1], list(csv.DictReader(two))[-1]
    assert last["val_loss"] == resumed["val_loss"]


def test_validation_while_training_looks_at_every_source_alike():
    from train.watch import _even_sample

    sizes = {("large", "real"): 500, ("large", "mask"): 300, ("small", "fake"): 7}
    cells = [cell for cell, n in sizes.items() for _ in range(n)]
    rows = tuple(Row("s", f"{i}", *cell, f"{i}", "val", "whole", 30.0) for i, cell in enumerate(cells))
    chosen = _even_sample(Prepared(rows, np.zeros((len(rows), 8, 8, 3), np.uint8), 0.5, "d"), 90)
    kept = [cells[i] for i in chosen]
    assert [kept.count(cell) for cell in sizes] == [30, 30, 7]
    assert len(set(chosen.tolist())) == 67


def test_the_average_lags_behind_the_weights(data, tmp_path):
    plain, averaged = (
        weights(run(data, tmp_path / name, replace(TINY, average=average)))
        for name, average in (("plain", 0.0), ("averaged", 0.99))
    )
    beginning = weights(run(data, tmp_path / "beginning", replace(TINY, learning_rate=1e-12)))
    apart = [np.abs(a - b).max() for a, b in zip(plain, averaged, strict=True)]
    assert max(apart) > 1e-4
    first = 0  # conv1_1: trained, so averaged; its mean stays nearer to where it began
    assert np.abs(averaged[first] - beginning[first]).max() < np.abs(plain[first] - beginning[first]).max()


def test_averaged_weights_are_normalised_for_themselves(data, tmp_path):
    """Their means are those of what they make of the batches, not of what the last weights made of them."""
    from train.averaging import renormalise
    from train.batches import Batches

    recipe = replace(TINY, average=0.99, learning_rate=3e-2)
    model = keras.saving.load_model(run(data, tmp_path, recipe), compile=False)
    first, norm = model.get_layer("conv1_1"), model.get_layer("norm1_1")
    batches = Batches(data, recipe)
    pixels = np.concatenate([batches.batch(recipe.steps + i)[0] for i in range(40)]).astype(np.float32) / 127.5 - 1
    sums = np.asarray(keras.ops.convert_to_numpy(first(pixels)))
    np.testing.assert_allclose(np.asarray(norm.moving_mean), sums.mean(axis=(0, 1, 2)), atol=1e-3)
    before = norm.momentum
    renormalise(model, batches, 0, count=2)
    assert norm.momentum == before == 0.9


def test_a_run_that_no_longer_improves_ends_with_its_best(data, tmp_path):
    said = []
    recipe = replace(TINY, pictures=8 * 40, learning_rate=0.3, patience=2)
    final = run(data, tmp_path, recipe, every=1, say=said.append)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert "ends with the best" in said[-1]
    assert len(losses) < 40
    assert losses.index(min(losses)) == len(losses) - 3
    assert final == tmp_path / "final.keras"
    assert final.exists()
    before = weights(final)
    assert run(data, tmp_path, recipe, every=1) == final  # a finished run is not begun again
    for one, other in zip(before, weights(final), strict=True):
        np.testing.assert_array_equal(one, other)


def tiny_vgg_bundle(folder):
    convs, denses = tiny_weights(32, filters=2, blocks=(1, 1))
    card = Card("tiny", "1", "vgg16", ("real", "fake", "mask"), 32, 0.15, (0.4, 0.4, 0.2), 0.6, 20.0)
    return write_bundle(folder, vgg_graph(convs, denses, input_px=32).SerializeToString(), card, "tiny", "tests")


def test_frozen_blocks_stay_as_they_came(data, tmp_path):
    bundle = tiny_vgg_bundle(tmp_path / "bundle")
    start = Start(str(bundle.folder))
    final = run(data, tmp_path / "run", replace(TINY, frozen_blocks=1), start=start)
    begun = run(data, tmp_path / "begun", replace(TINY, frozen_blocks=1, learning_rate=1e-12, pictures=8), start=start)
    models = [keras.saving.load_model(file, compile=False) for file in (begun, final)]
    for block, stays in ((1, True), (2, False)):
        for layer in (f"conv{block}_1", f"norm{block}_1"):
            one, other = (np.concatenate([w.ravel() for w in m.get_layer(layer).get_weights()]) for m in models)
            assert np.allclose(one, other, atol=1e-6) == stays, layer


def test_a_teacher_teaches(data, tmp_path, monkeypatch):
    """Features of the trained student are nearer to the teacher's than without it, and it is exported alone."""
    monkeypatch.setattr("train.teacher.BLOCKS", RESNET_50)
    teacher = write_teacher(tmp_path / "resnet.npz", RESNET_50)
    recipe = replace(TINY, blocks=FIVE, pictures=8 * 60, teacher_weight=20.0, learning_rate=1e-2)
    folder = tmp_path / "taught"
    final = run(data, folder, recipe, start=Start(teacher=teacher), every=20)
    assert len(keras.saving.load_model(final, compile=False).outputs) == 1
    state = json.loads((folder / "state.json").read_text())
    student = keras.saving.load_model(folder / state["model"])
    crops = np.random.default_rng(3).integers(0, 256, (16, 32, 32, 3), np.uint8)
    targets = Teacher(teacher, crops).targets(crops)
    answers = student.predict_on_batch(crops.astype(np.float32))[1:]
    for answer, target in zip(answers, targets, strict=True):
        constant = ((target - target.mean(axis=(0, 1, 2))) ** 2).mean()
        assert ((np.asarray(answer) - target) ** 2).mean() < 0.9 * (target**2).mean()
        assert answer.shape == target.shape
        assert constant > 0


IMITATING = replace(TINY, blocks=FIVE, imitate=4 * 5, frozen_blocks=2, pictures=16)


def explained(model, block, teacher, rgb):
    """Share of the variance of the teacher's stage that the best linear map of the block's features explains."""
    guide = Teacher(teacher, rgb, stages=(block - 2,))
    pupil = projected(keras.Model(model.input, model.get_layer(f"pool{block}").input), guide, rgb)
    (target,) = guide.targets(rgb)
    answer = np.asarray(pupil.predict_on_batch(rgb.astype(np.float32)))
    return 1 - ((answer - target) ** 2).mean() / target.var(axis=(0, 1, 2)).mean()


@pytest.fixture(scope="module")
def waves(data):
    """Gratings of random direction, width and colour: something that features can be of."""
    rng, y_x = np.random.default_rng(2), np.mgrid[:44, :44]
    crops = []
    for _ in data.rows:
        direction = rng.normal(0, 0.3, 2)
        wave = np.sin(np.tensordot(direction, y_x, 1) + rng.uniform(0, 6))[..., None]
        crops.append(np.uint8(128 + 100 * wave * rng.uniform(-1, 1, 3)))
    return replace(data, crops=np.stack(crops))


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


def test_a_resumed_imitation_repeats_the_unbroken_one(data, teacher, tmp_path):
    stop_at = 7  # in the second block
    start, steps = Start(teacher=teacher), iter(range(1000))
    whole = run(data, tmp_path / "whole", IMITATING, start=start)
    stopped = run(data, tmp_path / "broken", IMITATING, start=start, stopped=lambda: next(steps) >= stop_at)
    assert stopped is None
    said = []
    assert_same(whole, run(data, tmp_path / "broken", IMITATING, start=start, say=said.append))
    again = sum("imitates" in line for line in said)
    assert again == 3 - stop_at // 5  # finished blocks are not taught again


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
def test_a_start_and_a_recipe_must_agree(data, teacher, tmp_path, changes, with_teacher, says):
    start = Start(teacher=teacher if with_teacher else None)
    with pytest.raises(TrainError, match=says) as caught:
        run(data, tmp_path, replace(TINY, **changes), start=start)
    assert caught.value.hint


def test_what_is_no_teacher_is_refused(data, tmp_path):
    recipe = replace(TINY, blocks=FIVE, teacher_weight=1.0)
    np.savez(tmp_path / "other.npz", conv1=np.zeros(3))
    for name in ("missing.npz", "other.npz"):
        with pytest.raises(CheckpointError, match="holds no ResNet-50") as caught:
            run(data, tmp_path / "run", recipe, start=Start(teacher=tmp_path / name))
        assert caught.value.hint


def test_other_weights_do_not_go_on_in_the_same_folder(data, tmp_path):
    run(data, tmp_path / "run", replace(TINY, pictures=8))
    bundle = tiny_vgg_bundle(tmp_path / "bundle")
    with pytest.raises(CheckpointError, match="other settings: weights"):
        run(data, tmp_path / "run", replace(TINY, pictures=16), start=Start(str(bundle.folder)))


def test_a_disk_that_fills_leaves_the_checkpoint_before_whole(data, tmp_path):
    reports = []

    def fill(line):
        reports.append(line)
        if len(reports) == 2:  # the second checkpoint does not fit
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, usual[1]))

    whole = run(data, tmp_path / "whole", TINY, every=2)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(SinkError, match="cannot write") as caught:
            run(data, tmp_path / "run", TINY, every=2, say=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert caught.value.hint
    state = json.loads((tmp_path / "run/state.json").read_text())
    assert state["step"] == 2
    assert not [file for file in Path(tmp_path / "run").iterdir() if file.name.startswith("part-")]
    assert_same(whole, run(data, tmp_path / "run", TINY, every=2))


def test_a_run_begins_where_a_bundle_ended(data, tmp_path):
    """All its layers are taken: before the first step the network answers as the bundle does."""
    from contextlib import closing

    from engines import open_engine
    from train.fit import predict
    from train.measure import softmax
    from train.model import build_vgg
    from train.weights import adopt

    convs, denses = tiny_weights(32, filters=4, blocks=(2, 2))
    card = Card("tiny", "1", "vgg16", ("real", "fake", "mask"), 32, 0.15, (0.4, 0.4, 0.2), 0.6, 20.0)
    bundle = write_bundle(tmp_path / "b", vgg_graph(convs, denses, input_px=32).SerializeToString(), card, "t", "t")
    said, rgb = [], data.crops[:24, 6:38, 6:38]
    model = build_vgg(32, blocks=((4, 4), (4, 4)), dense=16)
    adopt(model, str(bundle.folder), rgb, said.append)
    with closing(open_engine(bundle.folder, precision="fp32")) as engine:
        want = engine.infer(np.ascontiguousarray(rgb))
    assert np.ptp(want, axis=0).max() > 0.05
    np.testing.assert_allclose(softmax(predict(model, rgb)), want, atol=2e-3)
    assert said == [f"started from all layers of {bundle.folder}"]
    smaller = build_vgg(16, blocks=((4, 4), (4, 4)), dense=16)
    adopt(smaller, str(bundle.folder), rgb[:, ::2, ::2], said.append)
    assert said[1] == f"started from the convolutions of {bundle.folder}"
