from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import SinkError
from monitor.sinks.events import EventLog
from monitor.types import Gap, Scene
from tests.monitor.scenes import CLASSES, scene, track

KEYS = ["event", "t", "wall", "frame", "track", "label", "reason", "was_fake", "probs"]


def story() -> list[Scene]:
    return [
        scene(0, 0.0),
        scene(1, 0.1, track(1, judgements=0)),
        scene(2, 0.2, track(1), track(2, "real")),
        scene(3, 0.3, track(1, "mask", p=0.87654321), track(2, "real", p=0.8)),
        scene(4, 0.4, track(1, reason="unsure"), track(2, "real")),
        scene(5, 0.5, track(1, "fake")),
        scene(6, 0.6, track(1, "fake"), track(3)),
    ]


def told(path: Path, items: list[Scene]) -> list[dict[str, Any]]:
    log = EventLog(path, CLASSES)
    for item in items:
        log.write(item)
    log.close()
    log.close()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_story_is_told_in_order(tmp_path: Path) -> None:
    events = told(tmp_path / "e.jsonl", story())
    assert [(e["event"], e["track"], e["frame"], e["label"]) for e in events] == [
        ("appeared", 1, 1, None),
        ("appeared", 2, 2, "real"),
        ("decided", 2, 2, "real"),
        ("decided", 1, 3, "mask"),
        ("changed", 1, 4, None),
        ("gone", 2, 5, "real"),
        ("changed", 1, 5, "fake"),
        ("appeared", 3, 6, None),
        ("gone", 1, 6, "fake"),
        ("gone", 3, 6, None),
    ]
    assert all(list(e) == KEYS for e in events)
    assert events[0] == dict(zip(KEYS, ["appeared", 0.1, None, 1, 1, None, "few judgements", False, None], strict=True))
    assert events[3]["probs"] == {"real": 0.0617, "fake": 0.0617, "mask": 0.8765}
    assert events[4]["reason"] == "unsure"
    assert events[-1]["t"] == 0.6


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    told(tmp_path / "a", story())
    told(tmp_path / "b", story())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_lines_are_there_as_they_happen(tmp_path: Path) -> None:
    path = tmp_path / "new" / "e.jsonl"
    log = EventLog(path, CLASSES)
    log.write(story()[1])
    assert path.read_text().count("\n") == 1
    log.close()


def test_a_live_source_tells_its_states_once(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    log = EventLog(path, CLASSES)
    live = [replace(s, frame=replace(s.frame, wall=1.7e9 + s.frame.t)) for s in story()[:2]]
    gaps = [Gap("connecting", 0.1), Gap("connecting", 0.2)]
    for item in [*gaps, live[0], Gap("stalled", 1), Gap("lost", 5, "no answer"), Gap("lost", 6, "no answer"), live[1]]:
        log.write(item)
    log.close()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [e["state"] for e in events if e["event"] == "source"] == ["connecting", "live", "stalled", "lost", "live"]
    assert [e["why"] for e in events if e.get("state") == "lost"] == ["no answer"]
    assert events[-1]["event"] == "gone"
    assert events[-1]["wall"] == 1.7e9 + 0.1


def test_the_clock_of_a_live_source_starts_with_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    log = EventLog(path, CLASSES)
    up_s = 86_400.0  # how long the machine has been up
    first, second = (scene(i, up_s + t, track(1), wall=1.7e9) for i, t in ((7, 0.0), (9, 4.5)))
    slow = Gap("live", 0.5)
    for item in [Gap("connecting", 0.1), first, slow, Gap("stalled", 1.5), Gap("lost", 3), second]:
        log.write(item)
    log.close()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(e["event"], e.get("state"), e["t"], e["frame"]) for e in events] == [
        ("source", "connecting", None, None),
        ("source", "live", 0.0, 7),
        ("appeared", None, 0.0, 7),
        ("source", "stalled", 1.5, 7),
        ("source", "lost", 3.0, 7),
        ("source", "live", 4.5, 9),
        ("gone", None, 4.5, 9),
    ]


def test_a_reader_who_has_seen_enough_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        log = EventLog("-", CLASSES)
        os.close(read)
        with pytest.raises(BrokenPipeError):
            log.write(story()[1])
        log.close()  # who is gone is not told: nobody listens


def test_a_pipe_that_was_named_is_a_file_like_any_other(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = EventLog(tmp_path / "pipe", CLASSES)
    os.close(reader)
    with pytest.raises(SinkError):
        log.write(story()[1])
    with pytest.raises(SinkError):
        log.close()


def test_a_file_tells_no_states(tmp_path: Path) -> None:
    assert all(e["event"] != "source" for e in told(tmp_path / "e.jsonl", story()))


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    log = EventLog("-", CLASSES)
    log.write(story()[1])
    log.close()
    assert [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()] == ["appeared", "gone"]
    print("still open")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    log = EventLog("/dev/full", CLASSES)
    log.write(story()[0])
    with pytest.raises(SinkError, match="No space left") as caught:
        log.write(story()[1])
    assert "space" in caught.value.hint


def test_half_a_line_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    log = EventLog(path, CLASSES)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(SinkError):
            log.write(scene(0, 0.0, *(track(i) for i in range(50))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    lines = path.read_text().splitlines()
    assert len(lines) >= 3
    assert all(json.loads(line) for line in lines)
    assert path.read_text().endswith("\n")
    log.close()


@pytest.mark.parametrize("name", ["", "file/e.jsonl"])
def test_what_cannot_be_written_is_told_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError) as caught:
        EventLog(tmp_path / name, CLASSES)
    assert caught.value.hint
