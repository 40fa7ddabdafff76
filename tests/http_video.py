"""A real HTTP server on loopback that can be killed and started again on its port, as a network camera."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2

from monitor.types import U8
from tests.videos import numbered

USER, PASSWORD = "admin", "s3cret"


class HttpVideo:
    """/live is endless MJPEG, /guarded asks for a login, /mute is silent, /snapshot and /snap.jpg are the next JPEG of
    the stream, /NAME is a file of `folder`.

    The stream shows `pictures` again and again, or numbered ones of `size_px`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int = 0,
        size_px: tuple[int, int] = (64, 48),
        pictures: Sequence[U8] = (),
    ) -> None:
        self.folder = folder
        width, height = size_px
        shown = pictures or [numbered(i, width_px=width, height_px=height) for i in range(30)]
        self.jpegs = [cv2.imencode(".jpg", bgr)[1].tobytes() for bgr in shown]
        self.stopping = threading.Event()
        self.frozen = threading.Event()
        """Set: /live keeps its connections open but sends nothing more."""
        self.asked = 0
        """Requests for a snapshot so far."""
        self._sockets: list[socket.socket] = []
        owner = self

        class Handler(_Handler):
            video = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.port = self._server.server_port

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login}127.0.0.1:{self.port}/{path}"

    def kill(self) -> None:
        """Stop listening and cut every connection, as a power cut does."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in self._sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it had ended before
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    video: HttpVideo

    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is no access log."""

    def do_GET(self) -> None:
        self.video._sockets.append(self.connection)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        name = self.path.split("?")[0].strip("/")
        try:
            if name == "mute":
                self.video.stopping.wait(30)
            elif name == "guarded" and self.headers.get("Authorization") != f"Basic {login}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
            elif name in ("live", "guarded"):
                self._live()
            elif name in ("snapshot", "snap.jpg"):
                self.video.asked += 1
                self._whole(self.video.jpegs[(self.video.asked - 1) % len(self.video.jpegs)], "image/jpeg")
            elif self.video.folder is not None and (self.video.folder / name).is_file():
                self._whole((self.video.folder / name).read_bytes(), "application/octet-stream")
            else:
                self.send_error(404)
        except OSError:
            return  # the reader has gone away

    def _live(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        index = 0
        while not self.video.stopping.wait(0.02):
            if self.video.frozen.is_set():
                continue
            jpeg = self.video.jpegs[index % len(self.video.jpegs)]
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            index += 1

    def _whole(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
