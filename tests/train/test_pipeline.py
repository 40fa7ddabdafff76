"""Pictures to a bundle and back, with a two-filter VGG on versions of the two public-domain portraits."""

import csv
import json
import shutil
import signal
import sys
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines import load_bundle, open_engine
from monitor.cli import main
from monitor.mask_drawing import draw_mask
from tests.portraits import portraits
from train.augment import Augment
from train.errors import CheckpointError, DataError
from train.faces import all_faces
from train.manifest import load_prepared
from train.prepare import Plan, plan, prepare
from train.report import SPLIT_RULE
from train.spec import find_items, load_spec

keras = pytest.importorskip("keras")

SPEC = """
sources:
  - name: studio
    folders: {real: studio/real, fake: studio/fake}
    group: '^(\\d+)_'
  - name: street
    folders: {mask: street/mask, real: street/real}
"""


def planned(root: Path, splits: Path | None) -> Plan:
    return plan(find_items(load_spec(root / "spec.yaml"), root), root, splits)


def write_pictures(root: Path) -> None:
    """Versions of two portraits: as they are, posterised (fake) and with a drawn mask."""
    rng = np.random.default_rng(0)
    for folder in ("studio/real", "studio/fake", "street/mask", "street/real"):
        (root / folder).mkdir(parents=True)
        for i in range(8):
            bgr, points = portraits()[i % 2]
            kind = folder.split("/")[1]
            if kind == "mask":
                bgr = draw_mask(bgr, points)
            if kind == "fake":
                bgr = (bgr // 64 * 64 + 32).astype(np.uint8)
            bgr = np.clip(bgr * rng.uniform(0.7, 1.2) + rng.normal(0, 4, bgr.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / folder / f"{i // 2}_{i}.jpg"), bgr)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_pictures(root)
    (root / "spec.yaml").write_text(SPEC)
    return root


@pytest.fixture(scope="module")
def splits(data_root):
    """A given split: every class of every source in every split."""
    path = data_root / "splits.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sha256", "path", "source", "label", "group", "split"])
        for n, task in enumerate(planned(data_root, None).tasks):
            item = task.item
            writer.writerow([task.sha256, item.path, item.source, item.label, f"g{n}", ("train", "val", "test")[n % 3]])
    return path


@pytest.fixture(scope="module")
def prepared(data_root, splits):
    out = data_root / "prepared"
    todo = planned(data_root, splits)
    spoiled = data_root / "studio/real/0_0.jpg"
    whole = spoiled.read_bytes()
    spoiled.write_bytes(b"no picture")  # after the plan: the disk went bad
    with all_faces() as find:
        prepare(todo, data_root, out, find)
    spoiled.write_bytes(whole)  # the other tests plan with these pictures too
    return load_prepared(out)


@pytest.fixture(scope="module")
def finished(prepared, tmp_path_factory):
    """The folder of a short run."""
    from train.fit import fit

    run = tmp_path_factory.mktemp("finished")
    fit(prepared, run, recipe(pictures=8), say=lambda _: None)
    return run


def recipe(**changes):
    from train.recipe import Recipe

    small = Recipe(
        pictures=64, batch=8, input_px=32, blocks=((2,), (2,)), dense=8, bfloat16=False, learning_rate=3e-3,
        augment=Augment(least_px=16),
    )  # fmt: skip
    return replace(small, **changes)


def test_prepare_finds_the_faces_and_lists_what_it_cannot_read(prepared, data_root):
    facts = json.loads((data_root / "prepared/prepare.json").read_text())
    assert (facts["pictures"], facts["unreadable"]) == (31, 1)
    assert (data_root / "prepared/unreadable.txt").read_text() == "studio/real/0_0.jpg\n"
    assert prepared.crops.shape == (31, 176, 176, 3)
    unmasked = [row for row in prepared.rows if row.label != "mask"]
    assert all(row.found == "whole" for row in unmasked)
    # The crop is RGB: skin is redder than blue.
    middle = prepared.crops[0, 60:110, 60:110].reshape(-1, 3).mean(axis=0)
    assert middle[0] > middle[2]


