"""One JSON object about a run: how fast it was, who was seen, with what."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.contract import EngineInfo
from monitor.files import check_replaceable, write_whole
from monitor.timing import Percentiles
from monitor.types import UNDECIDED, Gap, Losses, Scene, Track

_KEPT_TRACKS = 2_000
"""An endless run keeps the latest so many; totals count all."""


@dataclass
class _Life:
    """One track so far; times as the frames have them."""

    first_t: float
    last_t: float
    label: str
    last_label: str | None = None
    judgements: int = 0
    seconds_by_label: dict[str, float] = field(default_factory=dict)


class Summary:
    """Collects numbers in bounded memory; `result` gives them, `close` writes them whole or not at all."""

    def __init__(
        self,
        path: Path | None,
        classes: Sequence[str],
        *,
        source: str = "",
        engine: EngineInfo | None = None,
        versions: Mapping[str, str] | None = None,
        losses: Losses | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`path` None writes nothing. Raises SinkError where the file could not be written."""
        self._path, self._classes, self._clock = path, tuple(classes), clock
        self._losses = losses or Losses()
        self._about = {
            "source": source,
            "engine": None if engine is None else facts_of(engine),
            "versions": dict(versions or {}),
        }
        self._frames = self._dropped = self._most = self._ended = 0
        self._start = self._end = 0.0
        self._first_t = self._last_t = 0.0
        self._live = False
        self._last_index = -1
        self._stages: dict[str, Percentiles] = {}
        self._lives: dict[int, _Life] = {}
        self._past: deque[dict[str, Any]] = deque(maxlen=_KEPT_TRACKS)
        self._gaps: dict[str, int] = {}
        self._state = ""
        self._closed = False
        if path is not None:
            check_replaceable(path)

    def write(self, item: Scene | Gap) -> None:
        """Counts a scene; of gaps, how often each state was entered."""
        if isinstance(item, Gap):
            if item.state not in (self._state, "live"):
                self._gaps[item.state] = self._gaps.get(item.state, 0) + 1
            self._state = item.state
            return
        self._state = ""
        frame = item.frame
        self._end = self._clock()
        if not self._frames:
            # The first scene is done now; its reading began before all its stages.
            self._start = self._end - sum(item.ms.values()) / 1e3
            self._live, self._last_index = frame.wall is not None, frame.index
            self._first_t = frame.t
        self._frames += 1
        self._dropped += max(0, frame.index - self._last_index - 1)
        self._last_index, self._last_t = frame.index, frame.t
        for stage, ms in item.ms.items():
            self._stages.setdefault(stage, Percentiles()).add(ms)
        self._most = max(self._most, sum(track.in_view(frame.t) for track in item.tracks))
        self._follow(item)

    def result(self) -> dict[str, Any]:
        """What is known now, ready for JSON.

        `seconds` are wall seconds from the first read to the last scene. Times of tracks are the frames' own for files
        and since the first frame for live sources. A track's `label` is the one held longest (null = never decided),
        `label_last` the last one decided; `seconds_by_label` says the rest.
        """
        seconds = self._end - self._start
        return {
            "source": self._about["source"],
            "frames": self._frames,
            "dropped": self._dropped,
            "seconds": round(seconds, 4),
            "fps": round(self._frames / seconds, 3) if seconds > 0 else None,
            "media_seconds": round(self._last_t - self._first_t, 4),
            "stage_ms": {
                stage: {f"p{q}": round(times.at(q), 3) for q in (50, 95, 99)} for stage, times in self._stages.items()
            },
            "max_tracks_at_once": self._most,
            "tracks_seen": self._ended + len(self._lives),
            "tracks": [*self._past, *(self._told(i, life) for i, life in sorted(self._lives.items()))],
            "gaps": dict(self._gaps),
            "skipped": [{"path": str(path), "why": why} for path, why in self._losses.skipped.items()],
            "damaged": self._losses.damaged,
            "engine": self._about["engine"],
            "versions": self._about["versions"],
        }

    def close(self) -> None:
        """Writes the file. Raises SinkError."""
        if not self._closed and self._path is not None:
            self._closed = True
            write_whole(self._path, as_json(self.result()))

    def _follow(self, scene: Scene) -> None:
        now = {track.id: track for track in scene.tracks}
        for track_id in [i for i in self._lives if i not in now]:
            self._past.append(self._told(track_id, self._lives.pop(track_id)))
            self._ended += 1
        for track in scene.tracks:
            self._live_on(track, scene.frame.t)

    def _live_on(self, track: Track, t: float) -> None:
        """The time since the last scene counts for the label that was shown then."""
        label = None if track.label is None else self._classes[track.label]
        life = self._lives.setdefault(track.id, _Life(t, t, label or UNDECIDED))
        if t > life.last_t:
            life.seconds_by_label[life.label] = life.seconds_by_label.get(life.label, 0.0) + t - life.last_t
        life.last_t, life.judgements, life.label = t, track.judgements, label or UNDECIDED
        life.last_label = label or life.last_label

    def _told(self, track_id: int, life: _Life) -> dict[str, Any]:
        origin = self._first_t if self._live else 0.0
        decided = {label: s for label, s in life.seconds_by_label.items() if label != UNDECIDED}
        return {
            "id": track_id,
            "label": max(decided, key=lambda label: decided[label]) if decided else life.last_label,
            "label_last": life.last_label,
            "first_s": round(life.first_t - origin, 4),
            "last_s": round(life.last_t - origin, 4),
            "seconds": round(life.last_t - life.first_t, 4),
            "seconds_by_label": {label: round(s, 4) for label, s in life.seconds_by_label.items()},
            "judgements": life.judgements,
        }


def as_json(result: Mapping[str, Any]) -> bytes:
    """A summary as its file holds it. What is no UTF-8 in the name of a file is escaped, and comes back when read."""
    return (json.dumps(result, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def facts_of(info: EngineInfo) -> dict[str, str]:
    """What a summary says of the engine."""
    return {"runtime": info.runtime, "precision": info.precision, "device": info.device, "why": info.why}
