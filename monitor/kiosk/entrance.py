"""The entrance: each step of the loop decided, stored, and only then shown; the staff's word goes the same way."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from monitor.kiosk import shown
from monitor.kiosk.drawing import jpeg, kept
from monitor.kiosk.facts import Decision, Event, State
from monitor.kiosk.frozen import Stillness
from monitor.kiosk.policy import Door
from monitor.kiosk.shown import Shown
from monitor.kiosk.store import Store
from monitor.kiosk.vitals import Vitals
from monitor.kiosk_settings import KioskSettings, Zone
from monitor.threads import Latest
from monitor.types import Gap, Scene

log = logging.getLogger("monitor.kiosk")
PAUSED = "the loop was held up"
ACTIONS = {"admit": State.WELCOME, "refuse": State.STAFF}


def place_at_first(settings: KioskSettings, store: Store) -> tuple[Zone, float]:
    """(zone, near_share) when the loop begins: as the settings name it, else as it was last drawn."""
    drawn = store.latest("setting")
    if drawn is None or settings.policy.zone:
        return settings.policy.zone, settings.policy.near_share
    return _zone(drawn.evidence["zone"]), float(drawn.evidence["near_share"])


class Entrance:
    """Owns the door. Everything here happens in the loop's thread; others ask through an Inbox."""

    def __init__(
        self, settings: KioskSettings, store: Store, latest: Latest[Shown], vitals: Vitals, classes: Sequence[str],
        tell: Callable[[], None],
    ) -> None:  # fmt: skip
        """`tell` wakes the deliveries. The zone last drawn on the setup page holds, unless the settings name one."""
        self._settings, self._store, self._latest, self._vitals, self._tell = settings, store, latest, vitals, tell
        self._door = Door(settings.policy, classes, lambda: uuid.uuid4().hex[:12])
        self._shown = latest.newest[1]
        self._stillness = Stillness()
        self._paused = False
        self._lost = False
        self._door.place(*place_at_first(settings, store))

    def take(self, item: Scene | Gap) -> None:
        """One step. Raises StoreError where a decision cannot be stored: then it is not shown either."""
        if self._paused:
            self._paused = False
            self._store_all(self._door.end(PAUSED, time.monotonic())[1], None)
        if isinstance(item, Scene):
            self._vitals.see(item)
            standing, decisions = self._door.see(item, self._stillness.see(item.frame))
            self._store_all(decisions, item)
            self._note_camera(standing.why)
            self._show(shown.of_scene(standing, item))
        else:
            standing, decisions = self._door.miss(item, time.monotonic())
            self._store_all(decisions, None)
            self._note_camera(item.why)
            self._show(shown.of_gap(standing, item, self._shown))

    def end(self, state: str, why: str) -> None:
        """Nothing more is decided: the screen says so first, then it is stored and told that the door is closed."""
        standing, decisions = self._door.end(why, time.monotonic())
        self._show(Shown(standing, self._shown.camera))
        self._store_all(decisions, None)
        self.note(state, {"why": why})

    def pause(self) -> None:
        """From any thread: the loop hangs, and everybody was told that the door is closed."""
        self._paused = True

    def note(self, state: str, evidence: dict[str, Any]) -> Event:
        """Stores an event of the system itself."""
        return self._add(Decision("system", state, None, evidence), None)

    def override(self, action: str, seconds: float, note: str) -> Event:
        """The staff's word, stored, then in force."""
        before = self._shown.standing.state.value
        event = self._add(
            Decision("override", action, None, {"seconds": seconds, "note": note, "before": before}), None
        )
        self._door.override(ACTIONS[action], time.monotonic() + seconds)
        return event

    def place(self, zone: Zone, near_share: float) -> Event:
        """Another area at the door, stored, then in force."""
        evidence = {"zone": [list(corner) for corner in zone], "near_share": near_share, "before": self.placed()}
        event = self._add(Decision("setting", "zone", None, evidence), None)
        self._door.place(zone, near_share)
        return event

    def placed(self) -> dict[str, Any]:
        """The area at the door now, as JSON."""
        return {"zone": [list(corner) for corner in self._door.zone], "near_share": self._door.near_share}

    def _store_all(self, decisions: Sequence[Decision], scene: Scene | None) -> None:
        for decision in decisions:
            self._add(decision, scene)

    def _add(self, decision: Decision, scene: Scene | None) -> Event:
        event = self._store.add(decision, at=time.time(), snapshot=self._snapshot(decision, scene))
        self._vitals.states[f"{event.kind}/{event.state}"] += 1
        log.info("%s %s", event.kind, event.state, extra={"event": event.id, "person": event.person})
        self._tell()
        return event

    def _snapshot(self, decision: Decision, scene: Scene | None) -> bytes | None:
        wanted = self._settings.store.snapshots
        if wanted == "none" or scene is None or decision.kind != "person" or decision.state == "left":
            return None
        return jpeg(kept(scene, decision.evidence["track"], blurred=wanted == "blurred"))

    def _note_camera(self, why: str) -> None:
        """By the door's own state: the staff's word does not hide that the camera is gone."""
        lost = self._door.own is State.LOST
        if lost != self._lost and self._door.own is not State.STARTING:
            self._lost = lost
            self._vitals.camera_lost += lost
            self.note("camera_lost" if lost else "camera_back", {"why": why} if lost else {})

    def _show(self, step: Shown) -> None:
        self._shown = step
        self._latest.put(step)


def _zone(corners: Sequence[Sequence[float]]) -> Zone:
    return tuple((float(x), float(y)) for x, y in corners)
