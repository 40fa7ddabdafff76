from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

import monitor
from monitor.errors import SinkError
from monitor.files import part_of
from monitor.sinks.video import VideoRecorder
from monitor.types import Frame, Gap, Scene

ROOT = Path(monitor.__file__).parents[1]


def scene(index: int, t: float, bgr: np.ndarray) -> Scene:
    return Scene(Frame(index, t, None, bgr), (), {})


def plain(grey: int, width_px: int = 160, height_px: int = 120) -> np.ndarray:
    return np.full((height_px, width_px, 3), grey, np.uint8)


def frames(path: Path) -> list[av.VideoFrame]:
    """All that can be decoded; a file that was cut off ends in half a picture."""
    found: list[av.VideoFrame] = []
    with av.open(str(path)) as container, contextlib.suppress(av.error.InvalidDataError):
        for frame in container.decode(video=0):
            found.append(frame)
    return found


def noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (240, 320, 3), dtype=np.uint8)


def test_every_picture_keeps_its_own_time(tmp_path: Path) -> None:
    times = [7.0, 7.04, 7.1, 7.5, 7.51, 8.9, 8.94, 12.0]
    recorder = VideoRecorder(tmp_path / "new" / "a.mp4")
    for i, t in enumerate(times):
        recorder.write(scene(i, t, plain(20 + 25 * i)))
        recorder.write(Gap("stalled", 1.0))
    recorder.close()
    recorder.close()
    got = frames(tmp_path / "new" / "a.mp4")
    assert [f.time for f in got] == pytest.approx([t - 7.0 for t in times], abs=1e-4)
    with av.open(str(tmp_path / "new" / "a.mp4")) as container:
        assert container.duration == pytest.approx((5 + 3.06) * 1e6, abs=1e3), (
            "the last picture stands as long as the one before"
        )
    for i, f in enumerate(got):
        assert f.to_ndarray(format="bgr24").mean() == pytest.approx(20 + 25 * i, abs=3)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.mp4"]


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    recorder = VideoRecorder(path)
    for i in range(5):
        recorder.write(scene(i, i / 25, noise(i)))
    recorder.close()
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat"), "the index comes first"
    assert recorder.encoder == "libx264"
    assert recorder.why == ""


