"""Boxes in px and percent, which of two are the same face, and what is cut out around one."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.corrections.boxes import in_px, matched, percent_of, sides_of
from monitor.corrections.facts import Known
from monitor.corrections.layout import ROOM, cut
from monitor.types import Box

share = st.floats(0, 100)


@given(st.tuples(share, share, share, share), st.integers(1, 10_000), st.integers(1, 10_000))
def test_px_to_percent_and_back(corners, width, height):
    x0, x1 = sorted(side * width / 100 for side in corners[:2])
    y0, y1 = sorted(side * height / 100 for side in corners[2:])
    assume(x1 - x0 > 1e-6 * width and y1 - y0 > 1e-6 * height)
    back = in_px(sides_of(percent_of(Box(x0, y0, x1, y1), width, height), 100, 100), width, height)
    assert (back.x0, back.y0, back.x1, back.y1) == pytest.approx((x0, y0, x1, y1), abs=1e-6)


def test_rounding_at_the_edge_is_forgiven_and_no_more():
    assert sides_of((-0.2, 0, 100.3, 50), 100, 100) == (0, 0, 1, 0.5)
    for box in ((-2, 0, 50, 50), (60, 60, 50, 10), (1e9, 0, 1, 1)):
        with pytest.raises(ValueError, match="outside"):
            sides_of(box, 100, 100)
    for box in ((10, 10, 0, 5), (10, 10, 5, -1)):
        with pytest.raises(ValueError, match="empty"):
            sides_of(box, 100, 100)


def test_a_sliver_beside_the_picture_is_no_box():
    for box in ((100, 0, 0.3, 50), (-0.3, 10, 0.3, 50), (10, 100.1, 50, 0.2)):
        with pytest.raises(ValueError, match="nothing of the picture"):
            sides_of(box, 100, 100)


def test_a_moved_box_is_the_same_face_and_each_face_is_one():
    known = [Known(7, (0.1, 0.1, 0.3, 0.3)), Known(8, (0.5, 0.1, 0.7, 0.3))]
    moved, new, other, twice = (
        (0.12, 0.12, 0.32, 0.32),
        (0.8, 0.8, 0.9, 0.9),
        (0.5, 0.1, 0.7, 0.29),
        (0.45, 0.1, 0.7, 0.3),
    )
    assert matched([moved, new, twice, other], known) == [0, None, None, 1]


def test_the_cut_has_room_and_ends_where_another_face_begins():
    bgr = np.zeros((1000, 1000, 3), np.uint8)
    bgr[400:500, 530:630] = 255  # somebody beside
    face, beside = (0.4, 0.4, 0.5, 0.5), (0.53, 0.4, 0.63, 0.5)
    assert cut(bgr, face, ()).shape[:2] == (100 + 2 * 100 * ROOM, 100 + 2 * 100 * ROOM)
    alone = cut(bgr, face, [beside])
    assert (alone.shape[:2], alone.max()) == ((220, 190), 0)
    assert cut(bgr, face, [(0.3, 0.3, 0.6, 0.41)]).shape[0] >= 100, "the box itself always stays"
    assert cut(bgr, (0.0, 0.9, 0.1, 1.0), ()).shape[:2] == (160, 160), "no further than the picture"
