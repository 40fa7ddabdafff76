"""A mask is drawn where a face has its mouth, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.mask_drawing import MaskLook, draw_mask, mask_layer, mask_reach

# A frontal face, 200 px wide: right eye, left eye, nose, mouth, right ear, left ear.
FACE = np.array([(160, 150), (240, 150), (200, 195), (200, 235), (110, 160), (290, 160)], np.float32)


def picture(level: int = 150) -> np.ndarray:
    return np.full((400, 400, 3), level, np.uint8)


def test_it_covers_nose_and_mouth_and_leaves_the_eyes() -> None:
    bgr = picture()
    drawn = draw_mask(bgr, FACE)
    changed = (drawn != bgr).any(axis=2)
    for x, y in ((200, 195), (200, 235), (170, 230), (230, 230), (200, 300)):
        assert changed[y, x], (x, y)
    for x, y in ((160, 150), (240, 150), (200, 120), (20, 20), (200, 390)):
        assert not changed[y, x], (x, y)
    assert (bgr == 150).all()  # the original is left alone


def test_its_reach_holds_every_changed_pixel() -> None:
    changed = np.argwhere((draw_mask(picture(), FACE) != 150).any(axis=2))
    x0, y0, x1, y1 = mask_reach(FACE, 400, 400)
    full = mask_layer(400, 400, FACE)[..., 3] > 8
    rows, columns = np.nonzero(full)
    assert y0 <= rows.min() <= rows.max() < y1
    assert x0 <= columns.min() <= columns.max() < x1
    assert len(changed) > 0


def test_it_turns_with_the_head() -> None:
    turned = FACE.copy()
    turned[2:4, 0] += 30  # nose and mouth towards the left ear
    turned[4, 0] -= 10
    turned[5, 0] -= 40

    def middle_x(points: np.ndarray) -> float:
        return float(np.nonzero(mask_layer(400, 400, points)[..., 3] > 128)[1].mean())

    assert middle_x(turned) < middle_x(FACE) + 15
    cover = mask_layer(400, 400, turned)[..., 3] > 128
    assert cover[235, 230]
    assert not cover[150, 200]


def test_a_dark_picture_gets_a_dark_mask() -> None:
    bright, dark = draw_mask(picture(210), FACE), draw_mask(picture(60), FACE)
    assert int(dark[235, 200].max()) < 0.6 * int(bright[235, 200].max())


def test_the_look_is_the_callers() -> None:
    black = draw_mask(picture(), FACE, MaskLook(colour_bgr=(20, 20, 20)))
    assert int(black[235, 200].max()) < 40


@pytest.mark.parametrize("points", [np.zeros((6, 2), np.float32), np.full((6, 2), 7, np.float32)])
def test_points_that_are_no_face_are_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no face"):
        draw_mask(picture(), points)


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(0.1, 2.5), dx=st.floats(-400, 400), dy=st.floats(-400, 400), turn=st.floats(-1.2, 1.2))
def test_any_place_size_and_turn_is_drawn(scale: float, dx: float, dy: float, turn: float) -> None:
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
    points = ((FACE - 200) @ spin.T * scale + 200 + (dx, dy)).astype(np.float32)
    drawn = draw_mask(picture(), points)
    assert drawn.shape == (400, 400, 3)
    assert drawn.dtype == np.uint8
    x, y = points[3]
    if 0 <= x < 399 and 0 <= y < 399:
        assert (drawn[int(y), int(x)] != 150).any()
