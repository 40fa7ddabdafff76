from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.analysis.thumbnails import Pick, thumbnails
from monitor.sources import moments
from monitor.sources.recordings import Recording, scan, scan_pictures
from monitor.types import U8, Box, Media, Span
from tests.people import HOPPER, person
from tests.videos import numbered, write_video

BOX = Box(20.0, 30.0, 40.0, 44.0)


def picture(jpeg: bytes) -> U8:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture
def media(tmp_path: Path) -> Media:
    times = [i / 25 + (0.007 if i % 2 else 0) for i in range(30)]
    return scan(str(write_video(tmp_path / "film.mp4", [numbered(i) for i in range(30)], times_s=times)))


def test_each_is_cut_from_its_very_frame(media: Media) -> None:
    low = Box(36.0, 30.0, 56.0, 44.0)  # below the white corner: the grey tells the frame
    picks = [Pick(i, round(i / 25 + (0.007 if i % 2 else 0), 6), low) for i in (28, 3, 17, 4)]
    found = thumbnails(media, picks, "clear")
    assert set(found) == {3, 4, 17, 28}
    for i, jpeg in found.items():
        assert picture(jpeg).shape == (96, 96, 3)
        assert picture(jpeg).mean() == pytest.approx(7 * i, abs=3)


def test_what_is_not_there_is_left_out(media: Media) -> None:
    found = thumbnails(media, [Pick(1, 0.08, BOX), Pick(2, 0.0801, BOX), Pick(3, 99.0, BOX)], "clear")
    assert set(found) == {1}
    Path(media.uri).unlink()
    assert thumbnails(media, [Pick(1, 0.08, BOX)], "clear") == {}


def test_moments_close_together_are_one_reading(media: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Span] = []

    class Counted(Recording):
        def __init__(self, media: Media, span: Span) -> None:
            opened.append(span)
            super().__init__(media, span)

    monkeypatch.setattr(moments, "Recording", Counted)
    assert len(thumbnails(media, [Pick(i, i / 25, BOX) for i in range(28, -1, -2)], "clear")) == 15
    assert len(opened) == 1


def test_a_blurred_one_tells_nobody_who_it_is(tmp_path: Path) -> None:
    portrait = person(HOPPER, height_px=400)
    cv2.imwrite(str(tmp_path / "a.png"), portrait)
    media = scan_pictures([str(tmp_path / "a.png")], "a.png")
    height, width = portrait.shape[:2]
    box = Box(width * 0.3, height * 0.2, width * 0.7, height * 0.6)
    for name in ("a.png", str(tmp_path / "a.png")):
        clear = picture(thumbnails(media, [Pick(7, 0.0, box, name)], "clear")[7])
        blurred = picture(thumbnails(media, [Pick(7, 0.0, box, name)], "blurred")[7])
        assert cv2.Laplacian(clear, cv2.CV_64F).var() > 20 * cv2.Laplacian(blurred, cv2.CV_64F).var()
        small = cv2.resize(
            cv2.resize(blurred, (8, 8), interpolation=cv2.INTER_AREA), (96, 96), interpolation=cv2.INTER_CUBIC
        )
        assert np.abs(small.astype(int) - blurred).mean() < 8, "it holds no more than 8 x 8 values"
    assert thumbnails(media, [Pick(7, 0.0, box, "b.png")], "clear") == {}
