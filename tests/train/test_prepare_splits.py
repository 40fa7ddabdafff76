"""How prepared pictures are divided and kept: shares, copies, full disks, stops, files that changed since."""

import json
import resource
import signal
import sys
from collections import Counter

import cv2
import numpy as np
import pytest

from monitor.cli import main
from monitor.errors import SinkError
from train.commands.prepare import parse_shares
from train.errors import DataError, TrainError
from train.manifest import load_prepared
from train.prepare import plan, prepare
from train.spec import Item


def no_faces(_bgr):
    return ()


@pytest.fixture
def root(tmp_path):
    """Sixty different pictures of three classes, each with a smaller copy under another name."""
    rng = np.random.default_rng(0)
    for i in range(60):
        bgr = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (72, 72), interpolation=cv2.INTER_LINEAR)
        for name, side in ((f"{i:02}.png", 72), (f"{i:02}-copy.png", 48)):
            path = tmp_path / "pictures" / ("real", "fake", "mask")[i % 3] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.resize(bgr, (side, side), interpolation=cv2.INTER_AREA))
    return tmp_path / "pictures"


def items(root):
    return [
        Item(path.relative_to(root).as_posix(), "home", path.parent.name, f"home-{path.name}")
        for path in sorted(root.rglob("*.png"))
    ]


@pytest.mark.parametrize(("shares", "want"), [((0.7, 0.15, 0.15), 0.7), ((0.34, 0.33, 0.33), 0.34)])
def test_copies_stay_together_and_shares_hold(root, shares, want):
    tasks = plan(items(root), root, None, shares=shares).tasks
    assert len(tasks) == 120
    split_of = {task.item.path: task.split for task in tasks}
    for path, split in split_of.items():
        assert split_of[path.replace(".png", "-copy.png").replace("-copy-copy", "-copy")] == split
    counts = Counter(split_of.values())
    assert set(counts) == {"train", "val", "test"}
    assert counts["train"] / 120 == pytest.approx(want, abs=0.15)


@pytest.mark.parametrize("text", ["70/15", "70/20/20", "a/b/c", "100/0/0", "-10/60/50"])
def test_shares_that_do_not_hold_are_refused(text):
    with pytest.raises(TrainError, match="three numbers above 0 with the sum 100"):
        parse_shares(text)


def test_shares():
    assert parse_shares("60/30/10") == (0.6, 0.3, 0.1)


def test_a_disk_without_room_is_told_before_the_work(root, tmp_path):
    todo, asked = plan(items(root), root, None), []
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, usual[1]))
    try:
        with pytest.raises(SinkError, match="cannot make room for the crops") as caught:
            prepare(todo, root, tmp_path / "out", lambda bgr: asked.append(1) or ())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert caught.value.hint
    assert not asked
    assert not list((tmp_path / "out").iterdir())


def test_a_stop_leaves_nothing_that_looks_finished(root, tmp_path):
    steps = iter(range(100))
    todo = plan(items(root), root, None)
    assert prepare(todo, root, tmp_path / "out", no_faces, stopped=lambda: next(steps) > 5) is None
    assert not [file.name for file in (tmp_path / "out").iterdir()]
    with pytest.raises(DataError, match="holds no prepared data"):
        load_prepared(tmp_path / "out")


@pytest.mark.parametrize("end", ["stopped", "full", "unreadable"])
def test_what_was_prepared_before_stays_until_all_is_done(root, tmp_path, end):
    todo, out = plan(items(root), root, None), tmp_path / "out"
    prepare(todo, root, out, no_faces)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    if end == "stopped":
        steps = iter(range(200))
        assert prepare(todo, root, out, no_faces, stopped=lambda: next(steps) > 5) is None
    elif end == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, usual[1]))
        try:
            with pytest.raises(SinkError):
                prepare(todo, root, out, no_faces)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    else:
        for path in root.rglob("*.png"):
            path.write_bytes(b"none")
        with pytest.raises(DataError, match="none of 120 pictures could be read"):
            prepare(todo, root, out, no_faces)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_crops_that_changed_are_refused(root, tmp_path):
    facts = prepare(plan(items(root), root, None), root, tmp_path / "out", no_faces, rule="by group")
    assert facts["split_rule"] == "by group"
    assert len(load_prepared(tmp_path / "out").rows) == 120
    crops = np.load(tmp_path / "out/crops.npy", mmap_mode="r+")
    crops[7] += 1
    crops.flush()
    with pytest.raises(DataError, match=r"crops\.npy was changed") as caught:
        load_prepared(tmp_path / "out")
    assert "monitor train prepare" in caught.value.hint


@pytest.mark.parametrize("kind", ["grey", "alpha", "deep", "cmyk", "pixel"])
def test_unusual_pictures_are_taken(root, tmp_path, kind):
    from PIL import Image

    path, usual = root / "real/unusual.png", items(root)
    if kind == "cmyk":
        path = root / "real/unusual.jpg"
        Image.new("CMYK", (60, 50), (10, 80, 90, 0)).save(path)
    else:
        shape = {"grey": (50, 60), "alpha": (50, 60, 4), "deep": (50, 60, 3), "pixel": (1, 1, 3)}[kind]
        scale = 257 if kind == "deep" else 1
        cv2.imwrite(str(path), np.full(shape, 90 * scale, np.uint16 if kind == "deep" else np.uint8))
    item = Item(path.relative_to(root).as_posix(), "home", "real", "home-unusual")
    facts = prepare(plan([*usual, item], root, None), root, tmp_path / "out", no_faces)
    assert (facts["pictures"], facts["unreadable"]) == (121, 0)
    crop = load_prepared(tmp_path / "out").crops[120]
    assert crop.std(axis=(0, 1)).max() < 2
    if kind != "cmyk":
        assert abs(float(crop.mean()) - 90) < 2


def test_the_command_says_that_it_was_stopped(root, tmp_path, monkeypatch, capsys):
    spec = tmp_path / "spec.yaml"
    spec.write_text("sources:\n  - {name: home, folders: {real: real, fake: fake, mask: mask}}\n")

    def interrupted(*args, **options):
        signal.raise_signal(signal.SIGINT)
        return prepare(*args, **options)

    monkeypatch.setattr("train.prepare.prepare", interrupted)
    words = ["--data", str(root), "--spec", str(spec), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["monitor", "train", "prepare", *words])
    assert main() == 130
    assert "the same command begins again" in capsys.readouterr().err


def test_the_command_reports(root, tmp_path, monkeypatch, capsys):
    spec = tmp_path / "spec.yaml"
    spec.write_text("sources:\n  - {name: home, folders: {real: real, fake: fake, mask: mask}}\n")
    words = ["--data", str(root), "--spec", str(spec), "--out", str(tmp_path / "out"), "--shares", "60/20/20"]
    monkeypatch.setattr(sys, "argv", ["monitor", "train", "prepare", *words, "--contact-sheets"])
    assert main() == 0
    out, err = capsys.readouterr()
    assert "one group" not in err
    assert "Class mask comes from one source, home" in out
    facts = json.loads((tmp_path / "out/prepare.json").read_text())
    assert facts["split_rule"] == "by group and near-duplicates, 60/20/20 percent"
    assert (tmp_path / "out/report.html").read_text().startswith("<!doctype html>")
    sheet = tmp_path / "out/sheet-mask.jpg"
    assert cv2.imread(str(sheet)) is not None
    assert sheet.stat().st_mode & 0o077 == 0
