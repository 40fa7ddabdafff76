from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import SinkError
from monitor.sinks.pictures import PictureRecorder
from monitor.types import Gap
from tests.monitor.scenes import scene


def test_pictures_keep_their_names(tmp_path: Path) -> None:
    names = ["in/a.png", "in/b.jpeg", "other/a.png", "in/c.bmp", "in/a.png"]
    recorder = PictureRecorder(tmp_path / "out", name_of=lambda s: names[s.frame.index])
    for i in range(len(names)):
        canvas = np.full((20, 30, 3), 10 * (i + 1), np.uint8)
        recorder.write(replace(scene(i, float(i)), canvas=canvas))
        recorder.write(Gap("lost", 1.0))
    recorder.close()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-2.png", "a.png", "b.jpg", "c.jpg"]
    assert cv2.imread(str(tmp_path / "out" / "a.png"))[0, 0, 0] == 50, "the same picture again replaces itself"
    assert cv2.imread(str(tmp_path / "out" / "a-2.png"))[0, 0, 0] == 30


def test_without_a_canvas_the_plain_picture_is_stored(tmp_path: Path) -> None:
    recorder = PictureRecorder(tmp_path, name_of=lambda _: "a.png")
    recorder.write(scene(0, 0.0, grey=77))
    assert (cv2.imread(str(tmp_path / "a.png")) == 77).all()


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError) as caught:
        PictureRecorder(tmp_path / "file", name_of=lambda _: "a.png")
    assert caught.value.hint
    with pytest.raises(SinkError):
        PictureRecorder(tmp_path / "file" / "deeper", name_of=lambda _: "a.png")
