"""Whether a window can be opened. It must be known before: OpenCV ends the whole process where there is no display."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import cv2


def display_problem() -> str | None:
    """Why no window can be opened; None where it can.

    On Linux the X server is really asked, with the caller's rights, and the window library is really loaded.
    """
    if not hasattr(cv2, "namedWindow"):
        return "this OpenCV was built without windows"
    if not sys.platform.startswith("linux"):
        return None
    name = os.environ.get("DISPLAY")
    if not name:
        wayland = " (Wayland alone is not enough: OpenCV needs XWayland)" if os.environ.get("WAYLAND_DISPLAY") else ""
        return f"there is no display: DISPLAY is not set{wayland}"
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
        for plugin in (Path(cv2.__file__).parent / "qt" / "plugins" / "platforms").glob("libqxcb.so"):
            ctypes.CDLL(str(plugin))
    except OSError as error:
        return f"a library that windows need is missing: {error}"
    return None if _answers(xcb) else f"the display {name} does not answer or does not let us in"


def _answers(xcb: ctypes.CDLL) -> bool:
    """True when the X server that DISPLAY names accepts a connection."""
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    try:
        return int(xcb.xcb_connection_has_error(connection)) == 0
    finally:
        xcb.xcb_disconnect(connection)
