"""Deliveries of a kiosk in a test's hand: settings with one target, a store that knows it, and what waits in it."""

from __future__ import annotations

from pathlib import Path

from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.facts import Decision, Event
from monitor.kiosk.store import Backlog, Store
from monitor.kiosk_settings import CommandSettings, KioskSettings, WebhookSettings

SAID = Decision("person", "put_on", "a1", {"label": "real", "probs": {"real": 0.91}, "note": "grün"})


def to(url: str, secret: Path | None = None, timeout_s: float = 5.0) -> KioskSettings:
    return KioskSettings(webhook=WebhookSettings(url, secret, timeout_s))


def running(line: str, timeout_s: float = 10.0) -> KioskSettings:
    return KioskSettings(command=CommandSettings(line, timeout_s))


def opened(path: Path, settings: KioskSettings) -> Store:
    return Store.open(path, targets=target_names(settings))


def backlog(deliveries: Deliveries) -> Backlog:
    (found,) = deliveries.status()
    return found


class Broken:
    """A target with a bug."""

    def send(self, _event: Event, _body: bytes) -> None:
        raise KeyError("rtsp://anna:geheim@door/1")

    def close(self) -> None:
        """Nothing is open."""
