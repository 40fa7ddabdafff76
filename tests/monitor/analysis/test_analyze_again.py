"""What is there already: gone on with, made anew, shown otherwise; and names that lead twice to one thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from monitor.analysis.counts import Counts
from monitor.analysis.inputs import items_of
from monitor.analysis.run import Run, alone
from monitor.config import load_settings
from monitor.errors import UsageError
from tests.monitor.analysis.made_up_facts import facts
from tests.monitor.analysis.test_analyze_command import ENV, SURE, analyze, content
from tests.people import played, walk, walk_video
from tests.videos import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return walk_video(tmp_path / "clip.mp4", 30)


def detail(film: Path) -> float:
    """Mean sharpness of the pictures: a hidden face has none."""
    return float(np.mean([cv2.Laplacian(bgr, cv2.CV_32F).var() for _, bgr in played(film)]))


def facts_of(folder: Path) -> Any:
    return json.loads((folder / "analysis.json").read_text())


def test_a_video_stopped_in_mid_drawing_and_gone_on_with_hides_every_face(bundle: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "long.mp4", walk(130), times_s=[i / 2 for i in range(130)], options={"g": "20"})
    out = tmp_path / "out"
    command = [sys.executable, "-m", "monitor", "analyze", str(film), "--out", str(out), "--bundle", str(bundle), *SURE]
    with subprocess.Popen([*command, "--video", "--jobs", "1", "-q"], env=ENV) as process:
        limit_s = time.monotonic() + 60
        while not list(out.glob("long/.work/*.mp4")) and process.poll() is None and time.monotonic() < limit_s:
            time.sleep(0.005)
        process.kill()
    options = ("--video", "--anonymize", "pixelate", "-q")
    analyze(film, "--out", out, *options, bundle=bundle)
    analyze(film, "--out", tmp_path / "clean", *options, bundle=bundle)
    hidden, clean = (detail(folder / "long" / "annotated.mp4") for folder in (out, tmp_path / "clean"))
    assert hidden == pytest.approx(clean, rel=0.02)


def test_old_results_stay_until_new_ones_are_there(bundle: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    analyze(clip, "--out", out, "-q", bundle=bundle)
    before = content(out / "clip")
    clip.write_bytes(clip.read_bytes()[:200])
    done = analyze(clip, "--out", out, "-q", bundle=bundle, code=3)
    assert "--overwrite" in done.stderr
    analyze(clip, "--out", out, "-q", "--overwrite", bundle=bundle, code=3)
    assert content(out / "clip") == before


def test_made_anew_nothing_old_is_shown(bundle: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    analyze(clip, "--out", out, "-q", "--video", bundle=bundle)
    analyze(clip, "--out", out, "-q", "--overwrite", "--start-time", "2026-05-04T08:00:00+00:00", bundle=bundle)
    assert not (out / "clip" / "annotated.mp4").exists()
    facts = json.loads((out / "clip" / "analysis.json").read_text())
    assert (facts["files"]["video"], facts["begins"]) == (None, 1777881600.0)
    (one,) = content(out / "clip")["tracks.parquet"]
    assert one["first_clock"] is not None


def test_made_anew_goes_on_too_where_it_was_stopped(bundle: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "long.mp4", walk(130), times_s=[i / 2 for i in range(130)], options={"g": "20"})
    out = tmp_path / "out"
    analyze(film, "--out", out, "-q", bundle=bundle)
    command = [sys.executable, "-m", "monitor", "analyze", str(film), "--out", str(out), "--bundle", str(bundle), *SURE]
    with subprocess.Popen([*command, "--overwrite", "--jobs", "1", "-q"], env=ENV) as process:
        limit_s = time.monotonic() + 60
        while not list(out.glob("long/.work/*.segment")) and process.poll() is None and time.monotonic() < limit_s:
            time.sleep(0.005)
        process.kill()
    done = analyze(film, "--out", out, "--overwrite", "--json", bundle=bundle)
    begun = next(event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "begin")
    assert begun["again"] > 0
    assert not (out / "long" / ".work").exists()


def test_people_are_found_where_pictures_are_seconds_apart(bundle: Path, clip: Path, tmp_path: Path) -> None:
    slow = write_video(tmp_path / "slow.mp4", walk(12), times_s=[float(i) for i in range(12)])
    analyze(slow, clip, "--out", tmp_path / "out", "-q", bundle=bundle)
    analyze(clip, "--out", tmp_path / "strided", "--stride", "9", "-q", bundle=bundle)
    for folder in ("out/slow", "strided/clip"):
        facts = json.loads((tmp_path / folder / "analysis.json").read_text())
        assert facts["totals"]["people"] == 1, folder
        assert facts["totals"]["person_seconds"] > 0, folder


def test_own_results_are_not_analysed_again(bundle: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    walk_video(clips / "a.mp4", 8)
    for _ in range(2):
        analyze(clips, "--out", clips / "out", "--video", "-q", bundle=bundle)
    assert sorted(path.name for path in (clips / "out").iterdir() if path.is_dir()) == ["a"]
    assert [Path(item.uri).name for item in items_of([str(clips)])] == ["a.mp4"]


def test_one_file_by_two_names_is_one(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(clip)
    names = [str(clip), str(tmp_path / "link.mp4"), str(tmp_path / ".." / tmp_path.name / "clip.mp4")]
    assert len(items_of(names)) == 1


def test_secrets_of_an_address_are_in_no_name(tmp_path: Path) -> None:
    (item,) = items_of(["https://host/door.mp4?X-Token=SECRET.a/b.c"])
    assert item.stem == "door"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_goes_through(bundle: Path, clip: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    odd = os.fsencode(clips) + b"/caf\xe9.mp4"
    Path(os.fsdecode(odd)).write_bytes(clip.read_bytes())
    analyze(clips, "--out", tmp_path / "out", "--video", "-q", bundle=bundle)
    assert json.loads((tmp_path / "out" / "index.json").read_text())["results"][0]["status"] == "done"


def test_a_picture_that_cannot_be_read_is_named(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), walk(1)[0])
    (folder / "9.png").write_bytes(b"none")
    analyze(folder, "--out", tmp_path / "out", "-q", bundle=bundle)
    warnings = json.loads((tmp_path / "out" / "shots" / "analysis.json").read_text())["quality"]["warnings"]
    assert any("9.png" in text for text in warnings)
    done = analyze(folder, "--out", tmp_path / "other", "--stride", "2", "-q", bundle=bundle, code=3)
    assert "for videos" in done.stderr


@pytest.mark.parametrize(
    "theirs",
    [
        {"made": {}},
        {"made": {"by": "somebody"}, "name": "x", "totals": {"seconds": {"real": "long"}}},
        facts([], made={}, totals=None),
        facts([], made={}, name=7),
        facts([], made={}, begins="noon"),
        facts([], made={}, media={"length_s": float("nan")}),
    ],
)
def test_a_file_of_another_program_does_not_end_the_run(bundle: Path, tmp_path: Path, theirs: Any) -> None:
    for name, told in (("theirs", theirs), ("ours", facts([]))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "analysis.json").write_text(json.dumps(told))
    run = Run([], tmp_path, load_settings("analysis", [f"engine.bundle={bundle}"]), say=print)
    assert [row["folder"] for row in run.write_index()["results"]] == ["ours"]
    assert (tmp_path / "theirs" / "analysis.json").exists()


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(UsageError, match="another analysis"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_the_last_step_of_the_counts_is_as_long_as_it_is() -> None:
    counts = Counts(0, 3605, ("real",))
    counts.add("real", 0, 3605)
    assert counts.as_json()["mean"]["real"] == [1.0] * 361
