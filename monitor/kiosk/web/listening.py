"""Connections counted where they come in, before TLS or HTTP know of them: their files are this program's, too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

from monitor.kiosk.web.addresses import is_loopback, neighbourhood

MOST = 300
"""Open connections; more are cut at once."""
MOST_EACH = 40
"""Of one caller on another machine."""
HANDSHAKE_S = 5.0
"""TLS must be agreed upon by then."""


def has_room(held: Sequence[str], caller: str) -> bool:
    """Whether one more may come, beside those `held` (as `neighbourhood` tells them).

    On this machine itself nobody is told apart.
    """
    return len(held) < MOST and (is_loopback(caller) or held.count(neighbourhood(caller)) < MOST_EACH)


class Listening(socket.socket):
    """A listening socket that gives out no more connections than there is room for."""

    def __init__(self, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self._held: list[tuple[socket.socket, str]] = []

    def accept(self) -> tuple[socket.socket, Any]:
        """The next caller. Raises ConnectionAbortedError, after which asyncio asks again, for one too many."""
        made, address = super().accept()
        self._held = [(held, caller) for held, caller in self._held if held.fileno() >= 0]  # the others are closed
        if not has_room([caller for _, caller in self._held], address[0]):
            made.close()
            raise ConnectionAbortedError
        self._held.append((made, neighbourhood(address[0])))
        return made, address


class BoundedLoop(asyncio.SelectorEventLoop):
    """Takes callers by `Listening.accept`, on every system, and waits HANDSHAKE_S for TLS, not asyncio's minute."""

    async def create_server(self, *args: Any, **options: Any) -> Any:
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = HANDSHAKE_S
        return await super().create_server(*args, **options)
