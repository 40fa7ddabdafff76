"""Labelled clips through the whole program: real decoding, finding and following."""

import json

import numpy as np
import pytest

from monitor.types import Box, Face, Frame, Scene, Track
from tests.bundles import tiny_bundle
from tests.people import walk, walk_video
from tests.videos import write_video
from train.errors import DataError
from train.evaluation.truth import Span, Truth, load_truths
from train.evaluation.videos import evaluate_videos, grouped, measured, videos_table

CLASSES = ("real", "fake", "mask")


def scene(t, *tracks):
    return Scene(Frame(0, t, None, np.zeros((100, 100, 3), np.uint8)), tuple(tracks), {"read": 1.0})


def track(t, label, x=50.0, seen_t=None, reason=None):
    face = Face(Box(x - 10, 40, x + 10, 60), 0.9, np.zeros((6, 2), np.float32))
    return Track(1, face, 0.0, t if seen_t is None else seen_t, t, 3, None, label, reason)


def clip(tmp_path, *spans, ignore=()):
    return Truth(tmp_path / "door.mp4", tuple(Span(*span) for span in spans), tuple(ignore))


def test_seconds_are_counted_by_truth_and_by_what_is_shown(tmp_path):
    truth = clip(tmp_path, (0.0, 3.0, "real"), (3.0, 5.0, "mask"))
    said = [0, 1, None, 2, 2, 2]
    row = measured(truth, [scene(float(t), track(float(t), k, reason="unsure")) for t, k in enumerate(said)], CLASSES)
    assert row["seconds"] == {"mask": {"mask": 2.0}, "real": {"fake": 1.0, "real": 1.0, "undecided": 1.0}}
    assert row["undecided_why"] == {"unsure": 1.0}
    assert (row["frames"], row["tracks"], row["stage_ms"]) == (6, 1, {"read": 1.0})


def test_what_does_not_count(tmp_path):
    """Outside the spans, inside an ignored box, or a box that only coasts."""
    truth = clip(tmp_path, (1.0, 3.0, "real"), ignore=[Box(70, 0, 100, 100)])
    tracks = [track(0.0, 0), track(1.0, 0, x=80.0), track(2.0, 1, seen_t=1.5), track(3.0, 0)]
    row = measured(truth, [scene(float(t), each) for t, each in enumerate(tracks)], CLASSES)
    assert row["seconds"] == {}
    ends = measured(truth, [scene(1.0, track(1.0, 0)), scene(1.5)], CLASSES)
    assert ends["seconds"] == {"real": {"real": 0.5}}


