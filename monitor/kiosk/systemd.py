"""Telling systemd that the service is ready and alive; nothing where nobody listens.

The protocol is a datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)).
"""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    """READY=1 once, WATCHDOG=1 as often as systemd wants it."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")
        self._every_s = int(watchdog_us) / 1e6 / 3 if watchdog_us.isdecimal() else float("inf")
        self._told_s: float | None = None

    def alive(self) -> None:
        """The loop has come round once more."""
        now_s = time.monotonic()
        if self._told_s is None:
            self._send("READY=1\nWATCHDOG=1")
        elif now_s - self._told_s >= self._every_s:
            self._send("WATCHDOG=1")
        else:
            return
        self._told_s = now_s

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.sendto(text.encode(), address)
        except OSError:  # systemd notices the silence itself
            return
