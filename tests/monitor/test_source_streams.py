"""Streams from real servers on loopback: they answer, fall silent, die, come back, refuse; secrets stay secret."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.errors import SourceError, SourceNotFound
from monitor.settings import SourceSettings
from monitor.sources import open_source, redact
from monitor.sources.network import reason
from monitor.sources.streams import Stream
from monitor.threads import Freshest
from monitor.types import Frame, Gap, Losses
from tests.http_video import PASSWORD, USER, HttpVideo
from tests.rtsp import RtspServer
from tests.system import need_rtsp_server
from tests.videos import number_of, numbered, write_video

READS = 2000
LOGIN = f"{USER}:{PASSWORD}@"


@pytest.fixture
def servers() -> Iterator[list[HttpVideo]]:
    started: list[HttpVideo] = []
    yield started
    for server in started:
        server.kill()


def wait_for(source: Stream | Freshest, what: Callable[[Frame | Gap], bool]) -> Frame | Gap:
    """The first item that is it; reads at most READS times 20 ms."""
    for _ in range(READS):
        item = source.read(0.02)
        assert item is not None, "the stream ended"
        if what(item):
            return item
    raise AssertionError("did not come")


def is_frame(item: Frame | Gap) -> bool:
    return isinstance(item, Frame)


def is_lost(item: Frame | Gap) -> bool:
    return isinstance(item, Gap) and item.state == "lost"


def error_of(source: Stream) -> SourceError:
    with closing(source), pytest.raises(SourceError) as caught:
        wait_for(source, lambda _: False)
    assert caught.value.exit_code == 3
    assert caught.value.hint
    return caught.value


def test_mjpeg_over_http(servers: list[HttpVideo]) -> None:
    servers.append(HttpVideo())
    source = open_source(SourceSettings(uri=servers[0].url("live")))
    assert source.live
    found = [item for item in (source.read(1.0) for _ in range(20)) if isinstance(item, Frame)]
    source.close()
    assert [f.index for f in found] == list(range(len(found)))
    assert len(found) >= 15
    assert all(a.t < b.t and b.wall is not None for a, b in pairwise(found))
    assert found[0].bgr.shape == (48, 64, 3)
    assert not found[0].bgr.flags.writeable
    assert number_of(found[1].bgr) == pytest.approx(number_of(found[0].bgr) + 1, abs=1)
    assert source.read(1.0) is None


def test_a_killed_server_is_lost_and_live_again_in_another_size(servers: list[HttpVideo]) -> None:
    before = set(threading.enumerate())
    servers.append(HttpVideo())
    live = Freshest(Stream(servers[0].url("live"), stall_s=0.5), stall_s=0.5)
    wait_for(live, is_frame)
    servers[0].kill()
    lost = wait_for(live, is_lost)
    assert isinstance(lost, Gap)
    assert lost.why
    servers.append(HttpVideo(port=servers[0].port, size_px=(80, 32)))
    back = wait_for(live, is_frame)
    assert isinstance(back, Frame)
    assert back.bgr.shape == (32, 80, 3)
    assert back.index > 0
    live.close()
    for server in servers:
        server.kill()
    assert not [t for t in threading.enumerate() if t not in before and t.name.startswith("capture")]


def test_a_server_that_keeps_the_connection_but_falls_silent(servers: list[HttpVideo]) -> None:
    servers.append(HttpVideo())
    live = Freshest(Stream(servers[0].url("live"), stall_s=0.5), stall_s=0.5)
    wait_for(live, is_frame)
    servers[0].frozen.set()
    assert is_lost(wait_for(live, is_lost))
    servers[0].frozen.clear()
    wait_for(live, is_frame)
    live.close()


def test_a_finite_video_plays_in_its_own_time_and_ends(tmp_path: Path, servers: list[HttpVideo]) -> None:
    write_video(tmp_path / "clip.mp4", [numbered(i) for i in range(30)], options={"movflags": "faststart"})
    servers.append(HttpVideo(tmp_path))
    source = Stream(servers[0].url("clip.mp4"))
    found = [item for item in iter(lambda: source.read(0.5), None) if isinstance(item, Frame)]
    source.close()
    assert [number_of(f.bgr) for f in found] == pytest.approx(list(range(30)), abs=1)
    assert found[-1].t - found[0].t >= 29 / 25 - 0.05


def test_hls_is_followed_over_http_but_reaches_no_files(tmp_path: Path, servers: list[HttpVideo]) -> None:
    head, end = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\n", "\n#EXT-X-ENDLIST\n"
    segment = write_video(tmp_path / "seg.ts", [numbered(i) for i in range(30)])
    (tmp_path / "good.m3u8").write_text(f"{head}seg.ts{end}")
    (tmp_path / "evil.m3u8").write_text(f"{head}file://{segment}{end}")
    servers.append(HttpVideo(tmp_path))
    with closing(Stream(servers[0].url("good.m3u8"))) as source:
        wait_for(source, is_frame)
    error_of(Stream(servers[0].url("evil.m3u8"), first_timeout_s=0.3))


@pytest.mark.parametrize("path", ["snapshot", "snap.jpg", "snapshot?name=a.JPG"])
def test_a_snapshot_address_is_asked_again_and_again(
    servers: list[HttpVideo], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    servers.append(HttpVideo())
    with closing(Stream(servers[0].url(path))) as source:
        found = [item for item in (source.read(0.5) for _ in range(12)) if isinstance(item, Frame)]
    assert len(found) >= 5, "it is not asked after pauses"
    assert [number_of(f.bgr) for f in found] == pytest.approx(list(range(len(found))), abs=1)
    assert [f.index for f in found] == list(range(len(found)))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_damaged_pictures_are_counted_and_the_rest_goes_on(servers: list[HttpVideo]) -> None:
    servers.append(HttpVideo())
    servers[0].jpegs[1:] = [b"\xff\xd8" + b"no picture" * 50 + b"\xff\xd9"]
    losses = Losses()
    with closing(open_source(SourceSettings(uri=servers[0].url("live")), losses)) as source:
        for _ in range(4):
            wait_for(source, is_frame)
    assert losses.damaged >= 3


def test_an_endless_stream_may_be_called_as_a_picture(servers: list[HttpVideo]) -> None:
    servers.append(HttpVideo())
    with closing(Stream(servers[0].url("live?as=a.jpg"))) as source:
        found = [item for item in (source.read(0.5) for _ in range(10)) if isinstance(item, Frame)]
    assert len(found) >= 8


def test_credentials_work_and_are_never_shown(servers: list[HttpVideo], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    servers.append(HttpVideo())
    with closing(Stream(servers[0].url(f"guarded?token={PASSWORD}", LOGIN))) as source:
        wait_for(source, is_frame)
        assert PASSWORD not in source.name
    error = error_of(Stream(servers[0].url("guarded", f"{USER}:{PASSWORD}wrong@")))
    assert "user name or password" in str(error)
    shown = "".join(traceback.format_exception(error)) + error.hint + caplog.text + repr(error.__context__)
    assert PASSWORD not in shown
    assert USER + ":" not in shown


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_failures_are_told_apart(tmp_path: Path, servers: list[HttpVideo]) -> None:
    (tmp_path / "text").write_text("hello world\n" * 1000)
    servers.append(HttpVideo(tmp_path))
    assert "no such stream" in str(error_of(Stream(servers[0].url("nothing"))))
    assert "no video" in str(error_of(Stream(servers[0].url("text"), first_timeout_s=0.2)))
    assert "refused" in str(error_of(Stream(f"http://127.0.0.1:{free_port()}/live", first_timeout_s=0.2)))
    assert "refused" in str(error_of(Stream(f"rtsp://127.0.0.1:{free_port()}/live", first_timeout_s=0.2)))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("rtsp://[::1/live", "not well formed"),
        ("rtsp://admin:x7[q@camera.invalid/live", "the name camera.invalid is unknown"),
        ("rtsp://ad#min:x7?q@camera.invalid/live", "the name camera.invalid is unknown"),
    ],
)
def test_an_odd_address_is_the_users_error_and_shows_no_login(uri: str, words: str) -> None:
    why, _ = reason(ValueError(), uri, 0.0)
    assert words in why
    error = error_of(Stream(uri, first_timeout_s=0.2))
    assert "x7" not in str(error)
    assert "min" not in str(error)


def test_a_server_that_never_answers_is_a_timeout(servers: list[HttpVideo], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources.streams.CONNECT_S", 0.3)
    servers.append(HttpVideo())
    assert "no answer in time" in str(error_of(Stream(servers[0].url("mute"), stall_s=0.3, first_timeout_s=0.4)))


def test_before_the_first_picture_there_is_time_for_the_server_to_come_up(servers: list[HttpVideo]) -> None:
    port = free_port()
    source = Stream(f"http://127.0.0.1:{port}/live", first_timeout_s=20)
    gap = source.read(0.02)
    assert isinstance(gap, Gap)
    assert (gap.state, "refused" in gap.why) == ("connecting", True)
    servers.append(HttpVideo(port=port))
    wait_for(source, is_frame)
    source.close()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("rtsp://admin:pw@cam:554/live", "rtsp://***@cam:554/live"),
        ("rtsp://admin@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:p@ss@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:p/ss@cam/live", "rtsp://***@cam/live"),
        ("rtsp://admin:p#ss@127.0.0.1:1/live", "rtsp://***@127.0.0.1:1/live"),
        ("rtsp://admin:p?s'[]s@cam/live", "rtsp://***@cam/live"),
        ("rtsp:/admin:secret@cam/1", "rtsp:/***@cam/1"),
        ("rtsp:admin:secret@cam/1", "***@cam/1"),
        ("rtsp//admin:secret@cam/1", "***@cam/1"),
        ("'admin:secret@cam' and 'http://a:b@c'", "'***@cam' and 'http://***@c'"),
        ("http://cam:8080/live?x=2", "http://cam:8080/live?x=2"),
        ("http://cam/v?token=abc&size=3", "http://cam/v?token=***&size=3"),
        ("http://cam/v?usr=x&Password=a%20b;sig=1", "http://cam/v?usr=x&Password=***;sig=***"),
        ("http://cam/v?api_key=k#access_token=t", "http://cam/v?api_key=***#access_token=***"),
        ("cannot open 'rtsp://a:b@c/d': refused", "cannot open 'rtsp://***@c/d': refused"),
        ("clips/me@home.mp4", "clips/me@home.mp4"),
    ],
)
def test_redact(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize("uri", ["rtsp:/admin:s3cret@cam/1", "admin:s3cret@cam/1", "rtsp:/admin:s3*cret@cam/1"])
def test_a_mistyped_address_is_not_printed_with_its_password(uri: str) -> None:
    with pytest.raises(SourceNotFound, match=r"\*\*\*@cam/1") as caught:
        open_source(SourceSettings(uri=uri))
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
    assert "cret" not in shown
    assert "rtsp://" in caught.value.hint


# --- RTSP -------------------------------------------------------------------------------------------------------


@pytest.fixture
def rtsp() -> Iterator[Callable[..., RtspServer]]:
    need_rtsp_server()
    started: list[RtspServer] = []

    def start(*args: str, **options: object) -> RtspServer:
        started.append(RtspServer(*args, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="GStreamer's RTSP server is used on Linux only")
def test_rtsp_live_lost_live_in_another_size(rtsp: Callable[..., RtspServer]) -> None:
    server = rtsp()
    live = Freshest(Stream(server.url("live"), stall_s=1.0), stall_s=1.0)
    first = wait_for(live, is_frame)
    assert isinstance(first, Frame)
    assert first.bgr.shape == (120, 160, 3)
    assert first.bgr.max() > 200  # the ball
    server.kill()
    wait_for(live, is_lost)
    rtsp(port=server.port, size_px=(200, 100))
    back = wait_for(live, is_frame)
    assert isinstance(back, Frame)
    assert back.bgr.shape == (100, 200, 3)
    live.close()


@pytest.mark.skipif(sys.platform != "linux", reason="GStreamer's RTSP server is used on Linux only")
def test_rtsp_login_and_address(rtsp: Callable[..., RtspServer]) -> None:
    server = rtsp(USER, PASSWORD)
    with closing(Stream(server.url("live", LOGIN))) as source:
        wait_for(source, is_frame)
    assert "user name or password" in str(error_of(Stream(server.url("live"))))
    assert "no such stream" in str(error_of(Stream(server.url("other", LOGIN))))
