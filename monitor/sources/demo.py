"""The built-in scene `demo:faces`: two public-domain portraits walk in, one puts a mask on, one returns on a phone.

A pure function of time, so every machine sees the same pictures. No camera, no network, no file of the user's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np

from monitor.mask_drawing import MaskLook, mask_layer, mask_reach
from monitor.sources.demo_room import draw_phone, draw_room
from monitor.sources.sprites import Sprite, load_cutout, paste, sprite
from monitor.types import F32, U8, Frame, freeze

WIDTH_PX, HEIGHT_PX, FPS, SECONDS = 1280, 720, 30, 30

# The six points of the detector (Face.points) in the vendored cut-outs, px.
COLLINS: F32 = np.array([(187.5, 98.5), (232, 102.5), (207, 124), (206, 143), (165, 108), (259, 112)], np.float32)
HOPPER: F32 = np.array([(222, 184), (308, 174.5), (269, 222), (273, 266), (178, 217), (357, 198)], np.float32)

# (second, where across the picture px, scale, how far below its place px); between two keys the move is eased.
Key: TypeAlias = tuple[float, float, float, float]
COLLINS_WALK: tuple[Key, ...] = (
    (0.2, -360, 1.6, 0), (2.6, 330, 1.6, 0), (8.5, 390, 1.98, 0), (11.5, 370, 1.85, 0), (14.2, -420, 1.7, 0),
    (23.8, -360, 1.7, 0), (26.0, 310, 1.75, 0), (27.6, 330, 1.8, 0), (29.8, -400, 1.7, 0),
)  # fmt: skip
HOPPER_WALK: tuple[Key, ...] = (
    (3.4, 1580, 0.92, 0), (6.0, 940, 0.95, 0), (11.0, 920, 1.05, 0), (17.0, 850, 1.25, 0), (23.5, 890, 1.12, 0),
    (26.8, 1640, 1.0, 0),
)  # fmt: skip
PHONE_MOVE: tuple[Key, ...] = (
    (15.2, 300, 0.98, 760), (16.8, 320, 0.98, 0), (20.5, 350, 1.04, 0), (22.4, 330, 1.0, 0), (23.8, 310, 0.98, 800),
)  # fmt: skip
MASK_UP_S, MASK_ON_S = 12.0, 13.0
"""From here on Hopper's mask comes up; from there on it sits."""


@dataclass(frozen=True, slots=True)
class _Cast:
    """Everything drawn once."""

    room: U8
    collins: Sprite
    hopper: Sprite
    hopper_masked: Sprite
    hopper_mask: Sprite
    """The mask alone, on its way up."""
    replay: U8
    """What the phone plays: Collins before a blue wall, a little larger than the screen."""


@cache
def _cast() -> _Cast:
    """All sprites, drawn on first use (about 0.2 s). Raises MediaError where a picture is missing."""
    folder = Path(__file__).with_name("demo_faces")
    collins_bgr, collins_alpha = load_cutout(folder, "collins")
    hopper_bgr, hopper_alpha = load_cutout(folder, "hopper")
    collins = sprite(collins_bgr, collins_alpha, (185.0, float(len(collins_bgr))))
    anchor = (265.0, float(len(hopper_bgr)))
    hopper = sprite(hopper_bgr, hopper_alpha, anchor)

    x0, y0, x1, y1 = mask_reach(HOPPER, hopper_bgr.shape[1], hopper_bgr.shape[0])
    layer = mask_layer(y1 - y0, x1 - x0, HOPPER - np.array((x0, y0), np.float32), MaskLook(light=0.98))
    mask = sprite(layer[..., :3], layer[..., 3], (anchor[0] - x0, anchor[1] - y0))
    masked = hopper.bgra.copy()
    colours = np.ascontiguousarray(masked[..., :3])
    paste(colours, mask, anchor)
    masked[..., :3] = colours
    masked[y0:y1, x0:x1, 3] = np.maximum(masked[y0:y1, x0:x1, 3], layer[..., 3])
    freeze(masked)

    replay: U8 = np.empty((560, 340, 3), np.uint8)
    replay[:] = np.linspace((150, 120, 70), (95, 70, 40), 560, dtype=np.float32)[:, None].astype(np.uint8)
    paste(replay, collins, (125, 575), scale=1.66)
    room = draw_room(WIDTH_PX, HEIGHT_PX)
    freeze(room)
    freeze(replay)
    return _Cast(room, collins, hopper, Sprite(masked, anchor), mask, replay)