def test_groups_add_clips_and_give_shares(tmp_path):
    rows = [
        {"clip": "a", "seconds": {"real": {"real": 6.0, "undecided": 2.0}}},
        {"clip": "b", "seconds": {"real": {"fake": 2.0}, "fake": {"undecided": 4.0}}},
        {"clip": "c", "error": "broken"},
    ]
    found = grouped(rows)
    assert found["real"] == {
        "track_seconds": 10.0, "undecided": 0.2, "of_decided": {"fake": 0.25, "real": 0.75},
        "of_all": {"fake": 0.2, "real": 0.6},
    }  # fmt: skip
    assert found["fake"] == {"track_seconds": 4.0, "undecided": 1.0, "of_decided": {}, "of_all": {}}
    assert "mask" not in found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two clips of somebody walking, one broken file, and what is true in them."""
    folder = tmp_path_factory.mktemp("clips")
    walk_video(folder / "n1_walk.mp4", 50)
    write_video(folder / "m1_masked.mp4", walk(50, masked=True), options={"crf": "18"})
    (folder / "x1_broken.mp4").write_bytes(b"no video")
    (folder / "labels.yaml").write_text(
        "- {clip: n1, spans: [{from_s: 0, to_s: 2, who: all, label: real}], ignore: [0, 0, 5, 5]}\n"
        "- {clip: m1, spans: [{from_s: 0.2, to_s: 1, label: mask}]}\n"
    )
    return folder


def test_the_whole_program_on_clips(folder, tmp_path):
    bundle = tiny_bundle(tmp_path / "bundle")
    said = []
    found = evaluate_videos(folder, str(bundle.folder), say=said.append)
    rows = {row["clip"]: row for row in found["clips"]}
    assert list(rows) == ["m1_masked", "n1_walk", "x1_broken"]
    assert sum(rows["n1_walk"]["seconds"]["real"].values()) == pytest.approx(1.9, abs=0.3)
    assert sum(rows["m1_masked"]["seconds"]["mask"].values()) == pytest.approx(0.8, abs=0.1)
    assert rows["n1_walk"]["frames"] == 50
    assert "x1_broken" in rows["x1_broken"]["error"]
    assert found["groups"]["real"]["track_seconds"] > 0
    text = videos_table(found)
    assert "| n1_walk | real |" in text
    assert any(line.startswith("x1_broken: ") for line in said)
    again = evaluate_videos(folder, str(bundle.folder), only=["n1"], say=lambda _: None)
    assert [row["seconds"] for row in again["clips"]] == [rows["n1_walk"]["seconds"]]  # a file repeats exactly
    assert json.dumps(found)


def test_a_stopped_measurement_says_so(folder, tmp_path):
    bundle = tiny_bundle(tmp_path / "bundle")
    assert evaluate_videos(folder, str(bundle.folder), say=lambda _: None, stopped=lambda: True) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {clip: n1}", "entry 1: spans: Field required"),
        ("- n1", "entry 1: entry: Input should be a valid dict"),
        ("- {clip: n1, spans: [], length: 3}", "length: Extra inputs"),
        ("- {clip: q, spans: []}", "q fits no file"),
        ("- {clip: '', spans: []}", "clip: String should have at least 1"),
        ("- {clip: 7, spans: []}", "clip: Input should be a valid string"),
        ("- {clip: n1, spans: none}", "spans: Input should be a valid list"),
        ("- {clip: n1, spans: [real]}", "spans.0: Input should be a valid dict"),
        ("- {clip: n1, spans: [{from_s: 2, to_s: 1, label: real}]}", "wants from_s < to_s, got 2 to 1"),
        ("- {clip: n1, spans: [{from_s: -1, to_s: 1, label: real}]}", "spans.0.from_s: Input should be greater"),
        ("- {clip: n1, spans: [{from_s: a, to_s: 1, label: real}]}", "spans.0.from_s: Input should be a valid number"),
        ("- {clip: n1, spans: [{from_s: true, to_s: 1, label: real}]}", "spans.0.from_s: Input should be a valid"),
        ("- {clip: n1, spans: [{from_s: 0, to_s: .nan, label: real}]}", "spans.0.to_s: Input should be"),
        ("- {clip: n1, spans: [{from_s: 0, to_s: .inf, label: real}]}", "spans.0.to_s: Input should be a finite"),
        ("- {clip: n1, spans: [{from_s: 0, to_s: 1, label: unreal}]}", "spans.0.label: Input should be 'real'"),
        ("- {clip: n1, spans: [{from_s: 0, to_s: 1, label: [real]}]}", "spans.0.label: Input should be 'real'"),
        ("- {clip: n1, spans: [{from_s: 0, to_s: 1}]}", "spans.0.label: Field required"),
        ("- {clip: n1, spans: [{from_s: 0, to_s: 1, label: real, who: he}]}", "spans.0.who: Input should be 'all'"),
        (
            "- {clip: n1, spans: [{from_s: 1, to_s: 3, label: mask}, {from_s: 0, to_s: 2, label: real}]}",
            "two spans hold at second 1, real and mask",
        ),
        ("- {clip: n1, spans: [], ignore: [1, 2, 3]}", "ignore.0: List should have at least 4"),
        ("- {clip: n1, spans: [], ignore: [[1, 2, 3, 4], 5]}", "ignore.1: Input should be a valid list"),
        ("- {clip: n1, spans: [], ignore: [1, 2, .nan, 4]}", "ignore.0.2: Input should be"),
        ("- {clip: n1, spans: [], ignore: [1, 2, true, 4]}", "ignore.0.2: Input should be a valid number"),
        ("- {clip: n1, spans: [], ignore: [9, 2, 3, 4]}", "ignore wants x0 < x1 and y0 < y1"),
        ("- {clip: n1, spans: [], ignore: 7}", "ignore: Input should be a valid list"),
        ("- {clip: n1, spans: [], ignore: left}", "ignore: Input should be a valid list"),
        ("- {clip: n1, spans: []}\n- {clip: n1_, spans: []}", "two entries are about n1_walk.mp4"),
        ("clip: n1", "wants a list of clips"),
        ("- [", "is not YAML"),
    ],
)
def test_labels_that_do_not_hold_are_named(folder, tmp_path, text, says):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(b"")
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(DataError, match=says) as caught:
        load_truths(tmp_path)
    assert caught.value.hint


def test_no_clips_and_no_labels_are_told(folder, tmp_path):
    with pytest.raises(DataError, match="no clips in"):
        load_truths(tmp_path)
    with pytest.raises(DataError, match=r"no clip in .* begins with q"):
        load_truths(folder, ["q"])
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(DataError, match="cannot read"):
        load_truths(tmp_path)


def test_several_boxes_can_be_ignored(folder, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "labels.yaml").write_text("- {clip: a, spans: [], ignore: [[0, 0, 10, 10], [20, 0, 30, 10]]}")
    (truth,) = load_truths(tmp_path)
    assert [truth.ignores(Box(x, 4, x + 2, 6)) for x in (4.0, 14.0, 24.0)] == [True, False, True]
