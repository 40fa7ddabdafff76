"""Tests that need programs of the system: skipped with the reason where they are missing, failed where they must be."""

from __future__ import annotations

import os
from functools import cache

import pytest

from tools.system_check import RTSP_PACKAGES, find_program, has_rtsp_server


def missing(what: str, packages: str) -> None:
    """Skip this test, or fail it where REQUIRE_SYSTEM=1 promises that everything is there."""
    reason = f"{what} is missing: apt-get install {packages} (or: make system)"
    if os.environ.get("REQUIRE_SYSTEM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def need_program(name: str, package: str | None = None) -> str:
    """The path of a program such as `ffmpeg` or `strace`."""
    path = find_program(name)
    if path is None:
        missing(name, package or name)
    return str(path)


@cache
def _has_rtsp_server() -> bool:
    return has_rtsp_server()


def need_rtsp_server() -> None:
    """GStreamer's RTSP server with an H.264 encoder, for the system's own Python."""
    if not _has_rtsp_server():
        missing("GStreamer's RTSP server", " ".join(RTSP_PACKAGES))
