"""The paper's experiments with tiny networks: they leak where it leaked, their honest twins do not."""

import json
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("keras")

from monitor.cli import main
from tests.runs import FEW_STAGES
from train.errors import DataError, TrainError
from train.reproduction.all import reproduce
from train.reproduction.experiment import experiments, load_schedule
from train.reproduction.pictures import as_paper, crossing, drawn, honest, read

FOLDERS = {
    "real_and_fake_face/training_real": (200, 24),
    "real_and_fake_face/training_fake": (120, 12),
    "Face Mask Dataset/Train/WithMask": (40, 30),
    "Face Mask Dataset/Train/WithoutMask": (200, 30),
}
SMOKE = """
input_px: 32
pictures: {a: 1600, b: 16, c: 96, d: 96, e: 80}
learning_rate: 1.0e-2
bfloat16: false
network: {blocks: [[4], [4]], dense: 8, width: 0.1}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Blocks of random brightness around a level of the class; every fourth picture is an almost equal copy."""
    root = tmp_path_factory.mktemp("published")
    rng = np.random.default_rng(0)
    for folder, (level, n) in FOLDERS.items():
        (root / folder).mkdir(parents=True)
        for i in range(n):
            if i % 4 == 0 or i == 0:
                cells = np.clip(rng.normal(level, 40, (9, 9, 3)), 0, 255).astype(np.uint8)
                bgr = cv2.resize(cells, (48, 48), interpolation=cv2.INTER_LINEAR)
            copy = np.clip(bgr + rng.normal(0, 1, bgr.shape), 0, 255).astype(np.uint8) if i % 4 < 2 else None
            if copy is None:
                cells = np.clip(rng.normal(level, 40, (9, 9, 3)), 0, 255).astype(np.uint8)
                copy = cv2.resize(cells, (48, 48), interpolation=cv2.INTER_LINEAR)
            cv2.imwrite(str(root / folder / f"{i:03}.png"), copy)
    (root / "smoke.yaml").write_text(SMOKE)
    return root


def small(name, **changes):
    from dataclasses import replace

    return replace(experiments()[name], pictures_per_class=30, **changes)


def test_the_paper_s_split_leaks_and_the_honest_one_does_not(root):
    experiment = small("d")
    pictures = drawn(read(experiment, root, 32), experiment)
    paper, twin = as_paper(pictures, experiment, None), honest(pictures, experiment, None)
    fakes = [row for row in paper.rows if row.label == "fake"]
    assert len(fakes) == 30
    assert len({row.path.split("#")[0] for row in fakes}) == 12
    assert crossing(paper) > 0
    assert crossing(twin) == 0
    groups = [{row.group for row in twin.rows if row.split == split} for split in ("train", "val", "test")]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert not [row for row in twin.rows if "#" in row.path and row.split != "train"]
    assert sum(row.label == "fake" and row.split == "train" for row in twin.rows) == 18  # 60 % of 30
    assert {tuple(crop.shape) for crop in paper.crops} == {(32, 32, 3)}


def test_copies_differ_from_their_picture(root):
    experiment = small("d")
    paper = as_paper(drawn(read(experiment, root, 32), experiment), experiment, None)
    of = {row.path: i for i, row in enumerate(paper.rows)}
    copies = [(i, of[path.split("#")[0]]) for path, i in of.items() if "#" in path]
    assert len(copies) == 18
    assert all((paper.crops[i] != paper.crops[original]).any() for i, original in copies)


def test_given_groups_hold(root):
    experiment = small("c")
    pictures = drawn(read(experiment, root, 32), experiment)
    known = {picture.path: picture.path.rsplit("/", 1)[0] + str(i % 8) for i, picture in enumerate(pictures)}
    data = honest(pictures, experiment, known)
    split_of = {}
    for row in data.rows:
        split_of.setdefault(known[row.path.split("#")[0]], set()).add(row.split)
    assert {len(splits) for splits in split_of.values()} == {1}


