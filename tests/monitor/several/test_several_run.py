"""`monitor run` with several sources, as a program: real files, real streams, one of which dies and comes back."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest

from monitor.config import load_settings
from monitor.errors import SourceError, UsageError
from monitor.several import run
from monitor.several.run import watching
from monitor.several.search import Search
from monitor.types import Frame
from tests.http_video import HttpVideo
from tests.monitor.test_run_live import watching as watching_program
from tests.people import HOPPER, played, walk, walk_video
from tests.rtsp import RtspServer
from tests.system import need_rtsp_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts threads and file descriptors as Linux does")


def settings(bundle: Path, *more: str) -> Any:
    return load_settings(None, [f"engine.bundle={bundle}", "show.headless=true", "source.stall_s=1", *more], [])


def these(*uris: object, **more: object) -> str:
    """The setting that names these sources."""
    return "sources=" + json.dumps([{"uri": str(uri), **more} for uri in uris])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_recordings_give_one_picture_one_log_and_one_summary(bundle: Path, tmp_path: Path) -> None:
    films = [walk_video(tmp_path / "door.mp4", 30), walk_video(tmp_path / "yard.mp4", 50, who=HOPPER)]
    said: list[str] = []
    asked = settings(
        bundle, these(*films), f"output.record={tmp_path / 'all.mp4'}", f"output.events={tmp_path / 'e.jsonl'}",
        f"output.summary={tmp_path / 's.json'}", "show.mosaic_width_px=640", "show.mosaic_height_px=240",
    )  # fmt: skip
    begun = time.monotonic()
    assert run(asked, say=said.append) == 0
    assert 1.9 < time.monotonic() - begun < 25, "they are played at their own times"
    told = json.loads((tmp_path / "s.json").read_text())
    assert list(told["cameras"]) == ["door.mp4", "yard.mp4"]
    for name, count in (("door.mp4", 30), ("yard.mp4", 50)):
        camera = told["cameras"][name]
        assert count - 8 <= camera["frames"] + camera["dropped"] <= count
        assert camera["tracks_seen"] >= 1
    assert told["totals"]["frames"] == sum(camera["frames"] for camera in told["cameras"].values())
    events = lines(tmp_path / "e.jsonl")
    assert {event["camera"] for event in events} == {"door.mp4", "yard.mp4"}
    assert {"appeared", "gone"} <= {event["event"] for event in events if event["camera"] == "yard.mp4"}
    pictures = played(tmp_path / "all.mp4")
    assert pictures[0][1].shape == (240, 640, 3)
    assert len(pictures) > 15
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
    said: list[str] = []
    with pytest.raises(SourceError, match=r"a\.mp4"):
        run(settings(bundle, these(tmp_path / "a.mp4", tmp_path / "b.mp4")), say=said.append)
    assert not any("no picture" in line for line in said)


def test_streams_that_never_answer_are_an_error(bundle: Path) -> None:
    server = HttpVideo()
    try:
        with pytest.raises(SourceError, match="no such stream") as caught:
            run(settings(bundle, these(server.url("nowhere?token=hunter2"), server.url("neither"))), say=lambda _: None)
        assert "hunter2" not in str(caught.value)
    finally:
        server.kill()


def test_a_recording_that_is_missing_is_told_once_the_others_have_ended(bundle: Path, tmp_path: Path) -> None:
    film, summary, said = walk_video(tmp_path / "here.mp4", 20), tmp_path / "s.json", []
    asked = settings(bundle, these(tmp_path / "missing.mp4", film), f"output.summary={summary}")
    with pytest.raises(SourceError, match=r"missing\.mp4 does not exist"):
        run(asked, say=said.append)
    told = json.loads(summary.read_text())["cameras"]
    assert told["here.mp4"]["frames"] > 5
    assert told["missing.mp4"]["frames"] == 0
    assert told["missing.mp4"]["gaps"]["lost"] == 1
    assert "missing.mp4: no picture" in said[-1]


def test_nonsense_ends_the_run_at_once(bundle: Path) -> None:
    with pytest.raises(UsageError, match="ftp://"):
        run(settings(bundle, these("ftp://host/x", "demo:faces")), say=lambda _: None)


def test_an_output_that_would_overwrite_a_source_is_refused(bundle: Path, tmp_path: Path) -> None:
    films = [walk_video(tmp_path / "a.mp4", 5), walk_video(tmp_path / "b.mp4", 5)]
    before = films[1].read_bytes()
    with pytest.raises(UsageError, match="overwrite"):
        run(settings(bundle, these(*films), f"output.record={films[1]}"), say=lambda _: None)
    assert films[1].read_bytes() == before


def test_who_is_told_to_stop_leaves_nothing_behind(bundle: Path) -> None:
    """Also where one is silent, one refuses and one has nobody: they are let go together."""
    server = HttpVideo(pictures=walk(20))
    try:
        uris = [server.url("live"), server.url("mute"), "rtsp://127.0.0.1:9/x", "demo:faces"]
        stop, begun = time.monotonic() + 1.5, 0.0

        def stopped() -> bool:
            nonlocal begun
            begun = begun or (time.monotonic() if time.monotonic() > stop else 0.0)
            return bool(begun)

        threads, fds = set(threading.enumerate()), psutil.Process().num_fds()
        assert run(settings(bundle, these(*uris)), say=lambda _: None, stopped=stopped) == 0
        took_s = time.monotonic() - begun
        left = [thread.name for thread in threading.enumerate() if thread not in threads and thread.is_alive()]
        assert not [name for name in left if "process_request" not in name], "the server's own may go on"
        assert took_s < 6
        assert psutil.Process().num_fds() <= fds + 3, "of the server's connections some may still be open"
    finally:
        server.kill()


def test_rtsp_goes_on_while_one_dies_and_one_comes_late(bundle: Path, tmp_path: Path) -> None:
    need_rtsp_server()
    size = (320, 240)
    cv2.imwrite(str(tmp_path / "face.jpg"), walk(60, size_px=size)[-1])
    pictures = walk(60)
    rtsp, flaky, late = RtspServer(f"picture={tmp_path / 'face.jpg'}", size_px=size), HttpVideo(), HttpVideo()
    late.kill()  # its port is known, and nobody listens there
    servers = [flaky]
    file = tmp_path / "cameras.yaml"
    named = {"hall": rtsp.url("live"), "door": flaky.url("live"), "yard": late.url("live")}
    listed = [{"name": name, "uri": uri} for name, uri in named.items()]
    listed[0]["stall_s"] = 60  # a slow machine is no camera that was lost
    file.write_text(json.dumps({"sources": listed}))
    try:
        with watching_program(None, bundle, tmp_path, "--config", str(file)) as program:
            program.wait_for("appeared", camera="hall")
            servers.append(HttpVideo(port=late.port, pictures=pictures))
            program.wait_for("appeared", camera="yard")
            flaky.kill()
            lost = program.wait_for("source", camera="door", state="lost")
            servers.append(HttpVideo(port=flaky.port, pictures=pictures))
            program.wait_for("appeared", lost, camera="door")
            summary = program.finish()
    finally:
        for server in (rtsp, *servers):
            server.kill()
    cameras = summary["cameras"]
    assert {name: camera["gaps"].get("lost", 0) > 0 for name, camera in cameras.items()} == {
        "hall": False, "door": True, "yard": True
    }  # fmt: skip
    assert "stalled" not in cameras["hall"]["gaps"], "nobody waits for another"
    assert all(camera["tracks_seen"] for camera in cameras.values())
