"""From judgements to a label people can believe: pure functions of probabilities and seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from monitor.settings import DecideSettings
from monitor.types import F32


@dataclass(frozen=True)
class Rule:
    """The settings of deciding, with what the model's card says filled in."""

    prior_ratio: F32
    """(K,) share on site over share in training, by class."""
    memory_s: float
    confidence: float
    release: float
    hold_s: float
    stale_s: float
    min_judgements: int
    fake: int | None = None
    """Index of the class whose verdict a mask must not wipe out; None = the model has none."""
    real: int | None = None
    """Index of the class that takes it back: a bare face, live."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is believed of one person."""

    probs: F32 | None = None
    """(K,) smoothed; None before the first judgement."""
    judged_t: float = -math.inf
    judgements: int = 0
    label: int | None = None
    changed_t: float = -math.inf
    """When the label shown last changed."""
    reason: str | None = "few judgements"
    was_fake: bool = False
    """Once decided to be fake, and not decided to be real since."""


def make_rule(
    settings: DecideSettings, site_priors: tuple[float, ...], trained: tuple[float, ...], card_confidence: float,
    classes: tuple[str, ...] = (),
) -> Rule:  # fmt: skip
    """The rule for classes whose shares on site and in training, and names, are given in the same order."""
    site = np.asarray(site_priors, np.float64) / sum(site_priors)
    return Rule(
        prior_ratio=np.asarray(site / np.asarray(trained, np.float64), np.float32),
        memory_s=settings.memory_s,
        confidence=card_confidence if settings.confidence is None else settings.confidence,
        release=settings.release,
        hold_s=settings.hold_s,
        stale_s=settings.stale_s,
        min_judgements=settings.min_judgements,
        fake=classes.index("fake") if "fake" in classes else None,
        real=classes.index("real") if "real" in classes else None,
    )


def corrected(probs: F32, prior_ratio: F32) -> F32:
    """Probabilities (K,) under the mix of classes on site, by Bayes' rule (Saerens et al. 2002, eq. 2.4)."""
    weighted = probs * prior_ratio
    return np.asarray(weighted / weighted.sum(), np.float32)


def judged(verdict: Verdict, probs: F32, t: float, rule: Rule) -> Verdict:
    """The verdict after one more judgement: exponential smoothing in seconds, then the label."""
    fresh = corrected(probs, rule.prior_ratio)
    if verdict.probs is not None:
        keep = math.exp(-max(0.0, t - verdict.judged_t) / rule.memory_s)
        fresh = np.asarray(keep * verdict.probs + (1 - keep) * fresh, np.float32)
    fresh.setflags(write=False)
    return _labelled(replace(verdict, probs=fresh, judged_t=t, judgements=verdict.judgements + 1), t, rule)


def unjudged(verdict: Verdict, reason: str, t: float, rule: Rule) -> Verdict:
    """The verdict after a crop that was not worth judging: a label is kept while its last judgement is recent."""
    if verdict.label is not None:
        old = t - verdict.judged_t >= rule.stale_s and t - verdict.changed_t >= rule.hold_s
        return _with_label(verdict, None, t, reason) if old else verdict
    return _with_label(verdict, None, t, reason)


def _labelled(verdict: Verdict, t: float, rule: Rule) -> Verdict:
    """Hysteresis: taken at `confidence`, kept down to `confidence - release`, changed at most once in `hold_s`."""
    assert verdict.probs is not None
    if verdict.judgements < rule.min_judgements:
        return _with_label(verdict, None, t, "few judgements")
    best = int(np.argmax(verdict.probs))
    wanted: int | None = None
    if verdict.probs[best] >= rule.confidence:
        wanted = best
    elif verdict.label is not None and verdict.probs[verdict.label] >= rule.confidence - rule.release:
        wanted = verdict.label
    if wanted != verdict.label and t - verdict.changed_t < rule.hold_s:
        wanted = verdict.label
    labelled = _with_label(verdict, wanted, t, None if wanted is not None else "unsure")
    return replace(labelled, was_fake=_remembered(labelled, rule))


def _remembered(verdict: Verdict, rule: Rule) -> bool:
    """A mask hides what a fake is told by, so neither it nor doubt takes a verdict of `fake` back; a bare face does."""
    if verdict.label is None or verdict.label not in (rule.fake, rule.real):
        return verdict.was_fake
    return verdict.label == rule.fake


def _with_label(verdict: Verdict, label: int | None, t: float, reason: str | None) -> Verdict:
    changed_t = t if label != verdict.label else verdict.changed_t
    return replace(verdict, label=label, changed_t=changed_t, reason=reason)
