"""Tests that need programs of the system: skipped with the reason where they are missing, failed where they must be."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly"
)


def missing(what: str, packages: str) -> None:
    """Skip this test, or fail it where REQUIRE_SYSTEM=1 promises that everything is there."""
    reason = f"{what} is missing: apt-get install {packages} (or: make system)"
    if os.environ.get("REQUIRE_SYSTEM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def need_program(name: str, package: str | None = None) -> str:
    """The path of a program such as `ffmpeg` or `strace`."""
    path = shutil.which(name)
    if path is None:
        missing(name, package or name)
    return str(path)


@cache
def _has_rtsp_server() -> bool:
    check = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer;"
        "Gst.init(None); raise SystemExit(not all(map(Gst.ElementFactory.find, ['x264enc', 'rtph264pay', 'appsrc'])))"
    )
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


def need_rtsp_server() -> None:
    """GStreamer's RTSP server with an H.264 encoder, for the system's own Python."""
    if not _has_rtsp_server():
        missing("GStreamer's RTSP server", RTSP_PACKAGES)
