"""The policy: scenes in, what the door says and decides out. Pure: no clock, no file, no thread.

Fails closed: no picture, an error or doubt never opens, and a welcome needs a fresh label of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.kiosk.facts import SEVERITY, Decision, Standing, State, Visitor
from monitor.kiosk.geometry import inside
from monitor.kiosk.person import DECIDED, Person, arrived, stepped
from monitor.kiosk_settings import PolicySettings, Zone
from monitor.types import Frame, Gap, Scene, Track

FROZEN = "the picture has stopped: nothing in it moves"


class Door:
    """What is said at the door, and why. One step for each item of the loop; `decisions` are to be stored first."""

    def __init__(self, policy: PolicySettings, classes: Sequence[str], names: Callable[[], str]) -> None:
        """`names` gives each visit a name of its own."""
        self._policy, self._classes, self._names = policy, tuple(classes), names
        self._people: dict[int, Person] = {}
        self._inside_t: dict[int, float] = {}
        """When each was last in the area."""
        self._state, self._since_t = State.STARTING, 0.0
        self._own = State.STARTING
        """What the policy says; differs from the state while the staff says something else."""
        self._visitors: tuple[Visitor, ...] = ()
        self._left_t = -1e9
        self._override: tuple[State, float] | None = None

    @property
    def own(self) -> State:
        """What the policy says, whatever the staff says."""
        return self._own

    @property
    def zone(self) -> Zone:
        return self._policy.zone

    @property
    def near_share(self) -> float:
        return self._policy.near_share

    def place(self, zone: Zone, near_share: float) -> None:
        """From now on this is the area at the door."""
        self._policy = replace(self._policy, zone=zone, near_share=near_share)

    def override(self, state: State, until_t: float) -> None:
        """The staff says `state` until then."""
        self._override = (state, until_t)

    def see(self, scene: Scene, still_s: float = 0.0) -> tuple[Standing, list[Decision]]:
        """What holds after a frame, and what was decided by it; the picture has been the same for `still_s`."""
        frame, t = scene.frame, scene.frame.t
        if still_s >= self._policy.frozen_s and scene.tracks:
            return self.miss(Gap("lost", still_s, FROZEN), t)
        decisions: list[Decision] = []
        here = {track.id: track for track in scene.tracks if self._is_here(track, frame, t)}
        for track_id in [known for known in self._people if known not in here]:
            decisions.append(self._leave(track_id, t))
        heard_t = max((track.judged_t for track in scene.tracks), default=t)
        for track in here.values():
            decision = self._step(track, track.face.box.height / frame.height_px, heard_t, t)
            if decision is not None:
                decisions.append(decision)
        visitors = tuple(
            self._visitor(self._people[track.id], track, frame.width_px, frame.height_px, t) for track in here.values()
        )
        return self._stand(self._worst(visitors, t), t, visitors, "", decisions), decisions

    def end(self, why: str, t: float) -> tuple[Standing, list[Decision]]:
        """Nothing more is decided: the door closes, whatever was said, also by the staff."""
        self._override = None
        left = [self._leave(track_id, t) for track_id in list(self._people)]
        decisions: list[Decision] = []
        standing = self._stand(State.FAULT, t, (), why, decisions)
        return standing, decisions + left  # there may be time to tell one thing only

    def miss(self, gap: Gap, t: float) -> tuple[Standing, list[Decision]]:
        """What holds while there is no picture; `t` is the loop's clock."""
        decisions: list[Decision] = []
        if gap.state == "live":  # the next frame is only not due yet
            return self._stand(self._own, t, self._visitors, "", decisions), decisions
        if self._own is State.STARTING and gap.state == "connecting":
            return self._stand(State.STARTING, t, (), gap.why, decisions), decisions
        decisions += [self._leave(track_id, t) for track_id in list(self._people)]
        return self._stand(State.LOST, t, (), gap.why, decisions), decisions

    def _is_here(self, track: Track, frame: Frame, t: float) -> bool:
        """In the area, or out of it for no longer than the grace: nobody comes and goes by swaying at its edge."""
        x, y = track.face.box.center
        if not self._policy.zone or inside(x / frame.width_px, y / frame.height_px, self._policy.zone):
            self._inside_t[track.id] = t
            return True
        return track.id in self._people and t - self._inside_t[track.id] <= self._policy.grace_s

    def _step(self, track: Track, height_share: float, heard_t: float, t: float) -> Decision | None:
        before = self._people.get(track.id) or arrived(self._names(), t)
        now = stepped(before, track, self._label(track), height_share, heard_t, t, self._policy)
        self._people[track.id] = now
        if now.said is before.said or now.said not in DECIDED:
            return None
        evidence = {**self._evidence(now, track, t), "before": before.said.value, "frame_t": round(t, 3)}
        return Decision("person", now.said.value, now.name, evidence)

    def _leave(self, track_id: int, t: float) -> Decision:
        person = self._people.pop(track_id)
        del self._inside_t[track_id]
        self._left_t = t
        waited = None if person.welcome_t is None else round(person.welcome_t - person.since_t, 2)
        evidence = {
            "track": track_id, "here_s": round(t - person.since_t, 2), "last": person.said.value,
            "first": None if person.first is None else person.first.value, "waited_s": waited,
        }  # fmt: skip
        return Decision("person", "left", person.name, evidence)

    def _worst(self, visitors: Sequence[Visitor], t: float) -> State:
        if visitors:
            return max((visitor.state for visitor in visitors), key=SEVERITY.__getitem__)
        held = self._own in (State.CLOSER, State.LOOK, State.PUT_ON, State.TAKE_OFF, State.STAFF)
        return self._own if held and t - self._left_t < self._policy.hold_s else State.IDLE

    def _stand(
        self, state: State, t: float, visitors: tuple[Visitor, ...], why: str, decisions: list[Decision]
    ) -> Standing:
        self._own, self._visitors = state, visitors
        if self._override is not None and t >= self._override[1]:
            self._override = None
        overridden = self._override is not None
        if self._override is not None:
            state = self._override[0]
        if state is not self._state:
            persons = [visitor.person for visitor in visitors]
            evidence: dict[str, Any] = {
                "before": self._state.value, "persons": persons, "why": why, "frame_t": round(t, 3),
            }  # fmt: skip
            if overridden:
                evidence["overridden"] = True
            decisions.append(Decision("door", state.value, None, evidence))
            self._state, self._since_t = state, t
        return Standing(state, t - self._since_t, visitors, why, overridden)

    def _visitor(self, person: Person, track: Track, width_px: int, height_px: int, t: float) -> Visitor:
        box = track.face.box
        shares = (box.x0 / width_px, box.y0 / height_px, box.x1 / width_px, box.y1 / height_px)
        return Visitor(
            person.name, track.id, person.said, shares, self._label(track), track.reason, track.was_fake,
            self._probs(track), track.judgements, t - person.since_t, t - person.said_t, t - track.seen_t,
        )  # fmt: skip

    def _evidence(self, person: Person, track: Track, t: float) -> dict[str, Any]:
        box = track.face.box
        return {
            "track": track.id, "label": self._label(track), "reason": track.reason, "was_fake": track.was_fake,
            "probs": self._probs(track), "judgements": track.judgements, "here_s": round(t - person.since_t, 2),
            "state_s": round(t - person.wish_t, 2), "box": [round(v) for v in (box.x0, box.y0, box.x1, box.y1)],
        }  # fmt: skip

    def _label(self, track: Track) -> str | None:
        return None if track.label is None else self._classes[track.label]

    def _probs(self, track: Track) -> Mapping[str, float] | None:
        if track.probs is None:
            return None
        return {name: round(float(p), 4) for name, p in zip(self._classes, track.probs, strict=True)}
