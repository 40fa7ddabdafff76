"""Faces followed and believed in, for a loop that judges at once: `Follower` and `Beliefs` in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.beliefs import Beliefs
from monitor.decide import Rule
from monitor.follow import Changes, Follower
from monitor.glance import Glance
from monitor.settings import TrackSettings
from monitor.types import Box, Face, Frame, Judgement, Track


@dataclass(frozen=True, slots=True)
class Round:
    """The frame in which judgements were asked for, as far as it matters when they come."""

    changes: Changes
    held: frozenset[int]
    """Who looks otherwise in it than at `held_t`, until when he had looked as he was judged."""
    held_t: float


class Tracker:
    """match -> due -> asked -> vote, once a frame; `tracks` afterwards. The vote may come some frames later."""

    def __init__(self, settings: TrackSettings, rule: Rule, *, new_score: float) -> None:
        self._follower = Follower(settings, new_score=new_score)
        self._beliefs = Beliefs(settings, rule)
        self._changes: Changes | None = None
        self._glance = Glance() if settings.stable_every_s is not None else None
        self._frame: Frame | None = None
        self._calm_at: tuple[frozenset[int], float] = frozenset(), 0.0
        self._held: tuple[frozenset[int], float] = frozenset(), 0.0

    def expected(self, t: float) -> tuple[Box, ...]:
        """Where the followed faces should be at `t`, by id."""
        return self._follower.expected(t)

    def match(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Continues tracks with the faces of a frame, starts new ones, lets go of those not found for long."""
        self._frame = frame
        self._changes = self._follower.match(frame, faces)
        self._beliefs.changed(self._changes)

    def due(self, n: int) -> tuple[Track, ...]:
        """At most `n` tracks to judge now, see `Follower.due`."""
        return tuple(self._beliefs.track(face) for face in self._follower.due(n, self._calm(), self._beliefs.steady))

    def _calm(self) -> frozenset[int]:
        if self._glance is None or self._frame is None:
            return frozenset()
        faces = [(face.id, face.face) for face in self._follower.people]
        calm = self._glance.calm(self._frame, faces) & self._beliefs.steady
        self._held, self._calm_at = (self._calm_at[0] - calm, self._calm_at[1]), (calm, self._frame.t)
        return calm

    def asked(self, asked: Sequence[tuple[int, str | None]]) -> Round:
        """Notes who is judged as he looks in this frame; (id, why his crop is not worth it, or None) of each."""
        assert self._changes is not None
        self._follower.asked(asked)
        ids = frozenset(i for i, _ in asked)
        if self._glance is not None:
            self._glance.judged(ids)
        held, t = self._held
        return Round(self._changes, held & ids, t)

    def vote(self, judgements: Sequence[Judgement], at: Round | None = None) -> None:
        """Adds judgements to what is believed: of this frame, or of the earlier one `at` which they were asked for."""
        if at is None:
            at = self.asked([(judgement.track, judgement.reason) for judgement in judgements])
        self._beliefs.hold(at.held, at.held_t)
        self._beliefs.vote(judgements, at.changes)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The confirmed tracks after the last frame, by id."""
        return tuple(self._beliefs.track(face) for face in self._follower.people)
