"""`monitor.app.run`, whole: real files in, real models, and what comes out of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.contract import Engine
from monitor import app
from monitor.errors import CameraError
from monitor.ports import Source
from monitor.settings import DecideSettings, EngineSettings, OutputSettings, Settings, SourceSettings
from monitor.types import Frame, Gap
from tests.people import HOPPER, person, played, walk_video
from tests.places import Place

EVENT_KEYS = ["event", "t", "wall", "frame", "track", "label", "reason", "was_fake", "probs"]
SUMMARY_KEYS = {"frames", "dropped", "seconds", "fps", "stage_ms", "max_tracks_at_once", "tracks", "engine", "versions"}
TRACK_KEYS = {"id", "label", "first_s", "last_s", "seconds", "seconds_by_label", "judgements"}


def test_a_film_of_one_person(place: Place) -> None:
    times = [i / 25 for i in range(20)] + [1.0 + i / 10 for i in range(15)]  # the rate changes on the way
    film = walk_video(place.folder / "film.mp4", len(times), times_s=times)
    run = place.run(film, record="out.mp4")
    assert run.status == 0

    assert [event["event"] for event in run.events][:2] == ["appeared", "decided"]
    assert run.events[-1]["event"] == "gone"
    assert all(list(event) == EVENT_KEYS for event in run.events)
    assert {event["track"] for event in run.events} == {1}
    assert {event["wall"] for event in run.events} == {None}
    assert all(event["t"] == pytest.approx(times[event["frame"]], abs=1e-3) for event in run.events)

    assert set(run.summary) >= SUMMARY_KEYS
    assert run.summary["frames"] == len(times)
    assert run.summary["dropped"] == 0
    assert run.summary["max_tracks_at_once"] == 1
    assert set(run.summary["stage_ms"]) == {"read", "detect", "match", "crop", "classify", "draw"}
    assert all(set(stage) == {"p50", "p95", "p99"} for stage in run.summary["stage_ms"].values())
    assert set(run.summary["engine"]) >= {"runtime", "precision", "why"}
    (track,) = run.summary["tracks"]
    assert set(track) >= TRACK_KEYS
    assert track["last_s"] == pytest.approx(times[-1], abs=1e-3)
    assert sum(track["seconds_by_label"].values()) == pytest.approx(track["seconds"], abs=1e-3)
    assert run.said[-1].endswith(f"wrote {place.folder / 's.json'}")

    recorded, original = played(place.folder / "out.mp4"), played(film)
    assert [t for t, _ in recorded] == pytest.approx([t for t, _ in original], abs=1e-3)
    changed = np.abs(recorded[-1][1].astype(int) - original[-1][1]).max(axis=2) > 60
    assert 0.002 < changed.mean() < 0.4, "box and label are drawn, and the rest of the picture is left alone"


def test_a_folder_of_pictures(place: Place) -> None:
    folder = place.folder / "album"
    folder.mkdir()
    for name, face in {"one.jpg": person(), "two.png": person(HOPPER, masked=True), "none.jpg": None}.items():
        bgr = np.full((240, 320, 3), 110, np.uint8)
        if face is not None:
            bgr[20:220, 40 : 40 + face.shape[1]] = face
        cv2.imwrite(str(folder / name), bgr)
    run = place.run(folder, record="seen")
    assert run.status == 0
    assert sorted(path.name for path in (place.folder / "seen").iterdir()) == ["none.jpg", "one.jpg", "two.png"]
    assert [track["judgements"] for track in run.summary["tracks"]] == [1, 1]
    assert all(track["label"] is not None for track in run.summary["tracks"]), "one picture is all there is to know"
    assert [event["event"] for event in run.events] == ["appeared", "decided", "gone"] * 2

    run = place.run(folder, record="seen.mp4", decide=DecideSettings(confidence=1.0))
    assert [(e["label"], e["reason"]) for e in run.events if e["event"] == "appeared"] == [(None, "unsure")] * 2
    assert len(played(place.folder / "seen.mp4")) == 3


def test_small_faces_of_every_picture_are_found_and_pictures_keep_their_names(place: Place) -> None:
    """Each picture has its own colour and a small face in a corner, which only a thorough search finds."""
    folder, face, greys = place.folder / "album", person(height_px=110), range(40, 240, 20)
    folder.mkdir()
    for i, grey in enumerate(greys):
        bgr = np.full((720, 1280, 3), grey, np.uint8)
        bgr[600:710, 1150 : 1150 + face.shape[1]] = face
        cv2.imwrite(str(folder / f"p{i}.png"), bgr)
    run = place.run(folder, record="seen")
    assert run.summary["tracks_seen"] == len(greys)
    for i, grey in enumerate(greys):
        seen = cv2.imread(str(place.folder / "seen" / f"p{i}.png"))
        assert seen is not None
        assert seen[400, 640].tolist() == [grey] * 3


def test_pictures_of_one_name_in_two_folders_are_both_kept(place: Place) -> None:
    for name, grey in (("a", 50), ("b", 200)):
        (place.folder / "in" / name).mkdir(parents=True)
        cv2.imwrite(str(place.folder / "in" / name / "face.png"), np.full((64, 64, 3), grey, np.uint8))
    place.run(place.folder / "in" / "*" / "face.png", record="seen")
    seen = [cv2.imread(str(place.folder / "seen" / name)) for name in ("face.png", "face-2.png")]
    assert [int(bgr[40, 40, 0]) for bgr in seen if bgr is not None] == [50, 200]


def test_a_picture_gives_a_picture(place: Place) -> None:
    bgr = np.full((240, 320, 3), 110, np.uint8)
    cv2.imwrite(str(place.folder / "face.png"), bgr)
    run = place.run(place.folder / "face.png", record="marked.jpg")
    assert run.status == 0
    seen = cv2.imread(str(place.folder / "marked.jpg"))
    assert seen is not None
    assert seen.shape == bgr.shape
    assert f"wrote {place.folder / 'marked.jpg'}" in run.said[-1]


def test_pictures_shown_one_by_one_keep_their_names_and_what_is_broken_is_told(place: Place) -> None:
    (place.folder / "album").mkdir()
    for name in ("one.png", "two.jpg"):
        cv2.imwrite(str(place.folder / "album" / name), np.full((240, 320, 3), 110, np.uint8))
    (place.folder / "album" / "three.png").write_text("broken")
    run = place.run(place.folder / "album", record="seen", pace_fps=4.0)
    assert sorted(path.name for path in (place.folder / "seen").iterdir()) == ["one.png", "two.jpg"]
    assert [Path(file["path"]).name for file in run.summary["skipped"]] == ["three.png"]
    assert run.summary["damaged"] == 0
    assert "not read: three.png" in run.said[-1].splitlines()


# --- the same again ---


def test_the_same_file_gives_the_same_events_however_slow_it_is_read_and_however_busy_the_machine(
    place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def log() -> bytes:
        place.run(clip)
        return (place.folder / "e.jsonl").read_bytes()

    first = log()
    assert first.count(b"\n") >= 3
    done = threading.Event()

    def burn() -> None:
        while not done.is_set():
            sum(range(10_000))

    burner = threading.Thread(target=burn)
    burner.start()
    try:
        assert log() == first
    finally:
        done.set()
        burner.join()

    real, chance = app.open_source, random.Random(1)

    class Stuttering:
        live, name = False, "clip.mp4"

        def __init__(self, source: Source) -> None:
            self._source = source

        def read(self, timeout_s: float) -> Frame | Gap | None:
            time.sleep(chance.choice((0, 0, 0.001, 0.05)))
            return self._source.read(timeout_s)

        def close(self) -> None:
            self._source.close()

    monkeypatch.setattr(app, "open_source", lambda *asked: Stuttering(real(*asked)))
    assert log() == first


# --- how long ---


@pytest.mark.parametrize(
    ("limits", "frames"), [({"max_frames": 7}, 7), ({"duration_s": 0.5}, 13), ({"loop": True, "max_frames": 90}, 90)]
)
def test_limits(place: Place, clip: Path, limits: dict[str, Any], frames: int) -> None:
    run = place.run(clip, **limits)
    assert run.status == 0
    assert run.summary["frames"] == frames
    assert all(a["t"] <= b["t"] for a, b in pairwise(run.events))
    assert run.summary["media_seconds"] == pytest.approx((frames - 1) / 25, abs=1e-3)


def test_a_paced_file_is_live_and_loses_what_comes_too_fast(place: Place, clip: Path) -> None:
    run = place.run(clip, pace_fps=3000.0, loop=True, max_frames=30)
    assert run.status == 0
    assert run.summary["dropped"] > 0
    assert run.summary["frames"] == 30, "what is dropped does not count"
    run = place.run(clip, pace_fps=25.0)
    assert all(event["wall"] is not None for event in run.events if event["event"] == "appeared")


def test_the_time_of_a_live_run_begins_when_the_models_are_loaded(
    place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = app.open_engine

    def built_first(*args: Any, **named: Any) -> Engine:
        time.sleep(1.0)  # building an engine takes longer than the first run is to last
        return real(*args, **named)

    monkeypatch.setattr(app, "open_engine", built_first)
    assert place.run(clip, pace_fps=25.0, duration_s=0.9).summary["frames"] >= 2
    assert place.run(clip, pace_fps=25.0, loop=True, max_frames=20).summary["frames"] == 20


def test_a_slow_source_is_not_a_stalled_one(place: Place, clip: Path) -> None:
    asked = iter([False] * 10 + [True] * 9)
    run = place.run(clip, pace_fps=1.5, loop=True, stopped=lambda: next(asked))
    assert run.summary["frames"] >= 2
    assert run.summary["gaps"] == {}
    assert not [event for event in run.events if event["event"] == "source"]


@pytest.mark.parametrize(
    ("source", "status"),
    [({}, 130), ({"loop": True}, 0), ({"pace_fps": 25.0}, 0), ({"pace_fps": 25.0, "loop": True}, 0)],
)
@pytest.mark.parametrize("scenes", [0, 5])
def test_a_file_that_is_stopped_was_interrupted_and_what_has_no_end_was_not(
    place: Place, clip: Path, source: dict[str, Any], status: int, scenes: int
) -> None:
    asked: Iterator[bool] = iter([False] * scenes + [True] * 9)
    run = place.run(clip, record="out.mp4", stopped=lambda: next(asked), **source)
    assert run.status == status
    assert run.summary["frames"] <= scenes
    if not source:
        assert run.summary["frames"] == scenes
        assert (place.folder / "out.mp4").exists() == (scenes > 0)


# --- nothing there ---


def test_without_camera_and_display_the_demo_is_recorded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_camera(*_: object, **__: object) -> None:
        raise CameraError("no camera found", hint="Plug one in.")

    monkeypatch.setattr("monitor.sources.camera_list.first_camera", no_camera)
    monkeypatch.setattr(app, "display_problem", lambda: "there is no display")
    monkeypatch.chdir(place.folder)
    engine = EngineSettings(bundle=str(place.bundle))
    said: list[str] = []
    source = SourceSettings(max_frames=12, mirror=True, width_px=640)  # what a camera would have been asked
    assert app.run(Settings(source=source, engine=engine), say=said.append) == 0
    assert len(played(Path("out/monitor.mp4"))) == 12
    assert "there is no display" in said[0]
    assert said[1:3] == ["no camera found; playing the built-in demo scene instead", "hint: Plug one in."]
    assert said[-1].endswith("wrote out/monitor.mp4")

    mine = Settings(source=source, engine=engine, output=OutputSettings(record=Path("mine.mp4")))
    assert app.run(mine, say=said.append) == 0
    assert len(played(Path("mine.mp4"))) == 12

    with pytest.raises(CameraError):
        app.run(Settings(source=SourceSettings(camera="97"), engine=engine), say=said.append)
