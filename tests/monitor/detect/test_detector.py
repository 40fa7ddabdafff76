"""Faces are found where they are, whole, small and at tile borders; errors are errors."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.detect import FaceDetector
from monitor.detect.models import FOLDER, MODELS, load_model
from monitor.errors import DetectorError
from monitor.settings import DetectorSettings
from monitor.types import F32, U8, Box, Face, Frame
from tests.portraits import portraits

SETTINGS = DetectorSettings()


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    made = FaceDetector(SETTINGS)
    yield made
    made.close()


def frame(bgr: U8, index: int) -> Frame:
    return Frame(index, index / 25, None, bgr)


def on_canvas(places: list[tuple[int, int, int]], width: int = 1280, height: int = 720) -> tuple[U8, list[F32]]:
    """Portraits of (left, top, height) px in turns on grey, and where their six points came to lie."""
    canvas = np.full((height, width, 3), 110, np.uint8)
    points = []
    for i, (left, top, tall) in enumerate(places):
        picture, six = portraits()[i % 2]
        scale = tall / picture.shape[0]
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
        points.append(np.asarray(six * scale + (left, top), np.float32))
    return canvas, points


def eyes_px(points: F32) -> float:
    return float(np.linalg.norm(points[0] - points[1]))


def assert_same_places(faces: tuple[Face, ...], points: list[F32]) -> None:
    """Each face once: eyes, nose and mouth within a third of the distance of the eyes, and inside the box."""
    assert len(faces) == len(points), faces
    for six in points:
        nearest = min(faces, key=lambda face: float(np.abs(face.points - six).sum()))
        assert np.linalg.norm(nearest.points[:4] - six[:4], axis=1).max() < eyes_px(six) / 3
        box = nearest.box
        x, y = six[:4].mean(axis=0)
        assert box.x0 < x < box.x1
        assert box.y0 < y < box.y1
        assert 1.2 * eyes_px(six) < box.width < 4 * eyes_px(six)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_portrait_in_any_frame(detector: FaceDetector, index: int) -> None:
    bgr, points = on_canvas([(100, 40, 300)], 480, 400)
    faces = detector.detect(frame(bgr, index))
    assert_same_places(faces, points)
    assert faces[0].score > SETTINGS.new_score
    assert not faces[0].points.flags.writeable
    assert faces[0].points.dtype == np.float32


def test_small_faces_of_a_large_picture_are_found_at_once_by_a_thorough_search(detector: FaceDetector) -> None:
    bgr, points = on_canvas([(60, 60, 150), (560, 300, 150), (1100, 500, 150)])
    assert_same_places(detector.detect_all(bgr), points)
    assert_same_places(detector.detect(frame(bgr, 0)), points)
    assert_same_places(detector.detect(replace(frame(bgr, 5), still=True), [Box(0, 0, 9, 9)]), points)


def test_small_faces_are_found_within_one_round_and_then_in_every_frame(detector: FaceDetector) -> None:
    bgr, points = on_canvas([(60, 60, 150), (1100, 500, 150)])
    rounds = [detector.detect(frame(bgr, index)) for index in range(1, 8)]
    assert any(len(faces) < 2 for faces in rounds), "without a hint a frame is searched in part"
    found: dict[int, Face] = {}
    for face in (face for faces in rounds for face in faces):
        found[min(range(2), key=lambda i: float(np.abs(points[i] - face.points).sum()))] = face
    assert len(found) == 2
    near = [face.box for face in found.values()]
    for index in range(1, 8):
        assert_same_places(detector.detect(frame(bgr, index), near), points)


def test_off_searches_the_whole_picture_only() -> None:
    bgr, _ = on_canvas([(60, 60, 110)])
    close_up, points = on_canvas([(400, 50, 600)])
    detector = FaceDetector(replace(SETTINGS, tiles="off"))
    try:
        assert detector.detect_all(bgr) == ()
        assert_same_places(detector.detect(frame(close_up, 1)), points)
    finally:
        detector.close()


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160)])
def test_large_pictures_give_boxes_in_their_own_pixels(detector: FaceDetector, size: tuple[int, int]) -> None:
    width, height = size
    bgr, points = on_canvas([(width // 2, height // 3, height // 3)], width, height)
    assert_same_places(detector.detect_all(bgr), points)


def test_a_face_across_tiles_is_one_face(detector: FaceDetector) -> None:
    bgr, points = on_canvas([(520, 250, 260)])
    assert_same_places(detector.detect_all(bgr), points)


def test_a_face_at_the_frames_border_is_clipped(detector: FaceDetector) -> None:
    bgr, _ = on_canvas([(200, 100, 400)], 800, 600)
    middle = detector.detect_all(bgr)[0].box
    faces = detector.detect_all(np.ascontiguousarray(bgr[:, int(middle.x0 + 0.2 * middle.width) :]))
    assert len(faces) == 1
    assert 0 <= faces[0].box.x0 < 3
    assert faces[0].box.x1 <= 800


def test_the_same_question_gets_the_same_answer(detector: FaceDetector) -> None:
    bgr, _ = on_canvas([(60, 60, 150), (560, 300, 150), (1100, 500, 150)])
    near = [Box(1120, 520, 1200, 600), Box(80, 80, 160, 160)]

    def answers(asked: FaceDetector) -> list[tuple[object, ...]]:
        faces = (asked.detect(frame(bgr, index), near) for index in (1, 5, 2))
        return [(face.box, face.score, face.points.tobytes()) for some in faces for face in some]

    first = answers(detector)
    detector.detect_all(np.zeros((90, 90, 3), np.uint8))
    other = FaceDetector(SETTINGS)
    try:
        assert first == answers(detector) == answers(other)
        assert len(first) > 3
    finally:
        other.close()


def test_where_nobody_is_nobody_is_found(detector: FaceDetector) -> None:
    grey = np.full((720, 1280, 3), 110, np.uint8)
    assert detector.detect_all(grey) == ()
    assert (
        detector.detect(frame(grey, 3), [Box(100, 100, 200, 200), Box(-5, -5, 0, 0), Box(1270, 700, 1400, 900)]) == ()
    )
    assert detector.detect_all(grey[:1, :1]) == ()


def test_the_threshold_is_kept(detector: FaceDetector) -> None:
    bgr, _ = on_canvas([(100, 40, 300)], 480, 400)
    score = detector.detect_all(bgr)[0].score
    strict = FaceDetector(replace(SETTINGS, keep_score=min(0.999, score + 0.02)))
    try:
        assert strict.detect_all(bgr) == ()
    finally:
        strict.close()


@pytest.mark.parametrize("shape", [(0, 10, 3), (10, 10), (10, 10, 4)])
def test_what_is_no_picture_is_an_error(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    with pytest.raises(DetectorError, match="uint8") as error:
        detector.detect_all(np.zeros(shape, np.uint8))
    assert error.value.hint


def test_a_closed_detector_answers_with_an_error() -> None:
    detector = FaceDetector(SETTINGS)
    detector.close()
    detector.close()
    with pytest.raises(DetectorError, match="closed"):
        detector.detect(frame(np.zeros((90, 90, 3), np.uint8), 1))


def test_a_search_that_takes_too_long_breaks_the_detector() -> None:
    detector = FaceDetector(SETTINGS, patience_s=1e-4)
    bgr, _ = on_canvas([(100, 40, 300)])
    try:
        with pytest.raises(DetectorError, match="within"):
            detector.detect_all(bgr)
        with pytest.raises(DetectorError, match="within"):
            detector.detect_all(bgr)
    finally:
        detector.close()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.file))
def test_only_the_published_models_are_used(model: object, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(FOLDER, folder)
    path = folder / model.file  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DetectorError, match="not the published") as error:
        FaceDetector(SETTINGS, folder=folder)
    assert error.value.hint
    path.unlink()
    with pytest.raises(DetectorError, match="cannot read"):
        FaceDetector(SETTINGS, folder=folder)
    assert all(len(load_model(each)) > 100_000 for each in MODELS)


def test_a_detector_nobody_closed_does_no_harm() -> None:
    """The library's destructor can wait for ever when the collector runs it; so an open model is never collected."""
    detector = FaceDetector(SETTINGS)
    circle: list[object] = [detector]
    circle.append(circle)
    del detector, circle
    gc.collect()


