"""What people are told: smoothing, correction, hysteresis, in seconds."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contract import Card
from monitor.app import rule_for
from monitor.decide import Verdict, corrected, judged, make_rule, unjudged
from monitor.settings import DecideSettings, Settings

EVEN = (1 / 3, 1 / 3, 1 / 3)
REAL, FAKE, MASK = 0, 1, 2


CLASSES = ("real", "fake", "mask")


def rule(site=EVEN, classes=CLASSES, **changes):
    return make_rule(DecideSettings(**changes), site, EVEN, card_confidence=0.6, classes=classes)


def probs(real, fake, mask):
    return np.array([real, fake, mask], np.float32)


def feed(verdict, answers, rule, fps=25.0, start=0.0):
    history = []
    for i, answer in enumerate(answers):
        verdict = judged(verdict, answer, start + i / fps, rule)
        history.append(verdict)
    return verdict, history


def test_prior_correction_is_bayes_rule():
    ratio = rule(site=(0.49, 0.02, 0.49)).prior_ratio
    got = corrected(probs(0.2, 0.7, 0.1), ratio)
    want = np.array([0.2 * 0.49, 0.7 * 0.02, 0.1 * 0.49])
    np.testing.assert_allclose(got, want / want.sum(), rtol=1e-5)


def test_a_rare_fake_needs_strong_evidence():
    site = rule(site=(0.49, 0.02, 0.49))
    weak, _ = feed(Verdict(), [probs(0.3, 0.65, 0.05)] * 20, site)
    strong, _ = feed(Verdict(), [probs(0.001, 0.998, 0.001)] * 20, site)
    assert weak.label == REAL
    assert strong.label == FAKE


def test_undecided_until_enough_judgements():
    r = rule(min_judgements=3)
    _, history = feed(Verdict(), [probs(0, 0, 1)] * 3, r)
    assert [v.label for v in history] == [None, None, MASK]
    assert [v.reason for v in history] == ["few judgements", "few judgements", None]


def test_unsure_is_a_value():
    verdict, _ = feed(Verdict(), [probs(0.4, 0.3, 0.3)] * 10, rule())
    assert verdict.label is None
    assert verdict.reason == "unsure"


@pytest.mark.parametrize("fps", [5.0, 15.0, 30.0, 60.0])
def test_a_change_shows_after_the_same_seconds_at_every_rate(fps):
    r = rule(hold_s=0.01, release=0.0)
    before, _ = feed(Verdict(), [probs(1, 0, 0)] * round(3 * fps), r, fps)
    _, history = feed(before, [probs(0, 0, 1)] * round(3 * fps), r, fps, start=3.0)
    shown_s = next(i for i, v in enumerate(history) if v.label == MASK) / fps
    assert 0.3 <= shown_s <= 0.75


def test_hysteresis_keeps_a_label_between_release_and_confidence():
    r = rule(release=0.1)
    decided, _ = feed(Verdict(), [probs(0, 0, 1)] * 5, r)
    kept, _ = feed(decided, [probs(0.44, 0.0, 0.56)] * 200, r, start=1.0)
    assert kept.label == MASK
    never, _ = feed(Verdict(), [probs(0.44, 0.0, 0.56)] * 200, r)
    assert never.label is None


@given(st.lists(st.tuples(*[st.floats(0.001, 1)] * 3), min_size=2, max_size=120), st.floats(4, 60))
def test_a_shown_label_never_flips_twice_within_a_second(answers, fps):
    r = rule(hold_s=1.0)
    normal = [probs(*a) / np.float32(sum(a)) for a in answers]
    _, history = feed(Verdict(), normal, r, fps)
    shown = [(i / fps, v.label) for i, v in enumerate(history)]
    changes = [t for (_, a), (t, b) in itertools.pairwise(shown) if a != b]
    assert all(b - a >= 1.0 - 1e-9 for a, b in itertools.pairwise(changes))
    for verdict in history:
        assert verdict.probs is not None
        assert abs(float(verdict.probs.sum()) - 1) < 1e-4
        assert (verdict.label is None) == (verdict.reason is not None)


def test_a_label_outlives_a_short_blur_but_not_a_long_one():
    r = rule(stale_s=3.0)
    decided, _ = feed(Verdict(), [probs(0, 0, 1)] * 5, r)
    soon = unjudged(decided, "blurred", 2.0, r)
    late = unjudged(decided, "blurred", 4.0, r)
    assert soon.label == MASK
    assert (late.label, late.reason) == (None, "blurred")


def test_a_mask_put_on_later_does_not_take_a_fake_back():
    r = rule()
    faked, _ = feed(Verdict(), [probs(0, 1, 0)] * 50, r)
    assert (faked.label, faked.was_fake) == (FAKE, True)
    masked, _ = feed(faked, [probs(0, 0, 1)] * 100, r, start=2.0)
    assert (masked.label, masked.was_fake) == (MASK, True)
    doubtful = unjudged(masked, "blurred", 60.0, r)
    assert (doubtful.label, doubtful.was_fake) == (None, True)
    bare, _ = feed(doubtful, [probs(1, 0, 0)] * 100, r, start=61.0)
    assert (bare.label, bare.was_fake) == (REAL, False)


def test_who_was_never_called_fake_was_not():
    r = rule()
    _, history = feed(Verdict(), [probs(0.45, 0.55, 0), probs(0, 0, 1), probs(1, 0, 0)] * 30, r)
    assert not any(verdict.was_fake for verdict in history if FAKE not in {v.label for v in history})
    other = rule(classes=("a", "b", "c"))
    verdict, _ = feed(Verdict(), [probs(0, 1, 0)] * 50, other)
    assert (verdict.label, verdict.was_fake) == (FAKE, False)


def test_classes_without_a_setting_are_expected_as_often_as_in_the_card():
    """A bundle of one's own may know other classes than real, fake and mask."""
    card = Card("own", "1", "vgg16", ("live", "fake"), 32, 0.15, (0.9, 0.1), 0.6, 20.0)
    ratio = rule_for(Settings(), card).prior_ratio
    assert ratio == pytest.approx([1 / 0.92, 0.02 / 0.1 / 0.92])
