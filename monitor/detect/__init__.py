"""Finds faces: MediaPipe's two models on the whole frame, on tiles and around known faces, off the network."""

from monitor.detect.detector import LOOKERS, FaceDetector
from monitor.detect.egress import GuardState, self_test

__all__ = ["LOOKERS", "FaceDetector", "GuardState", "self_test"]
