"""Stand-ins for what a test machine lacks: a camera, a sink whose speed a test decides. No product code uses them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from monitor.types import Frame, Gap, Scene

Step = Frame | Gap | BaseException | Callable[[], Any] | None


def frame(index: int, t: float | None = None, *, height_px: int = 8, width_px: int = 12) -> Frame:
    """A small frame whose pixels are all `index`."""
    bgr = np.full((height_px, width_px, 3), index % 256, np.uint8)
    bgr.setflags(write=False)
    return Frame(index, index / 25 if t is None else t, None, bgr)


def scene(index: int) -> Scene:
    return Scene(frame(index), (), {})


class ScriptedSource:
    """Answers each read with the next step: an item is returned, an exception raised, a function called first.

    After the last step every read blocks until `close`, as a camera that fell silent does.
    """

    name = "script"

    def __init__(self, steps: Sequence[Step], *, live: bool = True) -> None:
        self.live = live
        self.reads = 0
        self.silent = threading.Event()
        """Set when all steps were read and the source has gone silent."""
        self.closed = threading.Event()
        self._steps = list(steps)

    def read(self, timeout_s: float) -> Frame | Gap | None:  # noqa: ARG002 - that is the point: it ignores it
        self.reads += 1
        while self._steps and not self.closed.is_set():
            step = self._steps.pop(0)
            if isinstance(step, BaseException):
                raise step
            if not callable(step):
                return step
            step()
        self.silent.set()
        self.closed.wait(30)
        return None

    def close(self) -> None:
        self.closed.set()


class SlowSink:
    """Keeps what is written; `gate` closed makes writes block until it is opened or the sink is closed."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.items: list[Scene | Gap] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.closed = 0
        self._fail_at = fail_at

    def write(self, item: Scene | Gap) -> None:
        self.entered.set()
        self.gate.wait(30)
        if self._fail_at is not None and len(self.items) == self._fail_at:
            raise OSError("disk full")
        self.items.append(item)

    def close(self) -> None:
        self.closed += 1
        self.gate.set()


class FakeCapture:
    """`cv2.VideoCapture` without a camera: negotiates like a webcam that knows 640x480 and 1280x720 in MJPG."""

    def __init__(self, *, opens: bool = True, pictures: int = 10**6, failures_first: int = 0) -> None:
        self.released = 0
        self.asked: list[tuple[int, float]] = []
        self._opens, self._left, self._failures = opens, pictures, failures_first
        self._props: dict[int, float] = {
            cv2.CAP_PROP_FRAME_WIDTH: 640,
            cv2.CAP_PROP_FRAME_HEIGHT: 480,
            cv2.CAP_PROP_FPS: 30,
        }

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._opens

    def grab(self) -> bool:
        if self._failures > 0:
            self._failures -= 1
            return False
        self._left -= 1
        return self._left >= 0

    def retrieve(self) -> tuple[bool, Any]:
        size = int(self.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(self.get(cv2.CAP_PROP_FRAME_WIDTH)), 3
        bgr = np.zeros(size, np.uint8)
        bgr[:, : size[1] // 2] = 255  # white on the left
        return True, bgr

    def get(self, propId: int) -> float:  # noqa: N803
        return self._props.get(propId, 0.0)

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        self.asked.append((propId, value))
        if propId == cv2.CAP_PROP_FRAME_WIDTH and value not in (640, 1280):
            value = 1280 if value > 960 else 640
        if propId == cv2.CAP_PROP_FRAME_HEIGHT and value not in (480, 720):
            value = 720 if value > 600 else 480
        self._props[propId] = value
        return True

    def release(self) -> None:
        self.released += 1
