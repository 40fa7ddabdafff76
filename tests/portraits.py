"""The two public-domain portraits of the demo scene, with the detector's six points in them."""

from __future__ import annotations

import cv2
import numpy as np

import monitor.sources
from monitor.sources.demo import COLLINS, HOPPER
from monitor.types import F32, U8

FOLDER = "demo_faces"


def portraits() -> tuple[tuple[U8, F32], ...]:
    """(BGR picture, points (6, 2) px) of Eileen Collins and Grace Hopper."""
    folder = monitor.sources.__path__[0] + "/" + FOLDER
    names = (("collins.jpg", COLLINS), ("hopper.jpg", HOPPER))
    return tuple((np.asarray(cv2.imread(f"{folder}/{name}"), np.uint8), points) for name, points in names)
