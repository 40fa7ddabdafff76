"""Pictures, folders, globs and what wraps them."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import MediaError, SourceError, SourceNotFound, UsageError
from monitor.ports import Source
from monitor.settings import SourceSettings
from monitor.several.sources import Reviving
from monitor.sources import input_files, open_source
from monitor.sources.files import VideoFile
from monitor.sources.pictures import APART_S, Picture, natural_key, open_files, read_picture_bgr
from monitor.sources.wrappers import Limited, Loop, Paced
from monitor.threads import Ahead, Freshest
from monitor.types import Frame, Gap, Losses
from tests.fakes import ScriptedSource, frame
from tests.videos import number_of, numbered, write_video


def read_all(source: Source) -> list[tuple[Frame, str]]:
    """Each frame with the name of the file that it says it came from."""
    found = []
    while (item := source.read(1.0)) is not None:
        assert isinstance(item, Frame)
        assert item.origin is not None
        found.append((item, item.origin.name))
    source.close()
    return found


def write_picture(path: Path, index: int = 10) -> Path:
    assert cv2.imwrite(str(path), numbered(index))
    return path


def write_jpeg_with_orientation(path: Path, orientation: int) -> Path:
    """`numbered`, with an EXIF header that says which way it must be turned."""
    tiff = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x112, 3, 1, orientation) + b"\0\0\0\0"
    app1 = b"Exif\0\0" + tiff
    ok, jpeg = cv2.imencode(".jpg", numbered(10))
    assert ok
    data = jpeg.tobytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + data[2:])
    return path


def write_bomb(path: Path, side_px: int) -> Path:
    """A PNG of 100 bytes that unfolds to side_px squared."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tiff", "PNG"])
def test_a_picture_is_one_frame(tmp_path: Path, suffix: str) -> None:
    source = open_source(SourceSettings(uri=str(write_picture(tmp_path / f"one.{suffix}"))))
    assert not source.live
    [(found, name)] = read_all(source)
    assert (found.index, found.t, found.wall, name) == (0, 0.0, None, f"one.{suffix}")
    assert found.bgr.shape == (48, 64, 3)
    assert not found.bgr.flags.writeable
    assert number_of(found.bgr) == pytest.approx(10, abs=1)


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    bgr = read_picture_bgr(write_jpeg_with_orientation(tmp_path / "turned.jpg", 6))  # must be turned clockwise
    assert bgr.shape == (64, 48, 3)
    assert bgr[3, -3].mean() > 200  # the white quarter has moved to the top right


