"""The data report: what it counts, the copies it sees, and the probe that tells sources apart."""

import re

import cv2
import numpy as np
import pytest

from tests.portraits import portraits
from train.augment import Augment
from train.errors import DataError
from train.inspection.facts import facts_of, jpeg_quality
from train.inspection.inspect import inspect
from train.inspection.page import page
from train.inspection.probe import features, probe
from train.manifest import Prepared, Row


def scene(rng):
    cells = rng.integers(0, 256, (9, 9, 3), np.uint8)
    return cv2.resize(cells, (96, 96), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("quality", [30, 60, 85, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_table(tmp_path, quality):
    cv2.imwrite(str(tmp_path / "a.jpg"), portraits()[0][0], [cv2.IMWRITE_JPEG_QUALITY, quality])
    facts = facts_of(tmp_path / "a.jpg")
    assert facts.format == "JPEG"
    assert abs(facts.jpeg_quality - quality) <= 1


def test_facts_of_sharp_soft_dark_and_broken(tmp_path):
    bgr = portraits()[0][0]
    soft = cv2.GaussianBlur(bgr, (0, 0), 4)
    for name, picture in (("sharp", bgr), ("soft", soft), ("dark", bgr // 4)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    sharp, blurred, dark = (facts_of(tmp_path / f"{name}.png") for name in ("sharp", "soft", "dark"))
    assert (sharp.width_px, sharp.height_px, sharp.format) == (bgr.shape[1], bgr.shape[0], "PNG")
    assert sharp.jpeg_quality is None
    assert sharp.sharpness > 5 * blurred.sharpness
    assert dark.brightness == pytest.approx(sharp.brightness / 4, abs=2)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8nothing")
    assert facts_of(tmp_path / "broken.jpg") is None
    assert facts_of(tmp_path / "absent.jpg") is None


def test_the_standard_tables_have_their_qualities():
    from train.inspection.facts import LUMINANCE

    assert jpeg_quality(list(LUMINANCE)) == 50
    assert jpeg_quality([1] * 64) == 100


def test_the_probe_says_nothing_of_sources_of_one_person():
    """Two people, one a source: telling sources apart would be telling people apart."""
    rng = np.random.default_rng(0)
    rows = [Row(f"{i}", f"{i}.png", source, "real", f"{source}{i if source == 'b' else 0}", "train", "whole", 60.0)
            for source in ("a", "b") for i in range(12)]  # fmt: skip
    data = Prepared(tuple(rows), rng.integers(0, 256, (24, 176, 176, 3)).astype(np.uint8), 0.5, "digest")
    assert probe(data, None) is None
    spread = [Row(f"{i}", f"{i}.png", source, "real", f"{source}{i % 4}", "train", "whole", 60.0)
              for source in ("a", "b") for i in range(12)]  # fmt: skip
    assert probe(Prepared(tuple(spread), data.crops, 0.5, "digest"), None).pictures == 24


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two sources: one sharp, one soft; a copy across splits, a fake of a real picture, a mask of one source only."""
    root, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    rows, crops = [], []

    def add(source, label, bgr, split, group):
        name = f"{len(rows):03}.png"
        cv2.imwrite(str(root / name), bgr)
        rows.append(Row(str(len(rows)), name, source, label, group, split, "whole", 60.0))
        crops.append(cv2.cvtColor(cv2.resize(bgr, (176, 176)), cv2.COLOR_BGR2RGB))

    for i in range(40):
        for source in ("sharp", "soft"):
            bgr = np.clip(scene(rng) + rng.normal(0, 12, (96, 96, 3)), 0, 255).astype(np.uint8)
            bgr = cv2.GaussianBlur(bgr, (0, 0), 2.5) if source == "soft" else bgr
            add(source, "real", bgr, ("train", "val")[i % 2], f"{source}{i}")
        if i < 12:
            add("sharp", "mask", scene(rng), "train", f"mask{i}")
    twin = scene(rng)
    add("sharp", "real", twin, "train", "twin")
    add("sharp", "real", np.ascontiguousarray(twin[:, ::-1]), "test", "mirror")
    add("soft", "fake", twin, "train", "fake")
    return root, Prepared(tuple(rows), np.stack(crops), 0.5, "digest")


@pytest.fixture(scope="module")
def report(home):
    root, data = home
    return inspect(data, root, Augment(), say=lambda _: None)


def test_it_counts(report):
    cell = report["cells"]["sharp/real"]
    assert (cell["pictures"], cell["groups"]) == (42, 42)
    assert cell["split"] == {"test": 1, "train": 21, "val": 20}
    assert cell["longer_side_px"] == [96, 96, 96, 96, 96]
    assert cell["formats"] == {"PNG": 42}
    assert cell["sharpness"][2] > 5 * report["cells"]["soft/real"]["sharpness"][2]
    assert cell["face"] == {"whole": 42}


def test_it_sees_copies(report):
    found = report["duplicates"]
    assert found["clusters"] == 1
    assert found["within"] == {"sharp": 2}
    assert found["across_sources"] == {"sharp + soft": 3}
    assert found["across_classes"] == {"fake + real": 3}
    assert found["across_splits"] == 3
    assert found["groups_across_splits"] == 0


def test_it_warns(report):
    told = " ".join(report["alarms"])
    assert "3 pictures are in clusters of near-duplicates that reach over two splits" in told
    assert "Class mask comes from one source, sharp" in told


def test_the_probe_tells_sources_that_differ_and_less_so_equalised(report):
    found = report["probe"]["real faces"]
    assert found["before"]["chance"] == 0.5
    assert found["before"]["accuracy"] > 0.95
    assert found["after"]["accuracy"] < found["before"]["accuracy"] - 0.1


def test_the_probe_does_not_tell_sources_that_do_not_differ():
    rng = np.random.default_rng(5)
    rows = tuple(Row("s", str(i), "ab"[i % 2], "real", f"g{i}", "train", "whole", 60.0) for i in range(160))
    crops = np.stack([cv2.resize(scene(rng), (176, 176)) for _ in rows])
    assert probe(Prepared(rows, crops, 0.5, "d"), None).accuracy < 0.65
    lone = tuple(Row("s", str(i), "a", "real", f"g{i}", "train", "whole", 60.0) for i in range(160))
    assert probe(Prepared(lone, crops, 0.5, "d"), None) is None


def test_features_are_finite_for_flat_pictures():
    assert np.isfinite(features(np.full((96, 96, 3), 7, np.uint8))).all()


def test_the_page_needs_nothing_from_outside_and_shows_nobody(report):
    text = page(report, {"unreadable": 2, "missing": 0, "split_rule": "by group"})
    assert not re.search(r"src=|href=|<img|<script|@import", text)
    assert "2 unreadable" in text
    assert "sharp/real" in text
    assert "Source probe" in text


def test_another_folder_is_refused(home, tmp_path):
    with pytest.raises(DataError, match="none of the prepared pictures is below"):
        inspect(home[1], tmp_path, Augment(), say=lambda _: None)
