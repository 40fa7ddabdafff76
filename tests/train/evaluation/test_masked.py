"""Masks on real and fake faces: drawn where they belong, measured as the program would see them."""

import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engines import write_bundle
from monitor.cli import main
from tests.bundles import tiny_bundle
from tests.portraits import portraits
from train.errors import DataError
from train.evaluation.masked import look_of, masked_pairs, measure_masked, table
from train.faces import all_faces
from train.manifest import Prepared, Row, write_rows


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Versions of two portraits as real and as posterised fakes, and a picture without a face."""
    root, rng, rows = tmp_path_factory.mktemp("masked"), np.random.default_rng(0), []
    for label in ("real", "fake"):
        for i in range(4):
            bgr = portraits()[i % 2][0]
            bgr = (bgr // 64 * 64 + 32).astype(np.uint8) if label == "fake" else bgr
            bgr = np.clip(bgr * rng.uniform(0.8, 1.1), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / f"{label}{i}.png"), bgr)
            rows.append(Row(f"{len(rows):064x}", f"{label}{i}.png", "studio", label, f"g{i}", "val", "whole", 90.0))
    cv2.imwrite(str(root / "wall.png"), np.full((90, 90, 3), 120, np.uint8))
    rows.append(Row("ab" * 32, "wall.png", "studio", "real", "wall", "val", "whole", 90.0))
    return root, Prepared(tuple(rows), np.zeros((len(rows), 8, 8, 3), np.uint8), 0.5, "digest")


def test_masks_cover_the_mouth_and_not_the_eyes(home):
    root, data = home
    with all_faces() as find:
        pairs = list(masked_pairs(data.rows, root, find, margin=0.15, input_px=64))
    assert [pair is not None for pair in pairs] == [True] * 8 + [False]
    for pair in pairs[:8]:
        changed = (pair.bare_rgb != pair.masked_rgb).any(axis=2)
        assert changed[44:54, 26:38].mean() > 0.9  # mouth and chin
        assert changed[:20].mean() < 0.05  # forehead
        assert 0.15 < changed.mean() < 0.6


def test_looks_repeat_and_differ():
    assert look_of("0" * 64) == look_of("0" * 64)
    assert len({look_of(f"{i:016x}").colour_bgr for i in range(40)}) == 6


def test_it_tells_what_the_engine_says(home, tmp_path):
    root, data = home
    bundle = tiny_bundle(tmp_path / "bundle")
    with all_faces() as find:
        found = measure_masked(data, root, find, str(bundle.folder))
    assert (found["faces"], found["left_out"]) == (8, 1)
    row = found["sources"]["studio"]
    assert (row["real"]["faces"], row["fake"]["faces"]) == (4, 4)
    for label in ("real", "fake"):
        assert sum(row[label]["masked"].values()) == pytest.approx(1, abs=0.01)
    assert 0 <= row["auc"]["masked"] <= 1
    assert row["auc"]["lost"] == pytest.approx(row["auc"]["bare"] - row["auc"]["masked"], abs=0.002)
    for name, area in row["auc"].items():
        low, high = row["auc_95"][name]
        assert low <= high, name
        assert low - 0.2 <= area <= high + 0.2, name
    assert "| studio / fake | 4 |" in table(found)


def test_a_split_without_both_is_told(home, tmp_path):
    root, data = home
    bundle = tiny_bundle(tmp_path / "bundle")
    with pytest.raises(DataError, match="no source has real and fake faces in the split test"):
        measure_masked(data, root, lambda bgr: (), str(bundle.folder), split="test")
    with pytest.raises(DataError, match="on none of 9 faces"):
        measure_masked(data, root, lambda bgr: (), str(bundle.folder))


def test_a_bundle_of_other_classes_is_refused(home, tmp_path):
    root, data = home
    tiny = tiny_bundle(tmp_path / "bundle")
    card = replace(tiny.card, classes=("mask", "fake", "real"))
    other = write_bundle(tmp_path / "other", tiny.read_model(), card, "other", "tests")
    with pytest.raises(DataError, match="answers for mask, fake, real"):
        measure_masked(data, root, lambda bgr: (), str(other.folder))


def test_the_command(home, tmp_path, monkeypatch, capsys):
    import hashlib

    root, data = home
    bundle, folder = tiny_bundle(tmp_path / "bundle"), tmp_path / "prepared"
    folder.mkdir()
    np.save(folder / "crops.npy", data.crops)
    write_rows(folder / "manifest.csv", data.rows)
    digest = hashlib.sha256((folder / "manifest.csv").read_bytes()).hexdigest()
    (folder / "prepare.json").write_text(json.dumps({"manifest_sha256": digest, "margin": 0.5}))
    words = ["--data", root, "--prepared", folder, "--bundle", bundle.folder, "--json", tmp_path / "m.json"]
    monkeypatch.setattr(sys, "argv", ["monitor", "train", "masked", *map(str, words)])
    assert main() == 0
    assert "| real against fake, AUC | bare | masked | lost |" in capsys.readouterr().out
    assert json.loads((tmp_path / "m.json").read_text())["faces"] == 8
