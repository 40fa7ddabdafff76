"""uvicorn in a thread of its own, on a socket that is open before anything else starts."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from monitor.errors import MonitorError, SinkError, UsageError
from monitor.kiosk.web.addresses import ThroughProxies, allowed_hosts, is_loopback
from monitor.kiosk.web.app import application
from monitor.kiosk.web.connections import SEND_BUFFER_BYTES, as_http
from monitor.kiosk.web.credentials import Credentials
from monitor.kiosk.web.desk import Desk
from monitor.kiosk.web.gate import Rules
from monitor.kiosk.web.listening import BoundedLoop, Listening
from monitor.kiosk.web.sessions import Sessions
from monitor.kiosk_settings import ServerSettings
from monitor.threads.channel import finish, start

log = logging.getLogger("monitor.kiosk")
LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}
STOP_S = 2
"""How long open answers may take to end."""


def check(settings: ServerSettings, credentials: Credentials) -> None:
    """Nothing; raises UsageError for an address that would show people's pictures to a network unprotected."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise UsageError("TLS needs a certificate and its key", hint="give --tls-cert and --tls-key")
    if settings.tls_cert is not None:
        _tls(settings)
    local = settings.host == "localhost" or is_loopback(settings.host)
    if local and not settings.behind_proxy:
        return
    where = f"--host {settings.host}" if not local else "--behind-proxy"
    if credentials.password is None:
        raise UsageError(f"{where} needs a password", hint="set one first: monitor kiosk set-password")
    if not local and settings.tls_cert is None and not settings.behind_proxy:
        raise UsageError(
            f"{where} would send pictures unencrypted",
            hint="give --tls-cert and --tls-key, or --behind-proxy where a proxy on this machine adds TLS",
        )


def _tls(settings: ServerSettings) -> None:
    """Whether certificate and key can be read and belong together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(str(settings.tls_cert), settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        what = f"certificate {settings.tls_cert} and key {settings.tls_key} cannot be used: {error}"
        raise UsageError(what, hint="both are PEM files, and the key belongs to the certificate") from error


def listen(settings: ServerSettings) -> socket.socket:
    """The open socket. Raises SinkError where the address cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        opened = Listening(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        opened.bind(address)
    except OSError as error:
        what = f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
        raise SinkError(what, hint="choose another --port, or end the program that uses it") from error
    return opened


class WebServer:
    """Serves from construction until close."""

    def __init__(self, desk: Desk, settings: ServerSettings, credentials: Credentials) -> None:
        """Raises UsageError, SinkError; the address is open when it returns."""
        check(settings, credentials)
        self._socket = listen(settings)
        port = self._socket.getsockname()[1]
        scheme = "https" if settings.tls_cert is not None else "http"
        host = LOCAL.get(settings.host, settings.host)  # no browser can call a wildcard
        host = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{host}:{port}/"
        rules = Rules(
            credentials,
            Sessions(settings.session_s),
            allowed_hosts(settings.host, settings.hosts),
            secure=settings.tls_cert is not None or settings.behind_proxy,
            open_screen=not settings.behind_proxy,
        )
        self._server = uvicorn.Server(_config(desk, settings, rules))
        self._error: BaseException | None = None
        self._thread = start(self._serve, self._ended, "web server")
        self._await_start()

    def _await_start(self) -> None:
        end_s = time.monotonic() + 20
        while not self._server.started and self._thread.is_alive() and time.monotonic() < end_s:
            time.sleep(0.01)
        if not self._server.started:
            self.close()
            raise SinkError(f"the web server did not start: {self._error or 'no answer'}", hint="run with --verbose")

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _ended(self, error: BaseException | None) -> None:
        self._error = error
        if error is not None:
            log.error("the web server ended: %s", error)

    def raise_error(self) -> None:
        """Nothing while it serves; MonitorError once it does not: a door whose screen is gone must not go on."""
        if self._thread.is_alive():
            return
        if isinstance(self._error, MonitorError):
            raise self._error
        raise SinkError(f"the web server ended: {self._error or 'without a word'}", hint="see the log; run it again")

    def close(self) -> None:
        self._server.should_exit = True
        finish(self._thread, self._force)
        self._socket.close()

    def _force(self) -> None:
        self._server.force_exit = True


def _config(desk: Desk, settings: ServerSettings, rules: Rules) -> uvicorn.Config:
    app: Any = application(desk, rules)
    if settings.behind_proxy:
        believed: Any = ProxyHeadersMiddleware(app, list(settings.proxies))
        app = ThroughProxies(believed, settings.proxies)
    return uvicorn.Config(
        app,
        http=as_http(),
        loop=f"{BoundedLoop.__module__}:{BoundedLoop.__name__}",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_S,
        backlog=128,
        proxy_headers=False,
        ssl_certfile=_text(settings.tls_cert),
        ssl_keyfile=_text(settings.tls_key),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
