from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.timing import Percentiles, Rate


@pytest.mark.parametrize("percent", [1, 50, 95, 99, 100])
def test_percentiles_are_within_one_percent_of_the_exact_ones(percent: float) -> None:
    values = np.random.default_rng(3).lognormal(2, 1.5, 20_000)
    found = Percentiles()
    for value in values:
        found.add(float(value))
    assert found.at(percent) == pytest.approx(np.percentile(values, percent, method="inverted_cdf"), rel=0.01)


def test_percentiles_do_not_depend_on_the_order() -> None:
    values = [5.0, 1.0, 80.0, 2.5, 0.3]
    first, second = Percentiles(), Percentiles()
    for a, b in zip(values, reversed(values), strict=True):
        first.add(a)
        second.add(b)
    assert [first.at(q) for q in (10, 50, 99)] == [second.at(q) for q in (10, 50, 99)]


def test_percentiles_at_their_edges() -> None:
    found = Percentiles()
    assert math.isnan(found.at(50))
    found.add(7.0)
    assert found.at(50) == 7.0
    for odd in (0.0, -1.0, 1e12):
        found.add(odd)
    assert found.count == 4
    assert found.at(1) == found.at(50) == pytest.approx(1e-4, rel=0.01)  # the least that is told apart
    assert found.at(75) == pytest.approx(7.0, rel=0.01)
    assert found.at(100) == pytest.approx(1.7e7, rel=0.1)  # the most


def test_rate_counts_intervals_not_ticks() -> None:
    rate = Rate(window=5)
    assert rate.per_s is None
    rate.tick(1.0)
    assert rate.per_s is None
    for i in range(1, 40):
        rate.tick(1.0 + i / 10)
    assert rate.per_s == pytest.approx(10.0)


def test_rate_forgets_what_lies_behind_its_window() -> None:
    rate = Rate(window=3)
    for t in (0.0, 100.0, 100.5, 101.0):
        rate.tick(t)
    assert rate.per_s == pytest.approx(2.0)
