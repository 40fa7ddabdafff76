"""`monitor analyze` as people use it: the real program, real files, real workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from monitor import analyze_video
from monitor.analysis.inputs import items_of
from monitor.analysis.rows import unpacked
from monitor.analysis.schema import pack, stats_table
from monitor.config import load_settings
from monitor.settings import Settings
from tests.people import COLLINS, HOPPER, walk, walk_video
from tests.videos import write_sound, write_video

ROOT = Path(__file__).parents[3]
ENV = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "dumb"}
SURE = ("--set", "decide.confidence=0.33")
"""With three classes something is always decided, whatever random weights say."""


def analyze(
    *arguments: str | Path, bundle: Path, code: int = 0, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", "analyze", *map(str, arguments), "--bundle", str(bundle), *SURE]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, check=False, timeout=100, input=stdin)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def content(folder: Path) -> dict[str, Any]:
    return {path.name: pyarrow.parquet.read_table(path).to_pylist() for path in sorted(folder.glob("*.parquet"))}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and four seconds, four pictures a second: two segments. Somebody walks to and fro all the time."""
    pictures = walk(256)
    times_s = [i / 4 for i in range(len(pictures))]
    return write_video(tmp_path_factory.mktemp("films") / "door.mp4", pictures, times_s=times_s, options={"g": "20"})


