"""Who is signed in, and how fast passwords may be tried. In memory: a restart signs everybody out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_SESSIONS = 64
FREE_TRIES = 3
"""Wrong passwords in a row that cost nothing but their hashing."""
MOST_WAIT_S = 60.0
MOST_CLIENTS = 1024


@dataclass(frozen=True)
class Session:
    csrf: str
    """What every request that changes something must bring along."""
    ends_s: float

    def brings(self, csrf: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


class Sessions:
    """Opened with a password, found by a random token that only the browser holds."""

    def __init__(self, lasting_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasting_s, self._clock = lasting_s, clock
        self._open: OrderedDict[str, Session] = OrderedDict()

    def open(self) -> str:
        """A new session's token."""
        token = secrets.token_urlsafe(32)
        while len(self._open) >= MOST_SESSIONS:
            self._open.popitem(last=False)
        self._open[_key(token)] = Session(secrets.token_urlsafe(24), self._clock() + self._lasting_s)
        return token

    def find(self, token: str | None) -> Session | None:
        """The session, while it lasts."""
        if not token:
            return None
        session = self._open.get(_key(token))
        if session is None or session.ends_s <= self._clock():
            self._open.pop(_key(token), None)
            return None
        return session

    def end(self, token: str | None) -> None:
        self._open.pop(_key(token or ""), None)


def _key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Throttle:
    """Wrong passwords slow down: a client waits 1 s after FREE_TRIES, twice as long with each further one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Seconds until this client may try again; 0 = now. What others do is nothing to it: nobody is locked out."""
        wrong, at_s = self._wrong.get(client, (0, 0.0))
        if wrong < FREE_TRIES:
            return 0.0
        return max(0.0, at_s + min(MOST_WAIT_S, 2.0 ** min(wrong - FREE_TRIES, 10)) - self._clock())

    def failed(self, client: str) -> None:
        now_s = self._clock()
        wrong, at_s = self._wrong.pop(client, (0, now_s))
        forgotten = now_s - at_s > 10 * MOST_WAIT_S
        self._wrong[client] = (1 if forgotten else wrong + 1, now_s)
        while len(self._wrong) > MOST_CLIENTS:
            self._wrong.popitem(last=False)

    def succeeded(self, client: str) -> None:
        self._wrong.pop(client, None)
