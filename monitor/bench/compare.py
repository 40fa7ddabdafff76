"""Two results against each other: a ratio for each point, and whether it is more than noise."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.bench.facts import Measured, Report, Sample, from_json
from monitor.errors import UsageError

CONFIDENCE = 0.99
"""That not one of all points is called different where nothing is."""
BETWEEN_RUNS = 0.03
"""What two runs of the same program differ by although the rounds of each agree: memory laid out otherwise, drift."""
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

    A speed is the rate (recorded) or one over the median frame (live), times what the reference work took around that
    round, for a machine's slow minute slows both. Medians and distances from them, because a disturbed round says
    nothing. The interval is for CONFIDENCE over all points together (Bonferroni), and BETWEEN_RUNS is added (root of
    squares), for rounds of one run are more alike than two runs are.
    """
    ours, theirs = ({one.point: one for one in report.points} for report in (new, old))
    both = [point for point in ours if point in theirs]
    rows = tuple(_row(ours[point], theirs[point], tolerance, len(both)) for point in both)
    return Comparison(
        rows, tuple(p.key for p in ours if p not in theirs), tuple(p.key for p in theirs if p not in ours),
        tuple(_warnings(new, old)), tolerance,
    )  # fmt: skip


def _row(new: Measured, old: Measured, tolerance: float, points: int) -> Row:
    live = new.point.mode == "live"
    logs = [[_log_speed(sample, live) for sample in one.rounds] for one in (new, old)]
    difference = statistics.median(logs[0]) - statistics.median(logs[1])
    band = _band(logs[0], logs[1], points)
    verdict = "no difference"
    if abs(difference) > band:
        verdict = "faster" if difference > 0 else "slower"
    if difference < -max(band, -math.log1p(-min(tolerance, 0.99))):
        verdict = "regression"
    then, now = (one.frame_ms.p50 if live else one.fps for one in (old, new))
    return Row(new.point.key, "ms" if live else "fps", then, now, math.exp(difference), math.expm1(band), verdict)


def _log_speed(sample: Sample, live: bool) -> float:
    rate = 1e3 / sample.frame_ms.p50 if live else sample.fps
    return math.log(rate * (sample.reference_ms if sample.reference_ms > 0 else 1.0))


def _scatter(a: Sequence[float], b: Sequence[float]) -> float:
    """The standard deviation within both, by the median of the distances from their medians: few outliers weigh little.

    1.4826 makes it that of a normal distribution (Hampel 1974), n / (n - 0.8) of few numbers (Croux, Rousseeuw 1992).
    """
    apart, n = [abs(x - statistics.median(one)) for one in (a, b) for x in one], min(len(a), len(b))
    return 1.4826 * n / (n - 0.8) * statistics.median(apart)


def _band(a: Sequence[float], b: Sequence[float], points: int) -> float:
    """Half the width of the interval for the difference of the medians of two samples of logarithms."""
    if min(len(a), len(b)) < FEW_ROUNDS:
        return math.log1p(FEW_BAND)
    from scipy.stats import t

    # A median of normal numbers is 1.2533 times as uncertain as their mean.
    error = 1.2533 * _scatter(a, b) * math.sqrt(1 / len(a) + 1 / len(b))
    quantile = float(t.ppf(1 - (1 - CONFIDENCE) / 2 / points, len(a) + len(b) - 2))
    return math.hypot(quantile * error, BETWEEN_RUNS)


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
