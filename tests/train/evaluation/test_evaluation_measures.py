"""Curves and errors with answers known by hand, and intervals that know their groups."""

import numpy as np
import pytest

from train.evaluation.bootstrap import intervals
from train.evaluation.measures import (
    calibrated_by,
    equal_error_rate,
    precision_recall,
    reliability,
    risk_coverage,
    roc,
    unscaled,
)
from train.measure import auc, softmax

SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], np.float32)
POSITIVE = np.array([True, True, False, True, False, False])


def test_roc_by_hand():
    third = round(1 / 3, 4)
    assert roc(SCORE, POSITIVE) == [[0, 0], [0, third], [0, 0.6667], [third, 0.6667], [third, 1], [0.6667, 1], [1, 1]]
    assert roc(SCORE, np.ones(6, bool)) == []


def test_equal_scores_are_one_step():
    assert roc(np.zeros(4, np.float32), np.array([True, False, True, False])) == [[0, 0], [1, 1]]


def test_the_area_under_the_curve_is_the_auc():
    rng = np.random.default_rng(0)
    positive = rng.random(90) < 0.4
    score = np.round(rng.normal(positive, 1.0), 1).astype(np.float32)  # with ties
    points = np.array(roc(score, positive))
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(auc(score, positive), abs=2e-3)


def test_precision_and_recall_by_hand():
    points = precision_recall(SCORE, POSITIVE)
    assert points[0] == [0.3333, 1.0]
    assert points[2] == [0.6667, 0.6667]
    assert points[3] == [1.0, 0.75]
    assert precision_recall(SCORE, np.zeros(6, bool)) == []


def test_equal_error_rate_by_hand():
    assert equal_error_rate(SCORE, POSITIVE) == pytest.approx(1 / 3)
    assert equal_error_rate(SCORE, SCORE > 0.55) == 0
    assert equal_error_rate(-SCORE, SCORE > 0.65) == 1
    assert np.isnan(equal_error_rate(SCORE, np.ones(6, bool)))
    rng = np.random.default_rng(1)
    positive = rng.random(4000) < 0.5
    apart = rng.normal(2.0 * positive, 1.0).astype(np.float32)
    assert equal_error_rate(apart, positive) == pytest.approx(0.1587, abs=0.02)  # a normal's tail beyond 1


def test_a_bundle_calibrated_by_a_temperature_alone_keeps_its_mix_without_it():
    z, shares, temperature = np.random.default_rng(2).normal(0, 2, (50, 3)), np.array([0.4, 0.4, 0.2]), 1.7
    deployed = softmax(np.asarray(z - temperature * np.log(shares * 3), np.float32), temperature)
    want = softmax(np.asarray(z - np.log(shares * 3), np.float32))
    card = {"class_shares": shares.tolist(), "temperature": temperature}
    found, shift = calibrated_by(card)
    np.testing.assert_allclose(unscaled(deployed, found, shift), want, atol=1e-5)
    assert calibrated_by({**card, "shift": [1, 0, -1]})[1].tolist() == [1, 0, -1]
    assert calibrated_by({})[0] == 1
    assert calibrated_by({})[1].tolist() == [0]


def test_unscaled_takes_the_calibration_back():
    z, shift, temperature = np.random.default_rng(2).normal(0, 2, (50, 3)), np.array([0.4, -0.1, -0.3]), 1.7
    deployed = softmax(np.asarray(z + shift, np.float32), temperature)
    np.testing.assert_allclose(unscaled(deployed, temperature, shift), softmax(np.asarray(z, np.float32)), atol=1e-5)
    np.testing.assert_allclose(unscaled(deployed, 1.0), deployed, atol=1e-6)


def test_reliability_of_honest_and_of_boastful_answers():
    rng = np.random.default_rng(3)
    top = rng.uniform(0.5, 1, 20_000)
    probs = np.stack([top, 1 - top], axis=1).astype(np.float32)
    labels = (rng.random(20_000) > top).astype(np.int64)
    honest = reliability(probs, labels)
    assert honest["ece"] < 0.02
    assert all(abs(said - right) < 0.05 for said, right, _ in honest["bins"])
    boastful = reliability(probs, (rng.random(20_000) > 0.5).astype(np.int64))
    assert boastful["ece"] == pytest.approx(0.25, abs=0.02)


def test_risk_and_coverage_by_hand():
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]], np.float32)
    found = risk_coverage(probs, np.array([0, 1, 0, 0]), 0.75)
    assert found["points"] == [[0.25, 0.0], [0.5, 0.5], [0.75, 0.3333], [1.0, 0.25]]
    assert (found["decided"], found["wrong_of_decided"]) == (0.5, 0.5)
    assert risk_coverage(probs, np.zeros(4, np.int64), 0.95)["wrong_of_decided"] is None


def test_intervals_repeat_cover_and_know_groups():
    rng = np.random.default_rng(4)
    right = rng.random(400) < 0.8
    lone, grouped = [str(i) for i in range(400)], [str(i // 40) for i in range(400)]
    clumped = np.repeat(rng.random(10) < 0.8, 40)

    def share(values):
        return lambda rows: {"share": float(values[rows].mean()), "absent": float("nan")}

    low, high = intervals(share(right), lone)["share"]
    assert low < right.mean() < high
    assert high - low == pytest.approx(4 * np.sqrt(0.8 * 0.2 / 400), rel=0.25)
    assert intervals(share(right), lone) == intervals(share(right), lone)
    wide = intervals(share(clumped), grouped)["share"]
    narrow = intervals(share(clumped), lone)["share"]
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    assert "absent" not in intervals(share(right), lone)