def test_groups_never_cross_splits_without_a_given_split(data_root):
    splits_of: dict[str, set[str]] = {}
    for task in planned(data_root, None).tasks:
        splits_of.setdefault(task.item.group, set()).add(task.split)
    assert all(len(names) == 1 for names in splits_of.values())
    assert len(splits_of) == 1  # all are versions of two portraits, whatever their names say


def test_a_file_that_is_not_the_one_named_is_refused(data_root, splits):
    rows = splits.read_text().splitlines()
    named = [f"{'0' * 64}{row[64:]}" if "studio/fake/0_0.jpg" in row else row for row in rows]
    other = data_root / "other.csv"
    other.write_text("\n".join(named))
    with pytest.raises(DataError, match=r"studio/fake/0_0\.jpg is not the picture"):
        planned(data_root, other)


def test_a_changed_manifest_is_refused(prepared, data_root, tmp_path):
    for file in (data_root / "prepared").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "manifest.csv").open("a") as file:
        file.write("more\n")
    with pytest.raises(DataError, match="was changed"):
        load_prepared(tmp_path)
    assert prepared.rows


def test_fit_export_evaluate_run(prepared, tmp_path):
    from train.evaluation.gather import Asked, gather
    from train.export import export
    from train.fit import fit

    said: list[str] = []
    run = tmp_path / "run"
    final = fit(prepared, run, recipe(), say=said.append, every=4)
    assert final.exists()
    assert "val_macro_f1" in said[-1]
    bundle, results = export(prepared, run, tmp_path / "bundle", name="tiny", version="0")
    again = load_bundle(bundle.folder)
    assert again.card.classes == ("real", "fake", "mask")
    assert again.card.crop_margin == recipe().margin
    assert again.card.metrics["trained_on"] == again.card.metrics["measured_on"] == prepared.digest
    assert "studio" in (bundle.folder / "MODEL_CARD.md").read_text()
    assert SPLIT_RULE in (bundle.folder / "MODEL_CARD.md").read_text()
    assert "on pictures of whoever made this bundle" in (bundle.folder / "LICENSE").read_text()
    report, _ = gather(prepared, Asked(str(bundle.folder), precisions=("int8",)), say=lambda _: None)
    assert results["int8"]["accuracy"] == report["precisions"]["int8"]["accuracy"]
    assert results["int8"]["by_source"] == report["precisions"]["int8"]["by_source"]

    from train.batches import plain
    from train.fit import predict
    from train.measure import softmax

    rgb = plain(prepared, prepared.where("test"), input_px=32, margin=recipe().margin)
    with closing(open_engine(bundle.folder, precision="fp32")) as engine:
        probs = engine.infer(rgb)
    model = keras.saving.load_model(final, compile=False)
    temperature, shift = bundle.card.metrics["temperature"], np.array(bundle.card.metrics["shift"], np.float32)
    want = softmax(predict(model, rgb) + shift, temperature)
    np.testing.assert_allclose(probs, want, atol=2e-3)  # weights are stored in half precision


def test_a_bundle_names_what_it_was_trained_and_what_it_was_measured_on(prepared, finished, tmp_path):
    from train.export import export

    bundle, _ = export(replace(prepared, digest="another"), finished, tmp_path / "bundle", name="tiny", version="0")
    metrics = load_bundle(bundle.folder).card.metrics
    assert (metrics["trained_on"], metrics["measured_on"]) == (prepared.digest, "another")
    text = (bundle.folder / "MODEL_CARD.md").read_text()
    assert prepared.digest in text
    assert "`another`" in text


