"""`monitor bench`, whole: real film, detector and engine, in rounds of half a second."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.contract import EngineError
from monitor.bench import rig
from monitor.bench.facts import from_json
from monitor.bench.films import film_at
from monitor.bench.rig import Rig
from monitor.bench.run import Wish, bench
from monitor.bench.stress import _climb
from monitor.config import load_settings
from monitor.errors import SinkError
from tests.monitor.bench.reports import RECORDED, report, sample
from tests.people import walk_video

ROOT = Path(__file__).parents[3]
FRAMES = 12


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walk_video(tmp_path_factory.mktemp("films") / "walk.mp4", 60)


def settings(bundle: Path, *more: str) -> Any:
    return load_settings(None, [f"engine.bundle={bundle}", "show.headless=true", *more], [])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of some frames, where what they tell does not matter but that they tell it."""
    monkeypatch.setattr(rig, "LEAST_FRAMES", FRAMES)
    monkeypatch.setattr(rig, "WARM_UP_S", 0.2)


class Slow:
    """A plain loop that takes its time."""

    def __init__(self) -> None:
        self.closed, self.played = False, list[Path]()

    def play(self, film: Path, _out: Path | None) -> Any:
        self.played.append(film)
        while True:
            time.sleep(0.05)
            yield 1

    def close(self) -> None:
        self.closed = True


def test_a_run_tells_rates_stages_losses_labels_and_the_ratio(
    bundle: Path, film: Path, tmp_path: Path, short: None
) -> None:
    slow = Slow()
    wish = Wish(str(film), tmp_path, rounds=2, seconds=0.3, baseline=lambda: slow, soak_s=0.6)
    said: list[str] = []
    told = bench(wish, settings(bundle), said.append, lambda: False)
    assert told is not None
    assert from_json(json.loads(json.dumps(told.as_json(), allow_nan=False))) == told
    keys = [one.point for one in told.points]
    assert [(p.program, p.mode, p.pace_fps, p.encoded) for p in keys] == [
        ("monitor", "recorded", None, False), ("monitor", "recorded", None, True), ("monitor", "live", 30.0, False),
        ("monitor", "live", 60.0, False), ("tutorial", "recorded", None, False), ("tutorial", "recorded", None, True),
    ]  # fmt: skip
    recorded, encoded, live, *_ = told.points
    assert all(len(one.rounds) == 2 for one in told.points)
    assert all(s.frames >= FRAMES for one in told.points[:4] for s in one.rounds)
    assert {"decode", "read", "detect", "match", "crop", "classify", "draw"} <= recorded.stage_ms.keys()
    assert "encode" in encoded.stage_ms
    assert live.fps < 33, "frames come at their own rate"
    assert live.age_ms is not None
    assert live.age_ms.p50 > 0
    assert recorded.point.key in told.ratio_to_baseline
    assert told.ratio_to_baseline[recorded.point.key] == pytest.approx(recorded.fps / told.points[4].fps, rel=0.01)
    assert told.label_agreement is not None
    assert told.label_agreement["share"] > 0.9
    assert 0 < told.label_agreement["judgements"] < told.label_agreement["judgements_every_face"]
    assert told.soak
    assert told.soak[-1]["s"] >= 0.6
    assert told.provenance["threads"]["engine_live"] >= 1
    assert slow.closed
    assert set(slow.played) == {film}
    assert any("round 2 of 2" in line for line in said)


def test_a_run_that_is_stopped_tells_what_it_has(bundle: Path, film: Path, tmp_path: Path, short: None) -> None:
    rounds: list[str] = []

    def say(line: str) -> None:
        rounds.append(line) if "round" in line else None

    wish = Wish(str(film), tmp_path, rounds=3, seconds=0.5)
    told = bench(wish, settings(bundle), say, lambda: len(rounds) >= 2)
    assert told is not None
    assert 1 <= sum(len(one.rounds) for one in told.points) <= 3
    assert "stopped" in told.notes[-1]
    assert told.label_agreement is None
    assert bench(wish, settings(bundle), lambda _: None, lambda: True) is None, "nothing was measured"


