"""Who is who: follows faces over time and names those whose turn it is to be judged. It knows nothing of verdicts.

The one owner of this state; everything is timed in the frames' seconds, never in frames.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.motion import FAINT_GATE, GATE, GATE_PER_S, Motion, clipped, pair
from monitor.settings import TrackSettings
from monitor.types import Box, Face, Frame

MOMENT_S, MOMENT_PICTURES = 0.3, 3
"""A moment, in seconds and pictures, whichever is longer. A first find that is not repeated within it was none, and a
faint one continues only whom it found that recently: where somebody left, patterns remain. (Zhang et al. 2022,
ByteTrack, give finds of low score to tracks of the picture before only.)"""
WAITS = 1.5
"""Distances between two pictures that everybody is waited for at least."""
ROUNDING_S = 5e-4
"""Times of 0.1 s apart must not miss each other by a rounding."""
DOUBT = 0.5
"""How clear a face is taken to be before it was found: half-way between a pattern and a face."""
SAME_FACE = 0.6
"""A find that overlaps a followed face by so much does not start another track."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One face that is followed, as it stands in the last frame."""

    id: int
    face: Face
    """The last find, or where it is expected now when `seen_t` is older than the frame."""
    since_t: float
    seen_t: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What a frame changed for those who believe something of the followed faces; to be applied in this order."""

    t: float
    still: bool
    """A picture that stands alone: one judgement must do."""
    present: frozenset[int]
    """Everybody who is followed now; the others are gone for good."""
    joined: tuple[tuple[int, int], ...]
    """(older, younger): two tracks that were one face; the younger one is gone."""
    unclear: tuple[int, ...]
    """Whose finds score too little to be judged."""


@dataclass(frozen=True, slots=True)
class _Person:
    id: int
    face: Face
    motion: Motion
    since_t: float
    seen_t: float
    finds: int
    clarity: float
    """Average score of its finds, see TrackSettings.clear_score."""
    tried_t: float = -math.inf
    """When a judgement was last asked for, also where the crop was not worth one."""
    asked: int = 0
    """Judgements asked for whose crop was worth one."""
    small: bool = False
    """The last crop was too small."""


class Follower:
    """match -> due -> asked, once a frame."""

    def __init__(self, settings: TrackSettings, *, new_score: float, every_s: float = 0.0) -> None:
        """`every_s`: how far apart the pictures are, where that is known; nobody is given up between two of them."""
        self._least_interval_s = self._interval_s = every_s
        self._gap_s = math.inf
        self._settings, self._new_score = settings, new_score
        self._people: dict[int, _Person] = {}
        self._next_id = 1
        self._apart: dict[int, frozenset[int]] = {}
        self._t, self._size, self._still = 0.0, (1, 1), False
        self._origin: Path | None = None

    def expected(self, t: float) -> tuple[Box, ...]:
        """Where the followed faces should be at `t`, by id."""
        return tuple(person.motion.at(t) for person in self._people.values())

    def match(self, frame: Frame, faces: Sequence[Face]) -> Changes:
        """Continues tracks with the faces of a frame, starts new ones, lets go of those not found for long.

        A still picture and another file begin anew: nobody is followed from one into the next.
        """
        cut = frame.still or self._still or frame.origin != self._origin
        if self._people and not cut:
            gap_s = frame.t - self._t
            # The shorter of two: a source that stood still once does not make a moment longer.
            self._interval_s, self._gap_s = max(self._least_interval_s, min(gap_s, self._gap_s)), gap_s
        self._t, self._size, self._still = frame.t, (frame.width_px, frame.height_px), frame.still
        self._origin = frame.origin
        kept = () if cut else self._people.values()
        self._people = {p.id: p for p in kept if frame.t - p.seen_t <= self._patience_s(p)}
        for face in self._continued(faces):
            self._start(face)
        self._tell_apart()
        joined = tuple(self._join_doubles())
        unclear = tuple(person.id for person in self._people.values() if not self._clear(person))
        return Changes(self._t, self._still, frozenset(self._people), joined, unclear)

    def _continued(self, faces: Sequence[Face]) -> list[Face]:
        """Continues tracks with the faces, faint ones last; the faces left over that are not faint."""
        people = list(self._people.values())
        clear = [face for face in faces if not self._faint(face)]
        gates = [GATE + GATE_PER_S * (self._t - p.seen_t) for p in people]
        pairs, left = pair([p.motion.at(self._t) for p in people], gates, clear)
        for i, j in pairs:
            self._continue(people[i], clear[j])
        found = {i for i, _ in pairs}
        missed = [p for i, p in enumerate(people) if i not in found and self._t - p.seen_t <= self._moment_s]
        faint = [face for face in faces if self._faint(face)]
        pairs, _ = pair([p.motion.at(self._t) for p in missed], [FAINT_GATE] * len(missed), faint)
        for i, j in pairs:
            self._continue(missed[i], faint[j])
        return [clear[j] for j in left]

    def _faint(self, face: Face) -> bool:
        return face.score < self._new_score

    def _clear(self, person: _Person) -> bool:
        return person.clarity >= self._settings.clear_score

    @property
    def _moment_s(self) -> float:
        return max(MOMENT_S, MOMENT_PICTURES * self._interval_s) + ROUNDING_S

    def _patience_s(self, person: _Person) -> float:
        lost_s = self._settings.lost_s
        return max(lost_s if self._confirmed(person) else min(self._moment_s, lost_s), WAITS * self._interval_s)

    def _confirmed(self, person: _Person) -> bool:
        return person.finds >= self._settings.confirm_finds

    def _continue(self, person: _Person, face: Face) -> None:
        motion = person.motion.found(face.box, self._t)
        keep = math.exp(-(self._t - person.seen_t) / self._settings.clear_s)
        clarity = keep * person.clarity + (1 - keep) * face.score
        finds = person.finds if self._faint(face) else min(person.finds + 1, self._settings.confirm_finds)
        self._people[person.id] = replace(
            person, face=face, motion=motion, seen_t=self._t, finds=finds, clarity=clarity
        )

    def _start(self, face: Face) -> None:
        if any(face.box.shared(p.motion.at(self._t)) > SAME_FACE for p in self._people.values()):
            return
        clarity = face.score if self._still else DOUBT
        finds = self._settings.confirm_finds if self._still else 1
        person = _Person(self._next_id, face, Motion(face.box, self._t), self._t, self._t, finds, clarity)
        self._people[person.id] = person
        self._next_id += 1

    def _tell_apart(self) -> None:
        """Those found in one frame are different people, for as long as they are followed."""
        found = {p.id for p in self._people.values() if p.seen_t == self._t}
        self._apart = {i: self._apart.get(i, frozenset()) & self._people.keys() for i in self._people}
        for i in found:
            self._apart[i] |= found

    def _join_doubles(self) -> list[tuple[int, int]]:
        """Two tracks of one face, found in turn by different looks, become the older one."""
        found = [p for p in self._people.values() if p.seen_t == self._t]
        joined = []
        for lost in [p for p in self._people.values() if p.seen_t < self._t]:
            place = lost.motion.at(self._t)
            for other in found:
                if other.id not in self._people or other.id in self._apart[lost.id]:
                    continue
                if place.shared(other.motion.at(self._t)) > SAME_FACE:
                    older, younger = sorted((lost, other), key=lambda p: p.id)
                    finds = max(older.finds, younger.finds)
                    self._people[older.id] = replace(
                        older, face=other.face, motion=other.motion, seen_t=other.seen_t, finds=finds
                    )
                    del self._people[younger.id]
                    joined.append((older.id, younger.id))
                    break
        return joined

    def due(self, n: int, calm: Collection[int] = (), steady: Collection[int] = ()) -> tuple[Followed, ...]:
        """At most `n` of those found in this frame whose judgement is the oldest, the stalest first.

        `steady` are clearly decided, `calm` are so and look the same: they are asked about more rarely
        (TrackSettings.changing_every_s, stable_every_s).
        Everybody in a still picture: there is no next frame in which to wait for a turn.
        """
        found = (p for p in self._people.values() if p.seen_t == self._t and self._confirmed(p))
        waiting = [p for p in found if self._is_due(p, self._every_s(p.id in calm, p.id in steady))]
        waiting.sort(key=lambda p: (p.tried_t, p.id))
        return tuple(self._followed(p) for p in waiting[: len(waiting) if self._still else max(0, n)])

    def _every_s(self, calm: bool, steady: bool) -> float:
        settings = self._settings
        rarely_s = settings.stable_every_s if calm else settings.changing_every_s if steady else None
        return max(settings.judge_every_s, rarely_s or 0.0)

    def _is_due(self, person: _Person, every_s: float) -> bool:
        if not self._clear(person):
            return False
        if person.asked < self._settings.fresh_judgements and not person.small:
            return True
        return self._t - person.tried_t >= every_s - ROUNDING_S

    def asked(self, answers: Sequence[tuple[int, str | None]]) -> None:
        """(id, reason why its crop is not worth a judgement, or None) of those that were asked about in this frame."""
        for track_id, reason in answers:
            person = self._people[track_id]
            count = person.asked + (reason is None)
            self._people[track_id] = replace(person, tried_t=self._t, asked=count, small=reason == "small")

    @property
    def people(self) -> tuple[Followed, ...]:
        """Those confirmed after the last frame, by id."""
        return tuple(self._followed(p) for _, p in sorted(self._people.items()) if self._confirmed(p))

    def _followed(self, p: _Person) -> Followed:
        box = clipped(p.motion.at(self._t), *self._size)
        return Followed(p.id, replace(p.face, box=box), p.since_t, p.seen_t)
