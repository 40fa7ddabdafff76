"""Cameras through OpenCV: one that answers, in the mode asked for, opened again when it comes back."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from monitor.errors import CameraError
from monitor.redact import redact
from monitor.sources.base import Guarded, Pauses
from monitor.sources.v4l2 import users_of
from monitor.threads import gap
from monitor.types import Frame, Gap

log = logging.getLogger(__name__)
WARM_UP_S = 3.0
"""Some cameras fail a few times after opening."""
BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}


class Capture(Protocol):
    """What we use of `cv2.VideoCapture`; `tests/fakes.py` holds one without a camera."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def get(self, propId: int) -> float: ...  # noqa: N803
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803
    def release(self) -> None: ...


@dataclass(frozen=True)
class Ask:
    """What to ask a camera for; None = as it comes."""

    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    mirror: bool = False
    """Flip the picture left to right."""


AS_IT_COMES = Ask()


def open_capture(device: str) -> Capture:
    """OpenCV's capture for a number or a device path; its own messages to stderr are silenced, ours say more."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    backend = BACKENDS.get(sys.platform, cv2.CAP_ANY)
    return cv2.VideoCapture(int(device) if device.isdecimal() else device, backend)


class Camera(Guarded):
    """A live camera. `mode` is what was negotiated, such as `MJPG 1280x720 30 fps`.

    The constructor raises CameraError, telling absent, forbidden and busy apart. A camera that goes silent later
    gives Gaps and is opened again, with growing pauses, until it answers.
    """

    live = True

    def __init__(
        self,
        device: str,
        ask: Ask = AS_IT_COMES,
        *,
        opener: Callable[[str], Capture] = open_capture,
        stall_s: float = 5.0,
    ) -> None:
        super().__init__()
        self.name = f"camera {redact(device)}"
        self._device, self._ask, self._opener, self._stall_s = device, ask, opener, stall_s
        self._pauses = Pauses()
        self._index = -1
        self._again = False
        """It was opened again, and has given nothing yet."""
        self._last_s = time.monotonic()
        self.mode = ""
        self._capture: Capture | None = self._open()

    def _open(self) -> Capture:
        """A capture that has delivered a picture. Raises CameraError."""
        _check_node(self._device)
        capture = self._opener(self._device)
        self._hold(capture.release)
        if capture.isOpened():
            for prop, value in _wishes(self._ask):
                capture.set(prop, value)
            if self._warm_up(capture):
                self.mode = _mode_of(capture)
                return capture
        self._release()
        raise _no_answer(self._device)

    def _warm_up(self, capture: Capture) -> bool:
        start_s = time.monotonic()
        while not capture.grab():
            if self._closed or time.monotonic() - start_s > WARM_UP_S:
                return False
            time.sleep(0.05)
        return True

    def _read(self, timeout_s: float) -> Frame | Gap | None:
        if self._capture is None and not self._reopen(timeout_s):
            return gap(time.monotonic() - self._last_s, ever=True, stall_s=self._stall_s, why="it does not answer")
        assert self._capture is not None
        ok, bgr = self._capture.retrieve() if self._capture.grab() else (False, None)
        if not ok or bgr is None:
            if self._again:
                self._pauses.failed()
            else:
                log.warning("%s has stopped answering; trying to open it again", self.name)
            self._capture = None
            self._release()
            return gap(time.monotonic() - self._last_s, ever=True, stall_s=self._stall_s, why="it does not answer")
        self._last_s, wall = time.monotonic(), time.time()
        if self._again:  # only now: some open, and give nothing
            self._again = False
            self._pauses.reset()
            log.warning("%s answers again: %s", self.name, self.mode)
        self._index += 1
        bgr = np.ascontiguousarray(cv2.flip(bgr, 1) if self._ask.mirror else bgr, dtype=np.uint8)
        bgr.setflags(write=False)
        return Frame(self._index, self._last_s, wall, bgr)

    def _reopen(self, timeout_s: float) -> bool:
        if not self._pauses.over_within(timeout_s) or self._closed:
            return False
        try:
            self._capture = self._open()
        except CameraError as error:
            log.info("%s: %s", self.name, error)
            self._pauses.failed()
            return False
        self._again = True
        return True


def _wishes(ask: Ask) -> list[tuple[int, float]]:
    """OpenCV properties in the order drivers want them: the format decides which sizes and rates there are."""
    wishes: list[tuple[int, float | None]] = [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),  # YUYV at 720p is 5-10 fps on most webcams
        (cv2.CAP_PROP_FRAME_WIDTH, ask.width_px),
        (cv2.CAP_PROP_FRAME_HEIGHT, ask.height_px),
        (cv2.CAP_PROP_FPS, ask.fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]
    return [(prop, float(value)) for prop, value in wishes if value is not None]


def _mode_of(capture: Capture) -> str:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    fourcc = "".join(c for c in (chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24)) if c.isalnum())
    width, height = (int(capture.get(prop)) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    fps = capture.get(cv2.CAP_PROP_FPS)
    return f"{fourcc} {width}x{height}".strip() + (f" {fps:.4g} fps" if fps > 0 else "")


def _node(device: str) -> Path | None:
    """The device file on Linux; None where cameras have none."""
    if sys.platform != "linux":
        return None
    return Path(f"/dev/video{device}" if device.isdecimal() else device)


def _check_node(device: str) -> None:
    node = _node(device)
    if node is None:
        return
    if not node.exists():
        hint = "List those that are there: monitor cameras" if "://" not in device else "An address goes with --source."
        raise CameraError(f"there is no camera {redact(device)}", hint=hint)
    if not os.access(node, os.R_OK | os.W_OK):
        raise CameraError(
            f"camera {redact(device)} may not be opened",
            hint=f"Allow it: sudo usermod -aG video $USER, then log in again (or look at: ls -l {node})",
        )


def _no_answer(device: str) -> CameraError:
    node = _node(device)
    users = users_of(node) if node is not None else ()
    if users:
        return CameraError(f"camera {redact(device)} is busy: {', '.join(users)} uses it", hint="Close that program.")
    return CameraError(
        f"camera {redact(device)} does not answer",
        hint="Is another program using it? Plug it in again, then: monitor cameras",
    )
