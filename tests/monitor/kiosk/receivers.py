"""Other sides of deliveries: a web server that can be told what to answer, and waiting for something to come true."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.system import need_program

WAIT_S = 20.0


def until(what: Callable[[], object], why: str = "") -> None:
    """Returns as soon as `what()` is true; fails after WAIT_S."""
    end = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < end, why or "it did not come true in time"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificates(folder: Path) -> Path:
    """An authority, and a certificate for localhost signed by it, server.pem and server.key; the authority's file."""
    openssl = need_program("openssl")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    run("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "san", "-out", "server.pem")  # fmt: skip
    return folder / "ca.pem"


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


Answer = tuple[int, dict[str, str]]


class Receiver:
    """A web server on loopback that notes what it is sent; `answer` says what it answers, 204 by default."""

    def __init__(self, tls_folder: Path | None = None) -> None:
        """With TLS where a folder of `certificates` is given."""
        self._tls_folder = tls_folder
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _: (204, {})
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None
        self._connections: list[socket.socket] = []
        self.start()

    @property
    def url(self) -> str:
        base = f"http://127.0.0.1:{self.port}" if self._tls_folder is None else f"https://localhost:{self.port}"
        return f"{base}/hook/s3cret-path"

    @property
    def seqs(self) -> list[int]:
        return [request.event["seq"] for request in self.requests]

    @property
    def seqs_once(self) -> list[int]:
        """Without repeats, in the order of their first coming."""
        return list(dict.fromkeys(self.seqs))

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 2

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers), body)
                status, headers = receiver.answer(request)
                receiver.requests.append(request)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, Any]:
                connection, address = super().get_request()
                receiver._connections.append(connection)
                return connection, address

            def handle_error(self, *_: object) -> None:
                """A client that is gone is what some tests are about."""

        self._server = server = Server(("127.0.0.1", self.port), Handler)
        if self._tls_folder is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls_folder / "server.pem", self._tls_folder / "server.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens on the port any more, and every connection is cut."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()
