"""One target's deliveries: the oldest event until it is taken, then the next."""

from __future__ import annotations

import logging
import random
import time

from monitor.kiosk.delivery.target import MOST_RETRY_AFTER_S, NotDelivered, Refused, Target, body_of
from monitor.kiosk.store import Store, StoreError, Waiting
from monitor.redact import redact
from monitor.threads.channel import Channel, finish, start

FIRST_WAIT_S, MOST_WAIT_S = 0.5, 60.0
IDLE_S = 5.0
"""Another process may have stored something: looked for so often without being woken."""
REFUSALS = 3
"""So often an event is refused before that is believed."""
log = logging.getLogger(__name__)


class Worker:
    """At least once, in order. What is stored says where to go on, so it may end at any moment."""

    def __init__(self, name: str, target: Target, store: Store) -> None:
        self.name = name
        self.trouble = ""
        """What keeps it from the store; empty while that works."""
        self._target, self._store = target, store
        self._tries = 0  # in vain with the store
        self._not_before = 0.0  # monotonic
        self._refused: tuple[int, int] = (0, 0)  # the event last refused, and how often; anew after a start
        self._bell: Channel[bool] = Channel(1)
        self._thread = start(self._work, self._ended, f"delivery {name}")

    def wake(self) -> None:
        """Something was stored; a target that is being waited for is not asked earlier for that."""
        self._bell.push(True)

    def stop(self) -> None:
        """No more is sent, and what is being sent is broken off."""
        self._bell.stop()
        self._target.close()

    def join(self) -> None:
        """After `stop`; the time is bounded."""
        finish(self._thread, lambda: None)

    def _work(self) -> None:
        while not self._bell.stopped:
            self._bell.get(self._step())

    def _ended(self, error: BaseException | None) -> None:
        if error is not None:
            self.trouble = f"the deliveries ended: {type(error).__name__}"
            log.error("the deliveries to %s ended", self.name, exc_info=error)

    def _step(self) -> float:
        """Seconds to wait before the next one."""
        wait_s = self._not_before - time.monotonic()
        if wait_s > 0:
            return wait_s
        try:
            waiting = self._store.outbox.oldest(self.name)
            if waiting is None:
                return IDLE_S
            early_s = waiting.next_at - time.time()
            if 0 < early_s <= MOST_RETRY_AFTER_S:  # longer, and the clock was set meanwhile
                return early_s
            self._deliver(waiting)
        except StoreError as error:
            log.warning("deliveries to %s: %s", self.name, error)
            self.trouble = str(error)
            self._wait(self._tries)
            self._tries += 1
        else:
            self.trouble, self._tries = "", 0
        return 0.0

    def _deliver(self, waiting: Waiting) -> None:
        event, outbox = waiting.event, self._store.outbox
        try:
            self._target.send(event, body_of(event))
        except Exception as error:  # whatever it is, the event stays and is tried again
            if self._bell.stopped:  # broken off by us: not the other side's fault
                return
            why = str(error) if isinstance(error, NotDelivered) else redact(f"{type(error).__name__}: {error}")
            log.warning("event %d to %s: %s", event.seq, self.name, why)
            if isinstance(error, Refused) and self._refusals_of(event.seq) >= REFUSALS:
                outbox.refused(self.name, event.seq, why)
                return
            wait_s = self._wait(waiting.tries, error.after_s if isinstance(error, NotDelivered) else 0.0)
            outbox.failed(self.name, event.seq, why, time.time() + wait_s)
        else:
            outbox.delivered(self.name, event.seq, time.time())

    def _refusals_of(self, seq: int) -> int:
        """How often this event was refused, this time included; that nobody answered is no refusal."""
        self._refused = (seq, self._refused[1] + 1 if self._refused[0] == seq else 1)
        return self._refused[1]

    def _wait(self, tries: int, at_least_s: float = 0.0) -> float:
        """Longer with every try, and not in step with others that wait for the same."""
        wait_s = min(FIRST_WAIT_S * 2.0 ** min(tries, 30), MOST_WAIT_S) * random.uniform(0.5, 1.0)
        wait_s = max(wait_s, at_least_s)
        self._not_before = time.monotonic() + wait_s
        return wait_s
