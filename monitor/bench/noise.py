"""What is noise between two results: from how far the rounds of each are apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

CONFIDENCE = 0.999
"""That not one of all points is called different where nothing is: a comparison is made often, and should not cry."""
BETWEEN_RUNS = 0.03
"""What two runs of the same program differ by although the rounds of each agree: memory laid out otherwise, drift."""
FELT, DOUBT = 0.8, 0.2
"""Of what the reference work lost, the program loses so much (in logarithms), more or less: found among runs on a
machine with slow hours, see docs/measurements/loop-proofs.json."""
FEW_ROUNDS, FEW_BAND = 3, 0.15
"""With fewer rounds nothing is known of the noise: smaller differences are none."""


def middle(speeds: Sequence[float]) -> float:
    """The median of their logarithms."""
    return statistics.median(map(math.log, speeds))


class Noise:
    """What is noise in a comparison of several points."""

    def __init__(self, known: Mapping[str, Sequence[Sequence[float]]], rows: int, machine: float) -> None:
        """`known`: {quantity: the speeds of each point, round by round}. `rows`: so many differences are looked at.

        `machine`: see `band`.
        """
        self._known = {name: [one for one in found if len(one) >= FEW_ROUNDS] for name, found in known.items()}
        self._rows, self._machine = rows, machine

    def band(self, a: Sequence[float], b: Sequence[float], quantity: str) -> float:
        """Half the width of the interval for the difference of the medians of the logarithms of two samples.

        Few rounds tell little of a point's own scatter; it is averaged with the same quantity's of all points, as a
        moderated t-test does (Smyth 2004). Of what the machine's own speed changed (its logarithm) DOUBT is added.
        """
        doubt = DOUBT * abs(self._machine)
        if min(len(a), len(b)) < FEW_ROUNDS:
            return math.log1p(FEW_BAND) + doubt
        from scipy.stats import t

        scatter = math.hypot(_scatter([a, b]), _scatter(self._known[quantity])) / math.sqrt(2)
        # A median of normal numbers is 1.2533 times as uncertain as their mean.
        error = 1.2533 * scatter * math.sqrt(1 / len(a) + 1 / len(b))
        quantile = float(t.ppf(1 - (1 - CONFIDENCE) / 2 / self._rows, 2 * (len(a) + len(b) - 2)))
        return math.hypot(quantile * error, BETWEEN_RUNS) + doubt


def _scatter(samples: Sequence[Sequence[float]]) -> float:
    """The standard deviation of logarithms within samples, by the median distance from their medians.

    Few outliers weigh little. 1.4826 makes it that of a normal distribution (Hampel 1974), n / (n - 0.8) of few numbers
    (Croux, Rousseeuw 1992).
    """
    apart, n = [abs(math.log(x) - middle(one)) for one in samples for x in one], min(map(len, samples))
    return 1.4826 * n / (n - 0.8) * statistics.median(apart)
