"""What is written beside a face: icon, label, confidence, id; shorter where room is short, longer with details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from monitor.ink import DIM, RAIL, SOFT, UNDECIDED, WHITE, Bar, Block, Ink, Look, Sprite, faint, flat, looks_of
from monitor.types import Track

_KEPT = 512
"""Labels: of some dozens of people, whose percentages change."""
Rect: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 px"""


def confidence_of(track: Track) -> float | None:
    """The smoothed probability of the track's label, of the likeliest class where undecided; None = never judged."""
    if track.probs is None:
        return None
    return float(track.probs.max() if track.label is None else track.probs[track.label])


@dataclass(frozen=True, slots=True)
class _Pen:
    """The measures of one label: everything follows from the text size."""

    px: int
    opacity: float

    def of(self, share: float, least: int = 1) -> int:
        return max(least, round(self.px * share))


@dataclass(frozen=True, slots=True)
class _Said:
    """What the label of a track says; equal ones look the same."""

    id: int
    label: int | None
    reason: str | None
    was_fake: bool
    confidence: float | None
    """As it is written."""


class Labels:
    """Builds the labels of tracks; each is drawn once and kept for as long as it says the same."""

    def __init__(self, ink: Ink, classes: Sequence[str]) -> None:
        self._ink = ink
        self._plain = lru_cache(_KEPT)(self._draw_plain)
        self.looks = looks_of(classes)
        self._fake = dict(zip(classes, self.looks, strict=True)).get("fake", UNDECIDED)

    def look(self, track: Track | _Said) -> Look:
        return UNDECIDED if track.label is None else self.looks[track.label]

    def variants(
        self, track: Track, text_px: int, *, coasting: bool, details: bool, brief: bool = False
    ) -> Iterator[Block]:
        """The label of `track`, the richest first, the last one the icon alone; each is built when asked for.

        `details` begins with the probabilities of all classes, `brief` leaves out what the icon and the bar say too.
        """
        pen = _Pen(text_px, 0.7 if coasting else 1.0)
        if details and track.probs is not None:
            yield self._detailed(track, pen)
        full = ("name", "reason", "percent", "id")
        short = ("reason", "id") if track.label is None and track.reason else ("name", "id")
        wanted: tuple[tuple[str, ...], ...] = (short, short[:1], ()) if brief else (full, short, short[:1], ())
        for parts in wanted:
            yield self._plain(_said(track, 2 if "percent" in parts else 1), pen, parts)

    def _words(self, track: _Said, pen: _Pen, parts: Sequence[str]) -> list[tuple[Sprite, int]]:
        """The line's sprites, each with the width it is given."""
        text, small = self._ink.text, pen.of(0.86)
        line: list[tuple[Sprite, int]] = []
        if "name" in parts:
            line.append(_own(text(self.look(track).name, pen.px, WHITE, 560, pen.opacity)))
        if "name" in parts and track.was_fake and self.look(track) is not self._fake:
            line.append(_own(text("was fake", small, self._fake.bgr, 560, pen.opacity)))
        if "reason" in parts and track.label is None and track.reason:
            line.append(_own(text(track.reason, small, SOFT, 420, pen.opacity)))
        if "percent" in parts and track.label is not None and track.confidence is not None:
            # As wide as the widest, so that the plate does not twitch with every digit.
            width = text("100%", pen.px, WHITE, 420, pen.opacity).width_px
            line.append((text(f"{track.confidence:.0%}", pen.px, WHITE, 420, pen.opacity), width))
        if "id" in parts:
            line.append(_own(text(f"#{track.id}", small, DIM, 420, pen.opacity)))
        return line

    def _line(self, track: _Said, pen: _Pen, parts: Sequence[str]) -> tuple[list[tuple[Sprite, int, int]], int]:
        """The sprites of the line in their places, and its width; all words stand on one base line."""
        side, gap, top = pen.of(0.4), pen.of(0.36), pen.of(0.12)
        icon = self._ink.icon(self.look(track).icon, pen.of(1.05), self.look(track).bgr, pen.opacity)
        placed = [(icon, side, top + round(pen.px * 0.65 - icon.height_px / 2))]
        x = side + icon.width_px
        for word, width in self._words(track, pen, parts):
            x += gap
            ascent = round(word.height_px / 1.25 - 0.4)
            placed.append((word, x, top + pen.px - ascent))
            x += width
        return placed, x + side

    def _draw_plain(self, track: _Said, pen: _Pen, parts: tuple[str, ...]) -> Block:
        placed, width = self._line(track, pen, parts)
        side, rail = pen.of(0.4), pen.of(0.15, 2)
        rail_y = pen.of(1.5)
        height = rail_y + rail + pen.of(0.34)
        plate = self._ink.plate(width, height, pen.of(0.34), opacity=0.78 * pen.opacity)
        bars = self._bar(track.confidence, self.look(track), (side, rail_y, width - 2 * side, rail), pen)
        return flat(Block(width, height, ((plate, 0, 0), *placed), bars))

    def _detailed(self, track: Track, pen: _Pen) -> Block:
        """The label with a row for each class and the facts below."""
        probs = track.probs
        assert probs is not None
        small, side, row = pen.of(0.86), pen.of(0.4), pen.of(1.25)
        placed, width = self._line(_said(track), pen, ("name", "reason", "percent", "id"))
        facts = f"{track.judgements} judgements · found {track.face.score:.2f}"
        fact = self._ink.text(facts, small, DIM, 420, pen.opacity)
        names = [self._ink.text(look.name, small, SOFT, 420, pen.opacity) for look in self.looks]
        numbers = [self._ink.text(f"{p:.3f}", small, SOFT, 420, pen.opacity) for p in probs]
        rail_x = side + max(name.width_px for name in names) + side
        number_px = self._ink.text("0.000", small, SOFT, 420, pen.opacity).width_px
        width = max(width, fact.width_px + 2 * side, rail_x + pen.of(4) + side + number_px + side)
        y, bars = pen.of(1.75), list[Bar]()
        for name, number, look, p in zip(names, numbers, self.looks, probs, strict=True):
            placed += [(name, side, y), (number, width - side - number_px, y)]
            rail = (rail_x, y + pen.of(0.45), width - rail_x - 2 * side - number_px, pen.of(0.24, 2))
            bars += self._bar(float(p), look, rail, pen)
            y += row
        placed.append((fact, side, y))
        height = y + row + pen.of(0.25)
        plate = self._ink.plate(width, height, pen.of(0.34), opacity=0.82 * pen.opacity)
        return Block(width, height, ((plate, 0, 0), *placed), tuple(bars))

    def _bar(self, share: float | None, look: Look, rail: tuple[int, int, int, int], pen: _Pen) -> tuple[Bar, ...]:
        x, y, width, height = rail
        bgr = look.bgr if pen.opacity == 1 else faint(look.bgr)
        filled = round(width * (share or 0.0))
        bars = ((x, y, width, height, RAIL), (x, y, filled, height, bgr))
        return bars[: 2 if filled else 1]


