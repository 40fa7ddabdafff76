"""Counts one round, frame by frame, in bounded memory."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from time import perf_counter

import psutil

from engines.machine import usable_processors
from monitor.bench.clocks import Clock
from monitor.bench.facts import Sample
from monitor.errors import SourceError
from monitor.types import Scene, Track

MB = 1e6


class Tally:
    """`see` each scene once it is out; `sample` at the end."""

    def __init__(
        self, *, live: bool, beside: Mapping[str, Clock], due_fps: float | None = None, cameras: int = 1
    ) -> None:
        """`beside`: {stage: clock} of what threads of their own do. `due_fps`: frames that each live camera gives."""
        self._live, self._beside = live, beside
        self._due_fps, self._cameras = due_fps, cameras
        self._process = psutil.Process()
        self._last_index: dict[int, int] = {}
        self._unjudged: dict[int, dict[int, tuple[int, float]]] = {}
        self.begin()

    def begin(self) -> None:
        """Starts to count, or to count anew: what the warm-up showed does not matter."""
        self.frames = self._dropped = self._judgements = self._askings = self._faces = 0
        self._stages: dict[str, Clock] = {}
        self._frame, self._age = Clock(), Clock()
        self._longest_s: float | None = None
        for clock in self._beside.values():
            clock.begin()
        self._cpu_s, self._begun_s = self._spent_s(), perf_counter()

    @property
    def seconds(self) -> float:
        """Since `begin`."""
        return perf_counter() - self._begun_s

    def see(self, scene: Scene, took_ms: float, camera: int = 0) -> None:
        """Counts a scene that was just handed on, and what it kept the loop."""
        frame = scene.frame
        if self._live:
            self._age.add(1e3 * (time.monotonic() - frame.t))
            self._dropped += max(0, frame.index - self._last_index.get(camera, frame.index) - 1)
        self._last_index[camera] = frame.index
        self.frames += 1
        for stage, ms in scene.ms.items():
            self._stages.setdefault(stage, Clock()).add(ms)
        self._frame.add(took_ms)
        self._faces += len(scene.tracks)
        self._askings += "classify" in scene.ms
        self._wait(scene, camera)

    def _wait(self, scene: Scene, camera: int) -> None:
        """Who is in view and worth a judgement waits for one; the count tells when it came."""
        t, before = scene.frame.t, self._unjudged.get(camera, {})
        self._unjudged[camera] = {}
        for track in scene.tracks:
            count, since_t = before.get(track.id, (track.judgements, t))
            if track.judgements > count or not _waits(track, t):
                self._judgements += max(0, track.judgements - count)
                count, since_t = track.judgements, t
            elif track.probs is not None:
                self._longest_s = max(self._longest_s or 0.0, t - since_t)
            self._unjudged[camera][track.id] = count, since_t

    def sample(self, reference_ms: float) -> Sample:
        """The round so far. `reference_ms`: how fast the machine was. Raises SourceError where nothing came."""
        seconds = self.seconds
        clocks = {**self._stages, **self._beside}
        stages = {stage: clock.spread for stage, clock in clocks.items()}
        frame = self._frame.spread
        if frame is None:
            raise SourceError("no frame came in a whole round", hint="measure for longer, or fewer cameras")
        return Sample(
            frames=self.frames, seconds=round(seconds, 4), dropped=self._lost(seconds),
            stage_ms={stage: spread for stage, spread in stages.items() if spread is not None}, frame_ms=frame,
            age_ms=self._age.spread,
            cpu_share=round((self._spent_s() - self._cpu_s) / seconds / usable_processors(), 4),
            judgements_per_s=round(self._judgements / seconds, 2), askings_per_s=round(self._askings / seconds, 2),
            faces=round(self._faces / self.frames, 2),
            longest_unjudged_s=None if self._longest_s is None else round(self._longest_s, 3),
            reference_ms=round(reference_ms, 4), memory_mb=round(self._process.memory_info().rss / MB, 1),
        )  # fmt: skip

    def _lost(self, seconds: float) -> int:
        """Frames that were passed over, or that were due and never came: a decoder that is too slow loses them too.

        One of each camera may be on its way.
        """
        if self._due_fps is None:
            return self._dropped
        due = math.floor(self._due_fps * seconds * self._cameras)
        return max(self._dropped, due - self._cameras - self.frames)

    def _spent_s(self) -> float:
        times = self._process.cpu_times()
        return math.fsum((times.user, times.system))


def _waits(track: Track, t: float) -> bool:
    """In view in this very frame, and neither too small nor too unclear to be asked about."""
    return track.seen_t == t and track.reason not in ("small", "blurred", "unclear")