def test_a_card_tells_of_the_runs_before_and_not_where_they_lie(prepared, finished, tmp_path):
    from train.export import export
    from train.fit import fit
    from train.start import Start

    shutil.copytree(finished, tmp_path / "first")
    start = Start(str(tmp_path / "first/final.keras"))
    fit(prepared, tmp_path / "more", recipe(pictures=16), start=start, say=lambda _: None)

    def training():
        bundle, _ = export(prepared, tmp_path / "more", tmp_path / "bundle", name="tiny", version="0")
        text = "".join(path.read_text() for path in bundle.folder.glob("*.[mj][ds]*"))
        assert str(tmp_path) not in text
        assert "It started from" in text
        return bundle.card.metrics["training"]

    assert training() == {"weights": "none", "pictures": 24, "runs": 2, "one_split": True}
    state = json.loads((tmp_path / "first/state.json").read_text())
    (tmp_path / "first/state.json").write_text(json.dumps({**state, "manifest_sha256": "of other pictures"}))
    assert training() == {"weights": "final.keras", "pictures": 16, "runs": 1, "one_split": False}
    state = json.loads((tmp_path / "more/state.json").read_text())
    gone = {**state, "weights": f"{tmp_path}/gone/final.keras, guided by a.npz"}
    (tmp_path / "more/state.json").write_text(json.dumps(gone))
    assert training() == {"weights": "final.keras, guided by a.npz", "pictures": 16, "runs": 1, "one_split": False}


def test_a_run_that_begins_with_a_bundle_has_one_split_only_where_that_had_the_same(prepared, finished, tmp_path):
    from train.export import export
    from train.origin import training_of

    bundle, _ = export(prepared, finished, tmp_path / "bundle", name="tiny", version="0")
    state = json.loads((finished / "state.json").read_text())
    assert training_of(state)["one_split"]
    assert training_of({**state, "weights": f"{bundle.folder}, guided by a.npz"})["one_split"]
    assert not training_of({**state, "weights": f"{bundle.folder}, with the tutor 0123"})["one_split"]
    assert not training_of({**state, "weights": f"{tmp_path}/none"})["one_split"]
    assert not training_of({**state, "weights": str(bundle.folder), "split_sha256": "another"})["one_split"]