def _said(track: Track, digits: int = 2) -> _Said:
    """`digits` of the confidence: where it is not written, the bar need not follow each percent."""
    confidence = confidence_of(track)
    share = None if confidence is None else round(confidence, digits)
    return _Said(track.id, track.label, track.reason, track.was_fake, share)


def _own(word: Sprite) -> tuple[Sprite, int]:
    return word, word.width_px


def place(
    variants: Iterable[Block], face: Rect, taken: Sequence[Rect], others: Sequence[Rect], shape: tuple[int, ...]
) -> tuple[Block, int, int]:
    """The first variant that finds a free place at `face`, and its x, y px.

    Tried for each: above, below, beside and inside the box, away from other faces; then the same places over other
    faces; then the shortest above the box whatever is there. It never leaves a picture that is large enough for it.
    """
    height, width = shape[:2]
    blocks = []
    for block in variants:
        blocks.append(block)
        if block.width_px <= width and (spot := _free_spot(block, face, (*taken, *others), width, height)):
            return block, *spot
    for block in blocks:
        if block.width_px <= width and (spot := _free_spot(block, face, taken, width, height)):
            return block, *spot
    x = min(max(0, round(face[0])), max(0, width - blocks[-1].width_px))
    y = min(max(0, round(face[1]) - blocks[-1].height_px), max(0, height - blocks[-1].height_px))
    return blocks[-1], x, y


def _free_spot(block: Block, face: Rect, taken: Iterable[Rect], width: int, height: int) -> tuple[int, int] | None:
    x0, y0, x1, y1 = (round(v) for v in face)
    w, h = block.width_px, block.height_px
    gap = max(2, round(h * 0.16))
    left, right = min(max(0, x0), width - w), min(max(0, x1 - w), width - w)
    spots = (
        (left, y0 - gap - h),
        (left, y1 + gap),
        (right, y0 - gap - h),
        (right, y1 + gap),
        (x1 + gap, y0),
        (x0 - gap - w, y0),
        (left, y0 + gap),
        (left, y1 - gap - h),
    )
    for x, y in spots:
        inside = 0 <= x <= width - w and 0 <= y <= height - h
        if inside and not any(x < bx and ax < x + w and y < by and ay < y + h for ax, ay, bx, by in taken):
            return x, y
    return None
