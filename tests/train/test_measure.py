"""Numbers about a classifier, against cases worked out by hand and scikit-learn."""

import numpy as np
import pytest

from train.measure import (
    auc,
    class_weights,
    coverage_confidence,
    ece,
    fit_temperature,
    scores,
    softmax,
)

EVEN = (1 / 3, 1 / 3, 1 / 3)


def test_scores_of_a_small_case():
    probs = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]], np.float32)
    found = scores(probs, np.array([0, 1, 1, 2]), ["a", "a", "a", "b"])
    assert found.accuracy == 0.75
    assert found.confusion == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found.by_class["fake"]["precision"] == 1.0
    assert found.by_class["fake"]["recall"] == 0.5
    assert found.by_source == {
        "a/real": {"recall": 1.0, "n": 1},
        "a/fake": {"recall": 0.5, "n": 2},
        "b/mask": {"recall": 1.0, "n": 1},
    }
    assert found.auc == {"a": 1.0}
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_auc_equals_scikit_learn_also_with_ties():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    score, truth = rng.integers(0, 8, 200).astype(np.float32), rng.random(200) < 0.4
    assert auc(score, truth) == pytest.approx(metrics.roc_auc_score(truth, score))
    assert np.isnan(auc(score, np.ones(200, bool)))


def test_temperature_mends_overconfidence():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 4000)
    logits = rng.normal(0, 1, (4000, 3)).astype(np.float32)
    logits[np.arange(4000), labels] += 1.0
    weights = class_weights(labels, EVEN)
    assert fit_temperature(4 * logits, labels, weights) == pytest.approx(4.0, rel=0.1)
    before, after = ece(softmax(4 * logits), labels), ece(softmax(4 * logits, 4.0), labels)
    assert after < 0.05 < before


def test_class_weights_give_the_shares():
    labels = np.array([0] * 90 + [1] * 9 + [2])
    weights = class_weights(labels, (0.4, 0.4, 0.2))
    assert [float(weights[labels == k].sum()) for k in range(3)] == pytest.approx([0.4, 0.4, 0.2])


def test_confidence_is_the_lowest_with_few_enough_mistakes():
    top = np.linspace(0.4, 1.0, 601)
    probs = np.stack([top, 1 - top, np.zeros_like(top)], axis=1).astype(np.float32)
    labels = np.where(top < 0.75, 1, 0)  # every answer below 0.75 is wrong
    weights = np.full(601, 1 / 601, np.float32)
    chosen = coverage_confidence(probs, labels, weights, risk=0.05)
    assert 0.7 < chosen <= 0.75
