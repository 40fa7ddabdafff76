"""The face detector: which parts of a frame are searched, by which model; two threads share the looks at a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines.machine import usable_threads
from monitor.detect.lookers import Lookers
from monitor.detect.models import FOLDER, FULL_RANGE, MODELS, SHORT_RANGE
from monitor.detect.passes import Window, closer_looks, merge, tile_grid, wanting
from monitor.errors import DetectorError
from monitor.settings import DetectorSettings
from monitor.types import U8, Box, Face, Frame

PATIENCE_S = 20.0
LOOKS = 2
"""Closer looks a frame: what a full-range pass costs."""
LOOKERS = 2
"""Threads, where there are as many processors: a frame asks for two or four looks."""


class FaceDetector:
    """Faces in frames, as `monitor.ports.Detector`.

    Every frame: the whole picture (short range), one of the tiles or the whole picture (full range) in rotation, and
    a closer look where an expected face was not found, only coarsely, or in another size. Nothing is remembered: the
    answer depends on the picture, `frame.index` and `near` alone.
    """

    def __init__(self, settings: DetectorSettings, *, folder: Path = FOLDER, patience_s: float = PATIENCE_S) -> None:
        """Loads the models from `folder`. Raises DetectorError.

        A search that takes longer than `patience_s` is given up, and the detector with it.
        """
        self._tiles = settings.tiles
        count = settings.threads or min(LOOKERS, usable_threads())
        self._lookers = Lookers(count, settings.keep_score, folder, patience_s)
        self.guard = self._lookers.guard
        """Whether the detector's threads are kept off the network."""

    def detect(self, frame: Frame, near: Sequence[Box] = ()) -> tuple[Face, ...]:
        """The faces found in `frame`, best first, each once; some may be found only in one of the next frames.

        `near` are places where a face is expected. Frame 0 and stills are searched thoroughly. Raises DetectorError.
        """
        if frame.index == 0 or frame.still:
            return self.detect_all(frame.bgr)
        return self._search(_checked(frame.bgr), frame.index, near)

    def detect_all(self, bgr: U8) -> tuple[Face, ...]:
        """The faces of a still picture: the whole and all tiles, searched with both models. Raises DetectorError."""
        height, width = _checked(bgr).shape[:2]
        windows = (Window(0, 0, width, height), *tile_grid(width, height, self._tiles))
        return merge(self._lookers.find(bgr, [(window, model) for window in windows for model in MODELS]))

    def _search(self, bgr: U8, index: int, near: Sequence[Box]) -> tuple[Face, ...]:
        height, width = bgr.shape[:2]
        whole = Window(0, 0, width, height)
        turns = (*tile_grid(width, height, self._tiles), whole)
        found = self._lookers.find(bgr, [(turns[index % len(turns)], FULL_RANGE), (whole, SHORT_RANGE)])
        lost, coarse = wanting(near, found)
        looks = closer_looks(lost, index, LOOKS, width, height)
        looks += closer_looks(coarse, index, LOOKS - len(looks), width, height)
        if looks:
            found += self._lookers.find(bgr, [(look, SHORT_RANGE) for look in looks])
        return merge(found)

    def close(self) -> None:
        """Gives the models back; afterwards every question raises DetectorError."""
        self._lookers.close()


def _checked(bgr: U8) -> U8:
    """The picture, if it is one. Raises DetectorError."""
    if bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3 or 0 in bgr.shape:
        raise DetectorError(
            f"the face detector wants uint8 (height, width, 3), got {bgr.dtype} {bgr.shape}",
            hint="Convert the picture to 8-bit BGR.",
        )
    return bgr
