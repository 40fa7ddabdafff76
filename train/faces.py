"""The monitor's own detector for single pictures: what training cuts out is what the program will find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from engines.contract import U8
from monitor.detect import FaceDetector
from monitor.settings import DetectorSettings
from monitor.types import Face
from train.prepare import Find


@contextmanager
def all_faces() -> Iterator[Find]:
    """A function that finds the faces of a BGR picture (H, W, 3); the detector is closed at the end."""
    with closing(FaceDetector(DetectorSettings())) as detector:

        def find(bgr: U8) -> tuple[Face, ...]:
            return detector.detect_all(bgr)

        yield find
