"""`monitor run` with several sources, as a program: real files, real streams, one of which dies and comes back."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from monitor.config import load_settings
from monitor.errors import SourceError
from monitor.several import run
from monitor.several.run import watching
from monitor.several.search import Search
from monitor.types import Frame
from tests.http_video import HttpVideo
from tests.monitor.test_run_live import watching as watching_program
from tests.people import HOPPER, played, walk, walk_video

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts threads and file descriptors as Linux does")


def settings(bundle: Path, *more: str) -> Any:
    return load_settings(None, [f"engine.bundle={bundle}", "show.headless=true", "source.stall_s=1", *more], [])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_recordings_give_one_picture_one_log_and_one_summary(bundle: Path, tmp_path: Path) -> None:
    films = [walk_video(tmp_path / "door.mp4", 45), walk_video(tmp_path / "yard.mp4", 75, who=HOPPER)]
    said: list[str] = []
    asked = settings(
        bundle, f"source.uri={films[0]}", f"source.others=['{films[1]}']", f"output.record={tmp_path / 'all.mp4'}",
        f"output.events={tmp_path / 'e.jsonl'}", f"output.summary={tmp_path / 's.json'}", "show.mosaic_width_px=640",
        "show.mosaic_height_px=240",
    )  # fmt: skip
    begun = time.monotonic()
    assert run(asked, say=said.append) == 0
    assert 2.3 < time.monotonic() - begun < 25, "they are played at their own times"
    told = json.loads((tmp_path / "s.json").read_text())
    assert list(told["cameras"]) == ["door.mp4", "yard.mp4"]
    for name, count in (("door.mp4", 45), ("yard.mp4", 75)):
        camera = told["cameras"][name]
        assert count - 8 <= camera["frames"] + camera["dropped"] <= count
        assert camera["tracks_seen"] >= 1
    assert told["totals"]["frames"] == sum(camera["frames"] for camera in told["cameras"].values())
    events = lines(tmp_path / "e.jsonl")
    assert {event["camera"] for event in events} == {"door.mp4", "yard.mp4"}
    assert {"appeared", "gone"} <= {event["event"] for event in events if event["camera"] == "yard.mp4"}
    pictures = played(tmp_path / "all.mp4")
    assert pictures[0][1].shape == (240, 640, 3)
    assert len(pictures) > 20
    last = pictures[-1][1]
    assert abs(int(last[120, 100, 0]) - int(last[120, 100, 2])) < 12, "the one that ended is grey"
    assert any("door.mp4" in line and "frames" in line for line in said)


def test_faces_of_two_cameras_go_through_the_engine_in_one_call(bundle: Path) -> None:
    from contextlib import ExitStack, closing

    from engines import open_engine

    class Counting:
        def __init__(self, engine: Any) -> None:
            self.card, self.info, self._engine = engine.card, engine.info, engine
            self.sizes: list[int] = []

        def infer(self, rgb: Any) -> Any:
            self.sizes.append(len(rgb))
            return self._engine.infer(rgb)

        def close(self) -> None:
            """The owner closes the engine."""

    class Both:
        live, name = True, "both"

        def __init__(self, pictures: Sequence[Any]) -> None:
            self.pictures, self.index = pictures, -1

        def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002
            self.index += 1
            if self.index == len(self.pictures):
                return None
            time.sleep(0.005)
            return Frame(self.index, self.index / 25, 0.0, self.pictures[self.index])

        def close(self) -> None:
            """Nothing is held."""

    asked = settings(bundle)
    with ExitStack() as stack:
        engine = Counting(stack.enter_context(closing(open_engine(str(bundle)))))
        search = stack.enter_context(closing(Search(asked.detector, 2)))
        sources: Any = {0: Both(walk(40)), 1: Both(walk(40, who=HOPPER))}
        told = stack.enter_context(watching(asked, engine, search, sources, lambda _: None))
        scenes = [item for items in told for item in items]
    assert max(engine.sizes) == 2
    assert {number for number, _ in scenes} == {0, 1}


def test_a_camera_that_dies_and_comes_back_leaves_the_other_alone(bundle: Path, tmp_path: Path) -> None:
    pictures = walk(60)
    steady, flaky = HttpVideo(pictures=pictures), HttpVideo(pictures=pictures)
    servers = [steady, flaky]
    try:
        other = ("--source", flaky.url("live"), "--name", "steady", "--name", "flaky")
        with watching_program(steady.url("live"), bundle, tmp_path, *other) as program:
            first = program.wait_for("appeared", camera="flaky")
            flaky.kill()
            lost = program.wait_for("source", first, camera="flaky", state="lost")
            servers.append(HttpVideo(port=flaky.port, pictures=pictures))
            back = program.wait_for("source", lost, camera="flaky", state="live")
            program.wait_for("appeared", back, camera="flaky")
            summary = program.finish()
        told = [event for event in program.events() if event["event"] == "source" and event["camera"] == "steady"]
        assert [event["state"] for event in told if event["state"] not in ("connecting", "live")] == []
        assert summary["cameras"]["steady"]["frames"] > 20
        assert summary["cameras"]["flaky"]["gaps"]["lost"] >= 1
        reasons = [event["why"] for event in program.events() if event.get("state") == "lost"]
        assert all(reasons), "the cause is told"
    finally:
        for server in servers:
            server.kill()


def test_where_no_source_can_be_opened_that_is_an_error(bundle: Path, tmp_path: Path) -> None:
    asked = settings(bundle, f"source.uri={tmp_path / 'a.mp4'}", f"source.others=['{tmp_path / 'b.mp4'}']")
    with pytest.raises(SourceError, match=r"a\.mp4"):
        run(asked, say=lambda _: None)


def test_one_that_is_missing_does_not_keep_the_others(bundle: Path, tmp_path: Path) -> None:
    film = walk_video(tmp_path / "here.mp4", 20)
    summary = tmp_path / "s.json"
    asked = settings(
        bundle, f"source.uri={tmp_path / 'missing.mp4'}", f"source.others=['{film}']", "source.duration_s=3",
        f"output.summary={summary}",
    )  # fmt: skip
    assert run(asked, say=lambda _: None) == 0
    told = json.loads(summary.read_text())["cameras"]
    assert told["here.mp4"]["frames"] > 5
    assert told["missing.mp4"]["frames"] == 0


def test_an_output_that_would_overwrite_a_source_is_refused(bundle: Path, tmp_path: Path) -> None:
    films = [walk_video(tmp_path / "a.mp4", 5), walk_video(tmp_path / "b.mp4", 5)]
    before = films[1].read_bytes()
    asked = settings(bundle, f"source.uri={films[0]}", f"source.others=['{films[1]}']", f"output.record={films[1]}")
    with pytest.raises(Exception, match="overwrite"):
        run(asked, say=lambda _: None)
    assert films[1].read_bytes() == before