def test_a_run_is_exported_as_what_it_is(prepared, finished, tmp_path):
    """Not a model of before while it goes on, nor one of other classes; and with the pictures it really saw."""
    from train.export import export
    from train.fit import fit

    shutil.copytree(finished, tmp_path / "longer")
    steps = iter(range(100))
    longer = recipe(pictures=32)
    assert fit(prepared, tmp_path / "longer", longer, say=lambda _: None, stopped=lambda: next(steps) > 0) is None
    with pytest.raises(CheckpointError, match="it has gone 3 of 4 steps"):
        export(prepared, tmp_path / "longer", tmp_path / "bundle", name="tiny", version="0")
    with pytest.raises(CheckpointError, match="has gone 3 steps, more than the 2"):
        fit(prepared, tmp_path / "longer", recipe(pictures=16), say=lambda _: None)
    state = json.loads((tmp_path / "longer/state.json").read_text())
    ended = {**state, "finished": 4}  # as with patience
    (tmp_path / "longer/state.json").write_text(json.dumps(ended))
    bundle, _ = export(prepared, tmp_path / "longer", tmp_path / "bundle", name="tiny", version="0")
    assert bundle.card.metrics["training"]["pictures"] == 24
    model = keras.Sequential([keras.layers.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.save(tmp_path / "longer/final.keras")
    with pytest.raises(CheckpointError, match="knows 2 classes"):
        export(prepared, tmp_path / "longer", tmp_path / "bundle", name="tiny", version="0")


def test_an_interrupted_run_repeats_the_unbroken_one(prepared, tmp_path):
    from train.fit import fit

    def run(name, **more):
        return fit(prepared, tmp_path / name, recipe(), say=lambda _: None, every=3, **more)

    whole = keras.saving.load_model(run("whole"), compile=False)
    steps = iter(range(100))
    assert run("broken", stopped=lambda: next(steps) > 5) is None
    assert (tmp_path / "broken/state.json").exists()
    assert not (tmp_path / "broken/final.keras").exists()
    resumed = keras.saving.load_model(run("broken"), compile=False)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_fit_that_was_asked_to_stop_says_so_by_its_exit_status(
    prepared, data_root, tmp_path, monkeypatch, capsys, number, status
):
    from train.fit import fit

    def interrupted(*args, **options):
        assert options["workers"] == 2
        signal.raise_signal(number)
        return fit(*args, **options)

    monkeypatch.setattr("train.fit.fit", interrupted)
    (tmp_path / "recipe.yaml").write_text(json.dumps(asdict(recipe())))
    options = ["--prepared", data_root / "prepared", "--run", tmp_path / "run", "--recipe", tmp_path / "recipe.yaml"]
    options += ["--workers", 2]
    monkeypatch.setattr(sys, "argv", ["monitor", "train", "fit", *map(str, options)])
    assert main() == status
    told = capsys.readouterr()
    assert "stopped after 1 of 8 steps; the same command goes on" in told.out
    assert "error:" not in told.err
    assert json.loads((tmp_path / "run/state.json").read_text())["step"] == 1
    monkeypatch.setattr("train.fit.fit", fit)
    assert main() == 0
    assert "going on after step 1 of 8" in capsys.readouterr().out
    assert (tmp_path / "run/final.keras").exists()


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (("evaluate", "--split", "tset"), 2, "'tset' is not one of"),
        (("evaluate", "--json", "{file}/numbers.json"), 5, "cannot write"),
        (("evaluate", "--json", "{folder}"), 5, "cannot write"),
        (("export", "--run", "{run}", "--out", "{file}/bundle"), 5, "cannot write the bundle"),
        (("export", "--run", "{run}", "--out", "{folder}"), 5, "is no bundle"),
        (("export", "--run", "{run}", "--out", "{folder}/b", "--licence", "{folder}/no"), 3, "cannot read"),
        (("export", "--run", "{folder}", "--out", "{folder}/bundle"), 4, "holds no finished model"),
        (("calibrate", "--bundle", "{folder}/none"), 4, "no bundle at"),
        (("fit", "--run", "{file}/run"), 5, "cannot make the folder"),
        (("fit", "--run", "{folder}/none", "--resume"), 4, "there is no run in"),
        (("fit", "--arch", "resnet"), 2, "no architecture 'resnet'"),
        (("fit", "--recipe", "guided"), 2, "the recipe wants a teacher"),
    ],
)
def test_what_cannot_be_done_is_two_lines(
    prepared, data_root, finished, tmp_path, monkeypatch, capsys, command, status, says
):
    assert prepared.rows
    (tmp_path / "file").write_text("mine")
    places = {"file": tmp_path / "file", "folder": tmp_path, "run": finished}
    words = [word.format(**places) for word in command]
    monkeypatch.setattr(sys, "argv", ["monitor", "train", *words, "--prepared", str(data_root / "prepared")])
    assert main() == status
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert first.startswith("error: ")
    assert says in first
    assert second.removeprefix("hint: ")
    assert (tmp_path / "file").read_text() == "mine"


def test_another_recipe_does_not_go_on_in_the_same_folder(prepared, tmp_path):
    from train.fit import fit

    fit(prepared, tmp_path, recipe(pictures=8), say=lambda _: None)
    with pytest.raises(CheckpointError, match="other settings: learning_rate"):
        fit(prepared, tmp_path, recipe(pictures=16, learning_rate=1e-5), say=lambda _: None)


def test_a_run_can_start_from_a_bundle(prepared, tmp_path):
    from train.export import export
    from train.fit import fit, predict
    from train.start import Start

    fit(prepared, tmp_path / "first", recipe(), say=lambda _: None)
    export(prepared, tmp_path / "first", tmp_path / "bundle", name="tiny", version="0")
    said: list[str] = []
    more = recipe(pictures=8)
    final = fit(prepared, tmp_path / "second", more, start=Start(str(tmp_path / "bundle")), say=said.append)
    assert any("started from all layers" in line for line in said)
    kernels = [
        np.asarray(keras.saving.load_model(f, compile=False).get_layer("conv1_1").kernel)
        for f in (tmp_path / "first/final.keras", final)
    ]
    assert np.abs(kernels[0]).max() > 0
    assert predict(keras.saving.load_model(final, compile=False), np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, 3)
    other = recipe(blocks=((3,), (2,)))
    with pytest.raises(CheckpointError, match="another network"):
        fit(prepared, tmp_path / "third", other, start=Start(str(tmp_path / "bundle")), say=said.append)
