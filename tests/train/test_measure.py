"""Numbers about a classifier, against cases worked out by hand and scikit-learn."""

import numpy as np
import pytest

from train.measure import (
    MOST_CONFIDENCE,
    auc,
    class_weights,
    coverage_confidence,
    ece,
    fit_calibration,
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


def answered(n, seed=1):
    """Labels and logits whose softmax is right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 3)).astype(np.float32)
    probs = softmax(logits)
    return (probs.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), logits


def test_calibration_mends_overconfidence_and_a_class_that_is_said_too_often():
    labels, logits = answered(6000)
    off = 4 * logits + np.array([0.0, 3.0, 0.0], np.float32)
    temperature, shift = fit_calibration(off, labels, np.full(len(labels), 1 / len(labels), np.float32))
    assert temperature == pytest.approx(4.0, rel=0.1)
    assert shift == pytest.approx([1.0, -2.0, 1.0], abs=0.25)
    after = softmax(np.asarray(off + shift, np.float32), temperature)
    assert ece(after, labels) < 0.03 < 0.1 < ece(softmax(off), labels)


def test_calibration_answers_for_the_mix_of_its_weights():
    """Trained on a mix in which one class is rare, it answers for equally many of each."""
    labels, logits = answered(20_000, seed=2)
    kept = (labels != 2) | (np.random.default_rng(3).random(len(labels)) < 0.1)
    seen_rarely = logits + np.log([1, 1, 0.1]).astype(np.float32)
    _, shift = fit_calibration(seen_rarely[kept], labels[kept], class_weights(labels[kept], EVEN))
    assert shift[2] - shift[0] == pytest.approx(np.log(10), abs=0.2)


def test_what_is_told_apart_without_a_mistake_stays_calibrated():
    labels = np.arange(30) % 3
    logits = 8 * np.eye(3, dtype=np.float32)[labels]
    temperature, shift = fit_calibration(logits, labels, class_weights(labels, EVEN))
    assert np.isfinite(temperature)
    assert (softmax(np.asarray(logits + shift, np.float32), temperature).argmax(axis=1) == labels).all()


def test_a_few_pictures_do_not_make_it_sure_of_everything():
    """Not of one class either, whose few pictures weigh as much as the many of the others."""

    def temperature(*counts):
        labels = np.repeat(np.arange(3), counts)
        logits = 2 * np.eye(3, dtype=np.float32)[labels]
        return fit_calibration(logits, labels, class_weights(labels, EVEN))[0]

    assert temperature(1000, 1000, 1000) < 0.6 * temperature(3, 3, 3)
    assert temperature(1000, 1000, 3) == pytest.approx(temperature(9, 9, 9), rel=0.2)


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


@pytest.mark.parametrize(("each", "chosen"), [(6, MOST_CONFIDENCE), (7, 0.5)])
def test_few_pictures_without_a_mistake_promise_little(each, chosen):
    """One more mistake would be one of eighteen, and one of twenty-one."""
    labels = np.repeat(np.arange(3), each)
    weights = class_weights(labels, EVEN)
    assert coverage_confidence(0.96 * np.eye(3, dtype=np.float32)[labels], labels, weights) == chosen
