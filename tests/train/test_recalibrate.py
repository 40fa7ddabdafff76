"""A bundle calibrated on other pictures: what is found, what stays, and what is told."""

import dataclasses
import hashlib
import json
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import pytest

from engines import load_bundle, open_engine
from engines.bundle import write_bundle
from engines.contract import BundleError
from monitor.cli import main
from tests.bundles import tiny_bundle, tiny_crops
from train.batches import plain
from train.errors import CheckpointError, DataError
from train.evaluation.measures import calibrated_by, unscaled
from train.manifest import Prepared, Row, write_rows
from train.measure import MOST_CONFIDENCE, class_weights, ece, softmax
from train.recalibrate import recalibrate
from train.report import OTHER_RULE
from train.spec import CLASSES

TEMPERATURE, SHIFT = 0.2, np.array([0.4, -1.0, 0.8], np.float32)
UNSURE = "no lower limit is sure to leave one wrong answer in twenty: few pictures, or unknown ones"
COUNTS = {"train": 9, "val": 1200, "test": 600}


def answers(folder: Path, data: Prepared, split: str, precision="fp32"):
    with closing(open_engine(folder, precision=precision)) as engine:
        rgb = plain(data, data.where(split), input_px=engine.card.input_px, margin=engine.card.crop_margin)
        return engine.infer(rgb)


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("old") / "tiny")


@pytest.fixture(scope="module")
def data(old):
    """Pictures whose labels are drawn by the bundle's answers, shifted and with a temperature: it is too unsure."""
    rows = [Row(f"{i}", f"{i}.jpg", "office", "real", f"{split}{i}", split, "whole", 30.0)
            for split, n in COUNTS.items() for i in range(n)]  # fmt: skip
    data = Prepared(tuple(rows), tiny_crops(len(rows), 44), 0.5, "other")
    rng = np.random.default_rng(3)
    drawn = []
    for split in COUNTS:
        logits = np.log(np.maximum(answers(old.folder, data, split), 1e-12))
        drawn += [CLASSES[rng.choice(3, p=p / p.sum())] for p in softmax(logits + SHIFT, TEMPERATURE).astype(float)]
    labelled = (dataclasses.replace(row, label=label) for row, label in zip(rows, drawn, strict=True))
    return dataclasses.replace(data, rows=tuple(labelled))


