"""One picture of all cameras."""

import numpy as np
import pytest

from monitor.overlay import Overlay
from monitor.settings import ShowSettings
from monitor.several.mosaic import Mosaic
from monitor.several.rounds import ENDED
from monitor.several.tiles import shorter, tiles
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
    assert covered.mean() >= 0.49
    rows, columns = covered.any(axis=1).nonzero()[0], covered.any(axis=0).nonzero()[0]
    assert abs(rows[0] + rows[-1] - 719) <= 1, "all are in the middle"
    assert abs(columns[0] + columns[-1] - 1279) <= 1
    assert {round((tile.x1 - tile.x0) / (tile.y1 - tile.y0), 1) for tile in found} <= {1.8, 1.7}
    assert [len({tile.x0 for tile in tiles(n, 1280, 720)}) for n in (1, 2, 4)] == [1, 2, 2]


def test_the_grid_suits_the_pictures():
    assert [len({tile.x0 for tile in tiles(3, 1280, 720, [aspect] * 3)}) for aspect in (9 / 16, 4 / 3, 3)] == [3, 3, 1]
    tall, _ = tiles(2, 1280, 720, [16 / 9, 9 / 16])
    assert tall.y1 - tall.y0 == 720, "as high as the tallest picture needs"


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
    ys, xs = np.nonzero((drawn.picture[:, :640] == (200, 10, 10)).all(axis=2))
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


def test_an_arrangement_for_other_pictures_keeps_everybody():
    drawn = mosaic(3)
    drawn.show(0, scene((0, 0, 200)))
    drawn.show(1, Gap("lost", 3.0, "unplugged"))
    for number in (0, 2):
        drawn.show(number, scene((0, 200, 0), box=Box(10, 10, 40, 40), size=(1280, 720)))
    widths = [((drawn.picture[:, x0 : x0 + 426] == (0, 200, 0)).all(axis=2).any(axis=0)).sum() for x0 in (0, 853)]
    assert widths == pytest.approx([404, 404], abs=3), "side by side now"
    assert drawn.picture[300:420, 427:853].max() > 150, "the gap is told in its new place"


def test_a_gap_is_drawn_again_only_where_it_says_something_else(monkeypatch):
    drawn, calls = mosaic(2), []
    real = Overlay.draw_gap
    monkeypatch.setattr(Overlay, "draw_gap", lambda self, gap, last: calls.append(gap) or real(self, gap, last))
    for i in range(30):
        drawn.show(0, Gap("lost", 5 + i / 30, "unplugged"))
    assert len(calls) == 1
    drawn.show(0, Gap("lost", 6.0, "unplugged"))
    drawn.show(0, Gap("lost", 6.1, "it is busy"))
    assert len(calls) == 3


def test_a_long_name_keeps_both_ends_and_its_tile():
    name = "rtsp://***@10.1.2.3:554/Streaming/Channels/102?transport=tcp&profile=main_and_more_than_fits"
    texts = list(shorter(name))
    assert texts[0] == name
    assert texts[20].startswith("rtsp://***@10.1.2.3:554/Str")
    assert texts[20].endswith("and_more_than_fits")
    assert [len(text) for text in texts[:3]] == [len(name), len(name) - 1, len(name) - 2]
    drawn = Mosaic([name] * 9, CLASSES, ShowSettings(hud=False), None)
    before = drawn.picture.copy()
    drawn.show(0, Gap("lost", 1.0, name))
    drawn.show(0, scene((9, 9, 9)))
    assert np.argwhere((drawn.picture != before).any(axis=2)).max(axis=0).tolist()[1] < 427


def test_details_are_drawn_into_what_was_kept_and_into_living_tiles_alone():
    drawn = mosaic(4)
    for number in range(3):
        drawn.show(number, scene((90, 60, 60)))
    drawn.show(1, Gap(ENDED, 0.0))
    drawn.show(2, Gap("lost", 6.0))
    drawn.keep()
    kept = drawn.picture.copy()
    kept.setflags(write=False)
    drawn.show(0, scene((20, 250, 20)))  # goes on while the window is paused
    drawn.details = True
    shown = drawn.redraw(Scene(Frame(0, 0.0, 0.0, kept), (), {})).canvas
    changed = np.argwhere((shown != kept).any(axis=2))
    assert changed.max(axis=0).tolist()[0] < 360
    assert changed.max(axis=0).tolist()[1] < 640
    assert (shown[180, 320] == (90, 60, 60)).all(), "the picture that was shown, not a later one"
    assert (shown[330:356, 0:120] == kept[330:356, 0:120]).all(), "the name stays"
    assert (drawn.picture[180, 320] == (20, 250, 20)).all()


def test_details_are_for_all_tiles_and_drawn_at_once():
    drawn = mosaic(2)
    drawn.show(0, scene((60, 60, 60)))
    drawn.show(1, scene((90, 60, 60)))
    before = drawn.picture.copy()
    drawn.keep()
    drawn.details = True
    shown = drawn.redraw(Scene(Frame(0, 0.0, 0.0, before), (), {})).canvas
    assert drawn.details
    assert all((shown[:, half] != before[:, half]).any() for half in (slice(0, 640), slice(640, 1280)))
