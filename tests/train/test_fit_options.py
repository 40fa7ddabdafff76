"""What a run can be told: to average, to stop early, to keep blocks, to begin elsewhere. And full disks."""

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
from engines.machine import Cpu
from monitor.errors import SinkError
from tests.bundles import tiny_weights
from tests.runs import FIVE, TINY, assert_same, run, tiny_vgg_bundle, weights
from train.errors import CheckpointError
from train.graph import vgg_graph
from train.manifest import Prepared, Row
from train.start import Start

pytestmark = pytest.mark.usefixtures("eager")


@pytest.mark.parametrize(
    "changes",
    [{"average": 0.8, "mixup": 0.3, "paired": 1.0, "dropout": 0.4}, {"teacher_weight": 1.0}, {"patience": 9}],
    ids=lambda changes: "-".join(changes),
)
def test_a_resumed_run_repeats_the_unbroken_one(noisy, teacher, tmp_path, changes):
    recipe = replace(TINY, **changes)
    if recipe.teacher_weight:
        recipe = replace(recipe, blocks=FIVE)
    start = Start(teacher=teacher if recipe.teacher_weight else None)
    whole = run(noisy, tmp_path / "whole", recipe, start=start, every=2)
    steps = iter(range(100))
    assert run(noisy, tmp_path / "broken", recipe, start=start, every=2, stopped=lambda: next(steps) > 1) is None
    assert_same(whole, run(noisy, tmp_path / "broken", recipe, start=start, every=2))
    with (tmp_path / "whole/log.csv").open() as one, (tmp_path / "broken/log.csv").open() as two:
        last, resumed = list(csv.DictReader(one))[-1], list(csv.DictReader(two))[-1]
    assert last["val_loss"] == resumed["val_loss"]


@pytest.mark.parametrize("units", [True, False])
def test_bfloat16_is_used_where_the_machine_multiplies_it(noisy, tmp_path, monkeypatch, units):
    """Emulated it is many times slower than float32: the run says that it goes without."""
    monkeypatch.setattr("train.backend.cpu", lambda: Cpu("some", "x86_64", (), bfloat16=units))
    said = []
    final = run(noisy, tmp_path, replace(TINY, pictures=8, bfloat16=True), say=said.append)
    computes = keras.saving.load_model(final, compile=False).get_layer("conv1_1").compute_dtype
    assert computes == ("bfloat16" if units else "float32")
    assert any("no units for bfloat16" in line for line in said) == (not units)


def test_validation_while_training_looks_at_every_source_alike():
    from train.watch import _even_sample

    sizes = {("large", "real"): 500, ("large", "mask"): 300, ("small", "fake"): 7}
    cells = [cell for cell, n in sizes.items() for _ in range(n)]
    rows = tuple(Row("s", f"{i}", *cell, f"{i}", "val", "whole", 30.0) for i, cell in enumerate(cells))
    chosen = _even_sample(Prepared(rows, np.zeros((len(rows), 8, 8, 3), np.uint8), 0.5, "d"), 90)
    kept = [cells[i] for i in chosen]
    assert [kept.count(cell) for cell in sizes] == [30, 30, 7]
    assert len(set(chosen.tolist())) == 67


def test_the_average_lags_behind_the_weights(noisy, plain, tmp_path):
    last, averaged = weights(plain), weights(run(noisy, tmp_path / "averaged", replace(TINY, average=0.99)))
    beginning = weights(run(noisy, tmp_path / "beginning", replace(TINY, learning_rate=1e-12, pictures=8)))
    apart = [np.abs(a - b).max() for a, b in zip(last, averaged, strict=True)]
    assert max(apart) > 1e-4
    first = 0  # conv1_1: trained, so averaged; its mean stays nearer to where it began
    assert np.abs(averaged[first] - beginning[first]).max() < np.abs(last[first] - beginning[first]).max()


