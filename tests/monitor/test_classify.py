"""Tracks to judgements, through a real engine."""

from contextlib import closing

import cv2
import numpy as np
import pytest

from engines import open_engine
from engines.crop import crop_face
from monitor.classify import Classifier, Cropper, sharpness
from monitor.judging import Beside
from monitor.types import Box, Face, Frame, Track
from tests.bundles import tiny_bundle
from tests.portraits import portraits


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    bundle = tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", input_px=64)
    with closing(open_engine(bundle.folder, precision="fp32")) as opened:
        yield opened


def track(number, box):
    face = Face(Box(*box), 0.9, np.zeros((6, 2), np.float32))
    return Track(number, face, 0.0, 0.0, float("-inf"), 0, None, None, "few judgements")


def judge_of(engine, cropper):
    def judge(frame, tracks):
        with closing(Beside(engine, yields=False)) as infer:
            return Classifier(infer, engine.card, cropper).ask(frame, tracks).judgements()

    return judge


def frame(bgr):
    return Frame(0, 0.0, None, bgr)


def test_each_track_gets_its_own_answer_in_order(engine):
    bgr, _ = portraits()[1]
    boxes = [(150, 100, 400, 350), (0, 0, 200, 200), (200, 200, 420, 420)]
    judge = judge_of(engine, Cropper(engine.card, min_face_px=10, min_sharpness=0))
    together = judge(frame(bgr), [track(i, box) for i, box in enumerate(boxes)])
    assert [j.track for j in together] == [0, 1, 2]
    for i, box in enumerate(boxes):
        (alone,) = judge(frame(bgr), [track(i, box)])
        crop = crop_face(bgr, box, margin=engine.card.crop_margin, size_px=engine.card.input_px)
        np.testing.assert_allclose(alone.probs, together[i].probs, atol=1e-5)
        np.testing.assert_allclose(alone.probs, engine.infer(crop[None])[0], atol=1e-5)


def test_small_and_blurred_are_not_asked_and_do_not_shift_the_others(engine):
    bgr, _ = portraits()[1]
    blurred = cv2.GaussianBlur(bgr, (0, 0), 15)
    both = np.hstack([bgr, blurred])
    width = bgr.shape[1]
    tracks = [
        track(1, (150 + width, 100, 400 + width, 350)),
        track(2, (150, 100, 160, 110)),
        track(3, (150, 100, 400, 350)),
    ]
    judge = judge_of(engine, Cropper(engine.card, min_face_px=24, min_sharpness=4))
    answers = judge(frame(both), tracks)
    assert [(a.track, a.reason) for a in answers] == [(1, "blurred"), (2, "small"), (3, None)]
    assert [a.probs is None for a in answers] == [True, True, False]
    (alone,) = judge(frame(both), tracks[2:])
    np.testing.assert_allclose(alone.probs, answers[2].probs, atol=1e-5)


def test_a_crowd_is_judged_at_once(engine):
    bgr, _ = portraits()[0]
    judge = judge_of(engine, Cropper(engine.card, min_face_px=10, min_sharpness=0))
    answers = judge(frame(bgr), [track(i, (100 + i, 50, 250 + i, 200)) for i in range(28)])
    assert len(answers) == 28
    assert all(a.probs is not None and abs(float(a.probs.sum()) - 1) < 1e-3 for a in answers)
    assert judge(frame(bgr), []) == ()


def test_sharpness_falls_with_blur_but_not_with_light():
    bgr, _ = portraits()[1]
    rgb = cv2.cvtColor(bgr[100:356, 140:396], cv2.COLOR_BGR2RGB)
    sharp = sharpness(rgb)
    values = [sharpness(cv2.GaussianBlur(rgb, (0, 0), s)) for s in (2, 5, 12)]
    assert sharp > values[0] > values[1] > values[2]
    assert sharpness((rgb * 0.4).astype(np.uint8)) == pytest.approx(sharp, rel=0.15)
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == 0.0
