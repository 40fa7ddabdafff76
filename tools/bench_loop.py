"""The loop alone: what it costs beside detector and engine, and whether it grows."""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Iterator
from contextlib import closing
from time import perf_counter
from typing import Any

import numpy as np
import psutil

from engines import load_bundle
from engines.contract import Card, EngineInfo
from monitor.app import thinking
from monitor.loop import scenes
from monitor.overlay import Overlay
from monitor.settings import Settings
from monitor.sinks.summary import Summary
from monitor.types import F32, U8, Box, Face, Frame, Scene, freeze

FACES, WIDTH_PX, HEIGHT_PX, FPS = 4, 1280, 720, 30
WARM_UP, FRAMES = 300, 3000
LIMIT_MS, GROWTH_MB = 1.0, 8.0
MB = 1e6


class _Pictures:
    """The same few pictures for ever, already in memory."""

    live, name = False, "pictures"

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._bgr = [rng.integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8) for _ in range(4)]
        for bgr in self._bgr:
            freeze(bgr)
        self._index = -1

    def read(self, timeout_s: float) -> Frame:  # noqa: ARG002 - there is always one
        self._index += 1
        return Frame(self._index, self._index / FPS, None, self._bgr[self._index % 4])

    def close(self) -> None:
        """Nothing is held."""


class _Faces:
    """Four people who walk about, found without looking."""

    def detect(self, frame: Frame, near: Any = ()) -> tuple[Face, ...]:  # noqa: ARG002
        t = frame.t
        return tuple(
            Face(Box(x, y, x + 160, y + 160), 0.95, np.zeros((6, 2), np.float32))
            for k in range(FACES)
            for x, y in [(60 + 300 * k + 40 * np.sin(t + k), 200 + 60 * np.cos(0.7 * t + k))]
        )

    def close(self) -> None:
        """Nothing is held."""


class _Engine:
    """Answers at once."""

    def __init__(self, card: Card) -> None:
        self.card, self.info = card, EngineInfo("none", "none", "none", "a fake", "none")

    def infer(self, rgb: U8) -> F32:
        return np.tile(np.array([0.96, 0.02, 0.02], np.float32), (len(rgb), 1))

    def close(self) -> None:
        """Nothing is held."""


def overhead(_asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a frame beside detector and engine; and what drawing adds."""
    bare, drawn = _times(draw=False), _times(draw=True)
    loop_ms, draw_ms = statistics.median(bare), statistics.median(drawn) - statistics.median(bare)
    return {
        "loop_ms": {"p50": round(loop_ms, 4), "p95": round(float(np.percentile(bare, 95)), 4)},
        "draw_ms": {"p50": round(draw_ms, 4)}, "faces": FACES, "frames": len(bare),
        "holds": loop_ms <= LIMIT_MS and draw_ms <= LIMIT_MS,
    }  # fmt: skip


def _times(*, draw: bool) -> list[float]:
    run = _run(draw=draw)
    for _ in range(WARM_UP):
        next(run)
    found = []
    for _ in range(FRAMES):
        begun = perf_counter()
        next(run)
        found.append(1e3 * (perf_counter() - begun))
    return found


def _run(*, draw: bool) -> Iterator[Scene]:
    card, settings = load_bundle("vgg16-128").card, Settings()
    overlay, summary = Overlay(card.classes, settings.show), Summary(None, card.classes)
    with closing(summary), thinking(settings, _Engine(card), live=False) as thought:
        for item in scenes(_Pictures(), _Faces(), *thought):
            assert isinstance(item, Scene)
            scene = overlay.draw(item) if draw else item
            summary.write(scene)
            yield scene


def flat(asked: argparse.Namespace) -> dict[str, Any]:
    """Resident memory as frames go by: the median of the last tenth of the samples against that of the second tenth."""
    process, samples = psutil.Process(), []
    every = max(1, asked.frames // 200)
    for number, _ in enumerate(_run(draw=True)):
        if number % every == 0:
            gc.collect()
            samples.append(process.memory_info().rss / MB)
        if number == asked.frames:
            break
    tenth = len(samples) // 10
    early, late = statistics.median(samples[tenth : 2 * tenth]), statistics.median(samples[-tenth:])
    return {
        "frames": asked.frames, "early_mb": round(early, 1), "late_mb": round(late, 1),
        "most_mb": round(max(samples), 1), "grown_mb": round(late - early, 1), "holds": late - early <= GROWTH_MB,
    }  # fmt: skip
