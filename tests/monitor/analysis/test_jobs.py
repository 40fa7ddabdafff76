"""A recording's way from name to report, stopped anywhere: what has a final name is whole, what is told is so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.analysis.facts import EVERY
from monitor.analysis.inputs import items_of
from monitor.analysis.job import Job
from monitor.analysis.pool import perform
from monitor.analysis.run import Run
from monitor.analysis.tasks import Tools
from monitor.config import load_settings
from tests.monitor.analysis.test_analyze_again import detail, facts_of
from tests.monitor.analysis.test_analyze_command import content
from tests.people import walk, walk_video
from tests.videos import write_video


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with closing(Tools()) as opened:
        yield opened


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """65 s, two pictures a second: two segments."""
    times_s = [i / 2 for i in range(130)]
    return write_video(tmp_path_factory.mktemp("films") / "door.mp4", walk(130), times_s=times_s, options={"g": "20"})


def job_of(film: Path, out: Path, bundle: Path, *wishes: str, overwrite: bool = False) -> Job:
    settings = load_settings("analysis", [f"engine.bundle={bundle}", "decide.confidence=0.33", *wishes])
    (job,) = Run(items_of([str(film)]), out, settings, overwrite=overwrite, say=print).jobs
    job.start()
    return job


def work(job: Job, tools: Tools, stop_at: Any = None) -> Job:
    """Works on a job until it is over; or until the task `stop_at` is done and nobody has heard of it yet."""
    while not job.over and (given := job.next_task()) is not None:
        name, task = given
        reports = reports_of(task, tools)
        if name == stop_at:
            break
        for kind, value in reports:
            job.take(name, kind, value)
    job.close()
    return job


def reports_of(task: Any, tools: Tools) -> list[tuple[str, Any]]:
    """What a worker reports of a task, its end last."""
    reports: list[tuple[str, Any]] = []
    last = perform(task, tools, lambda kind, value: reports.append((kind, value)))
    return [*reports, last]


def scanned(job: Job, tools: Tools) -> Job:
    """The job, after its first task."""
    ((name, task),) = given_out(job).items()
    for kind, value in reports_of(task, tools):
        job.take(name, kind, value)
    return job


def given_out(job: Job) -> dict[Any, Any]:
    """{name: task} of all that is to be done now."""
    return dict(iter(job.next_task, None))


def test_made_anew_and_stopped_the_old_tables_are_whole(bundle: Path, film: Path, tools: Tools, tmp_path: Path) -> None:
    assert work(job_of(film, tmp_path, bundle), tools).status == "done"
    before = content(tmp_path / "door")
    assert len(before["frames.parquet"]) > 100
    stopped = work(job_of(film, tmp_path, bundle, overwrite=True), tools, stop_at=("segment", 1))
    assert stopped.status == "analysing"
    assert content(tmp_path / "door") == before
    assert not list(tmp_path.rglob("*.part"))
    assert work(job_of(film, tmp_path, bundle), tools).status == "done"


def test_stopped_the_first_time_there_are_no_tables(bundle: Path, film: Path, tools: Tools, tmp_path: Path) -> None:
    work(job_of(film, tmp_path, bundle), tools, stop_at=("segment", 1))
    assert [path.name for path in (tmp_path / "door").iterdir()] == [".work"]


def test_another_look_that_was_stopped_is_claimed_by_nobody(bundle: Path, tools: Tools, tmp_path: Path) -> None:
    """The first look, asked for again, is made again: what lies there shows clear faces, or nothing."""
    film = walk_video(tmp_path / "clip.mp4", 20)
    hidden = ("analysis.video=true", "analysis.anonymize=pixelate", "analysis.thumbnails=blurred")
    assert work(job_of(film, tmp_path, bundle, *hidden), tools).status == "done"
    copy = tmp_path / "clip" / "annotated.mp4"
    clean = detail(copy)
    clear = ("analysis.video=true", "analysis.thumbnails=blurred")
    for stop_at, lies_there in ((("part", 0), False), ("join", True)):
        stopped = work(job_of(film, tmp_path, bundle, *clear), tools, stop_at=stop_at)
        assert (stopped.status, copy.exists()) == ("showing", lies_there)
        facts = facts_of(tmp_path / "clip")
        assert (facts["files"]["video"], facts["made"]["shown"]) == (None, None)
        assert work(job_of(film, tmp_path, bundle, *hidden), tools).status == "done"
        assert detail(copy) == pytest.approx(clean, rel=0.02)
    assert facts_of(tmp_path / "clip")["files"]["video"] == "annotated.mp4"


def test_a_copy_that_a_stopped_run_left_is_not_taken_for_the_one_before(
    bundle: Path, tools: Tools, tmp_path: Path
) -> None:
    film = walk_video(tmp_path / "clip.mp4", 20)
    work(job_of(film, tmp_path, bundle, "analysis.video=true", "analysis.anonymize=blur"), tools)
    work(job_of(film, tmp_path, bundle, "analysis.video=true"), tools, stop_at="join")
    assert work(job_of(film, tmp_path, bundle), tools).status == "done"
    assert facts_of(tmp_path / "clip")["files"]["video"] is None
    assert not (tmp_path / "clip" / "annotated.mp4").exists()


def test_only_small_pictures_made_anew_leave_the_copy(bundle: Path, tools: Tools, tmp_path: Path) -> None:
    film = walk_video(tmp_path / "clip.mp4", 20)
    work(job_of(film, tmp_path, bundle, "analysis.video=true", "analysis.anonymize=blur"), tools)
    work(job_of(film, tmp_path, bundle, "analysis.thumbnails=blurred"), tools)
    facts = facts_of(tmp_path / "clip")
    assert (facts["files"]["video"], facts["made"]["anonymize"]) == ("annotated.mp4", "blur")
    assert facts["made"]["shown"]["thumbnails"] == "blurred"


def test_a_stored_segment_that_was_damaged_is_made_anew(bundle: Path, film: Path, tools: Tools, tmp_path: Path) -> None:
    """A crash of the machine leaves a block of zeros."""
    work(job_of(film, tmp_path, bundle), tools, stop_at=("segment", 1))
    (kept,) = tmp_path.glob("door/.work/*.segment")
    data = kept.read_bytes()
    at = len(data) // 2
    assert data[at : at + 40] != bytes(40)
    kept.write_bytes(data[:at] + bytes(40) + data[at + 40 :])
    assert work(job_of(film, tmp_path, bundle), tools).status == "done"
    rows = content(tmp_path / "door")["frames.parquet"]
    assert {row["frame"] for row in rows} == set(range(130))


def test_segments_in_work_are_not_given_out_again(bundle: Path, tools: Tools, tmp_path: Path) -> None:
    """A stored segment that is found to be damaged is missing; those in work will come."""
    film = write_video(tmp_path / "door.mp4", walk(100), times_s=[2.0 * i for i in range(100)])
    work(job_of(film, tmp_path, bundle), tools, stop_at=("segment", 2))
    (tmp_path / "door" / ".work" / "00000.segment").unlink()
    (tmp_path / "door" / ".work" / "00001.segment").write_bytes(b"")
    job = scanned(job_of(film, tmp_path, bundle), tools)
    given = given_out(job)
    assert list(given) == [("segment", 0), ("segment", 2), ("segment", 3)]
    for kind, value in reports_of(given["segment", 0], tools):
        job.take(("segment", 0), kind, value)
    assert list(given_out(job)) == [("segment", 1)]
    job.close()


def test_a_file_that_is_read_in_one_go_is_read_once(bundle: Path, tools: Tools, tmp_path: Path) -> None:
    film = write_video(tmp_path / "door.avi", walk(80), codec="mpeg4", times_s=[2.0 * i for i in range(80)])
    job = scanned(job_of(film, tmp_path, bundle), tools)
    (task,) = given_out(job).values()
    for kind, value in [report for report in reports_of(task, tools) if report[0] == "segment"][:2]:
        job.take(("segment", 0), kind, value)
    job.close()
    (tmp_path / "door" / ".work" / "00000.segment").write_bytes(b"")
    job = scanned(job_of(film, tmp_path, bundle), tools)
    (task,) = given_out(job).values()
    assert [segment.index for segment in task.segments] == [0, 1, 2]
    job.close()


def test_far_from_the_last_keyframe_it_says_that_it_goes_on(bundle: Path, tools: Tools, tmp_path: Path) -> None:
    """Otherwise a worker on its way to a segment would be taken for one that hangs."""
    film = write_video(tmp_path / "door.mp4", walk(130), times_s=[i / 2 for i in range(130)], options={"g": "500"})
    job = scanned(job_of(film, tmp_path, bundle), tools)
    told = [value for kind, value in reports_of(given_out(job)["segment", 1], tools) if kind == "frames"]
    job.close()
    assert told == [0] * (116 // EVERY) + [14]
