"""Small anti-aliased pictures - text, plates, icons - drawn once, kept, and pasted on a canvas in microseconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np

from monitor.types import U8

Bgr: TypeAlias = tuple[int, int, int]
Bar: TypeAlias = tuple[int, int, int, int, Bgr]
"""x, y, width, height px and the colour"""

# Okabe and Ito's palette: told apart with any kind of colour vision.
GREEN, VERMILION, SKY, ORANGE, PURPLE, YELLOW = (
    (115, 158, 0),
    (0, 94, 213),
    (233, 180, 86),
    (0, 159, 230),
    (167, 121, 204),
    (66, 228, 240),
)
DARK, WHITE, SOFT, DIM, RAIL = (22, 20, 18), (255, 255, 255), (214, 214, 214), (168, 168, 168), (82, 80, 78)

_FINE = 8
"""Icons are drawn so many times larger and averaged down: smoother than any line type."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a class is shown; the icon's shape says the same as its colour."""

    name: str
    bgr: Bgr
    icon: str


UNDECIDED = Look("Undecided", SOFT, "unsure")
_KNOWN = {"real": (GREEN, "check"), "fake": (VERMILION, "warn"), "mask": (SKY, "mask")}
_OTHERS = ((ORANGE, "disc"), (PURPLE, "disc"), (YELLOW, "disc"))


def looks_of(classes: Sequence[str]) -> tuple[Look, ...]:
    """A look for each class of a card; classes with other names than ours get the remaining colours in turn."""
    styles = (_KNOWN.get(name, _OTHERS[i % len(_OTHERS)]) for i, name in enumerate(classes))
    return tuple(Look(name.capitalize(), bgr, icon) for name, (bgr, icon) in zip(classes, styles, strict=True))


def faint(bgr: Bgr) -> Bgr:
    """The colour a third of the way to grey: for tracks that are not found in this frame."""
    blue, green, red = ((2 * v + 128) // 3 for v in bgr)
    return blue, green, red


@dataclass(frozen=True, slots=True)
class Sprite:
    """A picture with soft edges: what is kept of the canvas under it, and the light it adds; uint8 (H, W, 3) both."""

    keep: U8
    light: U8

    @property
    def width_px(self) -> int:
        return int(self.keep.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.keep.shape[0])


def sprite_of(coverage: U8, bgr: Bgr, opacity: float = 1.0) -> Sprite:
    """A sprite of one colour from its coverage (H, W)."""
    cover = np.repeat(coverage[:, :, None].astype(np.float32) * (opacity / 255), 3, axis=2)
    light = cover * np.array(bgr, np.float32)
    return Sprite((255 - cover * 255 + 0.5).astype(np.uint8), (light + 0.5).astype(np.uint8))


def over(below: Sprite, above: Sprite) -> Sprite:
    """One sprite from two of the same size."""
    keep = cv2.multiply(below.keep, above.keep, scale=1 / 255)
    light = cv2.add(cv2.multiply(below.light, above.keep, scale=1 / 255), above.light)
    return Sprite(keep, light)  # type: ignore[arg-type]


def paste(canvas: U8, sprite: Sprite, x: int, y: int) -> None:
    """Blends `sprite` onto `canvas` with its upper left corner at x, y px; what lies outside is cut off."""
    left, top = max(0, -x), max(0, -y)
    part = canvas[max(0, y) : max(0, y + sprite.height_px), max(0, x) : max(0, x + sprite.width_px)]
    if part.size:
        inside = np.s_[top : top + part.shape[0], left : left + part.shape[1]]
        cv2.multiply(part, sprite.keep[inside], dst=part, scale=1 / 255)
        cv2.add(part, sprite.light[inside], dst=part)


@dataclass(frozen=True, slots=True)
class Block:
    """A group of sprites and bars that is placed as one."""

    width_px: int
    height_px: int
    sprites: tuple[tuple[Sprite, int, int], ...]
    """Each with its x, y inside the block, px; the first lies lowest."""
    bars: tuple[Bar, ...] = ()
    """In the block's own pixels; above the sprites."""


def stamp(canvas: U8, block: Block, x: int, y: int) -> None:
    """Draws `block` with its upper left corner at x, y px."""
    for sprite, dx, dy in block.sprites:
        paste(canvas, sprite, x + dx, y + dy)
    for dx, dy, width, height, bgr in block.bars:
        cv2.rectangle(canvas, (x + dx, y + dy, width, height), bgr, -1)


def flat(block: Block) -> Block:
    """The same drawn into one sprite: it is pasted at once."""
    keep = np.full((block.height_px, block.width_px, 3), 255, np.uint8)
    light = np.zeros_like(keep)
    for sprite, x, y in block.sprites:
        paste(keep, Sprite(sprite.keep, np.zeros_like(sprite.light)), x, y)
        paste(light, sprite, x, y)
    for x, y, width, height, bgr in block.bars:
        cv2.rectangle(keep, (x, y, width, height), (0, 0, 0), -1)
        cv2.rectangle(light, (x, y, width, height), bgr, -1)
    return Block(block.width_px, block.height_px, ((Sprite(keep, light), 0, 0),))


class Ink:
    """Draws sprites and keeps the latest: `text`, `plate` and `icon` cost nothing the second time."""

    def __init__(self) -> None:
        self._font = cv2.FontFace("sans")
        self.text = lru_cache(1024)(self._text)
        self.plate = lru_cache(256)(self._plate)
        self.icon = lru_cache(128)(self._icon)

    def _text(self, text: str, px: int, bgr: Bgr = WHITE, weight: int = 450, opacity: float = 1.0) -> Sprite:
        """One line, 1.25 px high for each px of size; the baseline lies `px` below its top."""
        _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), self._font, px, weight)
        area = np.zeros((math.ceil(px * 1.25), max(1, width + 2), 3), np.uint8)
        cv2.putText(area, text, (1, px), (255, 255, 255), self._font, px, weight)
        return sprite_of(area[:, :, 0], bgr, opacity)

    def _plate(self, width_px: int, height_px: int, radius_px: int, bgr: Bgr = DARK, opacity: float = 0.78) -> Sprite:
        """A rectangle with round corners."""
        area = np.zeros((height_px * 4, width_px * 4), np.uint8)
        r, w, h = radius_px * 4, width_px * 4 - 1, height_px * 4 - 1
        cv2.rectangle(area, (r, 0), (w - r, h), 255, -1)
        cv2.rectangle(area, (0, r), (w, h - r), 255, -1)
        for x, y in ((r, r), (w - r, r), (r, h - r), (w - r, h - r)):
            cv2.circle(area, (x, y), r, 255, -1)
        return sprite_of(_shrink(area, width_px, height_px), bgr, opacity)

    def _icon(self, kind: str, px: int, bgr: Bgr, opacity: float = 1.0) -> Sprite:
        """One of `check`, `warn`, `mask`, `unsure` (anything else: a disc), `px` high and wide."""
        body, glyph = _draw_icon(kind, px * _FINE)
        ground = sprite_of(_shrink(body, px, px), bgr, opacity)
        return over(ground, sprite_of(_shrink(glyph, px, px), DARK, opacity))


