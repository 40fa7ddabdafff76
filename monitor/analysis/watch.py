"""One segment, watched: pictures in, tables out. The same pictures give the same tables wherever this runs.

Crops of BLOCK_FRAMES pictures are judged in one call of the engine, on a thread of their own, while the next block is
searched for faces. What is believed is worked out afterwards, picture by picture, as if each had been judged at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engines.contract import F32, Engine
from monitor.analysis.facts import BLOCK_FRAMES, Segment
from monitor.analysis.quality import Eye
from monitor.analysis.rows import Rows
from monitor.analysis.stride import Stride, every_s
from monitor.app import cropper_for, rule_for
from monitor.beliefs import Beliefs
from monitor.budget import MediaBudget, every_face
from monitor.classify import Crops
from monitor.follow import Changes, Followed, Follower
from monitor.glance import Glance
from monitor.ports import Detector
from monitor.settings import Settings, TrackSettings
from monitor.threads import Answer, Caller
from monitor.types import Face, Frame, Judgement

SAME_FACE = 0.5
"""A find that shares so much with somebody's box is his."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a picture showed, before anybody was judged."""

    t: float
    number: int | None
    """Pictures of the segment before this one; None in the run-in."""
    origin: Path | None
    changes: Changes
    people: tuple[Followed, ...]
    strangers: tuple[Face, ...]
    """Finds that are nobody's."""
    held: tuple[frozenset[int], float]
    """Who looks otherwise now than at this earlier time, until when he had looked the same."""
    asked: tuple[tuple[Followed, str | None], ...]
    """Whose judgement was due, and why the crop is not worth one, or None."""


class Watch:
    """feed, feed, feed, finish."""

    def __init__(
        self, segment: Segment, settings: Settings, engine: Engine, detector: Detector, later: Caller, fps: float = 0.0
    ) -> None:
        """`fps` of the recording, 0 = not known. Engine, detector and thread may be shared with other segments."""
        track = track_settings(settings)
        self.segment, self._engine, self._detector, self._later = segment, engine, detector, later
        self._stride = Stride(settings.analysis.stride, fps, first=segment.run_in_s == 0)
        self._follower = Follower(track, new_score=settings.detector.new_score, every_s=every_s(settings, fps))
        self._beliefs = Beliefs(track, rule_for(settings, engine.card))
        self._glance = Glance() if track.stable_every_s is not None else None
        self._budget = MediaBudget(track.judgements_per_s)
        self._cropper, self._crops = cropper_for(settings, engine.card), Crops(engine.card.input_px)
        self._steps: list[Step] = []
        self._waiting: tuple[list[Step], Answer[F32] | None] = ([], None)
        self._calm_at: tuple[frozenset[int], float] = frozenset(), 0.0
        self._told, self._looked, self._looks = 0, 0, list[int]()
        self._eye, self._rows = Eye(), Rows(engine.card.classes)

    def feed(self, frame: Frame) -> None:
        """The next picture of the segment or its run-in. Raises DetectorError and EngineError."""
        told = frame.still or self.segment.from_s <= frame.t
        if frame.still or self._stride.takes(frame.t):
            self._eye.see(frame.bgr, frame.t, still=frame.still, told=told)
            if told:
                self._looks.append(self._told)
            # Counted anew in each segment: the detector's rotation follows the index.
            self._steps.append(self._look(replace(frame, index=self._looked), self._told if told else None))
            self._looked += 1
        self._told += told
        if len(self._steps) == BLOCK_FRAMES:
            self._hand_over()

    def _look(self, frame: Frame, number: int | None) -> Step:
        faces = self._detector.detect(frame, self._follower.expected(frame.t))
        changes = self._follower.match(frame, faces)
        people = self._follower.people
        calm = self._calm(frame, people)
        held, self._calm_at = (self._calm_at[0] - calm, self._calm_at[1]), (calm, frame.t)
        due = self._follower.due(self._budget.allow(frame), calm)
        asked = tuple((face, self._cut(frame, face.face)) for face in due)
        self._follower.asked([(face.id, reason) for face, reason in asked])
        if self._glance is not None:
            self._glance.judged(face.id for face, _ in asked)
        self._budget.spent(len(due), 0.0)
        found = [person.face.box for person in people if person.seen_t == frame.t]
        strangers = tuple(face for face in faces if all(face.box.shared(box) < SAME_FACE for box in found))
        return Step(frame.t, number, frame.origin, changes, people, strangers, held, asked)

    def _calm(self, frame: Frame, people: Sequence[Followed]) -> frozenset[int]:
        if self._glance is None:
            return frozenset()
        return self._glance.calm(frame, ((person.id, person.face) for person in people)) & self._beliefs.steady

    def _cut(self, frame: Frame, face: Face) -> str | None:
        reason = self._cropper.cut(frame, face, self._crops.next)
        if reason is None:
            self._crops.keep()
        return reason

    def _hand_over(self) -> None:
        """Takes in what was said of the block before, then has this one judged: always in this order."""
        self._take_in()
        steps, self._steps = self._steps, []
        rgb = self._crops.take().copy()
        self._waiting = steps, self._later.ask(self._engine.infer, rgb) if len(rgb) else None

    def _take_in(self) -> None:
        (steps, answer), self._waiting = self._waiting, ([], None)
        probs = iter(answer.get() if answer is not None else ())
        for step in steps:
            self._believe(step, probs)

    def _believe(self, step: Step, probs: Iterator[F32]) -> None:
        judgements = [Judgement(face.id, next(probs) if why is None else None, why) for face, why in step.asked]
        self._beliefs.changed(step.changes)
        held, t = step.held
        self._beliefs.hold(held & {judgement.track for judgement in judgements}, t)
        self._beliefs.vote(judgements, step.changes)
        tracks = [self._beliefs.track(person) for person in step.people]
        boxes = [face.face.box for face, _ in step.asked]
        self._rows.add(
            step.t, step.number, step.origin, tracks, step.strangers, list(zip(boxes, judgements, strict=True))
        )

    def finish(self, damaged: int, skipped: Sequence[str] = ()) -> bytes:
        """The segment's tables, packed, see `Rows.pack`.

        With them is told what could not be read, and which of its pictures were looked at: also those without a face.
        """
        if self._steps:
            self._hand_over()
        self._take_in()
        self._eye.quality.decoded = self._told
        told = {"looks": self._looks, "damaged": damaged, "skipped": list(skipped)}
        return self._rows.pack({**self._eye.quality.as_json(), **told})


def track_settings(settings: Settings) -> TrackSettings:
    """How faces are followed and judged, `--every-face` put into numbers."""
    return every_face(settings.track) if settings.analysis.every_face else settings.track
