from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis.hiding import EDGE, Hiding, Place, Places, hidden, place_of
from monitor.analysis.sights import Sights
from monitor.detect import FaceDetector
from monitor.settings import DetectorSettings
from monitor.types import U8, Box, Frame
from tests.monitor.analysis.fabricated import CLASSES, Rect, row
from tests.people import COLLINS, HOPPER, person

A, B = (100.0, 100.0, 140.0, 150.0), (200.0, 110.0, 240.0, 160.0)
WAYS: tuple[Hiding, ...] = ("blur", "pixelate")


def covered(places: list[Place], rect: Rect) -> bool:
    """Whether one of the places reaches over the whole face and EDGE more on each side."""
    x0, y0, x1, y1 = rect
    w, h = EDGE * (x1 - x0), EDGE * (y1 - y0)
    return any(p.box.x0 <= x0 - w and p.box.y0 <= y0 - h and p.box.x1 >= x1 + w and p.box.y1 >= y1 + h for p in places)


def test_a_person_is_hidden_before_the_first_and_after_the_last_find() -> None:
    places = Places(Sights([row(10 + i / 25, 1, A if i < 25 else B) for i in range(50)], CLASSES))
    for t, where in [(9.5, A), (9.9, A), (10.0, A), (10.96, A), (11.0, B), (11.96, B), (12.2, B), (12.46, B)]:
        assert covered(places.at(t), where), t
    assert not places.at(9.48)
    assert not places.at(12.48)


def test_a_find_of_nobody_is_hidden_a_little_before_and_after() -> None:
    places = Places(Sights([row(10.0, None, A)], CLASSES))
    assert all(covered(places.at(t), A) for t in (9.7, 9.85, 10.0, 10.3))
    assert not places.at(9.68)
    assert not places.at(10.32)


def test_a_face_that_is_only_expected_is_hidden() -> None:
    places = Places(Sights([row(10.0, 1, A, found=False), row(10.04, 2, B, "undecided")], CLASSES))
    assert covered(places.at(10.0), A)
    assert covered(places.at(10.04), B)


def test_between_two_pictures_looked_at_the_whole_way_is_hidden() -> None:
    sights = Sights([row(10.0, 1, A), row(10.4, 1, B)], CLASSES)
    for t in (10.04, 10.2, 10.39):
        assert covered(Places(sights, 0.4).at(t), A)
        assert covered(Places(sights, 0.4).at(t), B)
        assert covered(Places(sights, 0.4).at(t), (150, 105, 190, 155)), "also on its way"


def test_with_seconds_between_the_pictures_looked_at_nobody_slips_through() -> None:
    sights = Sights([row(10.0, 1, A), row(13.0, 1, B), row(16.0, None, A)], CLASSES)
    places = Places(sights, 3.0)
    for t in np.arange(7.0, 19.0, 0.04):
        assert places.at(float(t)), t


def test_somebody_who_was_away_for_long_is_hidden_at_both_ends_only() -> None:
    places = Places(Sights([row(10.0, 1, A), row(14.0, 1, B)], CLASSES))
    assert covered(places.at(10.5), A)
    assert covered(places.at(13.5), B)
    assert not places.at(12.0)


boxes = st.tuples(st.floats(-50, 330), st.floats(-50, 250), st.floats(1, 200), st.floats(1, 200))


@given(boxes, st.sampled_from(WAYS))
def test_nothing_of_the_place_is_left_and_all_else_is(rect: Rect, how: Hiding) -> None:
    """Two pictures that differ only in detail under the place come out the same."""
    x, y, w, h = rect
    box = Box(x, y, x + w, y + h)
    rng = np.random.default_rng(0)
    bgr = rng.integers(0, 255, (240, 320, 3), np.uint8)
    out = hidden(bgr, [place_of(box)], how)
    assert out.shape == bgr.shape
    place = place_of(box).box
    x0, y0, x1, y1 = (max(0, int(v)) for v in (place.x0, place.y0, np.ceil(place.x1), np.ceil(place.y1)))
    inside = out[y0:y1, x0:x1]
    if min(inside.shape[:2]) > 16 and how == "pixelate":
        assert len(np.unique(inside.reshape(-1, 3), axis=0)) <= 50 * max(w / h, h / w), "so few colours"
    if min(inside.shape[:2]) > 16:
        steps = np.abs(np.diff(inside.astype(int), axis=1))
        assert np.percentile(steps, 60) < 8, "of noise whose steps are 85 nothing is left"
    fade = max(w, h, 24) / 4 + 2
    far = np.ones(bgr.shape[:2], bool)
    far[max(0, int(y0 - fade)) : int(y1 + fade) + 1, max(0, int(x0 - fade)) : int(x1 + fade) + 1] = False
    assert np.array_equal(out[far], bgr[far])


def test_off_and_nowhere_change_nothing() -> None:
    bgr = np.zeros((20, 20, 3), np.uint8)
    assert hidden(bgr, [], "blur") is bgr
    assert hidden(bgr, [place_of(Box(0, 0, 9, 9))], "off") is bgr


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with closing(FaceDetector(DetectorSettings())) as opened:
        yield opened


def found(detector: FaceDetector, bgr: U8, least: float) -> list[Box]:
    """Faces the detector is so sure of."""
    bgr = bgr.copy()
    bgr.setflags(write=False)
    return [face.box for face in detector.detect(Frame(0, 0.0, None, bgr, still=True)) if face.score >= least]


def both(height_px: int) -> U8:
    """The two portraits beside each other."""
    pictures = [person(who, height_px=height_px) for who in (COLLINS, HOPPER)]
    bgr = np.full((height_px + 40, sum(p.shape[1] for p in pictures) + 60, 3), 110, np.uint8)
    x = 20
    for picture in pictures:
        bgr[20 : 20 + height_px, x : x + picture.shape[1]] = picture
        x += picture.shape[1] + 20
    return bgr


def detail(before: U8, after: U8) -> float:
    """Correlation of the fine lines of two pictures, -1 to 1."""
    lines = []
    for bgr in (before, after):
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
        lines.append(grey - cv2.GaussianBlur(grey, (0, 0), max(1.0, bgr.shape[0] / 64)))
    a, b = (line - line.mean() for line in lines)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("height_px", [120, 300, 700])
def test_of_a_portrait_no_face_is_left(detector: FaceDetector, how: Hiding, height_px: int) -> None:
    bgr = both(height_px)
    faces = found(detector, bgr, 0.8)
    assert len(faces) == 2
    out = hidden(bgr, [place_of(box) for box in faces], how)
    for box in faces:
        x0, y0, x1, y1 = (int(v) for v in (box.x0, box.y0, box.x1, box.y1))
        assert abs(detail(bgr[y0:y1, x0:x1], out[y0:y1, x0:x1])) < 0.2, "its lines tell nothing of the face's"
    assert not found(detector, out, 0.7)
