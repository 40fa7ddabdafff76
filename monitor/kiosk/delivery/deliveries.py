"""All targets of the settings, a worker for each."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from monitor.kiosk.delivery.target import Target
from monitor.kiosk.delivery.worker import Worker
from monitor.kiosk.facts import Event
from monitor.kiosk.store import Backlog, Store, StoreError
from monitor.kiosk_settings import KioskSettings

BUSY_S = 2.0
"""Patience with other writers; a delivery that could not be noted down is made again."""
FINISH_S, LOOK_S = 5.0, 0.05
"""Patience at the end with targets that answer, and how often they are looked at."""
log = logging.getLogger(__name__)


def target_names(settings: KioskSettings) -> tuple[str, ...]:
    """The targets that the settings name, as `Store.open` wants them."""
    given = {"webhook": settings.webhook.url, "mqtt": settings.mqtt.host, "command": settings.command.run}
    return tuple(name for name, value in given.items() if value is not None)


class Deliveries:
    """Tells every event of the store to every target, from its first call to `close`."""

    def __init__(self, settings: KioskSettings, store_path: Path) -> None:
        """The store must be there. Raises ConfigError for settings that cannot work, StoreError."""
        with contextlib.ExitStack() as stack:
            self._store = stack.enter_context(Store.join(store_path, busy_s=BUSY_S))
            targets: dict[str, Target] = {}
            for name in target_names(settings):
                targets[name] = _open(name, settings, lambda: self._store.latest("door"))
                stack.callback(targets[name].close)
            self._workers = [Worker(name, target, self._store) for name, target in targets.items()]
            stack.pop_all()

    def wake(self) -> None:
        """Something was stored: tell it now."""
        for worker in self._workers:
            worker.wake()

    def status(self) -> list[Backlog]:
        """How things stand with each target. Raises StoreError."""
        trouble = {worker.name: worker.trouble for worker in self._workers}
        return [
            replace(backlog, last_error=trouble.get(backlog.target) or backlog.last_error)
            for backlog in self._store.outbox.backlogs()
        ]

    def finish(self) -> None:
        """Returns when all that is stored was told, to targets that answer; after FINISH_S at the latest.

        Before `close`: how it ends, too, is to be told. Who is to be tried later than that is not waited for.
        """
        until = time.monotonic() + FINISH_S
        self.wake()
        try:
            while time.monotonic() < until and any(map(self._is_busy, self._workers)):
                time.sleep(LOOK_S)
        except StoreError as error:
            log.warning("what is told last is not waited for: %s", error)

    def _is_busy(self, worker: Worker) -> bool:
        """Something is to be told, and soon."""
        waiting = self._store.outbox.oldest(worker.name)
        return waiting is not None and not worker.trouble and waiting.next_at < time.time() + FINISH_S

    def close(self) -> None:
        """Breaks off what is under way, within a few seconds; what is not delivered waits in the store."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join()
        self._store.close()


def _open(name: str, settings: KioskSettings, door: Callable[[], Event | None]) -> Target:
    """`door` gives the newest event of the door. Each loads its library only where it is used. Raises ConfigError."""
    if name == "webhook":
        from monitor.kiosk.delivery.webhook import Webhook

        return Webhook(settings.webhook)
    if name == "mqtt":
        from monitor.kiosk.delivery.mqtt import Mqtt

        return Mqtt(settings.mqtt, door)
    from monitor.kiosk.delivery.command import Command

    return Command(settings.command)
