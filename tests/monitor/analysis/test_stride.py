"""Every Nth picture: the same ones in whatever part of a recording is watched, and people stay who they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor import analyze_video
from monitor.analysis.stride import Stride
from monitor.config import load_settings
from tests.monitor.analysis.test_analyze_again import facts_of
from tests.monitor.analysis.test_analyze_command import analyze, content
from tests.people import walk
from tests.videos import write_video


def chosen(times: list[float], stride: int, fps: float, from_s: float = 0.0) -> list[float]:
    takes = Stride(stride, fps, first=from_s == 0)
    return [t for t in times if t >= from_s and takes.takes(t)]


@pytest.mark.parametrize("fps", [4.0, 15.0, 25.0, 30000 / 1001, 60.0])
@pytest.mark.parametrize("stride", [1, 2, 3, 5, 7, 25, 50])
def test_of_even_pictures_each_nth_is_taken_wherever_watching_begins(fps: float, stride: int) -> None:
    times = [round(i / fps, 6) for i in range(round(400 * fps))]
    everything = chosen(times, stride, round(fps, 3))
    assert everything == times[::stride]
    for from_s in (58.0, 117.99, 118.0, 358.0):
        assert chosen(times, stride, round(fps, 3), from_s) == [t for t in everything if t >= from_s]


def test_of_uneven_pictures_the_same_are_taken_after_the_first() -> None:
    """Dropped pictures and pauses: only of the first that is watched nobody knows what was before."""
    times = [round(i / 30 + 0.011 * (i % 3) + 10 * (i > 900) + 2 * (i > 1500), 6) for i in range(3000) if i % 11 != 4]
    fps = len(times) / times[-1]
    everything = chosen(times, 5, fps)
    assert len(times) / 8 < len(everything) < len(times) / 4
    for from_s in (20.0, 41.5, 58.0, 101.0):
        later = [t for t in everything if t >= from_s]
        assert set(later) ^ set(chosen(times, 5, fps, from_s)) <= {min(t for t in times if t >= from_s)}


def test_without_a_rate_each_picture_is_taken() -> None:
    assert chosen([0.0, 0.1, 0.2], 2, 0.0) == [0.0, 0.1, 0.2]


def test_somebody_is_one_person_across_the_cut_whoever_works(bundle: Path, tmp_path: Path) -> None:
    """Four pictures a second, every third: the run-in of the second minute begins between two of them."""
    film = write_video(tmp_path / "door.mp4", walk(256), times_s=[i / 4 for i in range(256)], options={"g": "20"})
    for jobs in ("1", "2"):
        analyze(film, "--out", tmp_path / jobs, "--jobs", jobs, "--stride", "3", "-q", bundle=bundle)
    (one,) = content(tmp_path / "1" / "door")["tracks.parquet"]
    assert one["first_s"] <= 1.5
    assert one["seconds"] == pytest.approx(one["last_s"] - one["first_s"]) == pytest.approx(62.25, abs=0.8)
    facts = facts_of(tmp_path / "1" / "door")
    assert facts["frames"] == {"decoded": 256, "looked_at": 86, "damaged": 0}
    assert content(tmp_path / "1" / "door") == content(tmp_path / "2" / "door")
    usual = load_settings("analysis", ["decide.confidence=0.33", f"engine.bundle={bundle}"])
    told = [(m.t, m.frame, s.person) for m in analyze_video(film, settings=usual, stride=3) for s in m.people]
    rows = [row for row in content(tmp_path / "1" / "door")["frames.parquet"] if row["person"] is not None]
    assert told == [(row["t"], row["frame"], row["person"]) for row in rows]
