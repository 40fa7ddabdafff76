"""Which cameras are there, and the first that answers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from monitor.errors import CameraError
from monitor.sources.cameras import AS_IT_COMES, Ask, Camera, Capture, open_capture
from monitor.sources.v4l2 import CameraInfo, list_v4l2

log = logging.getLogger(__name__)
MOST_CAMERAS = 5
"""So many numbers are tried where the system keeps no list."""


def list_cameras(opener: Callable[[str], Capture] = open_capture) -> tuple[CameraInfo, ...]:
    """The cameras that are there; where the system keeps no list, those that answer, with the mode they start in."""
    return list_v4l2() if sys.platform == "linux" else _probe(opener)


def _probe(opener: Callable[[str], Capture]) -> tuple[CameraInfo, ...]:
    found = []
    for device in map(str, range(MOST_CAMERAS)):
        try:
            camera = Camera(device, opener=opener)
        except CameraError as error:
            log.debug("%s", error)
            continue
        found.append(CameraInfo(device, camera.name, (camera.mode,)))
        camera.close()
    return tuple(found)


def first_camera(
    ask: Ask = AS_IT_COMES, *, opener: Callable[[str], Capture] = open_capture, stall_s: float = 5.0
) -> Camera:
    """The first camera that answers. Raises CameraError: the last reason, or that there is none."""
    devices = [c.device for c in list_v4l2()] if sys.platform == "linux" else list(map(str, range(MOST_CAMERAS)))
    last: CameraError | None = None
    for device in devices:
        try:
            return Camera(device, ask, opener=opener, stall_s=stall_s)
        except CameraError as error:
            last = error
    raise last or CameraError("no camera found", hint="Plug one in, or name a file: monitor run --source FILE")
