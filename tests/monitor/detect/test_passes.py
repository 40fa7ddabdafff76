"""The geometry of searching: tiles cover, looks take turns, finds of one face become one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.passes import OVERLAP, Find, Window, closer_looks, is_cut, merge, tile_grid, wanting
from monitor.types import Box, Face

POINTS = np.zeros((6, 2), np.float32)


def face(x0: float, y0: float, side: float, score: float = 0.9) -> Face:
    return Face(Box(x0, y0, x0 + side, y0 + side), score, POINTS)


@pytest.mark.parametrize(
    ("width", "height", "tiles", "count", "columns"),
    [
        (1280, 720, "off", 0, 0),
        (1280, 720, "2x2", 4, 2),
        (1280, 720, "3x2", 6, 3),
        (720, 1280, "3x2", 6, 2),
        (388, 218, "auto", 0, 0),
        (640, 360, "auto", 4, 2),
        (1280, 720, "auto", 6, 3),
        (720, 1280, "auto", 6, 2),
    ],
)
def test_tiles_by_name_and_size(width: int, height: int, tiles: str, count: int, columns: int) -> None:
    grid = tile_grid(width, height, tiles)  # type: ignore[arg-type]
    assert len(grid) == count
    assert len({window.x0 for window in grid}) == columns


@given(st.integers(200, 4000), st.integers(200, 4000), st.sampled_from(["2x2", "3x2"]), st.data())
def test_a_face_of_the_overlap_is_whole_in_a_tile(width: int, height: int, tiles: str, data: st.DataObject) -> None:
    grid = tile_grid(width, height, tiles)  # type: ignore[arg-type]
    side = int(min(OVERLAP * min(w.x1 - w.x0, w.y1 - w.y0) for w in grid)) - 4
    x, y = data.draw(st.integers(0, width - side)), data.draw(st.integers(0, height - side))
    box = Box(x, y, x + side, y + side)
    inside = [w for w in grid if w.x0 <= x and w.y0 <= y and x + side <= w.x1 and y + side <= w.y1]
    assert any(not is_cut(box, window, width, height) for window in inside)
    assert all(0 <= w.x0 < w.x1 <= width and 0 <= w.y0 < w.y1 <= height for w in grid)


def test_cut_only_at_borders_inside_the_frame() -> None:
    window = Window(0, 0, 100, 100)
    assert not is_cut(Box(0, 0, 50, 50), window, 200, 100), "at the frame's own border a face may be cut"
    assert not is_cut(Box(0, 60, 50, 110), window, 200, 100)
    assert is_cut(Box(60, 20, 99.5, 60), window, 200, 100)
    assert is_cut(Box(99, 0, 150, 50), Window(100, 0, 200, 100), 200, 100)


def finds(*faces: Face, detail: float = 1.0) -> list[Find]:
    return [Find(face, detail) for face in faces]


def test_the_best_of_several_finds_of_a_face_stays() -> None:
    whole, part, other = face(100, 100, 80, 0.7), face(120, 120, 40, 0.9), face(300, 100, 80, 0.5)
    assert merge(finds(other, whole, part)) == (part, other)
    assert merge(finds(whole, other)) == (whole, other)
    beside = face(150, 100, 80, 0.6)
    assert whole.box.shared(beside.box) == pytest.approx(3 / 8)
    assert merge(finds(whole, beside)) == (whole, beside), "two faces side by side are two"
    assert merge([]) == ()


def test_the_order_of_finds_does_not_matter() -> None:
    row = finds(*(face(10 * i, 0, 30, 0.5) for i in range(8)))
    assert merge(row) == merge(reversed(row))


def test_the_place_comes_from_the_find_that_saw_the_face_largest() -> None:
    coarse, fine = face(100, 100, 50, 0.9), face(108, 106, 44, 0.8)
    (merged,) = merge(finds(coarse, detail=0.1) + finds(fine, detail=0.4))
    assert (merged.score, merged.box) == (0.9, fine.box)
    assert merge(finds(coarse, detail=0.4) + finds(fine, detail=0.1)) == (coarse,)
    doubtful, part = face(108, 106, 44, 0.5), face(110, 110, 20, 0.85)
    assert merge(finds(coarse, detail=0.1) + finds(doubtful, part, detail=0.4)) == (coarse,)


def test_only_what_was_not_well_seen_is_looked_for() -> None:
    near = [Box(0, 0, 10, 10), Box(100, 0, 110, 10), Box(5, 5, 5, 20), Box(200, 0, 210, 10)]
    seen = finds(face(2, 2, 10), detail=2) + finds(face(202, 2, 10), detail=1)
    assert wanting(near, seen) == ([near[1]], [near[3]])


@pytest.mark.parametrize("other", [face(-5, 0, 45), face(8, 8, 20)])
def test_where_something_of_another_size_was_found_a_closer_look_is_taken(other: Face) -> None:
    expected = Box(0, 0, 30, 30)
    assert wanting([expected], finds(other, detail=1)) == ([], [expected])
    assert wanting([expected], finds(other, face(1, 1, 29, 0.5), detail=1)) == ([], [])


def test_looks_take_turns_until_everybody_was_looked_at() -> None:
    boxes = [Box(x, y, x + 20, y + 20) for x in range(0, 1200, 300) for y in range(0, 600, 300)]
    seen: set[Box] = set()
    for turn in range(len(boxes) // 2):
        looks = closer_looks(reversed(boxes), turn, 2, 1280, 720)
        assert looks == closer_looks(boxes, turn, 2, 1280, 720), "the order of the tracks does not matter"
        assert len(looks) == 2
        seen |= {b for b in boxes for w in looks if w.x0 <= b.x0 and b.x1 <= w.x1 and w.y0 <= b.y0 and b.y1 <= w.y1}
    assert seen == set(boxes)
    assert closer_looks([], 3, 2, 1280, 720) == []
    assert closer_looks(boxes, 3, 0, 1280, 720) == []


def test_neighbours_share_a_look_and_windows_stay_inside() -> None:
    grid = [Box(x, y, x + 30, y + 30) for x in range(0, 600, 60) for y in range(0, 330, 60)]
    looks = closer_looks(grid, 0, 100, 640, 360)
    assert len(looks) < len(grid) / 2
    assert all(0 <= w.x0 < w.x1 <= 640 and 0 <= w.y0 < w.y1 <= 360 for w in looks)
    assert closer_looks([Box(-50, -50, 900, 900)], 0, 1, 640, 360) == [Window(0, 0, 640, 360)]
    far_smaller = [Box(300, 150, 340, 190), Box(350, 190, 356, 196)]
    assert len(closer_looks(far_smaller, 0, 5, 640, 360)) == 2, "a much smaller neighbour needs a look of its own"
