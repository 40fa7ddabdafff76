"""The demo scene's entrance hall and its phone, drawn once."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from monitor.sources.sprites import Sprite, sprite
from monitor.types import F32, U8

SCREEN_PX = (310, 540)
"""Width and height of the phone's screen."""
_RIM_PX, _STICK_PX = 14, 110


def draw_room(width: int, height: int) -> U8:
    """A bright entrance hall, a little out of focus: BGR (height, width, 3), the same every time."""
    room = _gradient(height, width, (206, 214, 216), (178, 188, 194))
    floor_y = round(0.80 * height)
    room[floor_y:] = _gradient(height - floor_y, width, (132, 146, 156), (96, 108, 120))
    for x in range(-width, 2 * width, 160):  # floor boards run to one vanishing point
        cv2.line(room, (width // 2 + (x - width // 2) // 2, floor_y), (x, height), (112, 124, 134), 2, cv2.LINE_AA)
    _window(room, round(0.30 * width), round(0.10 * height), round(0.70 * width), round(0.72 * height))
    for x in range(round(0.80 * width), width, 26):  # wooden slats
        cv2.rectangle(room, (x, 0), (x + 17, floor_y), (104, 142, 176), -1)
        cv2.line(room, (x, 0), (x, floor_y), (128, 166, 198), 2)
    _plant(room, round(0.07 * width), floor_y)
    cv2.rectangle(room, (0, floor_y - 10), (width, floor_y), (160, 170, 176), -1)
    for lamp in (0.17, 0.47, 0.77):
        cv2.ellipse(room, (round(lamp * width), 0), (110, 16), 0, 0, 180, (246, 252, 255), -1, cv2.LINE_AA)
    soft: F32 = cv2.GaussianBlur(room, (0, 0), 3.2).astype(np.float32)
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    soft *= (1.03 - 0.16 * (across**2 + 0.8 * down**2)).astype(np.float32)[..., None]  # darker corners
    grain = np.random.default_rng(7).normal(0, 1.6, (height, width, 1)).astype(np.float32)
    finished: U8 = np.clip(soft + grain, 0, 255).astype(np.uint8)
    return finished


def _gradient(height: int, width: int, top_bgr: tuple[int, ...], bottom_bgr: tuple[int, ...]) -> U8:
    rows = np.linspace(top_bgr, bottom_bgr, height, dtype=np.float32).astype(np.uint8)
    return np.repeat(rows[:, None], width, axis=1)


def _window(room: U8, x0: int, y0: int, x1: int, y1: int) -> None:
    """Glass doors onto a garden in the evening sun."""
    view = _gradient(y1 - y0, x1 - x0, (244, 226, 196), (140, 190, 150))
    rng = np.random.default_rng(11)
    for _ in range(220):
        x, y = int(rng.integers(0, x1 - x0)), int((y1 - y0) * (0.35 + 0.65 * rng.random()))
        green = (int(70 + 60 * rng.random()), int(130 + 80 * rng.random()), int(90 + 80 * rng.random()))
        cv2.circle(view, (x, y), int(rng.integers(8, 34)), green, -1, cv2.LINE_AA)
    room[y0:y1, x0:x1] = cv2.GaussianBlur(view, (0, 0), 11)
    for x in np.linspace(x0, x1, 5).astype(int).tolist():
        cv2.line(room, (x, y0), (x, y1), (98, 104, 108), 9, cv2.LINE_AA)
    cv2.rectangle(room, (x0, y0), (x1, y1), (98, 104, 108), 11)


def _plant(room: U8, x: int, floor_y: int) -> None:
    pot = np.array([(x - 42, floor_y - 90), (x + 42, floor_y - 90), (x + 30, floor_y + 22), (x - 30, floor_y + 22)])
    for lean in range(-5, 6):
        tip = (x + 26 * lean, floor_y - 330 + 5 * lean * lean)
        middle = ((x + tip[0]) // 2, (floor_y - 90 + tip[1]) // 2)
        angle = float(np.degrees(np.arctan2(tip[1] - floor_y + 90, tip[0] - x)))
        colour = (70 + 4 * lean, 128 + 7 * (lean % 3), 78)
        cv2.ellipse(room, middle, (125, 15), angle, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.fillPoly(room, [pot], (92, 112, 150), cv2.LINE_AA)


def draw_phone(screen_bgr: U8) -> Sprite:
    """A phone on a stick whose screen shows `screen_bgr` (540, 310, 3), as a camera sees a screen: blue, striped."""
    body, alpha, stripes, glare = _phone_parts()
    width, height = SCREEN_PX
    bgra = body.copy()
    shown = cv2.add(cv2.multiply(screen_bgr, stripes, scale=1 / 255), glare)
    bgra[_RIM_PX : _RIM_PX + height, _RIM_PX : _RIM_PX + width, :3] = shown
    return Sprite(bgra, (width / 2 + _RIM_PX, float(len(alpha))))


@cache
def _phone_parts() -> tuple[U8, U8, U8, U8]:
    """Body (H, W, 4) premultiplied, its alpha (H, W), and stripes and glare (540, 310, 3) of the screen."""
    width, height = SCREEN_PX
    full_w, full_h = width + 2 * _RIM_PX, height + 2 * _RIM_PX
    body: U8 = np.zeros((full_h + _STICK_PX, full_w, 3), np.uint8)
    alpha: U8 = np.zeros(body.shape[:2], np.uint8)
    middle = full_w // 2
    for plane, rod, case in ((body, (88, 90, 94), (34, 30, 30)), (alpha, 255, 255)):
        cv2.rectangle(plane, (middle - 11, full_h - 20), (middle + 11, len(plane)), rod, -1)
        for inset, colour in ((2, case), (7, (18, 16, 16) if plane is body else 255)):
            _rounded(plane, inset, full_w - inset, full_h - inset, 34 - inset, colour)
    cv2.circle(body, (middle, _RIM_PX // 2 + 1), 3, (70, 60, 50), -1, cv2.LINE_AA)
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    weave = 0.93 + 0.05 * np.sin(rows * 2.1 + 0.05 * columns) + 0.03 * np.sin(columns * 1.9)
    stripes = np.clip(255 * weave[..., None] * np.array((1.05, 0.98, 0.90)), 0, 255).astype(np.uint8)
    band = np.exp(-np.square((columns - 210 + 0.45 * rows) / 46)) * np.clip(1 - rows / 480, 0, 1)
    glare = np.repeat((46 * band)[..., None], 3, axis=2).astype(np.uint8)
    made = sprite(body, cv2.GaussianBlur(alpha, (0, 0), 0.8).astype(np.uint8), (0, 0))
    return made.bgra, alpha, stripes, glare


def _rounded(plane: U8, low: int, right: int, bottom: int, radius: int, colour: int | tuple[int, ...]) -> None:
    fill = (colour, colour, colour) if isinstance(colour, int) else colour
    cv2.rectangle(plane, (low + radius, low), (right - radius, bottom), fill, -1)
    cv2.rectangle(plane, (low, low + radius), (right, bottom - radius), fill, -1)
    for x in (low + radius, right - radius):
        for y in (low + radius, bottom - radius):
            cv2.circle(plane, (x, y), radius, fill, -1, cv2.LINE_AA)