def cutouts() -> tuple[tuple[U8, U8, F32], ...]:
    """(BGR picture (H, W, 3), coverage (H, W), the six points in it (6, 2) px) of both. Raises MediaError."""
    folder = Path(__file__).with_name("demo_faces")
    names = (("collins", COLLINS), ("hopper", HOPPER))
    return tuple((*load_cutout(folder, name), points) for name, points in names)


def portraits() -> tuple[tuple[U8, F32], ...]:
    """(BGR picture (H, W, 3), the six points in it (6, 2) px) of both, as they came. Raises MediaError."""
    return tuple((bgr, points) for bgr, _, points in cutouts())


def render(t: float) -> U8:
    """The scene at `t` seconds (0 to 30): a new BGR picture (720, 1280, 3)."""
    cast = _cast()
    canvas = cast.room.copy()
    _walk(canvas, cast.collins, COLLINS_WALK, t)
    masked = t >= MASK_ON_S
    _walk(canvas, cast.hopper_masked if masked else cast.hopper, HOPPER_WALK, t)
    if MASK_UP_S <= t < MASK_ON_S:
        rest = 1 - _ease((t - MASK_UP_S) / (MASK_ON_S - MASK_UP_S))
        _walk(canvas, cast.hopper_mask, HOPPER_WALK, t, lift=-330 * rest)
    _phone(canvas, cast, t)
    return canvas


def _walk(canvas: U8, who: Sprite, keys: tuple[Key, ...], t: float, *, lift: float = 0.0) -> None:
    """Pastes a person, feet below the picture; `lift` moves it up by so many of its own pixels."""
    place = _at(keys, t)
    if place is None:
        return
    x, scale, below = place
    bob = 5 + 5 * math.sin(2 * math.pi * 0.9 * t + x / 60)
    turn_deg = 1.6 * math.sin(2 * math.pi * 0.23 * t + x / 300)
    paste(canvas, who, (x, HEIGHT_PX + below + bob - lift * scale), scale=scale, turn_deg=turn_deg)


def _phone(canvas: U8, cast: _Cast, t: float) -> None:
    """Pastes the phone that plays a recording of Collins."""
    place = _at(PHONE_MOVE, t)
    if place is None:
        return
    x, scale, below = place
    pan_x = round(15 + 12 * math.sin(1.3 * t))
    pan_y = round(10 + 9 * math.sin(0.9 * t + 1))
    phone = draw_phone(cast.replay[pan_y : pan_y + 540, pan_x : pan_x + 310])
    turn_deg = -3 + 2.5 * math.sin(0.8 * t)
    paste(canvas, phone, (x, HEIGHT_PX + below), scale=scale, turn_deg=turn_deg)


def _at(keys: tuple[Key, ...], t: float) -> tuple[float, float, float] | None:
    """(x, scale, below) at `t`; None before the first key and after the last."""
    for (t0, *start), (t1, *end) in pairwise(keys):
        if t0 <= t <= t1:
            share = _ease((t - t0) / (t1 - t0))
            x, scale, below = (a + (b - a) * share for a, b in zip(start, end, strict=True))
            return x, scale, below
    return None


def _ease(share: float) -> float:
    return share * share * (3 - 2 * share)


class DemoFaces:
    """The built-in scene as a source: 30 s of 1280x720 at 30 frames a second; with `loop` it goes on for ever."""

    live = False
    name = "demo:faces"

    def __init__(self, loop: bool = False) -> None:
        """Draws the sprites. Raises MediaError where a vendored picture is missing."""
        _cast()
        self._loop = loop
        self._index = 0
        self._closed = False

    def read(self, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a drawn picture never keeps anyone waiting
        """The next picture, read-only; None at the end of the scene (never with `loop`) and once closed."""
        index = self._index
        if self._closed or (index >= FPS * SECONDS and not self._loop):
            return None
        self._index += 1
        bgr = render(index % (FPS * SECONDS) / FPS)
        freeze(bgr)
        return Frame(index=index, t=index / FPS, wall=None, bgr=bgr)

    def close(self) -> None:
        """Ends the scene; may be called twice."""
        self._closed = True
