"""Results of the bench as tests want them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from monitor.bench.facts import Measured, Point, Report, Sample, Spread

RECORDED = Point("recorded", "demo", 1280, 720, None, "onnxruntime", "int8", "auto")
LIVE = replace(RECORDED, mode="live", pace_fps=30.0)
MACHINE = {
    "cpu": "Quick & <Small>", "cores": 2, "logical": 2, "memory_gb": 16.0, "memory_used_share": 0.2, "gpu": None,
    "os": "Debian", "kernel": "6.1", "python": "3.11", "governor": "performance", "power_mode": None, "battery": None,
    "virtual": "", "others_share": 0.0, "throttled": 0, "stolen_s": 1.0, "up_s": 100.0, "architecture": "x86_64",
    "mhz": 3000.0, "busy_s": 50.0, "own_s": 5.0, "driver": None,
}  # fmt: skip
MADE = {
    "program": "0.1.0", "commit": "abc", "date": "2026-11-27T20:00:00+00:00", "bundle": "vgg16 0.2", "sha256": "ff",
    "engine": {"runtime": "onnxruntime", "precision": "int8", "device": "CPU"}, "threads": {"detector": 2, "engine": 2},
    "versions": {"numpy": "2"}, "settings": "", "settings_sha256": "aa", "arguments": ["bench"],
}  # fmt: skip


def sample(fps: float, *, live: bool = False, reference_ms: float = 3.0, **more: Any) -> Sample:
    ms = 1e3 / fps
    spread = Spread(ms, 1.2 * ms, 1.5 * ms)
    made = Sample(
        frames=340, seconds=340 / fps, dropped=2 if live else 0,
        stage_ms={
            "decode": Spread(2, 3, 4), "read": Spread(0.1, 0.2, 0.3), "detect": spread, "draw": Spread(0.5, 0.6, 0.7)
        },
        frame_ms=spread, age_ms=Spread(ms + 1, ms + 2, ms + 3) if live else None, cpu_share=0.7, judgements_per_s=8.0,
        askings_per_s=8.0, faces=1.5, longest_unjudged_s=0.5, reference_ms=reference_ms, memory_mb=400.0,
    )  # fmt: skip
    return replace(made, **more)


def measured(point: Point, rates: Sequence[float], reference_ms: float = 3.0) -> Measured:
    live = point.mode == "live"
    return Measured(point, tuple(sample(fps, live=live, reference_ms=reference_ms) for fps in rates))


def report(*points: Measured, **more: Any) -> Report:
    found = points or (measured(RECORDED, [100, 101, 99, 100]), measured(LIVE, [90, 91, 89, 90]))
    return Report(MACHINE, MADE, found, **more)


def run_of(seed: int, speed: float = 1.0, *, noise: float = 0.025, drift: float = 0.012, rounds: int = 6) -> Report:
    """Rounds differ by `noise`, one in ten by more; a run is off by `drift` (both standard deviations), as on a rented
    machine; and its machine is faster or slower, of which the reference feels a little more than the program."""
    rng = random.Random(seed)
    machine, program = rng.gauss(1, 0.05), speed * rng.gauss(1, drift)
    points = []
    for point, fps in ((RECORDED, 60.0), (LIVE, 90.0)):
        rounds_of = []
        for _ in range(rounds):
            moment = machine * rng.gauss(1, 0.02)
            disturbed = rng.uniform(0.5, 0.9) if rng.random() < 0.1 else 1.0
            rate = fps * program * moment * disturbed * rng.gauss(1, noise)
            rounds_of.append(sample(rate, live=point is LIVE, reference_ms=3.0 / moment**1.25))
        points.append(Measured(point, tuple(rounds_of)))
    return report(*points)