@pytest.fixture(scope="module")
def new(old, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "tiny"
    return recalibrate(data, str(old.folder), folder, name=None, version=None, say=lambda _: None)


def test_it_finds_how_sure_the_network_may_be(old, data, new):
    bundle, change = new
    metrics, val = bundle.card.metrics, data.labels[data.where("val")]
    assert metrics["temperature"] == pytest.approx(TEMPERATURE, rel=0.1)
    mix = np.log(np.bincount(val) / len(val))
    even = SHIFT - TEMPERATURE * (mix - mix.mean())  # as if all classes were equally many
    np.testing.assert_allclose(metrics["shift"], even - even.mean(), atol=0.3)
    want = softmax(np.log(answers(old.folder, data, "test")) + np.float32(metrics["shift"]), metrics["temperature"])
    probs, labels = answers(bundle.folder, data, "test"), data.labels[data.where("test")]
    np.testing.assert_allclose(probs, want, atol=1e-5)
    evenly = class_weights(labels, (1, 1, 1))
    for i, (p, card) in enumerate(((answers(old.folder, data, "test"), old.card), (probs, bundle.card))):
        right, decided = p.argmax(axis=1) == labels, p.max(axis=1) >= card.confidence
        assert change.confidence[i] == card.confidence
        assert change.ece[i] == pytest.approx(ece(p, labels, weights=evenly), abs=1e-4)
        recalls = [right[labels == k].mean() for k in range(3)]
        assert change.accuracy[i] == pytest.approx(np.mean(recalls), abs=1e-4)
        undecided = [1 - decided[labels == k].mean() for k in range(3)]
        assert change.undecided[i] == pytest.approx(np.mean(undecided), abs=1e-4)
        assert change.wrong[i] == pytest.approx((evenly * ~right)[decided].sum() / evenly[decided].sum(), abs=1e-4)
    assert change.ece[1] < change.ece[0] / 2


def test_the_network_stays_and_int8_of_it(old, data, new):
    bundle, _ = new
    assert bundle.card.ranges == old.card.ranges
    weights = [
        {w.name: w for w in onnx.load_model_from_string(b.read_model()).graph.initializer} for b in (old, bundle)
    ]
    assert {name for name in weights[0] if weights[0][name] != weights[1][name]} == {"temperature", "logits.bias"}
    exact, int8 = answers(bundle.folder, data, "test"), answers(bundle.folder, data, "test", "int8")
    assert (exact.argmax(axis=1) == int8.argmax(axis=1)).mean() > 0.9


def test_the_card_tells_the_pictures_apart(old, data, new):
    bundle, _ = new
    assert bundle.card.version == f"{old.card.version}-calibrated"
    assert bundle.card.metrics["measured_on"] == "other"
    text = (bundle.folder / "MODEL_CARD.md").read_text()
    assert "which sources that were is not on record" in text
    assert "are of others, sha256 `other`" in text
    assert OTHER_RULE in text
    assert (bundle.folder / "LICENSE").read_text() == (old.folder / "LICENSE").read_text()


def test_calibrated_once_more_it_stays_as_it_is(data, new, tmp_path):
    bundle, _ = new
    again, change = recalibrate(data, str(bundle.folder), tmp_path / "again", name="other", version="2")
    assert (again.card.name, again.card.version) == ("other", "2")
    metrics = bundle.card.metrics
    assert again.card.metrics["temperature"] == pytest.approx(metrics["temperature"], rel=0.03)
    np.testing.assert_allclose(again.card.metrics["shift"], metrics["shift"], atol=0.03)
    assert change.ece[0] == pytest.approx(change.ece[1], abs=0.01)


@pytest.mark.parametrize(
    "metrics", [{"temperature": 1.6, "shift": [0.5, -0.2, -0.3]}, {"temperature": 0.8, "class_shares": [0.4, 0.4, 0.2]}]
)
def test_what_the_network_says_by_itself_is_not_forgotten(old, data, tmp_path, metrics):
    """Both cards, with what was calibrated before, lead to the same answers of the bare network."""
    card = dataclasses.replace(old.card, metrics=metrics)
    before = write_bundle(tmp_path / "before", old.read_model(), card, "", "")
    new, _ = recalibrate(data, str(before.folder), tmp_path / "new", name=None, version=None)
    bare = [unscaled(answers(b.folder, data, "train"), *calibrated_by(b.card.metrics)) for b in (before, new)]
    np.testing.assert_allclose(*bare, atol=1e-4)


def test_a_name_stays_inside_its_folder(old, data, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    with pytest.raises(BundleError, match="name must be fit for a folder"):
        recalibrate(data, str(old.folder), tmp_path / "new", name=str(tmp_path / "mine"), version=None)
    assert (tmp_path / "mine/file").read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_calibrated(old, data, tmp_path):
    few = dataclasses.replace(data, rows=tuple(row for row in data.rows if (row.split, row.label) != ("val", "fake")))
    with pytest.raises(DataError, match="no picture of fake is in the split val"):
        recalibrate(few, str(old.folder), tmp_path / "new", name=None, version=None)
    model = onnx.load_model_from_string(old.read_model())
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = "scale" if name == "temperature" else name
    next(w for w in model.graph.initializer if w.name == "temperature").name = "scale"
    foreign = write_bundle(tmp_path / "foreign", model.SerializeToString(), old.card, "", "")
    with pytest.raises(CheckpointError, match="tiny cannot be calibrated: its network does not end in `logits`"):
        recalibrate(data, str(foreign.folder), tmp_path / "new", name=None, version=None)
    assert not (tmp_path / "new").exists()


def store(data: Prepared, folder: Path) -> str:
    """As `prepare` does; the manifest's sha256."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "crops.npy", data.crops)
    write_rows(folder / "manifest.csv", data.rows)
    digest = hashlib.sha256((folder / "manifest.csv").read_bytes()).hexdigest()
    (folder / "prepare.json").write_text(json.dumps({"margin": data.margin, "manifest_sha256": digest}))
    return digest


def test_it_is_a_command(old, data, new, tmp_path, monkeypatch, capsys):
    prepared, out = tmp_path / "prepared", tmp_path / "new"
    digest = store(data, prepared)
    words = ["calibrate", "--prepared", prepared, "--bundle", old.folder, "--out", out]
    monkeypatch.setattr(sys, "argv", ["monitor", "train", *map(str, words)])
    assert main() == 0
    told = capsys.readouterr().out.splitlines()
    bundle, change = new
    assert told[0].startswith("fitting on ")
    assert told[0].endswith(" mask of the split val")
    assert told[1] == "on 600 pictures of the split test, as if all classes were equally many:"
    assert [line.split() for line in told[2:]] == [
        ["undecided", "below", f"{bundle.card.confidence:.2f}", "was", "0.60"],
        ["so", "undecided", f"{change.undecided[1]:.1%}", "was", f"{change.undecided[0]:.1%}"],
        ["of", "the", "others", "wrong", f"{change.wrong[1]:.1%}", "was", f"{change.wrong[0]:.1%}"],
        ["calibration", "error", "(ECE)", f"{change.ece[1]:.3f}", "was", f"{change.ece[0]:.3f}"],
        ["accuracy", f"{change.accuracy[1]:.3f}", "was", f"{change.accuracy[0]:.3f}"],
        UNSURE.split(),
        ["bundle:", str(out)],
    ]
    assert load_bundle(out).card.metrics["measured_on"] == digest
    logits = np.concatenate([np.log(answers(old.folder, data, split)) for split in COUNTS])
    clear = zip(data.rows, (logits + SHIFT).argmax(axis=1), strict=True)
    store(
        dataclasses.replace(data, rows=tuple(dataclasses.replace(row, label=CLASSES[k]) for row, k in clear)), prepared
    )
    assert main() == 0
    assert UNSURE not in capsys.readouterr().out
    assert load_bundle(out).card.confidence < bundle.card.confidence == MOST_CONFIDENCE
    (tmp_path / "mine").write_text("mine")
    for place in (tmp_path, tmp_path / "mine"):
        monkeypatch.setattr(sys, "argv", [*sys.argv[:-1], str(place)])
        assert main() == 5
        assert "is no bundle" in capsys.readouterr().err