def test_colours_survive(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4")
    picture = plain(0)
    picture[:] = (200, 90, 40)
    recorder.write(scene(0, 0.0, picture))
    recorder.close()
    assert frames(tmp_path / "a.mp4")[0].to_ndarray(format="bgr24")[60, 80] == pytest.approx([200, 90, 40], abs=5)


@pytest.mark.parametrize(("width", "height"), [(161, 121), (160, 121), (1, 1), (33, 2)])
def test_odd_sizes_are_padded_to_even(tmp_path: Path, width: int, height: int) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4")
    for i in range(3):
        recorder.write(scene(i, i / 25, plain(180, width, height)))
    recorder.close()
    got = frames(tmp_path / "a.mp4")
    assert (got[0].width, got[0].height) == (width + width % 2, height + height % 2)
    assert got[0].to_ndarray(format="gray").min() > 150, "the edge is repeated, not black"


def test_another_size_is_framed_in_black(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4")
    for i, (w, h) in enumerate([(160, 120), (320, 120), (60, 120), (640, 480)]):
        recorder.write(scene(i, i / 25, plain(200, w, h)))
    recorder.close()
    got = [f.to_ndarray(format="bgr24") for f in frames(tmp_path / "a.mp4")]
    assert {g.shape for g in got} == {(120, 160, 3)}
    assert got[1][60, 80].min() > 180
    assert got[1][10, 80].max() < 40
    assert got[2][60, 10].max() < 40
    assert got[3].min() > 180


def test_time_never_stands_still_or_goes_back(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4")
    for i, t in enumerate([1.0, 1.0, 0.5, 1.2]):
        recorder.write(scene(i, t, plain(50 * i)))
    recorder.close()
    times = [f.time for f in frames(tmp_path / "a.mp4")]
    assert len(times) == 4
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(0.2, abs=1e-3)


def test_the_canvas_is_recorded_where_there_is_one(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4")
    recorder.write(Scene(Frame(0, 0.0, None, plain(10)), (), {}, plain(220)))
    recorder.close()
    assert frames(tmp_path / "a.mp4")[0].to_ndarray(format="gray").mean() > 200


def test_without_a_picture_nothing_is_left(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4")
    recorder.write(Gap("connecting", 1.0))
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_until_closed_the_old_video_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    recorder = VideoRecorder(path)
    recorder.write(scene(0, 0.0, plain(1)))
    assert path.read_bytes() == b"old"
    recorder.close()
    assert len(frames(path)) == 1


def test_without_libx264_another_encoder_is_taken_and_the_reason_said(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "a.mp4", encoders=("no_such_encoder", "libvpx-vp9"))
    for i in range(4):
        recorder.write(scene(i, i / 10, plain(40 * i)))
    recorder.close()
    assert recorder.encoder == "libvpx-vp9"
    assert "libx264" in recorder.why
    assert [f.time for f in frames(tmp_path / "a.mp4")] == pytest.approx([0, 0.1, 0.2, 0.3], abs=1e-3)


def test_an_encoder_that_does_not_open_is_passed_over(tmp_path: Path) -> None:
    built_in = [name for name in ("h264_v4l2m2m", "h264_vaapi", "h264_qsv") if name in av.codecs_available]
    if not built_in:
        pytest.skip("this FFmpeg has no encoder that needs a device")
    recorder = VideoRecorder(tmp_path / "a.mp4", encoders=(built_in[0], "libvpx-vp9"))
    recorder.write(scene(0, 0.0, plain(1)))
    recorder.close()
    if recorder.encoder != built_in[0]:
        assert built_in[0] in recorder.why
    assert len(frames(tmp_path / "a.mp4")) == 1


def test_no_encoder_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="no encoder"):
        VideoRecorder(tmp_path / "a.mp4", encoders=("no_such_encoder",))


@pytest.mark.parametrize("name", ["a.avi", "a", "file/a.mp4"])
def test_what_cannot_be_recorded_is_told_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError) as caught:
        VideoRecorder(tmp_path / name)
    assert caught.value.hint


def fill(recorder: VideoRecorder) -> None:
    for i in range(400):
        recorder.write(scene(i, i / 25, noise(i)))
    recorder.close()


def test_a_full_disk_ends_in_an_error_and_never_in_half_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    recorder = VideoRecorder(path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, limit[1]))
    try:
        with pytest.raises(SinkError, match=r"a\.mp4") as caught:
            fill(recorder)
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "ulimit" in caught.value.hint
    assert str(part_of(path)) in caught.value.hint
    assert not path.exists()
    assert len(frames(part_of(path))) > 0, "what was recorded until then plays"


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from monitor.sinks.video import VideoRecorder
from monitor.types import Frame, Scene
recorder = VideoRecorder(Path(sys.argv[1]))
for i in range(150):
    recorder.write(Scene(Frame(i, i / 25, None, np.full((120, 160, 3), i, np.uint8)), (), {}))
print("recorded", flush=True)
time.sleep(60)
"""


def test_a_killed_run_leaves_what_it_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"recorded\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert not path.exists()
    got = frames(part_of(path))
    assert len(got) >= 75
    assert [f.time for f in got[:3]] == pytest.approx([0, 0.04, 0.08], abs=1e-3)
    rest = part_of(path).read_bytes()
    VideoRecorder(path).close()  # the same command again, which fails before its first picture
    assert [file.name for file in tmp_path.iterdir()] == ["a-rescued.mp4"]
    part_of(path).write_bytes(b"another")
    VideoRecorder(path).close()
    assert (tmp_path / "a-rescued.mp4").read_bytes() == rest
    assert (tmp_path / "a-rescued-2.mp4").read_bytes() == b"another"


def test_long_recordings_do_not_grow_in_memory(tmp_path: Path) -> None:
    import psutil

    recorder, own = VideoRecorder(tmp_path / "a.mp4"), psutil.Process()
    for i in range(1200):
        recorder.write(scene(i, i / 25, plain(i % 256)))
        if i == 300:
            before = own.memory_info().rss
    assert own.memory_info().rss - before < 30e6
    start = time.monotonic()
    recorder.close()
    assert time.monotonic() - start < 30
    assert len(frames(tmp_path / "a.mp4")) == 1200