def test_a_real_crowd(detector: FaceDetector, data_dir: Path) -> None:
    """28 faces in every frame of this clip: each is found again and again."""
    av = pytest.importorskip("av")
    with av.open(str(data_dir / "videos" / "n17_grid_28_faces.mp4")) as film:
        bgrs = [next(film.decode(video=0)).to_ndarray(format="bgr24") for _ in range(10)]
    near = [face.box for face in detector.detect(frame(bgrs[0], 0))]
    assert 26 <= len(near) <= 30
    missed = set(near)
    for index, bgr in enumerate(bgrs[1:], 1):
        faces = detector.detect(frame(bgr, index), near)
        missed -= {box for box in missed for face in faces if box.shared(face.box) > 0.5}
    assert len(missed) <= 2


def test_one_thread_finds_what_two_find() -> None:
    bgr, _ = on_canvas([(60, 60, 150), (560, 300, 150), (1100, 500, 150)])
    near = [Box(1120, 520, 1200, 600), Box(80, 80, 160, 160), Box(600, 340, 680, 420)]

    def answers(threads: int) -> list[tuple[object, ...]]:
        made = FaceDetector(replace(SETTINGS, threads=threads))
        try:
            some = [made.detect_all(bgr), *(made.detect(frame(bgr, index), near) for index in range(1, 8))]
        finally:
            made.close()
        return [(face.box, face.score, face.points.tobytes()) for faces in some for face in faces]

    one = answers(1)
    assert one == answers(2) == answers(3)
    assert len(one) > 12
