"""Video files as they are found in the world: every frame, its true time, and clear words where that fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.video.frame import VideoFrame

from monitor.errors import MediaError, SourceError, SourceNotFound
from monitor.sources import files
from monitor.sources.files import VideoFile
from monitor.types import Frame, Losses
from tests.videos import number_of, numbered, write_sound, write_video

FRAMES = [numbered(i) for i in range(30)]


def read_all(source: VideoFile) -> list[Frame]:
    found = list(iter(lambda: source.read(1.0), None))
    source.close()
    return found


def test_every_frame_with_its_number_and_time(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "a.mp4", FRAMES))
    assert (source.name, source.live, source.path) == ("a.mp4", False, tmp_path / "a.mp4")
    found = read_all(source)
    assert {f.origin for f in found} == {tmp_path / "a.mp4"}
    assert [f.index for f in found] == list(range(30))
    assert [number_of(f.bgr) for f in found] == pytest.approx(list(range(30)), abs=1)
    assert [f.t for f in found] == pytest.approx([i / 25 for i in range(30)])
    assert all(f.wall is None for f in found)
    assert all(not f.bgr.flags.writeable and f.bgr.flags.c_contiguous and f.bgr.dtype == np.uint8 for f in found)
    assert source.corrupt == 0
    assert source.read(1.0) is None


def test_times_of_a_variable_frame_rate_are_kept_and_start_at_zero(tmp_path: Path) -> None:
    times = [3.0, 3.02, 3.5, 3.51, 7.0]
    found = read_all(VideoFile(write_video(tmp_path / "vfr.mkv", FRAMES[:5], times_s=times)))
    assert [f.t for f in found] == pytest.approx([t - 3 for t in times], abs=0.002)


@pytest.mark.parametrize(("degrees", "white"), [(90, (1, 0)), (180, (1, 1)), (-90, (0, 1)), (None, (0, 0))])
def test_rotation_of_the_header_is_honoured(tmp_path: Path, degrees: int | None, white: tuple[int, int]) -> None:
    (frame, *_) = read_all(VideoFile(write_video(tmp_path / "r.mp4", FRAMES[:3], rotation=degrees)))
    sideways = degrees in (90, -90)
    assert frame.bgr.shape == ((64, 48, 3) if sideways else (48, 64, 3))
    corners = frame.bgr[:: frame.bgr.shape[0] - 1, :: frame.bgr.shape[1] - 1].mean(axis=2)
    assert np.unravel_index(corners.argmax(), corners.shape) == white  # (row, column) of the white quarter


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("ten.mkv", "libx264", "yuv420p10le", (64, 48)),
        ("odd.mkv", "libx264", "yuv444p", (65, 49)),
        ("jpeg.avi", "mjpeg", "yuvj420p", (64, 48)),
        ("vp8.webm", "libvpx", "yuv420p", (64, 48)),
        ("anim.gif", "gif", "rgb8", (64, 48)),
    ],
)
def test_other_pixels_codecs_and_containers(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, size: tuple[int, int]
) -> None:
    frames = [numbered(4 + 4 * i, width_px=size[0], height_px=size[1]) for i in range(6)]
    found = read_all(VideoFile(write_video(tmp_path / name, frames, codec=codec, pix_fmt=pix_fmt)))
    assert len(found) == 6
    assert all(f.bgr.shape == (size[1], size[0], 3) for f in found)
    assert [number_of(f.bgr) for f in found] == pytest.approx(
        [4 + 4 * i for i in range(6)], abs=5 if codec == "gif" else 1
    )
    assert np.all(np.diff([f.t for f in found]) > 0)


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", FRAMES).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    found = read_all(VideoFile(tmp_path / "cut.mkv"))
    assert 0 < len(found) < 30  # the header still promises 30
    assert [f.index for f in found] == list(range(len(found)))


def _noisy(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.integers(0, 255, (48, 64, 3)).astype(np.uint8) for _ in range(count)]


def test_a_clip_with_damaged_packets_goes_on_and_counts_them(tmp_path: Path) -> None:
    path = write_video(tmp_path / "d.mp4", _noisy(60), options={"g": "5"})
    data = bytearray(path.read_bytes())
    middle = slice(len(data) // 3, len(data) // 2)
    data[middle] = np.random.default_rng(1).integers(0, 255, middle.stop - middle.start, np.uint8).tobytes()
    path.write_bytes(data)
    losses = Losses()
    source = VideoFile(path, losses)
    found = read_all(source)
    assert source.corrupt == losses.damaged > 0
    assert 20 <= len(found) < 60
    assert found[-1].t > 50 / 25  # it went on behind the damage
    assert np.all(np.diff([f.t for f in found]) > 0)


@pytest.mark.parametrize("good", [0, 10])
def test_a_disk_that_stops_answering_is_an_error_not_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    """After `good` packets every read fails, as on a disk that was pulled out."""
    real, packets = files.pictures_of, 0

    def failing(container: InputContainer, *rest: Any) -> Iterator[VideoFrame]:
        nonlocal packets
        if packets == good:
            raise av.error.OSError(errno.EIO, "Input/output error")
        for decoded in real(container, *rest):
            yield decoded
            packets += 1
            if packets == good:
                raise av.error.OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "pictures_of", failing)
    path = write_video(tmp_path / "a.mp4", FRAMES)
    if not good:
        with pytest.raises(MediaError, match="no picture"):
            VideoFile(path)
        return
    source = VideoFile(path)
    assert [source.read(1.0).index for _ in range(good)] == list(range(good))  # type: ignore[union-attr]
    with pytest.raises(MediaError, match=r"a\.mp4 cannot be read further after 0\.4 s") as caught:
        source.read(1.0)
    assert caught.value.hint
    source.close()


def test_times_that_go_back_still_rise(tmp_path: Path) -> None:
    """A transport stream whose clock starts again in the middle, as recorders write after a restart."""
    parts = [write_video(tmp_path / f"{i}.ts", FRAMES[:10], options={"bf": "0"}).read_bytes() for i in range(2)]
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    found = read_all(VideoFile(tmp_path / "both.ts"))
    assert len(found) == 20
    assert np.all(np.diff([f.t for f in found]) > 0)
    assert found[-1].t < 2.0


def _missing(folder: Path) -> Path:
    return folder / "none.mp4"


def _text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("hello world\n" * 100)
    return folder / "text.mp4"


def _plain_text(folder: Path) -> Path:
    (folder / "poem.txt").write_text("roses are red\n" * 100)
    return folder / "poem.txt"


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _sound(folder: Path) -> Path:
    return write_sound(folder / "sound.mp4")


def _header_only(folder: Path) -> Path:
    """A container without one whole picture."""
    path = write_video(folder / "h.mkv", _noisy(20))
    path.write_bytes(path.read_bytes()[:900])
    return path


def _hls(folder: Path) -> Path:
    write_video(folder / "seg.ts", FRAMES)
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\nseg.ts\n#EXT-X-ENDLIST\n")
    return folder / "list.m3u8"


def _concat(folder: Path) -> Path:
    write_video(folder / "seg.mp4", FRAMES)
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile seg.mp4\n")
    return folder / "list.mp4"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (_missing, SourceNotFound, "does not exist"),
        (_text, MediaError, "not a video"),
        (_plain_text, MediaError, "not a video"),
        (_empty, MediaError, "empty"),
        (_sound, MediaError, "only sound"),
        (_header_only, MediaError, "no picture|not a video"),
        (_hls, MediaError, "not a video"),
        (_concat, MediaError, "not a video"),
        (lambda folder: folder, MediaError, "is a folder"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(
    tmp_path: Path, make: object, error: type[SourceError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        VideoFile(make(tmp_path))  # type: ignore[operator]
    assert caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no user ids")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "secret.mp4", FRAMES[:2])
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(SourceError, match="may not be read") as caught:
            VideoFile(path)
    finally:
        os.seteuid(user)
    assert "chmod" in caught.value.hint


@pytest.mark.parametrize(
    ("clip", "frames", "last_s"),
    [
        ("n07*.mkv", 87, 2.867),  # the header promises one more
        ("s03*.webm", 214, 11.644),  # the header promises 350
        ("s06*.mp4", 140, 8.861),  # VP8 in .mp4, negative count
        ("m12*.avi", 140, 5.56),
        ("g05*.gif", 23, 1.83),
    ],
)
def test_clips_whose_headers_lie(data_dir: Path, clip: str, frames: int, last_s: float) -> None:
    (path,) = (data_dir / "videos").glob(clip)
    found = read_all(VideoFile(path))
    assert len(found) == frames
    assert found[-1].t == pytest.approx(last_s, abs=0.001)


def test_numbers_of_packets_are_not_taken_for_times(tmp_path):
    """AVI has no times: with pictures that wait for others (B-frames) its numbers go to and fro."""
    frames = [numbered(i) for i in range(24)]
    path = write_video(tmp_path / "b.avi", frames, options={"bf": "2", "g": "12"})
    with closing(VideoFile(path)) as source:
        read = list(iter(lambda: source.read(1), None))
    assert [number_of(frame.bgr) for frame in read] == list(range(24))
    assert [frame.t for frame in read] == pytest.approx([i / 25 for i in range(24)])
