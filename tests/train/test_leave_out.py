"""Leaving a source out: it is not trained on, and what is told of it is what the network says of its pictures."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")

from train.augment import Augment
from train.batches import Batches
from train.errors import DataError, TrainError
from train.leave_out import LEFT_OUT, leave_one_out, sources_with_fakes, table, without
from train.manifest import Prepared, Row
from train.recipe import Recipe
from train.start import Start

TINY = Recipe(
    pictures=8 * 60, batch=8, input_px=32, blocks=((4,), (4,)), dense=8, bfloat16=False, learning_rate=5e-3,
    augment=None, dropout=0,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def data():
    """Two sources whose fakes are striped, one (`odd`) whose fakes are those of its real pictures' opposite; masks."""
    rng = np.random.default_rng(0)
    rows, crops = [], []
    stripes = np.zeros((32, 32, 3))
    stripes[::4] = stripes[1::4] = 120
    for source in ("one", "two", "odd"):
        for split, n in (("train", 12), ("val", 6), ("test", 6)):
            for label in ("real", "fake"):
                for i in range(n):
                    striped = (label == "fake") != (source == "odd")
                    rows.append(Row("s", f"{len(rows)}", source, label, f"{source}{split}{i}", split, "whole", 30.0))
                    crops.append(np.clip(rng.normal(70, 10, (32, 32, 3)) + striped * stripes, 0, 255).astype(np.uint8))
    for i in range(24):
        split = ("train", "val", "test")[i % 3]
        rows.append(Row("s", f"m{i}", "masks", "mask", f"m{i}", split, "whole", 30.0))
        crops.append(np.clip(rng.normal(220, 10, (32, 32, 3)), 0, 255).astype(np.uint8))
    return Prepared(tuple(rows), np.stack(crops), 0.15, "digest")


def test_the_source_left_out_is_in_no_batch(data):
    part = without(data, "two")
    assert not [row for row in part.rows if row.source == "two" and row.split in {"train", "val"}]
    assert part.digest != data.digest
    assert len(part.where(LEFT_OUT)) == 2 * (12 + 6)
    # Test pictures stay where they are: a recipe must not be chosen on them.
    assert [row for row in part.rows if row.split == "test"] == [row for row in data.rows if row.split == "test"]
    marked = replace(part, crops=np.zeros_like(part.crops))
    for i in part.where(LEFT_OUT):
        marked.crops[i] = 255
    rgb, _ = Batches(marked, replace(TINY, batch=400, augment=None)).batch(0)
    assert rgb.max() == 0


def test_sources_with_fakes(data):
    assert sources_with_fakes(data) == ("odd", "one", "two")
    lone = replace(data, rows=tuple(row for row in data.rows if row.source in {"one", "masks"}))
    with pytest.raises(DataError, match="there are 1"):
        sources_with_fakes(lone)


def test_what_generalises_is_told_from_what_does_not(data, tmp_path):
    """Trained on `odd` and `two` the network cannot know; asked about `odd` after `one` and `two` it must be wrong."""
    said = []
    found = leave_one_out(data, tmp_path, {"tiny": TINY}, start=Start(), sources=["odd"], say=said.append)
    (result,) = found["tiny"]["sources"]
    assert result["source"] == "odd"
    assert (result["real"], result["fake"]) == (18, 18)
    assert result["auc"] < 0.1  # its stripes mean the opposite
    assert result["seen_auc"] > 0.9
    text = table(found)
    assert "without odd" in text
    assert f"{result['auc']:.3f}" in text


def test_recipes_come_best_first_and_finished_runs_are_not_repeated(data, tmp_path):
    weighted = {"two": 3.0, "one": 2.0}  # one of them is not there while it is left out
    recipes = {
        "idle": replace(TINY, pictures=8, learning_rate=1e-9, source_weights=weighted),
        "short": replace(TINY, pictures=16),
    }
    found = leave_one_out(data, tmp_path, recipes, start=Start(), sources=["two"], say=lambda _: None)
    means = [row["mean_auc"] for row in found.values()]
    assert means == sorted(means, reverse=True)
    before = (tmp_path / "short/two/log.csv").read_text()
    again = leave_one_out(data, tmp_path, recipes, start=Start(), sources=["two"], say=lambda _: None)
    assert again == found
    assert (tmp_path / "short/two/log.csv").read_text() == before


def test_a_stopped_comparison_says_so(data, tmp_path):
    assert leave_one_out(data, tmp_path, {"a": TINY}, start=Start(), say=lambda _: None, stopped=lambda: True) is None


@pytest.mark.parametrize(
    ("start", "sources", "says"),
    [(Start("vgg16-128"), [], "may have seen"), (Start(), ["three"], "no source three with fakes")],
)
def test_what_would_not_be_honest_is_refused(data, tmp_path, start, sources, says):
    with pytest.raises(TrainError, match=says) as caught:
        leave_one_out(data, tmp_path, {"tiny": replace(TINY, augment=Augment())}, start=start, sources=sources)
    assert caught.value.hint
