"""What a measurement is: frozen facts, and the JSON they travel in."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

FORMAT = 1
"""Of the JSON; raised when what a field means changes."""
STAGES = ("decode", "read", "detect", "match", "crop", "classify", "draw", "encode", "display")
"""In the order of a frame's way. `decode`, `encode` and, live, `classify` happen beside the loop, in threads of their
own; `read` is the time the loop waits for a frame."""
DRIFT = 0.1
"""Share by which the machine's own speed may change from the first round to the last before it is told."""
NEEDED = {
    "machine": ("cpu", "cores", "memory_gb", "os", "kernel", "python"),
    "provenance": ("program", "commit", "date", "bundle", "engine", "threads", "versions"),
}
"""What reports print of these."""
BESIDE = ("decode", "encode")
"""Stages that never keep the loop."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of one quantity in one round."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that is measured; equal points of two runs can be compared."""

    mode: str
    """recorded (as fast as it goes), or live (frames come at `pace_fps`, whoever is late loses them)"""
    scene: str
    """The name of the film: a file's name, or `demo`, or `crowd`."""
    width_px: int
    height_px: int
    faces: int | None
    """Faces in each picture of a `crowd`; None where the film decides."""
    runtime: str
    precision: str
    tiles: str
    pace_fps: float | None = None
    encoded: bool = False
    """H.264 is written."""
    shown: bool = False
    """A window shows it."""
    every_face: bool = False
    """Each face found is judged in every picture, as a plain loop would."""
    cameras: int = 1
    program: str = "monitor"
    """monitor, or tutorial: the plain loop it is compared with"""

    @property
    def engine(self) -> str:
        """Runtime and precision; one that does not work is left out under this name."""
        return f"{self.runtime} {self.precision}"

    @property
    def key(self) -> str:
        """One line that names it, the same in every run."""
        parts = [
            "" if self.program == "monitor" else self.program,
            self.mode if self.pace_fps is None else f"{self.mode} {self.pace_fps:g} fps",
            self.scene if self.faces is None else f"{self.scene} of {self.faces}",
            f"{self.width_px}x{self.height_px}",
            self.engine,
            "" if self.tiles == "auto" else f"tiles {self.tiles}",
            "H.264 written" if self.encoded else "",
            "shown" if self.shown else "",
            "every face" if self.every_face else "",
            f"{self.cameras} cameras" if self.cameras > 1 else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of a point, warm-up left away."""

    frames: int
    """Pictures that came out."""
    seconds: float
    dropped: int
    """Live: pictures that were due and nobody saw; 0 for recorded ones."""
    stage_ms: Mapping[str, Spread]
    """{stage of STAGES: ...}; a stage that did not happen is not in it."""
    frame_ms: Spread
    """What one frame keeps the loop: waiting for the source left out, and of recordings for judgements, which are made
    while the next frame is searched."""
    age_ms: Spread | None
    """Live: from the moment a frame came to the moment it was drawn (shown, with a window)."""
    cpu_share: float
    """Of all processors the program may use, 0 to 1."""
    judgements_per_s: float
    askings_per_s: float
    """Calls of the engine; 0 where they are not counted."""
    faces: float
    """Followed faces a frame, mean."""
    longest_unjudged_s: float | None
    """The longest that a followed, visible face of the round went without a judgement; None where there was none."""
    reference_ms: float
    """What a fixed piece of work took just before and after: how fast the machine was at that moment."""
    memory_mb: float
    """Resident, at the end."""

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def dropped_share(self) -> float:
        return self.dropped / max(1, self.frames + self.dropped)


@dataclass(frozen=True, slots=True)
class Measured:
    """All rounds of one point."""

    point: Point
    rounds: tuple[Sample, ...]

    @property
    def fps(self) -> float:
        """Median over the rounds."""
        return statistics.median(sample.fps for sample in self.rounds)

    @property
    def frame_ms(self) -> Spread:
        """Medians over the rounds."""
        return _median([sample.frame_ms for sample in self.rounds])

    @property
    def age_ms(self) -> Spread | None:
        """Medians over the rounds; None where no round has it."""
        found = [sample.age_ms for sample in self.rounds if sample.age_ms is not None]
        return _median(found) if found else None

    @property
    def stage_ms(self) -> dict[str, Spread]:
        """{stage: medians over the rounds}, in the order of STAGES."""
        found = {name: [s.stage_ms[name] for s in self.rounds if name in s.stage_ms] for name in STAGES}
        return {name: _median(spreads) for name, spreads in found.items() if spreads}

    @property
    def dropped_share(self) -> float:
        """Of all rounds together."""
        dropped, frames = sum(s.dropped for s in self.rounds), sum(s.frames for s in self.rounds)
        return dropped / max(1, frames + dropped)

    @property
    def spread(self) -> float:
        """How far the rounds' rates are apart: (highest - lowest) / median."""
        rates = [sample.fps for sample in self.rounds]
        return float((max(rates) - min(rates)) / self.fps) if self.fps else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run of the bench. Points that could not be measured are told in `left_out`, never dropped."""

    machine: Mapping[str, Any]
    """cpu, cores, memory_gb, gpu, os, kernel, governor, quota, mhz_max, battery, virtual, load ...; see hardware.py."""
    provenance: Mapping[str, Any]
    """program, commit, date, bundle, sha256, engine, threads, versions, settings, arguments."""
    points: tuple[Measured, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """(the point's key, why)"""
    label_agreement: Mapping[str, Any] | None = None
    """share of the track-seconds with the label that judging every face in every picture gives; seconds, clip."""
    ratio_to_baseline: Mapping[str, float] = field(default_factory=dict)
    """{key of our point: times as fast as the tutorial's loop in the same run}."""
    stress: Mapping[str, Any] | None = None
    roofline: Mapping[str, Any] | None = None
    soak: Sequence[Mapping[str, float]] = ()
    """Of `--duration`: {s, fps, temperature_c, mhz} by the minute."""
    notes: tuple[str, ...] = ()
    """What a reader should know before he trusts it: on battery, other work going on, thermal throttling."""

    @property
    def main(self) -> Measured:
        """What `end_to_end` tells: the first recorded point of our program, else the first point."""
        ours = [found for found in self.points if found.point.program == "monitor"]
        return next((found for found in ours if found.point.mode == "recorded"), ours[0])

    @property
    def stage_ms(self) -> dict[str, Spread]:
        """{stage: of the main point, or where that has none (encoding, display) of the first of ours that does}."""
        found = dict(self.main.stage_ms)
        for one in self.points:
            if one.point.program == "monitor" and one.point.scene == self.main.point.scene:
                found = {**one.stage_ms, **found}
        return {stage: found[stage] for stage in STAGES if stage in found}

    @property
    def drift(self) -> tuple[str, ...]:
        """A note where the machine itself was not as fast in the last round as in the first: heat, or neighbours."""
        ours = [found.rounds for found in self.points if len(found.rounds) > 1]
        if not ours:
            return ()
        first, last = (statistics.median(rounds[at].reference_ms for rounds in ours) for at in (0, -1))
        if not first or abs(last / first - 1) <= DRIFT:
            return ()
        return (
            f"the machine took {last / first:.2f} times as long for the same work in the last round as in the first",
        )

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON; `from_json` gives an equal report back."""
        main = self.main
        return {
            "format": FORMAT,
            "end_to_end": {
                "point": main.point.key, "fps": round(main.fps, 2), "spread": round(main.spread, 4),
                "frame_ms": asdict(main.frame_ms),
            },
            "stage_ms": {stage: asdict(spread) for stage, spread in self.stage_ms.items()},
            "label_agreement": self.label_agreement,
            "ratio_to_baseline": dict(self.ratio_to_baseline),
            "machine": dict(self.machine),
            "provenance": dict(self.provenance),
            "points": [
                {
                    "key": found.point.key, "point": asdict(found.point), "fps": round(found.fps, 2),
                    "spread": round(found.spread, 4), "dropped_share": round(found.dropped_share, 5),
                    "frame_ms": asdict(found.frame_ms), "rounds": [asdict(sample) for sample in found.rounds],
                }
                for found in self.points
            ],
            "left_out": [list(pair) for pair in self.left_out],
            "stress": self.stress, "roofline": self.roofline, "soak": list(self.soak), "notes": list(self.notes),
        }  # fmt: skip


def from_json(told: Mapping[str, Any]) -> Report:
    """The report that `as_json` told. Raises KeyError, TypeError or ValueError where it is none of ours."""
    if told["format"] != FORMAT:
        raise ValueError(f"format {told['format']}, this program knows {FORMAT}")
    points = tuple(
        Measured(Point(**one["point"]), tuple(_sample(sample) for sample in one["rounds"])) for one in told["points"]
    )
    if not any(found.point.program == "monitor" for found in points) or not all(found.rounds for found in points):
        raise ValueError("it holds no measurement")
    if missing := [key for key in NEEDED["machine"] if key not in told["machine"]]:
        raise ValueError(f"its machine has no {missing[0]}")
    if missing := [key for key in NEEDED["provenance"] if key not in told["provenance"]]:
        raise ValueError(f"its provenance has no {missing[0]}")
    return Report(
        told["machine"], told["provenance"], points, tuple((key, why) for key, why in told["left_out"]),
        told["label_agreement"], told["ratio_to_baseline"], told["stress"], told["roofline"], tuple(told["soak"]),
        tuple(told["notes"]),
    )  # fmt: skip


def _sample(told: Mapping[str, Any]) -> Sample:
    given = {name: told[name] for name in (one.name for one in fields(Sample))}
    given["stage_ms"] = {stage: Spread(**spread) for stage, spread in given["stage_ms"].items()}
    given["frame_ms"] = Spread(**given["frame_ms"])
    if min(given["frames"], given["seconds"], given["frame_ms"].p50) <= 0:
        raise ValueError("one of its rounds took no time or had no frames")
    given["age_ms"] = None if given["age_ms"] is None else Spread(**given["age_ms"])
    return Sample(**given)


def _median(spreads: Sequence[Spread]) -> Spread:
    return Spread(*(statistics.median(getattr(spread, q) for spread in spreads) for q in ("p50", "p95", "p99")))
