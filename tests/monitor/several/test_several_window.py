"""The window of several sources, on a real X server, with real key presses; and that a long run stays flat."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from monitor.config import load_settings
from monitor.several.mosaic import Mosaic
from monitor.several.outlets import SeveralOutlets
from monitor.several.rounds import rounds
from monitor.types import Frame, Gap, Losses
from tests.monitor.several.test_several_turns import Judge, Search, tracker
from tests.monitor.sinks.test_window import display  # noqa: F401 - a fixture
from tests.people import HOPPER, walk_video

ROOT = Path(__file__).parents[3]


def until(what: Callable[[], Any], patience_s: float = 30.0) -> Any:
    end_s = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < end_s
        time.sleep(0.05)
    return found


def test_keys_in_the_picture_of_all(display: str, bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    env = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}
    env.pop("WAYLAND_DISPLAY", None)
    films = [walk_video(tmp_path / "door.mp4", 50), walk_video(tmp_path / "yard.mp4", 50, who=HOPPER)]
    size = ("--set", "show.mosaic_width_px=800", "--set", "show.mosaic_height_px=300")
    args = ("--source", films[0], "--source", films[1], "--loop", "--bundle", bundle, *size, "--summary", "s.json")
    command = [sys.executable, "-m", "monitor", "run", *map(str, args)]

    def xdotool(*words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=env, check=True, capture_output=True, text=True, timeout=40)
        return done.stdout

    def press(key: str) -> None:
        time.sleep(0.3)  # of two keys at once OpenCV forgets one
        xdotool("key", key)

    def saved(count: int) -> list[Path]:
        press("s")
        pictures = tmp_path / "out"
        until(lambda: len(list(pictures.glob("*.png"))) >= count)
        return sorted(pictures.glob("*.png"), key=lambda path: path.stat().st_mtime_ns)

    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            window = xdotool("search", "--sync", "--onlyvisible", "--name", "^monitor$").split()[-1]
            xdotool("windowfocus", "--sync", window)
            time.sleep(0.5)
            press("space")
            saved(1)
            saved(2)
            press("d")
            paths = saved(3)
            press("q")
            assert process.wait(20) == 0
        finally:
            process.kill()
    first, second, third = (cv2.imread(str(path)) for path in paths)
    assert first.shape == (300, 800, 3)
    assert (first == second).all(), "paused, all stand still"
    changed = (first != third).any(axis=2)
    assert changed[:, :400].any(), "details come into both"
    assert changed[:, 400:].any()
    assert changed.mean() < 0.3, "of the picture that was there"
    assert json.loads((tmp_path / "s.json").read_text())["totals"]["frames"] > 20


class Endless:
    """A camera that is lost now and then, and begins again."""

    live, name = True, "endless"

    def __init__(self, number: int) -> None:
        self.number, self.asked = number, 0

    def read(self, timeout_s: float) -> Frame | Gap:  # noqa: ARG002
        self.asked += 1
        if self.asked % 50 < 5:
            return Gap("lost", 5 + self.asked % 50, f"reason {self.asked % 7}")
        bgr = np.full((120, 160, 3), self.asked % 256, np.uint8)
        return Frame(self.asked % 1000, self.asked / 30, self.asked / 30, bgr)

    def close(self) -> None:
        """Nothing is held."""


class Forgetful(Judge):
    def ask_all(self, parts: Any) -> Any:
        self.calls.clear()
        return super().ask_all(parts)


class Blind(Search):
    def find(self, asked: Any) -> Any:
        self.asked.clear()
        return super().find(asked)


def test_memory_does_not_grow(tmp_path: Path) -> None:
    outputs = [f"output.events={tmp_path / 'e.jsonl'}", f"output.summary={tmp_path / 's.json'}"]
    small = ["show.mosaic_width_px=480", "show.mosaic_height_px=135", "show.hud=false", "show.headless=true"]
    settings = load_settings(None, [*outputs, *small])
    engine: Any = SimpleNamespace(
        card=SimpleNamespace(classes=("real", "fake", "mask")),
        info=SimpleNamespace(runtime="onnxruntime", precision="int8", device="CPU", why="it is a test"),
    )
    sources: dict[int, Any] = {n: Endless(n) for n in range(3)}
    told = rounds(sources, lambda _: None, Blind(), Forgetful(), {n: tracker() for n in sources}, 0.5)
    with ExitStack() as stack:
        outlets = SeveralOutlets(settings, (), False, stack)
        outlets.open(["a", "b", "c"], engine, [Losses() for _ in range(3)], stack)
        outlets._mosaic = Mosaic(["a", "b", "c"], engine.card.classes, settings.show, engine.info)  # without a screen
        stack.enter_context(closing(told))

        def play(count: int) -> int:
            for _ in range(count):
                outlets.write(next(told))
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            play(250)
            before = play(50)
            after = play(300)
        finally:
            tracemalloc.stop()
    assert after - before < 20_000, "of 900 frames and gaps nothing is left"
