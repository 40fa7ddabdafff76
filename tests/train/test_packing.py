"""Packed crops: small, whole, the same pictures; refused where a piece is missing or another."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from monitor.cli import main
from tests.portraits import portraits
from train.errors import DataError
from train.manifest import Prepared, Row, load_prepared
from train.packing import pack, unpack


@pytest.fixture(scope="module")
def data():
    portrait = np.ascontiguousarray(portraits()[0][0][40:216, 120:296, ::-1])
    rng = np.random.default_rng(0)
    labels = ("real", "fake", "mask") * 10
    rows = tuple(Row(f"{i}", f"{i}.jpg", "a", k, f"g{i}", "train", "whole", 60.0) for i, k in enumerate(labels))
    crops = np.stack([np.clip(portrait * rng.uniform(0.6, 1.1), 0, 255).astype(np.uint8) for _ in rows])
    return Prepared(rows, crops, 0.5, "digest")


def test_what_is_unpacked_is_what_was_packed(data, tmp_path):
    files = pack(data, tmp_path / "packed", piece_bytes=75_000)
    pieces = [file for file in files if file.suffix == ".npz"]
    assert len(pieces) > 2
    assert all(piece.stat().st_size < 100_000 for piece in pieces)
    assert sum(piece.stat().st_size for piece in pieces) < data.crops.nbytes / 6
    facts = unpack(tmp_path / "packed", tmp_path / "prepared")
    again = load_prepared(tmp_path / "prepared")
    assert again.rows == data.rows
    assert again.margin == data.margin
    assert again.digest == facts["manifest_sha256"]
    assert facts["packed_webp_quality"] == 95
    apart = np.abs(again.crops.astype(int) - data.crops)
    assert apart.mean() < 2
    assert again.crops[0].mean() != again.crops[1].mean()


def test_only_some_splits_travel(data, tmp_path):
    splits = ("train", "val", "test") * 10
    rows = tuple(replace(row, split=split) for row, split in zip(data.rows, splits, strict=True))
    data = replace(data, rows=rows)
    pack(data, tmp_path / "packed", piece_bytes=1 << 20, splits=["val", "train"])
    unpack(tmp_path / "packed", tmp_path / "prepared")
    again = load_prepared(tmp_path / "prepared")
    assert again.rows == data.rows  # numbers still name all pictures
    for split in ("train", "val"):
        kept = again.where(split)
        assert np.abs(again.crops[kept].astype(int) - data.crops[kept]).mean() < 2
    with pytest.raises(DataError, match="crops of the split test are not here") as caught:
        again.where("test")
    assert "--split test" in caught.value.hint
    pack(again, tmp_path / "repacked", piece_bytes=1 << 20)  # all that is here
    pack(data, tmp_path / "twice", piece_bytes=1 << 20, splits=["train", "train"])
    for name, there in (("repacked", ("train", "val")), ("twice", ("train",))):
        unpack(tmp_path / name, tmp_path / f"{name}-prepared")
        third = load_prepared(tmp_path / f"{name}-prepared")
        assert third.splits == there
        assert np.abs(third.crops[third.where("train")].astype(int) - data.crops[data.where("train")]).mean() < 3
    with pytest.raises(DataError, match="not here"):
        pack(again, tmp_path / "other", piece_bytes=1 << 20, splits=["test"])
    with pytest.raises(DataError, match="no picture is in the split test"):
        pack(replace(data, rows=rows[:2] * 15), tmp_path / "other", piece_bytes=1 << 20, splits=["test"])


def test_a_pack_of_other_crops_than_its_manifest_names_is_refused(data, tmp_path):
    pack(data, tmp_path, piece_bytes=1 << 20)
    index = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**index, "splits": ["val"]}))
    with pytest.raises(DataError, match="holds 30 crops, its manifest names 0 in val"):
        unpack(tmp_path, tmp_path / "out")


def test_a_pack_that_is_not_whole_leaves_what_was_there(data, tmp_path):
    pack(data, tmp_path / "packed", piece_bytes=75_000)
    unpack(tmp_path / "packed", tmp_path / "out")
    before = load_prepared(tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    (tmp_path / "packed/crops-002.npz").unlink()
    with pytest.raises(DataError, match="cannot read"):
        unpack(tmp_path / "packed", tmp_path / "out")
    again = load_prepared(tmp_path / "out")
    assert again.rows == before.rows
    assert again.crops.any()
    assert {file.name for file in (tmp_path / "out").iterdir()} == names


@pytest.mark.parametrize("harm", ["missing", "changed", "no index", "manifest"])
def test_what_was_harmed_on_the_way_is_refused(data, tmp_path, harm):
    pack(data, tmp_path, piece_bytes=150_000)
    if harm == "missing":
        (tmp_path / "crops-001.npz").unlink()
    elif harm == "changed":
        whole = bytearray((tmp_path / "crops-001.npz").read_bytes())
        whole[2000] ^= 1
        (tmp_path / "crops-001.npz").write_bytes(whole)
    elif harm == "no index":
        (tmp_path / "index.json").write_text("[]")
    else:
        with (tmp_path / "manifest.csv").open("a") as file:
            file.write("more\n")
    with pytest.raises(DataError) as caught:
        unpack(tmp_path, tmp_path / "out")
    assert caught.value.hint
    with pytest.raises(DataError):
        load_prepared(tmp_path / "out")


def test_the_commands(data, tmp_path, monkeypatch, capsys):
    pack(data, tmp_path / "packed", piece_bytes=1 << 20)
    for words in (
        ["unpack", "--packed", tmp_path / "packed", "--out", tmp_path / "prepared"],
        ["pack", "--prepared", tmp_path / "prepared", "--out", tmp_path / "again"],
    ):
        monkeypatch.setattr(sys, "argv", ["monitor", "train", *map(str, words)])
        assert main() == 0
    assert "30 pictures" in capsys.readouterr().out
    assert (tmp_path / "again/index.json").is_file()
