"""Films made for measuring: so many people at once, at any size, and the demo scene itself."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from monitor.app import Say
from monitor.errors import SourceError
from monitor.mask_drawing import draw_mask
from monitor.sinks.video import VideoRecorder
from monitor.sources.demo import FPS, SECONDS, cutouts, render
from monitor.sources.scanning import scan
from monitor.sources.sprites import Sprite, paste, sprite
from monitor.types import U8, Frame, Scene

VERSION = 1
"""Of what is drawn; raised with every change, so that no old film is played."""
CROWD_S = 4.0
LARGEST = 0.5
"""Of a head, as a share of the picture's height."""
HEAD = 0.6
"""Of a head, as a share of its window."""
HEAD_PER_EYES_TO_MOUTH = 3.2
ASPECT = 1.25
"""Of a window that suits a person, width over height."""
SWAY = 0.05
"""How far people move, as a share of their window."""
DARK = 28
MASKED_EVERY = 3
Draw = Callable[[float], U8]


def film(folder: Path, *, faces: int, width_px: int, height_px: int, say: Say) -> Path:
    """A recording (H.264, 4 s, 30 a second) of so many people, whose end fits its beginning; made once, then kept.

    Raises MediaError where the portraits are missing, SinkError where it cannot be written.
    """
    name = f"crowd-{VERSION}-{faces}-{width_px}x{height_px}.mp4"
    return _kept(folder / name, lambda: crowd(faces, width_px, height_px), CROWD_S, say)


def demo_film(folder: Path, *, say: Say) -> Path:
    """The built-in scene as a recording: 1280x720, 30 s. Raises as `film`."""
    return _kept(folder / f"demo-{VERSION}.mp4", lambda: render, SECONDS, say)


def _kept(path: Path, scene: Callable[[], Draw], seconds: float, say: Say) -> Path:
    """What is there and whole is good. Each process makes its own and gives it the name in one step."""
    frames = round(seconds * FPS)
    if path.is_file():
        if _pictures(path) == frames:
            return path
        say(f"{path.name} is damaged")
    say(f"making a film to play: {path.name} (once)")
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_stem(f"{path.stem}.{os.getpid()}")
    draw, recorder = scene(), VideoRecorder(mine)
    try:
        for index in range(frames):
            bgr = draw(index / FPS)
            recorder.write(Scene(Frame(index, index / FPS, None, bgr), (), {}))
    except BaseException:
        mine.with_name(mine.name + ".part").unlink(missing_ok=True)
        raise
    recorder.close()
    return mine.replace(path)


def _pictures(path: Path) -> int:
    """How many a recording has whole; -1 where it is none."""
    try:
        return scan(str(path)).frames
    except SourceError:
        return -1


@dataclass(frozen=True, slots=True)
class _Place:
    """One window of the gallery, who is in it, and how he moves."""

    who: int
    x0: int
    y0: int
    x1: int
    y1: int
    head_px: float
    phase: float
    turns: int
    """Whole periods within the film, so that its end fits its beginning."""


def crowd(faces: int, width_px: int, height_px: int) -> Draw:
    """t -> a new BGR picture (height_px, width_px, 3) of so many people, as a video call shows them.

    Raises MediaError.
    """
    people = list(_people())
    places = list(_places(faces, width_px, height_px))
    empty = np.full((height_px, width_px, 3), DARK, np.uint8)
    for n, place in enumerate(places):
        window = empty[place.y0 : place.y1, place.x0 : place.x1]
        window[:] = _wall(window.shape[0], window.shape[1], n)

    def draw(t: float) -> U8:
        canvas = empty.copy()
        for place in places:
            window = canvas[place.y0 : place.y1, place.x0 : place.x1]
            height, width = window.shape[:2]
            angle = 2 * math.pi * (place.turns * t / CROWD_S + place.phase)
            sway_px = SWAY * min(width, height)
            at = 0.5 * width + sway_px * math.sin(angle), 0.51 * height + 0.6 * sway_px * math.cos(angle)
            who, head_px = people[place.who]
            paste(window, who, at, scale=place.head_px / head_px, turn_deg=2.5 * math.sin(angle + 1))
        return canvas

    return draw


def _people() -> Iterator[tuple[Sprite, float]]:
    """(sprite with its anchor between eyes and mouth, height of the head px): both portraits, bare and masked."""
    for bgr, alpha, points in cutouts():
        eyes, mouth = points[:2].mean(axis=0), points[3]
        middle = (0.5 * float(eyes[0] + mouth[0]), 0.5 * float(eyes[1] + mouth[1]))
        head_px = HEAD_PER_EYES_TO_MOUTH * float(np.linalg.norm(mouth - eyes))
        yield sprite(bgr, alpha, middle), head_px
        yield sprite(draw_mask(bgr, points), alpha, middle), head_px


def _places(faces: int, width_px: int, height_px: int) -> Iterator[_Place]:
    columns = max(
        range(1, faces + 1), key=lambda n: (min(width_px / n, ASPECT * height_px / math.ceil(faces / n)), -n)
    )  # leaves each the most room
    rows = math.ceil(faces / columns)
    across, down = width_px / columns, height_px / rows
    gap = max(1, round(0.01 * min(across, down)))
    for n in range(faces):
        row, column = divmod(n, columns)
        left = (column + (columns - min(columns, faces - row * columns)) / 2) * across
        who = 2 * (n % 2) + (n % MASKED_EVERY == MASKED_EVERY - 1)
        head_px = min(HEAD * min(across, down), LARGEST * height_px) * (1 - 0.12 * ((n * 7) % 5) / 4)
        yield _Place(
            who, round(left) + gap, round(row * down) + gap, round(left + across) - gap, round((row + 1) * down) - gap,
            head_px, phase=(n * 0.37) % 1, turns=1 + n % 2,
        )  # fmt: skip


def _wall(height: int, width: int, n: int) -> U8:
    """What is behind a person: a lit wall, of another colour for each."""
    hue = np.array([[[(n * 47) % 180, 60, 190]]], np.uint8)
    colour = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].astype(np.float32)
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    light = 1.05 - 0.35 * np.hypot(down + 0.3, across)
    wall: U8 = np.clip(light[..., None] * colour, 0, 255).astype(np.uint8)
    return wall