@pytest.fixture(scope="module")
def results(film: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film and a short one, analysed by one worker, with everything that can be written."""
    out = tmp_path_factory.mktemp("results")
    short = walk_video(out / "short.mp4", 20, who=HOPPER)
    analyze(film, short, "--out", out / "out", "--jobs", "1", "--video", "--thumbnails", "blurred", bundle=bundle)
    return out / "out"


def test_what_is_written(results: Path) -> None:
    names = {"analysis.json", "annotated.mp4", "frames.parquet", "judgements.parquet", "report.html", "tracks.csv",
             "tracks.parquet"}  # fmt: skip
    assert {path.name for path in (results / "door").iterdir()} == names
    facts = json.loads((results / "door" / "analysis.json").read_text())
    assert facts["frames"] == {"decoded": 256, "looked_at": 256, "damaged": 0}
    assert facts["totals"]["people"] == 1
    assert facts["media"]["length_s"] == pytest.approx(64, abs=0.3)
    assert sum(facts["totals"]["seconds"].values()) == pytest.approx(facts["totals"]["person_seconds"], abs=0.01)
    assert "data:image/jpeg" in (results / "door" / "report.html").read_text()
    index = json.loads((results / "index.json").read_text())
    assert [row["name"] for row in index["results"]] == ["door.mp4", "short.mp4"]
    assert (results / "index.html").read_text().startswith("<!doctype html>")


def test_somebody_is_one_person_across_the_cut(results: Path) -> None:
    tracks = pyarrow.parquet.read_table(results / "door" / "tracks.parquet").to_pylist()
    (one,) = tracks
    assert one["first_s"] < 2 < 62 < one["last_s"]
    labels = ("real", "fake", "mask", "undecided")
    assert sum(one[f"seconds_{name}"] for name in labels) == pytest.approx(one["seconds"], abs=0.01)
    assert len(json.loads(one["path"])) <= 32
    frames = content(results / "door")["frames.parquet"]
    assert [row["t"] for row in frames] == sorted(row["t"] for row in frames)
    around = [row for row in frames if 59 <= row["t"] <= 61 and row["person"] is not None]
    assert {row["person"] for row in around} == {1}
    assert {row["frame"] for row in around} == set(range(236, 245))


def test_any_number_of_workers_gives_the_same(results: Path, film: Path, bundle: Path, tmp_path: Path) -> None:
    analyze(film, "--out", tmp_path, "--jobs", "2", bundle=bundle)
    assert content(tmp_path / "door") == content(results / "door")


def test_the_library_tells_what_the_tables_tell(results: Path, film: Path, bundle: Path) -> None:
    usual = load_settings("analysis", ["decide.confidence=0.33", f"engine.bundle={bundle}"])
    moments = list(analyze_video(film, settings=usual))
    told = [(m.t, m.frame, s.person, s.label, s.found, s.was_fake) for m in moments for s in m.people]
    rows = [row for row in content(results / "door")["frames.parquet"] if row["person"] is not None]
    assert told == [(r["t"], r["frame"], r["person"], r["label"], r["found"], r["was_fake"]) for r in rows]
    assert moments[40].people[0].confidence == pytest.approx(
        next(r for r in rows if r["t"] == moments[40].t)[f"p_{moments[40].people[0].label}"], abs=1e-4
    )


def test_killed_in_mid_run_it_goes_on_where_it_was(results: Path, film: Path, bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monitor", "analyze", str(film), "--out", str(tmp_path), "--bundle", str(bundle)]
    with subprocess.Popen([*command, *SURE, "--jobs", "1", "-q"], env=ENV) as process:
        limit_s = time.monotonic() + 60
        while not list(tmp_path.glob("door/.work/*.segment")) and process.poll() is None and time.monotonic() < limit_s:
            time.sleep(0.01)
        process.kill()
    kept = list(tmp_path.glob("door/.work/*.segment"))
    assert kept
    assert not (tmp_path / "door" / "frames.parquet").exists()
    frames, judgements, stats = unpacked(kept[0].read_bytes())
    marked = stats_table(json.dumps(stats | {"damaged": 7}))  # told in the end only if it is not done again
    kept[0].write_bytes(pack({"frames": frames, "judgements": judgements, "stats": marked}))
    done = analyze(film, "--out", tmp_path, "--json", bundle=bundle)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert next(line for line in told if line["event"] == "begin")["again"] > 0
    facts = json.loads((tmp_path / "door" / "analysis.json").read_text())
    assert facts["frames"] == {"decoded": 256, "looked_at": 256, "damaged": 7}
    assert content(tmp_path / "door") == content(results / "door")
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "door" / ".work").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_interrupted_it_says_how_to_go_on(film: Path, bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monitor", "analyze", str(film), "--out", str(tmp_path), "--bundle", str(bundle)]
    with subprocess.Popen(
        [*command, "--json"], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        said = process.stderr.read()
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert json.loads((tmp_path / "index.json").read_text())["results"][0]["status"] == "unfinished"


def test_what_is_done_is_not_done_again_and_other_settings_are_refused(
    results: Path, film: Path, bundle: Path, tmp_path: Path
) -> None:
    results = Path(shutil.copytree(results, tmp_path / "out"))
    stamp = (results / "door" / "frames.parquet").stat().st_mtime_ns
    options = ("--out", results, "--jobs", "1")
    analyze(film, *options, "--video", "--thumbnails", "blurred", bundle=bundle)
    done = analyze(film, *options, "--stride", "2", bundle=bundle, code=3)
    assert "--overwrite" in done.stderr
    analyze(film, *options, "--video", "--anonymize", "blur", bundle=bundle)  # only shown anew
    assert (results / "door" / "frames.parquet").stat().st_mtime_ns == stamp
    assert json.loads((results / "door" / "analysis.json").read_text())["made"]["anonymize"] == "blur"


def test_files_that_are_none_are_told_of_and_the_rest_goes_on(bundle: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    good = walk_video(clips / "good.mp4", 20)
    (clips / "zero.mp4").touch()
    (clips / "text.mp4").write_text("no video\n" * 500)
    (clips / "cut.mp4").write_bytes(good.read_bytes()[:300])
    write_sound(clips / "sound.mp4")
    done = analyze(clips, "--out", tmp_path / "out", "-q", bundle=bundle, code=3)
    rows = {row["name"]: row for row in json.loads((tmp_path / "out" / "index.json").read_text())["results"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "good.mp4": "done", "zero.mp4": "failed", "text.mp4": "failed", "cut.mp4": "failed", "sound.mp4": "failed",
    }  # fmt: skip
    assert "empty" in rows["zero.mp4"]["why"]
    assert "only sound" in rows["sound.mp4"]["why"]
    assert done.stderr.count("error: ") == done.stderr.count("hint: ") == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock", "good", "index.html", "index.json"]


def test_pictures_of_a_folder_are_one_result(bundle: Path, tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "shots"
    folder.mkdir()
    for i, bgr in enumerate((*walk(2), *walk(1, who=HOPPER))):
        cv2.imwrite(str(folder / f"{i}.png"), bgr)
    (folder / "3.png").write_bytes(b"none")
    analyze(folder, "--out", tmp_path / "out", "--video", "-q", bundle=bundle)
    facts = json.loads((tmp_path / "out" / "shots" / "analysis.json").read_text())
    assert facts["kind"] == "pictures"
    assert facts["totals"]["people"] == 3
    assert sorted(Path(one["picture"]).name for one in facts["people"]) == ["0.png", "1.png", "2.png"]
    assert sorted(path.name for path in (tmp_path / "out" / "shots" / "annotated").iterdir()) == [
        "0.png",
        "1.png",
        "2.png",
    ]


def test_a_part_with_clock_times(film: Path, bundle: Path, tmp_path: Path) -> None:
    analyze(
        film,
        "--out",
        tmp_path,
        "--from",
        "2",
        "--to",
        "5",
        "--start-time",
        "2026-05-04T08:00:00+00:00",
        "-q",
        bundle=bundle,
    )
    (one,) = content(tmp_path / "door")["tracks.parquet"]
    assert 2 <= one["first_s"] < one["last_s"] < 5
    assert one["first_clock"].isoformat().startswith("2026-05-04T08:00:02")


def test_equal_stems_lists_and_double_names(bundle: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        walk_video(tmp_path / name / "clip.mp4", 8, who=COLLINS)
    (tmp_path / "list.txt").write_text("# mine\na/clip.mp4\nb/clip.mp4\na/clip.mp4\n")
    analyze(tmp_path / "list.txt", "--out", tmp_path / "out", "-q", bundle=bundle)
    analyze(tmp_path / "b" / "clip.mp4", "--out", tmp_path / "out", "-q", bundle=bundle)  # known again under its number
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["clip", "clip-2"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "nothing was named"),
        (("missing.mp4",), 3, "does not exist"),
        (("*.nothing",), 3, "fits no file"),
        (("clip.mp4", "--from", "5", "--to", "3"), 2, "--to 3 is not after --from 5"),
        (("clip.mp4", "--anonymize", "blur"), 2, "add --video"),
        (("clip.mp4", "--start-time", "noon"), 2, "no moment"),
        (("clip.mp4", "--stride", "0"), 2, "at least 1"),
        (("clip.mp4", "--from", "100"), 3, "nothing of it lies between"),
    ],
)
def test_wrong_wishes_are_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    from monitor.cli import main

    monkeypatch.chdir(tmp_path)
    walk_video(tmp_path / "clip.mp4", 4)
    monkeypatch.setattr(sys, "argv", ["monitor", "analyze", *arguments, "--bundle", str(bundle), "-q"])
    told: list[str] = []
    monkeypatch.setattr("typer.echo", lambda text="", **_: told.append(str(text)))
    assert main() == code
    assert said in " ".join(told)


def test_a_folder_that_may_not_be_written_is_told_before_anything_is_done(bundle: Path, tmp_path: Path) -> None:
    clip = walk_video(tmp_path / "clip.mp4", 4)
    (tmp_path / "file").touch()
    done = analyze(clip, "--out", tmp_path / "file" / "out", bundle=bundle, code=5)
    assert "a part of this path is a file" in done.stderr


def test_each_thing_is_analysed_once(tmp_path: Path) -> None:
    clip = walk_video(tmp_path / "clip.mp4", 4)
    assert [item.uri for item in items_of([str(clip), str(tmp_path), str(tmp_path / "*.mp4")])] == [str(clip)]


def test_settings_of_the_preset_are_those_of_the_guide() -> None:
    settings: Settings = load_settings("analysis")
    assert settings.track.stable_every_s is not None
    assert settings.track.judge_every_s < settings.track.stable_every_s
