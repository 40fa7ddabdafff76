"""The model card: its numbers are the measurements', and it says which pictures they are about."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from engines.bundle import load_bundle
from engines.contract import Card
from train.cards import model_card, pictures_seen
from train.licences import licence
from train.manifest import Prepared, Row
from train.measure import MOST_CONFIDENCE, scores
from train.public import PUBLIC
from train.report import OTHER_RULE, SPLIT_RULE, split_rule, tables

LABELS = np.array([0, 0, 1, 1, 2, 2])


def results():
    """fp32 is right always; int8 takes one fake for real."""
    right = np.eye(3, dtype=np.float32)[LABELS]
    wrong = right.copy()
    wrong[2] = (0.9, 0.1, 0)
    found = {"fp32": right, "int8": wrong}
    sources = ["a", "a", "a", "a", "b", "b"]
    return {name: {"split": "test", "n": 6, **asdict(scores(p, LABELS, sources))} for name, p in found.items()}


def test_tables_hold_every_number_by_precision():
    lines = tables(results()).splitlines()
    assert lines[0] == f"6 pictures of the test split. {SPLIT_RULE}"
    told = {precision: {**row, "split_rule": "Half of them."} for precision, row in results().items()}
    assert tables(told).splitlines()[0] == "6 pictures of the test split. Half of them."
    assert "| accuracy | 1.000 | 0.833 |" in lines
    assert (
        "| class | pictures | precision fp32 | recall fp32 | F1 fp32 | precision int8 | recall int8 | F1 int8 |"
        in lines
    )
    assert "| real | 2 | 1.000 | 1.000 | 1.000 | 0.667 | 1.000 | 0.800 |" in lines
    assert "| a/fake | 2 | 1.000 | 0.500 |" in lines
    assert "| a | 1.000 | 1.000 |" in lines
    assert lines[lines.index("| truth \\ answer (int8) | real | fake | mask |") + 3] == "| fake | 1 | 1 | 0 |"


@pytest.mark.parametrize("measured_on", ["aaaa", "bbbb"])
def test_both_manifests_are_named_where_they_differ(measured_on):
    rows = [Row("0", "x.jpg", "a", label, "g", split, "whole", 40.0) for label, split in
            (("real", "train"), ("fake", "train"), ("mask", "train"), ("fake", "test"))]  # fmt: skip
    seen = pictures_seen(Prepared(tuple(rows), np.zeros((4, 8, 8, 3), np.uint8), 0.5, "aaaa"))
    metrics = {"test": results(), "temperature": 1.5, "trained_on": "aaaa", "measured_on": measured_on, "seen": seen}
    card = Card(
        name="tiny", version="3", architecture="VGG", classes=("real", "fake", "mask"), input_px=32, crop_margin=0.15,
        priors=(0.4, 0.4, 0.2), confidence=0.6, min_face_px=24.0, ranges={}, metrics=metrics, licence="none",
    )  # fmt: skip
    text = model_card(card)
    assert "was not measured for this bundle" in text
    assert "95 % intervals" not in text
    assert "| a | fake | 1 |" in text
    assert "sha256 `aaaa`" in text
    others = measured_on == "bbbb"
    assert ("of others, sha256 `bbbb`" in text) == others
    assert ("the table above says how well each is told" in text) != others
    assert ("numbers above are for sources the network has seen" in text) != others


@pytest.mark.parametrize(
    ("sources", "weights", "told", "untold"),
    [
        (("casia", "mask12k"), "none",
         ["- casia: warped and cut prints", "shows 20 people", "pictures of celebrities", "published for research",
          "`mask` comes from one source, scraped"], ["- ciplab:", "nuaa"]),
        (("office", "office"), "none", ["- office: whatever was given"],
         ["casia", "celebrities", "published for research", "scraped from the web"]),
        (("office", "office"), "vgg16-128", ["- office: whatever was given", "published for research"],
         ["celebrities"]),
        ((), "none", ["What its training pictures showed is not on record", "published for research"], ["casia"]),
    ],
)  # fmt: skip
def test_a_card_tells_what_its_own_pictures_were(sources, weights, told, untold):
    seen = {"seen": [[sources[0], "fake", 7], [sources[1], "mask", 5]]} if sources else {}
    text = model_card(bare(**seen, training={"weights": weights, "pictures": 9}))
    for words in told:
        assert words in text
    for words in untold:
        assert words not in text


@pytest.mark.parametrize(
    ("sources", "weights", "research"),
    [("ciplab", "none", True), ("office", "none", False), ("office", "imagenet", False),
     ("office", "vgg16-128", True), ("office", "none, guided by resnet50.npz", True)],
)  # fmt: skip
def test_weights_of_public_pictures_stay_for_research(sources, weights, research):
    facts = {"seen": [[sources, "fake", 7]], "training": {"weights": weights}}
    line, text = licence(facts, None)
    named = [known.title in text for known in PUBLIC.values()]
    assert line.startswith("research and evaluation") == all(named) == any(named) == research
    assert licence(facts, "mine")[1] == "mine"


def test_numbers_are_told_with_what_they_are_worth():
    rows = [Row("0", f"{i}.jpg", "a", "real", f"g{i}", split, "whole", 40.0)
            for i, split in enumerate(("train", "val", "test", "test"))]  # fmt: skip
    data = Prepared(tuple(rows), np.zeros((4, 8, 8, 3), np.uint8), 0.5, "aaaa")
    own = {"split_sha256": data.split_sha256, "training": {"one_split": True}}
    assert split_rule(data, "test", own) == SPLIT_RULE
    again = replace(data, digest="bbbb", rows=tuple(replace(row, face_px=41.0) for row in reversed(rows)))
    assert split_rule(again, "test", own) == SPLIT_RULE  # prepared by another detector
    moved = replace(data, rows=(replace(rows[0], split="test"), *rows[1:]))
    assert split_rule(moved, "test", own) == OTHER_RULE
    assert "too good" in split_rule(data, "val", own)
    assert split_rule(data, "test", {**own, "split_sha256": "another"}) == OTHER_RULE
    for begun in ({"one_split": False}, {}):  # from weights that may have seen its test pictures
        assert "whether what it began with, or was taught by" in split_rule(data, "test", {**own, "training": begun})
    crossing = replace(data, rows=(*rows[:3], replace(rows[3], group="g0")))
    assert split_rule(crossing, "test", own).startswith("1 groups of the split are in another one")
    assert split_rule(crossing, "val", {}) == OTHER_RULE


def test_a_card_says_where_no_limit_was_low_enough():
    assert "at most one answer in twenty was wrong on the validation split" in model_card(bare())
    assert "below that limit more than one answer in twenty may be wrong" in model_card(
        bare(confidence=MOST_CONFIDENCE)
    )


def bare(confidence=0.6, **metrics):
    """A card with the least numbers."""
    least = {"test": results(), "temperature": 1.5, "trained_on": "aaaa", "measured_on": "aaaa"}
    return Card("tiny", "3", "VGG", ("real", "fake", "mask"), 32, 0.15, (0.4, 0.4, 0.2), confidence, 24.0,
                metrics=least | metrics)  # fmt: skip


def test_a_card_tells_intervals_doubt_and_what_was_left_out():
    out = {
        "guided": {"sources": [{"source": "nuaa", "auc": 0.612}], "mean_auc": 0.612, "pictures": 3200, "input_px": 64}
    }
    metrics = {
        "test": results(), "temperature": 1.5, "trained_on": "aaaa", "measured_on": "aaaa", "leave_one_out": out,
        "intervals": {"accuracy": [0.7, 0.8]}, "decided": 0.75, "wrong_of_decided": 0.04,
        "training": {"weights": "vgg16-128, guided by resnet.npz", "pictures": 24000},
    }  # fmt: skip
    card = Card("tiny", "3", "VGG", ("real", "fake", "mask"), 32, 0.15, (0.4, 0.4, 0.2), 0.6, 24.0, metrics=metrics)
    text = model_card(card)
    assert "started from `vgg16-128, guided by resnet.npz` and saw 24000 pictures" in text
    assert "| accuracy | 0.700 | 0.800 |" in text
    assert "undecided about 25.0% of the pictures, and 4.0% of its decided answers were wrong" in text
    assert "| guided | 3200 at 64 px | 0.612 | 0.612 |" in text


def test_the_shipped_card_and_licence_are_what_its_numbers_make():
    bundle = load_bundle(None)
    assert (bundle.folder / "MODEL_CARD.md").read_text() == model_card(bundle.card)
    assert (bundle.folder / "LICENSE").read_text() == licence(bundle.card.metrics, None)[1]
    assert {source for source, *_ in bundle.card.metrics["seen"]} == set(PUBLIC)
