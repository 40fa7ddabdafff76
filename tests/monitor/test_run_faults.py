"""`monitor.app.run` where something is wrong: refused before anything is lost, or ended with all that was seen."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.contract import F32, U8, Engine, InferenceError
from monitor import app
from monitor.detect import FaceDetector
from monitor.detect.egress import tell_unguarded
from monitor.errors import DetectorError, SinkError, UsageError
from monitor.settings import OutputSettings, Settings
from monitor.types import Face, Frame
from tests.people import played
from tests.places import Place


def test_an_output_that_cannot_be_written_is_refused_before_the_models_are_loaded(
    place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.folder / "file").touch()
    monkeypatch.setattr(app, "open_engine", lambda *_, **__: pytest.fail("the engine was opened"))
    monkeypatch.setattr(app, "FaceDetector", lambda *_: pytest.fail("the detector was opened"))
    for record in ("file/out.mp4", "file/folder"):
        with pytest.raises(SinkError) as error:
            place.run(clip, record=record)
        assert error.value.hint
    film = clip.read_bytes()
    for output in (OutputSettings(record=clip), OutputSettings(events=clip), OutputSettings(summary=clip)):
        with pytest.raises(UsageError, match="overwrite the source"):
            app.run(replace(place.settings(clip, max_frames=3), output=output), say=len)
        assert clip.read_bytes() == film


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_events_on_a_full_disk_end_the_run_and_the_recording_is_whole(place: Place, clip: Path) -> None:
    settings = place.settings(clip, record="out.mp4")
    output = OutputSettings(settings.output.record, Path("/dev/full"), settings.output.summary)
    with pytest.raises(SinkError) as error:
        app.run(Settings(settings.source, engine=settings.engine, show=settings.show, output=output), say=len)
    assert error.value.exit_code == 5
    assert "/dev/full" in str(error.value)
    assert 0 < len(played(place.folder / "out.mp4")) < 40
    assert place.summary()["frames"] > 0


class FailingEngine:
    """A real engine until it has answered 4 times."""

    def __init__(self, engine: Engine) -> None:
        self.card, self.info, self._engine, self._left = engine.card, engine.info, engine, 4

    def infer(self, rgb: U8) -> F32:
        self._left -= 1
        if self._left < 0:
            raise InferenceError("the graphics card fell off the bus")
        return self._engine.infer(rgb)

    def close(self) -> None:
        self._engine.close()


class FailingDetector(FaceDetector):
    """A real detector up to frame 19."""

    def detect(self, frame: Frame, near: Any = ()) -> tuple[Face, ...]:
        if frame.index > 19:
            raise DetectorError("the models have gone", hint="Look for them.")
        return super().detect(frame, near)


@pytest.mark.parametrize("part", ["engine", "detector"])
def test_a_part_that_fails_on_the_way_ends_the_run_with_its_error_and_nothing_is_lost(
    place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    before = set(threading.enumerate())
    real = app.open_engine
    if part == "engine":
        monkeypatch.setattr(app, "open_engine", lambda *args, **named: FailingEngine(real(*args, **named)))
    else:
        monkeypatch.setattr(app, "FaceDetector", FailingDetector)
    with pytest.raises(InferenceError if part == "engine" else DetectorError) as error:
        place.run(clip, record="out.mp4")
    assert error.value.exit_code == 4
    frames = place.summary()["frames"]
    assert 4 < frames < 40
    assert len(played(place.folder / "out.mp4")) == frames
    assert [event["event"] for event in place.events()] == ["appeared", "decided", "gone"]
    assert place.events()[-1]["frame"] == frames - 1
    assert set(threading.enumerate()) <= before


def test_where_the_detector_cannot_be_kept_off_the_network_people_are_told(
    place: Place, clip: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = "the face detector is not kept off the network here"
    if sys.platform.startswith("linux"):
        place.run(clip, max_frames=1)
        assert told not in caplog.text
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    tell_unguarded.cache_clear()
    place.run(clip, max_frames=1)
    (line,) = [message for message in caplog.messages if message.startswith(told)]
    assert f"(no seccomp guard for {sys.platform} on riscv64)" in line


def test_a_run_leaves_no_thread_behind(place: Place, clip: Path) -> None:
    before = set(threading.enumerate())
    place.run(clip, max_frames=3, record="out.mp4")
    assert set(threading.enumerate()) <= before
