"""What the web server knows of the rest of the program: a view of the loop, the store, and a way to ask the loop."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from monitor.kiosk.drawing import Details, framed, jpeg
from monitor.kiosk.entrance import Entrance
from monitor.kiosk.shown import STUCK_S, Shown, state_json
from monitor.kiosk.store import Store
from monitor.kiosk.vitals import Vitals
from monitor.kiosk_settings import KioskSettings
from monitor.threads import Inbox, Latest

ASK_S = 5.0
"""Patience with the loop."""


@dataclass
class Desk:
    """One writer: the main thread, while the program starts."""

    settings: KioskSettings
    store: Store
    latest: Latest[Shown]
    vitals: Vitals
    inbox: Inbox
    screen: dict[str, Any]
    """What /static/screen.json answers."""
    backlogs: Callable[[], list[Any]]
    """How the deliveries stand."""
    classes: tuple[str, ...] = ()
    entrance: Entrance | None = None
    """None until the models are loaded."""
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    verified: bool | None = None
    """Whether the chain held when it was last looked at; None = not yet."""
    _details: Details | None = None

    def newest_state(self, *, details: bool = False) -> dict[str, Any]:
        """What holds now, as JSON."""
        count, step = self.latest.newest
        return state_json(step, count, self.run, details=details)

    def screen_jpeg(self, step: Shown) -> bytes | None:
        """The picture for visitors; None where there is none yet."""
        return None if step.scene is None else jpeg(framed(step.scene, step.standing))

    def details_jpeg(self, step: Shown) -> bytes | None:
        """Called by one thread at a time: the drawing kit is no one else's."""
        if step.scene is None or self.vitals.engine is None:
            return None
        if self._details is None:
            self._details = Details(self.classes, self.vitals.engine)
        return jpeg(self._details.drawn(step.scene))

    def ask(self, question: Callable[[Entrance], Any]) -> Any:
        """The loop's answer. Raises TimeoutError where it does not answer, or has not begun yet."""
        entrance = self.entrance
        if entrance is None:
            raise TimeoutError("the loop has not begun yet")
        return self.inbox.call(lambda: question(entrance), ASK_S)

    def unready(self) -> str:
        """Why frames are not being judged now; empty where they are."""
        if self.entrance is None:
            return "starting"
        step = self.latest.newest[1]
        told = self.newest_state()
        if told["state"] in ("fault", "lost", "starting"):
            return f"{told['state']}: {told['why']}".removesuffix(": ")
        age_s = None if step.frame_s is None else time.monotonic() - step.frame_s
        return "" if age_s is not None and age_s < STUCK_S else "no picture is judged"
