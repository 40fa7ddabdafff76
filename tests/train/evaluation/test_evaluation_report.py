"""The report: complete, self-contained, of the right pictures; and refused for a bundle of other classes."""

import json
import re
import stat
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engines import load_bundle, write_bundle
from monitor.cli import main
from tests.bundles import tiny_bundle, tiny_crops
from train.errors import DataError
from train.evaluation.gather import Asked, _single_numbers, gather
from train.evaluation.page import page
from train.evaluation.robustness import KINDS, robustness, sample
from train.manifest import Prepared, Row
from train.measure import MOST_CONFIDENCE
from train.report import limit_told


@pytest.fixture(scope="module")
def data():
    """Two sources, one without fakes, in two splits."""
    rows = [
        Row("s", f"{source}{label}{split}{i}", source, label, f"{source}{label}{split}{i // 2}", split, "whole", 40.0)
        for source, labels in (("studio", ("real", "fake")), ("street", ("real", "mask")))
        for label in labels for split in ("val", "test") for i in range(8)
    ]  # fmt: skip
    return Prepared(tuple(rows), tiny_crops(len(rows), 44), 0.5, "the manifest's digest")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def report(data, bundle):
    asked = Asked(str(bundle.folder), robustness_pictures=2, rounds=20)
    return gather(data, asked, say=lambda _: None)[0]


def test_it_says_what_was_measured(report, bundle):
    about = report["about"]
    assert (about["pictures"], about["groups"], about["split"]) == (32, 16, "test")
    assert about["manifest_sha256"] == "the manifest's digest"
    assert about["sha256"] == bundle.sha256
    assert "whether it has seen some of them then is not known" in about["split_rule"]
    assert set(report["precisions"]) == {"fp32", "fp16", "int8"}
    assert report["precisions"]["fp32"]["agreement"] == 1
    assert 0 < report["precisions"]["fp16"]["max_dp"] < report["precisions"]["int8"]["max_dp"] + 0.05
    assert set(report["precisions"]["int8"]["auc"]) == {"studio"}
    low, high = report["intervals"]["accuracy"]
    assert low <= report["precisions"]["fp32"]["accuracy"] <= high
    assert report["risk_coverage"]["val"]["confidence"] == bundle.card.confidence
    assert set(report["fakes"]) == {"studio"}
    assert json.loads(json.dumps(report)) == report


def test_the_page_needs_nothing_from_outside(report):
    text = page(report)
    assert not re.search(r'(?:src|href)="(?!#)', text)
    assert "@import" not in text
    assert text.count("<svg") == 4 + 1 + len(KINDS)
    for words in ("By source, fp32", "studio/fake", "95 % interval", "Calibration", "Undecided", "jpeg", "manifest"):
        assert words.lower() in text.lower(), words
    assert "<script" not in text


def test_pictures_get_worse_one_thing_at_a_time(data):
    rows = sample(data, "test", 2)
    assert len(rows) == 8
    assert (rows == sample(data, "test", 2)).all()
    seen = []

    def infer(rgb):
        seen.append(rgb.astype(int))
        return np.full((len(rgb), 3), 1 / 3, np.float32)

    found = robustness(data, rows, infer, input_px=32, margin=0.15)
    assert [len(kind["points"]) for kind in found.values()] == [len(kind.degrees) for kind in KINDS.values()]
    at = {}
    for name, kind in KINDS.items():
        for degree in kind.degrees:
            at[name, degree] = seen.pop(0)
    same = at["blur", 0]
    np.testing.assert_array_equal(at["rotation", 0], same)
    np.testing.assert_array_equal(at["crop margin", 0.15], same)
    np.testing.assert_array_equal(at["brightness", 1], same)

    def apart(name, degree):
        return np.abs(at[name, degree] - same).mean()

    assert apart("blur", 3) > apart("blur", 0.5) > 0
    assert apart("JPEG quality", 10) > apart("JPEG quality", 95) > 0
    assert apart("resolution", 24) > 0
    assert at["brightness", 0.25].mean() == pytest.approx(same.mean() / 4, abs=1)
    assert apart("rotation", 45) > apart("rotation", 15) > 0


def test_a_bundle_of_other_classes_is_refused(data, bundle, tmp_path):
    card = replace(bundle.card, classes=("mask", "fake", "real"))
    model = load_bundle(bundle.folder).read_model()
    other = write_bundle(tmp_path / "other", model, card, "other", "tests")
    with pytest.raises(DataError, match="answers for mask, fake, real") as caught:
        gather(data, Asked(str(other.folder)), say=lambda _: None)
    assert caught.value.hint