def test_what_fails_is_left_out_and_told_and_the_rest_is_kept(
    bundle: Path, film: Path, tmp_path: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Rig.round

    def breaks(self: Rig, point: Any, *args: Any) -> Any:
        if point.encoded:
            raise SinkError("no encoder")
        return whole(self, point, *args)

    def no_keras() -> Any:
        raise OSError("no such file")

    def no_soak(*_: Any) -> Any:
        raise EngineError("lost", hint="")

    monkeypatch.setattr(Rig, "round", breaks)
    monkeypatch.setattr(Rig, "soak", no_soak)
    wish = Wish(str(film), tmp_path, rounds=1, seconds=0.2, labels=False, baseline=no_keras, soak_s=5.0)
    told = bench(wish, settings(bundle), lambda _: None, lambda: False)
    assert told is not None
    assert [one.point.encoded for one in told.points] == [False] * 3
    assert [why for _, why in told.left_out] == ["no such file", "no encoder", "lost"]
    monkeypatch.setattr(Rig, "round", no_soak)
    with pytest.raises(EngineError, match="lost"):
        bench(wish, settings(bundle), lambda _: None, lambda: False)


def test_several_cameras_and_every_face_are_rounds_too(bundle: Path, film: Path, short: None) -> None:
    from contextlib import ExitStack
    from dataclasses import replace

    played = film_at(film, "crowd", 1)
    point = replace(
        RECORDED, scene="crowd", width_px=320, height_px=240, faces=1, runtime="onnxruntime", mode="live", pace_fps=4.0
    )
    with ExitStack() as stack:
        ours = Rig(settings(bundle), lambda _: None, stack)
        both = ours.round(replace(point, cameras=2), played, 1.5, 1)
        rare = ours.round(replace(point, mode="recorded", pace_fps=None), played, 0.5, 1)
        every = ours.round(replace(point, mode="recorded", pace_fps=None, every_face=True), played, 0.5, 1)
    assert both.frames / both.seconds < 9.2, "two cameras of 4 frames a second"
    assert both.frames >= 3
    assert every.judgements_per_s / every.fps > 2 * rare.judgements_per_s / rare.fps


@pytest.mark.parametrize(("live", "kept_ms"), [(False, 1 + 2 + 3 + 4), (True, 500 - 100)])
def test_judging_and_the_next_frames_search_do_not_keep_a_recordings_frame(
    monkeypatch: pytest.MonkeyPatch, *, live: bool, kept_ms: float
) -> None:
    """The search for the next one and the judgements of this one take their time while the loop waits for the frame."""
    from monitor.bench.tally import Tally
    from tests.monitor.scenes import scene

    now_s = [0.0]
    monkeypatch.setattr(rig, "perf_counter", lambda: now_s[0])

    def items() -> Iterator[Any]:
        for number in itertools.count():
            now_s[0] += 0.5
            stages = {"read": 100.0, "detect": 1.0, "match": 2.0, "crop": 3.0, "draw": 4.0, "classify": 300.0}
            yield scene(number, 0.04 * number, ms=stages)

    tally = Tally(live=live, beside={})
    rig._play(rig.Playing(items(), [], tally, live), 60.0, 1, lambda: tally.frames == 3)
    assert tally.sample(0.0).frame_ms.p99 == pytest.approx(kept_ms, rel=0.01)


def test_waiting_for_a_frame_of_any_camera_is_no_work() -> None:
    from types import SimpleNamespace

    from monitor.bench.cameras import _one, _Waiting
    from monitor.threads import Bell
    from tests.monitor.scenes import scene

    waiting, took_ms = _Waiting(Bell()), list[float]()

    def rounds() -> Iterator[Any]:
        while True:
            waiting(0.5)
            yield [(0, scene(0, 0.0))]

    mosaic: Any = SimpleNamespace(show=lambda *_: None)
    tally: Any = SimpleNamespace(see=lambda _scene, ms, _number: took_ms.append(ms))
    _one(rounds(), mosaic, tally, waiting)
    assert took_ms[0] < 250


def test_stress_climbs_until_a_step_is_missed_twice() -> None:
    asked: list[int] = []

    def play(n: int) -> Any:
        asked.append(n)
        return sample(100 if n < 8 else 10, live=True, dropped=0)

    told = _climb("faces", (1, 4, 8, 16), play, lambda: False)
    assert (told["held"], told["first_missed"], asked) == (4, 8, [1, 4, 8, 8])
    assert [row["faces"] for row in told["tried"]] == asked
    assert _climb("faces", (1, 4), lambda _: sample(100), lambda: True)["tried"] == []


def monitor(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", "bench", *map(str, args)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment)


def test_the_command_measures_writes_and_compares(bundle: Path, film: Path, tmp_path: Path) -> None:
    outputs = ("--json", tmp_path / "a.json", "--markdown", tmp_path / "a.md", "--plot", tmp_path / "a.svg", "--html",
               tmp_path / "a.html", "--history", tmp_path / "kept")  # fmt: skip
    done = monitor("--source", film, "--bundle", bundle, "--rounds", 1, "--seconds", 0.5, "--headless", *outputs)
    assert done.returncode == 0, done.stderr
    told = from_json(json.loads((tmp_path / "a.json").read_text()))
    assert told.main.fps > 1
    assert f"{told.main.fps:.1f}" in done.stdout
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert "frames a second" in (tmp_path / "a.html").read_text()
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".svg", ".json"}
    faster = json.loads((tmp_path / "a.json").read_text())
    for point in faster["points"]:
        for one in point["rounds"]:
            one["seconds"] /= 2
            one["frame_ms"] = {q: ms / 2 for q, ms in one["frame_ms"].items()}
    (tmp_path / "faster.json").write_text(json.dumps(faster))
    slower = monitor("--from", tmp_path / "a.json", "--compare", tmp_path / "faster.json")
    assert slower.returncode == 6, slower.stderr
    assert "regression" in slower.stdout
    assert slower.stderr.count("\n") == 2
    same = monitor("--from", tmp_path / "a.json", "--compare", tmp_path / "a.json")
    assert same.returncode == 0
    assert "no difference" in same.stdout


@pytest.mark.parametrize(
    ("args", "code", "what"),
    [
        (("--baseline", "other"), 2, "none of that name"),
        (("--compare", "missing.json"), 2, "cannot be read"),
        (("--from", "missing.json"), 2, "cannot be read"),
        (("--from", "a.json", "--sweep"), 2, "nothing is measured"),
        (("--source", "missing.mp4"), 3, "missing.mp4"),
        (("--json", "/proc/no/a.json"), 5, "/proc/no"),
        (("--history", "/proc/no"), 5, "/proc/no"),
        (("--json", "a", "--html", "a"), 2, "named twice"),
        (("--seconds", "inf"), 2, "plain numbers"),
        (("--set", "source.camera=0"), 2, "a camera"),
        (("--source", "rtsp://u:secret@cam/1"), 2, "no recording"),
    ],
)
def test_bad_input_is_two_lines(args: tuple[str, ...], code: int, what: str) -> None:
    done = monitor(*args)
    assert done.returncode == code, done.stderr
    assert what in done.stderr
    assert "secret" not in done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()[-2:]] == ["error", "hint"]
    assert "Traceback" not in done.stderr


def test_the_main_point_is_what_the_page_is_about() -> None:
    assert report().main.point == RECORDED
