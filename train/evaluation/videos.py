"""The whole program on labelled clips: how many seconds of each person it got right, wrong, and left undecided.

A track-second is one second of one track in view. A track counts by the label that is shown, so this measures what
people see: detector, crops, classifier, smoothing, priors and hysteresis together.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engines.contract import EngineInfo
from monitor.app import watched
from monitor.errors import MonitorError
from monitor.settings import EngineSettings, Settings, SourceSettings
from monitor.types import UNDECIDED, Scene, Track
from train.evaluation.truth import NOBODY, Truth, load_truths

Say = Callable[[str], None]
Precision = Literal["int8", "fp32"]
VISIBLE_S = 0.3
"""A track found so recently is in view; later its box only coasts."""


def evaluate_videos(
    folder: Path, bundle: str | None = None, *, only: Sequence[str] = (), precision: Precision = "int8",
    say: Say = print, stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | None:  # fmt: skip
    """{"clips": [a row each], "groups": {...}, "engine": ...}; None where it was stopped.

    A clip that cannot be read is told in its row, and the rest goes on. Raises DataError for labels that do not hold,
    EngineError.
    """
    rows, engine = [], None
    for truth in load_truths(folder, only):
        settings = Settings(
            source=SourceSettings(uri=str(truth.file)), engine=EngineSettings(bundle=bundle, precision=precision)
        )
        try:
            with watched(settings, say=say) as (opened, items):
                engine = opened.info
                scenes = (item for item in items if isinstance(item, Scene))
                row = measured(truth, scenes, opened.card.classes, stopped)
        except MonitorError as error:
            row = {"clip": truth.file.stem, "error": f"{error}; {error.hint}"}
        if stopped():
            return None
        rows.append(row)
        say(_line(row))
    return {"clips": rows, "groups": grouped(rows), "engine": _engine(engine)}


def _engine(info: EngineInfo | None) -> dict[str, str] | None:
    return None if info is None else {"runtime": info.runtime, "precision": info.precision, "device": info.device}


def measured(
    truth: Truth, scenes: Iterable[Scene], classes: Sequence[str], stopped: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """One clip's row: track-seconds by truth and shown label, why undecided, tracks, speed."""
    said: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    tracks: set[int] = set()
    stages: dict[str, list[float]] = {}
    before: Scene | None = None
    frames, began = 0, time.perf_counter()
    for scene in scenes:
        frames += 1
        tracks.update(track.id for track in scene.tracks)
        for stage, ms in scene.ms.items():
            stages.setdefault(stage, []).append(ms)
        if before is not None:
            _count(before, scene.frame.t - before.frame.t, truth, classes, said, reasons)
        before = scene
        if stopped():
            break
    elapsed_s = time.perf_counter() - began
    seconds: dict[str, dict[str, float]] = {}
    for (label, shown), s in sorted(said.items()):
        seconds.setdefault(label, {})[shown] = round(s, 2)
    why = {reason: round(s, 2) for reason, s in sorted(reasons.items())}
    return {
        "clip": truth.file.stem, "seconds": seconds, "undecided_why": why,
        "frames": frames, "tracks": len(tracks), "fps": round(frames / elapsed_s, 1) if elapsed_s > 0 else 0.0,
        "stage_ms": {stage: round(float(np.median(ms)), 2) for stage, ms in stages.items()},
    }  # fmt: skip


def _count(
    scene: Scene, seconds: float, truth: Truth, classes: Sequence[str], said: Counter[tuple[str, str]],
    reasons: Counter[str],
) -> None:  # fmt: skip
    """Adds the time to the next frame to what each track in view is called."""
    if (span := truth.span_at(scene.frame.t)) is None:
        return
    for track in scene.tracks:
        if scene.frame.t - track.seen_t > VISIBLE_S or truth.ignores(track.face.box):
            continue
        said[span.label, _shown(track, classes)] += seconds  # type: ignore[assignment]
        if track.label is None:
            reasons[track.reason or "unknown"] += seconds  # type: ignore[assignment]


def _shown(track: Track, classes: Sequence[str]) -> str:
    return UNDECIDED if track.label is None else classes[track.label]


def grouped(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All clips together, by what is true: track-seconds, shares of the decided ones, share undecided."""
    found: dict[str, Any] = {}
    for label in ("real", "mask", "fake", NOBODY):
        total: Counter[str] = Counter()
        for row in rows:
            total.update(row.get("seconds", {}).get(label, {}))
        if not total:
            continue
        seconds, undecided = sum(total.values()), total.pop(UNDECIDED, 0)
        decided = seconds - undecided
        found[label] = {
            "track_seconds": round(seconds, 1), "undecided": round(undecided / seconds, 4) if seconds else 0.0,
            "of_decided": {k: round(s / decided, 4) for k, s in sorted(total.items())} if decided else {},
            "of_all": {k: round(s / seconds, 4) for k, s in sorted(total.items())} if seconds else {},
        }  # fmt: skip
    return found


def _line(row: Mapping[str, Any]) -> str:
    if "error" in row:
        return f"{row['clip']}: {row['error']}"
    said = "; ".join(f"{label}: {_pairs(shown)}" for label, shown in row["seconds"].items()) or "nothing to compare"
    return f"{row['clip']}: {said}"


def _pairs(shown: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {s:.1f} s" for name, s in shown.items())


def videos_table(found: Mapping[str, Any]) -> str:
    """Markdown: a line a clip, then all clips together."""
    lines = [
        "| clip | truth | track-seconds said to be | undecided because | tracks | fps |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["clips"]:
        if "error" in row:
            lines.append(f"| {row['clip']} | | {row['error']} | | | |")
            continue
        why, rest = _pairs(row["undecided_why"]), f"{row['tracks']} | {row['fps']:.0f} |"
        for label, shown in row["seconds"].items() or [("", {})]:
            lines.append(f"| {row['clip']} | {label} | {_pairs(shown)} | {why} | {rest}")
    lines += ["", "| truth | track-seconds | undecided | of the decided ones | of all |", "|---|---|---|---|---|"]
    for label, group in found["groups"].items():
        shares = [", ".join(f"{k} {v:.1%}" for k, v in group[which].items()) for which in ("of_decided", "of_all")]
        lines.append(f"| {label} | {group['track_seconds']} | {group['undecided']:.1%} | {shares[0]} | {shares[1]} |")
    return "\n".join(lines) + "\n"
