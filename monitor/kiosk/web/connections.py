"""Connections that cannot be held open for nothing: uvicorn's HTTP/1.1 with limits of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 10.0
"""A connection must have asked something, to the last byte, by then."""
STUCK_S = 15.0
"""A reader that takes nothing for so long is cut off."""
SEND_BUFFER_BYTES = 256 << 10
"""What the system holds back for a slow reader: a few pictures, not seconds of them."""


class BoundedHTTP(H11Protocol):
    """Cuts connections that never finish a request, and those that never read the answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._cut_after("request", REQUEST_S)

    def handle_events(self) -> None:
        super().handle_events()
        if not self._owes():
            self._keep("request")

    def on_response_complete(self) -> None:
        super().on_response_complete()  # with it begins what came in one packet with the request before
        if not self.transport.is_closing() and self._owes():
            self._cut_after("request", REQUEST_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_after("reader", STUCK_S)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._keep("reader")

    def connection_lost(self, exc: Exception | None) -> None:
        for what in list(self._timers):
            self._keep(what)
        super().connection_lost(exc)

    def _owes(self) -> bool:
        """Whether the caller has yet to ask, to the last byte."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _cut_after(self, what: str, seconds: float) -> None:
        """Each has a clock of its own: a byte more from a stuck reader is no reading."""
        self._keep(what)
        self._timers[what] = self.loop.call_later(seconds, self.transport.abort)

    def _keep(self, what: str) -> None:
        timer = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()


def as_http() -> Any:
    """The class, typed as uvicorn's `http` option wants it."""
    return BoundedHTTP
