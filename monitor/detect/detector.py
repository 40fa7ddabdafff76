"""The face detector: which parts of a frame are searched, by which model, in a thread that has no network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from monitor.detect.egress import GuardState, guard_this_thread
from monitor.detect.finder import Finder
from monitor.detect.models import FOLDER, FULL_RANGE, MODELS, SHORT_RANGE
from monitor.detect.passes import Window, closer_looks, merge, tile_grid, wanting
from monitor.errors import DetectorError
from monitor.settings import DetectorSettings
from monitor.threads import Caller
from monitor.types import U8, Box, Face, Frame

T = TypeVar("T")
log = logging.getLogger(__name__)
OPEN_S, PATIENCE_S, CLOSE_S = 120.0, 20.0, 5.0
LOOKS = 2
"""Closer looks a frame: what a full-range pass costs."""


class FaceDetector:
    """Faces in frames, as `monitor.ports.Detector`.

    Every frame: the whole picture (short range), one of the tiles or the whole picture (full range) in rotation, and
    a closer look where an expected face was not found, or only coarsely. Nothing is remembered: the answer depends
    on the picture, `frame.index` and `near` alone.
    """

    def __init__(self, settings: DetectorSettings, *, folder: Path = FOLDER, patience_s: float = PATIENCE_S) -> None:
        """Loads the models from `folder`. Raises DetectorError.

        A search that takes longer than `patience_s` is given up, and the detector with it.
        """
        self.guard = GuardState(False, "not started")
        """Whether the detector's threads are kept off the network."""
        self._tiles = settings.tiles
        self._patience_s = patience_s
        self._broken = ""
        self._caller = Caller(self._prepare, name="face detector")
        try:
            self._finder = self._ask(Finder, settings.keep_score, folder, timeout_s=OPEN_S)
        except DetectorError:
            self._caller.close()
            raise

    def _prepare(self) -> None:
        self.guard = guard_this_thread()

    def detect(self, frame: Frame, near: Sequence[Box] = ()) -> tuple[Face, ...]:
        """The faces found in `frame`, best first, each once; some may be found only in one of the next frames.

        `near` are places where a face is expected. Frame 0 and stills are searched thoroughly. Raises DetectorError.
        """
        if frame.index == 0 or frame.still:
            return self.detect_all(frame.bgr)
        return self._ask(self._search, _checked(frame.bgr), frame.index, tuple(near), timeout_s=self._patience_s)

    def detect_all(self, bgr: U8) -> tuple[Face, ...]:
        """The faces of a still picture: the whole and all tiles, searched with both models. Raises DetectorError."""
        return self._ask(self._search_all, _checked(bgr), timeout_s=self._patience_s)

    def _search(self, bgr: U8, index: int, near: tuple[Box, ...]) -> tuple[Face, ...]:
        height, width = bgr.shape[:2]
        whole = Window(0, 0, width, height)
        turns = (*tile_grid(width, height, self._tiles), whole)
        found = self._finder.find(bgr, whole, SHORT_RANGE)
        found += self._finder.find(bgr, turns[index % len(turns)], FULL_RANGE)
        lost, coarse = wanting(near, found)
        looks = closer_looks(lost, index, LOOKS, width, height)
        looks += closer_looks(coarse, index, LOOKS - len(looks), width, height)
        for look in looks:
            found += self._finder.find(bgr, look, SHORT_RANGE)
        return merge(found)

    def _search_all(self, bgr: U8) -> tuple[Face, ...]:
        height, width = bgr.shape[:2]
        windows = (Window(0, 0, width, height), *tile_grid(width, height, self._tiles))
        return merge(face for window in windows for model in MODELS for face in self._finder.find(bgr, window, model))

    def _ask(self, fn: Callable[..., T], *args: object, timeout_s: float) -> T:
        """`fn(*args)` on the guarded thread."""
        if self._broken:
            raise DetectorError(f"the face detector {self._broken}", hint="Make a new FaceDetector.")
        try:
            return self._caller.call(fn, *args, timeout_s=timeout_s)
        except TimeoutError as error:
            self._broken = f"did not answer within {timeout_s:g} s"
            raise DetectorError(
                f"the face detector {self._broken}", hint="The machine may be overloaded; run `monitor doctor`."
            ) from error

    def close(self) -> None:
        """Gives the models back; afterwards every question raises DetectorError."""
        if self._broken == "is closed":
            return
        self._broken = "is closed"
        try:
            self._caller.call(self._finder.close, timeout_s=CLOSE_S)
        except TimeoutError:
            log.warning("the face detector hangs; its memory is given back when the program ends")
        finally:
            self._caller.close()


def _checked(bgr: U8) -> U8:
    """The picture, if it is one. Raises DetectorError."""
    if bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3 or 0 in bgr.shape:
        raise DetectorError(
            f"the face detector wants uint8 (height, width, 3), got {bgr.dtype} {bgr.shape}",
            hint="Convert the picture to 8-bit BGR.",
        )
    return bgr
