"""What a target of deliveries is, and how it says that it did not work."""

from __future__ import annotations

from typing import Protocol

from monitor.kiosk.facts import Event
from monitor.kiosk.store import as_json, canonical

MOST_RETRY_AFTER_S = 300.0
"""No target is left alone for longer, whatever it asks for."""


class NotDelivered(Exception):
    """Try again later; `str` says why, without credentials."""

    def __init__(self, why: str, *, after_s: float = 0.0) -> None:
        """`after_s`: not before so many seconds, as the other side asks for."""
        super().__init__(why)
        self.after_s = after_s


class Refused(NotDelivered):
    """The other side has understood and does not want this event; asking again will hardly change that."""


class Target(Protocol):
    def send(self, event: Event, body: bytes) -> None:
        """The other side has taken `body`, the event as JSON, when this returns. Raises NotDelivered.

        Ends within a few seconds, at once when `close` is called from another thread.
        """

    def close(self) -> None:
        """May be called twice."""


def body_of(event: Event) -> bytes:
    """The event as JSON in the form that its hash is made over, and the hash itself."""
    return canonical(as_json(event)).encode()
