"""Where to look in a frame, and what the finds of several looks amount to. Pure geometry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from monitor.types import Box, Face

OVERLAP = 0.25
"""Share of a tile that its neighbour sees too: a face of that size is whole in one of them."""
SAME_FACE = 0.5
"""Two boxes that share so much of the smaller one show one face."""
FOUND = 0.3
"""A find that shares so much with an expected face is taken for it."""
WELL_SEEN_PX = 16.0
"""A face that is smaller in the model's eyes is placed with an error of up to half the distance of its eyes."""
ALIKE, NEARLY = 2.0, 0.75
"""Finds of one face: areas differ by this factor at most, scores by this one."""
LOOK_FACES, ALONE_FACES = 6.0, 4.0
"""Side of a closer look in faces: with neighbours that are seen along, and without."""
BESIDE_A_FACE = 2.0
"""A neighbour may be smaller or larger by this factor to share a look."""
TILES_FROM_PX, SIX_FROM_PX = 480, 1000
"""Longer side of a picture from which "auto" takes 2x2 tiles and 3x2 tiles."""
Tiles = Literal["auto", "off", "2x2", "3x2"]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a frame in whole pixels, half-open."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, slots=True)
class Find:
    """A face as one model saw it in one window."""

    face: Face
    detail: float
    """Model pixels per picture pixel."""

    @property
    def seen_px(self) -> float:
        """Size of the face in the model's eyes."""
        return self.detail * max(self.face.box.width, self.face.box.height)


def tile_grid(width_px: int, height_px: int, tiles: Tiles) -> tuple[Window, ...]:
    """The overlapping tiles of a picture, row by row; none for "off" and, with "auto", for small pictures.

    The three tiles of "3x2" lie along the longer side.
    """
    longer = max(width_px, height_px)
    if tiles == "auto":
        tiles = "off" if longer < TILES_FROM_PX else "2x2" if longer < SIX_FROM_PX else "3x2"
    if tiles == "off":
        return ()
    along, across = (2, 2) if tiles == "2x2" else (3, 2)
    columns, rows = (along, across) if width_px >= height_px else (across, along)
    return tuple(
        Window(x0, y0, x1, y1) for y0, y1 in _spans(height_px, rows) for x0, x1 in _spans(width_px, columns)
    )  # fmt: skip


def _spans(length_px: int, parts: int) -> list[tuple[int, int]]:
    """`parts` overlapping spans that cover the length."""
    span = length_px / (parts - (parts - 1) * OVERLAP)
    starts = [round(i * span * (1 - OVERLAP)) for i in range(parts)]
    return [(start, min(length_px, round(start + span))) for start in starts]


def wanting(near: Iterable[Box], finds: Sequence[Find]) -> tuple[list[Box], list[Box]]:
    """The expected places (where nothing was found, where a face was found only coarsely or in another size).

    Another size may be a neck or a hat, found instead of the face. A faint find of the right size wants no closer look:
    that would make patterns look like faces.
    """
    lost: list[Box] = []
    coarse: list[Box] = []
    for box in near:
        there = [find for find in finds if box.shared(find.face.box) >= FOUND]
        well = any(_well_seen(find, box) for find in there)
        if box.area > 0 and not well:
            (coarse if there else lost).append(box)
    return lost, coarse


def _well_seen(find: Find, expected: Box) -> bool:
    return find.seen_px >= WELL_SEEN_PX and _alike(find.face.box, expected)


def closer_looks(boxes: Iterable[Box], turn: int, at_most: int, width_px: int, height_px: int) -> list[Window]:
    """At most `at_most` square windows around expected faces, each with the neighbours that fit in.

    Where there are more, `turn` (it counts frames) decides who is first, so that nobody waits for ever.
    """
    waiting = sorted(boxes, key=lambda box: (box.y0, box.x0, box.x1, box.y1))
    first = turn * max(1, at_most) % len(waiting) if waiting else 0
    waiting = waiting[first:] + waiting[:first]
    looks: list[Window] = []
    while waiting and len(looks) < at_most:
        seed = waiting[0]
        size = max(seed.width, seed.height)
        window = _square(*seed.center, LOOK_FACES * size, width_px, height_px)
        others = [box for box in waiting[1:] if not _seen_along(box, seed, window)]
        if len(others) == len(waiting) - 1:
            window = _square(*seed.center, ALONE_FACES * size, width_px, height_px)
        looks.append(window)
        waiting = others
    return looks


def _square(x: float, y: float, side: float, width_px: int, height_px: int) -> Window:
    """A square around a point, moved into the picture, cut where it is larger than that."""
    width, height = min(round(side), width_px), min(round(side), height_px)
    x0 = min(max(0, round(x - side / 2)), width_px - width)
    y0 = min(max(0, round(y - side / 2)), height_px - height)
    return Window(x0, y0, x0 + max(1, width), y0 + max(1, height))


def _seen_along(box: Box, seed: Box, window: Window) -> bool:
    """Whether a look at `seed` shows this neighbour whole and large enough."""
    inside = window.x0 <= box.x0 and window.y0 <= box.y0 and box.x1 <= window.x1 and box.y1 <= window.y1
    ratio = max(box.width, box.height) / max(seed.width, seed.height)
    return inside and 1 / BESIDE_A_FACE <= ratio <= BESIDE_A_FACE


def is_cut(box: Box, window: Window, width_px: int, height_px: int) -> bool:
    """Whether a find touches a border of its window inside the frame: likely a part of a face that others see whole."""
    return (
        (window.x0 > 0 and box.x0 <= window.x0 + 1)
        or (window.y0 > 0 and box.y0 <= window.y0 + 1)
        or (window.x1 < width_px and box.x1 >= window.x1 - 1)
        or (window.y1 < height_px and box.y1 >= window.y1 - 1)
    )


def merge(finds: Iterable[Find]) -> tuple[Face, ...]:
    """Each face once, best score first: of finds that share half of the smaller one, the best score counts.

    Box and points come from the find that saw the face largest: small ones are placed by guess.
    """
    kept: list[tuple[Find, Find]] = []
    for find in sorted(finds, key=_best_first):
        same = next((i for i, (best, _) in enumerate(kept) if find.face.box.shared(best.face.box) >= SAME_FACE), None)
        if same is None:
            kept.append((find, find))
        elif _sees_it_better(find, *kept[same]):
            kept[same] = kept[same][0], find
    return tuple(Face(finest.face.box, best.face.score, finest.face.points) for best, finest in kept)


def _best_first(find: Find) -> tuple[float, ...]:
    box = find.face.box
    return -find.face.score, -find.detail, box.x0, box.y0, box.x1, box.y1


def _sees_it_better(find: Find, best: Find, finest: Find) -> bool:
    """Whether `find` shows the face of `best` larger than `finest` does, and the whole of it as far as one can tell."""
    alike = _alike(find.face.box, best.face.box)
    return alike and find.detail > finest.detail and find.face.score >= NEARLY * best.face.score


def _alike(a: Box, b: Box) -> bool:
    return max(a.area, b.area) <= ALIKE * min(a.area, b.area)
