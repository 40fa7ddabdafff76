"""Events to a web address, signed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from monitor.errors import ConfigError
from monitor.kiosk.delivery.secrets import read_secret
from monitor.kiosk.delivery.target import MOST_RETRY_AFTER_S, NotDelivered, Refused
from monitor.kiosk.facts import Event
from monitor.kiosk_settings import WebhookSettings
from monitor.threads.deadline import deadline

TRY_AGAIN = (401, 403, 404, 407, 408, 409, 425, 429)
"""Of the 4xx, those that speak of this moment, of who asks and where, and not of the event."""


class Webhook:
    """POSTs each event. What it says of the address is its host only: a path may be as secret as a password."""

    def __init__(self, settings: WebhookSettings) -> None:
        """Raises ConfigError for an address or a secret that cannot be right."""
        url = _address(settings.url or "")
        self._name = f"{url.scheme}://{url.netloc.decode('ascii').rpartition('@')[2]}"
        self._secret = None
        if settings.secret_file is not None:
            self._secret = read_secret(settings.secret_file, "kiosk.webhook.secret_file")
        auth = httpx.BasicAuth(url.username, url.password) if url.userinfo else None
        self._url = url.copy_with(username=None, password=None) if url.userinfo else url
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses
        self._client = httpx.Client(
            auth=auth,
            follow_redirects=False,
            timeout=settings.timeout_s,
            trust_env=False,
            verify=ssl.create_default_context(),  # the system's authorities, which a company may have added to
        )
        self._most_s = 2 * settings.timeout_s  # to connect, to send and to be answered, together
        self._socket: socket.socket | None = None
        self._closed = self._late = False

    def send(self, event: Event, body: bytes) -> None:
        """Any 2xx is taken; the body of an answer is not read. Raises NotDelivered, Refused for the other 4xx."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": event.id, **self._signed(body)}
        trace = {"trace": self._note_socket}
        self._late = False
        try:
            # httpx limits every single read, so that an answer may drip for ever.
            with (
                deadline(self._most_s, self._give_up),
                self._client.stream("POST", self._url, content=body, headers=headers, extensions=trace) as response,
            ):
                _judge(response.status_code, response.headers, self._name)
                if response.headers.get("Content-Length") == "0":
                    response.read()  # the connection may serve the next event
        except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
            why = "no answer in time" if self._late else _why(error)
            raise NotDelivered(f"{self._name}: {why}") from error

    def _signed(self, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {"X-Monitor-Timestamp": timestamp}
        if self._secret is not None:
            digest = hmac.new(self._secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers["X-Monitor-Signature"] = f"sha256={digest}"
        return headers

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        """httpx tells of every step here: the connection is kept at hand, to be cut where somebody waits for it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
        if self._closed:
            raise OSError("closed")

    def _give_up(self) -> None:
        self._late = True
        self._cut()

    def _cut(self) -> None:
        """Whoever waits for the connection is told that it is over."""
        waiting = self._socket
        if waiting is not None:
            with contextlib.suppress(OSError):  # it was closed already
                waiting.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        self._cut()
        self._client.close()


def _address(text: str) -> httpx.URL:
    """The address. Raises ConfigError, which does not repeat it."""
    hint = "give one such as https://example.org/events, with --set kiosk.webhook.url=URL"
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigError("kiosk.webhook.url is not an address", hint=hint) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("kiosk.webhook.url is not an http:// or https:// address", hint=hint)
    return url


def _judge(status: int, headers: Mapping[str, str], name: str) -> None:
    """Nothing for a 2xx; raises NotDelivered for the others."""
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotDelivered(f"{name} answers {status}: redirects are not followed, give the final address")
    if 400 <= status < 500 and status not in TRY_AGAIN:
        raise Refused(f"{name} answers {status}")
    raise NotDelivered(f"{name} answers {status}", after_s=_retry_after_s(headers.get("Retry-After", "")))


def _retry_after_s(text: str) -> float:
    """Seconds, from a number or a date; 0 where neither, and never more than MOST_RETRY_AFTER_S."""
    try:
        asked_s = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(asked_s, 0.0), MOST_RETRY_AFTER_S)


def _why(error: Exception) -> str:
    """In words, without the address."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return f"the connection failed ({type(error).__name__})"
