"""What the door says of one person: a pure step from one frame to the next, timed in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.kiosk.facts import State
from monitor.kiosk_settings import PolicySettings
from monitor.types import Track

STEP_BACK = 0.85
"""Who was near enough stays so down to this share of `near_share`: nobody stands at the line."""
CROWD = 3.0
"""Where many faces wait for their turns, a label counts for so many times `fresh_s`."""
DECIDED = (State.WELCOME, State.PUT_ON, State.TAKE_OFF, State.STAFF)
"""What is said of a person and remembered; the others only ask for time."""


@dataclass(frozen=True, slots=True)
class Person:
    """One visit."""

    name: str
    since_t: float
    said: State
    said_t: float
    """When `said` was first said."""
    wish: State
    """What this frame alone would say."""
    wish_t: float
    """Since when it would."""
    agreed_t: float
    """When a frame last agreed with `said`."""
    look_t: float | None
    """Since when there is no answer; None while there is one."""
    near: bool
    first: State | None = None
    """The first answer given."""
    welcome_t: float | None = None
    """When this person was first welcome."""


def arrived(name: str, t: float) -> Person:
    """A person the door has not seen before."""
    return Person(name, t, State.IDLE, t, State.IDLE, t, t, None, near=False)


def stepped(
    person: Person, track: Track, label: str | None, height_share: float, heard_t: float, t: float,
    policy: PolicySettings,
) -> Person:  # fmt: skip
    """The person after a frame at `t` in which the face is `height_share` of the picture's height.

    `heard_t`: when the newest judgement of anybody in the picture was made.
    """
    near = height_share >= policy.near_share * (STEP_BACK if person.near else 1.0)
    wish = _wish(track, label, heard_t, t, policy) if near else State.CLOSER
    look_t = t if person.look_t is None and wish is State.LOOK else person.look_t
    if wish is State.LOOK and look_t is not None and t - look_t >= policy.staff_after_s:
        wish = State.STAFF
    wish_t = person.wish_t if wish is person.wish else t
    person = replace(person, near=near, wish=wish, wish_t=wish_t, look_t=look_t)
    if wish is not person.said:
        return _said(person, wish, t) if _ripe(person, t, policy) else person
    # An answer that stands ends the wait for one; a single frame in between does not.
    waits = wish in (State.LOOK, State.STAFF)
    return replace(person, agreed_t=min(t, track.seen_t), look_t=look_t if waits else None)


def _wish(track: Track, label: str | None, heard_t: float, t: float, policy: PolicySettings) -> State:
    if "fake" in policy.deny and (track.was_fake or label == "fake"):
        return State.STAFF
    if label is None or t - track.seen_t > policy.grace_s:
        return State.LOOK
    if t - heard_t > policy.fresh_s or t - track.judged_t > CROWD * policy.fresh_s:
        return State.LOOK  # the loop does not wait for an engine that hangs, and labels stay as they were
    masked = label == "mask"
    if policy.require == "mask" and not masked:
        return State.PUT_ON
    if policy.require == "no_mask" and masked:
        return State.TAKE_OFF
    return State.WELCOME


def _ripe(person: Person, t: float, policy: PolicySettings) -> bool:
    """Whether the wish has held for long enough to be said."""
    if person.said is State.IDLE:
        return True  # whatever the first frame says is better than silence: a first wish is never a decision
    if person.wish is State.LOOK and person.said in DECIDED:
        return t - person.agreed_t >= policy.grace_s  # a head that turns
    if person.said is State.WELCOME:
        return t - person.agreed_t >= policy.dwell_s  # whatever speaks against it, and however it changes
    return t - person.wish_t >= policy.dwell_s


def _said(person: Person, state: State, t: float) -> Person:
    if person.said is State.IDLE and state in DECIDED:
        state = State.LOOK  # a decision needs its dwell time, from the first frame on
    first = person.first or (state if state in DECIDED else None)
    welcome_t = t if state is State.WELCOME and person.welcome_t is None else person.welcome_t
    return replace(person, said=state, said_t=t, agreed_t=t, first=first, welcome_t=welcome_t)