def test_pictures_without_the_validation_split_are_measured_too(data, bundle):
    """As they are where only the test split was packed."""
    asked = Asked(str(bundle.folder), precisions=("fp32",), rounds=2)
    found, _ = gather(replace(data, splits=("test",)), asked, say=lambda _: None)
    assert found["risk_coverage"]["val"] is None
    assert page(found).startswith("<!doctype html>")


def test_a_class_that_a_drawing_lacks_does_not_count_in_it():
    probs, labels = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]], np.array([0, 1, 2, 0])
    whole = _single_numbers(probs, labels, ["a"] * 4, np.arange(4))
    assert whole["f1 mask"] == whole["macro_f1"] == 1
    without = _single_numbers(probs, labels, ["a"] * 4, np.array([0, 1, 3]))
    assert "f1 mask" not in without
    assert without["macro_f1"] == 1
    probs[0] = probs[2]  # an answer counts, also a wrong one
    assert _single_numbers(probs, labels, ["a"] * 4, np.array([0, 1, 3]))["f1 mask"] == 0


def test_the_page_promises_of_the_limit_what_the_bundle_can_keep(report):
    assert "That limit is the lowest at which at most one answer in twenty" in page(
        {**report, "limit": limit_told(0.7)}
    )
    assert "Below that limit more than one answer in twenty may be wrong" in page(
        {**report, "limit": limit_told(MOST_CONFIDENCE)}
    )


@pytest.fixture(scope="module")
def prepared(data, tmp_path_factory):
    """The data as a folder."""
    import hashlib

    from train.manifest import write_rows

    folder = tmp_path_factory.mktemp("prepared")
    np.save(folder / "crops.npy", data.crops)
    write_rows(folder / "manifest.csv", data.rows)
    digest = hashlib.sha256((folder / "manifest.csv").read_bytes()).hexdigest()
    (folder / "prepare.json").write_text(json.dumps({"manifest_sha256": digest, "margin": 0.5}))
    return folder


def told(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["monitor", "train", "evaluate", *map(str, words)])
    return main()


def test_the_command_writes_report_and_mistakes(prepared, bundle, tmp_path, monkeypatch, capsys):
    out = tmp_path / "report"
    words = ("--prepared", prepared, "--bundle", bundle.folder, "--out", out, "--robustness", "0", "--mistakes", "9")
    assert told(monkeypatch, *words, "--json", tmp_path / "n.json") == 0
    said = capsys.readouterr().out
    assert "| macro F1 |" in said
    assert json.loads((out / "report.json").read_text()) == json.loads((tmp_path / "n.json").read_text())
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    sheet = out / "mistakes.jpg"
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    assert cv2.imread(str(sheet)).shape[1] == 8 * 128
    assert "9 mistakes" in said


def test_without_being_asked_no_picture_is_written(prepared, bundle, tmp_path, monkeypatch):
    out = tmp_path / "report"
    words = ("--prepared", prepared, "--bundle", bundle.folder, "--out", out, "--robustness", "0")
    assert told(monkeypatch, *words) == 0
    assert {file.name for file in out.iterdir()} == {"report.html", "report.json"}


def test_only_the_chosen_precisions_are_measured(prepared, bundle, tmp_path, monkeypatch, capsys):
    words = ("--prepared", prepared, "--bundle", bundle.folder, "--json", tmp_path / "n.json")
    assert told(monkeypatch, *words, "--precision", "int8", "--precision", "fp32", "--precision", "int8") == 0
    assert list(json.loads((tmp_path / "n.json").read_text())["precisions"]) == ["int8", "fp32"]
    assert "fp16" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--mistakes", "3"), 2, "--mistakes wants a folder"),
        (("--videos", "{folder}", "--leave-one-source-out"), 2, "two different measurements"),
        (("--videos", "{folder}"), 3, "no clips in"),
        (("--out", "{file}/report"), 5, "cannot write"),
        (("--leave-one-source-out",), 3, "leaving one source out takes two or more sources"),
    ],
)
def test_what_cannot_be_done_is_told(prepared, tmp_path, monkeypatch, capsys, words, status, says):
    (tmp_path / "file").write_text("mine")
    places = {"folder": tmp_path, "file": tmp_path / "file"}
    assert told(monkeypatch, "--prepared", prepared, *(word.format(**places) for word in words)) == status
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert says in first
    assert second.removeprefix("hint: ")
