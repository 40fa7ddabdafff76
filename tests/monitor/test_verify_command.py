"""`monitor engine verify`: golden crops, people's own pictures, and an exit code when engines differ."""

import json
import sys
from dataclasses import replace

import cv2
import pytest

from engines.bundle import write_bundle
from monitor import golden
from monitor.cli import main
from tests.bundles import tiny_bundle
from tests.portraits import portraits


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("MONITOR_CACHE", str(tmp_path / "cache"))
    made = tiny_bundle(tmp_path / "made", filters=16)  # of random weights: it answers less steadily than trained ones
    wide = {"int8": {"agreement": 0.5, "max_dp": 0.5, "mean_dp": 0.2}}
    return write_bundle(tmp_path / "tiny", made.read_model(), replace(made.card, limits=wide), "tiny", "tests")


def verify(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["monitor", "engine", "verify", *map(str, words)])
    return main()


def test_golden_crops(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(golden, "VERSIONS", 2)
    assert verify(monkeypatch, "--bundle", bundle.folder, "--json", tmp_path / "v.json") == 0
    said = capsys.readouterr().out
    assert "8 golden crops" in said
    assert said.count("within its limits") >= 3
    told = json.loads((tmp_path / "v.json").read_text())
    assert (told["faces"], told["sha256"]) == (8, bundle.sha256)
    assert {row["precision"] for row in told["rows"] if row["runtime"] == "onnxruntime"} == {"int8", "fp16"}


def test_golden_pictures_repeat_and_differ(monkeypatch):
    monkeypatch.setattr(golden, "VERSIONS", 2)
    one, two = list(golden.golden_pictures()), list(golden.golden_pictures())
    assert len(one) == 8
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert len({picture.shape for picture in one}) > 4


def test_pictures_of_ones_own(bundle, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "mine/inside"
    folder.mkdir(parents=True)
    for n, (bgr, _) in enumerate(portraits()):
        cv2.imwrite(str(folder / f"{n}.png"), bgr)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    assert verify(monkeypatch, "--bundle", bundle.folder, "--data", tmp_path / "mine") == 0
    assert "2 faces of" in capsys.readouterr().out
    assert verify(monkeypatch, "--bundle", bundle.folder, "--data", tmp_path / "mine", "--at-most", "1") == 0
    assert "1 faces of" in capsys.readouterr().out


def test_engines_that_differ_end_with_six(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(golden, "VERSIONS", 1)
    strict = {"int8": {"agreement": 0.0, "max_dp": 1e-9, "mean_dp": 1.0}}
    other = write_bundle(tmp_path / "s", bundle.read_model(), replace(bundle.card, limits=strict), "tiny", "tests")
    assert verify(monkeypatch, "--bundle", other.folder) == 6
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert "onnxruntime int8: max_dp 0." in first
    assert second.startswith("hint: ")


def test_what_is_no_picture_of_a_face_is_told(bundle, tmp_path, monkeypatch, capsys):
    assert verify(monkeypatch, "--bundle", bundle.folder, "--data", tmp_path / "nowhere") == 3
    assert "no folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert verify(monkeypatch, "--bundle", bundle.folder, "--data", tmp_path / "empty") == 3
    assert "no face is found" in capsys.readouterr().err
