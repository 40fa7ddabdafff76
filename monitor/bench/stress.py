"""To saturation: with how many faces in the picture, and with how many cameras, does this machine keep the rate?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.app import Say
from monitor.bench.crowd import film
from monitor.bench.facts import Point, Sample
from monitor.bench.films import Film
from monitor.bench.rig import Rig

RATE_FPS = 30.0
FACES = (1, 4, 8, 16, 28, 40)
CAMERAS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
FACES_EACH = 1
"""In the picture of each camera."""
SIZE = 1280, 720
LOST = 0.01
"""A machine that loses more of its frames does not keep the rate."""
SECONDS, ROUNDS = 6.0, 1


def stress(rig: Rig, main: Point, folder: Path, say: Say, stopped: Callable[[], bool]) -> dict[str, Any]:
    """Both ladders, each climbed until a step is missed twice; see `facts.Report.stress`."""
    live = replace(
        main, mode="live", pace_fps=RATE_FPS, scene="crowd", width_px=SIZE[0], height_px=SIZE[1], encoded=False
    )

    def play(faces: int, cameras: int) -> Sample:
        path = film(folder, faces=faces, width_px=SIZE[0], height_px=SIZE[1], say=say)
        point = replace(live, faces=faces, cameras=cameras)
        say(f"stress: {point.key}")
        return rig.round(point, Film(path, "crowd", *SIZE, faces), SECONDS, ROUNDS)

    return {
        "rate_fps": RATE_FPS,
        "rule": f"at most {LOST:.0%} of the frames lost, and p95 of a frame within {1e3 / RATE_FPS:.0f} ms",
        "faces": _climb("faces", FACES, lambda n: play(n, 1), stopped),
        "cameras": _climb("cameras", CAMERAS, lambda n: play(FACES_EACH, n), stopped),
    }


def _climb(
    what: str, steps: Iterable[int], play: Callable[[int], Sample], stopped: Callable[[], bool]
) -> dict[str, Any]:
    """{held, first_missed, tried}: a step that is missed is tried once more, for a slow moment is no limit."""
    held, missed = 0, None
    tried: list[dict[str, Any]] = []
    for n in steps:
        for _ in range(2):
            if stopped():
                return {"held": held, "first_missed": missed, "tried": tried}
            sample = play(n)
            row = {what: n, "fps": round(sample.fps, 1), "dropped_share": round(sample.dropped_share, 5)}
            tried.append({**row, "frame_p95_ms": sample.frame_ms.p95})
            if keeps := sample.dropped_share <= LOST and sample.frame_ms.p95 <= 1e3 / RATE_FPS:
                break
        if not keeps:
            missed = n
            break
        held = n
    return {"held": held, "first_missed": missed, "tried": tried}
