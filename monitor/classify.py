"""Tracks -> judgements: crop, look whether the crop is worth asking about, ask the engine once for all."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.contract import Engine
from engines.crop import crop_face
from monitor.types import U8, Frame, Judgement, Track

SHARPNESS_PX = 64
"""Sharpness is measured at this size: finer detail is not what tells the classes apart."""


def sharpness(rgb: U8) -> float:
    """Variance of the Laplacian of the grey crop at 64 px over the variance of its grey values, times 100.

    The Laplacian's variance is the usual focus measure (Pech-Pacheco et al. 2000); dividing by the contrast keeps dim
    pictures from counting as blurred.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SHARPNESS_PX, SHARPNESS_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    contrast = float(small.var())
    return 100 * float(cv2.Laplacian(small, cv2.CV_32F).var()) / contrast if contrast > 1 else 0.0


class Classifier:
    """Judges tracks with an engine; a face too small or too blurred is answered with the reason instead."""

    def __init__(self, engine: Engine, *, min_face_px: float, min_sharpness: float) -> None:
        self._engine, self._min_face_px, self._min_sharpness = engine, min_face_px, min_sharpness
        px = engine.card.input_px
        self._rgb = np.empty((8, px, px, 3), np.uint8)

    def __call__(self, frame: Frame, tracks: Sequence[Track]) -> tuple[Judgement, ...]:
        """One judgement for each track, in the same order. Raises InferenceError."""
        reasons: list[str | None] = []
        asked = 0
        self._grow(len(tracks))
        for track in tracks:
            reason = self._crop(frame, track, self._rgb[asked])
            reasons.append(reason)
            asked += reason is None
        probs = iter(self._engine.infer(self._rgb[:asked]) if asked else ())
        return tuple(
            Judgement(track.id, next(probs) if reason is None else None, reason)
            for track, reason in zip(tracks, reasons, strict=True)
        )

    def _crop(self, frame: Frame, track: Track, out: U8) -> str | None:
        box = track.face.box
        if max(box.width, box.height) < self._min_face_px:
            return "small"
        card = self._engine.card
        crop_face(frame.bgr, (box.x0, box.y0, box.x1, box.y1), margin=card.crop_margin, size_px=card.input_px, out=out)
        return "blurred" if sharpness(out) < self._min_sharpness else None

    def _grow(self, n: int) -> None:
        if n > len(self._rgb):
            self._rgb = np.empty((2 * n, *self._rgb.shape[1:]), np.uint8)
