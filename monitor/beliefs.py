"""What is believed of each followed face: the verdicts, and the rule that turns judgements into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from monitor.decide import Rule, Verdict, judged, unjudged
from monitor.follow import Changes, Followed
from monitor.settings import TrackSettings
from monitor.types import Judgement, Track

SURELY = 0.7
"""How far a verdict must be above the confidence, as a share of what is left to 1, to be steady."""


class Beliefs:
    """changed -> vote, once a frame, in the frames' order; the one owner of the verdicts."""

    def __init__(self, settings: TrackSettings, rule: Rule) -> None:
        self._rule, self._fresh = rule, settings.fresh_judgements
        self._steady_p = rule.confidence + SURELY * (1 - rule.confidence)
        self._verdicts: dict[int, Verdict] = {}
        self._present: frozenset[int] = frozenset()

    def changed(self, changes: Changes) -> None:
        """Joins tracks that were one, gives up the labels of faces that are unclear, forgets who is gone."""
        self._present = changes.present
        for older, younger in changes.joined:
            verdict, other = self.of(older), self.of(younger)
            self._verdicts[older] = replace(verdict, was_fake=verdict.was_fake or other.was_fake)
        self._verdicts = {i: verdict for i, verdict in self._verdicts.items() if i in changes.present}
        for i in changes.unclear:
            self._verdicts[i] = unjudged(self.of(i), "unclear", changes.t, self._rule)

    def hold(self, tracks: Iterable[int], t: float) -> None:
        """These looked at `t` as when they were judged last: what was said then held until `t`, and weighs so."""
        for i in tracks:
            if (verdict := self._verdicts.get(i)) is not None and verdict.probs is not None:
                self._verdicts[i] = replace(verdict, judged_t=max(verdict.judged_t, t))

    def vote(self, judgements: Sequence[Judgement], changes: Changes) -> None:
        """Adds the judgements of the frame that `changes` tells of, now or later; those who are gone by now are not
        heard of again."""
        rule = replace(self._rule, min_judgements=1) if changes.still else self._rule
        for judgement in judgements:
            if judgement.track not in self._present:
                continue
            old = self.of(judgement.track)
            if judgement.probs is not None:
                verdict = judged(old, judgement.probs, changes.t, rule)
            else:
                verdict = unjudged(old, judgement.reason or "unsure", changes.t, rule)
            self._verdicts[judgement.track] = verdict

    def of(self, track_id: int) -> Verdict:
        """What is believed of a track; of one never heard of, nothing."""
        return self._verdicts.get(track_id) or Verdict()

    @property
    def steady(self) -> frozenset[int]:
        """Tracks decided clearly enough that one more judgement of the same face would hardly change them."""
        return frozenset(i for i, verdict in self._verdicts.items() if self._is_steady(verdict))

    def _is_steady(self, verdict: Verdict) -> bool:
        return (
            verdict.label is not None
            and verdict.probs is not None
            and verdict.judgements >= self._fresh
            and float(verdict.probs[verdict.label]) >= self._steady_p
        )

    def track(self, face: Followed) -> Track:
        """The face with what is believed of it."""
        v = self.of(face.id)
        return Track(
            face.id, face.face, face.since_t, face.seen_t,
            v.judged_t, v.judgements, v.probs, v.label, v.reason, v.was_fake,
        )  # fmt: skip
