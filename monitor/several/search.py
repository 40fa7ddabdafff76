"""Frames of several cameras searched at the same time, as far as there are processors."""

from __future__ import annotations

from collections.abc import Sequence

from engines.machine import usable_threads
from monitor.detect import LOOKERS, FaceDetector
from monitor.detect.detector import PATIENCE_S
from monitor.errors import DetectorError
from monitor.settings import DetectorSettings
from monitor.threads import Answer, Caller
from monitor.types import Box, Face, Frame


class Search:
    """Detectors that share the processors; which one looks at a frame makes no difference to what it finds."""

    def __init__(self, settings: DetectorSettings, cameras: int) -> None:
        """Raises DetectorError."""
        # Two looks at one frame at a time, so that no camera waits for the whole search of another's.
        count = max(1, min(cameras, usable_threads() // (settings.threads or LOOKERS)))
        self._detectors: list[FaceDetector] = []
        self._callers: list[Caller] = []
        try:
            for _ in range(count):
                self._detectors.append(FaceDetector(settings))
                self._callers.append(Caller(name="search"))
        except BaseException:
            self.close()
            raise

    def find(self, asked: Sequence[tuple[Frame, Sequence[Box]]]) -> list[tuple[Face, ...]]:
        """The faces of each frame, given the places where they are expected. Raises DetectorError."""
        n = len(self._detectors)
        if min(n, len(asked)) == 1:
            return _all(self._detectors[0], asked)
        shares = [asked[i::n] for i in range(min(n, len(asked)))]
        answers = [self._callers[i].ask(_all, self._detectors[i], share) for i, share in enumerate(shares)]
        found = [_answered(answer, len(share)) for answer, share in zip(answers, shares, strict=True)]
        return [found[i % n][i // n] for i in range(len(asked))]

    def close(self) -> None:
        """Gives the models back."""
        for caller in self._callers:
            caller.close()
        for detector in self._detectors:
            detector.close()


def _answered(answer: Answer[list[tuple[Face, ...]]], frames: int) -> list[tuple[Face, ...]]:
    """A frame may take two searches, each with a patience of its own that tells why it ended."""
    try:
        return answer.get(2 * PATIENCE_S * frames + 1)
    except TimeoutError as error:
        hint = "The machine may be overloaded; run `monitor doctor`."
        raise DetectorError("the face detector did not answer in time", hint=hint) from error


def _all(detector: FaceDetector, asked: Sequence[tuple[Frame, Sequence[Box]]]) -> list[tuple[Face, ...]]:
    return [detector.detect(frame, near) for frame, near in asked]
