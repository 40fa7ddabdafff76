"""What the loop hands to everybody who shows it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

from monitor.kiosk.facts import Standing, State, Visitor
from monitor.types import Gap, Scene

STUCK_S = 3.0
"""A loop silent for so long is not believed any more."""


@dataclass(frozen=True)
class Shown:
    """One step of the loop."""

    standing: Standing
    camera: str = "connecting"
    """live, connecting, stalled or lost."""
    scene: Scene | None = field(default=None, repr=False)
    """The last one; its picture is old while the camera is not live."""
    made_s: float = field(default_factory=time.monotonic)
    frame_s: float | None = None
    """When the last picture came, on the same clock."""


def starting() -> Shown:
    """Before the first step."""
    return Shown(Standing(State.STARTING, 0.0))


def of_scene(standing: Standing, scene: Scene) -> Shown:
    now_s = time.monotonic()
    return Shown(standing, "live", scene, now_s, now_s)


def of_gap(standing: Standing, gap: Gap, before: Shown) -> Shown:
    camera = before.camera if gap.state == "live" else gap.state
    return replace(before, standing=standing, camera=camera, made_s=time.monotonic())


def state_json(shown: Shown, seq: int, run: str, *, details: bool = False) -> dict[str, Any]:
    """What `/state` answers, with `details` what `/api/state` does. A loop that hangs is a fault, whatever it said."""
    now_s = time.monotonic()
    silent_s = now_s - shown.made_s
    standing = shown.standing
    if silent_s > STUCK_S and standing.state is not State.STARTING:
        standing = Standing(State.FAULT, silent_s, (), f"nothing was judged for {silent_s:.0f} s")
        silent_s = 0.0
    age_s = None if shown.frame_s is None else round(now_s - shown.frame_s, 3)
    return {
        "state": standing.state.value, "since_s": round(standing.since_s + silent_s, 2), "seq": seq,
        "at": round(time.time(), 3), "overridden": standing.overridden, "why": standing.why,
        "camera": {"state": shown.camera, "age_s": age_s},
        "visitors": [_visitor(visitor, details) for visitor in standing.visitors], "run": run,
    }  # fmt: skip


def _visitor(visitor: Visitor, details: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "person": visitor.person, "state": visitor.state.value, "box": [round(share, 4) for share in visitor.box],
    }  # fmt: skip
    if details:
        told |= {
            "track": visitor.track, "label": visitor.label, "reason": visitor.reason, "was_fake": visitor.was_fake,
            "probs": visitor.probs, "judgements": visitor.judgements, "here_s": round(visitor.here_s, 2),
            "state_s": round(visitor.state_s, 2),
        }  # fmt: skip
    return told
