from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import SinkError
from monitor.sinks.pictures import PictureRecorder
from monitor.types import Gap, Scene
from tests.monitor.scenes import scene


def of_file(index: int, name: str, *, still: bool = False) -> Scene:
    """The scene of a frame of the file `name`; its canvas is of one grey that tells the index."""
    item = scene(index, float(index))
    canvas = np.full((20, 30, 3), 10 * (index + 1), np.uint8)
    return replace(item, frame=replace(item.frame, origin=Path(name), still=still), canvas=canvas)


def test_pictures_keep_their_names(tmp_path: Path) -> None:
    names = ["in/a.png", "in/b.jpeg", "other/a.png", "in/c.bmp", "in/a.png"]
    recorder = PictureRecorder(tmp_path / "out")
    for i, name in enumerate(names):
        recorder.write(of_file(i, name, still=True))
        recorder.write(Gap("lost", 1.0))
    recorder.close()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-2.png", "a.png", "b.jpg", "c.jpg"]
    assert cv2.imread(str(tmp_path / "out" / "a.png"))[0, 0, 0] == 50, "the same picture again replaces itself"
    assert cv2.imread(str(tmp_path / "out" / "a-2.png"))[0, 0, 0] == 30


def test_frames_of_videos_and_cameras_are_numbered(tmp_path: Path) -> None:
    recorder = PictureRecorder(tmp_path)
    for item in (of_file(3, "in/clip.mp4"), of_file(4, "in/other.mkv"), scene(5, 5.0)):
        recorder.write(item)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["clip-000003.jpg", "frame-000005.jpg", "other-000004.jpg"]


def test_a_frame_and_a_picture_that_is_called_like_one_have_two_names(tmp_path: Path) -> None:
    for order in (1, -1):
        recorder = PictureRecorder(tmp_path / str(order))
        for item in [of_file(3, "in/clip.mp4"), of_file(4, "in/clip-000003.jpg", still=True)][::order]:
            recorder.write(item)
        recorder.write(of_file(3, "in/clip.mp4"))
        assert len(list((tmp_path / str(order)).iterdir())) == 2
    recorder = PictureRecorder(tmp_path / "two")
    for name in ("a/clip.mp4", "b/clip.mp4"):
        recorder.write(of_file(0, name))
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["clip-000000.jpg", "clip-2-000000.jpg"]


def test_many_pictures_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setattr("monitor.sinks.pictures.write_whole", lambda path, data: names.append(path.name))
    recorder = PictureRecorder(tmp_path)
    for i in range(400):
        recorder.write(of_file(0, f"{i}/frame-000001.jpg", still=True))
        recorder.write(of_file(0, f"frame-{i:06}.png", still=True))
    assert len(set(names)) == 800
    assert max(recorder._tried.values()) == 400  # no name was tried twice


def test_frames_without_end_are_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sinks.pictures.write_whole", lambda path, data: names.add(path.name))
    names: set[str] = set()
    recorder, item = PictureRecorder(tmp_path), scene(0, 0.0)
    for i in range(300):
        recorder.write(replace(item, frame=replace(item.frame, index=i)))
    assert len(names) == 300
    assert len(recorder._names) == 1


def test_one_name_for_one_picture(tmp_path: Path) -> None:
    recorder = PictureRecorder(tmp_path, "marked.JPEG")
    recorder.write(of_file(0, "in/a.png", still=True))
    assert [p.name for p in tmp_path.iterdir()] == ["marked.JPEG"]
    assert (tmp_path / "marked.JPEG").read_bytes().startswith(b"\xff\xd8"), "a JPEG"


def test_without_a_canvas_the_plain_picture_is_stored(tmp_path: Path) -> None:
    recorder = PictureRecorder(tmp_path, "a.png")
    recorder.write(scene(0, 0.0, grey=77))
    assert (cv2.imread(str(tmp_path / "a.png")) == 77).all()


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError) as caught:
        PictureRecorder(tmp_path / "file")
    assert caught.value.hint
    with pytest.raises(SinkError):
        PictureRecorder(tmp_path / "file" / "deeper")
