"""Who is who: follows faces over time, names the tracks to judge, and holds what is believed of each person.

The one owner of this state; everything is timed in the frames' seconds, never in frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.decide import Rule, Verdict, judged, unjudged
from monitor.motion import GATE, GATE_PER_S, Motion, clipped, pair
from monitor.settings import TrackSettings
from monitor.types import Box, Face, Frame, Judgement, Track

UNCONFIRMED_S = 0.3
"""A find that is not repeated within so long was none."""
DOUBT = 0.5
"""How clear a face is taken to be before it was found: half-way between a pattern and a face."""
SAME_FACE = 0.6
"""A find that overlaps a followed face by so much does not start another track."""


@dataclass(frozen=True, slots=True)
class _Person:
    id: int
    face: Face
    motion: Motion
    since_t: float
    seen_t: float
    finds: int
    tried_t: float
    """When a judgement was last asked for, also where the crop was not worth one."""
    clarity: float
    """Average score of its finds, see TrackSettings.clear_score."""
    verdict: Verdict


class Tracker:
    """match -> due -> vote, once a frame; `tracks` afterwards."""

    def __init__(self, settings: TrackSettings, rule: Rule, *, new_score: float) -> None:
        self._settings, self._rule, self._new_score = settings, rule, new_score
        self._people: dict[int, _Person] = {}
        self._next_id = 1
        self._apart: dict[int, frozenset[int]] = {}
        self._t, self._size, self._still = 0.0, (1, 1), False
        self._origin: Path | None = None

    def expected(self, t: float) -> tuple[Box, ...]:
        """Where the followed faces should be at `t`, by id."""
        return tuple(person.motion.at(t) for person in self._people.values())

    def match(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Continues tracks with the faces of a frame, starts new ones, lets go of those not found for long.

        A still picture and another file begin anew: nobody is followed from one into the next.
        """
        cut = frame.still or self._still or frame.origin != self._origin
        self._t, self._size, self._still = frame.t, (frame.width_px, frame.height_px), frame.still
        self._origin = frame.origin
        kept = () if cut else self._people.values()
        self._people = {p.id: p for p in kept if frame.t - p.seen_t <= self._patience_s(p)}
        people = list(self._people.values())
        gates = [GATE + GATE_PER_S * (frame.t - p.seen_t) for p in people]
        pairs, left = pair([p.motion.at(frame.t) for p in people], gates, faces)
        for i, j in pairs:
            self._continue(people[i], faces[j])
        for j in left:
            self._start(faces[j])
        self._tell_apart()
        self._join_doubles()
        for person in list(self._people.values()):
            if not self._clear(person):
                verdict = unjudged(person.verdict, "unclear", self._t, self._rule)
                self._people[person.id] = replace(person, verdict=verdict)

    def _clear(self, person: _Person) -> bool:
        return person.clarity >= self._settings.clear_score

    def _patience_s(self, person: _Person) -> float:
        return self._settings.lost_s if self._confirmed(person) else min(UNCONFIRMED_S, self._settings.lost_s)

    def _confirmed(self, person: _Person) -> bool:
        return person.finds >= self._settings.confirm_finds

    def _continue(self, person: _Person, face: Face) -> None:
        motion = person.motion.found(face.box, self._t)
        finds = min(person.finds + 1, self._settings.confirm_finds)
        keep = math.exp(-(self._t - person.seen_t) / self._settings.clear_s)
        clarity = keep * person.clarity + (1 - keep) * face.score
        self._people[person.id] = replace(
            person, face=face, motion=motion, seen_t=self._t, finds=finds, clarity=clarity
        )

    def _start(self, face: Face) -> None:
        if face.score < self._new_score:
            return
        if any(face.box.shared(p.motion.at(self._t)) > SAME_FACE for p in self._people.values()):
            return
        motion = Motion(face.box, self._t)
        never = Verdict()
        clarity = face.score if self._still else DOUBT
        finds = self._settings.confirm_finds if self._still else 1
        person = _Person(self._next_id, face, motion, self._t, self._t, finds, never.judged_t, clarity, never)
        self._people[person.id] = person
        self._next_id += 1

    def _tell_apart(self) -> None:
        """Those found in one frame are different people, for as long as they are followed."""
        found = {p.id for p in self._people.values() if p.seen_t == self._t}
        self._apart = {i: self._apart.get(i, frozenset()) & self._people.keys() for i in self._people}
        for i in found:
            self._apart[i] |= found

    def _join_doubles(self) -> None:
        """Two tracks of one face, found in turn by different looks, become the older one."""
        found = [p for p in self._people.values() if p.seen_t == self._t]
        for lost in [p for p in self._people.values() if p.seen_t < self._t]:
            place = lost.motion.at(self._t)
            for other in found:
                if other.id not in self._people or other.id in self._apart[lost.id]:
                    continue
                if place.shared(other.motion.at(self._t)) > SAME_FACE:
                    older, younger = sorted((lost, other), key=lambda p: p.id)
                    was_fake = older.verdict.was_fake or younger.verdict.was_fake
                    self._people[older.id] = replace(
                        older,
                        face=other.face,
                        verdict=replace(older.verdict, was_fake=was_fake),
                        motion=other.motion,
                        seen_t=other.seen_t,
                        finds=max(older.finds, younger.finds),
                    )
                    del self._people[younger.id]
                    break

    def due(self, n: int) -> tuple[Track, ...]:
        """At most `n` tracks found in this frame whose judgement is the oldest, the stalest first.

        Everybody in a still picture: there is no next frame in which to wait for a turn.
        """
        waiting = [p for p in self._people.values() if p.seen_t == self._t and self._confirmed(p) and self._is_due(p)]
        waiting.sort(key=lambda p: (p.tried_t, p.id))
        return tuple(self._track(p) for p in waiting[: len(waiting) if self._still else max(0, n)])

    def _is_due(self, person: _Person) -> bool:
        if not self._clear(person):
            return False
        fresh = person.verdict.judgements < self._settings.fresh_judgements and person.verdict.reason != "small"
        # Half a millisecond of tolerance: times of 0.1 s apart must not miss each other by a rounding.
        return fresh or self._t - person.tried_t >= self._settings.judge_every_s - 5e-4

    def vote(self, judgements: Sequence[Judgement]) -> None:
        """Adds this frame's judgements to what is believed."""
        rule = replace(self._rule, min_judgements=1) if self._still else self._rule
        for judgement in judgements:
            person = self._people[judgement.track]
            if judgement.probs is not None:
                verdict = judged(person.verdict, judgement.probs, self._t, rule)
            else:
                verdict = unjudged(person.verdict, judgement.reason or "unsure", self._t, rule)
            self._people[person.id] = replace(person, verdict=verdict, tried_t=self._t)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The confirmed tracks after the last frame, by id."""
        return tuple(self._track(p) for _, p in sorted(self._people.items()) if self._confirmed(p))

    def _track(self, p: _Person) -> Track:
        box = clipped(p.motion.at(self._t), *self._size)
        v = p.verdict
        face = replace(p.face, box=box)
        return Track(p.id, face, p.since_t, p.seen_t, v.judged_t, v.judgements, v.probs, v.label, v.reason, v.was_fake)
