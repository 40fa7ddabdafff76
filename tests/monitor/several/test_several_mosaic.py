"""One picture of all cameras."""

import numpy as np
import pytest

from monitor.settings import ShowSettings
from monitor.several.mosaic import Mosaic, tiles
from monitor.several.rounds import ENDED
from monitor.types import Box, Face, Frame, Gap, Scene, Track

CLASSES = ("real", "fake", "mask")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 12, 64])
def test_tiles_lie_inside_side_by_side_and_are_wide(count):
    found = tiles(count, 1280, 720)
    assert len(found) == count
    covered = np.zeros((720, 1280), int)
    for tile in found:
        assert 0 <= tile.x0 < tile.x1 <= 1280
        assert 0 <= tile.y0 < tile.y1 <= 720
        covered[tile.y0 : tile.y1, tile.x0 : tile.x1] += 1
    assert covered.max() == 1
    assert covered.mean() > 0.6
    assert [len({tile.x0 for tile in tiles(n, 1280, 720)}) for n in (1, 2, 4)] == [1, 2, 2]


FACE = Box(200, 100, 400, 300)


def scene(colour, box=FACE, size=(720, 1280)):
    bgr = np.full((*size, 3), colour, np.uint8)
    face = Face(box, 0.9, np.zeros((6, 2), np.float32))
    probs = np.array([0.9, 0.05, 0.05], np.float32)
    track = Track(7, face, 0.0, 1.0, 1.0, 9, probs, 0, None)
    return Scene(Frame(3, 1.0, 1.0, bgr), (track,), {"read": 1.0})


def mosaic(count=4):
    return Mosaic([f"camera {n}" for n in range(count)], CLASSES, ShowSettings(hud=False), None)


def test_each_camera_is_drawn_into_its_own_tile():
    drawn = mosaic()
    before = drawn.picture.copy()
    drawn.show(1, scene((200, 40, 40)))
    changed = np.argwhere((drawn.picture != before).any(axis=2))
    assert changed.min(axis=0).tolist()[1] >= 640
    assert changed.max(axis=0).tolist()[0] < 360
    middle = drawn.picture[180, 960]
    assert tuple(middle) == (200, 40, 40)
    green = (drawn.picture == (115, 158, 0)).all(axis=2)
    ys, xs = np.nonzero(green[:360, 640:])
    assert 95 <= xs.min() <= 105, "the box is where the face is, at the tile's scale"
    assert 145 <= ys.max() <= 155


def test_a_tall_picture_keeps_its_shape_and_another_size_leaves_no_rest():
    drawn = mosaic(2)
    drawn.show(0, scene((10, 200, 10), size=(720, 1280)))
    drawn.show(0, scene((200, 10, 10), box=Box(10, 10, 40, 40), size=(1280, 720)))
    tile = drawn.picture[:, :640]
    assert not (tile == (10, 200, 10)).all(axis=2).any()
    ys, xs = np.nonzero((tile == (200, 10, 10)).all(axis=2))
    assert (ys.max() - ys.min()) / (xs.max() - xs.min()) == pytest.approx(1280 / 720, rel=0.03)


def test_a_lost_camera_is_told_of_in_its_tile_alone_and_an_ended_one_keeps_its_last_picture():
    drawn = mosaic()
    for number in range(4):
        drawn.show(number, scene((60, 60, 160)))
    before = drawn.picture.copy()
    drawn.show(2, Gap("lost", 8.0, "unplugged"))
    changed = np.argwhere((drawn.picture != before).any(axis=2))
    assert changed.min(axis=0).tolist()[0] >= 360
    assert changed.max(axis=0).tolist()[1] < 640
    drawn.show(0, Gap(ENDED, 0.0))
    faded = drawn.picture[60, 320]
    assert faded[0] == faded[1] == faded[2] < 60
    assert (drawn.picture[:360, 640:] == before[:360, 640:]).all()


def test_details_are_for_all_tiles_and_drawn_at_once():
    drawn = mosaic(2)
    drawn.show(0, scene((60, 60, 60)))
    drawn.show(1, scene((90, 60, 60)))
    before = drawn.picture.copy()
    drawn.details = True
    shown = drawn.redraw(scene((0, 0, 0))).canvas
    assert drawn.details
    assert all((shown[:, half] != before[:, half]).any() for half in (slice(0, 640), slice(640, 1280)))
