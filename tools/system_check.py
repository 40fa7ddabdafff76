#!/usr/bin/env python3
"""Checks what pip cannot install: libraries that cv2 and mediapipe load, python's venv, and the tools of the tests.

    system_check.py runtime     libraries and venv            (make setup)
    system_check.py tests       also Chromium, a broker, ffmpeg, strace, Xvfb, an RTSP server ...   (make system)

What is missing is installed with apt where that runs as root on Debian or Ubuntu; else one line to run is printed.
Exit 0: everything is there. Exit 1: something is missing. Tools of the tests may be missing (their tests are skipped,
exit 0) unless REQUIRE_SYSTEM=1. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Need(NamedTuple):
    what: str
    there: bool
    packages: tuple[str, ...]
    """Debian packages, each with its newer name after a | where it was renamed."""


LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libglib-2.0.so.0": "libglib2.0-0|libglib2.0-0t64",
    "libgthread-2.0.so.0": "libglib2.0-0|libglib2.0-0t64",
    "libxcb.so.1": "libxcb1",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
}
RTSP_PACKAGES = (
    "python3-gi", "gir1.2-gst-rtsp-server-1.0", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-ugly",
)  # fmt: skip
RTSP_PROBE = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); raise SystemExit(not all(map(Gst.ElementFactory.find, ('x264enc', 'rtph264pay', 'videotestsrc'))))"
)


SYSTEM_PYTHON = "/usr/bin/python3"
"""GStreamer's bindings belong to the system's own Python."""


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def runtime_needs() -> list[Need]:
    """Libraries that the wheels of cv2 and mediapipe do not bring along, and venv with pip."""
    has_venv = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
    debians = sys.executable.startswith("/usr/bin/")  # another Python was built without ensurepip: apt cannot mend that
    venv_packages = (f"python{sys.version_info[0]}.{sys.version_info[1]}-venv",) if debians else ()
    libraries = [Need(name, loads(name), (package,)) for name, package in LIBRARIES.items()]
    return [*libraries, Need(f"venv and ensurepip of {sys.executable}", has_venv, venv_packages)]


def test_needs() -> list[Need]:
    """Programs that some tests talk to."""
    names = ("ffmpeg", "mosquitto", "openssl", "strace", "xdotool")
    programs = [Need(name, find_program(name) is not None, (name,)) for name in names]
    programs.append(Need("Xvfb", find_program("Xvfb") is not None, ("xvfb",)))
    # With letters for the screen's languages: without fonts a page is laid out wrongly.
    programs.append(Need("chromium", find_program("chromium") is not None, ("chromium", "fonts-noto-core")))
    return [*programs, Need("GStreamer's RTSP server", has_rtsp_server(), RTSP_PACKAGES)]


def find_program(name: str) -> str | None:
    """Its path, also where servers lie, which is not on everybody's PATH."""
    return shutil.which(
        name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    )


def has_rtsp_server() -> bool:
    """True where the RTSP server and its H.264 encoder can be loaded."""
    return Path(SYSTEM_PYTHON).exists() and _answers([SYSTEM_PYTHON, "-c", RTSP_PROBE])


def _answers(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"system check: {command[0]}: {error}", file=sys.stderr)
        return False
    return done.returncode == 0


def packages_of(missing: list[Need]) -> list[str]:
    """One package name for each, the one this system knows; sorted, without repeats."""
    names = {pick(choice.split("|")) for need in missing for choice in need.packages}
    return sorted(names)


def pick(choices: list[str]) -> str:
    known = [name for name in choices if shutil.which("apt-cache") and _answers(["apt-cache", "show", name])]
    return (known or choices)[0]


def apt_install(missing: list[Need]) -> bool:
    """Installs what is missing; False where this is not root on a system with apt, or apt failed (its words shown)."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def run(*arguments: str) -> bool:
        command = ["apt-get", "-q", "-y", *arguments]
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0

    # Names are picked only after the update: an empty image knows no package before it.
    return run("update") and run("install", "--no-install-recommends", *packages_of(missing))


def main(arguments: list[str]) -> int:
    if arguments not in (["runtime"], ["tests"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not sys.platform.startswith("linux"):
        return 0  # the wheels for macOS and Windows bring everything along
    tests = arguments == ["tests"]

    def missing() -> list[Need]:
        return [need for need in runtime_needs() + (test_needs() if tests else []) if not need.there]

    gone = missing()
    if gone and apt_install(gone):
        importlib.invalidate_caches()
        gone = missing()
    if not gone:
        print(f"system check: all there ({arguments[0]})")
        return 0
    print("system check: missing: " + ", ".join(need.what for need in gone))
    if names := packages_of(gone):
        print("run: sudo apt-get install --no-install-recommends " + " ".join(names))
    optional = tests and all(need.what in {other.what for other in test_needs()} for need in gone)
    if optional and os.environ.get("REQUIRE_SYSTEM") != "1":
        print("the tests that need them will be skipped")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
