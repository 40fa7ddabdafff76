"""What network streams need of FFmpeg: options, reasons of failures in our words, the pace of a finite video."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from monitor.errors import MediaError
from monitor.redact import redact
from monitor.sources.media import FILE_FORMATS

CONNECT_S = 5.0
"""Longest wait for a server at each step of the opening."""
LATE_S, EARLY_S, END_S = 1.0, 10.0, 1.0
"""A paced stream so far off its clock starts a new one; a finite one that ends so near its end is complete."""
HTTP_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto"
SNAPSHOT, SNAPSHOT_EVERY_S = "jpeg_pipe", 0.04
"""The format of a single JPEG: a camera's snapshot address, which is asked again and again, at most so often."""
HTTP_FORMATS = f"{FILE_FORMATS},hls,dash,{SNAPSHOT}"
RTSP_PROTOCOLS = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto"

FAILURES = (FFmpegError, MediaError, TimeoutError, ValueError)
"""What opening and reading a stream may raise; `reason` puts it into words."""

REASONS: tuple[tuple[type[BaseException], str, bool], ...] = (
    (av.error.HTTPUnauthorizedError, "the server wants another user name or password", True),
    (av.error.HTTPForbiddenError, "the server refuses access", True),
    (av.error.HTTPNotFoundError, "the server has no such stream", True),
    (av.error.HTTPError, "the server answers with an error", False),
    (av.error.ProtocolNotFoundError, "this kind of address is not allowed here", True),
    (ConnectionRefusedError, "connection refused: nothing listens there", False),
    (ConnectionError, "the server closed the connection", False),
    (EOFError, "the server closed the connection", False),
    (TimeoutError, "no answer in time", False),
    (av.error.ExitError, "no answer in time", False),
    (MediaError, "the server sends no video", False),
)
"""Vendor error, what to tell people, and whether trying again is pointless before the first success."""


class Pace:
    """Holds the pictures of a finite video, or of segments that come in bursts, back to the pace of their own clock."""

    def __init__(self, container: InputContainer) -> None:
        self._duration_s = container.duration / av.time_base if container.duration else float("inf")
        self._origin_s: float | None = None  # media time of the first picture
        self._offset_s = 0.0  # clock minus media time
        self._seen_s = 0.0

    @staticmethod
    def needed(container: InputContainer) -> bool:
        """True for HTTP videos with a known length and for HLS."""
        formats = set(container.format.name.split(","))
        return "rtsp" not in formats and ("hls" in formats or bool(container.duration))

    @property
    def complete(self) -> bool:
        """True when a video of known length was seen to its end."""
        return self._seen_s >= self._duration_s - END_S

    def early_s(self, decoded: VideoFrame) -> float:
        """Seconds until the picture is due; one that is far too late or early starts a new clock."""
        if decoded.pts is None:
            return 0.0
        now_s = time.monotonic()
        early_s = decoded.time + self._offset_s - now_s
        if self._origin_s is None or early_s < -LATE_S or early_s > EARLY_S:
            self._origin_s = decoded.time if self._origin_s is None else self._origin_s
            self._offset_s, early_s = now_s - decoded.time, 0.0
        self._seen_s = decoded.time - self._origin_s
        return early_s


def options_for(uri: str, stall_s: float) -> dict[str, str]:
    """FFmpeg's options: little delay, every wait limited, and nothing but the network reachable from the answer."""
    options = {
        "flags": "low_delay",
        "analyzeduration": "2000000",  # µs
        "timeout": str(int(max(CONNECT_S, stall_s) * 1e6)),  # µs
    }
    if uri.lower().startswith("rtsp"):
        # `nobuffer` forgets what was read while probing: right for a camera, but a short HTTP clip would be gone.
        # Times are the clock's: measuring the rate first (fpsprobesize) would only make people wait.
        live = {"rtsp_transport": "tcp", "fflags": "nobuffer", "fpsprobesize": "0"}
        return options | live | {"protocol_whitelist": RTSP_PROTOCOLS}
    return options | {"protocol_whitelist": HTTP_PROTOCOLS, "format_whitelist": HTTP_FORMATS}


def format_for(uri: str) -> str | None:
    """The format to read, None = as it looks: what ends like a picture's name FFmpeg would look for on the disk."""
    return SNAPSHOT if uri.lower().endswith((".jpg", ".jpeg")) else None


def reason(error: BaseException, uri: str, took_s: float) -> tuple[str, bool]:
    """What to tell people, and whether it is final. Never the vendor's text: that holds the address."""
    for kind, why, final in REASONS:
        if isinstance(error, kind):
            return why, final
    if took_s >= CONNECT_S - 0.5:
        return "no answer in time", False
    if isinstance(error, av.error.InvalidDataError):
        return "the server sends no video that can be read", False
    host = _host(uri)
    if host is None:
        return "the address is not well formed", True
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return f"the name {host} is unknown", False
    return "the connection failed", False


def _host(uri: str) -> str | None:
    """The name of the server; None where the address has none. Of the login, which may hold anything, nothing."""
    try:
        return urlsplit(redact(uri)).hostname
    except ValueError:
        return None
