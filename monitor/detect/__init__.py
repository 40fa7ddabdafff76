"""Finds faces: MediaPipe's two models on the whole frame, on tiles and around known faces, off the network."""

from monitor.detect.detector import FaceDetector
from monitor.detect.egress import GuardState, self_test

__all__ = ["FaceDetector", "GuardState", "self_test"]
