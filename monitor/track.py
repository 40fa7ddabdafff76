"""Faces followed and believed in, for a loop that judges at once: `Follower` and `Beliefs` in step."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.beliefs import Beliefs
from monitor.decide import Rule
from monitor.follow import Changes, Follower
from monitor.glance import Glance
from monitor.settings import TrackSettings
from monitor.types import Box, Face, Frame, Judgement, Track


class Tracker:
    """match -> due -> vote, once a frame; `tracks` afterwards."""

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
        return tuple(self._beliefs.track(face) for face in self._follower.due(n, self._calm()))

    def _calm(self) -> frozenset[int]:
        if self._glance is None or self._frame is None:
            return frozenset()
        faces = [(face.id, face.face) for face in self._follower.people]
        calm = self._glance.calm(self._frame, faces) & self._beliefs.steady
        self._held, self._calm_at = (self._calm_at[0] - calm, self._calm_at[1]), (calm, self._frame.t)
        return calm

    def vote(self, judgements: Sequence[Judgement]) -> None:
        """Adds this frame's judgements to what is believed."""
        assert self._changes is not None
        self._follower.asked([(judgement.track, judgement.reason) for judgement in judgements])
        held, t = self._held
        self._beliefs.hold(held & {judgement.track for judgement in judgements}, t)
        self._beliefs.vote(judgements, self._changes)
        if self._glance is not None:
            self._glance.judged(judgement.track for judgement in judgements)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The confirmed tracks after the last frame, by id."""
        return tuple(self._beliefs.track(face) for face in self._follower.people)
