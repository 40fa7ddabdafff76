"""What is planned and what is not there: unreadable and missing files are counted, listed and told, never dropped."""

import csv
import json
import struct
import zlib
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from monitor.errors import SinkError
from train.errors import DataError, TrainError
from train.prepare import Plan, plan, prepare
from train.spec import find_items, load_spec

SPEC = """
sources:
  - {name: a, folders: {real: a/real, fake: a/fake}}
  - {name: b, folders: {mask: b/mask, real: b/real}}
"""
SPLITS = ("train", "val", "test")


def no_faces(_bgr):
    return ()


def items(root):
    return find_items(load_spec(root / "spec.yaml"), root)


@pytest.fixture
def root(tmp_path):
    """Six small pictures of each class and source, two in each split of splits.csv."""
    rng = np.random.default_rng(0)
    for folder in ("a/real", "a/fake", "b/mask", "b/real"):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(6):
            cv2.imwrite(str(tmp_path / folder / f"{i}.png"), rng.integers(0, 256, (16, 16, 3)).astype(np.uint8))
    (tmp_path / "spec.yaml").write_text(SPEC)
    with (tmp_path / "splits.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sha256", "path", "source", "label", "group", "split"])
        for n, task in enumerate(plan(items(tmp_path), tmp_path, None).tasks):
            item = task.item
            writer.writerow([task.sha256, item.path, item.source, item.label, f"g{n}", SPLITS[n % 3]])
    return tmp_path


def test_nothing_is_missing_where_all_is_there(root):
    todo = plan(items(root), root, root / "splits.csv")
    assert (len(todo.tasks), todo.unreadable, todo.missing) == (24, (), ())


def test_folders_with_a_pictures_name_are_no_pictures(root):
    (root / "a/real/folder.jpg").mkdir()
    assert [task for task in plan(items(root), root, None).tasks if "folder" in task.item.path] == []


def test_a_file_that_cannot_be_opened_is_listed_and_the_rest_prepared(root, monkeypatch):
    read = Path.read_bytes

    def bad_sector(path):
        if path.name == "3.png" and path.parent.name == "fake":
            raise OSError(5, "Input/output error")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", bad_sector)
        todo = plan(items(root), root, root / "splits.csv")
    assert todo.unreadable == ("a/fake/3.png",)
    facts = prepare(todo, root, root / "out", no_faces)
    assert (facts["pictures"], facts["unreadable"], facts["missing"]) == (23, 1, 0)
    assert (root / "out/unreadable.txt").read_text() == "a/fake/3.png\n"


def test_a_picture_that_claims_to_be_huge_is_listed(root):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    (root / "a/real/0.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
    )
    facts = prepare(plan(items(root), root, None), root, root / "out", no_faces)
    assert (facts["pictures"], facts["unreadable"]) == (23, 1)
    assert (root / "out/unreadable.txt").read_text() == "a/real/0.png\n"


def test_pictures_of_the_splits_file_that_are_gone_are_counted_listed_and_said(root, monkeypatch):
    (root / "b/real/4.png").unlink()
    (root / "b/mask/0.png").unlink()
    monkeypatch.setattr("train.faces.all_faces", lambda: nullcontext(no_faces))
    from train.cli import app

    options = ["--data", root, "--spec", root / "spec.yaml", "--splits", root / "splits.csv", "--out", root / "out"]
    done = CliRunner().invoke(app, ["prepare", *map(str, options)])
    assert done.exit_code == 0, done.output
    facts = json.loads((root / "out/prepare.json").read_text())
    assert (facts["pictures"], facts["missing"]) == (22, 2)
    assert sorted((root / "out/missing.txt").read_text().splitlines()) == ["b/mask/0.png", "b/real/4.png"]
    assert f"missing: 2 of the pictures, listed in {root / 'out/missing.txt'}" in done.stderr
    assert "unreadable" not in done.stderr


def test_a_source_that_is_not_there_is_told(root):
    from train.cli import app

    options = ["--data", root, "--spec", root / "spec.yaml", "--only", "a", "--only", "bb", "--out", root / "out"]
    with pytest.raises(TrainError, match="no source is called bb") as caught:
        CliRunner().invoke(app, ["prepare", *map(str, options)], catch_exceptions=False)
    assert caught.value.hint == "there are: a, b"
    assert not (root / "out").exists()


def test_sources_left_out_are_not_missing(root):
    (root / "spec.yaml").write_text(
        SPEC.replace("{name: b, folders: {mask: b/mask, real: b/real}}", "{name: m, folders: {mask: b/mask}}")
    )
    text = (root / "splits.csv").read_text().replace(",b,mask,", ",m,mask,")
    (root / "splits.csv").write_text(text)
    todo = plan(items(root), root, root / "splits.csv")
    assert (len(todo.tasks), todo.missing) == (18, ())


def test_a_class_that_is_gone_from_a_split_is_an_error(root):
    for row in csv.DictReader((root / "splits.csv").read_text().splitlines()):
        if (row["label"], row["split"]) == ("mask", "test"):
            (root / row["path"]).unlink()
    with pytest.raises(DataError, match="no picture is left of class mask in split test"):
        plan(items(root), root, root / "splits.csv")


def test_a_place_that_cannot_be_written_is_told(root):
    with pytest.raises(SinkError, match="cannot make the folder"):
        prepare(Plan(()), root, root / "splits.csv" / "out", no_faces)
