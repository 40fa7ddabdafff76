"""Two results against each other: a ratio for each point, and whether it is more than noise."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.bench.facts import Measured, Report, from_json
from monitor.bench.noise import BETWEEN_RUNS, FELT, Noise, middle
from monitor.errors import UsageError

SAME = ("bundle", "sha256", "settings_sha256", "film", "threads", "versions")
LOST = 0.02
"""More lost frames than before by this share of all are a regression, however fast the others are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One point in both results."""

    key: str
    unit: str
    """fps (recorded); live: ms a frame (median), ms of age (p95), lost (share of the frames)."""
    old: float
    new: float
    ratio: float
    """Speed now over speed then, the machine's own speed taken out: below 1 is slower. Of losses, those that came."""
    band: float
    """Differences up to this share are noise."""
    verdict: str
    """faster, slower, no difference; regression: slower by more than the tolerance"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A result against an earlier one."""

    rows: tuple[Row, ...]
    only_new: tuple[str, ...]
    only_old: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    """(point that was measured then and fails now, why)"""
    warnings: tuple[str, ...]
    """Why it may be no fair comparison."""
    tolerance: float

    @property
    def regressed(self) -> bool:
        """Any point is slower by more than noise and tolerance, loses more frames, or fails."""
        return bool(self.failed) or any(row.verdict == "regression" for row in self.rows)


def compare(new: Report, old: Report, tolerance: float) -> Comparison:
    """Each point of both, by an interval for the difference of the medians of the logarithms of its rounds' speeds.

    A speed is the rate (recorded), or one over the median frame and over the age of the picture shown (live). Medians
    and distances from them, because a disturbed round says nothing. The machine's own speed is taken out by what the
    reference work took on average over each whole run. The interval is for CONFIDENCE over all rows together
    (Bonferroni); BETWEEN_RUNS is added (root of squares), for rounds of one run are more alike than two runs are, and
    DOUBT of what the machine's speed changed. Raises UsageError where they have no point in common.
    """
    ours, theirs = ({one.point: one for one in report.points} for report in (new, old))
    both = [(ours[point], theirs[point]) for point in ours if point in theirs]
    why = dict(new.left_out)
    fails = {p: why.get(p.key, why.get(p.engine)) for p in theirs}  # alone, or with all that its engine should run
    failed = tuple((p.key, reason) for p, reason in fails.items() if reason is not None)
    if not both and not failed:
        raise UsageError("the two results have no point in common", hint="measure the same film with the same engine")
    asked = [(now, then, what) for now, then in both for what in QUANTITIES if what.of(now) and what.of(then)]
    machine, known = _machine(new, old), dict[str, list[list[float]]]()
    for now, then, what in asked:
        known.setdefault(what.name, []).extend((what.of(now), what.of(then)))
    noise = Noise(known, len(asked), machine)
    rows = [_row(now, then, what, noise.band, FELT * machine, tolerance) for now, then, what in asked]
    rows += [_losses(now, then) for now, then in both if now.point.mode == "live"]
    return Comparison(
        tuple(rows), tuple(p.key for p in ours if p not in theirs),
        tuple(p.key for p in theirs if p not in ours and fails[p] is None), failed,
        tuple(_warnings(new, old, machine)), tolerance,
    )  # fmt: skip


def _rates(one: Measured) -> list[float]:
    return [sample.fps for sample in one.rounds] if one.point.mode == "recorded" else []


def _frames(one: Measured) -> list[float]:
    return [1e3 / sample.frame_ms.p50 for sample in one.rounds] if one.point.mode == "live" else []


def _ages(one: Measured) -> list[float]:
    return [1e3 / s.age_ms.p95 for s in one.rounds if s.age_ms and s.age_ms.p95 > 0]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that is compared."""

    name: str
    """After the point's key; empty where nothing else is told of it."""
    unit: str
    of: Callable[[Measured], list[float]]
    """Its speed, round by round."""


QUANTITIES = (Quantity("", "fps", _rates), Quantity("a frame", "ms", _frames), Quantity("age p95", "ms", _ages))


def _row(
    new: Measured, old: Measured, what: Quantity, band_of: Callable[..., float], felt: float, tolerance: float
) -> Row:
    now, then = what.of(new), what.of(old)
    difference, band = middle(now) - middle(then) + felt, band_of(now, then, what.name)
    verdict = "no difference"
    if abs(difference) > band:
        verdict = "faster" if difference > 0 else "slower"
    if difference < -max(band, -math.log1p(-min(tolerance, 0.99))):
        verdict = "regression"
    was, is_now = (
        (math.exp(middle(one)) if what.unit == "fps" else 1e3 / math.exp(middle(one))) for one in (then, now)
    )
    key = ": ".join(part for part in (new.point.key, what.name) if part)
    return Row(key, what.unit, was, is_now, math.exp(difference), math.expm1(band), verdict)


def _losses(new: Measured, old: Measured) -> Row:
    """Rounds tell little of what is rare: all of them together."""
    was, is_now = old.dropped_share, new.dropped_share
    verdict = "regression" if is_now > was + LOST else "no difference"
    return Row(f"{new.point.key}: lost", "of all", was, is_now, (1 - is_now) / max(1e-9, 1 - was), LOST, verdict)


def _machine(new: Report, old: Report) -> float:
    """Logarithm of how much longer the reference work took, on average: a neighbour takes a share of the time."""
    took = [[s.reference_ms for one in r.points for s in one.rounds if s.reference_ms > 0] for r in (new, old)]
    return math.log(statistics.mean(took[0]) / statistics.mean(took[1])) if all(took) else 0.0


def _warnings(new: Report, old: Report, machine: float) -> list[str]:
    found = []
    if abs(machine) > BETWEEN_RUNS:
        times = math.exp(machine)
        found.append(
            f"the machine took {times:.2f} times as long as then for the reference work: taken out of the speeds"
        )
    for name in ("cpu", "cores", "gpu"):
        if _name(new.machine.get(name)) != _name(old.machine.get(name)):
            found.append(f"another machine: {name} was {old.machine.get(name)}, is {new.machine.get(name)}")
    for name in SAME:
        was, now = old.provenance.get(name), new.provenance.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            differs = [key for key in {**was, **now} if was.get(key) != now.get(key)]
            found += [f"other {name}: {key} was {was.get(key)}, is {now.get(key)}" for key in differs]
        elif was != now:
            found.append(f"another {name}: was {was}, is {now}")
    return found + [f"the {which} result: {note}" for which, r in (("new", new), ("old", old)) for note in r.notes]


def _name(value: Any) -> Any:
    return value.get("name") if isinstance(value, Mapping) else value


def read_report(path: Path) -> Report:
    """The result in a file that `--json` wrote. Raises UsageError."""
    hint = "name a file that `monitor bench --json FILE` wrote"
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no result of the bench: {error}", hint=hint) from error
