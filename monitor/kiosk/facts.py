"""What is said at the door, and of whom: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What the screen says, mildest first: of several, the last one wins."""

    IDLE = "idle"
    """Nobody is at the door."""
    CLOSER = "closer"
    """Somebody is there, too far away."""
    WELCOME = "welcome"
    """Come in. The only state that opens."""
    LOOK = "look"
    """Not decided yet: please look at the camera."""
    PUT_ON = "put_on"
    """Please put on a mask."""
    TAKE_OFF = "take_off"
    """Please take the mask off."""
    STAFF = "staff"
    """Please wait for the staff."""
    STARTING = "starting"
    """The camera or the models are not there yet."""
    LOST = "lost"
    """The camera gives no picture."""
    FAULT = "fault"
    """Something broke; nothing is decided."""


SEVERITY: Mapping[State, int] = {state: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person in view, as the door sees them now."""

    person: str
    """Name of this visit; no two are alike."""
    track: int
    state: State
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 as shares of the picture."""
    label: str | None
    """None = undecided."""
    reason: str | None
    """Why undecided."""
    was_fake: bool
    probs: Mapping[str, float] | None
    judgements: int
    here_s: float
    """Seconds since this person was first at the door."""
    state_s: float
    """Seconds since `state` was said."""
    unseen_s: float = 0.0
    """Seconds since the face was last found."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The whole door now."""

    state: State
    since_s: float
    """Seconds since `state` was said."""
    visitors: tuple[Visitor, ...] = ()
    why: str = ""
    """What is known of the cause, for LOST and FAULT; never holds credentials."""
    overridden: bool = False
    """The staff decided this."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something to be stored, then acted on."""

    kind: str
    """person: something was said of somebody; door: the state of the whole door changed; override: the staff decided;
    setting: the zone was changed; system: started, stopped, camera lost; purge: events were removed."""
    state: str
    """The new State; `left` for a person who is gone; a word for the other kinds."""
    person: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What it rests on; plain JSON values."""


@dataclass(frozen=True, slots=True)
class Event:
    """A stored decision."""

    seq: int
    """1, 2, ... without holes but for what was purged."""
    id: str
    """Random; the idempotency key of its deliveries."""
    at: float
    """Seconds since 1970 UTC."""
    kind: str
    state: str
    person: str | None
    evidence: Mapping[str, Any]
    hash: str
    """SHA-256 over the hash before and this event, hex."""