def _shrink(area: U8, width_px: int, height_px: int) -> U8:
    small: U8 = cv2.resize(area, (width_px, height_px), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return small


def _draw_icon(kind: str, s: int) -> tuple[U8, U8]:
    """Coverage of the coloured body and of the dark sign on it, (s, s) both."""
    body, glyph = np.zeros((s, s), np.uint8), np.zeros((s, s), np.uint8)

    def at(*xy: tuple[float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return np.array([(round(x * (s - 1)), round(y * (s - 1))) for x, y in xy], np.int32)

    def line(area: U8, width: float, *xy: tuple[float, float]) -> None:
        cv2.polylines(area, [at(*xy)], False, 255, max(1, round(width * s)), cv2.LINE_AA)

    if kind == "warn":
        corners = at((0.5, 0.11), (0.93, 0.86), (0.07, 0.86))
        cv2.fillPoly(body, [corners], 255)
        cv2.polylines(body, [corners], True, 255, round(0.13 * s), cv2.LINE_AA)
        line(glyph, 0.13, (0.5, 0.36), (0.5, 0.57))
        cv2.circle(glyph, tuple(at((0.5, 0.77))[0]), round(0.075 * s), 255, -1, cv2.LINE_AA)
    elif kind == "mask":
        cup = at((0.2, 0.3), (0.5, 0.2), (0.8, 0.3), (0.8, 0.58), (0.64, 0.8), (0.36, 0.8), (0.2, 0.58))
        cv2.fillPoly(body, [cup], 255)
        cv2.polylines(body, [cup], True, 255, round(0.1 * s), cv2.LINE_AA)
        for side in (-1, 1):
            line(body, 0.09, *((0.5 + side * x, y) for x, y in ((0.3, 0.3), (0.45, 0.24), (0.45, 0.5), (0.3, 0.58))))
        for y in (0.42, 0.6):
            line(glyph, 0.075, (0.32, y), (0.68, y))
    elif kind == "unsure":
        cv2.circle(body, (s // 2, s // 2), round(0.44 * s), 255, round(0.11 * s), cv2.LINE_AA)
        cv2.ellipse(body, (s // 2, round(0.4 * s)), (round(0.15 * s),) * 2, 0, -190, 70, 255, round(0.1 * s))
        line(body, 0.1, (0.55, 0.54), (0.5, 0.6), (0.5, 0.62))
        cv2.circle(body, (s // 2, round(0.75 * s)), round(0.06 * s), 255, -1, cv2.LINE_AA)
    else:
        cv2.circle(body, (s // 2, s // 2), round(0.49 * s), 255, -1, cv2.LINE_AA)
        if kind == "check":
            line(glyph, 0.13, (0.28, 0.52), (0.44, 0.68), (0.73, 0.36))
    return body, glyph
