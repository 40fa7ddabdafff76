from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from engines.contract import EngineInfo
from monitor.errors import SinkError
from monitor.sinks.summary import _KEPT_TRACKS, Summary
from monitor.types import Gap, Losses
from tests.monitor.scenes import CLASSES, scene, track

ENGINE = EngineInfo("onnxruntime", "int8", "cpu", "the only one here", "0")


def test_numbers_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    times = iter([10.0, 10.1, 10.2, 10.3, 10.4])
    summary = Summary(path, CLASSES, source="clip.mp4", engine=ENGINE, versions={"monitor": "1"}, clock=times.__next__)
    ms = {"read": 40.0, "detect": 60.0}
    for item in (
        scene(0, 0.0, track(1), ms=ms),
        scene(1, 0.5, track(1, "mask"), track(2, "real"), ms=ms),
        scene(4, 2.0, track(1, "mask"), track(2, "real", seen_t=0.5), ms=ms),
        scene(5, 2.5, track(1, reason="unsure", judgements=9), ms=ms),
        scene(6, 3.0, track(1, "fake", judgements=11), ms=ms),
    ):
        summary.write(item)
    summary.close()
    got = json.loads(path.read_text())
    assert got["frames"] == 5
    assert got["dropped"] == 2
    assert got["seconds"] == pytest.approx(0.5)
    assert got["fps"] == pytest.approx(10.0)
    assert got["media_seconds"] == 3.0
    assert got["stage_ms"]["detect"] == pytest.approx({"p50": 60, "p95": 60, "p99": 60})
    assert got["max_tracks_at_once"] == 2
    assert got["tracks_seen"] == 2
    assert got["source"] == "clip.mp4"
    assert got["engine"] == {
        "runtime": "onnxruntime",
        "precision": "int8",
        "device": "cpu",
        "why": "the only one here",
    }
    assert got["versions"] == {"monitor": "1"}
    second, first = got["tracks"]
    assert first == {
        "id": 1,
        "label": "mask",
        "label_last": "fake",
        "first_s": 0.0,
        "last_s": 3.0,
        "seconds": 3.0,
        "seconds_by_label": {"undecided": 1.0, "mask": 2.0},
        "judgements": 11,
    }
    assert (second["id"], second["label"], second["seconds"], second["last_s"]) == (2, "real", 1.5, 2.0)


def test_coasting_tracks_are_not_visible() -> None:
    summary = Summary(None, CLASSES)
    summary.write(scene(0, 1.0, track(1, seen_t=0.5), track(2, seen_t=1.0)))
    assert summary.result()["max_tracks_at_once"] == 1


def test_live_times_count_from_the_first_frame() -> None:
    summary = Summary(None, CLASSES)
    for t in (5000.0, 5001.0, 5003.0):
        item = scene(int(t), t, *([track(1, "real")] if t > 5000 else []))
        summary.write(replace(item, frame=replace(item.frame, wall=1.7e9)))
    assert summary.result()["tracks"][0]["first_s"] == 1.0
    assert summary.result()["tracks"][0]["last_s"] == 3.0


def test_a_track_that_was_never_decided_has_no_label() -> None:
    summary = Summary(None, CLASSES)
    summary.write(scene(0, 0.0, track(1)))
    summary.write(scene(1, 1.0, track(1)))
    got = summary.result()["tracks"][0]
    assert (got["label"], got["label_last"], got["seconds_by_label"]) == (None, None, {"undecided": 1.0})


def test_gaps_are_counted_and_nothing_else() -> None:
    summary = Summary(None, CLASSES)
    states = ["connecting", "connecting", "live", "stalled", "lost", "lost"]
    for state in states:
        summary.write(Gap(state, 1.0))
    summary.write(scene(0, 0.0))
    summary.write(Gap("lost", 1.0))
    got = summary.result()
    assert got["gaps"] == {"connecting": 1, "stalled": 1, "lost": 2}
    assert got["frames"] == 1


def test_what_was_not_read_is_counted_up_to_the_end(tmp_path: Path) -> None:
    losses = Losses()
    summary = Summary(tmp_path / "s.json", CLASSES, losses=losses)
    assert (summary.result()["skipped"], summary.result()["damaged"]) == ([], 0)
    losses.damaged += 3
    losses.skipped[Path("in/b.png")] = "b.png is not a picture"
    summary.close()
    got = json.loads((tmp_path / "s.json").read_text())
    assert got["skipped"] == [{"path": str(Path("in/b.png")), "why": "b.png is not a picture"}]
    assert got["damaged"] == 3


def test_an_endless_run_stays_small() -> None:
    summary = Summary(None, CLASSES)
    for i in range(_KEPT_TRACKS + 300):
        summary.write(scene(i, float(i), track(i)))
    got = summary.result()
    assert got["tracks_seen"] == _KEPT_TRACKS + 300
    assert len(got["tracks"]) == _KEPT_TRACKS + 1
    assert got["tracks"][-1]["id"] == _KEPT_TRACKS + 299


def test_a_run_without_frames_is_valid_too(tmp_path: Path) -> None:
    summary = Summary(tmp_path / "s.json", CLASSES)
    assert list(tmp_path.iterdir()) == []
    summary.close()
    summary.close()
    got = json.loads((tmp_path / "s.json").read_text())
    assert (got["frames"], got["fps"], got["tracks"], got["engine"]) == (0, None, [], None)
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_what_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(SinkError):
        Summary(tmp_path, CLASSES)


def test_a_name_that_is_no_utf_8_is_told_and_loses_nothing(tmp_path: Path) -> None:
    losses = Losses()
    losses.skipped[Path("caf\udce9.jpg")] = "caf\udce9.jpg is not a picture"
    summary = Summary(tmp_path / "s.json", CLASSES, losses=losses)
    summary.close()
    (told,) = json.loads((tmp_path / "s.json").read_text())["skipped"]
    assert os.fsencode(told["path"]) == b"caf\xe9.jpg"
