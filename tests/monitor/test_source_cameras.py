"""Cameras without one: the capture is a fake, the device node a file, the kernel's answers packed by hand."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from monitor.errors import CameraError
from monitor.settings import SourceSettings
from monitor.sources import camera_list, cameras, open_source, v4l2
from monitor.sources.camera_list import first_camera, list_cameras
from monitor.sources.cameras import Ask, Camera
from monitor.sources.v4l2 import CameraInfo, list_v4l2, modes
from monitor.threads import Freshest
from monitor.types import Frame, Gap
from tests.fakes import FakeCapture

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="about Linux device nodes")


@pytest.fixture
def node(tmp_path: Path) -> str:
    (tmp_path / "video0").touch()
    return str(tmp_path / "video0")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources.base.Pauses.FIRST_S", 0.001)
    monkeypatch.setattr("monitor.sources.cameras.WARM_UP_S", 0.0)


def test_the_mode_asked_for_is_negotiated_format_first(node: str) -> None:
    capture = FakeCapture()
    camera = Camera(node, Ask(width_px=1200, height_px=700, fps=25), opener=lambda _: capture)
    assert [prop for prop, _ in capture.asked] == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
        cv2.CAP_PROP_BUFFERSIZE,
    ]
    assert camera.mode == "MJPG 1280x720 25 fps"
    found = [camera.read(1.0) for _ in range(3)]
    assert [f.index for f in found if isinstance(f, Frame)] == [0, 1, 2]
    assert all(f.bgr.shape == (720, 1280, 3) and not f.bgr.flags.writeable for f in found if isinstance(f, Frame))
    camera.close()
    camera.close()
    assert capture.released == 1
    assert camera.read(1.0) is None


@pytest.mark.parametrize(("mirror", "left"), [(False, 255), (True, 0)])
def test_mirror(node: str, mirror: bool, left: int) -> None:
    camera = Camera(node, Ask(mirror=mirror), opener=lambda _: FakeCapture())
    frame = camera.read(1.0)
    assert isinstance(frame, Frame)
    assert frame.bgr[0, 0, 0] == left
    assert frame.bgr.flags.c_contiguous
    camera.close()


def test_failures_right_after_opening_are_waited_out(node: str) -> None:
    camera = Camera(node, opener=lambda _: FakeCapture(failures_first=2))
    assert isinstance(camera.read(1.0), Frame)
    camera.close()


@pytest.mark.usefixtures("no_pauses")
def test_a_camera_that_comes_back_goes_on(node: str) -> None:
    captures = [FakeCapture(pictures=4), FakeCapture(opens=False), FakeCapture()]
    handed: list[FakeCapture] = []

    def opener(_: str) -> FakeCapture:
        handed.append(captures[len(handed)])
        return handed[-1]

    camera = Camera(node, opener=opener)
    seen = [camera.read(0.05) for _ in range(12)]
    camera.close()
    kinds = "".join("F" if isinstance(item, Frame) else "-" for item in seen)
    assert kinds.startswith("FFF-")
    assert kinds.endswith("FFF")
    assert all(isinstance(item, Frame | Gap) for item in seen)
    indices = [item.index for item in seen if isinstance(item, Frame)]
    assert indices == list(range(len(indices)))
    assert [c.released for c in captures] == [1, 1, 1]


@linux_only
def test_absent_forbidden_busy_and_dead_are_told_apart(
    node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cameras, "WARM_UP_S", 0.0)
    with pytest.raises(CameraError, match="there is no camera") as absent:
        Camera(str(tmp_path / "video9"), opener=lambda _: FakeCapture())
    assert "monitor cameras" in absent.value.hint
    with pytest.raises(CameraError, match="does not answer"):
        Camera(node, opener=lambda _: FakeCapture(opens=False))
    with pytest.raises(CameraError, match="does not answer"):
        Camera(node, opener=lambda _: FakeCapture(pictures=0))
    with Path(node).open() as held:
        holder = subprocess.Popen(["sleep", "60"], stdin=held)
    try:
        with pytest.raises(CameraError, match=rf"busy: sleep \({holder.pid}\)"):
            Camera(node, opener=lambda _: FakeCapture(opens=False))
    finally:
        holder.kill()
        holder.wait()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CameraError, match="may not be opened") as forbidden:
        Camera(node, opener=lambda _: FakeCapture())
    assert "usermod" in forbidden.value.hint


@linux_only
def test_an_address_given_as_a_camera_keeps_its_password() -> None:
    address = "rtsp://admin:s3cret@10.0.0.7/1"
    with pytest.raises(CameraError, match="there is no camera rtsp://") as caught:
        open_source(SourceSettings(camera=address))
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    assert "--source" in caught.value.hint


def test_a_camera_that_opens_and_gives_nothing_is_tried_more_and_more_rarely(
    node: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monitor.sources.base.Pauses.FIRST_S", 0.02)
    opened: list[FakeCapture] = []

    def opener(_: str) -> FakeCapture:
        opened.append(FakeCapture(pictures=3 if len(opened) in (0, 8) else 1))  # the first is its warm-up
        return opened[-1]

    camera = Camera(node, opener=opener)
    gaps = 0
    while len(opened) < 8:
        gaps += isinstance(camera.read(0.005), Gap)
    assert gaps > 30  # without pauses: two an opening
    while not isinstance(camera.read(0.05), Frame):
        pass
    camera.close()
    stopped, again = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert "has stopped answering" in stopped
    assert "answers again" in again


@linux_only
def test_a_capture_that_does_not_open_is_released(node: str) -> None:
    capture = FakeCapture(opens=False)
    with pytest.raises(CameraError):
        Camera(node, opener=lambda _: capture)
    assert capture.released == 1


@linux_only
def test_open_source_passes_the_wishes_on(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Camera.__init__, "__kwdefaults__", {"opener": lambda _: FakeCapture(), "stall_s": 5.0})
    source = open_source(SourceSettings(camera=node, width_px=1280, height_px=720, mirror=True))
    assert source.live
    assert source.mode == "MJPG 1280x720 30 fps"  # type: ignore[attr-defined]
    live = Freshest(source)
    assert isinstance(live.read(5.0), Frame)
    live.close()


@linux_only
def test_the_first_camera_that_answers(node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "WARM_UP_S", 0.0)
    (tmp_path / "video1").touch()
    second = str(tmp_path / "video1")
    monkeypatch.setattr(camera_list, "list_v4l2", lambda: (CameraInfo(node, "a", ()), CameraInfo(second, "b", ())))
    camera = first_camera(opener=lambda device: FakeCapture(opens=device == second))
    assert camera.name == f"camera {second}"
    camera.close()
    with pytest.raises(CameraError, match="does not answer"):
        first_camera(opener=lambda _: FakeCapture(opens=False))
    monkeypatch.setattr(camera_list, "list_v4l2", lambda: ())
    with pytest.raises(CameraError, match="no camera found") as none:
        first_camera()
    assert "--source" in none.value.hint


def test_where_the_system_keeps_no_list_numbers_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(cameras, "WARM_UP_S", 0.0)
    found = list_cameras(lambda device: FakeCapture(opens=device in ("0", "2")))
    assert found == tuple(CameraInfo(d, f"camera {d}", ("MJPG 640x480 30 fps",)) for d in ("0", "2"))


# --- Video4Linux ------------------------------------------------------------------------------------------------


def kernel(capabilities: int) -> Callable[[int, int, bytearray], int]:
    """The ioctls of a webcam with MJPG at two sizes and YUYV in steps, as videodev2.h lays the structs out."""
    sizes = {0: (640, 480, (30, 15)), 1: (1280, 720, (30,))}

    def ioctl(_: int, request: int, data: bytearray) -> int:
        index, *_rest = struct.unpack_from("=I", data)
        if request == v4l2.QUERYCAP:
            assert len(data) == 104
            struct.pack_into("=II", data, 84, 0x84A00001, capabilities)
        elif request == v4l2.ENUM_FMT and index < 2:
            assert (len(data), struct.unpack_from("=I", data, 4)) == (64, (1,))
            data[44:48] = (b"MJPG", b"YUYV")[index]
        elif request == v4l2.ENUM_FRAMESIZES and data[4:8] == b"MJPG" and index in sizes:
            struct.pack_into("=3I", data, 8, 1, *sizes[index][:2])
        elif request == v4l2.ENUM_FRAMESIZES and data[4:8] == b"YUYV" and index == 0:
            struct.pack_into("=7I", data, 8, 3, 160, 1920, 16, 120, 1080, 16)
        elif request == v4l2.ENUM_FRAMEINTERVALS:
            width, _height = struct.unpack_from("=II", data, 8)
            rates = next(rates for w, _, rates in sizes.values() if w == width)
            if index >= len(rates):
                raise OSError(22, "Invalid argument")
            struct.pack_into("=3I", data, 16, 1, 1, rates[index])
        else:
            raise OSError(22, "Invalid argument")
        return 0

    return ioctl


def test_modes_are_read_from_the_kernels_structs() -> None:
    assert modes(0, kernel(v4l2.VIDEO_CAPTURE)) == (
        "MJPG 640x480 30 fps",
        "MJPG 1280x720 30 fps",
        "YUYV 160x120 to 1920x1080",
    )
    assert modes(0, kernel(0x00A00000)) is None  # the metadata node that each webcam has beside its picture


@linux_only
def test_the_list_of_the_system(tmp_path: Path) -> None:
    for number, name in ((10, "Late"), (2, "Early")):
        (tmp_path / "sys" / f"video{number}").mkdir(parents=True)
        (tmp_path / "sys" / f"video{number}" / "name").write_text(f"{name}\n")
    assert list_v4l2(tmp_path / "sys", tmp_path / "dev") == ()  # in sysfs, but no device behind it
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "video2").touch()
    assert list_v4l2(tmp_path / "sys", tmp_path / "dev") == ()  # a file that answers no ioctl is no camera
    assert isinstance(list_v4l2(), tuple)


@linux_only
def test_opencvs_own_messages_are_silenced(capfd: pytest.CaptureFixture[str], node: str) -> None:
    with pytest.raises(CameraError):
        Camera(node)
    assert capfd.readouterr().err == ""
