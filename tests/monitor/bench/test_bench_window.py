"""`monitor bench` with its window, on a real X server: showing is measured, and q ends the run with what it has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.monitor.sinks.test_window import display  # noqa: F401 - a fixture
from tests.people import walk_video

ROOT = Path(__file__).parents[3]
SHORT = "from monitor.bench import rig; rig.LEAST_FRAMES, rig.WARM_UP_S = 12, 0.2; from monitor.cli import main; main()"
ROUNDS = 60


def test_q_in_the_window_ends_the_run(display: str, bundle: Path, tmp_path: Path) -> None:  # noqa: F811
    env = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}
    env.pop("WAYLAND_DISPLAY", None)
    out = tmp_path / "out.json"
    wish = ("--source", walk_video(tmp_path / "walk.mp4", 40), "--rounds", ROUNDS, "--seconds", 0.5, "--json", out)
    args = [sys.executable, "-c", SHORT, "bench", *map(str, wish), "--bundle", str(bundle)]
    with subprocess.Popen(args, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            ends = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < ends:  # a window is open while a live point is measured
                keys = ("search", "--name", "^bench$", "windowfocus", "key", "q")
                subprocess.run(["xdotool", *keys], env=env, check=False, capture_output=True, timeout=20)
                time.sleep(0.2)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, said
    told = json.loads(out.read_text())
    assert told["notes"][-1] == "it was stopped before its end"
    shown = [one for one in told["points"] if one["point"]["shown"]]
    assert shown
    assert all(0 < len(one["rounds"]) < ROUNDS for one in shown)
    assert all(one["rounds"][0]["stage_ms"]["display"]["p50"] > 0 for one in shown)
