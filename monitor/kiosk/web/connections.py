"""Connections that cannot be held open for nothing: uvicorn's HTTP/1.1 with limits of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.kiosk.web.addresses import is_loopback

MOST = 300
"""Open connections; more are cut at once."""
MOST_EACH = 40
"""Of one address on another machine."""
REQUEST_S = 10.0
"""A connection must have asked something, to the last byte, by then."""
STUCK_S = 15.0
"""A reader that takes nothing for so long is cut off."""
SEND_BUFFER_BYTES = 256 << 10
"""What the system holds back for a slow reader: a few pictures, not seconds of them."""


class BoundedHTTP(H11Protocol):
    """Cuts connections beyond MOST, those that never finish a request, and those that never read the answer."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST or self._crowded():
            transport.abort()
            return
        self._cut_after(REQUEST_S)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):  # the whole request is there, or its end
            self._keep()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self._cut_after(REQUEST_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_after(STUCK_S)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._keep()

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep()
        super().connection_lost(exc)

    def _crowded(self) -> bool:
        """Whether this caller holds more than its share; on this machine itself nobody is told apart."""
        if self.client is None or is_loopback(self.client[0]):
            return False
        callers = [getattr(other, "client", None) for other in self.connections]
        same = [caller for caller in callers if caller is not None and caller[0] == self.client[0]]
        return len(same) > MOST_EACH

    def _cut_after(self, seconds: float) -> None:
        self._keep()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _keep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def as_http() -> Any:
    """The class, typed as uvicorn's `http` option wants it."""
    return BoundedHTTP