@pytest.fixture(scope="module")
def done(root, tmp_path_factory):
    """All experiments, run through the command line; the MobileNet is a short one, which takes seconds less."""
    out = tmp_path_factory.mktemp("reproduced")
    words = ["--data", str(root), "--all", "--schedule", str(root / "smoke.yaml"), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.mobilenet.STAGES", FEW_STAGES)
        patch.setattr(sys, "argv", ["monitor", "train", "reproduce", *words])
        assert main() == 0
    return out


def test_everything_is_told(done):
    found = json.loads((done / "reproduce.json").read_text())
    assert list(found) == ["a", "b", "c", "d", "e"]
    for name, row in found.items():
        assert row["schedule"].endswith("smoke.yaml")
        assert 0 <= row["as_paper"]["accuracy"] <= 1
        assert 0 <= row["as_paper"]["macro_f1"] <= 1
        assert (row["honest"] is not None) == (name in {"c", "d", "e"})
    assert found["e"]["paper"] == {"accuracy": 0.94, "macro_f1": 0.91}
    assert found["e"]["as_paper"]["test_pictures_with_a_version_in_training"] > 0
    assert found["e"]["honest"]["test_pictures_with_a_version_in_training"] == 0
    assert found["a"]["as_paper"]["accuracy"] > 0.8  # masks are dark here, others bright
    text = (done / "reproduce.md").read_text()
    assert "| e | VGG16, three classes, balanced by copies, augmented | 80 | 0.9400 / 0.9100 |" in text
    assert "batch normalisation while training, folded" in text
    for run in ("a", "b", "c", "c-honest", "d", "d-honest", "e", "e-honest"):
        assert cv2.imread(str(done / f"{run}-curves.png")) is not None
        assert cv2.imread(str(done / f"{run}-confusion.png")) is not None


def test_what_is_finished_is_not_done_again_and_the_rest_stays_in_the_tables(root, done):
    said = []
    before = (done / "runs/a/log.csv").read_text()
    assert reproduce(root, done, ["a"], schedule=str(root / "smoke.yaml"), say=said.append) is not None
    assert any("was finished before" in line for line in said)
    assert (done / "runs/a/log.csv").read_text() == before
    assert list(json.loads((done / "reproduce.json").read_text())) == ["a", "b", "c", "d", "e"]


def test_a_stopped_run_goes_on(root, tmp_path):
    smoke = str(root / "smoke.yaml")
    asked = iter(range(100))
    assert reproduce(root, tmp_path, ["a"], schedule=smoke, say=lambda _: None, stopped=lambda: next(asked) > 0) is None
    assert not (tmp_path / "runs/a/result.json").exists()
    said = []
    assert reproduce(root, tmp_path, ["a"], schedule=smoke, say=said.append) is not None
    assert any(line.startswith("going on after step") for line in said)


def test_what_comes_with_the_program_loads():
    assert list(experiments()) == ["a", "b", "c", "d", "e"]
    full = load_schedule("full")
    recipe = experiments()["e"].recipe_for("e", full, 9000)
    assert (recipe.pictures, recipe.batch, recipe.steps) == (200_000, 40, 50 * 100)
    assert experiments()["a"].recipe_for("a", full, 6000).pictures == 300_000
    assert load_schedule("short").input_px == 64


@pytest.mark.parametrize(
    ("names", "schedule", "weights", "says"),
    [
        (["f"], "short", "none", "no experiment f"),
        (["a"], "longer", "none", "no schedule 'longer'"),
        (["a"], "short", "vgg16-128", "cannot start from vgg16-128"),
    ],
)
def test_what_cannot_be_is_refused(root, tmp_path, names, schedule, weights, says):
    with pytest.raises(TrainError, match=says) as caught:
        reproduce(root, tmp_path, names, schedule=schedule, weights=weights, say=lambda _: None)
    assert caught.value.hint


def test_missing_pictures_are_told(tmp_path):
    with pytest.raises(DataError, match="0 pictures of class real can be read") as caught:
        reproduce(tmp_path, tmp_path / "out", ["a"], schedule="short", say=lambda _: None)
    assert "docs/data.md" in caught.value.hint