@pytest.mark.parametrize("side_px", [12_000, 30_000, 60_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side_px: int) -> None:
    with pytest.raises(MediaError, match="megapixels"):
        Picture(write_bomb(tmp_path / "bomb.png", side_px))


@pytest.mark.parametrize("content", [b"not a picture at all" * 20, b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"])
def test_a_file_that_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fake.jpg").write_bytes(content)
    with pytest.raises(MediaError, match="not a picture") as caught:
        Picture(tmp_path / "fake.jpg")
    assert caught.value.hint


def test_names_that_cannot_be_are_told(tmp_path: Path) -> None:
    names = ["~nobody-of-that-name/clip.mp4", "x" * 300, f"{tmp_path}/file/clip.mp4", "rtsp:/me:s3cret@" + "x" * 300]
    (tmp_path / "file").touch()
    for name in names:
        with pytest.raises(SourceError) as caught:
            open_source(SourceSettings(uri=name))
        assert caught.value.hint
        assert "s3cret" not in str(caught.value)
        gap = Reviving("door", lambda name=name: open_source(SourceSettings(uri=name))).read(0.01)  # type: ignore[misc]
        assert isinstance(gap, Gap)
        assert gap.state == "lost"


def test_a_folder_in_natural_order_pictures_and_videos(tmp_path: Path) -> None:
    write_picture(tmp_path / "p10.png", 30)
    write_picture(tmp_path / "p2.jpg", 20)
    write_video(tmp_path / "p3.mp4", [numbered(i) for i in (5, 6)])
    write_picture(tmp_path / ".hidden.png")
    (tmp_path / "notes.txt").write_text("x")
    found = read_all(Ahead(open_source(SourceSettings(uri=str(tmp_path)))))
    assert [name for _, name in found] == ["p2.jpg", "p3.mp4", "p3.mp4", "p10.png"]
    assert [f.index for f, _ in found] == [0, 1, 2, 3]
    assert [f.t for f, _ in found] == pytest.approx([0, APART_S, APART_S + 0.04, 2 * APART_S + 0.04])
    assert [number_of(f.bgr) for f, _ in found] == pytest.approx([20, 5, 6, 30], abs=1)


def test_natural_order() -> None:
    names = ["b1", "a10", "a9", "A2", "a", "10", "9"]
    assert sorted(map(Path, names), key=natural_key) == [Path(n) for n in ["9", "10", "a", "A2", "a9", "a10", "b1"]]


def test_a_glob_plays_its_files_in_a_row(tmp_path: Path) -> None:
    for i in (1, 2):
        write_video(tmp_path / f"v{i}.mp4", [numbered(10 * i + j) for j in range(3)])
    found = read_all(open_source(SourceSettings(uri=str(tmp_path / "v*.mp4"))))
    assert [f.index for f, _ in found] == list(range(6))
    assert [number_of(f.bgr) for f, _ in found] == pytest.approx([10, 11, 12, 20, 21, 22], abs=1)
    assert np.all(np.diff([f.t for f, _ in found]) > 0)


def test_a_name_with_brackets_is_a_file_first(tmp_path: Path) -> None:
    write_picture(tmp_path / "me [1].png")
    assert len(read_all(open_source(SourceSettings(uri=str(tmp_path / "me [1].png"))))) == 1


def test_unreadable_files_of_a_folder_are_named_not_hidden(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("broken")
    write_picture(tmp_path / "c.png")
    losses = Losses()
    source = open_source(SourceSettings(uri=str(tmp_path)), losses)
    assert [name for _, name in read_all(source)] == ["a.png", "c.png"]
    assert list(losses.skipped) == [tmp_path / "b.png"]
    assert "b.png is not a picture" in losses.skipped[tmp_path / "b.png"]
    assert "b.png" in caplog.text


def test_a_file_that_breaks_off_is_named_and_the_next_one_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.mp4", [numbered(i) for i in range(3)])
    write_picture(tmp_path / "b.png")
    real = VideoFile.read

    def breaks(self: VideoFile, timeout_s: float) -> object:
        found = real(self, timeout_s)
        if found is None:
            raise MediaError("a.mp4 cannot be read further")
        return found

    monkeypatch.setattr(VideoFile, "read", breaks)
    losses = Losses()
    found = read_all(open_files(str(tmp_path), losses))
    assert len(found) == 4
    assert losses.skipped == {tmp_path / "a.mp4": "a.mp4 cannot be read further"}


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no pictures or videos") as caught:
        open_source(SourceSettings(uri=str(tmp_path)))
    assert caught.value.hint
    (tmp_path / "b.png").write_text("broken")
    with pytest.raises(MediaError, match=r"none of the 1 files.*b\.png"):
        open_source(SourceSettings(uri=str(tmp_path)))
    with pytest.raises(SourceNotFound, match="no file matches"):
        open_source(SourceSettings(uri=str(tmp_path / "*.mp4")))


# --- wrappers ---------------------------------------------------------------------------------------------------


def test_loop_goes_on_counting(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [numbered(i) for i in range(5)])
    source = Limited(open_source(SourceSettings(uri=str(path), loop=True)), max_frames=13)
    found = [f for f, _ in read_all(source)]
    assert [f.index for f in found] == list(range(13))
    assert [f.t for f in found] == pytest.approx([i / 25 for i in range(13)])
    assert [number_of(f.bgr) for f in found] == pytest.approx([i % 5 for i in range(13)], abs=1)


def test_every_wrapper_hands_the_file_on(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / name)
    source = open_source(SourceSettings(uri=str(tmp_path), loop=True, pace_fps=1000))
    names = [name for _, name in read_all(Freshest(Limited(source, max_frames=5)))]
    assert names[-1] == "a.png", "the newest is never dropped"
    assert set(names) <= {"a.png", "b.png"}


def test_loop_over_a_file_that_disappears_is_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [numbered(0)])
    loop = open_source(SourceSettings(uri=str(path), loop=True))
    assert isinstance(loop.read(1.0), Frame)
    path.unlink()
    with pytest.raises(SourceNotFound):
        loop.read(1.0)
    loop.close()


def test_loop_over_nothing_does_not_spin() -> None:
    loop = Loop(lambda: ScriptedSource([None, None], live=False))
    with pytest.raises(MediaError, match="no frame"):
        loop.read(1.0)
    loop.close()


def test_limits_count_frames_and_the_sources_seconds() -> None:
    def limited(**limits: float) -> list[int]:
        source = Limited(ScriptedSource([*map(frame, range(50)), None], live=False), **limits)  # type: ignore[arg-type]
        return [item.index for item in iter(lambda: source.read(1.0), None) if isinstance(item, Frame)]

    assert limited(max_frames=3) == [0, 1, 2]
    assert limited(duration_s=0.2) == [0, 1, 2, 3, 4]  # 25 frames a second
    assert limited(duration_s=0.2, max_frames=2) == [0, 1]
    assert len(limited(duration_s=99)) == 50


def test_a_live_source_without_frames_still_reaches_its_duration() -> None:
    source = Limited(ScriptedSource([lambda: time.sleep(0.001), Gap("connecting", 0.0)] * 10_000), duration_s=0.05)
    gaps = 0
    while source.read(0.001) is not None:
        gaps += 1
        assert gaps < 10_000
    assert gaps > 0


def test_paced_is_live_with_rising_clock_times_and_never_early() -> None:
    source = Paced(ScriptedSource([*map(frame, range(4)), None], live=False), fps=50)
    assert source.live
    before_s = time.monotonic()
    found = []
    while (item := source.read(0.005)) is not None:
        if isinstance(item, Frame):
            found.append(item)
    assert [f.index for f in found] == [0, 1, 2, 3]
    assert all(f.wall is not None for f in found)
    assert all(f.t >= before_s + n / 50 for n, f in enumerate(found))


def test_paced_answers_with_a_gap_before_the_next_frame_is_due() -> None:
    source = Paced(ScriptedSource([*map(frame, range(2)), None], live=False), fps=0.01)
    assert isinstance(source.read(0.01), Frame)
    assert isinstance(source.read(0.01), Gap)
    source.close()
    assert source.read(0.01) is None


@pytest.mark.parametrize(
    "settings",
    [
        SourceSettings(camera="0", uri="a.mp4"),
        SourceSettings(camera="0", loop=True),
        SourceSettings(camera="0", pace_fps=5),
        SourceSettings(uri="rtsp://host/x", loop=True),
        SourceSettings(uri="http://host/x", pace_fps=5),
        SourceSettings(uri="a.mp4", mirror=True),
        SourceSettings(uri="a.mp4", width_px=640),
        SourceSettings(uri="ftp://host/a.mp4"),
        SourceSettings(uri="demo:cats"),
        SourceSettings(uri=" "),
    ],
)
def test_settings_that_do_not_go_together(settings: SourceSettings) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(settings)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_to_loop_without_a_source_asks_for_one() -> None:
    for settings, words in (
        (SourceSettings(loop=True), "--source demo:faces"),
        (SourceSettings(loop=True, camera="0"), "this source is live"),
    ):
        with pytest.raises(UsageError) as caught:
            open_source(settings)
        assert words in caught.value.hint


def test_the_files_of_a_source_are_known_before_it_is_read(tmp_path: Path) -> None:
    for name in ("p2.png", "p10.png"):
        write_picture(tmp_path / name)
    both = [tmp_path / "p2.png", tmp_path / "p10.png"]
    assert input_files(SourceSettings(uri=str(tmp_path))) == both
    assert input_files(SourceSettings(uri=str(tmp_path / "p*.png"))) == both
    assert input_files(SourceSettings(uri=str(both[1]))) == both[1:]
    for uri in ("demo:faces", "rtsp://host/p2.png", None):
        assert input_files(SourceSettings(uri=uri)) == []
