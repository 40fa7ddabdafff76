"""Two results against each other: a ratio for each point, and whether it is more than noise."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.bench.facts import Measured, Report, from_json
from monitor.errors import UsageError

CONFIDENCE = 0.99
"""That not one of all points is called different where nothing is."""
BETWEEN_RUNS = 0.03
"""What two runs of the same program differ by although the rounds of each agree: memory laid out otherwise, drift."""
FELT, DOUBT = 0.8, 0.2
"""Of what the reference work lost, the program loses so much (in logarithms), more or less: found among runs on a
machine with slow hours, see docs/measurements/bench-proofs.json."""
FEW_ROUNDS, FEW_BAND = 3, 0.15
"""With fewer rounds nothing is known of the noise: smaller differences are none."""
SAME = ("bundle", "sha256", "settings_sha256")


@dataclass(frozen=True, slots=True)
class Row:
    """One point in both results."""

    key: str
    unit: str
    """fps (recorded), or ms a frame (live)."""
    old: float
    new: float
    ratio: float
    """Speed now over speed then, the machine's own speed taken out: below 1 is slower."""
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
    warnings: tuple[str, ...]
    """Why it may be no fair comparison."""
    tolerance: float

    @property
    def regressed(self) -> bool:
        """Any point is slower by more than noise and tolerance."""
        return any(row.verdict == "regression" for row in self.rows)


def compare(new: Report, old: Report, tolerance: float) -> Comparison:
    """Each point of both, by an interval for the difference of the medians of the logarithms of its rounds' speeds.

    A speed is the rate (recorded) or one over the median frame (live). Medians and distances from them, because a
    disturbed round says nothing. The machine's own speed is taken out by what the reference work took on average over
    each whole run. The interval is for CONFIDENCE over all points together (Bonferroni); BETWEEN_RUNS is added (root of
    squares), for rounds of one run are more alike than two runs are, and DOUBT of what the machine's speed changed.
    """
    ours, theirs = ({one.point: one for one in report.points} for report in (new, old))
    both = [(ours[point], theirs[point]) for point in ours if point in theirs]
    noise = _Noise([(_logs(now), _logs(then)) for now, then in both], _machine(new, old))
    rows = tuple(_row(now, then, noise, tolerance) for now, then in both)
    return Comparison(
        rows, tuple(p.key for p in ours if p not in theirs), tuple(p.key for p in theirs if p not in ours),
        tuple(_warnings(new, old)), tolerance,
    )  # fmt: skip


def _row(new: Measured, old: Measured, noise: _Noise, tolerance: float) -> Row:
    now, then = _logs(new), _logs(old)
    difference = statistics.median(now) - statistics.median(then) + FELT * noise.machine
    band = noise.band(now, then)
    verdict = "no difference"
    if abs(difference) > band:
        verdict = "faster" if difference > 0 else "slower"
    if difference < -max(band, -math.log1p(-min(tolerance, 0.99))):
        verdict = "regression"
    live = new.point.mode == "live"
    was, is_now = (one.frame_ms.p50 if live else one.fps for one in (old, new))
    return Row(new.point.key, "ms" if live else "fps", was, is_now, math.exp(difference), math.expm1(band), verdict)


def _logs(measured: Measured) -> list[float]:
    live = measured.point.mode == "live"
    return [math.log(1e3 / sample.frame_ms.p50 if live else sample.fps) for sample in measured.rounds]


def _machine(new: Report, old: Report) -> float:
    """Logarithm of how much longer the reference work took, on average: a neighbour takes a share of the time."""
    took = [[s.reference_ms for one in r.points for s in one.rounds if s.reference_ms > 0] for r in (new, old)]
    return math.log(statistics.mean(took[0]) / statistics.mean(took[1])) if all(took) else 0.0


class _Noise:
    """What is noise in a comparison of several points."""

    def __init__(self, pairs: Sequence[tuple[Sequence[float], Sequence[float]]], machine: float) -> None:
        self.machine, self._points = machine, len(pairs)
        known = [one for pair in pairs for one in pair if len(one) >= FEW_ROUNDS]
        self._usual = _scatter(known) if known else 0.0

    def band(self, a: Sequence[float], b: Sequence[float]) -> float:
        """Half the width of the interval for the difference of the medians of two samples of logarithms.

        Few rounds tell little of a point's own scatter; it is averaged with that of all points, as a moderated t-test
        does (Smyth 2004).
        """
        doubt = DOUBT * abs(self.machine)
        if min(len(a), len(b)) < FEW_ROUNDS:
            return math.log1p(FEW_BAND) + doubt
        from scipy.stats import t

        scatter = math.hypot(_scatter([a, b]), self._usual) / math.sqrt(2)
        # A median of normal numbers is 1.2533 times as uncertain as their mean.
        error = 1.2533 * scatter * math.sqrt(1 / len(a) + 1 / len(b))
        quantile = float(t.ppf(1 - (1 - CONFIDENCE) / 2 / self._points, 2 * (len(a) + len(b) - 2)))
        return math.hypot(quantile * error, BETWEEN_RUNS) + doubt


def _scatter(samples: Sequence[Sequence[float]]) -> float:
    """The standard deviation within samples, by the median distance from their medians: few outliers weigh little.

    1.4826 makes it that of a normal distribution (Hampel 1974), n / (n - 0.8) of few numbers (Croux, Rousseeuw 1992).
    """
    apart, n = [abs(x - statistics.median(one)) for one in samples for x in one], min(map(len, samples))
    return 1.4826 * n / (n - 0.8) * statistics.median(apart)


def _warnings(new: Report, old: Report) -> list[str]:
    found = []
    for name in ("cpu", "cores", "gpu"):
        if _name(new.machine.get(name)) != _name(old.machine.get(name)):
            found.append(f"another machine: {name} was {old.machine.get(name)}, is {new.machine.get(name)}")
    for name in SAME:
        if new.provenance.get(name) != old.provenance.get(name):
            found.append(f"another {name}: was {old.provenance.get(name)}, is {new.provenance.get(name)}")
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