def test_averaged_weights_are_normalised_for_themselves(noisy, tmp_path):
    """Their means are those of what they make of the batches, not of what the last weights made of them."""
    from train.averaging import renormalise
    from train.batches import Batches

    recipe = replace(TINY, average=0.99, learning_rate=3e-2)
    model = keras.saving.load_model(run(noisy, tmp_path, recipe), compile=False)
    first, norm = model.get_layer("conv1_1"), model.get_layer("norm1_1")
    batches = Batches(noisy, recipe)
    pixels = np.concatenate([batches.batch(recipe.steps + i)[0] for i in range(40)]).astype(np.float32) / 127.5 - 1
    sums = np.asarray(keras.ops.convert_to_numpy(first(pixels)))
    np.testing.assert_allclose(np.asarray(norm.moving_mean), sums.mean(axis=(0, 1, 2)), atol=1e-3)
    before = norm.momentum
    renormalise(model, batches, 0, count=2)
    assert norm.momentum == before == 0.9


def test_a_run_that_no_longer_improves_ends_with_its_best(noisy, tmp_path):
    said = []
    recipe = replace(TINY, pictures=8 * 40, learning_rate=0.3, patience=2)
    final = run(noisy, tmp_path, recipe, every=1, say=said.append)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert "ends with the best" in said[-1]
    assert len(losses) < 40
    assert losses.index(min(losses)) == len(losses) - 3
    assert final == tmp_path / "final.keras"
    assert final.exists()
    before = weights(final)
    assert run(noisy, tmp_path, recipe, every=1) == final  # a finished run is not begun again
    for one, other in zip(before, weights(final), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_that_diverges_is_told(noisy, tmp_path):
    model = keras.saving.load_model(run(noisy, tmp_path / "first", replace(TINY, pictures=8)), compile=False)
    model.get_layer("logits").bias.assign(np.full(3, np.nan, np.float32))
    model.save(tmp_path / "broken.keras")
    with pytest.raises(CheckpointError, match="the loss of step 1 is nan: the run has diverged") as caught:
        run(noisy, tmp_path / "run", TINY, start=Start(str(tmp_path / "broken.keras")))
    assert "lower learning_rate" in caught.value.hint


def test_a_seed_may_be_a_date(noisy, tmp_path):
    assert run(noisy, tmp_path / "run", replace(TINY, pictures=8, dropout=0.4, seed=20261128)) is not None


def test_frozen_blocks_stay_as_they_came(noisy, tmp_path):
    bundle = tiny_vgg_bundle(tmp_path / "bundle")
    start = Start(str(bundle.folder))
    final = run(noisy, tmp_path / "run", replace(TINY, frozen_blocks=1), start=start)
    begun = run(noisy, tmp_path / "begun", replace(TINY, frozen_blocks=1, learning_rate=1e-12, pictures=8), start=start)
    models = [keras.saving.load_model(file, compile=False) for file in (begun, final)]
    for block, stays in ((1, True), (2, False)):
        for layer in (f"conv{block}_1", f"norm{block}_1"):
            one, other = (np.concatenate([w.ravel() for w in m.get_layer(layer).get_weights()]) for m in models)
            assert np.allclose(one, other, atol=1e-6) == stays, layer


def test_other_weights_do_not_go_on_in_the_same_folder(noisy, tmp_path):
    run(noisy, tmp_path / "run", replace(TINY, pictures=8))
    bundle = tiny_vgg_bundle(tmp_path / "bundle")
    with pytest.raises(CheckpointError, match="other settings: weights"):
        run(noisy, tmp_path / "run", replace(TINY, pictures=16), start=Start(str(bundle.folder)))


def test_a_disk_that_fills_leaves_the_checkpoint_before_whole(noisy, plain, tmp_path):
    reports = []

    def fill(line):
        reports.append(line)
        if len(reports) == 2:  # the second checkpoint does not fit
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, usual[1]))

    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(SinkError, match="cannot write") as caught:
            run(noisy, tmp_path / "run", TINY, every=2, say=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert caught.value.hint
    state = json.loads((tmp_path / "run/state.json").read_text())
    assert state["step"] == 2
    assert not [file for file in Path(tmp_path / "run").iterdir() if file.name.startswith("part-")]
    assert_same(plain, run(noisy, tmp_path / "run", TINY, every=2))


def test_a_run_begins_where_a_bundle_ended(noisy, tmp_path):
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
    said, rgb = [], noisy.crops[:24, 6:38, 6:38]
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
