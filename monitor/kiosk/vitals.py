"""How the entrance is doing: written by the loop, read by the web server and the metrics."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from engines.contract import EngineInfo
from monitor.timing import Rate
from monitor.types import Scene


@dataclass
class Vitals:
    """Counts since the start. One writer; readers may see them a frame old."""

    source: str
    engine: EngineInfo | None = None
    """None while it is being loaded."""
    started_s: float = field(default_factory=time.monotonic)
    frames: int = 0
    dropped: int = 0
    """Pictures of the camera that were replaced by newer ones before anybody looked."""
    judged: int = 0
    size_px: tuple[int, int] = (0, 0)
    latency_s: float = 0.0
    """From the picture's own time to the moment it was judged and shown, smoothed."""
    states: Counter[str] = field(default_factory=Counter)
    """{kind/state: how many were decided}"""
    camera_lost: int = 0
    rate: Rate = field(default_factory=lambda: Rate(90))
    _index: int | None = None
    _judgements: dict[int, int] = field(default_factory=dict)

    def see(self, scene: Scene) -> None:
        """Counts a step of the loop."""
        now_s, frame = time.monotonic(), scene.frame
        self.frames += 1
        self.dropped += 0 if self._index is None else max(0, frame.index - self._index - 1)
        self._index = frame.index
        self.size_px = (frame.width_px, frame.height_px)
        late_s = max(0.0, now_s - frame.t)
        self.latency_s = late_s if self.frames == 1 else 0.9 * self.latency_s + 0.1 * late_s
        self.rate.tick(now_s)
        judgements = {track.id: track.judgements for track in scene.tracks}
        self.judged += sum(max(0, n - self._judgements.get(i, 0)) for i, n in judgements.items())
        self._judgements = judgements

    @property
    def fps(self) -> float:
        return self.rate.per_s or 0.0

    def told(self) -> dict[str, Any]:
        """For the manager's page."""
        engine = self.engine
        return {
            "engine": None if engine is None else {
                "runtime": engine.runtime, "precision": engine.precision, "device": engine.device, "why": engine.why,
            },
            "fps": round(self.fps, 1), "latency_ms": round(1e3 * self.latency_s, 1), "dropped": self.dropped,
            "frames": self.frames, "uptime_s": round(time.monotonic() - self.started_s),
        }  # fmt: skip
