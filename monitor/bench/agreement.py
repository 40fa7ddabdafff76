"""What judging rarely changes: labels of a film, against those that judging every face in every picture gives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

from engines.contract import Engine
from monitor.app import thinking
from monitor.bench.facts import Point
from monitor.bench.films import Film, opened, settings_of
from monitor.budget import Budget
from monitor.classify import Classifier
from monitor.loop import Judging
from monitor.ports import Detector
from monitor.settings import Settings
from monitor.track import Tracker
from monitor.types import Frame

LONGEST_S = 60.0
"""Of the film that is compared."""


def agreement(
    settings: Settings, point: Point, film: Film, engine: Engine, detector: Detector, stopped: Callable[[], bool]
) -> dict[str, Any]:
    """{share of the track-seconds with the same label, track_seconds, judgements, judgements_every_face, clip}.

    The film is searched once; both ways of judging follow the same faces. Raises MonitorError and EngineError.
    """
    every = settings_of(settings, replace(point, every_face=True))
    with (
        thinking(settings_of(settings, point), engine, live=False) as rarely,
        thinking(every, engine, live=False) as always,
        closing(opened(film)) as source,
    ):
        ways = [_Way(*rarely), _Way(*always)]
        equal_s = both_s = 0.0
        last_t: float | None = None
        while isinstance(frame := source.read(1.0), Frame) and frame.t < LONGEST_S and not stopped():
            faces = detector.detect(frame, ways[0].tracker.expected(frame.t))
            first, second = (way.step(frame, faces) for way in ways)
            step_s = 0.0 if last_t is None else frame.t - last_t
            last_t = frame.t
            both = first.keys() & second.keys()
            both_s += step_s * len(both)
            equal_s += step_s * sum(first[i] == second[i] for i in both)
    return {
        "clip": film.name, "share": round(equal_s / both_s, 5) if both_s else None, "track_seconds": round(both_s, 2),
        "judgements": ways[0].judgements, "judgements_every_face": ways[1].judgements,
    }  # fmt: skip


class _Way:
    """One way of judging the faces that were found."""

    def __init__(self, judge: Classifier, tracker: Tracker, budget: Budget) -> None:
        self.tracker = tracker
        self._judging = Judging(judge, tracker, budget)
        self._counts: dict[int, int] = {}

    def step(self, frame: Frame, faces: Any) -> dict[int, int | None]:
        """{track: label} after the frame."""
        self.tracker.match(frame, faces)
        self._judging.step(frame)
        self._judging.finish()
        tracks = self.tracker.tracks
        self._counts |= {track.id: track.judgements for track in tracks}
        return {track.id: track.label for track in tracks}

    @property
    def judgements(self) -> int:
        """Of everybody who was followed."""
        return sum(self._counts.values())
